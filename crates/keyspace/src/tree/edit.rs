//! Changes of shape: insertion with splits, removal with merges, whole ranges out.
//!
//! Fill: each node holds a quarter of its capacity at least, but for those on the left and right
//! edge of the tree, which need only be non-empty. So a queue fills its leaves to the brim and
//! drains them to the last element without moving anything to a neighbour.

use std::mem;
use std::sync::Arc;

use super::node::{Branch, FAN, LEAF, LEAF_MIN, Node, leaf_mut, make_room};
use super::path::Path;
use super::{Element, Tree};

impl<T: Element> Tree<T> {
    /// Puts `item` in at a path just found.
    #[inline]
    pub(super) fn insert_at(&mut self, path: &Path, item: T) {
        self.len += 1;
        let Some(root) = &mut self.root else {
            self.root = Some(Node::Leaf(Arc::new(vec![item])));
            return;
        };
        if path.leaf_len == LEAF {
            if let Some(right) = insert_splitting(root, path, 0, item) {
                self.grow_root(right);
            }
            return;
        }
        let (hint, weight) = (item.hint(), item.weight());
        let leaf = path.follow(root, |branch, level, slot| {
            branch.note_insert(slot, path.is_first_below(level).then_some(hint), weight);
        });
        let leaf = leaf_mut(leaf, 1);
        make_room(leaf);
        leaf.insert(path.pos, item);
    }

    /// Takes out the element at a path just found.
    #[inline]
    pub(super) fn remove_at(&mut self, path: &Path) -> Option<T> {
        let root = self.root.as_mut()?;
        self.len -= 1;
        if path.leaf_len <= LEAF_MIN {
            let item = remove_merging(root, path, 0, true, true);
            self.settle_root();
            return Some(item);
        }
        // Above LEAF_MIN there is a second element, the leaf's first after position 0 is gone.
        let next = (path.pos == 0).then(|| path.leaf(root)[1].hint());
        // One without weight is not searched for it.
        let weighs = size_of::<T::Weight>() > 0;
        let weight = if weighs { path.leaf(root)[path.pos].weight() } else { T::Weight::default() };
        let leaf = path.follow(root, |branch, level, slot| {
            branch.note_remove(slot, next.filter(|_| path.is_first_below(level)), weight);
        });
        let leaf = leaf_mut(leaf, 0);
        let item = leaf.remove(path.pos);
        if self.len == leaf.len() {
            shrink(leaf);
        }
        Some(item)
    }

    /// Drops the elements `start..end`; both at most the length, `start < end`.
    pub(super) fn remove_span(&mut self, start: usize, end: usize) {
        let Some(root) = &mut self.root else { return };
        if start == 0 && end == self.len {
            self.clear();
            return;
        }
        remove_span_below(root, start, end);
        self.len -= end - start;
        self.settle_root();
        // The two sides of the gap may be thin at each level.
        for index in [start.checked_sub(1), Some(start)].into_iter().flatten() {
            if let Some(root) = &mut self.root
                && index < self.len
            {
                repair(root, index);
            }
        }
        self.settle_root();
    }

    /// Fills the last leaf from `items` as far as it has room.
    pub(super) fn fill_last_leaf(&mut self, items: &mut impl Iterator<Item = T>) {
        if let Some(root) = &mut self.root {
            self.len += fill_last(root, items);
        }
    }

    /// Puts a new root over the old one and its new right neighbour.
    fn grow_root(&mut self, right: Node<T>) {
        if let Some(left) = self.root.take() {
            let mut branch = Branch::new(left);
            branch.insert(1, right);
            self.root = Some(Node::Branch(Arc::new(branch)));
        }
    }

    /// Lowers the tree while its root has one child, or two that fit into half a node, and frees
    /// the root of an empty one.
    fn settle_root(&mut self) {
        loop {
            match &mut self.root {
                Some(Node::Branch(branch)) => match &branch.children[..] {
                    [only] => self.root = Some(only.clone()),
                    [left, right] if left.fill() + right.fill() <= left.capacity() / 2 => {
                        Arc::make_mut(branch).rebalance(0);
                    }
                    _ => return,
                },
                Some(Node::Leaf(leaf)) if leaf.is_empty() => self.root = None,
                Some(Node::Leaf(leaf)) => {
                    if let Some(leaf) = Arc::get_mut(leaf) {
                        shrink(leaf);
                    }
                    return;
                }
                None => return,
            }
        }
    }
}

/// Puts `item` into the full leaf at the end of the path and returns the new right neighbour of
/// `node`, where there is one.
fn insert_splitting<T: Element>(
    node: &mut Node<T>,
    path: &Path,
    level: usize,
    item: T,
) -> Option<Node<T>> {
    match node {
        Node::Leaf(_) => Some(split_leaf(node, path, item)),
        Node::Branch(branch) => {
            let branch = Arc::make_mut(branch);
            let slot = path.slot(level);
            let right = insert_splitting(&mut branch.children[slot], path, level + 1, item);
            branch.refresh(slot);
            insert_child(branch, path, slot + 1, right?).map(|b| Node::Branch(Arc::new(b)))
        }
    }
}

/// Splits a full leaf around `item`: at the tree's edges the new leaf holds only `item`, so that
/// growth at one end leaves full leaves behind (and copies no shared one).
fn split_leaf<T: Element>(node: &mut Node<T>, path: &Path, item: T) -> Node<T> {
    if path.is_end() {
        return Node::full_size_leaf(item);
    }
    if path.is_start() {
        return mem::replace(node, Node::full_size_leaf(item));
    }
    let Node::Leaf(leaf) = node else { unreachable!("invariant: called with a leaf") };
    let left = leaf_mut(leaf, 0);
    let half = LEAF / 2;
    let mut right = Vec::with_capacity(LEAF);
    right.extend(left.drain(half..));
    if path.pos <= half {
        make_room(left);
        left.insert(path.pos, item);
    } else {
        right.insert(path.pos - half, item);
    }
    Node::Leaf(Arc::new(right))
}

/// Puts a child into a branch and returns the branch's new right neighbour if it had to split, at
/// the tree's edges as unevenly as leaves do.
fn insert_child<T: Element>(
    branch: &mut Branch<T>,
    path: &Path,
    slot: usize,
    child: Node<T>,
) -> Option<Branch<T>> {
    if branch.len() < FAN {
        branch.insert(slot, child);
        return None;
    }
    if path.is_end() {
        return Some(Branch::new(child));
    }
    if path.is_start() {
        let mut right = branch.split_off(1);
        right.insert(0, child);
        return Some(right);
    }
    let half = FAN / 2;
    let mut right = branch.split_off(half);
    if slot <= half {
        branch.insert(slot, child);
    } else {
        right.insert(slot - half, child);
    }
    Some(right)
}

/// Takes the element out and mends thin or empty nodes on the way up. `left` and `right` say
/// whether `node` is on that edge of the tree.
fn remove_merging<T: Element>(
    node: &mut Node<T>,
    path: &Path,
    level: usize,
    left: bool,
    right: bool,
) -> T {
    match node {
        Node::Leaf(leaf) => leaf_mut(leaf, 0).remove(path.pos),
        Node::Branch(branch) => {
            let branch = Arc::make_mut(branch);
            let slot = path.slot(level);
            let (left, right) = (left && slot == 0, right && slot + 1 == branch.len());
            let child = &mut branch.children[slot];
            let item = remove_merging(child, path, level + 1, left, right);
            if child.fill() == 0 {
                branch.remove(slot);
            } else if child.fill() < child.min_fill() && !left && !right {
                branch.rebalance(slot);
            } else {
                branch.refresh(slot);
            }
            item
        }
    }
}

/// Drops `start..end` below `node`, which must hold more than that; leaves thin nodes behind on
/// both sides of the gap, but no empty ones.
fn remove_span_below<T: Element>(node: &mut Node<T>, start: usize, end: usize) {
    let branch = match node {
        Node::Leaf(leaf) => {
            leaf_mut(leaf, 0).drain(start..end);
            return;
        }
        Node::Branch(branch) => Arc::make_mut(branch),
    };
    let (first, from) = branch.child_of(start);
    let (last, to) = branch.child_of(end - 1);
    let to = to + 1;
    let (first_count, last_count) = (branch.counts()[first], branch.counts()[last]);
    if first == last && (from > 0 || to < last_count) {
        remove_span_below(&mut branch.children[first], from, to);
        branch.refresh(first);
        return;
    }
    let mut whole = first..last + 1;
    if from > 0 {
        remove_span_below(&mut branch.children[first], from, first_count);
        branch.refresh(first);
        whole.start += 1;
    }
    if to < last_count {
        remove_span_below(&mut branch.children[last], 0, to);
        branch.refresh(last);
        whole.end -= 1;
    }
    branch.drop_children(whole);
}

/// Gives all nodes on the way to element `index` their fill, as far as they have a neighbour.
fn repair<T: Element>(node: &mut Node<T>, index: usize) {
    let Node::Branch(branch) = node else { return };
    let branch = Arc::make_mut(branch);
    // Filled first, so that the child's own children have neighbours; then again, because their
    // merging may have thinned it.
    let (slot, rest) = fill_child(branch, index);
    repair(&mut branch.children[slot], rest);
    branch.refresh(slot);
    fill_child(branch, index);
}

fn fill_child<T: Element>(branch: &mut Branch<T>, index: usize) -> (usize, usize) {
    loop {
        let (slot, rest) = branch.child_of(index);
        let child = &branch.children[slot];
        if branch.len() == 1 || child.fill() >= child.min_fill() {
            return (slot, rest);
        }
        branch.rebalance(slot);
    }
}

fn fill_last<T: Element>(node: &mut Node<T>, items: &mut impl Iterator<Item = T>) -> usize {
    match node {
        Node::Leaf(leaf) => {
            let before = leaf.len();
            let room = LEAF - before;
            let expected = items.size_hint().0.min(room);
            let leaf = leaf_mut(leaf, expected);
            leaf.reserve_exact(expected);
            for item in items.take(room) {
                make_room(leaf);
                leaf.push(item);
            }
            leaf.len() - before
        }
        Node::Branch(branch) => {
            let branch = Arc::make_mut(branch);
            let last = branch.len() - 1;
            let added = fill_last(&mut branch.children[last], items);
            branch.note_append(added);
            added
        }
    }
}

/// Gives back most of the room of a leaf that is the whole tree and has become small.
fn shrink<T>(leaf: &mut Vec<T>) {
    if leaf.capacity() >= 8 && leaf.len() <= leaf.capacity() / 4 {
        leaf.shrink_to(leaf.capacity() / 2);
    }
}
