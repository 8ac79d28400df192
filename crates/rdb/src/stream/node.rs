//! Nodes of streams: listpacks of entries that leave out what they have in common.
//!
//! A node begins with its master entry: how many entries are live, how many deleted, how many
//! fields the master has, their names, 0. Each entry then is: flags, the differences of its id to
//! the node's (ms, sequence), the number of fields and their names unless it has the master's, the
//! values, and the number of elements before this one, to step back.

use std::borrow::Cow;

use super::StreamId;
use crate::{
    Fault, Version,
    listpack::{self, Cursor, Listpack},
    packed::{Broken, Value},
};

const DELETED: i64 = 1;
/// The entry has the master's fields, whose names it leaves out.
const SAME_FIELDS: i64 = 2;

/// A node of a stream: entries in the order of their ids, packed, and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamNode<'a> {
    id: StreamId,
    listpack: &'a [u8],
    counts: Counts,
}

/// How many entries a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) live: u64,
    pub(crate) deleted: u64,
}

impl<'a> StreamNode<'a> {
    /// Checks a node: `id` is what its entries' ids count from, `listpack` holds them.
    ///
    /// # Errors
    ///
    /// [`Broken`] when the listpack is not made as servers make it.
    pub fn new(id: StreamId, listpack: &'a [u8]) -> Result<Self, Broken> {
        check(listpack).map(|counts| Self { id, listpack, counts })
    }

    /// One whose listpack has been checked.
    pub(crate) const fn checked(id: StreamId, listpack: &'a [u8], counts: Counts) -> Self {
        Self { id, listpack, counts }
    }

    /// What the entries' ids count from: the id of the first entry that was ever in the node.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        self.id
    }

    /// The entries as they stand.
    #[must_use]
    pub const fn listpack(&self) -> &'a [u8] {
        self.listpack
    }

    /// The entries as servers of `target` read them, see [`Listpack::for_target`].
    pub(crate) fn for_target(&self, target: Version) -> Cow<'a, [u8]> {
        Listpack::trusted(self.listpack).for_target(target)
    }

    /// How many entries are live.
    #[must_use]
    pub const fn live(&self) -> u64 {
        self.counts.live
    }

    /// How many entries are deleted, and still there.
    #[must_use]
    pub const fn deleted(&self) -> u64 {
        self.counts.deleted
    }

    /// The entries, those that are deleted among them.
    #[must_use]
    pub fn entries(&self) -> StreamEntries<'a> {
        StreamEntries::new(self).unwrap_or(StreamEntries {
            walk: None,
            id: self.id,
            master: Names { cursor: None, count: 0 },
        })
    }

    /// The first live entry's id.
    #[must_use]
    pub fn first_live(&self) -> Option<StreamId> {
        self.entries().find(|entry| !entry.deleted).map(|entry| entry.id)
    }
}

/// The entries of a [`StreamNode`], first to last.
#[derive(Debug, Clone)]
pub struct StreamEntries<'a> {
    walk: Option<(Walk<'a>, u64)>,
    id: StreamId,
    master: Names,
}

/// Where names of fields stand, and how many they are.
#[derive(Debug, Clone, Copy)]
struct Names {
    cursor: Option<Cursor>,
    count: u64,
}

/// An entry of a stream.
#[derive(Debug, Clone)]
pub struct StreamEntry<'a> {
    /// Its id.
    pub id: StreamId,
    /// It was deleted, and is there only until its node is.
    pub deleted: bool,
    /// Its fields and their values.
    pub fields: StreamFields<'a>,
}

/// Fields and values of a [`StreamEntry`] in their order.
#[derive(Debug, Clone)]
pub struct StreamFields<'a> {
    listpack: &'a [u8],
    /// The master's names; none when each name stands before its value.
    names: Option<Cursor>,
    values: Cursor,
    left: u64,
}

impl<'a> StreamEntries<'a> {
    fn new(node: &StreamNode<'a>) -> Result<Self, Broken> {
        let mut walk = Walk::new(node.listpack)?;
        let (live, deleted, count) = (walk.count()?, walk.count()?, walk.count()?);
        let cursor = Some(walk.cursor);
        walk.cursor.skip_checked(node.listpack, count);
        walk.int()?;
        let total = live.saturating_add(deleted);
        Ok(Self { walk: Some((walk, total)), id: node.id, master: Names { cursor, count } })
    }

    /// The next entry of a walk that has one left.
    fn step(walk: &mut Walk<'a>, id: StreamId, master: Names) -> Result<StreamEntry<'a>, Broken> {
        let head = walk.head(master.count)?;
        let entry = StreamEntry {
            id: StreamId::new(
                id.ms.wrapping_add_signed(head.ms),
                id.seq.wrapping_add_signed(head.seq),
            ),
            deleted: head.flags & DELETED != 0,
            fields: StreamFields {
                listpack: walk.bytes,
                names: master.cursor.filter(|_| head.flags & SAME_FIELDS != 0),
                values: walk.cursor,
                left: head.fields,
            },
        };
        walk.cursor.skip_checked(walk.bytes, head.elements);
        walk.int()?;
        Ok(entry)
    }
}

impl<'a> Iterator for StreamEntries<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        let (walk, left) = self.walk.as_mut()?;
        *left = left.checked_sub(1)?;
        // The node was checked: nothing fails here.
        Self::step(walk, self.id, self.master).ok()
    }
}

impl<'a> Iterator for StreamFields<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let names = self.names.as_mut().unwrap_or(&mut self.values);
        let name = names.next_checked(self.listpack)?;
        Some((name, self.values.next_checked(self.listpack)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left as usize; // each has an element of the listpack
        (left, Some(left))
    }
}

impl ExactSizeIterator for StreamFields<'_> {}

/// Checks that a node's listpack is made as described; how many entries it has.
pub(crate) fn check(bytes: &[u8]) -> Result<Counts, Broken> {
    let mut walk = Walk::new(bytes)?;
    let live = walk.count()?;
    let deleted = walk.count()?;
    let fields = walk.count()?;
    walk.skip(fields)?;
    if walk.int()? != 0 {
        return Err(walk.malformed());
    }
    let mut found = 0;
    let total = live.checked_add(deleted).ok_or_else(|| walk.malformed())?;
    for _ in 0..total {
        found += u64::from(walk.entry(fields)? & DELETED != 0);
    }
    if found != deleted || walk.cursor.next(bytes)?.is_some() {
        return Err(walk.malformed());
    }
    Ok(Counts { live, deleted })
}

/// A walk over the elements of a node.
#[derive(Debug, Clone)]
struct Walk<'a> {
    bytes: &'a [u8],
    cursor: Cursor,
}

/// What stands in front of an entry's values.
struct EntryHead {
    flags: i64,
    ms: i64,
    seq: i64,
    fields: u64,
    /// Names and values that follow.
    elements: u64,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        Ok(Self { bytes, cursor: Cursor::new(bytes)? })
    }

    fn head(&mut self, master_fields: u64) -> Result<EntryHead, Broken> {
        let (flags, ms, seq) = (self.int()?, self.int()?, self.int()?);
        if flags & SAME_FIELDS != 0 {
            return Ok(EntryHead {
                flags,
                ms,
                seq,
                fields: master_fields,
                elements: master_fields,
            });
        }
        let fields = self.count()?;
        let elements = fields.checked_mul(2).ok_or_else(|| self.malformed())?;
        Ok(EntryHead { flags, ms, seq, fields, elements })
    }

    /// Passes an entry; returns its flags.
    fn entry(&mut self, master_fields: u64) -> Result<i64, Broken> {
        let before = self.cursor.seen();
        let head = self.head(master_fields)?;
        self.skip(head.elements)?;
        let elements = self.cursor.seen() - before;
        if u64::try_from(self.int()?) != Ok(elements) {
            return Err(self.malformed());
        }
        Ok(head.flags)
    }

    #[inline]
    fn int(&mut self) -> Result<i64, Broken> {
        match self.cursor.small_int(self.bytes) {
            Some(int) => Ok(int),
            None => self.any_int(),
        }
    }

    fn any_int(&mut self) -> Result<i64, Broken> {
        match self.cursor.next(self.bytes)? {
            Some(Value::Int(int)) => Ok(int),
            _ => Err(self.malformed()),
        }
    }

    fn count(&mut self) -> Result<u64, Broken> {
        u64::try_from(self.int()?).map_err(|_| self.malformed())
    }

    fn skip(&mut self, elements: u64) -> Result<(), Broken> {
        for _ in 0..elements {
            if self.cursor.next(self.bytes)?.is_none() {
                return Err(self.malformed());
            }
        }
        Ok(())
    }

    fn malformed(&self) -> Broken {
        Broken::new(self.cursor.position(), Fault::StreamEntries)
    }
}

/// The listpack of a node of these entries: that of [`NodeBuilder::build`], on its own.
pub fn node_of<'i, E, F>(id: StreamId, entries: E) -> Vec<u8>
where
    E: IntoIterator<Item = (StreamId, F)>,
    F: Iterator<Item = (&'i [u8], &'i [u8])> + Clone,
{
    let entries: Vec<_> = entries.into_iter().collect();
    NodeBuilder::default().build(id, entries.into_iter()).listpack().to_vec()
}

/// Builds nodes of streams, one after the other, in memory that it uses again. What it has built needs no
/// check.
///
/// ```
/// use redwire_rdb::stream::{NodeBuilder, StreamId};
///
/// let mut builder = NodeBuilder::default();
/// let ids = (7..9_u32).map(|ms| StreamId::new(ms.into(), 0));
/// let node = builder.build(StreamId::new(7, 0), ids.map(|id| (id, [(&b"name"[..], &b"value"[..])].into_iter())));
/// assert_eq!((node.live(), node.entries().count()), (2, 2));
/// ```
#[derive(Debug, Clone, Default)]
pub struct NodeBuilder(listpack::Builder);

impl NodeBuilder {
    /// The node of these entries, each an id with its fields and their values, as a server makes it by adding
    /// one after the other: the first entry's fields are the master's.
    ///
    /// `id` is that of the first entry. How many entries a node shall have is the caller's to say:
    /// servers end one at `stream-node-max-bytes` (4096) and `stream-node-max-entries` (100).
    ///
    /// # Panics
    ///
    /// If `entries` has another length than it says.
    pub fn build<'i, E, F>(&mut self, id: StreamId, entries: E) -> StreamNode<'_>
    where
        E: ExactSizeIterator<Item = (StreamId, F)>,
        F: Iterator<Item = (&'i [u8], &'i [u8])> + Clone,
    {
        let live = entries.len();
        let mut entries = entries.peekable();
        let master = entries.peek().map(|(_, fields)| fields.clone());
        let builder = &mut self.0;
        builder.clear();
        builder.push(Value::Int(live as i64));
        builder.push(Value::Int(0));
        let count = master.clone().map_or(0, Iterator::count);
        builder.push(Value::Int(count as i64));
        for (name, _) in master.clone().into_iter().flatten() {
            builder.push(Value::of(name));
        }
        builder.push(Value::Int(0));
        let mut built = 0;
        for (at, fields) in entries {
            let names = || fields.clone().map(|(name, _)| name);
            let same = names().eq(master.clone().into_iter().flatten().map(|(name, _)| name));
            let count = names().count() as i64;
            builder.push(Value::Int(if same { SAME_FIELDS } else { 0 }));
            builder.push(Value::Int(at.ms.wrapping_sub(id.ms).cast_signed()));
            builder.push(Value::Int(at.seq.wrapping_sub(id.seq).cast_signed()));
            let mut elements = 3;
            if !same {
                builder.push(Value::Int(count));
                elements += 1 + count;
            }
            for (name, value) in fields {
                if !same {
                    builder.push(Value::of(name));
                }
                builder.push(Value::of(value));
            }
            builder.push(Value::Int(elements + count));
            built += 1;
        }
        assert_eq!(built, live, "a node's entries are as many as they say");
        let counts = Counts { live: live as u64, deleted: 0 };
        StreamNode::checked(id, builder.finish(), counts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    type Fields = Vec<(Vec<u8>, Vec<u8>)>;

    fn pairs(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        fields.iter().map(|(name, value)| (&name[..], &value[..]))
    }

    proptest! {
        #[test]
        fn entries_come_back(
            first: (u64, u64),
            entries in vec((any::<(u32, u32)>(), vec((vec(any::<u8>(), 0..4), vec(any::<u8>(), 0..90)), 0..4)), 1..9),
            alike in any::<bool>(),
        ) {
            let mut entries: Vec<((u32, u32), Fields)> = entries;
            if alike {
                let names: Vec<_> = entries[0].1.iter().map(|(name, _)| name.clone()).collect();
                for (_, fields) in &mut entries {
                    *fields = names.iter().map(|name| (name.clone(), name.repeat(3))).collect();
                }
            }
            let id = StreamId::new(first.0, first.1);
            let entries: Vec<_> = entries
                .into_iter()
                .map(|((ms, seq), fields)| {
                    let (ms, seq) = (u64::from(ms), u64::from(seq));
                    (StreamId::new(id.ms.wrapping_add(ms), id.seq.wrapping_add(seq)), fields)
                })
                .collect();
            let all = || entries.iter().map(|(id, fields)| (*id, pairs(fields)));
            let listpack = node_of(id, all());
            let node = StreamNode::new(id, &listpack).unwrap();
            // What is built needs no check, whatever was built before.
            let mut builder = NodeBuilder::default();
            builder.build(StreamId::MIN, all().take(2));
            prop_assert_eq!(builder.build(id, all()), node);
            prop_assert_eq!((node.live(), node.deleted()), (entries.len() as u64, 0));
            let found: Vec<_> = node
                .entries()
                .map(|entry| {
                    assert!(!entry.deleted);
                    let left = entry.fields.len();
                    let fields: Fields =
                        entry.fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                    assert_eq!(fields.len(), left);
                    (entry.id, fields)
                })
                .collect();
            prop_assert_eq!(found, entries);
        }

        #[test]
        fn any_bytes_are_refused_or_walked(
            mut bytes in vec(any::<u8>(), 0..60),
            flip in any::<(prop::sample::Index, u8)>(),
        ) {
            let _ = StreamNode::new(StreamId::MIN, &bytes).map(|node| node.entries().count());
            let field = [(&b"field"[..], &b"value"[..])];
            bytes = node_of(StreamId::MAX, (0..3).map(|_| (StreamId::MAX, field.into_iter())));
            let at = flip.0.index(bytes.len());
            bytes[at] ^= flip.1;
            if let Ok(node) = StreamNode::new(StreamId::MIN, &bytes) {
                let all: u64 = node.entries().map(|entry| u64::from(entry.fields.count() < 99)).sum();
                prop_assert_eq!(all, node.live() + node.deleted());
            }
        }
    }
}
