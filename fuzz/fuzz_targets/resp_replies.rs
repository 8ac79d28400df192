//! Any bytes, in any pieces, are the same replies or the same error; and replies sent on are the
//! replies that came in. The elements of a tape are their bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_resp::{
    Encoder, Protocol, ReplyDecoder, ReplyError, ReplyLimits, Tape, TapeDecoder, Value,
};

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

/// Looks at the elements of the replies in `bytes`, and at those within.
fn check_elements(bytes: &[u8]) {
    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    let mut used = 0;
    while let Ok(Some(tape)) = decoder.decode(&bytes[used..]) {
        check_elements_of(&tape);
        used += tape.raw().len();
    }
}

fn check_elements_of(tape: &Tape<'_>) {
    for element in tape.elements() {
        let (alone, used, error) = decode(element.raw(), element.raw().len());
        assert_eq!((used, error), (element.raw().len(), None));
        assert_eq!(shown(&alone), shown(&[element.to_value()]));
        check_elements_of(&element);
    }
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
    check_elements(bytes);

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
