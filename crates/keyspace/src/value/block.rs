//! [`Block`]: up to 128 groups of byte strings in one allocation, in which one is found without a walk.

use std::fmt;
use std::iter::{self, FusedIterator};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use super::member_hash;
use crate::cpu::prefetch;

/// The most groups of a block; a multiple of [`STEP`].
pub(crate) const BLOCK_GROUPS: usize = 128;

/// The most bytes of a block: what one write under a snapshot copies.
pub(crate) const BLOCK_BYTES: usize = 16 * 1024 - COUNTERS;

/// Collections of no more groups are packs: a walk over so few is as fast, and they take less memory.
pub(crate) const PACK_GROUPS: usize = 16;

/// What stands before the columns: how many groups there are, for how many the columns have room, and
/// where the payload ends (u16, lower byte first).
const HEAD: usize = 4;

/// What an [`Arc`] puts before its bytes.
const COUNTERS: usize = 2 * size_of::<usize>();

/// Prints that are compared at a time.
const STEP: usize = 8;

// The counts are bytes, the end is a u16.
const _: () = {
    assert!(BLOCK_GROUPS <= 0xff && BLOCK_GROUPS.is_multiple_of(STEP));
    assert!(BLOCK_BYTES <= 0xffff && PACK_GROUPS < BLOCK_GROUPS);
};

/// What a [`Block`] is made of.
pub(crate) trait Shape {
    /// Byte strings of a group, of which the first names it.
    const ITEMS: usize;
    /// How many bytes of a group each column has that is the owner's.
    const OWN: &'static [usize];
}

/// Up to [`BLOCK_GROUPS`] groups of byte strings of 255 bytes at most, all in [`BLOCK_BYTES`].
///
/// In front there are columns, arrays with something of each group: a byte of the name's hash (its
/// *print*), the lengths of its byte strings, what else the owner has. Then the byte strings one after
/// the other. So a search compares the prints, eight at a time, adds up the lengths before the one that
/// agrees, and reads that name. What would make a block larger is refused, and its owner turns to a
/// [`Tree`](crate::tree::Tree).
///
/// A clone shares the bytes; a write then copies them.
pub(crate) struct Block<S>(Arc<[u8]>, PhantomData<S>);

/// A group in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number in the order in which groups came.
    pub(crate) group: usize,
    /// Where its byte strings begin.
    start: usize,
}

impl<S> Clone for Block<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<S: Shape> Block<S> {
    /// Bytes of a group in all columns.
    const WIDTH: usize = {
        let (mut width, mut own) = (1 + S::ITEMS, 0);
        while own < S::OWN.len() {
            width += S::OWN[own];
            own += 1;
        }
        width
    };

    /// A block of the groups of `items`, whose names must differ, unless they are too many or too long.
    pub(crate) fn of<'a>(items: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        let names = items.clone().step_by(S::ITEMS);
        Self::of_hashed(items, names.map(member_hash))
    }

    /// [`of`](Self::of) groups of whose names the hashes are known: see [`member_hash`].
    pub(crate) fn of_hashed<'a>(
        items: impl Iterator<Item = &'a [u8]> + Clone,
        hashes: impl Iterator<Item = u64>,
    ) -> Option<Self> {
        let (mut count, mut bytes) = (0, 0);
        for item in items.clone() {
            (count, bytes) = (count + 1, bytes + item.len());
            if count > BLOCK_GROUPS * S::ITEMS || bytes > BLOCK_BYTES || !is_short(item) {
                return None;
            }
        }
        let groups = count / S::ITEMS;
        let mut block = Self::with_room(room_for(groups), bytes)?;
        let (mut place, all) = (block.payload(), block.bytes_mut());
        let room = usize::from(all[1]);
        for (print, hash) in all[HEAD..HEAD + groups].iter_mut().zip(hashes) {
            *print = print_of(hash);
        }
        for (index, item) in items.enumerate() {
            // Checked to be short.
            all[HEAD + room + index] = item.len() as u8;
            all[place..place + item.len()].copy_from_slice(item);
            place += item.len();
        }
        all[0] = groups as u8;
        set_end(all, place);
        Some(block)
    }

    /// An empty one with room for so many groups and bytes of payload, and some more of these.
    fn with_room(room: usize, bytes: usize) -> Option<Self> {
        let columns = HEAD + room * Self::WIDTH;
        let least = columns + bytes;
        if least > BLOCK_BYTES {
            return None;
        }
        let wanted = (COUNTERS + least + bytes / 8).next_multiple_of(64) - COUNTERS;
        let mut block = Self(iter::repeat_n(0, wanted.min(BLOCK_BYTES)).collect(), PhantomData);
        // Nobody else has it yet.
        let all = block.bytes_mut();
        all[1] = room as u8;
        set_end(all, columns);
        Some(block)
    }

    /// How many groups.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.0[0])
    }

    /// For how many groups the columns have room, a multiple of [`STEP`].
    #[inline]
    fn room(&self) -> usize {
        usize::from(self.0[1])
    }

    /// Where the payload ends.
    #[inline]
    fn end(&self) -> usize {
        usize::from(u16::from_le_bytes([self.0[2], self.0[3]]))
    }

    /// Where the payload begins.
    #[inline]
    fn payload(&self) -> usize {
        HEAD + self.room() * Self::WIDTH
    }

    /// Bytes that it has allocated. A clone shares them.
    pub(crate) fn heap_bytes(&self) -> usize {
        COUNTERS + self.0.len()
    }

    /// Has what a search reads first brought in: most of the prints are in two cache lines.
    #[inline]
    pub(crate) fn touch(&self) -> Option<u8> {
        prefetch(self.0.first()?);
        prefetch(self.0.get(64 - COUNTERS)?);
        None
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        Arc::make_mut(&mut self.0)
    }

    /// The lengths of the items, group by group.
    #[inline]
    fn lens(&self) -> &[u8] {
        let start = HEAD + self.room();
        &self.0[start..start + self.len() * S::ITEMS]
    }

    /// The owner's column at `index`, up to the last group there is.
    #[inline]
    pub(crate) fn column(&self, index: usize) -> &[u8] {
        &self.0[self.own(index)]
    }

    /// The owner's column at `index`, to be changed.
    #[inline]
    pub(crate) fn column_mut(&mut self, index: usize) -> &mut [u8] {
        let own = self.own(index);
        &mut self.bytes_mut()[own]
    }

    #[inline]
    fn own(&self, index: usize) -> Range<usize> {
        let before: usize = 1 + S::ITEMS + S::OWN[..index].iter().sum::<usize>();
        let start = HEAD + self.room() * before;
        start..start + self.len() * S::OWN[index]
    }

    /// The place of a group by its number, which must be below the length.
    #[inline]
    pub(crate) fn place(&self, group: usize) -> Place {
        let before = &self.lens()[..group * S::ITEMS];
        Place { group, start: self.payload() + sum(before) }
    }

    /// The byte string at `index` in a group.
    #[inline]
    pub(crate) fn item(&self, place: Place, index: usize) -> &[u8] {
        &self.0[self.span(place, index)]
    }

    #[inline]
    fn span(&self, place: Place, index: usize) -> Range<usize> {
        let lens = &self.lens()[place.group * S::ITEMS..][..=index];
        let start = place.start + sum(&lens[..index]);
        start..start + usize::from(lens[index])
    }

    /// The group of this name.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<Place> {
        let (len, lens) = (self.len(), self.lens());
        let prints = &self.0[HEAD..HEAD + len.next_multiple_of(STEP)];
        let mut found = None;
        position(prints, print(name), |group| {
            if group >= len || usize::from(lens[group * S::ITEMS]) != name.len() {
                return false;
            }
            let place = self.place(group);
            let is_it = &self.0[place.start..place.start + name.len()] == name;
            if is_it {
                found = Some(place);
            }
            is_it
        });
        found
    }

    /// Adds a group whose name is not there, its columns of the owner's zero; answers whether there is
    /// room for it.
    #[must_use]
    pub(crate) fn push(&mut self, items: &[&[u8]]) -> bool {
        debug_assert_eq!(items.len(), S::ITEMS, "a group");
        let group = self.len();
        let added: usize = items.iter().map(|item| item.len()).sum();
        if group == BLOCK_GROUPS || !items.iter().all(|item| is_short(item)) {
            return false;
        }
        let room = if group == self.room() { room_for(group + 1) } else { self.room() };
        if !self.make_room(room, added) {
            return false;
        }
        let mut end = self.end();
        let all = self.bytes_mut();
        all[0] += 1;
        all[HEAD + group] = print(items[0]);
        for (index, item) in items.iter().enumerate() {
            // Checked to be short.
            all[HEAD + room + group * S::ITEMS + index] = item.len() as u8;
            all[end..end + item.len()].copy_from_slice(item);
            end += item.len();
        }
        set_end(all, end);
        for index in 0..S::OWN.len() {
            let width = S::OWN[index];
            self.column_mut(index)[group * width..].fill(0);
        }
        true
    }

    /// Puts `new` in the place of a byte string that does not name its group; answers whether there is
    /// room for it.
    #[must_use]
    pub(crate) fn replace(&mut self, place: Place, index: usize, new: &[u8]) -> bool {
        let old = self.span(place, index);
        if old.len() == new.len() {
            self.bytes_mut()[old].copy_from_slice(new);
            return true;
        }
        // No column grows, so the place stays.
        if !is_short(new) || !self.make_room(self.room(), new.len().saturating_sub(old.len())) {
            return false;
        }
        let (room, end) = (self.room(), self.end());
        let all = self.bytes_mut();
        all.copy_within(old.end..end, old.start + new.len());
        all[old.start..old.start + new.len()].copy_from_slice(new);
        all[HEAD + room + place.group * S::ITEMS + index] = new.len() as u8;
        set_end(all, end - old.len() + new.len());
        self.shrink();
        true
    }

    /// Takes a group out; those behind it move up.
    pub(crate) fn remove(&mut self, group: usize) {
        let start = self.place(group).start;
        let gone = sum(&self.lens()[group * S::ITEMS..(group + 1) * S::ITEMS]);
        let (len, room, end) = (self.len(), self.room(), self.end());
        let all = self.bytes_mut();
        all.copy_within(start + gone..end, start);
        set_end(all, end - gone);
        for (column, width) in Self::columns(room) {
            let next = column + (group + 1) * width;
            all.copy_within(next..column + len * width, column + group * width);
        }
        all[0] -= 1;
        self.shrink();
    }

    /// Gives most of the room back where that is more than half of all.
    fn shrink(&mut self) {
        let (room, bytes) = (room_for(self.len()), self.end() - self.payload());
        if (HEAD + room * Self::WIDTH + bytes) * 2 < self.0.len() {
            self.rebuild(room, bytes);
        }
    }

    /// Makes room for so many groups and `added` bytes more; answers whether there is that much.
    fn make_room(&mut self, room: usize, added: usize) -> bool {
        let end = self.end();
        if room == self.room() && end + added <= self.0.len() {
            return true;
        }
        self.rebuild(room, end - self.payload() + added)
    }

    /// Moves all into another allocation, with room for so many groups and bytes of payload; answers
    /// whether there is that much.
    #[cold]
    fn rebuild(&mut self, room: usize, bytes: usize) -> bool {
        let Some(mut new) = Self::with_room(room, bytes) else { return false };
        let (old_room, len) = (self.room(), self.len());
        let (payload, new_payload) = (self.payload()..self.end(), new.payload());
        let all = new.bytes_mut();
        all[0] = self.0[0];
        for ((old, width), (new, _)) in Self::columns(old_room).zip(Self::columns(room)) {
            all[new..new + len * width].copy_from_slice(&self.0[old..old + len * width]);
        }
        all[new_payload..new_payload + payload.len()].copy_from_slice(&self.0[payload.clone()]);
        set_end(all, new_payload + payload.len());
        *self = new;
        true
    }

    /// Where each column begins, and its bytes of a group.
    fn columns(room: usize) -> impl Iterator<Item = (usize, usize)> {
        let widths = [1, S::ITEMS].into_iter().chain(S::OWN.iter().copied());
        widths.scan(HEAD, move |next, width| {
            let start = *next;
            *next += room * width;
            Some((start, width))
        })
    }

    /// All byte strings, group by group in the order in which these came.
    pub(crate) fn iter(&self) -> BlockItems<'_> {
        BlockItems { lens: self.lens(), payload: &self.0[self.payload()..] }
    }
}

impl<S: Shape> fmt::Debug for Block<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(<[u8]>::escape_ascii)).finish()
    }
}

/// The byte strings of a [`Block`] in order.
#[derive(Clone, Debug)]
pub(crate) struct BlockItems<'a> {
    /// Of those to come.
    lens: &'a [u8],
    /// From the next one on.
    payload: &'a [u8],
}

impl<'a> Iterator for BlockItems<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, lens) = self.lens.split_first()?;
        let (item, rest) = self.payload.split_at(usize::from(*len));
        (self.lens, self.payload) = (lens, rest);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.lens.len(), Some(self.lens.len()))
    }
}

impl ExactSizeIterator for BlockItems<'_> {}
impl FusedIterator for BlockItems<'_> {}

/// Whether the length of an item fits into its byte.
#[inline]
fn is_short(item: &[u8]) -> bool {
    item.len() <= 0xff
}

/// What tells most names apart.
#[inline]
fn print(name: &[u8]) -> u8 {
    print_of(member_hash(name))
}

#[inline]
fn print_of(hash: u64) -> u8 {
    (hash >> 56) as u8
}

/// For how many groups columns are made that are to hold so many.
fn room_for(groups: usize) -> usize {
    (groups + groups / 8).next_multiple_of(STEP).clamp(STEP, BLOCK_GROUPS)
}

#[inline]
fn set_end(all: &mut [u8], end: usize) {
    // At most BLOCK_BYTES.
    all[2..4].copy_from_slice(&(end as u16).to_le_bytes());
}

#[inline]
fn sum(lens: &[u8]) -> usize {
    // At most two lengths a group: in 32 bits twice as many are added at a time.
    lens.iter().map(|len| u32::from(*len)).sum::<u32>() as usize
}

/// The first place of `byte` in `bytes`, a multiple of [`STEP`], that `is_it` takes.
#[inline]
pub(crate) fn position(
    bytes: &[u8],
    byte: u8,
    mut is_it: impl FnMut(usize) -> bool,
) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const LOW: u64 = ONES * 0x7f;
    let pattern = ONES * u64::from(byte);
    let (steps, _) = bytes.as_chunks::<STEP>();
    for (step, bytes) in steps.iter().enumerate() {
        let differs = u64::from_le_bytes(*bytes) ^ pattern;
        // The upper bit of each byte that is 0; no carry goes from one byte to the next.
        let mut equal = !(((differs & LOW) + LOW) | differs | LOW);
        while equal != 0 {
            let at = step * STEP + equal.trailing_zeros() as usize / 8;
            if is_it(at) {
                return Some(at);
            }
            equal &= equal - 1;
        }
    }
    None
}

#[cfg(test)]
mod tests;
