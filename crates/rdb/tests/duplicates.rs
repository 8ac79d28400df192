//! Duplicates in large values and of keys, which the caller's table would show.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};
use redwire_rdb::entry::{Entries, Item};
use redwire_rdb::{DecodeOptions, Error, Fault};
use support::{decode_cut, decode_with};

fn strict() -> DecodeOptions {
    DecodeOptions { verify_checksum: false, refuse_all_duplicates: true, ..Default::default() }
}

/// A large form, and what stands behind each name in it.
fn form() -> impl Strategy<Value = (u8, &'static [u8])> {
    prop_oneof![
        Just((1, &b""[..])),
        Just((2, &b""[..])),
        Just((3, &b"\x011"[..])),
        Just((4, &b"\x01v"[..])),
        Just((5, &[0; 8][..])),
    ]
}

/// A key of this database, its name one letter.
type Key = (u8, u8, (u8, &'static [u8]), Vec<u8>);

fn key() -> impl Strategy<Value = Key> {
    (0..2u8, b'a'..b'h', form(), vec(b'0'..b'z', 0..6))
}

/// Names are one byte as they stand, but digits are integers half of the time.
fn file(keys: &[Key]) -> Vec<u8> {
    let mut out = b"REDIS0009".to_vec();
    for (db, name, (form, behind), elements) in keys {
        out.extend_from_slice(&[0xfe, *db, *form, 1, *name, elements.len() as u8]);
        for (index, element) in elements.iter().enumerate() {
            match element {
                b'0'..=b'9' if index % 2 == 0 => out.extend_from_slice(&[0xc0, element - b'0']),
                _ => out.extend_from_slice(&[1, *element]),
            }
            out.extend_from_slice(behind);
        }
    }
    out.extend_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    out
}

/// What is twice first, and in which key.
fn naive(keys: &[Key], of_keys: bool) -> Option<(Fault, u8)> {
    let mut names = BTreeSet::new();
    for (db, name, (form, _), elements) in keys {
        if of_keys && !names.insert((db, name)) {
            return Some((Fault::DuplicateKey, *name));
        }
        let distinct = elements.iter().collect::<BTreeSet<_>>().len();
        if *form != 1 && distinct < elements.len() {
            return Some((Fault::Duplicate, *name));
        }
    }
    None
}

proptest! {
    #[test]
    fn the_first_duplicate_is_named(keys in vec(key(), 0..6), cuts in vec(any::<prop::sample::Index>(), 0..4)) {
        let bytes = file(&keys);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let found = match decode_cut(&bytes, &cuts, strict()) {
            Ok(contents) => {
                prop_assert_eq!(contents.keys.len(), keys.len());
                None
            }
            Err(Error::Malformed { fault, key, type_byte, .. }) => {
                prop_assert!(type_byte.is_some());
                Some((fault, key.unwrap().as_bytes()[0]))
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        prop_assert_eq!(found, naive(&keys, true));
        // Who does not ask for it gets them all.
        let lenient = DecodeOptions { refuse_all_duplicates: false, ..strict() };
        prop_assert_eq!(decode_with(&bytes, lenient).unwrap().keys.len(), keys.len());
    }
}

/// The names of all keys, read with their values whole, as pieces of so many bytes come.
fn read_whole(bytes: &[u8], piece: usize, options: DecodeOptions) -> Result<Vec<u8>, Error> {
    let (mut entries, mut names) = (Entries::new(options), Vec::new());
    let (mut at, mut end) = (0, 0);
    while !entries.is_done() {
        let decoded = entries.decode(&bytes[at..end])?;
        at += decoded.used;
        match decoded.item {
            Some(Item::Entry(entry)) => names.push(entry.header.key[0]),
            Some(Item::Between(_)) => {}
            None => {
                assert!(end < bytes.len());
                end = (end + piece).min(bytes.len());
            }
        }
    }
    Ok(names)
}

proptest! {
    /// Real servers from Redis 6.2 on refuse these files (hashes of up to `hash-max-listpack-entries`
    /// only with `sanitize-dump-payload`, and Valkey 9.1).
    #[test]
    fn values_read_whole_have_nothing_twice(keys in vec(key(), 0..6), piece in 1..20usize) {
        let bytes = file(&keys);
        let options = DecodeOptions { verify_checksum: false, ..DecodeOptions::default() };
        match (read_whole(&bytes, piece, options.clone()), naive(&keys, false)) {
            (Ok(names), None) => {
                prop_assert!(names.iter().eq(keys.iter().map(|(_, name, ..)| name)));
            }
            (Err(Error::Malformed { fault, key, .. }), Some(twice)) => {
                prop_assert_eq!((fault, key.unwrap().as_bytes()[0]), twice);
            }
            (found, naive) => {
                return Err(TestCaseError::fail(format!("{found:?}, where {naive:?} is twice")));
            }
        }
        // The same error as where keys are looked at, too.
        if naive(&keys, false).is_some() && naive(&keys, false) == naive(&keys, true) {
            let events = decode_with(&bytes, strict()).unwrap_err();
            prop_assert_eq!(read_whole(&bytes, piece, options.clone()).unwrap_err(), events);
        }
        let lenient = DecodeOptions { refuse_duplicates: false, ..options };
        prop_assert_eq!(read_whole(&bytes, piece, lenient).unwrap().len(), keys.len());
    }
}

#[test]
fn the_offset_is_the_second_ones() {
    let keys = [(0, b'k', (2, &b""[..]), b"aba".to_vec())];
    let error = decode_with(&file(&keys), strict()).unwrap_err();
    assert_eq!(error.to_string(), "duplicate element at offset 19 (key \"k\", type 2)");
    let twice = [(0, b'k', (2, &b""[..]), b"a".to_vec()), (0, b'k', (2, &b""[..]), b"b".to_vec())];
    let error = decode_with(&file(&twice), strict()).unwrap_err();
    assert_eq!(error.to_string(), "duplicate key at offset 19 (key \"k\", type 2)");
}
