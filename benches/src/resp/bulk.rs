//! A bulk string of 16 MiB as it comes from a socket, beside a bare copy of its bytes.

use std::hint::black_box;

use redwire_resp::{Limits, Mode, RequestDecoder};

use super::decode::PIECE;
use crate::Subject;

const LEN: usize = 16 << 20;

/// `SET` of 16 MiB.
fn request() -> Vec<u8> {
    let mut bytes = Vec::new();
    redwire_resp::encode_request(&mut bytes, [&b"SET"[..], b"key", &vec![b'x'; LEN]]);
    bytes
}

/// The decoder behind a buffer that grows by what it wants, and the copy into a buffer of the right
/// size. Both buffers are used again.
pub(super) fn subjects() -> Vec<Subject<'static>> {
    vec![decoded(), copied()]
}

fn decoded() -> Subject<'static> {
    let bytes = request();
    let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    decoder.set_authenticated(true);
    let mut buffer = Vec::new();
    Subject::new("redwire", move || {
        buffer.clear();
        let mut found = 0;
        for piece in bytes.chunks(PIECE) {
            buffer.extend_from_slice(piece);
            let decoded = decoder.decode(&buffer).expect("invariant: a good request");
            found += u64::from(decoded.request.is_some());
            let wanted = decoder.wanted();
            if wanted > 0 {
                buffer.reserve(wanted);
            }
        }
        assert_eq!(found, 1, "the request is whole once");
        black_box(&buffer);
        1
    })
}

fn copied() -> Subject<'static> {
    let bytes = request();
    let mut buffer = Vec::with_capacity(bytes.len());
    Subject::new("memcpy into a reserved buffer", move || {
        buffer.clear();
        for piece in bytes.chunks(PIECE) {
            buffer.extend_from_slice(black_box(piece));
        }
        black_box(&buffer);
        1
    })
}
