//! [`Chunks`]: a long list, as chunks of neighbouring elements with those of both ends at hand.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Chunk, Items, LONGEST, Side};
use crate::tree::{self, Tree};
use crate::{Blob, memory};

/// A list as [`Chunk`]s: one at its head, one at its tail, and between them a tree of the others, which
/// finds each by its position, for a chunk weighs as much as it has elements.
///
/// Pushes and pops change a chunk at an end until it is full or empty; then it goes into the tree as it is,
/// or the next one comes out. So the elements at the ends are two steps away from here however long the list
/// is, and what goes through a queue is copied once. Either end chunk may be empty; those in the
/// tree never are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunks {
    head: Chunk,
    tail: Chunk,
    /// Of all chunks.
    len: usize,
    middle: Tree<Chunk>,
}

/// A chunk by its number: 0 is the head, those of the tree follow, and then the tail.
type Number = usize;

impl Chunks {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes behind its handle; see [`Value::memory`](crate::Value::memory).
    pub(super) fn memory(&self, samples: usize) -> usize {
        let of = |chunk: &Chunk| memory::heap(chunk.heap_bytes());
        of(&self.head) + of(&self.tail) + memory::tree(&self.middle, samples, of)
    }

    /// Has what a command about the head reads first brought in.
    #[inline]
    pub(super) fn touch(&self) {
        // Most commands are about the head; to come to both ends costs more than it spares.
        if self.head.is_empty() { self.tail.touch() } else { self.head.touch() }
    }

    /// The chunk at one side, the one at the other, and what is between.
    #[inline]
    fn sides(&mut self, side: Side) -> (&mut Chunk, &mut Chunk, &mut Tree<Chunk>) {
        let Self { head, tail, middle, .. } = self;
        match side {
            Side::Front => (head, tail, middle),
            Side::Back => (tail, head, middle),
        }
    }

    /// Adds an element at an end.
    #[inline]
    pub(super) fn push(&mut self, side: Side, item: &[u8]) {
        self.len += 1;
        let (near, far, middle) = self.sides(side);
        // A list of one chunk takes from both sides, whichever end that chunk is at.
        let is_far = near.is_empty() && middle.is_empty() && !far.is_empty();
        if !(if is_far { far } else { near }).push(side, item) {
            self.push_chunk(side, Chunk::of(item));
        }
    }

    /// Adds an element at an end, which is not copied if it is to have a chunk of its own.
    pub(super) fn push_shared(&mut self, side: Side, item: Arc<[u8]>) {
        if item.len() <= LONGEST {
            self.push(side, &item);
        } else {
            self.len += 1;
            self.push_chunk(side, Chunk::Single(item));
        }
    }

    /// Adds the elements of a chunk at the tail, which that chunk becomes.
    pub(super) fn push_whole(&mut self, chunk: Chunk) {
        self.len += chunk.len();
        self.push_chunk(Side::Back, chunk);
    }

    /// Adds a chunk at an end whose own chunk takes no more.
    #[cold]
    fn push_chunk(&mut self, side: Side, chunk: Chunk) {
        let (near, far, middle) = self.sides(side);
        let mut full = mem::replace(near, chunk);
        if full.is_empty() {
            return;
        }
        full.trim();
        if far.is_empty() && middle.is_empty() {
            *far = full;
        } else if side == Side::Front {
            middle.push_front(full);
        } else {
            middle.push_back(full);
        }
    }

    /// Takes the element at an end; answers what `see` makes of it.
    #[inline]
    pub(super) fn pop<T>(&mut self, side: Side, see: impl FnOnce(&[u8]) -> T) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        self.outermost(side).pop(side, see)
    }

    /// Takes the element at an end, which is not copied if it has a chunk of its own.
    pub(super) fn take(&mut self, side: Side) -> Option<Blob> {
        self.len = self.len.checked_sub(1)?;
        self.outermost(side).take(side)
    }

    /// Takes `count` elements at an end, or all if there are fewer, one after the other.
    pub(super) fn take_few(&mut self, side: Side, count: usize) -> Self {
        let mut taken = Self::default();
        while taken.len < count && self.pop(side, |item| taken.push(side.other(), item)).is_some() {
        }
        taken
    }

    /// The chunk that has the element at an end of a list that has one.
    #[inline]
    fn outermost(&mut self, side: Side) -> &mut Chunk {
        let (near, far, middle) = self.sides(side);
        if !near.is_empty() {
            return near;
        }
        let next = match side {
            Side::Front => middle.pop_front(),
            Side::Back => middle.pop_back(),
        };
        match next {
            Some(next) => {
                *near = next;
                near
            }
            None => far,
        }
    }

    /// The chunk with the element at `index`, which must be there, and its index in that.
    fn locate(&self, index: usize) -> (Number, usize) {
        let before_tail = self.len - self.tail.len();
        match index.checked_sub(self.head.len()) {
            None => (0, index),
            Some(_) if index >= before_tail => (self.middle.len() + 1, index - before_tail),
            Some(weight) => {
                let found = self.middle.locate(weight);
                let (at, rest) = found.expect("invariant: what is in no end is in the middle");
                (at + 1, rest)
            }
        }
    }

    fn chunk(&self, number: Number) -> &Chunk {
        match number {
            0 => &self.head,
            number => self.middle.get(number - 1).unwrap_or(&self.tail),
        }
    }

    /// Changes a chunk; one of the tree that has nothing afterwards leaves the tree.
    fn change<R>(&mut self, number: Number, change: impl FnOnce(&mut Chunk) -> R) -> R {
        match number {
            0 => change(&mut self.head),
            number if number > self.middle.len() => change(&mut self.tail),
            number => {
                let changed = self.middle.update(number - 1, |chunk| (change(chunk), chunk.len()));
                let (result, left) = changed.expect("invariant: the number is one of the tree's");
                if left == 0 {
                    self.middle.remove(number - 1);
                }
                result
            }
        }
    }

    /// Puts a chunk behind another.
    fn insert_behind(&mut self, number: Number, chunk: Chunk) {
        if number > self.middle.len() {
            self.middle.push_back(mem::replace(&mut self.tail, chunk));
        } else {
            self.middle.insert(number, chunk);
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.len {
            return None;
        }
        let (number, at) = self.locate(index);
        self.chunk(number).get(at)
    }

    /// Replaces the element at `index`, which must be there.
    pub(super) fn set(&mut self, index: usize, item: &[u8]) {
        let (number, at) = self.locate(index);
        self.put(number, at, 1, item);
    }

    /// Puts an element before the one at `index`, at the tail if `index` is the length.
    pub(super) fn insert(&mut self, index: usize, item: &[u8]) {
        if index == 0 {
            self.push(Side::Front, item);
        } else if index >= self.len {
            self.push(Side::Back, item);
        } else {
            let (number, at) = self.locate(index);
            self.len += 1;
            // Before the same element again and again: what is in front of it fills up.
            let is_behind = at == 0 && number > 0;
            if !is_behind || !self.change(number - 1, |chunk| chunk.push(Side::Back, item)) {
                self.put(number, at, 0, item);
            }
        }
    }

    /// Puts `item` in the place of the `old` elements, one at most, that stand at `at` in a chunk. If that has
    /// no room for it, it is cut in two there.
    fn put(&mut self, number: Number, at: usize, old: usize, item: &[u8]) {
        let rest = self.change(number, |chunk| {
            if chunk.replace(at, old, Some(item)) {
                return None;
            }
            let mut rest = chunk.split_off(at);
            if old > 0 {
                rest.pop(Side::Front, |_| ());
            }
            let is_taken = chunk.push(Side::Back, item);
            // What is empty takes any, so there are at most three of them.
            let own = (!is_taken && !rest.push(Side::Front, item)).then(|| Chunk::of(item));
            Some([own, Some(rest).filter(|rest| !rest.is_empty())])
        });
        for (chunk, number) in rest.into_iter().flatten().flatten().zip(number..) {
            self.insert_behind(number, chunk);
        }
    }

    /// Takes the element at `index`, which must be there.
    pub(super) fn remove(&mut self, index: usize) -> Option<Blob> {
        let (number, at) = self.locate(index);
        self.len -= 1;
        self.change(number, |chunk| chunk.remove(at))
    }

    /// Takes out the elements at `positions`, which ascend and are all there: what it costs is a pass over
    /// each chunk that has some of them.
    pub(super) fn remove_all(&mut self, mut positions: &[usize]) {
        while let Some(last) = positions.last() {
            let (number, at) = self.locate(*last);
            let first = last - at;
            let from = positions.partition_point(|position| *position < first);
            let (before, gone) = positions.split_at(from);
            self.change(number, |chunk| chunk.remove_all(gone.iter().map(|it| it - first)));
            self.len -= gone.len();
            positions = before;
        }
    }

    /// Keeps the first `at` elements and answers the others, in O(log n).
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        if at >= self.len {
            return Self::default();
        }
        let (number, rest) = self.locate(at);
        let mut split = Self { len: self.len - at, ..Self::default() };
        self.len = at;
        if number > self.middle.len() {
            split.tail = self.tail.split_off(rest);
            return split;
        }
        split.tail = mem::take(&mut self.tail);
        if number == 0 {
            split.head = self.head.split_off(rest);
            split.middle = mem::take(&mut self.middle);
            return split;
        }
        split.middle = self.middle.split_off(number - 1);
        if let Some(mut cut) = split.middle.pop_front() {
            split.head = cut.split_off(rest);
            self.tail = cut;
        }
        split
    }

    /// The elements of a range of positions, clamped to those there are.
    pub(super) fn range(&self, range: Range<usize>) -> ChunksIter<'_> {
        let range = range.start..range.end.min(self.len);
        if range.is_empty() {
            return ChunksIter::default();
        }
        let (first, before) = self.locate(range.start);
        let (last, at) = self.locate(range.end - 1);
        let mut back = self.chunk(last).items();
        for _ in at + 1..back.len() {
            back.next_back();
        }
        let (mut front, middle) = if first == last {
            (mem::take(&mut back), self.middle.range(..0))
        } else {
            (self.chunk(first).items(), self.middle.range(first..last - 1))
        };
        front.by_ref().take(before).for_each(drop);
        ChunksIter { front, middle: Some(middle), back, left: range.len() }
    }

    /// Checks what is so at all times.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.middle.iter().all(|chunk| !chunk.is_empty()));
        let weights: usize = self.middle.iter().map(Chunk::len).sum();
        assert_eq!(self.middle.weight(), weights);
        assert_eq!(self.len, self.head.len() + weights + self.tail.len());
    }
}

/// The elements of [`Chunks`] in order.
#[derive(Clone, Default)]
pub(super) struct ChunksIter<'a> {
    /// Of the chunk that the front is in.
    front: Items<'a>,
    /// The chunks that neither end is in.
    middle: Option<tree::Iter<'a, Chunk>>,
    /// Of the chunk that the back is in.
    back: Items<'a>,
    left: usize,
}

impl<'a> Iterator for ChunksIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        loop {
            if let Some(item) = self.front.next() {
                return Some(item);
            }
            match self.middle.as_mut().and_then(Iterator::next) {
                Some(chunk) => self.front = chunk.items(),
                None => return self.back.next(),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for ChunksIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        loop {
            if let Some(item) = self.back.next_back() {
                return Some(item);
            }
            match self.middle.as_mut().and_then(DoubleEndedIterator::next_back) {
                Some(chunk) => self.back = chunk.items(),
                None => return self.front.next_back(),
            }
        }
    }
}

impl ExactSizeIterator for ChunksIter<'_> {}
