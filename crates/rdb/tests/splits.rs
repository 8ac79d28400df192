//! Small files of real servers: cut anywhere, damaged anywhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{ops::ControlFlow, path::Path};

use proptest::{collection::vec, prelude::*};
use redwire_rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, Error, KeyMeta, Limits, length};
use support::{Contents, corpus, decode, decode_cut, decode_with, files};

/// Files up to this size are cut at each byte.
const SMALL: usize = 700;

/// The files in this folder, and small ones of the corpus.
fn small_files() -> Vec<(String, Vec<u8>)> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    assert!(found.len() >= 5);
    if let Some(corpus) = corpus("cuts of the corpus' small files") {
        found.extend(files(&corpus.join("old")));
        found.extend(files(&corpus.join("gen")));
        found.extend(files(&corpus.join("corrupt")));
    }
    found.retain(|(_, bytes)| bytes.len() <= SMALL);
    found
}

#[test]
fn every_cut_gives_the_same() {
    for (name, bytes) in small_files() {
        let whole = decode(&bytes);
        for cut in 0..bytes.len() {
            let parts = decode_cut(&bytes, &[cut], DecodeOptions::default());
            assert_eq!(parts, whole, "{name} cut at {cut}");
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same() {
    for (name, bytes) in small_files() {
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        let parts = decode_cut(&bytes, &cuts, DecodeOptions::default());
        assert_eq!(parts, decode(&bytes), "{name}");
    }
}

/// Decodes by [`Decoder::decode_each`] a file that arrives cut at these places; `one` breaks off after
/// each event.
fn decode_each(
    bytes: &[u8],
    cuts: &[usize],
    one: bool,
    options: DecodeOptions,
) -> Result<Contents, Error> {
    let (mut contents, mut decoder) = (Contents::default(), Decoder::new(options));
    let mut used = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        loop {
            let mut found = false;
            used += decoder.decode_each(&bytes[used..end], |event| {
                contents.take(event);
                found = true;
                if one { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            assert_eq!(decoder.offset(), used as u64);
            if !(one && found) {
                break;
            }
        }
    }
    decoder.finish()?;
    Ok(contents)
}

#[test]
fn events_handed_over_are_those_taken_one_by_one() {
    for (name, bytes) in small_files() {
        let whole = decode(&bytes);
        for one in [false, true] {
            let each = decode_each(&bytes, &[], one, DecodeOptions::default());
            assert_eq!(each, whole, "{name}");
        }
        for cut in 0..bytes.len() {
            let each = decode_each(&bytes, &[cut], cut % 2 == 0, DecodeOptions::default());
            assert_eq!(each, whole, "{name} cut at {cut}");
        }
    }
}

/// Values whose elements take more than one run of the checksum, and packed ones.
fn larger_file(compress: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(EncodeOptions { compress, ..EncodeOptions::default() });
    let mut file = Vec::new();
    encoder.start(&mut file);
    for count in [5, 60, 3000] {
        let texts: Vec<Vec<u8>> = (0..count)
            .map(|number: usize| match number % 3 {
                0 => number.to_string().into_bytes(),
                1 => format!("text {number}").into_bytes(),
                _ => format!("{number} and more and more").repeat(1 + number % 9).into_bytes(),
            })
            .collect();
        let texts = || texts.iter().map(Vec::as_slice);
        encoder.list(&mut file, &KeyMeta::new(b"list"), texts());
        encoder.set(&mut file, &KeyMeta::new(b"set"), texts());
        encoder.set(&mut file, &KeyMeta::new(b"integers"), texts().step_by(3));
        let scored = texts().zip((0..3000_u32).map(|at| f64::from(at) / 2.0));
        encoder.zset(&mut file, &KeyMeta::new(b"zset"), scored);
        encoder.hash(&mut file, &KeyMeta::new(b"hash"), texts().zip(texts().skip(1)));
    }
    encoder.end(&mut file);
    file
}

#[test]
fn many_events_handed_over_are_those_taken_one_by_one() {
    for compress in [false, true] {
        let bytes = larger_file(compress);
        let whole = decode(&bytes);
        assert!(whole.is_ok());
        let cuts: Vec<usize> = (0..bytes.len()).step_by(997).collect();
        for (cuts, one) in [(&[][..], false), (&[], true), (&cuts, false), (&cuts, true)] {
            let each = decode_each(&bytes, cuts, one, DecodeOptions::default());
            assert_eq!(each, whole);
        }
    }
}

#[test]
fn every_shorter_file_is_truncated() {
    for (name, bytes) in small_files() {
        if decode(&bytes).is_err() {
            continue;
        }
        for end in 0..bytes.len() {
            match decode(&bytes[..end]) {
                Err(Error::Truncated { offset, .. }) => assert!(offset <= end as u64),
                // What follows the end of a file is not the file's.
                Ok(_) => {}
                other => panic!("{name} up to {end}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_flipped_bit_ends_in_an_answer() {
    let unchecked = DecodeOptions { verify_checksum: false, ..DecodeOptions::default() };
    let spans = DecodeOptions { opaque_values: true, ..unchecked.clone() };
    let strict = DecodeOptions { refuse_all_duplicates: true, ..unchecked.clone() };
    for (name, bytes) in small_files() {
        let whole = decode(&bytes);
        // Every bit of a small file, every third of a larger one.
        let stride = if bytes.len() <= 250 { 1 } else { 3 };
        for bit in (0..bytes.len() * 8).step_by(stride) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = decode_with(&flipped, unchecked.clone());
            let each = decode_each(&flipped, &[], bit % 2 == 0, unchecked.clone());
            assert_eq!(each, read, "{name} with bit {bit} flipped");
            // Who looks into less finds less wrong.
            let passed = decode_with(&flipped, spans.clone());
            assert!(read.is_err() || passed.is_ok(), "{name} with bit {bit} flipped: {passed:?}");
            let strict = decode_with(&flipped, strict.clone());
            assert!(read.is_ok() || strict.is_err(), "{name} with bit {bit} flipped: {strict:?}");
            if let (Ok(contents), Ok(_)) = (decode(&flipped), &whole) {
                let unnoticed = passes_unnoticed(&bytes, &flipped, bit / 8);
                assert!(unnoticed, "{name} with bit {bit} flipped: {contents:?}");
            }
        }
    }
}

/// Files that have no checksum, or no longer one, and bytes after the end hide damage.
fn passes_unnoticed(bytes: &[u8], flipped: &[u8], at: usize) -> bool {
    let version = std::str::from_utf8(&flipped[6..9]).unwrap().parse::<u16>().unwrap();
    let mut decoder = Decoder::default();
    let mut used = 0;
    while !decoder.is_done() {
        used += decoder.decode(&bytes[used..]).unwrap().used;
    }
    version < 5 || at >= used || flipped[used - 8..used] == [0; 8]
}

#[test]
fn an_error_stays() {
    let mut decoder = Decoder::default();
    let error = decoder.decode(b"REDIS0099").unwrap_err();
    assert_eq!(error, Error::UnknownVersion { magic: *b"REDIS0099" });
    assert_eq!(decoder.decode(b"REDIS0009"), Err(error.clone()));
    assert_eq!(decoder.finish(), Err(error));
    assert!(!decoder.is_done());
}

#[test]
fn what_follows_the_end_is_left() {
    let (_, bytes) = &small_files()[0];
    let mut longer = bytes.clone();
    longer.extend_from_slice(&[7; 40_000]);
    let mut decoder = Decoder::default();
    let mut used = 0;
    while !decoder.is_done() {
        used += decoder.decode(&longer[used..]).unwrap().used;
    }
    assert_eq!(used, bytes.len());
    assert_eq!(decoder.finish(), Ok(()));
    let after = decoder.decode(&longer[used..]).unwrap();
    assert_eq!((after.used, after.event), (0, None));
}

/// A file with one string key whose value's header is this.
fn string_file(header: &[u8]) -> Vec<u8> {
    [b"REDIS0009\xfe\x00\x00\x01k", header].concat()
}

#[test]
fn announced_lengths_take_no_memory() {
    let file = string_file(&[0x80, 0x10, 0, 0, 0]);
    let mut decoder = Decoder::default();
    let mut used = 0;
    loop {
        let decoded = decoder.decode(&file[used..]).unwrap();
        used += decoded.used;
        if decoded.event.is_none() {
            break;
        }
    }
    assert_eq!(decoder.wanted(), 64 << 10);
    let error = decoder.finish().unwrap_err().to_string();
    assert_eq!(error, "input ends at offset 14, before the end of the file (key \"k\", type 0)");
}

fn limit_of(file: &[u8], limits: Limits) -> (&'static str, u64) {
    match decode_with(file, limits.into()) {
        Err(Error::Limit { name, value, max, key, .. }) => {
            assert!(value > max && key.is_some());
            (name, max)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_have_their_defaults() {
    let long = string_file(&[0x80, 0x20, 0, 0, 1]);
    assert_eq!(limit_of(&long, Limits::default()), ("max_string", 512 << 20));
    let grown = string_file(&[0xc3, 0x80, 1, 0, 0, 0, 0x80, 0x20, 0, 0, 1]);
    assert_eq!(limit_of(&grown, Limits::default()), ("max_decompressed", 512 << 20));
    assert_eq!(Limits::default().max_opaque, 4 << 30);
}

#[test]
fn limits_can_be_set() {
    let short = Limits { max_string: 3, ..Limits::default() };
    assert_eq!(limit_of(&string_file(b"\x04abcd"), short.clone()), ("max_string", 3));
    let fits = string_file(b"\x03abc\xff\0\0\0\0\0\0\0\0");
    assert!(decode_with(&fits, short.into()).is_ok());
    let dense = Limits { max_decompressed: 10, ..Limits::default() };
    let grown = string_file(&[0xc3, 5, 11, 0, b'a', 0xe0, 1, 0]);
    assert_eq!(limit_of(&grown, dense), ("max_decompressed", 10));
    let module = b"REDIS0009\x07\x01k\x81\0\0\0\0\0\0\0\0\x05\x01a\0";
    let body = Limits { max_opaque: 4, ..Limits::default() };
    assert_eq!(limit_of(module, body), ("max_opaque", 4));
}

#[test]
fn memory_for_decompression_follows_the_bytes() {
    // Few bytes cannot stand for many: refused before memory is taken.
    let file = string_file(&[0xc3, 2, 0x80, 0x10, 0, 0, 0, 0, b'a']);
    assert!(matches!(decode(&file), Err(Error::Malformed { offset: 14, .. })));
}

/// A file of string keys, their lengths in the shortest form or, as no server writes them, in four
/// bytes.
fn strings_file(strings: &[(Vec<u8>, Vec<u8>, bool)], wide: bool) -> Vec<u8> {
    let mut out = b"REDIS0009".to_vec();
    for (key, value, expires) in strings {
        if *expires {
            out.extend_from_slice(b"\xfc12345678");
        }
        out.push(0);
        for string in [key, value] {
            if wide {
                out.push(0x80);
                out.extend_from_slice(&(string.len() as u32).to_be_bytes());
            } else {
                length::encode(&mut out, string.len() as u64);
            }
            out.extend_from_slice(string);
        }
    }
    out.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    out
}

proptest! {
    /// Short lengths are read on another path than long ones.
    #[test]
    fn each_form_of_a_length_gives_the_same(
        strings in vec((vec(any::<u8>(), 0..200), vec(any::<u8>(), 0..200), any::<bool>()), 0..6),
        cuts in vec(any::<prop::sample::Index>(), 0..4),
        max_string in 100..300u64,
    ) {
        let limits = Limits { max_string, ..Limits::default() };
        let read = |wide| {
            let bytes = strings_file(&strings, wide);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            cuts.sort_unstable();
            match decode_cut(&bytes, &cuts, limits.clone().into()) {
                Ok(contents) => Ok(contents),
                Err(Error::Limit { key, name, value, max, .. }) => Err((key, name, value, max)),
                Err(other) => panic!("{other}"),
            }
        };
        let (short, wide) = (read(false), read(true));
        let fits = |(key, value, _): &(Vec<u8>, Vec<u8>, bool)| {
            key.len().max(value.len()) as u64 <= max_string
        };
        prop_assert_eq!(short.is_ok(), strings.iter().all(fits));
        prop_assert_eq!(short, wide);
    }
}
