//! A checker says of a file what a decoder says of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use proptest::prelude::*;
use redwire_rdb::{Checker, DecodeOptions, Error, Limits};
use support::{corpus, decode_cut, decode_with, files};

fn all_files() -> Vec<(String, Vec<u8>)> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    if let Some(corpus) = corpus("checks of the corpus' files") {
        for folder in ["old", "gen", "corrupt"] {
            found.extend(files(&corpus.join(folder)));
        }
    }
    found
}

/// What a checker finds in a file that arrives cut at these places: keys, and empty keys.
fn check(bytes: &[u8], cuts: &[usize], options: DecodeOptions) -> Result<(u64, u64), Error> {
    let mut checker = Checker::new(options);
    let mut used = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        used += checker.check(&bytes[used..end])?;
        assert_eq!(checker.offset(), used as u64);
        assert!(checker.is_done() || checker.wanted() > end - used);
    }
    checker.finish()?;
    assert!(checker.is_done());
    assert_eq!(checker.check(&bytes[used..]), Ok(0));
    Ok((checker.keys(), checker.empty_keys()))
}

/// The keys that a decoder finds, to which large strings come in pieces, too.
fn keys(bytes: &[u8], options: DecodeOptions) -> Result<u64, Error> {
    let options = DecodeOptions { string_pieces: Some(0), ..options };
    decode_with(bytes, options).map(|contents| contents.keys.len() as u64)
}

fn variants() -> [DecodeOptions; 4] {
    let plain = DecodeOptions::default();
    [
        DecodeOptions { verify_checksum: false, ..plain.clone() },
        DecodeOptions { refuse_all_duplicates: true, ..plain.clone() },
        DecodeOptions { opaque_values: true, ..plain.clone() },
        plain,
    ]
}

#[test]
fn every_file_is_judged_as_decoding_does() {
    for (name, bytes) in all_files() {
        for options in variants() {
            let found = check(&bytes, &[], options.clone()).map(|(keys, _)| keys);
            assert_eq!(found, keys(&bytes, options), "{name}");
        }
    }
}

#[test]
fn every_cut_and_every_flip_is_judged_as_decoding_does() {
    let unchecked = DecodeOptions { verify_checksum: false, ..DecodeOptions::default() };
    for (name, bytes) in all_files().into_iter().filter(|(_, bytes)| bytes.len() <= 400) {
        let whole = keys(&bytes, DecodeOptions::default());
        for cut in 0..bytes.len() {
            let found = check(&bytes, &[cut], DecodeOptions::default()).map(|(keys, _)| keys);
            assert_eq!(found, whole, "{name} cut at {cut}");
            let found = check(&bytes[..cut], &[], DecodeOptions::default()).map(|(keys, _)| keys);
            assert_eq!(found, keys(&bytes[..cut], DecodeOptions::default()), "{name} up to {cut}");
            let mut flipped = bytes.clone();
            flipped[cut] ^= 1 << (cut % 8);
            let found = check(&flipped, &[], unchecked.clone()).map(|(keys, _)| keys);
            assert_eq!(found, keys(&flipped, unchecked.clone()), "{name} flipped in {cut}");
        }
    }
}

#[test]
fn empty_keys_are_counted() {
    let file = b"REDIS0009\xfe\0\x01\x01l\0\x02\x01s\x01\x01a\xff\0\0\0\0\0\0\0\0";
    assert_eq!(check(file, &[], DecodeOptions::default()), Ok((2, 1)));
}

#[test]
fn a_large_string_passes_in_pieces() {
    let mut file = b"REDIS0009\xfe\0\0\x01k\x81\0\0\0\0\0\x10\0\0".to_vec();
    file.resize(file.len() + (1 << 20), b'x');
    file.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    let limits = Limits { max_string: 10, ..Limits::default() };
    let cuts: Vec<usize> = (0..file.len()).step_by(1000).collect();
    assert_eq!(check(&file, &cuts, limits.into()), Ok((1, 0)));
}

proptest! {
    /// Strings with and without what stands before a key, on the way that is short and on the
    /// other.
    #[test]
    fn string_keys_are_judged_as_decoding_does(
        keys in prop::collection::vec((0..4u8, 0..90usize, 0..300usize), 0..20),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut bytes = b"REDIS0009\xfe\0".to_vec();
        for (head, key, value) in keys {
            match head {
                1 => bytes.extend_from_slice(b"\xfc12345678"),
                2 => bytes.extend_from_slice(b"\xf8\x05"),
                3 => bytes.extend_from_slice(b"\xf9\x05\xfc12345678"),
                _ => {}
            }
            bytes.push(0);
            for len in [key, value] {
                redwire_rdb::length::encode(&mut bytes, len as u64);
                bytes.resize(bytes.len() + len, b'x');
            }
        }
        bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
        if let Some((at, byte)) = damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let options = DecodeOptions::default();
        let found = check(&bytes, &cuts, options.clone()).map(|(keys, _)| keys);
        let decoded = decode_cut(&bytes, &cuts, options).map(|contents| contents.keys.len() as u64);
        prop_assert_eq!(found, decoded);
    }
}
