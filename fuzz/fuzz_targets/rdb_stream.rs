//! Any bytes as a stream of any type: read in any pieces to the same parts or the same error, and
//! what is read is written for every target and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::stream::StreamPart;
use redwire_rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, Error, Event, KeyMeta, Version};

const TYPES: [u8; 4] = [15, 19, 21, 26];
const TARGETS: [Version; 6] = [
    Version::REDIS_6_0,
    Version::REDIS_7_0,
    Version::REDIS_7_2,
    Version::REDIS_7_4,
    Version::REDIS_8_6,
    Version::VALKEY_9,
];

/// Hands each part to `take`; the bytes arrive cut after every `piece` bytes.
fn decode(bytes: &[u8], piece: usize, mut take: impl FnMut(&StreamPart<'_>)) -> Result<(), Error> {
    let mut decoder = Decoder::for_value(Version::REDIS_8_6, DecodeOptions::default());
    let (mut used, mut end) = (0, 0);
    while !decoder.is_done() {
        let decoded = decoder.decode(&bytes[used..end])?;
        used += decoded.used;
        match decoded.event {
            Some(Event::Stream(part)) => {
                if let StreamPart::Node(node) = part {
                    let entries = node.entries().map(|entry| entry.fields.count()).count() as u64;
                    assert_eq!(entries, node.live() + node.deleted());
                }
                take(&part);
            }
            Some(_) => {}
            None if end == bytes.len() => return decoder.finish(),
            None => end = (end + piece).min(bytes.len()),
        }
    }
    Ok(())
}

fn printed(bytes: &[u8], piece: usize) -> (String, Result<(), Error>) {
    let mut text = String::new();
    let ended = decode(bytes, piece, |part| text += &format!("{part:?}\n"));
    (text, ended)
}

fuzz_target!(|input: &[u8]| {
    let [form, piece, body @ ..] = input else { return };
    let bytes = [&[TYPES[usize::from(form % 4)]], body].concat();
    let whole = printed(&bytes, bytes.len());
    assert_eq!(printed(&bytes, 1 + usize::from(*piece)), whole);
    if whole.1.is_err() {
        return;
    }
    for target in TARGETS {
        let options = EncodeOptions { target, ..EncodeOptions::default() };
        let (mut encoder, mut out) = (Encoder::for_payloads(options), Vec::new());
        encoder.begin_stream(&mut out, &KeyMeta::new(b""));
        let mut nodes = 0;
        decode(&bytes, bytes.len(), |part| {
            nodes += u64::from(matches!(part, StreamPart::Node(_)));
            encoder.stream_part(&mut out, part);
        })
        .expect("it was read before");
        encoder.finish(&mut out).expect("the parts are in their order");
        let mut again = 0;
        let read = decode(&out, out.len(), |part| {
            again += u64::from(matches!(part, StreamPart::Node(_)));
        });
        // An old file may announce entries and have none that is live, which newer ones check.
        assert!(read.is_ok(), "{read:?}");
        assert_eq!(again, nodes);
    }
});
