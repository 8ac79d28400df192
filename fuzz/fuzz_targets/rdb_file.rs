//! Any bytes, in any pieces, are the same events or the same error; and the values of a file that
//! is read are the same when they are written for a target and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{
    DecodeOptions, Decoder, EncodeOptions, Encoder, Error, Event, KeyMeta, Kind, Version,
};

/// A key of a kind that is written, with its elements: one part of a string, list or set, two of
/// a hash, a member and its score's bits of a sorted set.
#[derive(Debug, PartialEq)]
struct Key {
    name: Vec<u8>,
    expire_ms: Option<u64>,
    kind: Kind,
    parts: Vec<Vec<u8>>,
}

/// The events in `bytes`, which arrive cut after every `piece` bytes, as text; its keys; and the
/// bytes used.
fn decode(bytes: &[u8], piece: usize) -> (Vec<String>, Vec<Key>, usize, Option<Error>) {
    let options = DecodeOptions { verify_checksum: false, ..DecodeOptions::default() };
    let mut decoder = Decoder::new(options);
    let (mut events, mut keys, mut used, mut end) = (Vec::new(), Vec::new(), 0, 0);
    while end < bytes.len() && !decoder.is_done() {
        end = (end + piece).min(bytes.len());
        loop {
            match decoder.decode(&bytes[used..end]) {
                Ok(decoded) => {
                    used += decoded.used;
                    let Some(event) = decoded.event else { break };
                    events.push(format!("{event:?}"));
                    gather(&mut keys, event);
                }
                Err(error) => {
                    assert_eq!(decoder.decode(&bytes[used..end]), Err(error.clone()));
                    // How much was used before it depends on the pieces.
                    return (events, keys, 0, Some(error));
                }
            }
            assert_eq!(decoder.offset(), used as u64);
        }
        assert!(decoder.is_done() || decoder.wanted() > end - used);
    }
    (events, keys, used, None)
}

fn gather(keys: &mut Vec<Key>, event: Event<'_>) {
    let parts: &[&[u8]] = match event {
        Event::Key(header) => {
            let (kind, expire_ms) = (header.kind, header.expire_ms);
            keys.push(Key { name: header.key.to_vec(), expire_ms, kind, parts: Vec::new() });
            &[]
        }
        Event::String(bytes) | Event::Element(bytes) => &[bytes],
        Event::Scored(member, score) => &[member, &score.to_bits().to_le_bytes()],
        Event::Field { field, value, .. } => &[field, value],
        _ => &[],
    };
    if let (false, Some(key)) = (parts.is_empty(), keys.last_mut()) {
        key.parts.extend(parts.iter().map(|part| part.to_vec()));
    }
}

/// The keys as a file, in the order and with the elements in the order that they came in.
fn encode(keys: &[Key], target: Version, compress: bool) -> Vec<u8> {
    let options = EncodeOptions { target, compress, ..EncodeOptions::default() };
    let mut encoder = Encoder::new(options);
    let mut out = Vec::new();
    encoder.start(&mut out);
    for key in keys {
        let meta = KeyMeta { expire_ms: key.expire_ms, ..KeyMeta::new(&key.name) };
        let parts = key.parts.iter().map(Vec::as_slice);
        let pairs = key.parts.chunks_exact(2).map(|pair| (&pair[0][..], &pair[1][..]));
        match key.kind {
            Kind::String => encoder.string(&mut out, &meta, &key.parts[0]),
            Kind::List => encoder.list(&mut out, &meta, parts),
            Kind::Set => encoder.set(&mut out, &meta, parts),
            Kind::Hash => encoder.hash(&mut out, &meta, pairs),
            Kind::Zset => encoder.zset(
                &mut out,
                &meta,
                pairs.map(|(member, bits)| {
                    let bits = bits.try_into().expect("eight bytes");
                    (member, f64::from_bits(u64::from_le_bytes(bits)))
                }),
            ),
            Kind::Stream | Kind::Opaque => {}
        }
    }
    encoder.end(&mut out);
    out
}

/// Whether an element stands twice, which only a caller's table shows.
fn has_duplicates(key: &Key) -> bool {
    let step = if key.kind == Kind::Set { 1 } else { 2 };
    let mut names: Vec<&Vec<u8>> = key.parts.iter().step_by(step).collect();
    let len = names.len();
    names.sort();
    names.dedup();
    key.kind != Kind::List && key.kind != Kind::String && names.len() < len
}

fuzz_target!(|input: &[u8]| {
    let [piece, bytes @ ..] = input else { return };
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, 1 + usize::from(*piece)), whole);

    let (_, mut keys, _, error) = whole;
    if error.is_some() {
        // The last key may lack its value.
        keys.pop();
    }
    let is_collection = |kind| !matches!(kind, Kind::Stream | Kind::Opaque);
    keys.retain(|key| is_collection(key.kind) && !key.parts.is_empty() && !has_duplicates(key));
    let targets = [Version::REDIS_6_0, Version::REDIS_7_0, Version::REDIS_7_2];
    let file = encode(&keys, targets[usize::from(piece % 3)], piece & 4 == 0);
    let (_, again, used, error) = decode(&file, file.len());
    assert_eq!((used, error), (file.len(), None));
    assert_eq!(again.len(), keys.len());
    for (mut key, mut again) in keys.into_iter().zip(again) {
        if key.kind == Kind::Set {
            key.parts.sort();
            again.parts.sort();
        }
        assert_eq!(again, key);
    }
});
