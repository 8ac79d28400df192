//! [`List`]: a list value.

use std::mem;
use std::ops::Range;

use crate::tree::{Element, Iter, Tree};
use crate::{Blob, memory};

/// A list: byte strings by position.
#[derive(Debug, Clone, Default)]
pub struct List {
    items: Tree<Blob>,
}

/// Up to so many elements, taking one after the other beats splitting the tree.
const FEW: usize = 16;

impl Element for Blob {
    type Hint = ();

    fn hint(&self) {}
}

impl List {
    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        memory::tree(&self.items, samples, |item| memory::heap(item.heap_bytes()))
    }

    /// How many elements (`LLEN`).
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The element at `index` from the head.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Blob> {
        self.items.get(index)
    }

    /// The elements, head first.
    pub fn iter(&self) -> Iter<'_, Blob> {
        self.items.iter()
    }

    /// The elements of a range of positions from the head.
    pub fn range(&self, range: Range<usize>) -> Iter<'_, Blob> {
        self.items.range(range)
    }

    /// Adds an element at the head.
    pub fn push_front(&mut self, item: impl Into<Blob>) {
        self.items.push_front(item.into());
    }

    /// Adds an element at the tail.
    pub fn push_back(&mut self, item: impl Into<Blob>) {
        self.items.push_back(item.into());
    }

    /// Takes the element at the head.
    pub fn pop_front(&mut self) -> Option<Blob> {
        self.items.pop_front()
    }

    /// Takes the element at the tail.
    pub fn pop_back(&mut self) -> Option<Blob> {
        self.items.pop_back()
    }

    /// Replaces the element at `index`; answers whether it is there.
    pub fn set(&mut self, index: usize, item: impl Into<Blob>) -> bool {
        let place = self.items.get_mut(index);
        place.map(|place| *place = item.into()).is_some()
    }

    /// Puts an element before the one at `index`, at the tail if `index` is the length or more.
    pub fn insert(&mut self, index: usize, item: impl Into<Blob>) {
        self.items.insert(index.min(self.items.len()), item.into());
    }

    /// Takes the element at `index`.
    pub fn remove(&mut self, index: usize) -> Option<Blob> {
        self.items.remove(index)
    }

    /// Takes the first `count` elements, or all if there are no more, as a list of their own;
    /// however many they are, in O(log n).
    #[must_use]
    pub fn take_front(&mut self, count: usize) -> Self {
        if count <= FEW {
            return Self { items: (0..count).map_while(|_| self.items.pop_front()).collect() };
        }
        let rest = self.items.split_off(count);
        Self { items: mem::replace(&mut self.items, rest) }
    }

    /// Takes the last `count` elements, or all if there are no more, as a list of their own in the
    /// order in which they stood; however many they are, in O(log n).
    #[must_use]
    pub fn take_back(&mut self, count: usize) -> Self {
        let kept = self.len().saturating_sub(count);
        if count <= FEW {
            let taken = self.items.range(kept..).cloned().collect();
            self.items.truncate(kept);
            return Self { items: taken };
        }
        Self { items: self.items.split_off(kept) }
    }

    /// Takes out the elements at `positions`, which ascend.
    pub fn remove_all(&mut self, positions: &[usize]) {
        // A search for each is cheaper than one pass over all, up to a point.
        if positions.len() <= self.len() / 16 {
            for position in positions.iter().rev() {
                self.items.remove(*position);
            }
            return;
        }
        let mut next = positions.iter().peekable();
        let kept = self.items.iter().enumerate();
        let kept = kept.filter(|(index, _)| next.next_if(|position| *position == index).is_none());
        self.items = kept.map(|(_, item)| item.clone()).collect();
    }
}

impl<'a> FromIterator<&'a [u8]> for List {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(items: I) -> Self {
        let mut list = Self::default();
        for item in items {
            list.push_back(item);
        }
        list
    }
}
