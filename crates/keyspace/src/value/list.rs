//! [`List`]: a list value.

use crate::Blob;
use crate::tree::{Element, Iter, Tree};

/// A list: byte strings by position.
#[derive(Debug, Clone, Default)]
pub struct List {
    items: Tree<Blob>,
}

impl Element for Blob {
    type Hint = ();

    fn hint(&self) {}
}

impl List {
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
    pub fn range(&self, range: std::ops::Range<usize>) -> Iter<'_, Blob> {
        self.items.range(range)
    }

    /// Adds an element at the head.
    pub fn push_front(&mut self, item: &[u8]) {
        self.items.push_front(Blob::from(item));
    }

    /// Adds an element at the tail.
    pub fn push_back(&mut self, item: &[u8]) {
        self.items.push_back(Blob::from(item));
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
    pub fn set(&mut self, index: usize, item: &[u8]) -> bool {
        let place = self.items.get_mut(index);
        place.map(|place| *place = Blob::from(item)).is_some()
    }

    /// Puts an element before the one at `index`, at the tail if `index` is the length or more.
    pub fn insert(&mut self, index: usize, item: &[u8]) {
        self.items.insert(index.min(self.items.len()), Blob::from(item));
    }

    /// Takes the element at `index`.
    pub fn remove(&mut self, index: usize) -> Option<Blob> {
        self.items.remove(index)
    }

    /// Keeps only the elements of a range of positions (`LTRIM`).
    pub fn keep(&mut self, range: std::ops::Range<usize>) {
        self.items.truncate(range.end);
        self.items.remove_range(..range.start);
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
