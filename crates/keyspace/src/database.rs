//! [`Database`]: 16384 slots, each a small table of entries, and the index of expiries.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use hashbrown::HashTable;

use crate::slot::{SLOTS, key_slot};
use crate::{Blob, UnixMs, Value};

/// A key with its value and what is kept beside it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Blob,
    pub(crate) value: Value,
    expires: Option<UnixMs>,
    /// The snapshot that has this entry already, or that began before the entry did.
    pub(crate) epoch: u32,
}

impl Entry {
    pub(crate) fn new(key: &[u8], value: Value, expires: Option<UnixMs>, epoch: u32) -> Self {
        Self { key: Blob::from(key), value, expires, epoch }
    }

    pub(crate) fn expires(&self) -> Option<UnixMs> {
        self.expires
    }
}

/// One numbered database (`SELECT`).
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Empty until the first key comes, then one table for each slot.
    slots: Vec<HashTable<Entry>>,
    len: usize,
    /// Every key that expires, earliest first; the same set as the entries with `expires`.
    expires: BTreeSet<(UnixMs, Blob)>,
    /// How many opaque values there are of each RDB type.
    opaque: BTreeMap<u8, usize>,
    hasher: SeedableRandomState,
}

impl Database {
    /// A database whose tables hash keys with `seed`, so that nobody can choose keys that collide.
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self {
            slots: Vec::new(),
            len: 0,
            expires: BTreeSet::new(),
            opaque: BTreeMap::new(),
            hasher,
        }
    }

    /// An empty one with the same seed.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            slots: Vec::new(),
            len: 0,
            expires: BTreeSet::new(),
            opaque: BTreeMap::new(),
            hasher: self.hasher.clone(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many keys expire.
    pub(crate) fn expiring(&self) -> usize {
        self.expires.len()
    }

    /// The key that expires first.
    pub(crate) fn first_expiry(&self) -> Option<(UnixMs, &Blob)> {
        self.expires.first().map(|(at, key)| (*at, key))
    }

    pub(crate) fn find(&self, key: &[u8]) -> Option<&Entry> {
        let table = self.slots.get(usize::from(key_slot(key)))?;
        table.find(self.hash(key), |entry| entry.key.as_slice() == key)
    }

    pub(crate) fn find_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let hash = self.hash(key);
        let table = self.slots.get_mut(usize::from(key_slot(key)))?;
        table.find_mut(hash, |entry| entry.key.as_slice() == key)
    }

    /// Puts an entry in whose key is not there yet; answers the slot whose table may have been
    /// rebuilt for it, its entries moved to other buckets.
    pub(crate) fn insert(&mut self, entry: Entry) -> Option<usize> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, HashTable::new);
        }
        if let Some(at) = entry.expires {
            self.expires.insert((at, entry.key.clone()));
        }
        self.count_opaque(&entry.value, true);
        let hash = self.hash(&entry.key);
        let slot = usize::from(key_slot(&entry.key));
        let (table, hasher) = (&mut self.slots[slot], &self.hasher);
        debug_assert!(table.find(hash, |other| other.key == entry.key).is_none());
        let full = table.len() == table.capacity();
        table.insert_unique(hash, entry, |entry| hash_with(hasher, &entry.key));
        self.len += 1;
        full.then_some(slot)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let hash = self.hash(key);
        let table = self.slots.get_mut(usize::from(key_slot(key)))?;
        let found = table.find_entry(hash, |entry| entry.key.as_slice() == key).ok()?;
        let (entry, _) = found.remove();
        self.len -= 1;
        self.count_opaque(&entry.value, false);
        if let Some(at) = entry.expires {
            self.expires.remove(&(at, entry.key.clone()));
        }
        Some(entry)
    }

    /// Puts another value in the place of a key's value, and answers that.
    pub(crate) fn replace_value(&mut self, key: &[u8], value: Value) -> Option<Value> {
        self.count_opaque(&value, true);
        let entry = self.find_mut(key)?;
        let old = std::mem::replace(&mut entry.value, value);
        self.count_opaque(&old, false);
        Some(old)
    }

    /// The RDB types of the opaque values here.
    pub(crate) fn opaque_types(&self) -> impl Iterator<Item = u8> {
        self.opaque.keys().copied()
    }

    fn count_opaque(&mut self, value: &Value, added: bool) {
        let Value::Opaque(opaque) = value else { return };
        let count = self.opaque.entry(opaque.type_byte()).or_default();
        if added {
            *count += 1;
        } else {
            *count -= 1;
            if *count == 0 {
                self.opaque.remove(&opaque.type_byte());
            }
        }
    }

    /// Sets or clears the expiry of a key that is there; answers whether it is.
    pub(crate) fn set_expires(&mut self, key: &[u8], expires: Option<UnixMs>) -> bool {
        let hash = self.hash(key);
        let Some(table) = self.slots.get_mut(usize::from(key_slot(key))) else { return false };
        let Some(entry) = table.find_mut(hash, |entry| entry.key.as_slice() == key) else {
            return false;
        };
        if entry.expires == expires {
            return true;
        }
        if let Some(at) = entry.expires {
            self.expires.remove(&(at, entry.key.clone()));
        }
        if let Some(at) = expires {
            self.expires.insert((at, entry.key.clone()));
        }
        entry.expires = expires;
        true
    }

    /// The entries of one slot; nothing when the database has never held a key.
    pub(crate) fn slot(&self, slot: usize) -> impl Iterator<Item = &Entry> {
        self.slots.get(slot).into_iter().flat_map(HashTable::iter)
    }

    /// The table of one slot, for a walk that stops and goes on between its buckets.
    pub(crate) fn slot_table(&mut self, slot: usize) -> Option<&mut HashTable<Entry>> {
        self.slots.get_mut(slot)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flat_map(HashTable::iter)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        hash_with(&self.hasher, key)
    }
}

fn hash_with(hasher: &SeedableRandomState, key: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}
