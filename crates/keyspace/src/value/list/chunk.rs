//! [`Chunk`]: neighbouring elements of a long list in one allocation.

use std::fmt;
use std::iter::{self, FusedIterator};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::Blob;
use crate::cpu::prefetch;
use crate::tree::Element;

/// What an [`Arc`] puts before its bytes.
const COUNTERS: usize = 2 * size_of::<usize>();

/// The most bytes of a chunk of several elements: what one write under a snapshot copies. Tests use small
/// chunks, so that few elements make many.
pub(super) const CHUNK_BYTES: usize = if cfg!(test) { 1024 } else { 4096 } - COUNTERS;

/// The most elements of a chunk: a search for one walks over half of them.
pub(super) const CHUNK_ITEMS: usize = if cfg!(test) { 32 } else { 256 };

/// Longer elements have a chunk of their own.
pub(super) const LONGEST: usize = CHUNK_BYTES / 4;

/// Bytes of the smallest room that is made to be filled.
const LEAST: usize = 128 - COUNTERS;

/// Shorter lengths take one byte, others two: the upper one has this bit.
const LONG: usize = 0x80;

// Places are u16, a length is 15 bits.
const _: () = assert!(CHUNK_BYTES <= 0xffff && LONGEST < LONG << 8 && CHUNK_ITEMS <= 0xffff);

/// Elements of a list that stand one behind the other: several that are not long in one piece of bytes,
/// or one of any length.
///
/// A clone shares the bytes; a write then copies them. To take an element from an end writes nothing.
#[derive(Clone)]
pub(crate) enum Chunk {
    Packed(Packed),
    Single(Arc<[u8]>),
}

/// Elements in the middle of a room that has space at both ends: each with its length before and, from
/// its last byte back, behind it.
#[derive(Clone, Default)]
pub(crate) struct Packed {
    room: Arc<[u8]>,
    start: u16,
    end: u16,
    count: u16,
}

/// One of the two ends of a list or chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Back,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Front => Self::Back,
            Self::Back => Self::Front,
        }
    }
}

impl Element for Chunk {
    type Hint = ();
    type Weight = usize;

    fn hint(&self) {}

    fn weight(&self) -> usize {
        self.len()
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self::Packed(Packed::default())
    }
}

impl Chunk {
    /// A chunk of one element.
    pub(super) fn of(item: &[u8]) -> Self {
        let mut chunk = Self::default();
        let is_taken = chunk.push(Side::Front, item);
        debug_assert!(is_taken, "an empty one takes any");
        chunk
    }

    /// A chunk of elements that were gathered, without room for more.
    pub(super) fn gathered(gathered: &Gathered) -> Self {
        let Gathered { bytes, count } = gathered;
        // At most CHUNK_BYTES.
        Self::Packed(Packed {
            room: bytes[..].into(),
            start: 0,
            end: bytes.len() as u16,
            count: *count,
        })
    }

    /// How many elements.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Packed(packed) => usize::from(packed.count),
            Self::Single(_) => 1,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it has allocated. A clone shares them.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(packed) if packed.room.is_empty() => 0,
            Self::Packed(Packed { room, .. }) | Self::Single(room) => COUNTERS + room.len(),
        }
    }

    /// Has what a command reads and writes first at its front brought in.
    #[inline]
    pub(super) fn touch(&self) {
        match self {
            Self::Packed(Packed { room, start, .. }) => {
                let start = usize::from(*start);
                for line in [start.wrapping_sub(64), start, start + 64] {
                    if let Some(byte) = room.get(line) {
                        prefetch(byte);
                    }
                }
            }
            Self::Single(item) => item.first().into_iter().for_each(prefetch),
        }
    }

    /// Adds an element at a side; answers whether there is room for it. An empty chunk takes any.
    #[inline]
    #[must_use]
    pub(super) fn push(&mut self, side: Side, item: &[u8]) -> bool {
        let Self::Packed(packed) = self else { return false };
        if item.len() <= LONGEST {
            return packed.push(side, item);
        }
        let is_taken = packed.count == 0;
        if is_taken {
            *self = Self::Single(item.into());
        }
        is_taken
    }

    /// Takes the element at a side. One of a chunk of its own is not copied.
    pub(super) fn take(&mut self, side: Side) -> Option<Blob> {
        match self {
            Self::Packed(packed) => packed.pop(side, |item| Blob::from(item)),
            Self::Single(item) => {
                let item = Blob::from_shared(Arc::clone(item));
                *self = Self::default();
                Some(item)
            }
        }
    }

    /// Takes the element at a side; answers what `see` makes of it.
    #[inline]
    pub(super) fn pop<T>(&mut self, side: Side, see: impl FnOnce(&[u8]) -> T) -> Option<T> {
        match self {
            Self::Packed(packed) => packed.pop(side, see),
            Self::Single(item) => {
                let seen = see(item);
                *self = Self::default();
                Some(seen)
            }
        }
    }

    pub(super) fn items(&self) -> Items<'_> {
        let (bytes, is_single) = match self {
            Self::Packed(packed) => (packed.bytes(), false),
            Self::Single(item) => (&item[..], true),
        };
        Items { bytes, left: self.len(), is_single }
    }

    /// The element at `index`.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let behind = self.len().checked_sub(index + 1)?;
        let mut items = self.items();
        if index <= behind { items.nth(index) } else { items.nth_back(behind) }
    }

    /// Takes out the element at `index`, which must be there.
    pub(super) fn remove(&mut self, index: usize) -> Option<Blob> {
        if let Self::Single(_) = self {
            return self.take(Side::Front);
        }
        let item = Blob::from(self.get(index)?);
        let is_out = self.replace(index, 1, None);
        debug_assert!(is_out, "less always fits");
        Some(item)
    }

    /// Puts `new` in the place of the `old` elements, one at most, from `at` on; answers whether there is
    /// room for it.
    #[must_use]
    pub(super) fn replace(&mut self, at: usize, old: usize, new: Option<&[u8]>) -> bool {
        match self {
            Self::Packed(packed) => packed.replace(at, old, new),
            Self::Single(_) if old == 1 => {
                *self = new.map_or_else(Self::default, Self::of);
                true
            }
            Self::Single(_) => false,
        }
    }

    /// Takes out the elements at `positions`, which ascend and are all there.
    pub(super) fn remove_all(&mut self, positions: impl Iterator<Item = usize>) {
        let mut gone = positions.peekable();
        let kept = self.items().enumerate();
        let kept = kept.filter(|(index, _)| gone.next_if_eq(index).is_none());
        let mut new = Self::default();
        for (_, item) in kept {
            let is_taken = new.push(Side::Back, item);
            debug_assert!(is_taken, "less always fits");
        }
        *self = new;
    }

    /// Keeps the first `at` elements, at most all, and answers the others.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        if at == 0 {
            return mem::take(self);
        }
        match self {
            Self::Packed(packed) => Self::Packed(packed.split_off(at)),
            Self::Single(_) => Self::default(),
        }
    }

    /// Gives back room that is not in use, where it is more than little.
    pub(super) fn trim(&mut self) {
        if let Self::Packed(packed) = self {
            let (bytes, room) = (packed.bytes().len(), packed.room.len());
            if room - bytes > room / 8 {
                packed.rebuild(bytes, 0);
            }
        }
    }
}

impl Packed {
    #[inline]
    fn span(&self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.room[self.span()]
    }

    fn set_span(&mut self, start: usize, end: usize) {
        debug_assert!(start <= end && end <= self.room.len());
        // At most CHUNK_BYTES.
        (self.start, self.end) = (start as u16, end as u16);
    }

    #[inline]
    fn push(&mut self, side: Side, item: &[u8]) -> bool {
        let bytes = item_bytes(item);
        if usize::from(self.count) == CHUNK_ITEMS || !self.make_room(side, bytes) {
            return false;
        }
        let Range { start, end } = self.span();
        let place = match side {
            Side::Front => start - bytes,
            Side::Back => end,
        };
        put(Arc::make_mut(&mut self.room), place, item);
        self.set_span(start.min(place), end.max(place + bytes));
        self.count += 1;
        true
    }

    #[inline]
    fn pop<T>(&mut self, side: Side, see: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let Range { start, end } = self.span();
        let mut items = Items { bytes: self.bytes(), left: self.count.into(), is_single: false };
        let item = match side {
            Side::Front => items.next(),
            Side::Back => items.next_back(),
        };
        let item = item?;
        let (seen, bytes) = (see(item), item_bytes(item));
        match side {
            Side::Front => self.set_span(start + bytes, end),
            Side::Back => self.set_span(start, end - bytes),
        }
        self.count -= 1;
        self.shrink();
        Some(seen)
    }

    /// Has space for so many bytes at a side; answers whether there is that much.
    #[inline]
    fn make_room(&mut self, side: Side, bytes: usize) -> bool {
        let Range { start, end } = self.span();
        let free = match side {
            Side::Front => start,
            Side::Back => self.room.len() - end,
        };
        bytes <= free || self.make_more_room(side, bytes)
    }

    /// Moves the elements for space at a side: to the middle while half of the room is free, or it is as
    /// large as it gets and not about full; into a larger room otherwise.
    #[cold]
    fn make_more_room(&mut self, side: Side, bytes: usize) -> bool {
        let (span, room) = (self.span(), self.room.len());
        let wanted = span.len() + bytes;
        let free = room - span.len();
        let is_wide = wanted * 2 <= room;
        if is_wide || (room == CHUNK_BYTES && free / 2 >= bytes && free >= room / 8) {
            let start = free / 2;
            let end = start + span.len();
            Arc::make_mut(&mut self.room).copy_within(span, start);
            self.set_span(start, end);
            return true;
        }
        if room == CHUNK_BYTES || wanted > CHUNK_BYTES {
            return false;
        }
        let room = room_for(wanted);
        let start = if side == Side::Front { room - span.len() } else { 0 };
        self.rebuild(room, start);
        true
    }

    /// Gives back half of a room of which three quarters are free.
    #[inline]
    fn shrink(&mut self) {
        let (bytes, room) = (self.span().len(), self.room.len());
        if room > LEAST && bytes * 4 <= room {
            self.halve();
        }
    }

    #[cold]
    fn halve(&mut self) {
        let (bytes, room) = (self.span().len(), rounded(self.room.len() / 2));
        self.rebuild(room, (room - bytes) / 2);
    }

    /// Moves all into a room of its own of so many bytes, to begin at `start`.
    fn rebuild(&mut self, room: usize, start: usize) {
        let mut new = empty_room(room);
        let bytes = self.bytes();
        let end = start + bytes.len();
        // Nobody else has it yet.
        Arc::make_mut(&mut new)[start..end].copy_from_slice(bytes);
        self.room = new;
        self.set_span(start, end);
    }

    /// See [`Chunk::replace`].
    fn replace(&mut self, at: usize, old: usize, new: Option<&[u8]>) -> bool {
        let span = self.span();
        let mut items = Items { bytes: self.bytes(), left: self.count.into(), is_single: false };
        items.by_ref().take(at).for_each(drop);
        let first = span.end - items.bytes.len();
        items.by_ref().take(old).for_each(drop);
        let next = span.end - items.bytes.len();
        let added = new.map_or(0, item_bytes);
        let count = usize::from(self.count) - old + usize::from(new.is_some());
        let bytes = span.len() - (next - first) + added;
        let is_fit = count <= CHUNK_ITEMS && bytes <= CHUNK_BYTES;
        if !is_fit || new.is_some_and(|item| item.len() > LONGEST) {
            return false;
        }
        let (mut first, mut next) = (first, next);
        if first + added + (span.end - next) > self.room.len() {
            self.rebuild(room_for(bytes.max(span.len())), 0);
            (first, next) = (first - span.start, next - span.start);
        }
        let Range { start, end } = self.span();
        let room = Arc::make_mut(&mut self.room);
        room.copy_within(next..end, first + added);
        if let Some(item) = new {
            put(room, first, item);
        }
        self.set_span(start, start + bytes);
        // At most CHUNK_ITEMS.
        self.count = count as u16;
        self.shrink();
        true
    }

    fn split_off(&mut self, at: usize) -> Self {
        let mut items = Items { bytes: self.bytes(), left: self.count.into(), is_single: false };
        items.by_ref().take(at).for_each(drop);
        let (rest, count) = (items.bytes, items.left);
        if count == 0 {
            return Self::default();
        }
        let mut room = empty_room(rest.len());
        // Nobody else has it yet.
        Arc::make_mut(&mut room).copy_from_slice(rest);
        let end = self.span().end - rest.len();
        // No more than there were.
        let tail = Self { room, start: 0, end: rest.len() as u16, count: count as u16 };
        self.count -= tail.count;
        self.set_span(self.start.into(), end);
        self.shrink();
        tail
    }
}

/// The elements of a chunk that is filled once and whole, in memory that serves for one after the other.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// As they stand in a chunk.
    bytes: Vec<u8>,
    count: u16,
}

impl Gathered {
    /// Adds an element at the back; answers whether a chunk has room for it.
    #[inline]
    #[must_use]
    pub(super) fn push(&mut self, item: &[u8]) -> bool {
        let (start, end) = (self.bytes.len(), self.bytes.len() + item_bytes(item));
        if item.len() > LONGEST || usize::from(self.count) == CHUNK_ITEMS || end > CHUNK_BYTES {
            return false;
        }
        self.bytes.resize(end, 0);
        put(&mut self.bytes, start, item);
        self.count += 1;
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    pub(super) fn items(&self) -> Items<'_> {
        Items { bytes: &self.bytes, left: self.count.into(), is_single: false }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.items().map(<[u8]>::escape_ascii)).finish()
    }
}

/// The elements of a [`Chunk`] in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Items<'a> {
    /// Of those to come.
    bytes: &'a [u8],
    left: usize,
    /// The bytes are one element, without a length.
    is_single: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        if self.is_single {
            return Some(mem::take(&mut self.bytes));
        }
        let (start, len) = item_len(self.bytes[0], || self.bytes[1]);
        let item = &self.bytes[start..start + len];
        self.bytes = &self.bytes[start + len + start..];
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        if self.is_single {
            return Some(mem::take(&mut self.bytes));
        }
        let all = self.bytes.len();
        let (around, len) = item_len(self.bytes[all - 1], || self.bytes[all - 2]);
        let end = all - around;
        let item = &self.bytes[end - len..end];
        self.bytes = &self.bytes[..end - len - around];
        Some(item)
    }
}

impl ExactSizeIterator for Items<'_> {}
impl FusedIterator for Items<'_> {}

fn empty_room(bytes: usize) -> Arc<[u8]> {
    iter::repeat_n(0, bytes).collect()
}

/// The room that is made for so many bytes and more to come, a quarter of them at least.
fn room_for(bytes: usize) -> usize {
    rounded(bytes + bytes / 4)
}

/// A room for so many bytes that is, with its counters, of a size that allocators have: four to each
/// doubling.
fn rounded(bytes: usize) -> usize {
    let all = bytes + COUNTERS;
    let step = (all.next_power_of_two() / 8).max(16);
    (all.next_multiple_of(step) - COUNTERS).clamp(LEAST, CHUNK_BYTES)
}

/// What an element takes, with its length twice.
#[inline]
pub(super) fn item_bytes(item: &[u8]) -> usize {
    item.len() + if item.len() < LONG { 2 } else { 4 }
}

/// How many bytes a length takes, and which it is, by its outer byte and the one inside of that.
#[inline]
fn item_len(outer: u8, inner: impl FnOnce() -> u8) -> (usize, usize) {
    let outer = usize::from(outer);
    if outer < LONG { (1, outer) } else { (2, (outer - LONG) << 8 | usize::from(inner())) }
}

/// Writes an element, which is no longer than [`LONGEST`], at a place.
#[inline]
fn put(room: &mut [u8], place: usize, item: &[u8]) {
    let len = item.len();
    let room = &mut room[place..place + item_bytes(item)];
    if len < LONG {
        room[0] = len as u8;
        room[1..=len].copy_from_slice(item);
        room[len + 1] = len as u8;
    } else {
        let (high, low) = ((LONG | len >> 8) as u8, len as u8);
        room[..2].copy_from_slice(&[high, low]);
        room[2..2 + len].copy_from_slice(item);
        room[2 + len..].copy_from_slice(&[low, high]);
    }
}
