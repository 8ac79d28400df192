//! Strings in pieces are the strings that come whole, however the input is cut and damaged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::{collection::vec, prelude::*, sample::Index};
use redwire_rdb::{
    DecodeOptions, Decoder, EncodeOptions, Encoder, Error, Event, KeyMeta, Limits, lzf,
};
use support::{Contents, decode, decode_cut, decode_with};

/// Strings below this come whole.
const LEAST: usize = 16 << 10;

fn in_pieces(from: usize) -> DecodeOptions {
    DecodeOptions { string_pieces: Some(from as u64), ..DecodeOptions::default() }
}

/// Compressible text and bytes that are not, around the length from which strings come in pieces.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![0..100usize, LEAST - 3..LEAST + 3, 0..200_000usize];
    (len, any::<u64>(), 0..3u32).prop_map(|(len, seed, kind)| {
        let mut state = seed | 1;
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(seed | 1);
            let byte = (state >> 56) as u8;
            match kind {
                0 => bytes.push(byte),
                1 => bytes.push(b'a' + byte % 3),
                // Runs, whose copies overlap what they copy.
                _ => bytes.resize(len.min(bytes.len() + usize::from(byte) * 9), byte),
            }
        }
        bytes
    })
}

fn file(values: &[Vec<u8>], compress: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(EncodeOptions { compress, ..EncodeOptions::default() });
    let mut out = Vec::new();
    encoder.start(&mut out);
    for (number, value) in values.iter().enumerate() {
        encoder.string(&mut out, &KeyMeta::new(format!("key{number}").as_bytes()), value);
    }
    encoder.end(&mut out);
    out
}

/// Without what tells pieces from wholes.
fn data(contents: Contents) -> Contents {
    Contents { pieces: 0, ..contents }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn pieces_make_the_strings(
        values in vec(text(), 1..4),
        compress: bool,
        from in prop_oneof![Just(0usize), 10_000..100_000usize],
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let bytes = file(&values, compress);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let parts = decode_cut(&bytes, &cuts, in_pieces(from)).unwrap();
        let large = values.iter().filter(|value| value.len() >= from.max(LEAST)).count();
        prop_assert!(parts.pieces >= large);
        prop_assert_eq!(parts.pieces == 0, large == 0);
        prop_assert_eq!(data(parts), decode(&bytes).unwrap());
    }

    /// A damaged string is refused either way, at one offset unless its end is missing.
    #[test]
    fn damage_is_found_in_pieces_too(
        value in text(), compress: bool, flips in vec((any::<Index>(), 0..8u32), 1..4),
    ) {
        let mut bytes = file(&[value], compress);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let unchecked = DecodeOptions { verify_checksum: false, ..in_pieces(0) };
        let pieces = decode_with(&bytes, unchecked.clone());
        let whole = decode_with(&bytes, DecodeOptions { string_pieces: None, ..unchecked });
        match (pieces, whole) {
            (Ok(pieces), Ok(whole)) => prop_assert_eq!(data(pieces), whole),
            // Only a string in memory is bound by these.
            (_, Err(Error::Limit { name: "max_string" | "max_decompressed", .. })) => {}
            // A string whose end is missing is judged as far as it came only in pieces.
            (Err(Error::Malformed { offset, .. }), Err(Error::Truncated { offset: cut, .. })) => {
                prop_assert!(offset <= cut);
            }
            (Err(pieces), Err(whole)) => prop_assert_eq!(offset(&pieces), offset(&whole), "{} against {}", pieces, whole),
            (pieces, whole) => prop_assert!(false, "{:?} and {:?}", pieces.err(), whole.err()),
        }
    }
}

/// Where an error is. What is cut is cut where the last piece began, or the string.
fn offset(error: &Error) -> Option<u64> {
    match error {
        Error::Malformed { offset, .. } | Error::UnknownType { offset, .. } => Some(*offset),
        _ => None,
    }
}

/// A file that announces a string of `len` bytes, without them.
fn announced(len: u64) -> Vec<u8> {
    let mut out = b"REDIS0009\xfe\x00\x00\x01k\x81".to_vec();
    out.extend_from_slice(&len.to_be_bytes());
    out
}

#[test]
fn ten_gigabytes_pass_in_the_memory_of_a_piece() {
    const LEN: u64 = 10_000_000_000;
    let unchecked = DecodeOptions { verify_checksum: false, ..in_pieces(LEAST) };
    let mut decoder = Decoder::new(unchecked);
    let feed = |decoder: &mut Decoder, bytes: &[u8]| {
        let (mut used, mut passed) = (0, 0);
        loop {
            let decoded = decoder.decode(&bytes[used..]).unwrap();
            used += decoded.used;
            match decoded.event {
                Some(Event::StringPart { bytes, left }) => {
                    passed += bytes.len() as u64;
                    assert!(left > 0 || bytes.len() as u64 == passed);
                }
                Some(Event::KeyEnd { empty }) => assert!(!empty),
                Some(Event::End) => assert_eq!(decoder.finish(), Ok(())),
                Some(_) => {}
                None => break,
            }
        }
        assert_eq!(used, bytes.len());
        passed
    };
    feed(&mut decoder, &announced(LEN));
    // What has come is used up: nothing of it must be shown again.
    let piece = vec![b'x'; 1_000_000];
    for _ in 0..LEN / 1_000_000 {
        assert_eq!(feed(&mut decoder, &piece), 1_000_000);
        assert!(decoder.wanted() <= 64 << 10);
    }
    feed(&mut decoder, b"\xff\0\0\0\0\0\0\0\0");
    assert!(decoder.is_done());
}

#[test]
fn what_comes_in_pieces_has_a_limit_of_its_own() {
    let options = |max_in_pieces| DecodeOptions {
        limits: Limits { max_string: 10, max_decompressed: 10, max_in_pieces, ..Limits::default() },
        ..in_pieces(LEAST)
    };
    let refused = decode_with(&announced(1 << 30), options((1 << 30) - 1)).unwrap_err();
    assert!(matches!(refused, Error::Limit { name: "max_in_pieces", offset: 14, .. }));
    let cut = decode_with(&announced(1 << 30), options(1 << 30)).unwrap_err();
    assert!(matches!(cut, Error::Truncated { .. }));
    assert_eq!(Limits::default().max_in_pieces, u64::MAX);
}

#[test]
fn a_ratio_that_servers_reach_is_admitted_and_less_can_be_asked_for() {
    assert_eq!(Limits::default().max_ratio, lzf::MAX_RATIO);
    for len in [60_000, 100] {
        let bytes = file(&[vec![0; len]], true);
        assert!(bytes.len() < len / 2 + 50);
        for pieces in [None, Some(0)] {
            let read = |max_ratio| {
                let limits = Limits { max_ratio, ..Limits::default() };
                let options = DecodeOptions { limits, string_pieces: pieces, ..Default::default() };
                decode_with(&bytes, options)
            };
            assert!(read(lzf::MAX_RATIO).is_ok());
            match read(4) {
                Err(Error::Limit { name: "max_ratio", value, max: 4, key, .. }) => {
                    assert!((5..=88).contains(&value) && key.is_some());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
