//! [`Entry`]: a key with its value, and the ways to look at one.

use foldhash::quality::SeedableRandomState;

use super::arena::Record;
use super::hash_with;
use super::slots::GROUP;
use super::table::{self, TableMut};
use crate::{Blob, UnixMs, Value, ValueRef};

/// A key with its value and what is kept beside it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Blob,
    pub(crate) value: Value,
    /// The snapshot that has this entry already, or that began before the entry did.
    pub(crate) epoch: u32,
    /// When or how often it was used, in 24 bits: see [`usage`](crate::usage).
    clock: [u8; 3],
    /// Whether it expires, and the number of its slot in its group: see [`Entry::EXPIRES`].
    marks: u8,
    /// When it expires, if it does.
    moment: UnixMs,
}

// A line of the cache; and one bit of the marks is the expiry's.
const _: () = assert!(size_of::<Entry>() == 64 && GROUP == 1 << 7);

impl Entry {
    /// Apart from the moment, as an `Option` would take eight bytes for it.
    const EXPIRES: u8 = GROUP as u8;

    pub(crate) fn new(key: &[u8], value: Value, expires: Option<UnixMs>, epoch: u32) -> Self {
        Self::of(Blob::from(key), value, expires, epoch)
    }

    pub(crate) fn of(key: Blob, value: Value, expires: Option<UnixMs>, epoch: u32) -> Self {
        let mut entry = Self { key, value, epoch, clock: [0; 3], marks: 0, moment: UnixMs(0) };
        entry.set_expires(expires);
        entry
    }

    pub(crate) fn clock(&self) -> u32 {
        let [low, middle, high] = self.clock;
        u32::from_le_bytes([low, middle, high, 0])
    }

    pub(crate) fn set_clock(&mut self, clock: u32) {
        let [low, middle, high, _] = clock.to_le_bytes();
        self.clock = [low, middle, high];
    }

    pub(crate) fn expires(&self) -> Option<UnixMs> {
        (self.marks & Self::EXPIRES != 0).then_some(self.moment)
    }

    pub(super) fn set_expires(&mut self, expires: Option<UnixMs>) {
        let mark = if expires.is_some() { Self::EXPIRES } else { 0 };
        self.marks = self.marks & !Self::EXPIRES | mark;
        self.moment = expires.unwrap_or(UnixMs(0));
    }

    /// Which slot of its group it is of, as its table has noted: it may have to find it by its entry.
    pub(super) fn slot_in_group(&self) -> u8 {
        self.marks & !Self::EXPIRES
    }

    pub(super) fn set_slot_in_group(&mut self, slot: u8) {
        debug_assert!(usize::from(slot) < GROUP);
        self.marks = self.marks & Self::EXPIRES | slot;
    }

    pub(crate) fn view(&self) -> EntryRef<'_> {
        let (expires, clock) = (self.expires(), self.clock());
        EntryRef { key: &self.key, value: self.value.view(), expires, epoch: self.epoch, clock }
    }
}

/// An entry to read, wherever it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryRef<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: ValueRef<'a>,
    pub(super) expires: Option<UnixMs>,
    pub(crate) epoch: u32,
    pub(super) clock: u32,
}

impl EntryRef<'_> {
    pub(crate) fn to_entry(self) -> Entry {
        let Self { key, value, expires, epoch, clock } = self;
        let mut entry = Entry::new(key, value.to_value(), expires, epoch);
        entry.set_clock(clock);
        entry
    }

    /// The 24 bits that are kept for eviction.
    pub(crate) fn clock(self) -> u32 {
        self.clock
    }

    pub(crate) fn expires(self) -> Option<UnixMs> {
        self.expires
    }

    /// When the first field of a hash expires.
    pub(crate) fn first_field_expiry(self) -> Option<UnixMs> {
        let ValueRef::Hash(hash) = self.value else { return None };
        hash.first_expiry()
    }

    /// Whether its time is over by `now`: the key's own, or that of each field of a hash.
    #[inline]
    pub(crate) fn is_over(self, now: UnixMs) -> bool {
        self.expires.is_some_and(|at| now.is_past(at))
            || matches!(self.value, ValueRef::Hash(hash) if hash.is_over(now))
    }

    /// Bytes of the record that it is kept as; `None` if it is kept in one piece.
    pub(crate) fn record_bytes(self) -> Option<usize> {
        let ValueRef::String(string) = self.value else { return None };
        let Self { key, expires, epoch, clock, .. } = self;
        Record { key, string, expires, epoch, clock }.bytes()
    }

    /// The RDB type of its value that is counted, if it is.
    pub(super) fn counted_type(self) -> Option<u8> {
        if matches!(self.value, ValueRef::Hash(_)) { None } else { self.value.needed_type() }
    }
}

/// An entry to be changed, wherever it is kept.
#[derive(Debug)]
pub(crate) struct EntryMut<'a> {
    pub(super) table: TableMut<'a>,
    pub(super) hasher: &'a SeedableRandomState,
    pub(super) place: table::Place,
}

impl<'a> EntryMut<'a> {
    #[inline]
    pub(crate) fn view(&self) -> EntryRef<'_> {
        self.table.view().entry(self.place)
    }

    /// The entry to read, with the clock that `used` makes of its own.
    #[inline]
    pub(crate) fn into_used(self, used: impl FnOnce(u32) -> u32) -> EntryRef<'a> {
        self.table.into_used_entry(self.place, used)
    }

    pub(crate) fn set_epoch(&mut self, epoch: u32) {
        self.table.set_epoch(self.place, epoch);
    }

    /// The 24 bits that are kept for eviction.
    #[inline]
    pub(crate) fn clock(&self) -> u32 {
        self.table.view().clock(self.place)
    }

    pub(crate) fn set_clock(&mut self, clock: u32) {
        self.table.set_clock(self.place, clock);
    }

    /// Puts a number in the place of another that is kept in a record; answers whether it is.
    pub(crate) fn set_integer(&mut self, integer: i64) -> bool {
        self.table.set_integer(self.place, integer)
    }

    /// The entry with a value that can be changed in place. It is kept in one piece from then on, until
    /// it is overwritten.
    pub(crate) fn into_whole(self) -> &'a mut Entry {
        let Self { table, hasher, place } = self;
        table.make_whole(place, |key| hash_with(hasher, key))
    }
}
