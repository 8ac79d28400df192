//! What a checker says of any bytes is what a decoder says of them, and a string in pieces is the
//! string that comes whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{Checker, DecodeOptions, Decoder, Error, Event};

/// What a file of keys has: each key's strings, and how it ended.
type Read = (Vec<Vec<u8>>, Result<(), Error>);

fn decode(bytes: &[u8], options: DecodeOptions, piece: usize) -> Read {
    let mut decoder = Decoder::new(options);
    let (mut strings, mut used, mut end) = (Vec::new(), 0, 0);
    while end < bytes.len() && !decoder.is_done() {
        end = end.saturating_add(piece).min(bytes.len());
        loop {
            let decoded = match decoder.decode(&bytes[used..end]) {
                Ok(decoded) => decoded,
                Err(error) => return (strings, Err(error)),
            };
            used += decoded.used;
            match decoded.event {
                Some(Event::Key(_)) => strings.push(Vec::new()),
                Some(Event::String(bytes) | Event::StringPart { bytes, .. }) => {
                    strings.last_mut().unwrap().extend_from_slice(bytes);
                }
                Some(_) => {}
                None => break,
            }
        }
    }
    (strings, decoder.finish())
}

fn check(bytes: &[u8], options: DecodeOptions, piece: usize) -> (u64, Result<(), Error>) {
    let mut checker = Checker::new(options);
    let (mut used, mut end) = (0, 0);
    while end < bytes.len() && !checker.is_done() {
        end = end.saturating_add(piece).min(bytes.len());
        match checker.check(&bytes[used..end]) {
            Ok(more) => used += more,
            Err(error) => return (checker.keys(), Err(error)),
        }
    }
    (checker.keys(), checker.finish())
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (ways, piece, bytes) = input;
    let options = DecodeOptions {
        verify_checksum: ways & 1 > 0,
        refuse_all_duplicates: ways & 2 > 0,
        opaque_values: ways & 4 > 0,
        string_pieces: Some(0),
        ..DecodeOptions::default()
    };
    let piece = usize::from(piece).max(1);
    let (strings, ended) = decode(bytes, options.clone(), usize::MAX);
    assert_eq!(check(bytes, options.clone(), piece), (strings.len() as u64, ended.clone()));
    let whole = decode(bytes, DecodeOptions { string_pieces: None, ..options }, piece);
    if ended.is_ok() && whole.1.is_ok() {
        assert_eq!(whole.0, strings);
    }
});
