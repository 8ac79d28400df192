//! [`Database`]: 16384 slots, each a small table of entries, and the index of expiries.

mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use hashbrown::HashTable;

use crate::field_expiries::FieldExpiries;
use crate::slot::{SLOTS, key_slot};
use crate::value::EXPIRING;
use crate::{Blob, UnixMs, Value};

/// A key with its value and what is kept beside it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Blob,
    pub(crate) value: Value,
    expires: Option<UnixMs>,
    /// The snapshot that has this entry already, or that began before the entry did.
    pub(crate) epoch: u32,
    /// When or how often it was used: see [`usage`](crate::usage).
    clock: u32,
}

impl Entry {
    pub(crate) fn new(key: &[u8], value: Value, expires: Option<UnixMs>, epoch: u32) -> Self {
        Self { key: Blob::from(key), value, expires, epoch, clock: 0 }
    }

    /// The 24 bits that are kept for eviction.
    pub(crate) fn clock(&self) -> u32 {
        self.clock
    }

    pub(crate) fn set_clock(&mut self, clock: u32) {
        self.clock = clock;
    }

    pub(crate) fn expires(&self) -> Option<UnixMs> {
        self.expires
    }

    /// When the first field of a hash expires.
    pub(crate) fn first_field_expiry(&self) -> Option<UnixMs> {
        let Value::Hash(hash) = &self.value else { return None };
        hash.first_expiry()
    }

    /// Whether its time is over by `now`: the key's own, or that of each field of a hash.
    #[inline]
    pub(crate) fn is_over(&self, now: UnixMs) -> bool {
        self.expires.is_some_and(|at| now.is_past(at))
            || matches!(&self.value, Value::Hash(hash) if hash.is_over(now))
    }

    /// Reads a byte of all that a command on this key reads first, so that it is in the cache.
    pub(crate) fn touch(&self) {
        black_box((self.epoch, self.key.as_slice().first(), self.value.ends()));
    }
}

/// Where a key stands in a [`Database`], or would stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    slot: u16,
    hash: u64,
}

/// One numbered database (`SELECT`).
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Empty until the first key comes, then one table for each slot.
    slots: Vec<HashTable<Entry>>,
    len: usize,
    /// Every key that expires, earliest first; the same set as the entries with `expires`.
    expires: BTreeSet<(UnixMs, Blob)>,
    /// Every key with fields that expire, by the first of them.
    field_expiries: FieldExpiries,
    /// How many values there are of each RDB type that not every version holds; but for hashes,
    /// whose type changes with their fields.
    needed: BTreeMap<u8, usize>,
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
            field_expiries: FieldExpiries::default(),
            needed: BTreeMap::new(),
            hasher,
        }
    }

    /// An empty one with the same seed.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            slots: Vec::new(),
            len: 0,
            expires: BTreeSet::new(),
            field_expiries: FieldExpiries::default(),
            needed: BTreeMap::new(),
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

    /// How many hashes have fields that expire.
    pub(crate) fn field_expiring(&self) -> usize {
        self.field_expiries.len()
    }

    /// The hash with the field that expires first.
    pub(crate) fn first_field_expiry(&self) -> Option<(UnixMs, &Blob)> {
        self.field_expiries.first()
    }

    /// Whether anything expires here, keys or fields.
    pub(crate) fn has_expiries(&self) -> bool {
        !self.expires.is_empty() || !self.field_expiries.is_empty()
    }

    /// To be called when fields of the hash at `key` may expire that did not before, or at another
    /// moment.
    #[cold]
    pub(crate) fn note_field_expiries(&mut self, key: &[u8]) {
        let first = self.find(key).and_then(Entry::first_field_expiry);
        self.field_expiries.set(key, first);
    }

    /// To be called when the hash at `key` was changed otherwise; costs next to nothing where no
    /// field of any hash expires.
    #[inline]
    pub(crate) fn hash_changed(&mut self, key: &[u8]) {
        if !self.field_expiries.is_empty() {
            self.note_changed_hash(key);
        }
    }

    #[cold]
    fn note_changed_hash(&mut self, key: &[u8]) {
        if self.field_expiries.contains(key) {
            self.note_field_expiries(key);
        }
    }

    pub(crate) fn find(&self, key: &[u8]) -> Option<&Entry> {
        let table = self.slots.get(usize::from(key_slot(key)))?;
        table.find(self.hash(key), |entry| entry.key.as_slice() == key)
    }

    pub(crate) fn place(&self, key: &[u8]) -> Place {
        let place = Place { slot: key_slot(key), hash: self.hash(key) };
        // The table's own fields, before anyone waits for them.
        black_box(self.slots.get(usize::from(place.slot)).map(HashTable::len));
        place
    }

    /// The entry that is found first at `place`: that of the key if it is there, but for keys whose
    /// hashes agree in the bits that the table keeps. No entry is looked at.
    pub(crate) fn near(&self, place: Place) -> Option<&Entry> {
        self.slots.get(usize::from(place.slot))?.find(place.hash, |_| true)
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
        if let Some(at) = entry.first_field_expiry() {
            self.field_expiries.set(&entry.key, Some(at));
        }
        self.count_needed(&entry.value, true);
        let hash = self.hash(&entry.key);
        let slot = usize::from(key_slot(&entry.key));
        let (table, hasher) = (&mut self.slots[slot], &self.hasher);
        debug_assert!(table.find(hash, |other| other.key == entry.key).is_none());
        let full = table.len() == table.capacity();
        table.insert_unique(hash, entry, |entry| hash_with(hasher, &entry.key));
        self.len += 1;
        full.then_some(slot)
    }

    /// Takes a key out. Its slot's table may be rebuilt, its entries moved to other buckets.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let hash = self.hash(key);
        let (slots, hasher) = (&mut self.slots, &self.hasher);
        let table = slots.get_mut(usize::from(key_slot(key)))?;
        let found = table.find_entry(hash, |entry| entry.key.as_slice() == key).ok()?;
        let (entry, _) = found.remove();
        // What is deleted, or evicted, is to make room, not holes. Half of what a table takes less an
        // eighth fits into one of half the size, with room for a few more.
        if table.len() * 16 <= most(table) * 7 {
            table.shrink_to(table.len(), |entry| hash_with(hasher, &entry.key));
        }
        self.len -= 1;
        self.count_needed(&entry.value, false);
        if let Some(at) = entry.expires {
            self.expires.remove(&(at, entry.key.clone()));
        }
        if !self.field_expiries.is_empty() {
            self.field_expiries.set(&entry.key, None);
        }
        Some(entry)
    }

    /// Puts another value in the place of a key's value, with this expiry, and answers the old
    /// one; gives the value back when the key is not there. `used` makes the new clock of the old.
    pub(crate) fn overwrite(
        &mut self,
        key: &[u8],
        value: Value,
        expires: Option<UnixMs>,
        used: impl FnOnce(u32) -> u32,
    ) -> Result<Value, Value> {
        let (hash, slot) = (self.hash(key), usize::from(key_slot(key)));
        let found = self
            .slots
            .get_mut(slot)
            .and_then(|table| table.find_mut(hash, |entry| entry.key.as_slice() == key));
        let Some(entry) = found else { return Err(value) };
        let counted = value.needed_type().is_some() || entry.value.needed_type().is_some();
        entry.clock = used(entry.clock);
        let old = std::mem::replace(&mut entry.value, value);
        let before = std::mem::replace(&mut entry.expires, expires);
        if before != expires {
            if let Some(at) = before {
                self.expires.remove(&(at, entry.key.clone()));
            }
            if let Some(at) = expires {
                self.expires.insert((at, entry.key.clone()));
            }
        }
        if counted {
            let new = entry.value.clone();
            self.recount(key, &old, &new);
        }
        Ok(old)
    }

    /// The RDB types of the values here that not every version holds.
    pub(crate) fn needed_types(&self) -> impl Iterator<Item = u8> {
        let hashes = (!self.field_expiries.is_empty()).then_some(EXPIRING);
        self.needed.keys().copied().chain(hashes)
    }

    /// Counts `new` in the place of `old`, of which one is not of a type that every version holds.
    #[cold]
    fn recount(&mut self, key: &[u8], old: &Value, new: &Value) {
        self.count_needed(old, false);
        self.count_needed(new, true);
        self.note_field_expiries(key);
    }

    fn count_needed(&mut self, value: &Value, added: bool) {
        if matches!(value, Value::Hash(_)) {
            return;
        }
        let Some(type_byte) = value.needed_type() else { return };
        let count = self.needed.entry(type_byte).or_default();
        if added {
            *count += 1;
        } else {
            *count -= 1;
            if *count == 0 {
                self.needed.remove(&type_byte);
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

    /// The table of one slot, for a walk that stops and goes on between its buckets.
    pub(crate) fn slot_table(&mut self, slot: usize) -> Option<&mut HashTable<Entry>> {
        self.slots.get_mut(slot)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flat_map(HashTable::iter)
    }

    /// Some `count` keys from `cursor` on, more if they stand in one slot; with the cursor to go
    /// on from, 0 at the end.
    ///
    /// A key that is there from the first call to the last is answered at least once, because the
    /// cursor is a place in the order of slots and of hashes within one, and a key never leaves
    /// its place. A slot with many keys (they share a hash tag) is handed over in slices of its
    /// keys' hashes, up to [`SLICES`]: each costs a look at all keys of the slot.
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<Blob>) {
        let mut place = ScanPlace::from(cursor);
        let mut found = Vec::new();
        while let Some(table) = self.slots.get(place.slot) {
            let many = table.len() > count.saturating_mul(2) && table.len() > SLICE_MIN;
            if place.hash == 0 && !many {
                found.extend(table.iter().map(|entry| entry.key.clone()));
            } else {
                let slices = (table.len() / count.max(SLICE_MIN)).clamp(1, SLICES);
                let end = place.hash + (1 << HASH_BITS) / slices.next_power_of_two() as u64;
                let hashes = place.hash..end;
                let hash_of = |entry: &Entry| self.hash(&entry.key) >> (u64::BITS - HASH_BITS);
                let slice = table.iter().filter(|entry| hashes.contains(&hash_of(entry)));
                found.extend(slice.map(|entry| entry.key.clone()));
                if end < 1 << HASH_BITS {
                    place.hash = end;
                    return (place.into(), found);
                }
            }
            place = ScanPlace { slot: place.slot + 1, hash: 0 };
            if found.len() >= count && place.slot < SLOTS {
                return (place.into(), found);
            }
        }
        (0, found)
    }

    /// A key drawn at random, each as likely as the other. `below` answers a random number below
    /// its argument.
    pub(crate) fn random_key(&self, mut below: impl FnMut(usize) -> usize) -> Option<&Blob> {
        let mut index = (self.len > 0).then(|| below(self.len))?;
        let table = self.slots.iter().find(|table| {
            let here = index < table.len();
            if !here {
                index -= table.len();
            }
            here
        })?;
        // Buckets are well filled, unless many keys were deleted.
        const TRIES: usize = 64;
        let drawn = (0..TRIES).find_map(|_| table.get_bucket(below(table.num_buckets())));
        drawn.or_else(|| table.iter().nth(index)).map(|entry| &entry.key)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        hash_with(&self.hasher, key)
    }
}

/// How many bits of a key's hash a scan's cursor has: with those of the slot, few enough that a
/// client may hold it as a double.
const HASH_BITS: u32 = 39;

/// Slots with up to this many keys are scanned in one go.
const SLICE_MIN: usize = 32;

/// The slices in which a scan hands over a slot with many keys, at most; a power of two.
const SLICES: usize = 64;

/// Where a scan goes on: behind the keys of this slot with a smaller hash.
struct ScanPlace {
    slot: usize,
    hash: u64,
}

impl From<u64> for ScanPlace {
    fn from(cursor: u64) -> Self {
        let slot = cursor as usize % SLOTS;
        let hash = cursor / SLOTS as u64;
        // A cursor that no scan has answered ends the scan.
        if hash >> HASH_BITS == 0 { Self { slot, hash } } else { Self { slot: SLOTS, hash: 0 } }
    }
}

impl From<ScanPlace> for u64 {
    fn from(place: ScanPlace) -> Self {
        place.hash * SLOTS as u64 + place.slot as u64
    }
}

/// How many entries the buckets of a table take.
fn most(table: &HashTable<Entry>) -> usize {
    let buckets = table.num_buckets();
    if buckets < 8 { buckets - 1 } else { buckets / 8 * 7 }
}

fn hash_with(hasher: &SeedableRandomState, key: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}
