//! Any bytes, in any pieces, are the same replies or the same error; and replies sent on are the
//! replies that came in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_resp::{Encoder, Protocol, ReplyDecoder, ReplyError, ReplyLimits, Value};

/// The replies in `bytes`, which arrive cut after every `piece` bytes, the bytes used, and the
/// error.
fn decode(bytes: &[u8], piece: usize) -> (Vec<Value>, usize, Option<ReplyError>) {
    let mut decoder = ReplyDecoder::new(ReplyLimits::default());
    let (mut replies, mut used, mut end) = (Vec::new(), 0, 0);
    while end < bytes.len() {
        end = (end + piece).min(bytes.len());
        loop {
            match decoder.decode(&bytes[used..end]) {
                Ok(None) => break,
                Ok(Some((reply, len))) => {
                    replies.push(reply);
                    used += len;
                }
                Err(error) => {
                    assert!(error.offset() <= end as u64);
                    return (replies, used, Some(error));
                }
            }
        }
    }
    (replies, used, None)
}

/// As text, so that NaN is itself.
fn shown(replies: &[Value]) -> String {
    format!("{replies:?}")
}

fuzz_target!(|input: &[u8]| {
    let [piece, bytes @ ..] = input else { return };
    let (replies, used, error) = decode(bytes, bytes.len());
    let split = decode(bytes, usize::from(*piece) + 1);
    assert_eq!((shown(&split.0), split.1, split.2), (shown(&replies), used, error));

    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let mut sent = Vec::new();
        for reply in &replies {
            reply.encode(&mut Encoder::new(&mut sent, protocol));
        }
        let (again, used, error) = decode(&sent, sent.len());
        assert_eq!((again.len(), used, error), (replies.len(), sent.len(), None));
        if protocol == Protocol::Resp3 {
            assert_eq!(shown(&again), shown(&replies));
        }
    }
});
