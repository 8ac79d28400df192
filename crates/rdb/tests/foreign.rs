//! Values that are passed on as their bytes mean the same in the file they come to, or are refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::{collection, option, prelude::*};
use redwire_rdb::{
    DecodeOptions, Dialect, EncodeOptions, Encoder, Error, KeyMeta, KeyName, Version,
    entry::{Entries, Item, Value as Whole},
};
use support::{Value, decode};

type Field = (Vec<u8>, Vec<u8>, Option<u64>);

const TARGETS: &[&str] =
    &["6.0", "7.0", "7.2", "8.0", "8.6", "8.8", "valkey 8.1", "valkey 9.1", "valkey 9.2"];

/// A file of `magic` with a key of type `type_byte`, without a checksum.
fn file(magic: [u8; 9], type_byte: u8, body: &[u8]) -> Vec<u8> {
    [&magic[..], b"\xfe\0", &[type_byte], b"\x01k", body, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

/// What Redis 7.4's release candidates had as type 22: each expiry in front of its field.
fn pre_release(fields: &[Field]) -> Vec<u8> {
    let mut body = vec![fields.len() as u8];
    for (field, value, expires_ms) in fields {
        body.push(0x81);
        body.extend_from_slice(&expires_ms.unwrap_or(0).to_be_bytes());
        for text in [field, value] {
            body.push(text.len() as u8);
            body.extend_from_slice(text);
        }
    }
    file(*b"REDIS0012", 22, &body)
}

fn encode(target: Version, fields: &[Field]) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new(EncodeOptions { target, ..EncodeOptions::default() });
    let mut out = Vec::new();
    encoder.start(&mut out);
    encoder.select_db(&mut out, 0, 1, 0);
    let items = fields.iter().map(|(field, value, at)| (&field[..], &value[..], *at));
    encoder.hash_expiring(&mut out, &KeyMeta::new(b"k"), items).ok()?;
    encoder.end(&mut out);
    Some(out)
}

/// Writes the one key of `bytes` for `target` without looking into its value.
fn pass_on(bytes: &[u8], target: Version) -> Result<Vec<u8>, Error> {
    let options = DecodeOptions { opaque_values: true, ..DecodeOptions::default() };
    let mut entries = Entries::new(options);
    let mut encoder = Encoder::new(EncodeOptions { target, ..EncodeOptions::default() });
    let (mut out, mut used) = (Vec::new(), 0);
    encoder.start(&mut out);
    encoder.select_db(&mut out, 0, 1, 0);
    loop {
        let version = entries.version();
        let decoded = entries.decode(&bytes[used..]).unwrap();
        used += decoded.used;
        match decoded.item {
            Some(Item::Entry(entry)) => {
                let Whole::Opaque { dialect, .. } = entry.value else { panic!("{entry:?}") };
                assert_eq!(Some(dialect), version.map(Version::dialect));
                let before = out.len();
                let meta = KeyMeta::from(entry.header);
                let written = encoder.value(&mut out, &meta, &entry.value);
                if written.is_err() {
                    assert_eq!(out.len(), before, "a part of a refused key");
                }
                written?;
            }
            Some(Item::Between(_)) => {}
            None => break,
        }
    }
    encoder.end(&mut out);
    Ok(out)
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let text = || collection::vec(any::<u8>(), 0..20);
    let at = option::of(1..1u64 << 40);
    collection::btree_map(text(), (text(), at), 1..12)
        .prop_map(|map| map.into_iter().map(|(name, (value, at))| (name, value, at)).collect())
}

fn hash(bytes: &[u8]) -> Vec<Field> {
    match &decode(bytes).unwrap().keys[0].value {
        Value::Hash(fields) => {
            let mut fields = fields.clone();
            fields.sort();
            fields
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn a_hash_means_the_same_or_is_refused(
        fields in fields(),
        from in option::of(prop::sample::select(TARGETS)),
        to in prop::sample::select(TARGETS),
    ) {
        let to: Version = to.parse().unwrap();
        let bytes = match from {
            Some(from) => match encode(from.parse().unwrap(), &fields) {
                Some(bytes) => bytes,
                None => return Ok(()),
            },
            None => pre_release(&fields),
        };
        prop_assert_eq!(hash(&bytes), fields.clone());
        match pass_on(&bytes, to) {
            Ok(written) => prop_assert_eq!(hash(&written), fields),
            Err(Error::Unsupported { key, target, .. }) => {
                prop_assert_eq!(key.to_string(), "\"k\"");
                prop_assert_eq!(target, to);
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
}

#[test]
fn type_22_is_passed_on_within_its_dialect_only() {
    let fields = vec![(b"f".to_vec(), b"v".to_vec(), Some(1 << 40))];
    let ours = encode(Version::VALKEY_9, &fields).unwrap();
    for target in TARGETS.iter().map(|name| name.parse::<Version>().unwrap()) {
        // No release of Redis wrote its type 22, so no target gets it.
        let refused = pass_on(&pre_release(&fields), target).unwrap_err();
        let named =
            matches!(refused, Error::Unsupported { type_byte: 22, dialect: Dialect::Redis, .. });
        assert!(named, "{target}: {refused}");
        let held = target.number() >= Version::VALKEY_9.number();
        assert_eq!(pass_on(&ours, target).is_ok(), held, "{target}");
        assert!(!held || target.dialect() == Dialect::Valkey);
    }
}

/// Whoever holds a value's bytes and not the file gets the same answer: a target takes a type that both
/// dialects have, its own, and of Redis' every stream, which is converted.
#[test]
fn each_target_is_given_types_of_its_own_dialect_only() {
    let stream = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for target in TARGETS.iter().map(|name| name.parse::<Version>().unwrap()) {
        for dialect in [Dialect::Redis, Dialect::Valkey] {
            for type_byte in 0..=u8::MAX {
                let mut encoder =
                    Encoder::new(EncodeOptions { target, ..EncodeOptions::default() });
                let mut out = Vec::new();
                let meta = KeyMeta::new(b"k");
                let given = encoder.opaque(&mut out, &meta, dialect, type_byte, &stream);
                let shared = type_byte < 22;
                let own = shared || dialect == target.dialect();
                let converted = matches!(type_byte, 15 | 19 | 21)
                    || dialect == Dialect::Redis && type_byte == 26;
                if converted {
                    let of_another = matches!(given, Err(Error::Unsupported { .. }));
                    assert!(!of_another, "{target} {dialect} {type_byte}: {given:?}");
                } else if own && target.holds_type(type_byte) {
                    assert_eq!(given, Ok(()), "{target} {dialect} {type_byte}");
                } else {
                    let key = KeyName::new(b"k");
                    let refused = Error::Unsupported { key, dialect, type_byte, target };
                    assert_eq!(given, Err(refused), "{target} {dialect} {type_byte}");
                    assert!(out.is_empty());
                }
            }
        }
    }
}
