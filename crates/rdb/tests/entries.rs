//! Whole keys are what their events are, however the input is cut.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use proptest::{collection::vec, prelude::*};
use redwire_rdb::{
    DecodeOptions, EncodeOptions, Encoder, Error, Event, Fault, KeyMeta, Kind, Version, dump,
    entry::{Entries, Entry, Item, Value as Whole},
};
use support::{Contents, Key, Stream, Value, corpus, decode, decode_payload, decode_with, files};

/// The files in this folder, and those of the corpus up to `size`.
fn some_files(size: usize, test: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    assert!(found.len() >= 5);
    if let Some(corpus) = corpus(test) {
        for folder in ["old", "gen", "corrupt"] {
            found.extend(files(&corpus.join(folder)));
        }
    }
    found.retain(|(_, bytes)| bytes.len() <= size);
    found
}

fn owned(value: &Whole<'_>) -> Value {
    match value {
        Whole::String(bytes) => Value::String(bytes.to_vec()),
        Whole::List(items) => Value::List(items.clone().map(<[u8]>::to_vec).collect()),
        Whole::Set(items) => Value::Set(items.clone().map(<[u8]>::to_vec).collect()),
        Whole::Zset(items) => {
            Value::Zset(items.clone().map(|(member, score)| (member.to_vec(), score)).collect())
        }
        Whole::Hash(items) => {
            let own = |(field, value, at): (&[u8], &[u8], _)| (field.to_vec(), value.to_vec(), at);
            Value::Hash(items.clone().map(own).collect())
        }
        Whole::Stream(bytes) => {
            let mut stream = Stream::default();
            bytes.parts(|part| stream.take(*part)).unwrap();
            Value::Stream(stream)
        }
        Whole::Opaque { type_byte, body, .. } => Value::Opaque(*type_byte, body.to_vec()),
        _ => unreachable!(),
    }
}

fn key_of(entry: &Entry<'_>) -> Key {
    let header = entry.header;
    Key {
        db: entry.db,
        name: header.key.to_vec(),
        expire_ms: header.expire_ms,
        idle: header.idle,
        freq: header.freq,
        type_byte: header.type_byte,
        value: owned(&entry.value),
    }
}

/// What stands in a file that arrives cut at these places.
fn read_cut(bytes: &[u8], cuts: &[usize]) -> Result<Contents, Error> {
    let mut contents = Contents::default();
    let mut entries = Entries::new(DecodeOptions::default());
    let mut used = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        loop {
            // Another place in memory each time, as when a buffer grows.
            let unread = bytes[used..end].to_vec();
            let decoded = entries.decode(&unread)?;
            used += decoded.used;
            match decoded.item {
                Some(Item::Entry(entry)) => contents.keys.push(key_of(&entry)),
                Some(Item::Between(event)) => contents.take(event),
                None => break,
            }
        }
        assert_eq!(entries.offset(), used as u64);
        assert!(entries.is_done() || entries.wanted() > end - used);
    }
    entries.finish()?;
    Ok(contents)
}

/// What the events are, in none of which an element comes twice.
fn events(bytes: &[u8]) -> Result<Contents, Error> {
    let contents = decode(bytes)?;
    if contents.duplicates() == 0 {
        return Ok(contents);
    }
    decode_with(bytes, DecodeOptions { refuse_all_duplicates: true, ..DecodeOptions::default() })
}

#[test]
fn entries_are_what_the_events_are() {
    for (name, bytes) in some_files(2 << 20, "entries of the corpus' files") {
        assert_eq!(read_cut(&bytes, &[]), events(&bytes), "{name}");
    }
}

#[test]
fn every_cut_gives_the_same() {
    for (name, bytes) in some_files(400, "cuts of entries") {
        let whole = events(&bytes);
        for cut in 0..bytes.len() {
            assert_eq!(read_cut(&bytes, &[cut]), whole, "{name} cut at {cut}");
        }
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(read_cut(&bytes, &cuts), whole, "{name} byte by byte");
    }
}

#[test]
fn raw_strings_are_borrowed_and_others_are_not_lost() {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut file = Vec::new();
    encoder.start(&mut file);
    encoder.select_db(&mut file, 7, 2, 0);
    let members: [&[u8]; 3] = [b"as it is", b"12345", &[b'z'; 90]];
    encoder.list(&mut file, &KeyMeta::new(b"key"), members.into_iter());
    encoder.end(&mut file);
    let mut entries = Entries::new(DecodeOptions::default());
    let mut unread = &file[..];
    loop {
        let decoded = entries.decode(unread).unwrap();
        if let Some(Item::Entry(entry)) = decoded.item {
            assert_eq!((entry.db, entry.header.kind), (7, Kind::List));
            assert!(unread.as_ptr_range().contains(&entry.header.key.as_ptr()));
            let Whole::List(list) = entry.value else { panic!("{:?}", entry.value) };
            assert_eq!(list.clone().collect::<Vec<_>>(), members);
            assert_eq!(
                list.clone().rev().collect::<Vec<_>>(),
                [members[2], members[1], members[0]]
            );
            assert_eq!((list.len(), list.clone().nth(1)), (3, Some(members[1])));
            return;
        }
        unread = &unread[decoded.used..];
    }
}

/// All keys of the corpus that were written whole.
fn keys_with_values(test: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = some_files(1 << 20, test);
    found.retain(|(_, bytes)| decode(bytes).is_ok_and(|contents| contents.duplicates() == 0));
    found
}

#[test]
fn what_is_read_whole_is_written_whole() {
    for (name, bytes) in keys_with_values("files read whole and written") {
        let whole = decode(&bytes).unwrap();
        for target in ["8.6", "valkey 9.1"] {
            let target: Version = target.parse().unwrap();
            let Some(file) = rewrite(&bytes, target) else { continue };
            // What was written once is written the same again.
            assert!(rewrite(&file, target).unwrap() == file, "{name} for {target}");
            let mut written = decode(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut read = whole.clone();
            // What is empty is not written.
            read.keys.retain(|key| owned_len(&key.value) != Some(0));
            for key in written.keys.iter_mut().chain(&mut read.keys) {
                normalize(key);
            }
            assert_eq!(written.keys, read.keys, "{name} for {target}");
        }
    }
}

fn owned_len(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) | Value::Set(items) => Some(items.len()),
        Value::Zset(items) => Some(items.len()),
        Value::Hash(items) => Some(items.len()),
        _ => None,
    }
}

/// Leaves out what differs from one version to the next, and brings into order what has none.
fn normalize(key: &mut Key) {
    key.type_byte = 0;
    match &mut key.value {
        Value::Set(items) => items.sort(),
        Value::Zset(items) => items.sort_by(|a, b| a.0.cmp(&b.0)),
        Value::Hash(items) => items.sort(),
        Value::Stream(stream) => {
            stream.producers.clear();
            stream.head.counts = None;
            stream.head.length = stream.entries.len() as u64;
            for group in &mut stream.groups {
                group.entries_read = None;
                group.consumers.iter_mut().for_each(|consumer| consumer.active_ms = None);
            }
        }
        _ => {}
    }
}

/// The file's keys for `target`; `None` when it cannot hold them.
fn rewrite(bytes: &[u8], target: Version) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new(EncodeOptions { target, ..EncodeOptions::default() });
    let mut file = Vec::new();
    encoder.start(&mut file);
    let mut entries = Entries::new(DecodeOptions::default());
    let mut unread = bytes;
    let mut db = None;
    while !entries.is_done() {
        let decoded = entries.decode(unread).unwrap();
        unread = &unread[decoded.used..];
        let Some(Item::Entry(entry)) = decoded.item else { continue };
        if entry.value.is_empty() {
            continue;
        }
        if db != Some(entry.db) {
            db = Some(entry.db);
            encoder.select_db(&mut file, entry.db, 0, 0);
        }
        let meta = KeyMeta::from(entry.header);
        match encoder.value(&mut file, &meta, &entry.value) {
            Ok(()) => {}
            Err(Error::Unsupported { .. }) => return None,
            Err(error) => panic!("{error}"),
        }
    }
    encoder.end(&mut file);
    Some(file)
}

/// DUMP payloads of the corpus, with the version that they are of.
fn payloads(test: &str) -> Vec<(String, Vec<u8>)> {
    let Some(corpus) = corpus(test) else { return Vec::new() };
    let found: Vec<_> = std::fs::read_dir(corpus.join("dump_payloads"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| Some((path.display().to_string(), std::fs::read(path).ok()?)))
        .filter(|(_, bytes)| dump::open(bytes).is_ok())
        .collect();
    assert!(found.len() > 20, "{}", found.len());
    found
}

#[test]
fn payloads_are_converted_from_any_version_to_any() {
    let targets = ["6.0", "7.0", "7.2", "8.0", "8.6", "valkey 8.1", "valkey 9.1"];
    for (name, payload) in payloads("conversion of DUMP payloads") {
        let Ok(mut value) = decode_payload(&payload) else { continue };
        normalize(&mut value);
        for target in targets {
            let target: Version = target.parse().unwrap();
            let options = EncodeOptions { target, ..EncodeOptions::default() };
            let mut out = b"before".to_vec();
            match dump::convert(&mut out, &payload, options) {
                Ok(()) => {
                    assert_eq!(dump::open(&out[6..]).unwrap().version, target, "{name}");
                    let mut converted = decode_payload(&out[6..]).unwrap();
                    normalize(&mut converted);
                    assert_eq!(converted, value, "{name} for {target}");
                }
                Err(Error::Unsupported { .. }) => {
                    let expires = matches!(&value.value, Value::Hash(fields)
                        if fields.iter().any(|field| field.2.is_some()));
                    assert!(expires && !target.holds_type(24) && !target.holds_type(22), "{name}");
                    assert_eq!(out, b"before");
                }
                Err(error) => panic!("{name} for {target}: {error}"),
            }
        }
    }
}

#[test]
fn what_restore_refuses_is_not_converted() {
    let convert = |value: &[u8]| {
        let mut payload = value.to_vec();
        dump::close(&mut payload, Version::REDIS_7_2);
        let mut out = Vec::new();
        let result = dump::convert(&mut out, &payload, EncodeOptions::default());
        assert_eq!(result.is_err(), out.is_empty());
        result
    };
    assert_eq!(convert(b"\x00\x02ok"), Ok(()));
    // Servers do not look at what follows.
    assert_eq!(convert(b"\x00\x02okxyz"), Ok(()));
    let fault = |result: Result<(), Error>| match result {
        Err(Error::Malformed { fault, .. }) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(convert(b"\x02\x00")), Fault::Empty);
    let said = |value: &[u8]| convert(value).unwrap_err().to_string();
    assert_eq!(said(b"\x02\x02\x01a\x01a"), "duplicate element at offset 4 (type 2)");
    let cut = "input ends at offset 5, before the end of the file";
    assert_eq!(said(b"\x02\x02\x01a\x01"), format!("{cut} (type 2)"));
    assert!(matches!(convert(b""), Err(Error::Truncated { offset: 0, type_byte: None, .. })));
}

proptest! {
    #[test]
    fn fields_keep_the_expiry_that_is_theirs(
        fields in vec(("[a-z]{1,9}", "[a-z]{0,9}", prop::option::weighted(0.3, 0..1u64 << 45)), 1..30),
    ) {
        let fields: std::collections::BTreeMap<_, _> =
            fields.into_iter().map(|(field, value, at)| (field, (value, at))).collect();
        let options = EncodeOptions { target: Version::REDIS_8_6, ..EncodeOptions::default() };
        let mut encoder = Encoder::for_payloads(options);
        let mut payload = Vec::new();
        let items =
            fields.iter().map(|(field, (value, at))| (field.as_bytes(), value.as_bytes(), *at));
        encoder.hash_expiring(&mut payload, &KeyMeta::new(b""), items.clone()).unwrap();
        encoder.end(&mut payload);
        let opened = dump::open(&payload).unwrap();
        let mut entries = Entries::for_value(opened.version, DecodeOptions::default());
        let decoded = entries.decode(opened.value).unwrap();
        prop_assert_eq!(decoded.used, opened.value.len());
        let Some(Item::Entry(entry)) = decoded.item else { panic!("no entry") };
        let Whole::Hash(read) = entry.value else { panic!("no hash") };
        let mut read: Vec<_> = read.collect();
        read.sort();
        prop_assert_eq!(read, items.collect::<Vec<_>>());
        let end = entries.decode(&[]).unwrap().item;
        prop_assert!(matches!(end, Some(Item::Between(Event::End))));
    }
}
