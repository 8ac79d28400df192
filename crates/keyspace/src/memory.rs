//! What values take in memory, about: for `MEMORY USAGE`, and for what eviction frees.

use crate::context::Data;
use crate::database::{Database, Entry, EntryRef};
use crate::tree::{Element, Tree};
use crate::{Blob, Dataset, Value, ValueRef};

/// What an allocation costs beyond what was asked for: its size, and rounding up.
const ALLOCATION: usize = 16;

impl Value {
    /// Bytes that it takes outside of its handle: exact for a string; for a collection estimated from
    /// its first `samples` elements, from all of them if that is 0. What it shares with a clone counts
    /// in both.
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        match self {
            Self::String(string) => heap(string.heap_bytes()),
            Self::List(list) => list.memory(samples),
            Self::Set(set) => set.memory(samples),
            Self::Hash(hash) => hash.memory(samples),
            Self::Zset(zset) => zset.memory(samples),
            Self::Stream(stream) => stream.memory(samples),
            Self::Opaque(opaque) => heap(opaque.body().len()),
        }
    }
}

impl EntryRef<'_> {
    /// Bytes that the key takes with its value and its place in the tables, about.
    pub(crate) fn memory(self, samples: usize) -> usize {
        let expiry = if self.expires().is_some() { EXPIRY } else { 0 };
        expiry
            + self.record_bytes().map_or_else(|| self.whole_bytes(samples), |bytes| PLACE + bytes)
    }

    fn whole_bytes(self, samples: usize) -> usize {
        let key = heap(Blob::from(self.key).heap_bytes());
        let value = match self.value {
            ValueRef::String(string) => heap(string.len() + 2 * size_of::<usize>()),
            other => other.to_value().memory(samples),
        };
        BUCKET + key + value
    }
}

impl Data<'_> {
    /// Bytes that `key` takes with its value (`MEMORY USAGE`), about; `None` without the key. A
    /// collection is judged by its first `samples` elements, by all of them if that is 0. It is no
    /// look-up and no use of the key.
    pub fn memory_usage(&mut self, key: &[u8], samples: usize) -> Option<usize> {
        self.peek(key)?;
        let db = self.db();
        self.keyspace().data.find(db, key).map(|entry| entry.memory(samples))
    }
}

impl Dataset {
    /// Bytes that database `db` takes beyond its keys and values, about: those of its tables, and those
    /// of its index of what expires.
    #[must_use]
    pub fn overhead(&self, db: u32) -> (usize, usize) {
        let tables = self.databases.get(db as usize).map_or(0, Database::table_bytes);
        (tables + self.len(db) * PLACE, self.expiring(db) * EXPIRY)
    }
}

/// What a place takes in its slot's index: a twelfth of a cache line, with a third of them empty.
const PLACE: usize = 64 * 3 / (12 * 2);

/// What an entry takes that is not a record: a place and itself.
const BUCKET: usize = PLACE + size_of::<Entry>();

/// What the index of expiries has for a key: a moment and its name, in nodes that are two thirds full.
const EXPIRY: usize = 48;

/// What an allocation of `bytes` takes; nothing where there is none.
pub(crate) fn heap(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes + ALLOCATION }
}

/// Bytes of a tree and of what its elements point to, `heap` of each; see [`Value::memory`].
pub(crate) fn tree<T: Element>(
    tree: &Tree<T>,
    samples: usize,
    heap: impl Fn(&T) -> usize,
) -> usize {
    let looked = if samples == 0 { tree.len() } else { samples.min(tree.len()) };
    let seen: usize = tree.range(..looked).map(heap).sum();
    let all = (seen as u128 * tree.len() as u128).checked_div(looked as u128).unwrap_or(0);
    tree.approx_bytes() + all as usize
}
