//! What the tests of whole files share: the corpus, and a file's data as plain values.

#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod json;
pub(crate) mod sha256;
pub(crate) mod write;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use redwire_rdb::{
    DecodeOptions, Decoder, Error, Event, Kind, dump,
    stream::{
        StreamConsumer, StreamGroup, StreamHead, StreamId, StreamNode, StreamPart, StreamPending,
    },
};

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
    Stream(Stream),
    Opaque(u8, Vec<u8>),
}

/// A stream, its parts as they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stream {
    /// Live entries: id, fields and values in turn.
    pub(crate) entries: Vec<(StreamId, Vec<Vec<u8>>)>,
    pub(crate) nodes: Vec<(StreamId, Vec<u8>)>,
    pub(crate) head: StreamHead,
    /// Name, last id, entries read, pending entries.
    pub(crate) groups: Vec<Group>,
    /// Idempotent producers, printed.
    pub(crate) producers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: Vec<u8>,
    pub(crate) last_id: StreamId,
    pub(crate) entries_read: Option<i64>,
    pub(crate) pending: Vec<StreamPending>,
    pub(crate) consumers: Vec<Consumer>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Consumer {
    pub(crate) name: Vec<u8>,
    pub(crate) seen_ms: i64,
    pub(crate) active_ms: Option<i64>,
    pub(crate) owned: Vec<StreamId>,
}

impl Stream {
    pub(crate) fn take(&mut self, part: StreamPart<'_>) {
        match part {
            StreamPart::Node(node) => {
                self.nodes.push((node.id(), node.listpack().to_vec()));
                for entry in node.entries().filter(|entry| !entry.deleted) {
                    let fields = entry.fields.flat_map(|(name, value)| [name, value]);
                    self.entries.push((entry.id, fields.map(|part| part.to_vec()).collect()));
                }
            }
            StreamPart::Head(head) => self.head = head,
            StreamPart::Group(group) => self.groups.push(Group {
                name: group.name.to_vec(),
                last_id: group.last_id,
                entries_read: group.entries_read,
                pending: Vec::new(),
                consumers: Vec::new(),
            }),
            StreamPart::Pending(pending) => {
                self.groups.last_mut().unwrap().pending.push(pending);
            }
            StreamPart::Consumer(consumer) => {
                self.groups.last_mut().unwrap().consumers.push(Consumer {
                    name: consumer.name.to_vec(),
                    seen_ms: consumer.seen_ms,
                    active_ms: consumer.active_ms,
                    owned: Vec::new(),
                });
            }
            StreamPart::Owned(id) => {
                let group = self.groups.last_mut().unwrap();
                group.consumers.last_mut().unwrap().owned.push(id);
            }
            StreamPart::Nodes(_) | StreamPart::Consumers(_) => {}
            part => self.producers.push(format!("{part:?}")),
        }
    }

    /// The parts, to be encoded.
    pub(crate) fn parts(&self) -> Vec<StreamPart<'_>> {
        let mut parts = vec![StreamPart::Nodes(self.nodes.len() as u64)];
        for (id, node) in &self.nodes {
            parts.push(StreamPart::Node(StreamNode::new(*id, node).unwrap()));
        }
        parts.push(StreamPart::Head(self.head));
        for group in &self.groups {
            parts.push(StreamPart::Group(StreamGroup {
                name: &group.name,
                last_id: group.last_id,
                entries_read: group.entries_read,
                pending: group.pending.len() as u64,
            }));
            parts.extend(group.pending.iter().map(|pending| StreamPart::Pending(*pending)));
            parts.push(StreamPart::Consumers(group.consumers.len() as u64));
            for consumer in &group.consumers {
                parts.push(StreamPart::Consumer(StreamConsumer {
                    name: &consumer.name,
                    seen_ms: consumer.seen_ms,
                    active_ms: consumer.active_ms,
                    pending: consumer.owned.len() as u64,
                }));
                parts.extend(consumer.owned.iter().map(|id| StreamPart::Owned(*id)));
            }
        }
        parts
    }
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
    /// Pieces of strings, and how much of the string under way is missing.
    pub(crate) pieces: usize,
    pub(crate) left: Option<u64>,
    pub(crate) db: u32,
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
                    Kind::Stream => Value::Stream(Stream::default()),
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
            (Event::StringPart { bytes, left }, Value::String(value)) => {
                // What a piece says of the rest is what the piece before said of it.
                let rest = bytes.len() as u64 + left;
                assert!(!bytes.is_empty() && self.left.is_none_or(|left| left == rest));
                self.left = Some(left).filter(|left| *left > 0);
                value.extend_from_slice(bytes);
                self.pieces += 1;
            }
            (Event::Element(bytes), Value::List(items) | Value::Set(items)) => {
                items.push(bytes.to_vec());
            }
            (Event::Scored(member, score), Value::Zset(items)) => {
                items.push((member.to_vec(), score));
            }
            (Event::Field { field, value, expires_ms }, Value::Hash(items)) => {
                items.push((field.to_vec(), value.to_vec(), expires_ms));
            }
            (Event::Stream(part), Value::Stream(stream)) => stream.take(part),
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
