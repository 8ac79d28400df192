//! What is whole of a damaged file is found again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{ops::Range, path::Path, sync::LazyLock};

use proptest::{collection::vec, prelude::*};
use redwire_rdb::{
    DecodeOptions, EncodeOptions, Encoder, Error, Event, Fault, KeyMeta, Version,
    entry::{Entry, Item, Value},
    salvage::{Lost, Salvage, Salvaged},
};
use support::{corpus, decode, files};

/// What became of a file: its keys as text, and what was lost.
#[derive(Debug, Default, PartialEq)]
struct Found {
    keys: Vec<String>,
    lost: Vec<Lost>,
    repeated: usize,
    /// Members and fields that came twice.
    twice: u64,
    checksum: bool,
    ended: bool,
}

fn text(entry: &Entry<'_>) -> String {
    let Entry { db, header, value, .. } = entry;
    let value = match value {
        Value::Stream(stream) => {
            let mut parts = Vec::new();
            stream.parts(|part| parts.push(format!("{part:?}"))).unwrap();
            format!("{parts:?}")
        }
        value => format!("{value:?}"),
    };
    format!("{db} {:?} {:?} {value}", header.key, header.expire_ms)
}

fn salvage(mut salvage: Salvage<'_>, len: usize) -> Found {
    let mut found = Found { checksum: true, ..Found::default() };
    while let Some(salvaged) = salvage.next() {
        assert!(!found.ended, "{salvaged:?} behind the end");
        match salvaged {
            Salvaged::Item(Item::Entry(entry)) => {
                found.twice += entry.repeated;
                found.keys.push(text(&entry));
            }
            Salvaged::Item(Item::Between(event)) => found.ended = event == Event::End,
            Salvaged::Repeated { .. } => found.repeated += 1,
            Salvaged::Lost(lost) => {
                let before = found.lost.last().map_or(0, |lost| lost.bytes.end);
                assert!(before <= lost.bytes.start && lost.bytes.start <= lost.bytes.end);
                assert!(lost.bytes.end <= len as u64);
                found.lost.push(lost);
            }
            Salvaged::Checksum(_) => found.checksum = false,
        }
    }
    found
}

fn of(bytes: &[u8]) -> Found {
    salvage(Salvage::new(bytes, DecodeOptions::default()).unwrap(), bytes.len())
}

fn some_files(folders: &[&str], test: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    assert!(found.len() >= 5);
    if let Some(corpus) = corpus(test) {
        folders.iter().for_each(|folder| found.extend(files(&corpus.join(folder))));
    }
    found.retain(|(_, bytes)| bytes.len() <= 100 << 10);
    found
}

#[test]
fn of_a_whole_file_nothing_is_lost() {
    for (name, bytes) in some_files(&["old", "gen"], "salvage of whole files") {
        let Ok(contents) = decode(&bytes) else { continue };
        let found = of(&bytes);
        assert_eq!(found.keys.len() + found.repeated, contents.keys.len(), "{name}");
        assert_eq!((&found.lost[..], found.checksum, found.ended), (&[][..], true, true), "{name}");
    }
}

#[test]
fn of_a_cut_file_all_keys_before_the_cut_come() {
    for (name, bytes) in some_files(&[], "") {
        let whole = of(&bytes);
        let mut most = 0;
        for end in 9..bytes.len() {
            let found = of(&bytes[..end]);
            assert!(whole.keys.starts_with(&found.keys), "{name} up to {end}");
            assert!(found.keys.len() >= most, "{name} up to {end}");
            most = found.keys.len();
            assert_eq!(found.lost.len(), 1, "{name} up to {end}");
            assert_eq!(found.lost[0].bytes.end, end as u64, "{name} up to {end}");
        }
        assert_eq!(most, whole.keys.len(), "{name}");
    }
}

#[test]
fn damage_anywhere_ends_in_an_answer() {
    for (_, bytes) in some_files(&["corrupt"], "salvage of damaged files") {
        if let Ok(found) = Salvage::new(&bytes, DecodeOptions::default()) {
            salvage(found, bytes.len());
        }
    }
}

/// A file of so many keys of each kind, and where each key stands.
fn numbered(count: usize) -> (Vec<u8>, Vec<Range<usize>>) {
    let options = EncodeOptions { target: Version::REDIS_7_2, ..EncodeOptions::default() };
    let mut encoder = Encoder::new(options);
    let (mut file, mut places) = (Vec::new(), Vec::new());
    encoder.start(&mut file);
    encoder.select_db(&mut file, 0, 0, 0);
    for number in 0..count {
        let start = file.len();
        let (key, parts) = (format!("key:{number}"), ["one", "2", "three three"]);
        let expire_ms = number.is_multiple_of(3).then_some(1_900_000_000_000);
        let meta = KeyMeta { expire_ms, ..KeyMeta::new(key.as_bytes()) };
        let parts = parts.map(str::as_bytes).into_iter();
        let out = &mut file;
        match number % 5 {
            0 => encoder.string(out, &meta, key.as_bytes()),
            1 => encoder.list(out, &meta, parts),
            2 => encoder.set(out, &meta, parts),
            3 => encoder.hash(out, &meta, parts.map(|part| (part, &b"value"[..]))),
            _ => encoder.zset(out, &meta, parts.zip([0.5, 1.0, number as f64])),
        }
        places.push(start..file.len());
    }
    encoder.end(&mut file);
    (file, places)
}

#[test]
fn a_packed_value_that_is_damaged_costs_its_key_only() {
    let (file, places) = numbered(40);
    let whole = of(&file);
    for (number, place) in places.iter().enumerate().filter(|(number, _)| number % 5 != 0) {
        let mut damaged = file.clone();
        // The end mark of a listpack, of one node for a list.
        damaged[place.end - 1] = 0xf3;
        let found = of(&damaged);
        let mut keys = whole.keys.clone();
        keys.remove(number);
        assert!(found.keys == keys, "key {number}: {:?}", found.lost);
        let [lost] = &found.lost[..] else { panic!("{:?}", found.lost) };
        assert_eq!(lost.bytes, place.start as u64..place.end as u64);
        let Error::Malformed { key, fault, .. } = &lost.error else { panic!("{}", lost.error) };
        assert_eq!(*fault, Fault::PackedEnd);
        assert_eq!(key.as_ref().unwrap().as_bytes(), format!("key:{number}").as_bytes());
        assert!(found.ended);
    }
}

#[test]
fn what_comes_twice_is_left_out() {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut file = Vec::new();
    encoder.start(&mut file);
    let set = [&b"b"[..], b"a", b"b", b"c", b"a"];
    encoder.select_db(&mut file, 0, 0, 0);
    encoder.set(&mut file, &KeyMeta::new(b"set"), set.into_iter());
    let hash = [(&b"f"[..], &b"first"[..]), (b"g", b"only"), (b"f", b"second")];
    encoder.hash(&mut file, &KeyMeta::new(b"hash"), hash.into_iter());
    let zset = [(&b"m"[..], 1.0), (b"m", 2.0), (b"n", 3.0)];
    encoder.zset(&mut file, &KeyMeta::new(b"zset"), zset.into_iter());
    encoder.string(&mut file, &KeyMeta::new(b"set"), b"again");
    encoder.select_db(&mut file, 1, 0, 0);
    encoder.string(&mut file, &KeyMeta::new(b"set"), b"elsewhere");
    encoder.end(&mut file);
    let found = of(&file);
    assert_eq!((found.twice, found.repeated, found.lost.len()), (4, 1, 0));
    let value = |bytes: &str| format!("{:?}", bytes.as_bytes());
    let name = |name: &str| value(name);
    let [b, a, c, f, g] = ["b", "a", "c", "f", "g"].map(value);
    let (first, only) = (value("first"), value("only"));
    assert_eq!(
        found.keys,
        [
            format!("0 {} None Set([{b}, {a}, {c}])", name("set")),
            format!("0 {} None Hash([({f}, {first}, None), ({g}, {only}, None)])", name("hash")),
            format!("0 {} None Zset([({}, 1.0), ({}, 3.0)])", name("zset"), value("m"), value("n")),
            format!("1 {} None String({})", name("set"), value("elsewhere")),
        ]
    );
}

#[test]
fn a_wrong_checksum_is_told_and_nothing_is_lost() {
    let (mut file, _) = numbered(10);
    let last = file.len() - 1;
    file[last] ^= 1;
    let found = of(&file);
    assert_eq!((found.keys.len(), found.lost.len()), (10, 0));
    assert_eq!((found.checksum, found.ended), (false, true));
}

#[test]
fn an_end_amid_the_file_is_none() {
    let (file, places) = numbered(40);
    // 0xff and eight bytes in the place of a key: with a checksum that is wrong, or off.
    for checksum in [[0x70; 8], [0; 8]] {
        let mut damaged = file[..places[10].start].to_vec();
        damaged.push(0xff);
        damaged.extend_from_slice(&checksum);
        damaged.extend_from_slice(&file[places[11].start..]);
        let found = of(&damaged);
        assert_eq!((found.keys.len(), found.lost.len(), found.ended), (39, 1, true));
        let start = places[10].start as u64;
        assert_eq!(found.lost[0].bytes, start..start + 9);
    }
    // What is whole has an end with anything behind it, such as the rest of an AOF.
    let mut longer = file.clone();
    longer.extend_from_slice(&[b'*'; 100]);
    let found = of(&longer);
    assert_eq!((found.keys.len(), found.lost.len(), found.ended), (40, 0, true));
}

#[test]
fn without_its_magic_a_file_is_read_as_a_version_that_is_named() {
    let (mut file, _) = numbered(10);
    file[..9].fill(b'?');
    let error = Salvage::new(&file, DecodeOptions::default()).unwrap_err();
    assert_eq!(error, Error::Magic { found: [b'?'; 9] });
    let salvaged = Salvage::with_version(&file, Version::REDIS_7_2, DecodeOptions::default());
    let found = salvage(salvaged, file.len());
    assert_eq!((found.keys.len(), found.lost.len(), found.ended), (10, 0, true));
    let short = Salvage::new(b"REDIS", DecodeOptions::default()).unwrap_err();
    assert_eq!(short, Error::Truncated { offset: 0, key: None, type_byte: None });
}

#[test]
fn a_search_without_end_is_given_up() {
    // A string's length in place of each byte: each proof reads on for as long as it may.
    let (mut file, _) = numbered(1);
    file.truncate(9);
    file.extend_from_slice(b"\x70");
    for _ in 0..20_000 {
        // A key without a name and without a value, which prove nothing.
        file.extend_from_slice(b"\0\0\0");
    }
    file.push(0x70);
    let found = of(&file);
    let [lost] = &found.lost[..] else { panic!("{:?}", found.lost) };
    assert_eq!(lost.bytes, 9..file.len() as u64);
}

/// A file of far more than a few lengths of two bytes can take along.
static LONG: LazyLock<(Vec<u8>, Vec<Range<usize>>, Found)> = LazyLock::new(|| {
    let (file, places) = numbered(2000);
    let whole = of(&file);
    (file, places, whole)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn keys_before_any_damage_come_and_those_behind_it_come_again(
        number in 0..30usize, at: prop::sample::Index, junk in vec(any::<u8>(), 0..40), cut in 0..9usize,
    ) {
        let (file, places, whole) = &*LONG;
        let place = places[number].clone();
        let at = place.start + at.index(place.len());
        let mut damaged = file[..at].to_vec();
        damaged.extend_from_slice(&junk);
        damaged.extend_from_slice(&file[(at + cut).min(place.end)..]);
        let found = of(&damaged);
        prop_assert!(found.keys.starts_with(&whole.keys[..number]));
        // What was damaged can look like a value that takes keys behind it along, but not all of
        // them; and like the name of another database.
        let name = |key: &String| key.split_once(' ').unwrap().1.to_owned();
        let last = |keys: &[String]| keys.iter().rev().take(8).map(name).collect::<Vec<_>>();
        prop_assert!(last(&found.keys) == last(&whole.keys), "{:?}", found.lost);
    }
}
