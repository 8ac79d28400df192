//! [`Node`]: a run of entries, packed as servers pack them.
//!
//! The bytes are a listpack, those of an RDB file: a master entry (entries that live, entries
//! deleted, number of fields, their names, 0), then for each entry its flags, its id less the
//! node's, number and names of its fields unless they are the master's, the values, and the number
//! of elements before this one.

use std::fmt;
use std::sync::Arc;

use redwire_rdb::listpack::{Builder, Cursor};
use redwire_rdb::packed::Value as Packed;
use redwire_rdb::stream;

use super::StreamId;
use crate::tree::Element;

/// The entry was deleted.
const DELETED: i64 = 1;
/// The entry has the master's fields and leaves out their names.
const SAME_FIELDS: i64 = 2;

/// Bytes of a listpack's header: the total as u32 LE, the number of elements as u16 LE.
const HEADER: usize = 6;

/// A field of an entry and its value, as they come.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// A run of entries, shared until it is written to.
#[derive(Clone)]
pub(crate) struct Node {
    first: StreamId,
    /// The listpack, and room for more: in one allocation with the count of who shares it, as each
    /// step further is another wait for memory.
    room: Arc<[u8]>,
    /// Bytes of the listpack.
    used: u32,
    /// What the bytes say of how many entries live: whoever counts needs no memory of theirs.
    live: u32,
    /// Likewise of how many are deleted.
    deleted: u32,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes().escape_ascii();
        f.debug_struct("Node").field("first", &self.first).field("bytes", &bytes).finish()
    }
}

impl Element for Node {
    type Hint = StreamId;
    type Weight = ();

    fn hint(&self) -> StreamId {
        self.first
    }
}

impl Node {
    /// Bytes that are held for its entries.
    pub(super) fn capacity(&self) -> usize {
        self.room.len()
    }

    /// A node with one entry.
    pub(super) fn new(id: StreamId, pairs: &[Pair<'_>]) -> Self {
        let mut builder = Builder::new();
        for number in [1, 0, pairs.len() as i64] {
            builder.push(Packed::Int(number));
        }
        pairs.iter().for_each(|(name, _)| builder.push_bytes(name));
        builder.push(Packed::Int(0));
        push_entry(&mut builder, StreamId::MIN, pairs, true);
        Self::of(id, builder.finish(), 1, 0)
    }

    /// A node of a listpack, which is far below 4 GiB, without room for more.
    fn of(first: StreamId, bytes: &[u8], live: u32, deleted: u32) -> Self {
        Self { first, room: bytes.into(), used: bytes.len() as u32, live, deleted }
    }

    /// A node of the bytes of a file; `None` if they are no node.
    pub(super) fn from_bytes(first: StreamId, bytes: &[u8]) -> Option<Self> {
        u32::try_from(bytes.len()).ok()?;
        let checked = stream::StreamNode::new(stream::StreamId::new(first.ms, first.seq), bytes);
        let checked = checked.ok()?;
        let (live, deleted) = (checked.live().try_into().ok()?, checked.deleted().try_into().ok()?);
        Some(Self::of(first, bytes, live, deleted))
    }

    /// The id that the entries' are counted from, that of the first entry ever.
    pub(super) fn first(&self) -> StreamId {
        self.first
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.room[..self.used as usize]
    }

    /// How many entries live, and how many are deleted.
    pub(super) fn counts(&self) -> (u64, u64) {
        (u64::from(self.live), u64::from(self.deleted))
    }

    /// Appends an entry, whose id is above all here.
    pub(super) fn push(&mut self, id: StreamId, pairs: &[Pair<'_>]) {
        let same = self.has_names(pairs);
        let offset = StreamId {
            ms: id.ms.wrapping_sub(self.first.ms),
            seq: id.seq.wrapping_sub(self.first.seq),
        };
        let mut builder = Builder::with_capacity(most_bytes(pairs));
        push_entry(&mut builder, offset, pairs, same);
        let more = builder.count();
        let packed = builder.finish();
        // Between its header and its end mark there are the elements.
        let (end, added) = (self.used as usize - 1, &packed[HEADER..]);
        let used = end + added.len();
        if used > self.room.len() {
            let mut grown = vec![0; used + used / 2];
            grown[..end].copy_from_slice(&self.room[..end]);
            self.room = grown.into();
        }
        self.used = used as u32;
        let bytes = &mut Arc::make_mut(&mut self.room)[..used];
        bytes[end..].copy_from_slice(added);
        let elements = u16::from_le_bytes([bytes[4], bytes[5]]);
        let elements = u64::from(elements).saturating_add(more).min(u64::from(u16::MAX)) as u16;
        bytes[4..HEADER].copy_from_slice(&elements.to_le_bytes());
        note_total(bytes);
        self.recount(self.live.saturating_add(1), self.deleted);
    }

    /// Marks live entries as deleted, those whose flags stand at these offsets.
    pub(super) fn delete(&mut self, flags_at: &[usize]) {
        let bytes = Arc::make_mut(&mut self.room);
        for at in flags_at {
            // Flags are a number below 128, which is its own byte.
            bytes[*at] |= DELETED as u8;
        }
        // Only now: a count that takes another byte moves what is behind it.
        let gone = flags_at.len() as u32;
        // The counts of a file need not agree with its flags.
        self.recount(self.live.saturating_sub(gone), self.deleted.saturating_add(gone));
    }

    /// Puts other counts into the master entry.
    fn recount(&mut self, live: u32, deleted: u32) {
        (self.live, self.deleted) = (live, deleted);
        let bytes = Arc::make_mut(&mut self.room);
        // A number below 128 is its own byte, with one behind it for its length.
        if live < 128
            && deleted < 128
            && let [old_live @ ..128, _, old_deleted @ ..128, ..] = &mut bytes[HEADER..]
        {
            (*old_live, *old_deleted) = (live as u8, deleted as u8);
            return;
        }
        let mut builder = Builder::new();
        builder.push(Packed::Int(i64::from(live)));
        builder.push(Packed::Int(i64::from(deleted)));
        let packed = builder.finish();
        let end = Reader::new(self.bytes()).map_or(HEADER, |mut reader| {
            reader.skip(2);
            reader.cursor.position()
        });
        let counts = &packed[HEADER..packed.len() - 1];
        let mut bytes = [&self.bytes()[..HEADER], counts, &self.bytes()[end..]].concat();
        note_total(&mut bytes);
        *self = Self::of(self.first, &bytes, live, deleted);
    }

    /// Whether the master entry has just these fields.
    fn has_names(&self, pairs: &[Pair<'_>]) -> bool {
        let Some(mut reader) = Reader::new(self.bytes()) else { return false };
        reader.skip(2);
        reader.count() == pairs.len() as u64
            && pairs.iter().all(|(name, _)| reader.next() == Some(Packed::of(name)))
    }

    /// All entries in order, deleted ones too.
    pub(super) fn entries(&self) -> Entries<'_> {
        Entries::new(self.first, self.bytes()).unwrap_or(Entries {
            reader: None,
            first: self.first,
            names: None,
            name_count: 0,
        })
    }

    /// The id of the last entry, deleted or not.
    pub(super) fn last(&self) -> StreamId {
        self.entries().last().map_or(self.first, |entry| entry.id)
    }
}

/// Puts the number of all bytes, which is far below 2^32, into the header.
fn note_total(bytes: &mut [u8]) {
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
}

/// No less than a listpack takes of nothing but an entry with these fields.
fn most_bytes(pairs: &[Pair<'_>]) -> usize {
    /// What an element takes at most beside its bytes, or as a number.
    const ELEMENT: usize = 11;
    let fields = |(name, value): &Pair<'_>| name.len() + value.len() + 2 * ELEMENT;
    // Flags, two numbers of the id, fields, elements before; the header and the end.
    HEADER + 1 + 5 * ELEMENT + pairs.iter().map(fields).sum::<usize>()
}

fn push_entry(builder: &mut Builder, offset: StreamId, pairs: &[Pair<'_>], same: bool) {
    let before = builder.count();
    builder.push(Packed::Int(if same { SAME_FIELDS } else { 0 }));
    // The differences wrap, as servers have it: a sequence may be below that of the node's id.
    builder.push(Packed::Int(offset.ms as i64));
    builder.push(Packed::Int(offset.seq as i64));
    if !same {
        builder.push(Packed::Int(pairs.len() as i64));
    }
    for (name, value) in pairs {
        if !same {
            builder.push_bytes(name);
        }
        builder.push_bytes(value);
    }
    builder.push(Packed::Int((builder.count() - before) as i64));
}

/// Reads the elements of a checked listpack.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    cursor: Cursor,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { bytes, cursor: Cursor::new(bytes).ok()? })
    }

    fn next(&mut self) -> Option<Packed<'a>> {
        self.cursor.next(self.bytes).ok().flatten()
    }

    fn int(&mut self) -> Option<i64> {
        match self.next()? {
            Packed::Int(int) => Some(int),
            Packed::Str(_) => None,
        }
    }

    fn count(&mut self) -> u64 {
        self.int().and_then(|int| u64::try_from(int).ok()).unwrap_or(0)
    }

    fn skip(&mut self, elements: u64) -> Option<()> {
        (0..elements).try_for_each(|_| self.next().map(|_| ()))
    }
}

/// The entries of a node, deleted ones too.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    reader: Option<Reader<'a>>,
    first: StreamId,
    names: Option<Reader<'a>>,
    name_count: u64,
}

impl<'a> Entries<'a> {
    fn new(first: StreamId, bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        reader.skip(2)?;
        let name_count = reader.count();
        let names = Some(reader);
        reader.skip(name_count)?;
        reader.skip(1)?;
        Some(Self { reader: Some(reader), first, names, name_count })
    }

    fn read(&mut self) -> Option<StreamEntry<'a>> {
        let reader = self.reader.as_mut()?;
        let flags_at = reader.cursor.position();
        let flags = reader.int()?;
        let (ms, seq) = (reader.int()? as u64, reader.int()? as u64);
        let id =
            StreamId { ms: self.first.ms.wrapping_add(ms), seq: self.first.seq.wrapping_add(seq) };
        let same = flags & SAME_FIELDS != 0;
        let len = if same { self.name_count } else { reader.count() };
        let values = *reader;
        reader.skip(len)?;
        if !same {
            reader.skip(len)?;
        }
        reader.skip(1)?;
        let names = self.names.filter(|_| same);
        let fields = StreamFields { names, values, left: len };
        Some(StreamEntry { id, deleted: flags & DELETED != 0, flags_at, fields })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        self.read()
    }
}

/// An entry of a stream.
#[derive(Debug, Clone)]
pub struct StreamEntry<'a> {
    /// Its id.
    pub id: StreamId,
    pub(super) deleted: bool,
    pub(super) flags_at: usize,
    fields: StreamFields<'a>,
}

impl<'a> StreamEntry<'a> {
    /// Its fields and their values, in the order in which they were given; numbers stand for their
    /// decimal digits.
    #[must_use]
    pub fn fields(&self) -> StreamFields<'a> {
        self.fields.clone()
    }
}

/// The fields of an entry, each with its value.
#[derive(Debug, Clone)]
pub struct StreamFields<'a> {
    /// Where the names stand, unless beside the values.
    names: Option<Reader<'a>>,
    values: Reader<'a>,
    left: u64,
}

impl<'a> Iterator for StreamFields<'a> {
    type Item = (Packed<'a>, Packed<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next()?,
            None => self.values.next()?,
        };
        Some((name, self.values.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for StreamFields<'_> {}
