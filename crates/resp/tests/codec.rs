//! Both codecs: what one end writes the other end reads, however the bytes are cut.
#![cfg(feature = "codec")]

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use redwire_resp::codec::{ClientCodec, CodecError, ServerCodec};
use redwire_resp::{Limits, Mode, Protocol, ReplyLimits, RequestBuf, RequestError, Value};
use tokio_util::codec::{Decoder, Encoder};

fn server() -> ServerCodec {
    let mut server = ServerCodec::new(Mode::Strict, Limits::default());
    server.decoder_mut().set_authenticated(true);
    server.set_protocol(Protocol::Resp3);
    server
}

fn client() -> ClientCodec {
    ClientCodec::new(ReplyLimits::default())
}

/// The frames in bytes that arrive `piece` at a time.
fn frames<D: Decoder>(
    mut decoder: D,
    bytes: &[u8],
    piece: usize,
) -> Result<Vec<D::Item>, D::Error> {
    let (mut unread, mut frames) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        unread.extend_from_slice(piece);
        while let Some(frame) = decoder.decode(&mut unread)? {
            frames.push(frame);
        }
    }
    assert!(unread.is_empty());
    Ok(frames)
}

proptest! {
    #[test]
    fn requests_arrive(
        requests in vec(vec(vec(any::<u8>(), 0..40), 1..5), 0..5),
        piece in 1usize..50,
    ) {
        let requests: Vec<_> = requests.into_iter().map(RequestBuf::from_args).collect();
        let (mut client, mut sent) = (client(), BytesMut::new());
        for request in &requests {
            client.encode(request.clone(), &mut sent).expect("never fails");
        }
        prop_assert_eq!(frames(server(), &sent, piece).expect("well-formed"), requests);
    }

    #[test]
    fn replies_arrive(texts in vec(vec(any::<u8>(), 0..40), 0..5), piece in 1usize..50) {
        let values = texts.iter().map(|text| (Value::Bulk(text.clone()), Value::Boolean(true)));
        let replies = vec![Value::Map(values.collect::<Vec<_>>().into()), Value::Null];
        let (mut server, mut sent) = (server(), BytesMut::new());
        for reply in &replies {
            server.encode(reply.clone(), &mut sent).expect("never fails");
        }
        prop_assert_eq!(frames(client(), &sent, piece).expect("well-formed"), replies);
    }
}

#[test]
fn an_announced_length_reserves_little() {
    let mut unread = BytesMut::from(&b"*1\r\n$536870912\r\nx"[..]);
    assert_eq!(server().decode(&mut unread).expect("incomplete"), None);
    assert!(unread.capacity() <= 2 * 64 * 1024 + 64, "{}", unread.capacity());
    let mut unread = BytesMut::from(&b"$536870912\r\nx"[..]);
    assert_eq!(client().decode(&mut unread).expect("incomplete"), None);
    assert!(unread.capacity() <= 2 * 64 * 1024 + 64, "{}", unread.capacity());
}

#[test]
fn malformed_bytes_are_told_apart() {
    let error = frames(server(), b"*1\r\n+\r\n", 100).expect_err("no bulk string");
    let CodecError::Malformed(error) = error else { panic!("{error}") };
    assert_eq!(error, RequestError::ExpectedDollar { at: 4, got: b'+' });
}
