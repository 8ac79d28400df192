//! [`Table`]: the entries of one slot, and a hash table of where they are kept.

use std::hint::black_box;

use super::arena::{Arena, Record};
use super::entries::Entries;
use super::index::Index;
use super::slots::{GROUP, Group};
use super::{Entry, EntryRef, Near};
use crate::cpu::prefetch;
use crate::value::StrRef;
use crate::{UnixMs, Value, ValueRef};

/// What is kept of one slot, but for the entries that it shares a list for with others.
///
/// The index has room to spare, so it holds places of four bytes. A short string is kept with its key
/// in an arena. Other entries stand side by side with those of the other slots of their [`Group`].
///
/// Its own fields take two lines of the cache, of which a look-up of a short string reads the first one,
/// and the other where the arena is not small.
#[derive(Debug, Clone, Default)]
#[repr(C, align(128))]
pub(super) struct Table {
    index: Index,
    arena: Arena,
}

#[cfg(not(test))]
const _: () = assert!(size_of::<Table>() == 128);

/// The entries of one slot, to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableRef<'a> {
    table: &'a Table,
    whole: &'a Entries,
}

/// The entries of one slot, to be changed. An entry of another slot may have to move for that.
#[derive(Debug)]
pub(super) struct TableMut<'a> {
    group: &'a mut Group,
    /// Which slot of the group, below [`GROUP`].
    at: usize,
}

/// Where an entry is kept: a place in the arena, or with [`WHOLE`] a place in the list.
pub(super) type Place = u32;

const WHOLE: Place = 1 << 31;

impl<'a> TableRef<'a> {
    #[inline]
    pub(super) fn new(table: &'a Table, whole: &'a Entries) -> Self {
        Self { table, whole }
    }

    pub(super) fn len(self) -> usize {
        self.table.index.len()
    }

    pub(super) fn is_empty(self) -> bool {
        self.table.index.is_empty()
    }

    /// How many buckets its index has; each entry is in one of them, and stays there until the
    /// index is rebuilt.
    pub(super) fn buckets(self) -> usize {
        self.table.index.buckets()
    }

    /// The place of the entry in a bucket, if there is one.
    pub(super) fn at(self, bucket: usize) -> Option<Place> {
        self.table.index.at(bucket)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = EntryRef<'a>> {
        self.table.index.iter().map(move |place| self.entry(place))
    }

    #[inline]
    pub(super) fn find(self, hash: u64, key: &[u8]) -> Option<Place> {
        self.table.index.find(hash, |place| self.key(place) == key)
    }

    /// The same, which is where `near` is, unless something became of that entry since or another key
    /// has the same bits of its hash.
    #[inline]
    pub(super) fn find_near(self, hash: u64, key: &[u8], near: Option<Near>) -> Option<Place> {
        if let Some(Near { place, moved }) = near
            && moved == self.table.index.moved()
            && self.key(place) == key
        {
            return Some(place);
        }
        self.find(hash, key)
    }

    /// The entry that is found first by `hash`, whatever its key.
    #[inline]
    pub(super) fn near(self, hash: u64) -> Option<Near> {
        let place = self.table.index.find(hash, |_| true)?;
        Some(Near { place, moved: self.table.index.moved() })
    }

    /// Inlined, so that a caller who wants a part of it reads that part.
    #[inline(always)]
    pub(super) fn entry(self, place: Place) -> EntryRef<'a> {
        if place & WHOLE != 0 {
            return self.whole_entry(place);
        }
        self.table.arena.record(place).into()
    }

    /// Has its own fields brought in, which may be in two lines.
    #[inline]
    pub(super) fn prefetch(self) {
        self.table.arena.prefetch();
    }

    #[inline]
    pub(super) fn prefetch_index(self, hash: u64) {
        self.table.index.prefetch_line(hash);
    }

    /// Has what stands between the index and the entry brought in.
    #[inline]
    pub(super) fn prefetch_way(self, place: Place) {
        if place & WHOLE == 0 {
            self.table.arena.prefetch_way(place);
        } else if let Some(entry) = self.whole.get(index(place)) {
            prefetch(&entry.epoch);
        }
    }

    /// Has what leads to the end of the arena brought in, where a new key goes.
    #[inline]
    pub(super) fn prefetch_way_to_end(self) {
        self.table.arena.prefetch_way_to_end();
    }

    /// Has that end brought in.
    #[inline]
    pub(super) fn touch_end(self) {
        self.table.arena.prefetch_end();
    }

    /// Has all brought in that a command reads first of the entry, if there is one at that place.
    #[inline]
    pub(super) fn touch(self, place: Place) {
        if place & WHOLE == 0 {
            self.table.arena.prefetch_record(place);
        } else if let Some(entry) = self.whole.get(index(place)) {
            let EntryRef { key, value, .. } = entry.view();
            let ends = match value {
                ValueRef::String(string) => string.ends(),
                other => other.touch().map(|byte| (byte, byte)),
            };
            black_box((key.first(), ends));
        }
    }

    #[inline]
    pub(super) fn clock(self, place: Place) -> u32 {
        if place & WHOLE == 0 {
            self.table.arena.clock(place)
        } else {
            self.whole[index(place)].clock()
        }
    }

    #[inline(never)]
    fn whole_entry(self, place: Place) -> EntryRef<'a> {
        self.whole[index(place)].view()
    }

    #[inline]
    fn key(self, place: Place) -> &'a [u8] {
        key_of(&self.table.arena, self.whole, place)
    }
}

impl<'a> TableMut<'a> {
    #[inline]
    pub(super) fn new(group: &'a mut Group, at: usize) -> Self {
        Self { group, at }
    }

    #[inline]
    pub(super) fn view(&self) -> TableRef<'_> {
        TableRef::new(&self.group.tables[self.at % GROUP], &self.group.entries)
    }

    /// The table with the entries of its whole group.
    #[inline]
    fn parts(&mut self) -> (&mut Table, &mut Entries) {
        let Group { tables, entries } = &mut *self.group;
        // It is below already: so that this is no question each time.
        (&mut tables[self.at % GROUP], entries)
    }

    #[inline]
    fn table(&mut self) -> &mut Table {
        self.parts().0
    }

    #[inline]
    fn arena(&mut self) -> &mut Arena {
        &mut self.table().arena
    }

    #[inline]
    fn whole(&mut self, place: Place) -> &mut Entry {
        &mut self.group.entries[index(place)]
    }

    /// The entry with the clock that `used` makes of its own.
    #[inline]
    pub(super) fn into_used_entry(
        self,
        place: Place,
        used: impl FnOnce(u32) -> u32,
    ) -> EntryRef<'a> {
        let Group { tables, entries } = self.group;
        if place & WHOLE == 0 {
            return tables[self.at % GROUP].arena.used_record(place, used).into();
        }
        let entry = &mut entries[index(place)];
        entry.set_clock(used(entry.clock()));
        entry.view()
    }

    pub(super) fn set_epoch(&mut self, place: Place, epoch: u32) {
        if place & WHOLE == 0 {
            self.arena().set_epoch(place, epoch);
        } else {
            self.whole(place).epoch = epoch;
        }
    }

    pub(super) fn set_clock(&mut self, place: Place, clock: u32) {
        if place & WHOLE == 0 {
            self.arena().set_clock(place, clock);
        } else {
            self.whole(place).set_clock(clock);
        }
    }

    /// Puts a number in the place of another that is kept in a record; answers whether it is.
    pub(super) fn set_integer(&mut self, place: Place, integer: i64) -> bool {
        place & WHOLE == 0 && self.arena().set_integer(place, integer)
    }

    /// Puts a string in the place of one that is kept in a record of as many bytes and does not expire, if
    /// it is such a one; answers whether it did.
    #[inline]
    pub(super) fn rewrite_string(
        &mut self,
        place: Place,
        string: StrRef<'_>,
        used: impl FnOnce(u32) -> u32,
    ) -> bool {
        place & WHOLE == 0 && self.arena().rewrite_string(place, string, used)
    }

    /// Adds an entry whose key is not there; answers whether the index was rebuilt for it.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        entry: Entry,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> bool {
        debug_assert!(self.view().find(hash, &entry.key).is_none());
        let place = match record(&entry).and_then(|record| self.arena().add(&record)) {
            Some(place) => place,
            None => self.push(entry),
        };
        self.index_new(hash, place, hash_of)
    }

    /// Adds a record whose key is not there, if the arena takes it; answers whether it did. The index may be
    /// rebuilt.
    pub(super) fn insert_record(
        &mut self,
        hash: u64,
        record: &Record<'_>,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> bool {
        debug_assert!(self.view().find(hash, record.key).is_none());
        let place = record.fits().then(|| self.arena().add(record)).flatten();
        if let Some(place) = place {
            self.index_new(hash, place, hash_of);
        }
        place.is_some()
    }

    /// Puts a place into the index; answers whether that was rebuilt for it.
    fn index_new(&mut self, hash: u64, place: Place, hash_of: impl Fn(&[u8]) -> u64) -> bool {
        let (Table { index, arena }, entries) = self.parts();
        if index.is_full() {
            // It is rebuilt from all keys of the slot, which are in no cache: let them come together.
            for place in index.iter() {
                prefetch_key(arena, entries, place);
            }
        }
        index.insert(hash, place, |place| hash_of(key_of(arena, entries, place)))
    }

    /// Takes an entry out. The index may be rebuilt.
    pub(super) fn remove(
        &mut self,
        hash: u64,
        place: Place,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> Option<Entry> {
        if !self.table().index.remove(hash, place) {
            return None;
        }
        let entry = if place & WHOLE == 0 {
            let entry = self.view().entry(place).to_entry();
            self.free(place, &hash_of);
            entry
        } else {
            self.take(place, &hash_of)
        };
        let (Table { index, arena }, entries) = self.parts();
        // What is deleted, or evicted, is to make room, not holes.
        index.shrink(|place| hash_of(key_of(arena, entries, place)));
        if index.is_empty() {
            arena.clear();
        }
        Some(entry)
    }

    /// Puts another value, expiry and clock in the place of those of `key`; answers the old value,
    /// unless it was a short string.
    pub(super) fn replace(
        &mut self,
        hash: u64,
        place: Place,
        new: Entry,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> Option<Value> {
        if let Some(record) = record(&new) {
            if place & WHOLE == 0 && self.arena().rewrite(place, &record) {
                return None;
            }
            if let Some(added) = self.arena().add(&record) {
                self.relocate(hash, place, added);
                return self.give_up(place, &hash_of);
            }
        }
        if place & WHOLE != 0 {
            let new = self.of_here(new);
            return Some(std::mem::replace(self.whole(place), new).value);
        }
        let added = self.push(new);
        self.relocate(hash, place, added);
        self.give_up(place, &hash_of)
    }

    /// Makes the entry one of the list, whose value can be changed.
    pub(super) fn make_whole(
        mut self,
        place: Place,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> &'a mut Entry {
        let mut place = place;
        if place & WHOLE == 0 {
            let entry = self.view().entry(place).to_entry();
            let hash = hash_of(&entry.key);
            let added = self.push(entry);
            self.relocate(hash, place, added);
            self.free(place, &hash_of);
            place = added;
        }
        &mut self.group.entries[index(place)]
    }

    /// Sets the expiry of the entry at `place`.
    pub(super) fn set_expires(
        &mut self,
        hash: u64,
        place: Place,
        expires: Option<UnixMs>,
        hash_of: impl Fn(&[u8]) -> u64,
    ) {
        if place & WHOLE == 0 {
            let mut entry = self.view().entry(place).to_entry();
            entry.set_expires(expires);
            self.replace(hash, place, entry, hash_of);
        } else {
            self.whole(place).set_expires(expires);
        }
    }

    /// # Panics
    ///
    /// If there are 2^31 of them, before anything is changed: they take 137 GB without their values.
    fn push(&mut self, entry: Entry) -> Place {
        let entries = &mut self.group.entries;
        assert!(entries.len() < WHOLE as usize, "more than 2^31 keys in one group of slots");
        let entry = self.of_here(entry);
        WHOLE | self.group.entries.push(entry) as Place
    }

    /// The entry, marked as one of this slot.
    fn of_here(&self, mut entry: Entry) -> Entry {
        // Below GROUP.
        entry.set_slot_in_group(self.at as u8);
        entry
    }

    /// Notes that the entry that was at `old` is at `new`.
    fn relocate(&mut self, hash: u64, old: Place, new: Place) {
        self.table().index.relocate(hash, old, new);
    }

    /// Lets go of what is at a place that no key has any more.
    fn give_up(&mut self, place: Place, hash_of: &impl Fn(&[u8]) -> u64) -> Option<Value> {
        if place & WHOLE != 0 {
            return Some(self.take(place, hash_of).value);
        }
        self.free(place, hash_of);
        None
    }

    /// Takes an entry out of the list; the last one fills the gap, of whatever slot it is.
    fn take(&mut self, place: Place, hash_of: &impl Fn(&[u8]) -> u64) -> Entry {
        let Group { tables, entries } = &mut *self.group;
        let entry = entries.swap_remove(index(place));
        if let Some(moved) = entries.get(index(place)) {
            let old = WHOLE | entries.len() as Place;
            let table = &mut tables[usize::from(moved.slot_in_group())];
            table.index.relocate(hash_of(&moved.key), old, place);
        }
        entry
    }

    /// Frees a record, and the chunk that holds it if little else is in there.
    fn free(&mut self, place: Place, hash_of: &impl Fn(&[u8]) -> u64) {
        let Table { index, arena } = self.table();
        let Some(chunk) = arena.free(place) else { return };
        let mut taken = arena.take(chunk);
        while let Some((old, key, bytes)) = taken.next() {
            let new = arena.add_moved(bytes).expect("its own chunk is free for it");
            index.relocate(hash_of(key), old, new);
        }
    }
}

impl<'a> From<Record<'a>> for EntryRef<'a> {
    #[inline(always)]
    fn from(record: Record<'a>) -> Self {
        let Record { key, string, expires, epoch, clock } = record;
        Self { key, value: ValueRef::String(string), expires, epoch, clock }
    }
}

fn index(place: Place) -> usize {
    (place & !WHOLE) as usize
}

#[inline]
fn key_of<'a>(arena: &'a Arena, whole: &'a Entries, place: Place) -> &'a [u8] {
    if place & WHOLE == 0 { arena.key(place) } else { &whole[index(place)].key }
}

/// Has the line brought in that the key of the entry at `place` begins in.
#[inline]
fn prefetch_key(arena: &Arena, whole: &Entries, place: Place) {
    if place & WHOLE == 0 {
        arena.prefetch_header(place);
    } else {
        prefetch(&whole[index(place)].epoch);
    }
}

/// The record of an entry that an arena takes.
fn record(entry: &Entry) -> Option<Record<'_>> {
    let Value::String(string) = &entry.value else { return None };
    let (expires, epoch, clock) = (entry.expires(), entry.epoch, entry.clock());
    let record = Record { key: &entry.key, string: string.view(), expires, epoch, clock };
    record.fits().then_some(record)
}

#[cfg(test)]
mod tests;
