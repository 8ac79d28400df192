//! What is written reads back: any data, for any target, whole and in pieces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, option, prelude::*};
use redwire_rdb::{
    DecodeOptions, Dialect, EncodeOptions, Encoder, Error, KeyMeta, ListPlan, Thresholds, Version,
};
use support::{
    Contents, Key, Value, decode, decode_cut, decode_payload,
    write::{write, write_in_pieces},
};

type Bytes = Vec<u8>;

const TARGETS: &[&str] = &["6.0", "7.0", "7.2", "8.0", "8.6", "valkey 8.1", "valkey 9.1"];

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        collection::vec(any::<u8>(), 0..24),
        "[a-c]{0,12}".prop_map(String::into_bytes),
        "[a-d ]{60,300}".prop_map(String::into_bytes),
        (any::<i64>(), 0..64u32).prop_map(|(int, by)| (int >> by).to_string().into_bytes()),
        (8_000..20_000usize).prop_map(|len| vec![b'w'; len]),
    ]
}

/// What belongs into compact forms.
fn small() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => "[a-z0-9]{0,6}".prop_map(String::into_bytes),
        2 => (-300..300i64).prop_map(|int| int.to_string().into_bytes()),
        1 => bytes(),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-50..50i32).prop_map(f64::from),
        any::<f64>().prop_filter("no score", |score| !score.is_nan()),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let distinct = || collection::btree_set(small(), 1..30);
    prop_oneof![
        bytes().prop_map(Value::String),
        collection::vec(small(), 1..40).prop_map(Value::List),
        distinct().prop_map(|set| Value::Set(set.into_iter().collect())),
        collection::btree_set((-9..99i64).prop_map(|int| int.to_string().into_bytes()), 1..30)
            .prop_map(|set| Value::Set(set.into_iter().collect())),
        collection::btree_map(small(), score(), 1..30)
            .prop_map(|zset| Value::Zset(zset.into_iter().collect())),
        collection::btree_map(small(), small(), 1..30).prop_map(|hash| Value::Hash(
            hash.into_iter().map(|(field, value)| (field, value, None)).collect()
        )),
    ]
}

#[derive(Debug, Clone)]
struct Entry {
    expire_ms: Option<u64>,
    idle: Option<u64>,
    freq: Option<u8>,
    value: Value,
}

fn entry() -> impl Strategy<Value = Entry> {
    let meta = (option::of(0..u64::MAX / 2), option::of(any::<u64>()), option::of(any::<u8>()));
    (meta, value()).prop_map(|((expire_ms, idle, freq), value)| Entry {
        expire_ms: expire_ms.filter(|ms| *ms != u64::MAX),
        idle,
        freq,
        value,
    })
}

fn options() -> impl Strategy<Value = EncodeOptions> {
    let target = prop::sample::select(TARGETS);
    (target, any::<bool>(), any::<bool>(), 0..3usize).prop_map(
        |(target, compress, checksum, size)| {
            let entries = [0, 8, 128][size];
            let thresholds = Thresholds {
                hash_max_listpack_entries: entries,
                zset_max_listpack_entries: entries,
                set_max_listpack_entries: entries,
                set_max_intset_entries: entries,
                list_node_bytes: [0, 60, 8192][size],
                list_node_elements: [usize::MAX, 5, 1][size],
                ..Thresholds::default()
            };
            EncodeOptions { target: target.parse().unwrap(), compress, checksum, thresholds }
        },
    )
}

/// The whole file, in the pieces that a caller would send.
fn encode(entries: &BTreeMap<Bytes, Entry>, options: EncodeOptions, pieces: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(options);
    let (mut file, mut out) = (Vec::new(), Vec::new());
    encoder.start(&mut out);
    encoder.aux(&mut out, b"redis-bits", b"64");
    encoder.select_db(&mut out, 3, entries.len() as u64, 1);
    for (key, entry) in entries {
        let Entry { expire_ms, idle, freq, ref value } = *entry;
        let meta = KeyMeta { key, expire_ms, idle, freq };
        let write = if pieces { write_in_pieces } else { write };
        write(&mut encoder, &mut out, &meta, value);
        file.append(&mut out);
    }
    encoder.end(&mut out);
    file.append(&mut out);
    file
}

/// Without an order where the format has none.
fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    match &mut value {
        Value::Set(items) => items.sort(),
        Value::Zset(items) => items.sort_by(|a, b| a.0.cmp(&b.0)),
        Value::Hash(items) => items.sort(),
        _ => {}
    }
    value
}

fn same(contents: &Contents, entries: &BTreeMap<Bytes, Entry>) -> Result<(), TestCaseError> {
    prop_assert_eq!(&contents.aux, &[(b"redis-bits".to_vec(), b"64".to_vec())]);
    prop_assert_eq!(&contents.sizes, &[(3, entries.len() as u64, 1)]);
    prop_assert_eq!(contents.keys.len(), entries.len());
    for (key, (name, entry)) in contents.keys.iter().zip(entries) {
        prop_assert_eq!((key.db, &key.name), (3, name));
        prop_assert_eq!(key.expire_ms, entry.expire_ms);
        prop_assert_eq!((key.idle, key.freq), (entry.idle, entry.freq));
        prop_assert_eq!(sorted(&key.value), sorted(&entry.value));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_reads_back(
        entries in collection::btree_map(bytes(), entry(), 0..8), options in options()
    ) {
        let target = options.target;
        let file = encode(&entries, options, false);
        prop_assert!(file.starts_with(&target.magic()));
        same(&decode(&file).unwrap(), &entries)?;
    }

    #[test]
    fn what_is_written_in_pieces_reads_back(
        entries in collection::btree_map(bytes(), entry(), 0..8), options in options()
    ) {
        same(&decode(&encode(&entries, options, true)).unwrap(), &entries)?;
    }

    #[test]
    fn fields_that_expire_read_back(
        fields in collection::btree_map(small(), (small(), option::of(0..1u64 << 45)), 1..20),
        options in options(),
    ) {
        let target = options.target;
        let expire = fields.values().any(|(_, expires_ms)| expires_ms.is_some());
        let mut encoder = Encoder::for_payloads(options);
        let mut payload = Vec::new();
        let items = fields.iter().map(|(field, (value, at))| (&field[..], &value[..], *at));
        let written = encoder.hash_expiring(&mut payload, &KeyMeta::new(b"h"), items);
        if expire && !target.holds_type(24) && !target.holds_type(22) {
            prop_assert_eq!(
                written.unwrap_err().to_string(),
                format!("a {target} file cannot hold type 24 of Redis (key \"h\")")
            );
            prop_assert!(payload.is_empty());
            return Ok(());
        }
        encoder.end(&mut payload);
        if let Some(least) = fields.values().filter_map(|(_, at)| *at).min() {
            let (mut pieces, meta) = (Vec::new(), KeyMeta::new(b"h"));
            encoder.begin_hash_expiring(&mut pieces, &meta, fields.len() as u64, least).unwrap();
            for (field, (value, at)) in &fields {
                encoder.push_expiring(&mut pieces, field, value, *at);
            }
            encoder.finish(&mut pieces).unwrap();
            encoder.end(&mut pieces);
            prop_assert_eq!(&pieces, &payload);
        }
        let fields = fields.into_iter().map(|(field, (value, at))| (field, value, at));
        let read = decode_payload(&payload).unwrap().value;
        prop_assert_eq!(sorted(&read), Value::Hash(fields.collect()));
    }

    #[test]
    fn payloads_read_back(values in collection::vec(value(), 1..5), options in options()) {
        let mut encoder = Encoder::for_payloads(options);
        for value in values {
            let mut payload = Vec::new();
            write(&mut encoder, &mut payload, &KeyMeta::new(b"left out"), &value);
            encoder.end(&mut payload);
            let read = decode_payload(&payload).unwrap();
            prop_assert_eq!(sorted(&read.value), sorted(&value));
        }
    }

    #[test]
    fn pieces_of_the_input_make_no_difference(
        entries in collection::btree_map(bytes(), entry(), 0..6),
        options in options(),
        cuts in collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let file = encode(&entries, options, false);
        let cuts: BTreeSet<usize> = cuts.iter().map(|cut| cut.index(file.len())).collect();
        let cuts: Vec<usize> = cuts.into_iter().collect();
        let whole = decode(&file).unwrap();
        prop_assert_eq!(decode_cut(&file, &cuts, DecodeOptions::default()).unwrap(), whole);
    }

    #[test]
    fn another_byte_anywhere_is_noticed(
        entries in collection::btree_map(bytes(), entry(), 1..4),
        mut options in options(),
        at: prop::sample::Index,
        bit in 0..8u8,
    ) {
        options.checksum = true;
        let mut file = encode(&entries, options, false);
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        // Below version 5 files have no checksum: 11 is one bit from 1.
        prop_assume!(!matches!(&file[..9], b"REDIS0001" | b"REDIS0002" | b"REDIS0003" | b"REDIS0004"));
        prop_assert!(decode(&file).is_err());
    }

    #[test]
    fn without_its_checksum_it_still_ends_in_an_answer(
        entries in collection::btree_map(bytes(), entry(), 1..4),
        mut options in options(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        options.checksum = false;
        let mut file = encode(&entries, options, false);
        let at = at.index(file.len() - 8);
        file[at] = byte;
        let _ = decode(&file);
    }
}

fn types_of(entries: &[(&str, Value)], target: Version) -> Vec<u8> {
    let entries = entries.iter().map(|(key, value)| {
        let entry = Entry { expire_ms: None, idle: None, freq: None, value: value.clone() };
        (key.as_bytes().to_vec(), entry)
    });
    let options = EncodeOptions { target, ..EncodeOptions::default() };
    let file = encode(&entries.collect(), options, false);
    decode(&file).unwrap().keys.iter().map(|key: &Key| key.type_byte).collect()
}

#[test]
fn targets_get_the_types_that_they_know() {
    let text = |text: &str| text.as_bytes().to_vec();
    let numbers = |len: i32| (0..len).map(|n| text(&n.to_string())).collect::<Vec<_>>();
    let names = |len: i32| (0..len).map(|n| text(&format!("n{n}"))).collect::<Vec<_>>();
    let pairs = |len| names(len).into_iter().map(|name| (name, text("v"), None)).collect();
    let scored = |len: i32| names(len).into_iter().zip((0..len).map(f64::from)).collect();
    let entries = [
        ("a", Value::String(text("v"))),
        ("b", Value::List(names(5))),
        ("c", Value::Set(numbers(512))),
        ("d", Value::Set(numbers(513))),
        ("e", Value::Set(names(128))),
        ("f", Value::Set(names(129))),
        ("g", Value::Hash(pairs(512))),
        ("h", Value::Hash(pairs(513))),
        ("i", Value::Hash(vec![(text("f"), vec![b'x'; 65], None)])),
        ("j", Value::Zset(scored(128))),
        ("k", Value::Zset(scored(129))),
        ("l", Value::Zset(scored(9).into_iter().rev().collect())),
    ];
    let types = |target| types_of(&entries, target);
    assert_eq!(types(Version::REDIS_6_0), [0, 14, 11, 2, 2, 2, 13, 4, 4, 12, 5, 5]);
    assert_eq!(types(Version::REDIS_7_0), [0, 18, 11, 2, 2, 2, 16, 4, 4, 17, 5, 5]);
    assert_eq!(types(Version::REDIS_7_2), [0, 18, 11, 2, 20, 2, 16, 4, 4, 17, 5, 5]);
    assert_eq!(types(Version::VALKEY_9), [0, 18, 11, 2, 20, 2, 16, 4, 4, 17, 5, 5]);
}

#[test]
fn defaults_are_the_servers() {
    let limits = Thresholds::default();
    assert_eq!((limits.hash_max_listpack_entries, limits.hash_max_listpack_value), (512, 64));
    assert_eq!((limits.zset_max_listpack_entries, limits.zset_max_listpack_value), (128, 64));
    assert_eq!((limits.set_max_listpack_entries, limits.set_max_listpack_value), (128, 64));
    assert_eq!((limits.set_max_intset_entries, limits.list_node_bytes), (512, 8192));
    assert_eq!(EncodeOptions::default().target, Version::REDIS_6_0);
}

#[test]
fn empty_collections_are_not_written() {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut out = Vec::new();
    for value in [
        Value::List(Vec::new()),
        Value::Set(Vec::new()),
        Value::Zset(Vec::new()),
        Value::Hash(Vec::new()),
    ] {
        write(&mut encoder, &mut out, &KeyMeta::new(b"k"), &value);
    }
    assert!(out.is_empty());
}

#[test]
fn a_target_without_the_type_gets_nothing_of_the_key() {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut out = Vec::new();
    let mut opaque = |out: &mut Vec<u8>, key: &[u8], dialect, type_byte| {
        encoder.opaque(out, &KeyMeta::new(key), dialect, type_byte, b"body")
    };
    let error = opaque(&mut out, b"hash", Dialect::Valkey, 22).unwrap_err();
    let text = "a REDIS0009 file cannot hold type 22 of Valkey (key \"hash\")";
    assert_eq!(error.to_string(), text);
    // A stream could be converted, but this is none.
    assert!(opaque(&mut out, b"events", Dialect::Redis, 21).is_err());
    assert!(out.is_empty());
    opaque(&mut out, b"module", Dialect::Valkey, 7).unwrap();
    assert!(out.ends_with(b"\x07\x06modulebody"));
    let written = out.len();
    assert!(encoder.function(&mut out, b"#!lua name=x").is_err());
    assert_eq!(out.len(), written);
}

#[test]
fn announced_and_written_elements_are_compared() {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut out = Vec::new();
    let meta = KeyMeta::new(b"k");
    let count = |announced, written| Err(Error::Count { announced, written });
    encoder.begin_set(&mut out, &meta, 2);
    encoder.push(&mut out, b"a");
    assert_eq!(encoder.finish(&mut out), count(2, 1));
    encoder.begin_hash(&mut out, &meta, 1);
    encoder.push(&mut out, b"a");
    assert_eq!(encoder.finish(&mut out), count(1, 0));
    encoder.begin_zset(&mut out, &meta, 1);
    encoder.begin_hash(&mut out, &meta, 1);
    encoder.push_field(&mut out, b"f", b"v");
    assert_eq!(encoder.finish(&mut out), count(1, 0));
    let mut plan = ListPlan::new(encoder.options());
    plan.item(b"short");
    encoder.begin_list(&mut out, &meta, &plan);
    encoder.push(&mut out, b"short");
    assert_eq!(encoder.finish(&mut out), Ok(()));
    encoder.begin_list(&mut out, &meta, &plan);
    encoder.push(&mut out, b"short");
    encoder.push(&mut out, &[b'x'; 10_000]);
    assert_eq!(encoder.finish(&mut out), count(1, 2));
}
