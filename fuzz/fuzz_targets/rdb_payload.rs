//! Any bytes as a DUMP payload: opened with a footer that is right, decoded in any pieces to the
//! same events or the same error; and what is read has one span, which is all of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{DecodeOptions, Decoder, Error, Event, Version, dump};

const VERSIONS: [Version; 4] =
    [Version::REDIS_6_0, Version::REDIS_7_2, Version::REDIS_8_6, Version::VALKEY_9];

/// The events of a value that arrives cut after every `piece` bytes, as text, and its span if one
/// is wanted.
fn decode(
    version: Version,
    value: &[u8],
    piece: usize,
    opaque_values: bool,
) -> (String, Vec<u8>, Result<usize, Error>) {
    let options =
        DecodeOptions { opaque_values, refuse_all_duplicates: true, ..Default::default() };
    let mut decoder = Decoder::for_value(version, options);
    let (mut text, mut span, mut used, mut end) = (String::new(), Vec::new(), 0, 0);
    while !decoder.is_done() {
        match decoder.decode(&value[used..end]) {
            Ok(decoded) => {
                used += decoded.used;
                match decoded.event {
                    Some(event) => {
                        text += &format!("{event:?}\n");
                        if let Event::Opaque { type_byte, body } = event {
                            span = [&[type_byte], body].concat();
                        }
                    }
                    None if end == value.len() => {
                        return (text, span, decoder.finish().map(|()| used));
                    }
                    None => end = (end + piece).min(value.len()),
                }
            }
            Err(error) => return (text, span, Err(error)),
        }
    }
    (text, span, Ok(used))
}

fuzz_target!(|input: &[u8]| {
    // As it came its footer is hardly ever right.
    let _ = dump::open(input);
    let [version, piece, value @ ..] = input else { return };
    let version = VERSIONS[usize::from(version % 4)];
    let mut payload = value.to_vec();
    dump::close(&mut payload, version);
    let opened = dump::open(&payload).expect("closed");
    assert_eq!((opened.value, opened.version), (value, version));

    let (text, _, read) = decode(version, value, value.len().max(1), false);
    let piece = 1 + usize::from(*piece);
    let (cut_text, _, cut) = decode(version, value, piece, false);
    match (&read, &cut) {
        // How much was used before the end was missed depends on the pieces.
        (Err(Error::Truncated { .. }), Err(Error::Truncated { .. })) => {}
        _ => assert_eq!((&text, &read), (&cut_text, &cut)),
    }
    let (_, span, passed) = decode(version, value, piece, true);
    if let Ok(used) = read {
        assert_eq!(passed, Ok(used));
        assert_eq!(span, value[..used]);
    }
});
