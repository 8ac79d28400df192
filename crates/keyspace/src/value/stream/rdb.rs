//! Streams as the bytes that an RDB file has for them, after the key.

use std::borrow::Cow;
use std::sync::Arc;

use redwire_rdb::string::Header;
use redwire_rdb::{length, lzf, string};

use super::group::Consumer;
use super::node::Node;
use super::producers::{Aged, Given};
use super::{Group, Kept, Producers, Stream, StreamId};
use crate::{Blob, UnixMs};

/// RDB type 15, Redis 5.0.
const FIRST: u8 = 15;
/// RDB type 19, Redis 7.0: with first id, greatest deleted id, entries added and read.
pub(crate) const COUNTED: u8 = 19;
/// RDB type 21, Redis 7.2: with a consumer's active time.
pub(crate) const ACTIVE: u8 = 21;
/// RDB type 26, Redis 8.6: with producers and the ids that they gave.
pub(crate) const IDEMPOTENT: u8 = 26;

/// `entries_read` of a group where it is not known, -1 as the servers have it.
const UNKNOWN: u64 = u64::MAX;

impl Stream {
    /// Whether values of this RDB type are streams.
    pub(crate) fn is_type(type_byte: u8) -> bool {
        matches!(type_byte, FIRST | COUNTED | ACTIVE | IDEMPOTENT)
    }

    /// The stream of the bytes that a decoder has found after a key; `None` if they are none.
    pub(crate) fn from_rdb(type_byte: u8, body: &[u8]) -> Option<Self> {
        let mut input = Input { rest: body };
        let mut stream = Self::default();
        stream.read_entries(type_byte, &mut input)?;
        for _ in 0..input.number()? {
            let group = read_group(type_byte, &mut input)?;
            stream.add_group(group).then_some(())?;
        }
        if type_byte >= IDEMPOTENT {
            let producers = read_producers(&mut input)?;
            stream.producers = (!producers.is_unused()).then(|| Arc::new(producers));
        }
        input.rest.is_empty().then_some(stream)
    }

    fn read_entries(&mut self, type_byte: u8, input: &mut Input<'_>) -> Option<()> {
        for _ in 0..input.number()? {
            let first = StreamId::from_bytes(input.string()?[..].try_into().ok()?);
            let node = Node::from_bytes(first, &input.string()?)?;
            self.len = self.len.checked_add(node.counts().0)?;
            self.nodes.push_back(node);
        }
        // Their number is that of the nodes' entries, whatever is announced.
        input.number()?;
        self.last_id = input.id()?;
        if type_byte >= COUNTED {
            // The first id is that of the first entry.
            input.id()?;
            self.max_deleted_id = input.id()?;
            self.entries_added = input.number()?;
        } else {
            self.entries_added = self.len;
        }
        Some(())
    }

    /// Appends the bytes of type [`COUNTED`], [`ACTIVE`] or [`IDEMPOTENT`].
    pub(crate) fn to_rdb(&self, type_byte: u8, compress: bool, out: &mut Vec<u8>) {
        let mut compressor = compress.then(lzf::Compressor::new);
        length::encode(out, self.nodes.len() as u64);
        for node in self.nodes.iter() {
            string::encode_raw(out, &node.first().to_bytes());
            string::encode(out, node.bytes(), compressor.as_mut());
        }
        length::encode(out, self.len);
        for id in [self.last_id, self.first_id(), self.max_deleted_id] {
            write_id(out, id);
        }
        length::encode(out, self.entries_added);
        length::encode(out, self.groups.len() as u64);
        for group in &self.groups {
            write_group(group, type_byte, out, compressor.as_mut());
        }
        if type_byte >= IDEMPOTENT {
            let none = Producers::default();
            write_producers(self.producers().unwrap_or(&none), out, compressor.as_mut());
        }
    }
}

fn write_id(out: &mut Vec<u8>, id: StreamId) {
    length::encode(out, id.ms);
    length::encode(out, id.seq);
}

fn write_group(
    group: &Group,
    type_byte: u8,
    out: &mut Vec<u8>,
    mut compressor: Option<&mut lzf::Compressor>,
) {
    string::encode(out, group.name(), compressor.as_deref_mut());
    write_id(out, group.last_id);
    length::encode(out, group.entries_read.unwrap_or(UNKNOWN));
    length::encode(out, group.pending_len() as u64);
    for pending in group.pending_from(StreamId::MIN) {
        out.extend_from_slice(&pending.id.to_bytes());
        out.extend_from_slice(&pending.delivered.0.to_le_bytes());
        length::encode(out, pending.count);
    }
    length::encode(out, group.consumers().len() as u64);
    for consumer in group.consumers() {
        string::encode(out, consumer.name(), compressor.as_deref_mut());
        out.extend_from_slice(&consumer.seen.0.to_le_bytes());
        if type_byte >= ACTIVE {
            let active = consumer.active.map_or(UNKNOWN, |at| at.0);
            out.extend_from_slice(&active.to_le_bytes());
        }
        length::encode(out, consumer.pending_len() as u64);
        for id in consumer.pending_from(StreamId::MIN) {
            out.extend_from_slice(&id.to_bytes());
        }
    }
}

fn write_producers(
    producers: &Producers,
    out: &mut Vec<u8>,
    mut compressor: Option<&mut lzf::Compressor>,
) {
    length::encode(out, producers.kept.seconds);
    length::encode(out, producers.kept.entries);
    length::encode(out, producers.all().len() as u64);
    for producer in producers.all() {
        string::encode(out, producer.name(), compressor.as_deref_mut());
        length::encode(out, producer.given().len() as u64);
        for Aged(given) in producer.given() {
            string::encode(out, &given.id, compressor.as_deref_mut());
            write_id(out, given.entry);
        }
    }
    length::encode(out, producers.added);
    length::encode(out, producers.duplicates);
}

fn read_producers(input: &mut Input<'_>) -> Option<Producers> {
    let kept = Kept { seconds: input.number()?, entries: input.number()? };
    let mut producers = Producers::new(kept);
    for _ in 0..input.number()? {
        let (name, mut given) = (input.string()?, Vec::new());
        for _ in 0..input.number()? {
            given.push(Given { id: Blob::from(&*input.string()?), entry: input.id()? });
        }
        producers.add(&name, given).then_some(())?;
    }
    (producers.added, producers.duplicates) = (input.number()?, input.number()?);
    Some(producers)
}

fn read_group(type_byte: u8, input: &mut Input<'_>) -> Option<Group> {
    let (name, last_id) = (input.string()?, input.id()?);
    let read = if type_byte >= COUNTED { input.number()? } else { UNKNOWN };
    let mut group = Group::new(&name, last_id, (read != UNKNOWN).then_some(read));
    let mut delivered = std::collections::BTreeMap::new();
    for _ in 0..input.number()? {
        let id = StreamId::from_bytes(input.array()?);
        let at = UnixMs(u64::from_le_bytes(input.array()?));
        delivered.insert(id, (at, input.number()?));
    }
    for _ in 0..input.number()? {
        let name = input.string()?;
        let seen = UnixMs(u64::from_le_bytes(input.array()?));
        let active = match type_byte {
            ACTIVE.. => u64::from_le_bytes(input.array()?),
            _ => UNKNOWN,
        };
        let active = (active != UNKNOWN).then_some(UnixMs(active));
        if !group.add_consumer(Consumer::new(&name, seen, active)) {
            return None;
        }
        for _ in 0..input.number()? {
            let id = StreamId::from_bytes(input.array()?);
            let (at, count) = delivered.remove(&id)?;
            group.assign(id, &name, at, count);
        }
    }
    delivered.is_empty().then_some(group)
}

/// Bytes not read yet.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N as u64)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        let (number, size) = length::decode_number(self.rest).ok()??;
        self.take(size as u64)?;
        Some(number)
    }

    fn id(&mut self) -> Option<StreamId> {
        Some(StreamId { ms: self.number()?, seq: self.number()? })
    }

    fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        let (header, size) = Header::decode(self.rest).ok()??;
        self.take(size as u64)?;
        match header {
            Header::Raw { len } => self.take(len).map(Cow::Borrowed),
            Header::Int(int) => Some(Cow::Owned(int.to_string().into_bytes())),
            Header::Lzf { compressed, len } => {
                let mut out = Vec::new();
                let compressed = self.take(compressed)?;
                lzf::decompress(compressed, usize::try_from(len).ok()?, &mut out).ok()?;
                Some(Cow::Owned(out))
            }
        }
    }
}
