//! Types of versions that no server was at hand for: read as far as their layout is reported, and
//! refused with their name otherwise. What stands here is made by hand, not by a server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use redwire_rdb::{Dialect, EncodeOptions, Encoder, Error, Fault, KeyMeta, Version};
use support::{Value, decode};

/// A file of this magic with a key of type `type_byte`, without a checksum.
fn file(magic: &[u8; 9], type_byte: u8, body: &[u8]) -> Vec<u8> {
    [&magic[..], b"\xfe\0", &[type_byte], b"\x01k", body, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

fn id(ms: u8) -> Vec<u8> {
    [&[0; 7][..], &[ms], &[0; 8]].concat()
}

/// A stream of type 27 without entries, with a group that has `pending` entries, of which a consumer
/// has `owned`, and none those `given_back`.
fn stream(pending: &[u8], owned: &[u8], given_back: &[u8]) -> Vec<u8> {
    let mut body = vec![0]; // nodes
    body.extend_from_slice(&[0, 9, 0, 0, 0, 0, 0, 0]); // length, last, first, deleted, added
    body.extend_from_slice(&[1, 1, b'g', 9, 0, 0, pending.len() as u8]);
    for ms in pending {
        body.extend_from_slice(&[id(*ms), vec![0; 8], vec![1]].concat());
    }
    body.extend_from_slice(&[1, 1, b'c']);
    body.extend_from_slice(&[0; 16]);
    body.push(owned.len() as u8);
    owned.iter().for_each(|ms| body.extend_from_slice(&id(*ms)));
    body.push(given_back.len() as u8);
    given_back.iter().for_each(|ms| body.extend_from_slice(&id(*ms)));
    body.extend_from_slice(&[60, 60, 0, 0, 0]); // producers
    body
}

/// An array with an insert cursor and an element of each tag.
fn array() -> Vec<u8> {
    let mut body = vec![4, 1, 7];
    body.extend_from_slice(b"\x00\x00\x05hello");
    body.extend_from_slice(b"\x01\x0112345678");
    body.extend_from_slice(b"\x02\x02\0\0\0\0\0\0\xf0\x3f");
    body.extend_from_slice(b"\x40\x64\x03\x02hi");
    body
}

#[test]
fn what_is_reported_is_walked_and_handed_on() {
    let gcra = vec![0x80, 0, 1, 0, 0];
    for (type_byte, body) in
        [(27, stream(&[1, 2, 3], &[1, 3], &[2])), (28, array()), (28, vec![0, 0]), (33, gcra)]
    {
        for magic in [b"REDIS0014", b"REDIS0016"] {
            let bytes = file(magic, type_byte, &body);
            let contents = decode(&bytes).unwrap();
            assert_eq!(contents.keys[0].value, Value::Opaque(type_byte, body.clone()));
            for end in 0..bytes.len() {
                assert!(matches!(decode(&bytes[..end]), Err(Error::Truncated { .. })));
            }
        }
        let older = decode(&file(b"REDIS0013", type_byte, &body));
        assert!(matches!(older, Err(Error::UnknownType { byte, .. }) if byte == type_byte));
    }
}

#[test]
fn what_contradicts_the_report_is_refused() {
    let fault = |type_byte, body: &[u8]| match decode(&file(b"REDIS0014", type_byte, body)) {
        Err(Error::Malformed { fault, .. }) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(28, &[1, 2]), Fault::ArrayTag);
    assert_eq!(fault(28, &[1, 0, 0, 4]), Fault::ArrayTag);
    // Each pending entry is a consumer's or given back, and only one of the two.
    for (pending, owned, given_back) in
        [(&[1, 2][..], &[1][..], &[][..]), (&[1], &[1], &[1]), (&[1], &[1], &[2])]
    {
        assert_eq!(fault(27, &stream(pending, owned, given_back)), Fault::StreamConsumer);
    }
}

#[test]
fn what_is_known_by_name_is_refused_with_it() {
    for (magic, byte, name) in [
        (b"REDIS0015", 29, "a hash with its template"),
        (b"REDIS0015", 30, "a hash of a template"),
        (b"REDIS0016", 31, "a hash with its template"),
        (b"REDIS0016", 32, "a hash of a template"),
        (b"REDIS0015", 242, "a hash template"),
        (b"VALKEY081", 23, "a path hash"),
        (b"VALKEY081", 242, "an update"),
    ] {
        let error = decode(&file(magic, byte, &[])).unwrap_err();
        let version = Version::from_magic(*magic).unwrap();
        assert_eq!(error, Error::KnownByName { offset: 11, byte, name, version });
        assert!(error.to_string().contains(name) && !version.is_verified());
    }
    let older = decode(&file(b"VALKEY080", 23, &[]));
    assert!(matches!(older, Err(Error::UnknownType { byte: 23, .. })));
}

#[test]
fn only_targets_that_have_a_type_get_it() {
    let body = array();
    let encode = |target| {
        let mut encoder = Encoder::new(EncodeOptions { target, ..EncodeOptions::default() });
        let mut out = Vec::new();
        encoder.start(&mut out);
        encoder.opaque(&mut out, &KeyMeta::new(b"k"), Dialect::Redis, 28, &body)?;
        encoder.end(&mut out);
        Ok(out)
    };
    let written: Vec<u8> = encode(Version::REDIS_8_8).unwrap();
    assert_eq!(decode(&written).unwrap().keys[0].value, Value::Opaque(28, body.clone()));
    for older in [Version::REDIS_8_6, Version::REDIS_6_0, Version::VALKEY_9] {
        assert!(matches!(encode(older), Err(Error::Unsupported { type_byte: 28, .. })));
    }
    assert_eq!(Version::oldest([0, 28], false), Some(Version::REDIS_8_8));
    assert_eq!(Version::oldest([28, 22], false), None);
}
