//! Codecs of tokio-util: any bytes in any pieces give what the decoders give, and what one end
//! encodes the other decodes.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use redwire_resp::codec::{ClientCodec, ServerCodec};
use redwire_resp::{
    Limits, Mode, Protocol, ReplyDecoder, ReplyLimits, RequestBuf, RequestDecoder, Value,
};
use tokio_util::codec::{Decoder, Encoder};

/// What a codec makes of pieces, and its error as text.
fn framed<C: Decoder>(codec: &mut C, bytes: &[u8], piece: usize) -> (Vec<C::Item>, Option<String>)
where
    C::Error: std::fmt::Display,
{
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(item)) => found.push(item),
                Ok(None) => break,
                Err(error) => return (found, Some(error.to_string())),
            }
        }
    }
    (found, None)
}

fn requests(bytes: &[u8]) -> (Vec<RequestBuf>, Option<String>) {
    let mut decoder = RequestDecoder::new(Mode::Strict, Limits::default());
    decoder.set_authenticated(true);
    let (mut found, mut used) = (Vec::new(), 0);
    loop {
        match decoder.decode(&bytes[used..]) {
            Ok(decoded) => {
                used += decoded.used;
                let Some(request) = decoded.request else { return (found, None) };
                found.push(RequestBuf::from(request));
            }
            Err(error) => return (found, Some(error.to_string())),
        }
    }
}

fn replies(bytes: &[u8]) -> (Vec<Value>, Option<String>) {
    let mut decoder = ReplyDecoder::new(ReplyLimits::default());
    let (mut found, mut used) = (Vec::new(), 0);
    loop {
        match decoder.decode(&bytes[used..]) {
            Ok(Some((value, len))) => {
                found.push(value);
                used += len;
            }
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error.to_string())),
        }
    }
}

/// As text, so that NaN is itself.
fn shown<T: std::fmt::Debug>(found: &(Vec<T>, Option<String>)) -> String {
    format!("{found:?}")
}

fuzz_target!(|input: &[u8]| {
    let [piece, bytes @ ..] = input else { return };
    let piece = usize::from(*piece) + 1;
    let server = || {
        let mut codec = ServerCodec::new(Mode::Strict, Limits::default());
        codec.decoder_mut().set_authenticated(true);
        codec
    };
    let client = || ClientCodec::new(ReplyLimits::default());
    let (asked, answered) = (requests(bytes), replies(bytes));
    assert_eq!(framed(&mut server(), bytes, piece), asked);
    assert_eq!(shown(&framed(&mut client(), bytes, piece)), shown(&answered));

    let mut wire = BytesMut::new();
    for request in &asked.0 {
        client().encode(request.clone(), &mut wire).expect("never fails");
    }
    assert_eq!(framed(&mut server(), &wire, piece), (asked.0, None));

    let mut wire = BytesMut::new();
    let mut end = server();
    end.set_protocol(Protocol::Resp3);
    for reply in &answered.0 {
        end.encode(reply.clone(), &mut wire).expect("never fails");
    }
    assert_eq!(shown(&framed(&mut client(), &wire, piece)), shown(&(answered.0, None)));
});
