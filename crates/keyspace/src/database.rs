//! [`Database`]: 16384 slots, each a small table of entries, and the index of expiries.

mod arena;
mod entries;
mod entry;
mod index;
mod sample;
mod slots;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};

use self::arena::Record;
pub(crate) use self::entry::{Entry, EntryMut, EntryRef};
use self::slots::Slots;
use self::table::TableRef;
use crate::field_expiries::FieldExpiries;
use crate::slot::{SLOTS, key_slot};
use crate::value::{EXPIRING, StrRef};
use crate::{Blob, UnixMs, Value};
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

/// Where a key stands in a [`Database`], or would stand; the same in all that have one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    slot: u16,
    hash: u64,
}

impl Place {
    #[inline]
    pub(crate) fn into_parts(self) -> (u16, u64) {
        (self.slot, self.hash)
    }

    #[inline]
    pub(crate) fn from_parts(slot: u16, hash: u64) -> Self {
        Self { slot, hash }
    }
}

/// The key that the running command is about, and its place: it is looked up several times, and its
/// bytes stay where they are meanwhile, so that it is known by their address.
#[derive(Debug, Default)]
struct Known {
    address: usize,
    len: usize,
    located: Option<Located>,
}

impl Known {
    #[inline]
    fn located(&self, key: &[u8]) -> Option<Located> {
        let is_it = self.address == key.as_ptr() as usize && self.len == key.len();
        if is_it { self.located } else { None }
    }
}

/// A copy outlives the command.
impl Clone for Known {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Where an entry was near a place: it need not be there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Near {
    place: table::Place,
    /// What the table counted of its entries that were moved by then.
    moved: u32,
}

/// Where a key stands, or would stand, and the entry that was found there, if it was looked for.
#[derive(Debug, Clone, Copy)]
struct Located {
    slot: u16,
    hash: u64,
    near: Option<Near>,
}

/// Where an entry was found: good until an entry is put in or taken out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    slot: u16,
    place: table::Place,
}

const FOUND: &str = "a table stays where an entry was found";

/// One numbered database (`SELECT`).
#[derive(Debug, Clone)]
pub(crate) struct Database {
    slots: Slots,
    len: usize,
    /// Every key that expires, earliest first; the same set as the entries with `expires`.
    expires: BTreeSet<(UnixMs, Blob)>,
    /// Every key with fields that expire, by the first of them.
    field_expiries: FieldExpiries,
    /// How many values there are of each RDB type that not every version holds; but for hashes,
    /// whose type changes with their fields.
    needed: BTreeMap<u8, usize>,
    hasher: SeedableRandomState,
    known: Known,
}

impl Database {
    /// A database whose tables hash keys with `seed`, so that nobody can choose keys that collide.
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self {
            slots: Slots::default(),
            len: 0,
            expires: BTreeSet::new(),
            field_expiries: FieldExpiries::default(),
            needed: BTreeMap::new(),
            hasher,
            known: Known::default(),
        }
    }

    /// An empty one with the same seed.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            slots: Slots::default(),
            len: 0,
            expires: BTreeSet::new(),
            field_expiries: FieldExpiries::default(),
            needed: BTreeMap::new(),
            hasher: self.hasher.clone(),
            known: Known::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of its tables, but for what is in them.
    pub(crate) fn table_bytes(&self) -> usize {
        self.slots.bytes()
    }

    /// How many entries a slot has, and buckets for them.
    #[cfg(test)]
    pub(crate) fn size_of_slot(&self, slot: usize) -> (usize, usize) {
        self.slots.get(slot).map_or((0, 0), |table| (table.len(), table.buckets()))
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
        let first = self.find(key).and_then(EntryRef::first_field_expiry);
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

    pub(crate) fn find(&self, key: &[u8]) -> Option<EntryRef<'_>> {
        let Located { slot, hash, near } = self.locate(key);
        let table = self.slots.get(usize::from(slot))?;
        table.find_near(hash, key, near).map(|place| table.entry(place))
    }

    /// [`find`](Self::find) of a key whose place is known.
    pub(crate) fn find_at(&self, place: Place, key: &[u8]) -> Option<EntryRef<'_>> {
        let Place { slot, hash } = place;
        let table = self.slots.get(usize::from(slot))?;
        table.find(hash, key).map(|place| table.entry(place))
    }

    /// Where `key` stands, or would stand.
    #[inline]
    pub(crate) fn place(&self, key: &[u8]) -> Place {
        Place { slot: key_slot(key), hash: self.hash(key) }
    }

    /// Has the table's own fields brought in, before anyone waits for them.
    #[inline]
    pub(crate) fn prefetch_table(&self, place: Place) {
        if let Some(table) = self.slots.get(usize::from(place.slot)) {
            table.prefetch();
        }
    }

    /// Has the part of the table's index brought in that shows what stands at `place`.
    #[inline]
    pub(crate) fn prefetch_index(&self, place: Place) {
        if let Some(table) = self.slots.get(usize::from(place.slot)) {
            table.prefetch_index(place.hash);
        }
    }

    /// Has what leads to the entry at `place` brought in: to the one that is found there first, that of the
    /// key if it is there, but for keys whose hashes agree in the bits that the table keeps. Where there is
    /// none, what leads to where one would be added. Answers which it is.
    #[inline]
    pub(crate) fn prefetch_way(&self, place: Place) -> Option<Near> {
        let table = self.slots.get(usize::from(place.slot))?;
        let near = table.near(place.hash);
        match near {
            Some(near) => table.prefetch_way(near.place),
            None => table.prefetch_way_to_end(),
        }
        near
    }

    /// Has all brought in that a command on the key at `place` reads first of the entry that was near, if
    /// it is there still, or of where one would be added.
    #[inline]
    pub(crate) fn touch(&self, place: Place, near: Option<Near>) {
        let Some(table) = self.slots.get(usize::from(place.slot)) else { return };
        match near {
            Some(near) => table.touch(near.place),
            None => table.touch_end(),
        }
    }

    /// Remembers where `key` stands until [`forget_place`](Self::forget_place): as long as these very
    /// bytes stay where they are. `near` is the entry that was found there, in this very database.
    #[inline]
    pub(crate) fn remember_place(&mut self, key: &[u8], place: Place, near: Option<Near>) {
        debug_assert_eq!(self.place(key), place, "of another key, or of other data");
        let Place { slot, hash } = place;
        let located = Some(Located { slot, hash, near });
        self.known = Known { address: key.as_ptr() as usize, len: key.len(), located };
    }

    #[inline]
    pub(crate) fn forget_place(&mut self) {
        self.known.located = None;
    }

    #[inline]
    fn locate(&self, key: &[u8]) -> Located {
        self.known.located(key).unwrap_or_else(|| {
            let Place { slot, hash } = self.place(key);
            Located { slot, hash, near: None }
        })
    }

    pub(crate) fn find_mut(&mut self, key: &[u8]) -> Option<EntryMut<'_>> {
        let Located { slot, hash, near } = self.locate(key);
        let table = self.slots.get_mut(usize::from(slot))?;
        let place = table.view().find_near(hash, key, near)?;
        Some(EntryMut { table, hasher: &self.hasher, place })
    }

    /// Where the entry of `key` is, for who looks at it before it is changed, or not.
    pub(crate) fn look_up(&self, key: &[u8]) -> Option<Found> {
        let Located { slot, hash, near } = self.locate(key);
        let place = self.slots.get(usize::from(slot))?.find_near(hash, key, near)?;
        Some(Found { slot, place })
    }

    /// The entry that was found there.
    pub(crate) fn found(&self, found: Found) -> EntryRef<'_> {
        self.slots.get(usize::from(found.slot)).expect(FOUND).entry(found.place)
    }

    /// The entry that was found there, to be changed.
    pub(crate) fn found_mut(&mut self, found: Found) -> EntryMut<'_> {
        let table = self.slots.get_mut(usize::from(found.slot)).expect(FOUND);
        EntryMut { table, hasher: &self.hasher, place: found.place }
    }

    /// Puts an entry in whose key is not there yet; answers the slot whose table may have been
    /// rebuilt for it, its entries moved to other buckets.
    pub(crate) fn insert(&mut self, entry: Entry) -> Option<usize> {
        let place = self.place(&entry.key);
        self.insert_at(place, entry)
    }

    /// [`insert`](Self::insert) of an entry whose place is known.
    pub(crate) fn insert_at(&mut self, place: Place, entry: Entry) -> Option<usize> {
        debug_assert_eq!(self.place(&entry.key), place, "of another key, or of other data");
        if let Some(at) = entry.expires() {
            self.expires.insert((at, entry.key.clone()));
        }
        if let Some(at) = entry.view().first_field_expiry() {
            self.field_expiries.set(&entry.key, Some(at));
        }
        self.count_needed(entry.view().counted_type(), true);
        let (slot, hash) = (usize::from(place.slot), place.hash);
        let hasher = &self.hasher;
        let mut table = self.slots.get_or_make(slot);
        let rebuilt = table.insert(hash, entry, |key| hash_with(hasher, key));
        self.len += 1;
        rebuilt.then_some(slot)
    }

    /// [`insert`](Self::insert) of a string that never expires, without an entry of its own if it is short.
    /// Its slot's table may be rebuilt, its entries moved to other buckets.
    pub(crate) fn insert_string(&mut self, key: &[u8], string: StrRef<'_>, epoch: u32, clock: u32) {
        let Located { slot, hash, .. } = self.locate(key);
        self.insert_string_at(Place { slot, hash }, key, string, epoch, clock);
    }

    /// [`insert_string`](Self::insert_string) for a key whose place is known.
    pub(crate) fn insert_string_at(
        &mut self,
        place: Place,
        key: &[u8],
        string: StrRef<'_>,
        epoch: u32,
        clock: u32,
    ) {
        let Place { slot, hash } = place;
        let record = Record { key, string, expires: None, epoch, clock };
        let hash_of = |key: &[u8]| hash_with(&self.hasher, key);
        let mut table = self.slots.get_or_make(usize::from(slot));
        if table.insert_record(hash, &record, hash_of) {
            self.len += 1;
            return;
        }
        let mut entry = Entry::new(key, Value::String(string.to_str()), None, epoch);
        entry.set_clock(clock);
        self.insert_at(place, entry);
    }

    /// Takes a key out. Its slot's table may be rebuilt, its entries moved to other buckets.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let Located { slot, hash, near } = self.locate(key);
        let (slots, hasher) = (&mut self.slots, &self.hasher);
        let mut table = slots.get_mut(usize::from(slot))?;
        let place = table.view().find_near(hash, key, near)?;
        let entry = table.remove(hash, place, |key| hash_with(hasher, key))?;
        self.len -= 1;
        self.count_needed(entry.view().counted_type(), false);
        if let Some(at) = entry.expires() {
            self.expires.remove(&(at, entry.key.clone()));
        }
        if !self.field_expiries.is_empty() {
            self.field_expiries.set(&entry.key, None);
        }
        Some(entry)
    }

    /// Puts another value in the place of a key's value, and answers the old one, unless that was a
    /// short string; gives the value back when the key is not there. `expires` makes the new expiry of
    /// the old, `used` the clock.
    pub(crate) fn overwrite(
        &mut self,
        key: &[u8],
        value: Value,
        expires: impl FnOnce(Option<UnixMs>) -> Option<UnixMs>,
        used: impl FnOnce(u32) -> u32,
    ) -> Result<Option<Value>, Value> {
        let Located { slot, hash, near } = self.locate(key);
        let Some(mut table) = self.slots.get_mut(usize::from(slot)) else { return Err(value) };
        let view = table.view();
        let Some(place) = view.find_near(hash, key, near) else { return Err(value) };
        let old = view.entry(place);
        let (before, after) = (old.expires, expires(old.expires));
        let mut new = Entry::new(key, value, after, old.epoch);
        new.set_clock(used(old.clock));
        let counted = old.value.needed_type().is_some() || new.value.view().needed_type().is_some();
        let types = [old.counted_type(), new.view().counted_type()];
        let hasher = &self.hasher;
        let old = table.replace(hash, place, new, |key| hash_with(hasher, key));
        self.note_expiry(key, before, after);
        if counted {
            self.recount(key, types);
        }
        Ok(old)
    }

    /// [`overwrite`](Self::overwrite) of a short string that never expires by another of as many bytes,
    /// without an allocation; answers whether it was one, or `None` if the key is not there.
    pub(crate) fn rewrite_string(
        &mut self,
        key: &[u8],
        string: StrRef<'_>,
        used: impl FnOnce(u32) -> u32,
    ) -> Option<bool> {
        let Located { slot, hash, near } = self.locate(key);
        let mut table = self.slots.get_mut(usize::from(slot))?;
        let place = table.view().find_near(hash, key, near)?;
        Some(table.rewrite_string(place, string, used))
    }

    /// Notes that a key that expired at `before`, if it did, does so at `after`.
    fn note_expiry(&mut self, key: &[u8], before: Option<UnixMs>, after: Option<UnixMs>) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.expires.remove(&(at, Blob::from(key)));
        }
        if let Some(at) = after {
            self.expires.insert((at, Blob::from(key)));
        }
    }

    /// The RDB types of the values here that not every version holds.
    pub(crate) fn needed_types(&self) -> impl Iterator<Item = u8> {
        let hashes = (!self.field_expiries.is_empty()).then_some(EXPIRING);
        self.needed.keys().copied().chain(hashes)
    }

    /// Counts the second type in the place of the first, where a value was not of a type that every
    /// version holds, or is not.
    #[cold]
    fn recount(&mut self, key: &[u8], [old, new]: [Option<u8>; 2]) {
        self.count_needed(old, false);
        self.count_needed(new, true);
        self.note_field_expiries(key);
    }

    /// Notes that a value that is here is of RDB type `new` now, and was of type `old`.
    pub(crate) fn type_changed(&mut self, old: u8, new: u8) {
        self.count_needed(Some(old), false);
        self.count_needed(Some(new), true);
    }

    fn count_needed(&mut self, type_byte: Option<u8>, added: bool) {
        let Some(type_byte) = type_byte else { return };
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
        let Located { slot, hash, near } = self.locate(key);
        let Some(mut table) = self.slots.get_mut(usize::from(slot)) else { return false };
        let view = table.view();
        let Some(place) = view.find_near(hash, key, near) else { return false };
        let before = view.entry(place).expires;
        if before != expires {
            let hasher = &self.hasher;
            table.set_expires(hash, place, expires, |key| hash_with(hasher, key));
            self.note_expiry(key, before, expires);
        }
        true
    }

    /// How many buckets there are for the entries of one slot, for a walk that stops and goes on
    /// between them: an entry stays in its bucket until its table is rebuilt. None without entries.
    pub(crate) fn buckets(&self, slot: usize) -> usize {
        self.slots.get(slot).filter(|table| !table.is_empty()).map_or(0, TableRef::buckets)
    }

    /// The entry in one bucket of a slot, if there is one.
    pub(crate) fn at_mut(&mut self, slot: usize, bucket: usize) -> Option<EntryMut<'_>> {
        let table = self.slots.get_mut(slot)?;
        let place = table.view().at(bucket)?;
        Some(EntryMut { table, hasher: &self.hasher, place })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.slots.iter().flat_map(TableRef::iter)
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
        for (slot, table) in self.slots.from(place.slot) {
            if slot != place.slot {
                place = ScanPlace { slot, hash: 0 };
            }
            let many = table.len() > count.saturating_mul(2) && table.len() > SLICE_MIN;
            if place.hash == 0 && !many {
                found.extend(table.iter().map(|entry| Blob::from(entry.key)));
            } else {
                let slices = (table.len() / count.max(SLICE_MIN)).clamp(1, SLICES);
                let end = place.hash + (1 << HASH_BITS) / slices.next_power_of_two() as u64;
                let hashes = place.hash..end;
                let hash_of =
                    |entry: &EntryRef<'_>| self.hash(entry.key) >> (u64::BITS - HASH_BITS);
                let slice = table.iter().filter(|entry| hashes.contains(&hash_of(entry)));
                found.extend(slice.map(|entry| Blob::from(entry.key)));
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
    pub(crate) fn random_key(&self, mut below: impl FnMut(usize) -> usize) -> Option<&[u8]> {
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
        let drawn = (0..TRIES).find_map(|_| table.at(below(table.buckets())));
        let drawn = drawn.map(|place| table.entry(place));
        drawn.or_else(|| table.iter().nth(index)).map(|entry| entry.key)
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

fn hash_with(hasher: &SeedableRandomState, key: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}
