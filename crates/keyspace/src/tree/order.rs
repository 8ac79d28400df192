//! Access by order, for a tree that its owner keeps sorted.
//!
//! Every method takes the searched key's hint and a comparison of an element with that key
//! (`Less`: the element stands before it). The sequence must be sorted with respect to both.

use std::cmp::Ordering;
use std::fmt;

use super::path::{self, Path};
use super::{Element, Tree};

impl<T: Element> Tree<T> {
    /// The index of the element that `cmp` calls equal (any of several), or the index where it
    /// would be inserted.
    ///
    /// With a `cmp` that never says `Equal` this is a partition point, as ranges by score or by
    /// member want it.
    ///
    /// # Errors
    ///
    /// Where it would be inserted, when no element is equal.
    pub fn search_by(
        &self,
        hint: T::Hint,
        cmp: impl FnMut(&T) -> Ordering,
    ) -> Result<usize, usize> {
        let root = self.root.as_ref();
        match path::to_order(root, hint, cmp) {
            Ok(path) => Ok(path.index(root)),
            Err(path) => Err(path.index(root)),
        }
    }

    /// The element that `cmp` calls equal.
    pub fn find_by(&self, hint: T::Hint, cmp: impl FnMut(&T) -> Ordering) -> Option<&T> {
        path::find(self.root.as_ref()?, hint, cmp)
    }

    /// The element that `cmp` calls equal, to be changed in a way that keeps its place and its
    /// hint. Copies nothing when there is none.
    pub fn get_mut_by(&mut self, hint: T::Hint, cmp: impl FnMut(&T) -> Ordering) -> Option<&mut T> {
        let path = path::to_order(self.root.as_ref(), hint, cmp).ok()?;
        self.at_mut(&path)
    }

    /// Puts `item` in at its place in the order. `cmp` compares an element with `item`.
    ///
    /// # Errors
    ///
    /// Gives `item` back when an equal element is there; the tree is unchanged and nothing was
    /// copied.
    pub fn insert_by(&mut self, item: T, cmp: impl FnMut(&T) -> Ordering) -> Result<(), T> {
        match path::to_order(self.root.as_ref(), item.hint(), cmp) {
            Ok(_) => Err(item),
            Err(path) => {
                self.insert_at(&path, item);
                Ok(())
            }
        }
    }

    /// Takes out the element that `cmp` calls equal. Copies nothing when there is none.
    pub fn remove_by(&mut self, hint: T::Hint, cmp: impl FnMut(&T) -> Ordering) -> Option<T> {
        let path = path::to_order(self.root.as_ref(), hint, cmp).ok()?;
        self.remove_at(&path)
    }

    /// The place of the searched key, with its element or without: one search, after which a
    /// change costs no comparison, and nothing is copied until one is made.
    pub fn entry(&mut self, hint: T::Hint, cmp: impl FnMut(&T) -> Ordering) -> Entry<'_, T> {
        match path::to_order(self.root.as_ref(), hint, cmp) {
            Ok(path) => Entry::Occupied(Occupied { tree: self, path }),
            Err(path) => Entry::Vacant(Vacant { tree: self, path }),
        }
    }
}

/// A place in a sorted [`Tree`], from [`Tree::entry`].
#[derive(Debug)]
pub enum Entry<'a, T: Element> {
    /// An equal element is there.
    Occupied(Occupied<'a, T>),
    /// No equal element is there.
    Vacant(Vacant<'a, T>),
}

/// An element in its place. See [`Entry`].
pub struct Occupied<'a, T: Element> {
    tree: &'a mut Tree<T>,
    path: Path,
}

impl<'a, T: Element> Occupied<'a, T> {
    /// The element's index. O(log n).
    #[must_use]
    pub fn index(&self) -> usize {
        self.path.index(self.tree.root.as_ref())
    }

    /// The element.
    #[must_use]
    pub fn get(&self) -> &T {
        let root = self.tree.root.as_ref().expect("invariant: the path leads to an element");
        &self.path.leaf(root)[self.path.pos]
    }

    /// The element, to be changed in a way that keeps its place and its hint.
    pub fn get_mut(&mut self) -> &mut T {
        self.tree.at_mut(&self.path).expect("invariant: the path leads to an element")
    }

    /// As [`get_mut`](Self::get_mut), for as long as the tree is borrowed.
    #[must_use]
    pub fn into_mut(self) -> &'a mut T {
        self.tree.at_mut(&self.path).expect("invariant: the path leads to an element")
    }

    /// Takes the element out.
    pub fn remove(self) -> T {
        self.tree.remove_at(&self.path).expect("invariant: the path leads to an element")
    }
}

impl<T: Element + fmt::Debug> fmt::Debug for Occupied<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Occupied").field(self.get()).finish()
    }
}

/// The place where an element would stand. See [`Entry`].
pub struct Vacant<'a, T: Element> {
    tree: &'a mut Tree<T>,
    path: Path,
}

impl<T: Element> Vacant<'_, T> {
    /// The index that an inserted element gets. O(log n).
    #[must_use]
    pub fn index(&self) -> usize {
        self.path.index(self.tree.root.as_ref())
    }

    /// Puts `item` in, which must be equal to the searched key.
    pub fn insert(self, item: T) {
        self.tree.insert_at(&self.path, item);
    }
}

impl<T: Element> fmt::Debug for Vacant<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vacant").field(&self.index()).finish()
    }
}
