//! Any bytes, in any pieces, are the same requests or the same error; and requests sent on are the
//! requests that came in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_resp::{Limits, Mode, RequestBuf, RequestDecoder, RequestError, encode_request};

/// The requests in `bytes`, which arrive cut after every `piece` bytes, where the decoder stopped,
/// and the error.
fn decode(
    mode: Mode,
    authenticated: bool,
    bytes: &[u8],
    piece: usize,
) -> (Vec<RequestBuf>, u64, Option<RequestError>) {
    let mut decoder = RequestDecoder::new(mode, Limits::default());
    decoder.set_authenticated(authenticated);
    let (mut requests, mut used, mut end) = (Vec::new(), 0, 0);
    while end < bytes.len() {
        end = (end + piece).min(bytes.len());
        loop {
            match decoder.decode(&bytes[used..end]) {
                Ok(decoded) => {
                    used += decoded.used;
                    let Some(request) = decoded.request else { break };
                    assert!(!request.is_empty());
                    requests.push(RequestBuf::from(request));
                }
                Err(error) => {
                    assert!(error.offset() <= end as u64);
                    assert!(error.reply().ends_with(b"\r\n"));
                    return (requests, decoder.offset(), Some(error));
                }
            }
            assert_eq!(decoder.offset(), used as u64);
        }
    }
    (requests, decoder.offset(), None)
}

fuzz_target!(|input: &[u8]| {
    let [flags, bytes @ ..] = input else { return };
    // Where lines are longer than the limits, the compatible mode looks at how they arrive.
    let bytes = &bytes[..bytes.len().min(60_000)];
    let mode = if flags & 1 == 0 { Mode::Compatible } else { Mode::Strict };
    let authenticated = flags & 2 != 0;
    let whole = decode(mode, authenticated, bytes, bytes.len());
    let piece = usize::from(flags >> 2) + 1;
    assert_eq!(decode(mode, authenticated, bytes, piece), whole);

    let mut sent = Vec::new();
    for request in &whole.0 {
        encode_request(&mut sent, request.as_request());
    }
    let again = decode(Mode::Strict, true, &sent, sent.len());
    assert_eq!(again, (whole.0, sent.len() as u64, None));
});
