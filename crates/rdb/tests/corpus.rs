//! Real and damaged files, whose truth real servers told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{collections::BTreeMap, path::Path};

use redwire_rdb::DecodeOptions;
use support::{
    Contents, Key, Stream, Value, corpus, decode, decode_payload, decode_with, files,
    json::{self, Json},
    sha256,
};

/// Files that no server loads for what stands in them, not for a module that it lacks.
const REFUSED: [&str; 7] = [
    "hdt_zipmap_big_len.rdb",
    "librdb_invalid_chksum_v8.rdb",
    "redis_corrupt_ziplist.rdb",
    "redisevent_module.rdb",
    "redisshake_dump.rdb",
    "upstash_bad-header.rdb",
    "upstash_from-future.rdb",
];

/// Files among the damaged that servers load, the empty collections with a warning.
const FINE: [&str; 4] =
    ["empty_list.rdb", "lp_count_unknown_ok.rdb", "quicklist_zero_nodes.rdb", "resizedb_huge.rdb"];

/// The bytes of which the truth has the digest: `$<len>:` and a string, `*<n>:` and items.
#[derive(Default)]
struct Canonical(Vec<u8>);

impl Canonical {
    fn string(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(format!("${}:", bytes.len()).as_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn array(&mut self, len: usize) {
        self.0.extend_from_slice(format!("*{len}:").as_bytes());
    }
}

/// A number as Python prints it.
fn python(number: f64) -> String {
    let magnitude = number.abs();
    if number.is_infinite() || magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// The digest of a value, if it is of a type that is decoded.
fn digest(value: &Value, zero: f64) -> Option<String> {
    let mut out = Canonical::default();
    match value.clone() {
        Value::String(bytes) => out.string(&bytes),
        Value::List(items) => {
            out.array(items.len());
            items.iter().for_each(|item| out.string(item));
        }
        Value::Set(mut items) => {
            items.sort();
            out.array(items.len());
            items.iter().for_each(|item| out.string(item));
        }
        Value::Hash(mut items) => {
            items.sort();
            out.array(items.len());
            for (field, value, _) in items {
                out.array(2);
                out.string(&field);
                out.string(&value);
            }
        }
        Value::Zset(mut items) => {
            items.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
            out.array(items.len());
            for (member, score) in items {
                out.array(2);
                out.string(&member);
                out.string(python(score + zero).as_bytes());
            }
        }
        Value::Stream(stream) => {
            out.array(stream.entries.len());
            for (id, fields) in stream.entries {
                out.array(2);
                out.string(id.to_string().as_bytes());
                out.array(fields.len());
                fields.iter().for_each(|field| out.string(field));
            }
        }
        Value::Opaque(..) => return None,
    }
    Some(sha256::hex(&out.0))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::List(_) => "list",
        Value::Set(_) => "set",
        Value::Zset(_) => "zset",
        Value::Hash(_) => "hash",
        Value::Stream(_) => "stream",
        Value::Opaque(..) => "module",
    }
}

fn compare(file: &str, contents: &Contents, truth: &Json) {
    let dbs = contents.by_db();
    let mut told = 0;
    for (db, truth) in truth.get("dbs").unwrap().object() {
        let db: u32 = db.parse().unwrap();
        for entry in truth.get("keys").unwrap().array() {
            let name = entry.get("key").unwrap();
            // Written by the AOF's other part.
            if matches!(name, Json::String(name) if name.starts_with("tail:")) {
                continue;
            }
            told += 1;
            let key = dbs.get(&db).and_then(|keys| find(keys, name));
            let key = key.unwrap_or_else(|| panic!("{file}: no key {name:?} in {db}"));
            compare_key(file, key, entry);
            compare_field_expiries(file, key, entry);
            compare_dump(file, key, entry);
            compare_xinfo(file, key, entry);
        }
    }
    // The server that told the truth had dropped what had expired by then.
    let expired = contents.keys.iter().filter(|key| key.expire_ms.is_some()).count();
    let found = contents.keys.len();
    assert!(told <= found && found <= told + expired, "{file}: {told} told, {found} found");
}

/// A key by its name, or by its name's digest where that is long.
fn find<'a>(keys: &BTreeMap<&[u8], &'a Key>, name: &Json) -> Option<&'a Key> {
    match name.get("sha256") {
        Some(told) => {
            let mut names = keys.iter();
            names.find(|(name, _)| sha256::hex(name) == told.str()).map(|(_, key)| *key)
        }
        None => keys.get(&name.bytes()[..]).copied(),
    }
}

fn compare_key(file: &str, key: &Key, truth: &Json) {
    let name = key.name.escape_ascii();
    assert_eq!(type_name(&key.value), truth.get("type").unwrap().str(), "{file}: {name}");
    let expire = truth.get("pexpiretime").unwrap().number();
    assert_eq!(key.expire_ms.map_or(-1.0, |ms| ms as f64), expire, "{file}: {name}");
    // Servers turn -0 into 0 where they turn a large sorted set into a small one.
    if let (Some(kept), Some(turned)) = (digest(&key.value, -0.0), digest(&key.value, 0.0)) {
        let told = truth.get("sha256").unwrap().str();
        assert!(kept == told || turned == told, "{file}: {name} {:?}", key.value);
    }
}

/// The fields that expire, by name.
fn compare_field_expiries(file: &str, key: &Key, truth: &Json) {
    let Value::Hash(items) = &key.value else { return };
    let mut found: Vec<(Vec<u8>, u64)> =
        items.iter().filter_map(|item| Some((item.0.clone(), item.2?))).collect();
    found.sort();
    let told = truth.get("field_pexpiretime").map_or(&[][..], Json::array);
    let mut told: Vec<(Vec<u8>, u64)> = told
        .iter()
        .map(|field| (field.array()[0].bytes(), field.array()[1].number() as u64))
        .collect();
    told.sort();
    assert_eq!(found, told, "{file}: {}", key.name.escape_ascii());
}

/// What the server gave for DUMP is the key's value in another wrapping.
fn compare_dump(file: &str, key: &Key, truth: &Json) {
    let Some(payload) = truth.get("dump_b64") else { return };
    let mut dumped = decode_payload(&json::base64(payload.str())).unwrap();
    let mut value = key.value.clone();
    for value in [&mut dumped.value, &mut value] {
        match value {
            Value::Set(items) => items.sort(),
            Value::Hash(items) => items.sort(),
            Value::Zset(items) => items.sort_by(|a, b| a.0.cmp(&b.0)),
            Value::Stream(stream) => forget_times(stream),
            _ => {}
        }
    }
    assert_eq!(dumped.value, value, "{file}: {}", key.name.escape_ascii());
}

/// Consumers were seen at other times when the server gave DUMP.
fn forget_times(stream: &mut Stream) {
    for consumer in stream.groups.iter_mut().flat_map(|group| &mut group.consumers) {
        consumer.seen_ms = 0;
        consumer.active_ms = consumer.active_ms.map(|_| 0);
    }
}

/// What XINFO STREAM FULL told, names and values in turn.
fn compare_xinfo(file: &str, key: &Key, truth: &Json) {
    let (Value::Stream(stream), Some(told)) = (&key.value, truth.get("xinfo_full")) else { return };
    let name = key.name.escape_ascii();
    let is = |told: &Json, field: &str, found: String| {
        if let Some(told) = pair(told, field) {
            let told = match told {
                Json::Number(number) => format!("{number}"),
                other => String::from_utf8(other.bytes()).unwrap(),
            };
            assert_eq!(found, told, "{file}: {name} {field}");
        }
    };
    // What the file says, which in some of Redis 5 is not how many there are.
    is(told, "length", stream.head.length.to_string());
    is(told, "last-generated-id", stream.head.last_id.to_string());
    if let Some(counts) = stream.head.counts {
        is(told, "max-deleted-entry-id", counts.max_deleted_id.to_string());
        is(told, "entries-added", counts.entries_added.to_string());
        is(told, "recorded-first-entry-id", counts.first_id.to_string());
    }
    let groups = pair(told, "groups").map_or(&[][..], Json::array);
    assert_eq!(groups.len(), stream.groups.len(), "{file}: {name}");
    for (told, group) in groups.iter().zip(&stream.groups) {
        assert_eq!(pair(told, "name").unwrap().bytes(), group.name, "{file}: {name}");
        is(told, "last-delivered-id", group.last_id.to_string());
        is(told, "pel-count", group.pending.len().to_string());
        let consumers = pair(told, "consumers").unwrap().array();
        assert_eq!(consumers.len(), group.consumers.len(), "{file}: {name}");
        for (told, consumer) in consumers.iter().zip(&group.consumers) {
            assert_eq!(pair(told, "name").unwrap().bytes(), consumer.name, "{file}: {name}");
            is(told, "pel-count", consumer.owned.len().to_string());
        }
    }
}

/// The value behind a name in a flat list.
fn pair<'a>(list: &'a Json, name: &str) -> Option<&'a Json> {
    let found =
        list.array().chunks(2).find(|pair| matches!(&pair[0], Json::String(told) if told == name));
    found.map(|pair| &pair[1])
}

fn compare_folder(folder: &Path) {
    for (name, bytes) in files(folder) {
        let path = folder.join(format!("{name}.json"));
        let truth = std::fs::read_to_string(path).ok().map(|text| Json::parse(&text));
        let contents = match decode(&bytes) {
            Ok(contents) => contents,
            Err(error) => {
                assert!(REFUSED.contains(&name.as_str()), "{name}: {error}");
                continue;
            }
        };
        assert!(!REFUSED.contains(&name.as_str()), "{name} is read");
        assert_eq!(contents.duplicates(), 0, "{name}");
        if let Some(truth) = truth.filter(|truth| truth.get("dbs").is_some()) {
            compare(&name, &contents, &truth);
        }
    }
}

#[test]
fn generated_files_are_read_as_servers_read_them() {
    if let Some(corpus) = corpus("generated files") {
        compare_folder(&corpus.join("gen"));
    }
}

#[test]
fn old_files_are_read_as_servers_read_them() {
    if let Some(corpus) = corpus("old files") {
        compare_folder(&corpus.join("old"));
    }
}

#[test]
fn damaged_files_are_refused() {
    let Some(corpus) = corpus("damaged files") else { return };
    for (name, bytes) in files(&corpus.join("corrupt")) {
        let options = DecodeOptions { refuse_all_duplicates: true, ..Default::default() };
        let result = decode_with(&bytes, options);
        assert_eq!(result.is_err(), !FINE.contains(&name.as_str()), "{name}: {result:?}");
    }
}

#[test]
fn payloads_are_read_as_servers_read_them() {
    let Some(corpus) = corpus("DUMP payloads") else { return };
    let folder = corpus.join("dump_payloads");
    let truth = Json::parse(&std::fs::read_to_string(folder.join("TRUTH.json")).unwrap());
    for (name, told) in truth.object() {
        let key = decode_payload(&std::fs::read(folder.join(name)).unwrap());
        let key = key.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(f64::from(key.type_byte), told.get("type").unwrap().number(), "{name}");
        if let Some(truth) = told.get("truth") {
            compare_key(name, &key, truth);
            compare_field_expiries(name, &key, truth);
        }
    }
}
