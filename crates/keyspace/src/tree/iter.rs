//! Iteration, leaf by leaf.

use std::iter::FusedIterator;
use std::ops::Range;
use std::slice;

use super::Element;
use super::node::Node;
use super::path;

/// The elements of a range of indices in order, from [`Tree::iter`](super::Tree::iter) and
/// [`Tree::range`](super::Tree::range).
///
/// Walks each leaf as a slice and descends from the root once a leaf. Skipping by `nth` costs
/// O(log n), however far.
#[derive(Clone)]
pub struct Iter<'a, T: Element> {
    root: Option<&'a Node<T>>,
    /// Rest of the leaf that the front is in.
    front: slice::Iter<'a, T>,
    /// Indices of the elements in neither `front` nor `back`.
    middle: Range<usize>,
    /// Rest of the leaf that the back is in.
    back: slice::Iter<'a, T>,
}

impl<'a, T: Element> Iter<'a, T> {
    /// `range` must lie within the count of `root`.
    pub(super) fn new(root: Option<&'a Node<T>>, range: Range<usize>) -> Self {
        Self { root, front: [].iter(), middle: range, back: [].iter() }
    }

    /// The next leaf's elements from the front of `middle`, or `None` when that is empty.
    fn leaf_from_front(&mut self) -> Option<slice::Iter<'a, T>> {
        let root = self.root.filter(|_| !self.middle.is_empty())?;
        let (leaf, pos) = path::leaf_of(root, self.middle.start);
        let end = leaf.len().min(pos + self.middle.len());
        self.middle.start += end - pos;
        Some(leaf[pos..end].iter())
    }

    /// The next leaf's elements from the back of `middle`, or `None` when that is empty.
    fn leaf_from_back(&mut self) -> Option<slice::Iter<'a, T>> {
        let root = self.root.filter(|_| !self.middle.is_empty())?;
        let (leaf, pos) = path::leaf_of(root, self.middle.end - 1);
        let start = (pos + 1).saturating_sub(self.middle.len());
        self.middle.end -= pos + 1 - start;
        Some(leaf[start..=pos].iter())
    }
}

impl<'a, T: Element> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        if let Some(item) = self.front.next() {
            return Some(item);
        }
        match self.leaf_from_front() {
            Some(leaf) => {
                self.front = leaf;
                self.front.next()
            }
            None => self.back.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.front.len() + self.middle.len() + self.back.len();
        (len, Some(len))
    }

    fn nth(&mut self, mut n: usize) -> Option<&'a T> {
        if n < self.front.len() {
            return self.front.nth(n);
        }
        n -= self.front.len();
        self.front = [].iter();
        let skipped = n.min(self.middle.len());
        self.middle.start += skipped;
        if self.middle.is_empty() { self.back.nth(n - skipped) } else { self.next() }
    }

    fn fold<B, F: FnMut(B, &'a T) -> B>(mut self, init: B, mut f: F) -> B {
        let mut acc = self.front.clone().fold(init, &mut f);
        while let Some(leaf) = self.leaf_from_front() {
            acc = leaf.fold(acc, &mut f);
        }
        self.back.fold(acc, f)
    }
}

impl<T: Element> DoubleEndedIterator for Iter<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if let Some(item) = self.back.next_back() {
            return Some(item);
        }
        match self.leaf_from_back() {
            Some(leaf) => {
                self.back = leaf;
                self.back.next_back()
            }
            None => self.front.next_back(),
        }
    }
}

impl<T: Element> ExactSizeIterator for Iter<'_, T> {}
impl<T: Element> FusedIterator for Iter<'_, T> {}
