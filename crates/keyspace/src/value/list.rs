//! [`List`]: a list value.

mod chunk;
mod chunks;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::{fmt, mem, vec};

use self::chunk::{Chunk, Gathered, LONGEST, Side};
use self::chunks::{Chunks, ChunksIter};
use super::pack::Pack;
use crate::{Blob, memory};

/// A list: byte strings by position. A small one is one piece of bytes, a large one many, of neighbouring
/// elements each.
#[derive(Debug, Clone)]
pub struct List(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Packed(Pack),
    Chunks(Box<Chunks>),
}

/// The most bytes of a small list: to push or pop moves most of a pack, and seldom anything in a chunk,
/// but a chunk has room to spare and a head.
const SMALL: usize = 256;

/// Up to so many elements, taking one after the other beats splitting the list.
const FEW: usize = 16;

impl Default for List {
    fn default() -> Self {
        Self(Repr::Packed(Pack::default()))
    }
}

impl List {
    fn of_chunks(chunks: Chunks) -> Self {
        Self(Repr::Chunks(Box::new(chunks)))
    }

    /// See [`ValueRef::touch`](crate::ValueRef).
    pub(crate) fn touch(&self) -> Option<u8> {
        match &self.0 {
            Repr::Packed(pack) => pack.touch(),
            Repr::Chunks(chunks) => {
                chunks.touch();
                None
            }
        }
    }

    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        match &self.0 {
            Repr::Packed(pack) => memory::heap(pack.heap_bytes()),
            Repr::Chunks(chunks) => memory::heap(size_of::<Chunks>()) + chunks.memory(samples),
        }
    }

    /// How many elements (`LLEN`).
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.len(),
            Repr::Chunks(chunks) => chunks.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index` from the head.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.0 {
            Repr::Packed(pack) => pack.iter().nth(index),
            Repr::Chunks(chunks) => chunks.get(index),
        }
    }

    /// The elements, head first.
    pub fn iter(&self) -> ListIter<'_> {
        self.range(0..self.len())
    }

    /// The elements of a range of positions from the head.
    pub fn range(&self, range: Range<usize>) -> ListIter<'_> {
        ListIter(match &self.0 {
            Repr::Packed(pack) => {
                let items: Vec<&[u8]> = pack.iter().skip(range.start).take(range.len()).collect();
                IterRepr::Packed(items.into_iter())
            }
            Repr::Chunks(chunks) => IterRepr::Chunks(chunks.range(range)),
        })
    }

    /// Adds an element at the head.
    pub fn push_front(&mut self, item: impl AsRef<[u8]>) {
        self.push(Side::Front, item.as_ref());
    }

    /// Adds an element at the tail.
    pub fn push_back(&mut self, item: impl AsRef<[u8]>) {
        self.push(Side::Back, item.as_ref());
    }

    #[inline]
    fn push(&mut self, side: Side, item: &[u8]) {
        if let Some(pack) = self.pack_for(item) {
            let index = if side == Side::Front { 0 } else { pack.len() };
            if pack.insert(index, item) {
                return;
            }
        }
        self.chunks_mut().push(side, item);
    }

    /// Adds an element at the head, or at the tail. A long one is not copied.
    pub(crate) fn push_blob(&mut self, at_head: bool, item: Blob) {
        let side = if at_head { Side::Front } else { Side::Back };
        if item.len() > LONGEST {
            self.chunks_mut().push_shared(side, item.into_shared());
        } else {
            self.push(side, &item);
        }
    }

    /// Takes the element at the head.
    pub fn pop_front(&mut self) -> Option<Blob> {
        self.take(Side::Front)
    }

    /// Takes the element at the tail.
    pub fn pop_back(&mut self) -> Option<Blob> {
        self.take(Side::Back)
    }

    fn take(&mut self, side: Side) -> Option<Blob> {
        match &mut self.0 {
            Repr::Packed(pack) if side == Side::Front => pack.take(0),
            Repr::Packed(pack) => pack.take(pack.len().checked_sub(1)?),
            Repr::Chunks(chunks) => chunks.take(side),
        }
    }

    /// Takes the element at the head, or that at the tail; answers what `see` makes of it, which spares
    /// a copy.
    pub(crate) fn pop<T>(&mut self, at_head: bool, see: impl FnOnce(&[u8]) -> T) -> Option<T> {
        match &mut self.0 {
            Repr::Packed(pack) if at_head => pack.take_seen(0, see),
            Repr::Packed(pack) => pack.take_seen(pack.len().checked_sub(1)?, see),
            Repr::Chunks(chunks) if at_head => chunks.pop(Side::Front, see),
            Repr::Chunks(chunks) => chunks.pop(Side::Back, see),
        }
    }

    /// Replaces the element at `index`; answers whether it is there.
    pub fn set(&mut self, index: usize, item: impl AsRef<[u8]>) -> bool {
        if index >= self.len() {
            return false;
        }
        let item = item.as_ref();
        if let Some(pack) = self.pack_for(item) {
            let span = pack.span(index..index + 1);
            if pack.replace(span, 1, &[item]) {
                return true;
            }
        }
        self.chunks_mut().set(index, item);
        true
    }

    /// Puts an element before the one at `index`, at the tail if `index` is the length or more.
    pub fn insert(&mut self, index: usize, item: impl AsRef<[u8]>) {
        let (index, item) = (index.min(self.len()), item.as_ref());
        if let Some(pack) = self.pack_for(item)
            && pack.insert(index, item)
        {
            return;
        }
        self.chunks_mut().insert(index, item);
    }

    /// Takes the element at `index`.
    pub fn remove(&mut self, index: usize) -> Option<Blob> {
        let is_there = index < self.len();
        match &mut self.0 {
            Repr::Packed(pack) => pack.take(index),
            Repr::Chunks(chunks) if is_there => chunks.remove(index),
            Repr::Chunks(_) => None,
        }
    }

    /// Takes the first `count` elements, or all if there are no more, as a list of their own;
    /// however many they are, in O(log n).
    #[must_use]
    pub fn take_front(&mut self, count: usize) -> Self {
        match &mut self.0 {
            Repr::Packed(pack) => {
                let rest = pack.split_off(count);
                Self(Repr::Packed(mem::replace(pack, rest)))
            }
            Repr::Chunks(chunks) if count <= FEW => {
                Self::of_chunks(chunks.take_few(Side::Front, count))
            }
            Repr::Chunks(chunks) => {
                let rest = chunks.split_off(count);
                Self::of_chunks(mem::replace(chunks, rest))
            }
        }
    }

    /// Takes the last `count` elements, or all if there are no more, as a list of their own in the
    /// order in which they stood; however many they are, in O(log n).
    #[must_use]
    pub fn take_back(&mut self, count: usize) -> Self {
        let kept = self.len().saturating_sub(count);
        match &mut self.0 {
            Repr::Packed(pack) => Self(Repr::Packed(pack.split_off(kept))),
            Repr::Chunks(chunks) if count <= FEW => {
                Self::of_chunks(chunks.take_few(Side::Back, count))
            }
            Repr::Chunks(chunks) => Self::of_chunks(chunks.split_off(kept)),
        }
    }

    /// Takes out the elements at `positions`, which ascend.
    pub fn remove_all(&mut self, positions: &[usize]) {
        match &mut self.0 {
            Repr::Packed(pack) => {
                let is_kept = |index: usize| positions.binary_search(&index).is_err();
                let items = pack.iter().enumerate();
                let kept = items.filter(|(index, _)| is_kept(*index)).map(|(_, item)| item);
                *pack = pack.part(kept);
            }
            Repr::Chunks(chunks) => {
                let there = positions.partition_point(|position| *position < chunks.len());
                chunks.remove_all(&positions[..there]);
            }
        }
    }

    /// It as a pack, if it is one and small with `item` as well.
    #[inline]
    fn pack_for(&mut self, item: &[u8]) -> Option<&mut Pack> {
        match &mut self.0 {
            Repr::Packed(pack) if pack.heap_bytes() + item.len() < SMALL => Some(pack),
            Repr::Packed(_) | Repr::Chunks(_) => None,
        }
    }

    /// It as chunks, which it stays.
    fn chunks_mut(&mut self) -> &mut Chunks {
        if let Repr::Packed(pack) = &self.0 {
            let mut chunks = Chunks::default();
            pack.iter().for_each(|item| chunks.push(Side::Back, item));
            *self = Self::of_chunks(chunks);
        }
        match &mut self.0 {
            Repr::Chunks(chunks) => chunks,
            Repr::Packed(_) => unreachable!("invariant: it was made chunks"),
        }
    }
}

/// A list whose elements come one by one, head first. Its memory serves for one list after the other.
#[derive(Debug, Default)]
pub(crate) struct ListBuilder {
    full: Chunks,
    /// The elements behind those.
    last: Gathered,
}

impl ListBuilder {
    #[inline]
    pub(crate) fn push(&mut self, item: &[u8]) {
        if !self.last.push(item) {
            self.next_chunk(item);
        }
    }

    #[cold]
    fn next_chunk(&mut self, item: &[u8]) {
        self.close_last();
        if !self.last.push(item) {
            // It is too long for others beside it.
            self.full.push_whole(Chunk::of(item));
        }
    }

    fn close_last(&mut self) {
        if !self.last.is_empty() {
            self.full.push_whole(Chunk::gathered(&self.last));
            self.last.clear();
        }
    }

    /// The list, and an empty builder.
    pub(crate) fn finish(&mut self) -> List {
        let items = self.full.range(0..self.full.len()).chain(self.last.items());
        if let Some(pack) = Pack::of(items).filter(|pack| pack.heap_bytes() <= SMALL) {
            self.full = Chunks::default();
            self.last.clear();
            return List(Repr::Packed(pack));
        }
        self.close_last();
        List::of_chunks(mem::take(&mut self.full))
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for List {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut builder = ListBuilder::default();
        items.into_iter().for_each(|item| builder.push(item.as_ref()));
        builder.finish()
    }
}

/// Elements of a [`List`], from [`List::iter`] and [`List::range`].
#[derive(Clone)]
pub struct ListIter<'a>(IterRepr<'a>);

#[derive(Clone)]
enum IterRepr<'a> {
    /// A pack is read from its start only, so these were collected.
    Packed(vec::IntoIter<&'a [u8]>),
    Chunks(ChunksIter<'a>),
}

impl fmt::Debug for ListIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(<[u8]>::escape_ascii)).finish()
    }
}

impl<'a> Iterator for ListIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            IterRepr::Packed(items) => items.next(),
            IterRepr::Chunks(items) => items.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            IterRepr::Packed(items) => items.size_hint(),
            IterRepr::Chunks(items) => items.size_hint(),
        }
    }
}

impl DoubleEndedIterator for ListIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            IterRepr::Packed(items) => items.next_back(),
            IterRepr::Chunks(items) => items.next_back(),
        }
    }
}

impl ExactSizeIterator for ListIter<'_> {}
