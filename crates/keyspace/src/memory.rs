//! What values take in memory, about: for `MEMORY USAGE`, and for what eviction frees.

use crate::Value;
use crate::database::Entry;
use crate::tree::{Element, Tree};

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

impl Entry {
    /// Bytes that the key takes with its value and its place in the tables, about.
    pub(crate) fn memory(&self, samples: usize) -> usize {
        // A control byte, and a quarter of the buckets empty.
        let bucket = (size_of::<Self>() + 1) * 4 / 3;
        let expiry = if self.expires().is_some() { EXPIRY } else { 0 };
        bucket + heap(self.key.heap_bytes()) + expiry + self.value.memory(samples)
    }
}

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
