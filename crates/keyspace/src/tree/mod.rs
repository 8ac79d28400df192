//! A sequence with O(log n) access by index and by order, whose clone is O(1): the one structure
//! behind lists, hashes, sets and sorted sets.
//!
//! [`Tree`] is a counted B+tree. Elements stand in leaves of up to 64, in the order in which they
//! were put; branches of up to 32 know how many elements are below each child. Nodes are shared
//! by reference count: [`Clone`] takes one count on the root, and a write copies what it changes
//! *and* what a clone still holds, which is one node a level and one leaf. With no clone alive a
//! write happens in place. So a snapshot needs no fork, nothing is paid while there is none, and
//! no write takes time that grows with the length, but for the freeing of what it drops: nothing
//! is ever rehashed.
//!
//! A tree is a plain sequence, indexed like a `Vec`. It is an ordered set as well if its owner
//! keeps it sorted, which the methods of the second part do ([`entry`](Tree::entry),
//! [`find_by`](Tree::find_by) ...). They take a comparison of the searched key with an element,
//! as [`slice::binary_search_by`] does, and the key's *hint*, which spares most comparisons: see
//! [`Element`].
//!
//! Not the thing for a queue that is never indexed nor cloned (`VecDeque` is), and not for a map
//! that is never cloned nor walked in order (a hash table is).
//!
//! ```
//! use redwire_keyspace::tree::{Element, Tree};
//!
//! #[derive(Clone)]
//! struct Member(u64, &'static str);
//!
//! impl Element for Member {
//!     type Hint = u64;
//!     type Weight = ();
//!     fn hint(&self) -> u64 {
//!         self.0
//!     }
//! }
//!
//! let mut scores = Tree::new();
//! for member in [Member(7, "kim"), Member(3, "ann"), Member(5, "bob")] {
//!     let key = (member.0, member.1);
//!     scores.insert_by(member, |m| (m.0, m.1).cmp(&key)).ok();
//! }
//! let snapshot = scores.clone();
//! scores.pop_front();
//! assert_eq!(scores.search_by(5, |m| (m.0, m.1).cmp(&(5, "bob"))), Ok(0));
//! assert_eq!(snapshot.iter().map(|m| m.1).collect::<Vec<_>>(), ["ann", "bob", "kim"]);
//! ```

mod edit;
mod iter;
mod node;
mod order;
mod path;
#[cfg(test)]
mod tests;
mod weight;

use std::fmt;
use std::mem;
use std::ops::{Bound, RangeBounds};

pub use iter::Iter;
use node::{Branch, LEAF, Node, leaf_mut};
pub use order::{Entry, Occupied, Vacant};
pub use weight::Weight;

/// What a [`Tree`] holds.
pub trait Element: Clone {
    /// A short stand-in for the element's place in the order: if `a` stands before `b`, then
    /// `a.hint() <= b.hint()`.
    ///
    /// Branches keep the hint of each child's first element side by side, so that a search reads
    /// a few cache lines a level, and in the leaf only elements of the very hint are compared. So
    /// a hint should tell most elements apart (a hash; a score, or a score with the first bytes
    /// of the member) and be read from the element without following a pointer. A sequence that
    /// is not sorted has `()`.
    type Hint: Copy + Ord + Send + Sync;

    /// What elements weigh, if something is to be found by the sum of weights before it: `usize`, and
    /// `()` where all that counts is their number.
    type Weight: Weight;

    /// The hint. Must not change while the element is in a tree.
    fn hint(&self) -> Self::Hint;

    /// The weight. May change by [`Tree::update`] only.
    fn weight(&self) -> Self::Weight {
        Self::Weight::default()
    }
}

/// A sequence with O(1) clone, O(log n) access by index and, if it is kept sorted, by order. See
/// the [module](self).
#[derive(Clone)]
pub struct Tree<T: Element> {
    /// `None` when empty: an empty tree owns no memory.
    root: Option<Node<T>>,
    len: usize,
}

impl<T: Element> Tree<T> {
    /// An empty tree. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// Number of elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The element at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        let root = self.root.as_ref().filter(|_| index < self.len)?;
        let (leaf, pos) = path::leaf_of(root, index);
        Some(&leaf[pos])
    }

    /// The element at `index`, to be changed in a way that keeps its place, its hint and its weight.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len {
            return None;
        }
        let path = path::to_index(self.root.as_ref(), index);
        self.at_mut(&path)
    }

    /// The first element.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.get(0)
    }

    /// The last element.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        let mut node = self.root.as_ref()?;
        while let Node::Branch(branch) = node {
            node = branch.children.last()?;
        }
        let Node::Leaf(leaf) = node else { return None };
        leaf.last()
    }

    /// Reads what a search reads first, so that it is in the cache.
    pub(crate) fn touch(&self) -> Option<u8> {
        // Only that it is read matters.
        self.root.as_ref().map(|root| root.fill() as u8)
    }

    /// Puts `item` before the element at `index`, or at the end if `index` is the length.
    ///
    /// # Panics
    ///
    /// If `index` is above the length.
    pub fn insert(&mut self, index: usize, item: T) {
        assert!(index <= self.len, "index {index} is above the length {}", self.len);
        let path = path::to_gap(self.root.as_ref(), index);
        self.insert_at(&path, item);
    }

    /// Takes out the element at `index`, if there is one.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len {
            return None;
        }
        let path = path::to_index(self.root.as_ref(), index);
        self.remove_at(&path)
    }

    /// Puts `item` before all others.
    pub fn push_front(&mut self, item: T) {
        let path = path::to_start(self.root.as_ref());
        self.insert_at(&path, item);
    }

    /// Puts `item` behind all others.
    pub fn push_back(&mut self, item: T) {
        let path = path::to_end(self.root.as_ref());
        self.insert_at(&path, item);
    }

    /// Takes out the first element.
    pub fn pop_front(&mut self) -> Option<T> {
        let path = path::to_start(self.root.as_ref());
        self.remove_at(&path)
    }

    /// Takes out the last element.
    pub fn pop_back(&mut self) -> Option<T> {
        let mut path = path::to_end(self.root.as_ref());
        path.pos = path.pos.checked_sub(1)?;
        self.remove_at(&path)
    }

    /// Drops all elements.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Keeps the first `len` elements; a length of the tree's or more changes nothing.
    pub fn truncate(&mut self, len: usize) {
        self.remove_range(len..);
    }

    /// Drops the elements of a range of indices, clamped to the length. Costs O(log n) and the
    /// freeing of what is dropped.
    pub fn remove_range(&mut self, range: impl RangeBounds<usize>) {
        let range = self.clamp(range);
        if !range.is_empty() {
            self.remove_span(range.start, range.end);
        }
    }

    /// Keeps the first `at` elements and returns the others, in O(log n). From the length on,
    /// that is an empty tree.
    #[must_use = "dropping the tail is `truncate`"]
    pub fn split_off(&mut self, at: usize) -> Self {
        if at == 0 {
            return mem::take(self);
        }
        let mut tail = self.clone();
        self.remove_range(at..);
        tail.remove_range(..at);
        tail
    }

    /// All elements in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, T> {
        self.range(..)
    }

    /// The elements of a range of indices, clamped to the length. Costs O(log n), wherever the
    /// range begins.
    pub fn range(&self, range: impl RangeBounds<usize>) -> Iter<'_, T> {
        Iter::new(self.root.as_ref(), self.clamp(range))
    }

    /// Bytes that the tree itself has allocated, without what elements point to: exact up to one
    /// leaf (64 elements), from there on an estimate from the length, with leaves three quarters
    /// full. O(1). Nodes that are shared with a clone count in both.
    #[must_use]
    pub fn approx_bytes(&self) -> usize {
        const ARC: usize = 2 * size_of::<usize>();
        let leaf_head = ARC + size_of::<Vec<T>>();
        match &self.root {
            None => 0,
            Some(Node::Leaf(leaf)) => leaf_head + leaf.capacity() * size_of::<T>(),
            Some(Node::Branch(_)) => {
                let leaves = self.len.div_ceil(LEAF * 3 / 4);
                let branches = leaves.div_ceil(node::FAN * 3 / 4);
                leaves * (leaf_head + LEAF * size_of::<T>() + size_of::<Node<T>>())
                    + branches * (ARC + size_of::<Branch<T>>())
            }
        }
    }

    fn at_mut(&mut self, path: &path::Path) -> Option<&mut T> {
        let leaf = path.follow(self.root.as_mut()?, |_, _, _| ());
        leaf_mut(leaf, 0).get_mut(path.pos)
    }

    fn clamp(&self, range: impl RangeBounds<usize>) -> std::ops::Range<usize> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => self.len,
        };
        let end = end.min(self.len);
        start.min(end)..end
    }
}

impl<T: Element> Default for Tree<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Element + fmt::Debug> fmt::Debug for Tree<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T: Element> Extend<T> for Tree<T> {
    /// Puts all items behind the last element, filling each leaf to the brim; O(items).
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        let mut items = items.into_iter();
        loop {
            self.fill_last_leaf(&mut items);
            let Some(item) = items.next() else { return };
            self.push_back(item);
        }
    }
}

impl<T: Element> FromIterator<T> for Tree<T> {
    /// Builds a tree of full leaves, in the items' order; O(items).
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut tree = Self::new();
        tree.extend(items);
        tree
    }
}

impl<'a, T: Element> IntoIterator for &'a Tree<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
