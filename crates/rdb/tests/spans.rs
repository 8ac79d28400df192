//! Values as they stand in the file are what their events are of.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use redwire_rdb::{DecodeOptions, Decoder, Error, Fault, Limits, Version};
use support::{Contents, Key, Value, corpus, decode, decode_cut, decode_with, files};

fn spans() -> DecodeOptions {
    DecodeOptions { opaque_values: true, ..DecodeOptions::default() }
}

/// Files of real servers that are read, and their versions.
fn good_files() -> Vec<(String, Vec<u8>, Contents)> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    assert!(found.len() >= 5);
    if let Some(corpus) = corpus("spans of the corpus' files") {
        found.extend(files(&corpus.join("old")));
        found.extend(files(&corpus.join("gen")));
    }
    let whole = |(name, bytes): (String, Vec<u8>)| {
        let contents = decode(&bytes).ok()?;
        Some((name, bytes, contents))
    };
    found.into_iter().filter_map(whole).collect()
}

/// The key whose value stands like this.
fn open(version: Version, type_byte: u8, body: &[u8]) -> Key {
    let value = [&[type_byte], body].concat();
    let mut decoder = Decoder::for_value(version, DecodeOptions::default());
    let mut contents = Contents::default();
    let mut used = 0;
    while !decoder.is_done() {
        let decoded = decoder.decode(&value[used..]).unwrap();
        used += decoded.used;
        contents.take(decoded.event.unwrap());
    }
    assert_eq!(used, value.len());
    contents.keys.remove(0)
}

#[test]
fn each_span_is_its_value() {
    let mut types = std::collections::BTreeSet::new();
    for (name, bytes, contents) in good_files() {
        let version = Version::from_magic(*bytes.first_chunk().unwrap()).unwrap();
        let found = decode_with(&bytes, spans()).unwrap();
        assert_eq!(found.keys.len(), contents.keys.len(), "{name}");
        for (span, key) in found.keys.iter().zip(&contents.keys) {
            let Value::Opaque(type_byte, body) = &span.value else { panic!("{name}: {span:?}") };
            assert_eq!((&span.name, span.expire_ms), (&key.name, key.expire_ms), "{name}");
            assert_eq!(*type_byte, key.type_byte, "{name}");
            assert_eq!(open(version, *type_byte, body).value, key.value, "{name}");
            types.insert(*type_byte);
        }
    }
    // Those of the files in this folder, at least.
    assert!(types.len() >= 5, "{types:?}");
}

#[test]
fn cuts_make_no_difference_to_spans() {
    for (name, bytes, _) in good_files().into_iter().filter(|(_, bytes, _)| bytes.len() <= 700) {
        let whole = decode_with(&bytes, spans());
        let all: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(decode_cut(&bytes, &all, spans()), whole, "{name}");
        for cut in all {
            assert_eq!(decode_cut(&bytes, &[cut], spans()), whole, "{name} cut at {cut}");
        }
    }
}

#[test]
fn a_span_is_bounded_and_its_structure_checked() {
    let refused = |value: &[u8], max_opaque| {
        let bytes = [b"REDIS0010", value].concat();
        let limits = Limits { max_opaque, ..Limits::default() };
        decode_with(&bytes, DecodeOptions { limits, ..spans() }).unwrap_err()
    };
    let list = b"\x01\x01k\x03\x01a\x01b\x01c";
    assert!(matches!(refused(list, 6), Error::Limit { name: "max_opaque", value: 7, .. }));
    // What is missing is only the end of the file.
    assert!(matches!(refused(list, 7), Error::Truncated { offset: 19, key: None, .. }));
    let container = refused(b"\x12\x01k\x01\x03\x01a", 100);
    assert!(matches!(container, Error::Malformed { fault: Fault::Container, offset: 13, .. }));
}
