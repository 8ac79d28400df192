//! What the tests of whole files share: the corpus, and a file's data as plain values.

#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod json;
pub(crate) mod sha256;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use redwire_rdb::{DecodeOptions, Decoder, Error, Event, Kind, dump};

/// The corpus of real and damaged files, or a line that says that it is not there.
pub(crate) fn corpus(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let path = std::env::var_os("REDWIRE_CORPUS").map_or(beside, PathBuf::from);
    let there = path.join("INDEX.md").is_file();
    if !there {
        eprintln!("SKIPPED {test}: no RDB corpus at {} (set REDWIRE_CORPUS)", path.display());
    }
    there.then_some(path)
}

/// The files of a folder of the corpus, by name.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// A value as a client would see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Zset(Vec<(Vec<u8>, f64)>),
    Hash(Vec<(Vec<u8>, Vec<u8>, Option<u64>)>),
    Opaque(u8, Vec<u8>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) db: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) expire_ms: Option<u64>,
    pub(crate) idle: Option<u64>,
    pub(crate) freq: Option<u8>,
    pub(crate) type_byte: u8,
    pub(crate) value: Value,
}

/// All that is in a file.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Contents {
    pub(crate) aux: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) functions: Vec<Vec<u8>>,
    /// Database, announced keys, announced expiries.
    pub(crate) sizes: Vec<(u32, u64, u64)>,
    pub(crate) spans: Vec<Vec<u8>>,
    pub(crate) keys: Vec<Key>,
    pub(crate) ended: bool,
    db: u32,
}

impl Contents {
    pub(crate) fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Aux { key, value } => self.aux.push((key.to_vec(), value.to_vec())),
            Event::Function(code) => self.functions.push(code.to_vec()),
            Event::SelectDb(db) => self.db = db,
            Event::ResizeDb { keys, expires } => self.sizes.push((self.db, keys, expires)),
            Event::ModuleAux(body) | Event::KeyMeta(body) | Event::SlotImport(body) => {
                self.spans.push(body.to_vec());
            }
            Event::Key(header) => self.keys.push(Key {
                db: self.db,
                name: header.key.to_vec(),
                expire_ms: header.expire_ms,
                idle: header.idle,
                freq: header.freq,
                type_byte: header.type_byte,
                value: match header.kind {
                    Kind::String => Value::String(Vec::new()),
                    Kind::List => Value::List(Vec::new()),
                    Kind::Set => Value::Set(Vec::new()),
                    Kind::Zset => Value::Zset(Vec::new()),
                    Kind::Hash => Value::Hash(Vec::new()),
                    Kind::Opaque => Value::Opaque(header.type_byte, Vec::new()),
                },
            }),
            Event::End => self.ended = true,
            Event::Start(_) | Event::SlotInfo { .. } | Event::KeyEnd { .. } => {}
            part => self.part(part),
        }
    }

    fn part(&mut self, event: Event<'_>) {
        match (event, &mut self.keys.last_mut().unwrap().value) {
            (Event::String(bytes), Value::String(value)) => *value = bytes.to_vec(),
            (Event::Element(bytes), Value::List(items) | Value::Set(items)) => {
                items.push(bytes.to_vec());
            }
            (Event::Scored(member, score), Value::Zset(items)) => {
                items.push((member.to_vec(), score));
            }
            (Event::Field { field, value, expires_ms }, Value::Hash(items)) => {
                items.push((field.to_vec(), value.to_vec(), expires_ms));
            }
            (Event::Opaque { type_byte, body }, value) => {
                *value = Value::Opaque(type_byte, body.to_vec());
            }
            (event, value) => panic!("{event:?} in {value:?}"),
        }
    }

    /// Elements that stand twice in a set, sorted set or hash.
    pub(crate) fn duplicates(&self) -> usize {
        self.keys
            .iter()
            .map(|key| {
                let names: Vec<&[u8]> = match &key.value {
                    Value::Set(items) => items.iter().map(|item| &item[..]).collect(),
                    Value::Zset(items) => items.iter().map(|item| &item.0[..]).collect(),
                    Value::Hash(items) => items.iter().map(|item| &item.0[..]).collect(),
                    _ => Vec::new(),
                };
                names.len() - names.iter().collect::<std::collections::BTreeSet<_>>().len()
            })
            .sum()
    }

    pub(crate) fn by_db(&self) -> BTreeMap<u32, BTreeMap<&[u8], &Key>> {
        let mut dbs: BTreeMap<u32, BTreeMap<&[u8], &Key>> = BTreeMap::new();
        for key in &self.keys {
            dbs.entry(key.db).or_default().insert(&key.name, key);
        }
        dbs
    }
}

/// Decodes a whole file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Contents, Error> {
    decode_with(bytes, DecodeOptions::default())
}

pub(crate) fn decode_with(bytes: &[u8], options: DecodeOptions) -> Result<Contents, Error> {
    decode_cut(bytes, &[], options)
}

/// Decodes a DUMP payload: its type and value.
pub(crate) fn decode_payload(payload: &[u8]) -> Result<Key, Error> {
    let opened = dump::open(payload)?;
    let mut decoder = Decoder::for_value(opened.version, DecodeOptions::default());
    let mut contents = Contents::default();
    let mut used = 0;
    while !decoder.is_done() {
        let decoded = decoder.decode(&opened.value[used..])?;
        used += decoded.used;
        match decoded.event {
            Some(event) => contents.take(event),
            None => decoder.finish()?,
        }
    }
    assert_eq!(used, opened.value.len());
    Ok(contents.keys.remove(0))
}

/// Decodes a file that arrives cut at these places.
pub(crate) fn decode_cut(
    bytes: &[u8],
    cuts: &[usize],
    options: DecodeOptions,
) -> Result<Contents, Error> {
    let mut contents = Contents::default();
    let mut decoder = Decoder::new(options);
    let mut used = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        loop {
            let decoded = decoder.decode(&bytes[used..end])?;
            used += decoded.used;
            assert!(used <= end);
            let Some(event) = decoded.event else { break };
            contents.take(event);
        }
        assert_eq!(decoder.offset(), used as u64);
        assert!(decoder.is_done() || decoder.wanted() > end - used);
    }
    decoder.finish()?;
    assert!(contents.ended);
    Ok(contents)
}
