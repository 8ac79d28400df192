//! Descents: from the root to one place in one leaf, read-only, remembered as a path that a write
//! can follow without searching again.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Element;
use super::node::{Branch, Node};

/// Deeper than any tree that memory can hold: inner branches have 8 children at least.
const MAX_HEIGHT: usize = 20;

/// A place in the tree: the child taken at each branch and the position in the leaf. Valid until
/// the tree's shape changes.
#[derive(Clone, Copy)]
pub(super) struct Path {
    slots: [u8; MAX_HEIGHT],
    height: usize,
    /// Level of the last slot that is not 0: from there on, position 0 of the leaf is the first
    /// element of the child taken.
    turn: usize,
    /// Position in the leaf.
    pub(super) pos: usize,
    /// Elements in the leaf.
    pub(super) leaf_len: usize,
    /// The leaf is the tree's first.
    left_edge: bool,
    /// The leaf is the tree's last.
    right_edge: bool,
}

impl Path {
    const ROOT: Self = Self {
        slots: [0; MAX_HEIGHT],
        height: 0,
        turn: 0,
        pos: 0,
        leaf_len: 0,
        left_edge: true,
        right_edge: true,
    };

    #[inline]
    fn push(&mut self, slot: usize, len: usize) {
        if slot != 0 {
            self.turn = self.height;
            self.left_edge = false;
        }
        self.right_edge &= slot + 1 == len;
        self.slots[self.height] = slot as u8; // below FAN
        self.height += 1;
    }

    /// The child taken at `level`, the root being level 0.
    #[inline]
    pub(super) fn slot(&self, level: usize) -> usize {
        usize::from(self.slots[level])
    }

    /// Whether the place is the tree's very first.
    #[inline]
    pub(super) fn is_start(&self) -> bool {
        self.left_edge && self.pos == 0
    }

    /// Whether the place is behind the tree's last element.
    #[inline]
    pub(super) fn is_end(&self) -> bool {
        self.right_edge && self.pos == self.leaf_len
    }

    /// Whether the place is the first element of the child taken at `level`.
    #[inline]
    pub(super) fn is_first_below(&self, level: usize) -> bool {
        self.pos == 0 && level >= self.turn
    }

    /// The element's index in the whole sequence.
    pub(super) fn index<T: Element>(&self, root: Option<&Node<T>>) -> usize {
        let mut index = self.pos;
        let mut level = 0;
        let mut node = root;
        while let Some(Node::Branch(branch)) = node {
            let slot = self.slot(level);
            index += branch.counts()[..slot].iter().sum::<usize>();
            node = Some(&branch.children[slot]);
            level += 1;
        }
        index
    }

    /// The leaf at the end of the path.
    #[inline]
    pub(super) fn leaf<'a, T: Element>(&self, root: &'a Node<T>) -> &'a [T] {
        let mut node = root;
        let mut level = 0;
        loop {
            match node {
                Node::Leaf(leaf) => return leaf,
                Node::Branch(branch) => node = &branch.children[self.slot(level)],
            }
            level += 1;
        }
    }

    /// The leaf at the end of the path, with each branch on the way copied where it was shared
    /// and shown to `touch` with its level and the child taken. The leaf is as it was, shared or
    /// not.
    #[inline]
    pub(super) fn follow<'a, T: Element>(
        &self,
        root: &'a mut Node<T>,
        mut touch: impl FnMut(&mut Branch<T>, usize, usize),
    ) -> &'a mut Arc<Vec<T>> {
        let mut node = root;
        let mut level = 0;
        loop {
            match node {
                Node::Leaf(leaf) => return leaf,
                Node::Branch(branch) => {
                    let branch = Arc::make_mut(branch);
                    let slot = self.slot(level);
                    touch(branch, level, slot);
                    node = &mut branch.children[slot];
                }
            }
            level += 1;
        }
    }
}

/// Walks down by `choose`, which picks a child of each branch; the path's position is still 0.
#[inline]
fn descend<T: Element>(
    root: Option<&Node<T>>,
    mut choose: impl FnMut(&Branch<T>) -> usize,
) -> (Path, &[T]) {
    let mut path = Path::ROOT;
    let Some(mut node) = root else { return (path, &[]) };
    loop {
        match node {
            Node::Leaf(leaf) => {
                path.leaf_len = leaf.len();
                return (path, leaf);
            }
            Node::Branch(branch) => {
                let slot = choose(branch);
                path.push(slot, branch.len());
                node = &branch.children[slot];
            }
        }
    }
}

/// The place of element `index`, which must be below the tree's length.
#[inline]
pub(super) fn to_index<T: Element>(root: Option<&Node<T>>, mut index: usize) -> Path {
    let (mut path, _) = descend(root, |branch| {
        let (slot, rest) = branch.child_of(index);
        index = rest;
        slot
    });
    path.pos = index;
    path
}

/// The place where a new element comes to stand at `index`, at most the tree's length.
#[inline]
pub(super) fn to_gap<T: Element>(root: Option<&Node<T>>, mut index: usize) -> Path {
    let (mut path, _) = descend(root, |branch| {
        let (slot, rest) = branch.child_for(index);
        index = rest;
        slot
    });
    path.pos = index;
    path
}

/// The place before the first element.
#[inline]
pub(super) fn to_start<T: Element>(root: Option<&Node<T>>) -> Path {
    descend(root, |_| 0).0
}

/// The place behind the last element.
#[inline]
pub(super) fn to_end<T: Element>(root: Option<&Node<T>>) -> Path {
    let (mut path, leaf) = descend(root, |branch| branch.len() - 1);
    path.pos = leaf.len();
    path
}

/// The place of the element that `cmp` calls equal, or where it would stand.
#[inline]
pub(super) fn to_order<T: Element>(
    root: Option<&Node<T>>,
    hint: T::Hint,
    mut cmp: impl FnMut(&T) -> Ordering,
) -> Result<Path, Path> {
    let (mut path, leaf) = descend(root, |branch| branch.child_by(hint, &mut cmp));
    match search_leaf(leaf, hint, &mut cmp) {
        Ok(pos) => {
            path.pos = pos;
            Ok(path)
        }
        Err(pos) => {
            path.pos = pos;
            Err(path)
        }
    }
}

/// The leaf that holds element `index`, and the element's position in it. `index` must be below
/// the count of `root`.
#[inline]
pub(super) fn leaf_of<T: Element>(root: &Node<T>, mut index: usize) -> (&[T], usize) {
    let mut node = root;
    loop {
        match node {
            Node::Leaf(leaf) => return (leaf, index),
            Node::Branch(branch) => {
                let (slot, rest) = branch.child_of(index);
                index = rest;
                node = &branch.children[slot];
            }
        }
    }
}

/// The element that `cmp` calls equal; a search that keeps no path.
#[inline]
pub(super) fn find<T: Element>(
    root: &Node<T>,
    hint: T::Hint,
    mut cmp: impl FnMut(&T) -> Ordering,
) -> Option<&T> {
    let mut node = root;
    loop {
        match node {
            Node::Leaf(leaf) => {
                let pos = search_leaf(leaf, hint, &mut cmp).ok()?;
                return Some(&leaf[pos]);
            }
            Node::Branch(branch) => node = &branch.children[branch.child_by(hint, &mut cmp)],
        }
    }
}

/// Finds an element in a leaf as [`slice::binary_search_by`] does, by hints first.
///
/// A leaf is seldom in the cache, and halving waits for memory at each step. So every eighth
/// element's hint is looked at, then the hints of one group of eight: loads that do not wait for
/// each other. Only elements with the very hint that is searched are compared.
#[inline]
fn search_leaf<T: Element>(
    leaf: &[T],
    hint: T::Hint,
    cmp: &mut impl FnMut(&T) -> Ordering,
) -> Result<usize, usize> {
    const STRIDE: usize = 8;
    let groups = leaf.iter().skip(STRIDE).step_by(STRIDE).filter(|item| item.hint() < hint).count();
    let group = groups * STRIDE;
    let end = leaf.len().min(group + STRIDE);
    let below = group + leaf[group..end].iter().filter(|item| item.hint() < hint).count();
    // One element of the hint at most is what hints are made for.
    let is_tie = |at: usize| leaf.get(at).is_some_and(|item| item.hint() == hint);
    if !is_tie(below) {
        return Err(below);
    }
    let ties = if is_tie(below + 1) {
        leaf[below..].partition_point(|item| item.hint() == hint)
    } else {
        1
    };
    match leaf[below..below + ties].binary_search_by(cmp) {
        Ok(pos) => Ok(below + pos),
        Err(pos) => Err(below + pos),
    }
}
