//! [`Stream`]: a stream value.

use std::cmp::Ordering;
use std::sync::Arc;

mod group;
mod id;
mod node;
mod nodes;
mod producers;
mod rdb;
mod refs;
#[cfg(test)]
mod tests;

pub use group::{Consumer, Group, Pending};
pub(crate) use id::IdText;
pub use id::StreamId;
use node::Node;
pub use node::{Pair, StreamEntry, StreamFields};
use nodes::Nodes;
pub(crate) use producers::{Kept, Producers, id_of};
pub(crate) use rdb::{ACTIVE, COUNTED, IDEMPOTENT};

use crate::memory;
use crate::tree::{Iter, Tree};

/// When a node of a stream takes no more entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeLimits {
    /// From this many bytes on (`stream-node-max-bytes`); 0 is no limit.
    pub(crate) bytes: usize,
    /// From this many entries on, deleted ones included (`stream-node-max-entries`); 0 is no limit.
    pub(crate) entries: u64,
}

/// Most bytes that a node takes, whatever the limits are.
const NODE_BYTES_MAX: usize = 1 << 30;
/// Most bytes of an entry's fields and values together.
pub(crate) const ENTRY_BYTES: usize = 1 << 30;

/// A stream: entries in the order of their ids, and consumer groups.
///
/// Entries stand in nodes of up to 100 entries or 4 KiB, so a write under a snapshot copies one
/// node, and a path of the tree to it.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    nodes: Nodes,
    len: u64,
    /// The greatest id that an entry ever had, or that `XSETID` gave.
    pub last_id: StreamId,
    /// The greatest id of an entry that was deleted one by one.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    groups: Tree<Group>,
    /// `None` while nothing was ever said of any.
    producers: Option<Arc<Producers>>,
}

/// What `XTRIM` and `XADD` leave of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The last so many entries.
    Last(u64),
    /// The entries from this id on.
    From(StreamId),
}

/// How far a trim goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trim {
    pub(crate) keep: Keep,
    /// Whole nodes only.
    pub(crate) approximate: bool,
    /// Most entries to drop, 0 for no limit; looked at node by node.
    pub(crate) limit: u64,
}

impl Stream {
    /// See [`ValueRef::touch`](crate::ValueRef).
    pub(crate) fn touch(&self) -> Option<u8> {
        let bytes = self.nodes.last()?.bytes();
        Some(bytes.first()? ^ bytes.last()?)
    }

    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        let producers = self.producers().map_or(0, Producers::memory);
        self.nodes.memory(samples) + memory::tree(&self.groups, samples, Group::memory) + producers
    }

    /// How many entries (`XLEN`).
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none. The key stays all the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many nodes there are (`radix-tree-keys` of `XINFO STREAM`).
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The ids that nodes are found by, in order.
    pub(crate) fn node_ids(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.nodes.iter().map(Node::first)
    }

    /// The id of the first entry, `0-0` when there is none.
    #[must_use]
    pub fn first_id(&self) -> StreamId {
        self.range(StreamId::MIN, StreamId::MAX).next().map_or(StreamId::MIN, |entry| entry.id)
    }

    /// The id of the last entry that is there, `0-0` when there is none.
    #[must_use]
    pub fn last_entry_id(&self) -> StreamId {
        self.range_back(StreamId::MIN, StreamId::MAX).next().map_or(StreamId::MIN, |entry| entry.id)
    }

    /// Appends an entry. The caller has seen that `id` is above `last_id`.
    pub(crate) fn push(&mut self, id: StreamId, pairs: &[Pair<'_>], limits: NodeLimits) {
        let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let fits = |node: &Node| {
            let (live, deleted) = node.counts();
            let len = node.bytes().len() + bytes;
            (limits.bytes == 0 || len < limits.bytes)
                && (limits.entries == 0 || live + deleted < limits.entries)
                && len < NODE_BYTES_MAX
        };
        match self.nodes.last_mut().filter(|node| fits(node)) {
            Some(node) => node.push(id, pairs),
            None => self.nodes.push_back(Node::new(id, pairs)),
        }
        self.len += 1;
        self.entries_added = self.entries_added.wrapping_add(1);
        self.last_id = id;
    }

    /// The entries from `start` to `end`, both included.
    pub fn range(
        &self,
        start: StreamId,
        end: StreamId,
    ) -> impl Iterator<Item = StreamEntry<'_>> + '_ {
        self.nodes_of(start, end)
            .flat_map(Node::entries)
            .filter(move |entry| !entry.deleted && entry.id >= start)
            .take_while(move |entry| entry.id <= end)
    }

    /// The entries from `end` back to `start`, both included.
    pub fn range_back(
        &self,
        start: StreamId,
        end: StreamId,
    ) -> impl Iterator<Item = StreamEntry<'_>> + '_ {
        self.nodes_of(start, end)
            .rev()
            .flat_map(|node| node.entries().collect::<Vec<_>>().into_iter().rev())
            .filter(move |entry| !entry.deleted && entry.id <= end)
            .take_while(move |entry| entry.id >= start)
    }

    /// The entry of this id.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<StreamEntry<'_>> {
        self.range(id, id).next()
    }

    /// The nodes that can have entries from `start` to `end`.
    fn nodes_of(&self, start: StreamId, end: StreamId) -> impl DoubleEndedIterator<Item = &Node> {
        let from = match self.nodes.search(start) {
            Ok(index) => index,
            Err(gap) => gap.saturating_sub(1),
        };
        let to = match self.nodes.search(end) {
            Ok(index) => index + 1,
            Err(gap) => gap,
        };
        self.nodes.range(from, to)
    }

    /// Deletes an entry; answers whether it was there.
    pub(crate) fn remove(&mut self, id: StreamId) -> bool {
        let found = self.nodes.search(id);
        let index = match found {
            Ok(index) => index,
            Err(0) => return false,
            Err(gap) => gap - 1,
        };
        let Some(node) = self.nodes.get(index) else { return false };
        let Some(entry) = node.entries().find(|entry| !entry.deleted && entry.id == id) else {
            return false;
        };
        let (flags_at, live) = (entry.flags_at, node.counts().0);
        if live == 1 {
            self.nodes.remove(index);
        } else {
            self.nodes.delete(index, &[flags_at]);
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    /// Drops entries from the front; answers how many.
    pub(crate) fn trim(&mut self, trim: Trim) -> u64 {
        let mut dropped = 0;
        while let Some(live) = self.nodes.first_live() {
            if matches!(trim.keep, Keep::Last(most) if self.len <= most)
                || (trim.limit > 0 && dropped + live > trim.limit)
            {
                break;
            }
            let whole = match trim.keep {
                Keep::Last(most) => self.len - live >= most,
                Keep::From(id) => self.nodes.first().is_some_and(|node| node.last() < id),
            };
            if whole {
                self.nodes.pop_front();
                self.len -= live;
                dropped += live;
                continue;
            }
            if !trim.approximate {
                dropped += self.trim_first_node(trim.keep);
            }
            break;
        }
        dropped
    }

    /// Deletes entries of the first node, as many as `keep` does not want.
    fn trim_first_node(&mut self, keep: Keep) -> u64 {
        let Some(node) = self.nodes.first() else { return 0 };
        let excess = match keep {
            Keep::Last(most) => self.len.saturating_sub(most),
            Keep::From(_) => u64::MAX,
        };
        let dropped: Vec<usize> = node
            .entries()
            .take_while(|entry| !matches!(keep, Keep::From(id) if entry.id >= id))
            .filter(|entry| !entry.deleted)
            .take(usize::try_from(excess).unwrap_or(usize::MAX))
            .map(|entry| entry.flags_at)
            .collect();
        self.nodes.delete(0, &dropped);
        self.len -= dropped.len() as u64;
        dropped.len() as u64
    }

    /// Who adds entries under ids of its own, if anything was ever said of that (`XADD IDMP`,
    /// `XCFGSET`).
    pub(crate) fn producers(&self) -> Option<&Producers> {
        self.producers.as_deref()
    }

    /// The same, to be changed; there are none yet where nothing was said of any, and of them is kept
    /// what `kept` says.
    pub(crate) fn producers_mut(&mut self, kept: Kept) -> &mut Producers {
        Arc::make_mut(self.producers.get_or_insert_with(|| Arc::new(Producers::new(kept))))
    }

    /// How many groups.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The groups in the order of their names.
    pub fn groups(&self) -> Iter<'_, Group> {
        self.groups.iter()
    }

    /// The group of this name.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.find_by(group::name_hint(name), by_name(name))
    }

    pub(crate) fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.groups.get_mut_by(group::name_hint(name), by_name(name))
    }

    /// Adds a group; answers whether there was none of this name.
    pub(crate) fn add_group(&mut self, group: Group) -> bool {
        let name = group.name().clone();
        self.groups.insert_by(group, by_name(&name)).is_ok()
    }

    /// Takes a group out; answers whether it was there.
    pub(crate) fn remove_group(&mut self, name: &[u8]) -> bool {
        self.groups.remove_by(group::name_hint(name), by_name(name)).is_some()
    }

    /// Whether an entry from `start` on was deleted one by one, behind the first that is there.
    pub(crate) fn has_gap_from(&self, start: StreamId) -> bool {
        self.max_deleted_id != StreamId::MIN
            && start <= self.max_deleted_id
            && !self.is_empty()
            && self.first_id() <= self.max_deleted_id
    }

    /// How many entries there ever were up to `id`, where that can be told.
    pub(crate) fn entries_until(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id {
            return Some(self.entries_added);
        }
        match id.cmp(&self.last_id) {
            Ordering::Equal => return Some(self.entries_added),
            Ordering::Greater => return None,
            Ordering::Less => {}
        }
        let first = self.first_id();
        if self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= first {
            return None;
        }
        let before = self.entries_added.wrapping_sub(self.len);
        match id.cmp(&first) {
            Ordering::Less => Some(before),
            Ordering::Equal => Some(before.wrapping_add(1)),
            Ordering::Greater => None,
        }
    }
}

fn by_name(name: &[u8]) -> impl FnMut(&Group) -> Ordering + '_ {
    move |group| group.name().as_slice().cmp(name)
}
