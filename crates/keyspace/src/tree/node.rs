//! Nodes: shared leaves of elements, shared branches of counted children, and what moves between
//! two neighbours.

use std::cmp::Ordering;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use super::{Element, Weight};

/// Most elements in one leaf. Tests use small nodes, so that few elements make a deep tree.
pub(super) const LEAF: usize = if cfg!(test) { 8 } else { 64 };
/// Most children of one branch.
pub(super) const FAN: usize = if cfg!(test) { 6 } else { 32 };
/// An inner leaf with fewer elements is merged or filled up from a neighbour.
pub(super) const LEAF_MIN: usize = LEAF / 4;
/// An inner branch with fewer children is merged or filled up from a neighbour.
pub(super) const FAN_MIN: usize = if FAN / 4 < 2 { 2 } else { FAN / 4 };

// A path's slot is a byte; an inner branch always has two children to balance; halves of a split
// and of a sharing are not thin.
const _: () = {
    assert!(FAN <= 1 << 8);
    assert!(LEAF_MIN >= 2 && FAN_MIN >= 2);
    assert!(LEAF / 2 >= LEAF_MIN && FAN / 2 >= FAN_MIN);
    assert!(LEAF * 3 / 8 >= LEAF_MIN && FAN * 3 / 8 >= FAN_MIN);
};

/// A subtree. Cloning shares it; a writer copies what is shared.
#[derive(Clone)]
pub(super) enum Node<T: Element> {
    Leaf(Arc<Vec<T>>),
    Branch(Arc<Branch<T>>),
}

/// Children with, for each, its number of elements, the hint of its first element and what all its
/// elements weigh.
///
/// The arrays are exact at all times and hold `children.len()` entries that mean something. They
/// stand apart from the children so that a descent reads only them and the one child it takes.
#[derive(Clone)]
pub(super) struct Branch<T: Element> {
    counts: [usize; FAN],
    hints: [T::Hint; FAN],
    weights: [T::Weight; FAN],
    pub(super) children: Vec<Node<T>>,
}

impl<T: Element> Node<T> {
    /// A leaf that will likely fill up, so it gets its whole room at once.
    pub(super) fn full_size_leaf(item: T) -> Self {
        let mut items = Vec::with_capacity(LEAF);
        items.push(item);
        Self::Leaf(Arc::new(items))
    }

    /// Number of elements below.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len(),
            Self::Branch(branch) => branch.counts().iter().sum(),
        }
    }

    /// What all elements below weigh.
    pub(super) fn weight(&self) -> T::Weight {
        match self {
            Self::Leaf(leaf) => Weight::sum(leaf.iter().map(T::weight)),
            Self::Branch(branch) => Weight::sum(branch.weights().iter().copied()),
        }
    }

    /// Elements of a leaf, children of a branch.
    pub(super) fn fill(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len(),
            Self::Branch(branch) => branch.len(),
        }
    }

    /// Most that [`fill`](Self::fill) may be.
    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::Leaf(_) => LEAF,
            Self::Branch(_) => FAN,
        }
    }

    /// Least that [`fill`](Self::fill) may be, except at the tree's edges.
    pub(super) fn min_fill(&self) -> usize {
        match self {
            Self::Leaf(_) => LEAF_MIN,
            Self::Branch(_) => FAN_MIN,
        }
    }

    fn first(&self) -> &T {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(leaf) => return &leaf[0],
                Self::Branch(branch) => node = &branch.children[0],
            }
        }
    }

    fn first_hint(&self) -> T::Hint {
        match self {
            Self::Leaf(leaf) => leaf[0].hint(),
            Self::Branch(branch) => branch.hints[0],
        }
    }

    /// Takes in everything of the right neighbour.
    fn append(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => {
                let left = leaf_mut(left, right.len());
                left.reserve_exact(right.len());
                left.append(&mut Arc::unwrap_or_clone(right));
            }
            (Self::Branch(left), Self::Branch(right)) => {
                Arc::make_mut(left).append(Arc::unwrap_or_clone(right));
            }
            _ => unreachable!("invariant: all leaves are at one depth"),
        }
    }

    /// Moves elements or children between two neighbours until both hold half.
    fn share_evenly(left: &mut Self, right: &mut Self) {
        let half = usize::midpoint(left.fill(), right.fill());
        match (left, right) {
            (Self::Leaf(left), Self::Leaf(right)) => {
                let (left, right) = (leaf_mut(left, LEAF), leaf_mut(right, LEAF));
                left.reserve_exact(half.saturating_sub(left.len()));
                right.reserve_exact(left.len().saturating_sub(half));
                if left.len() > half {
                    right.splice(0..0, left.drain(half..));
                } else {
                    left.extend(right.drain(..half - left.len()));
                }
            }
            (Self::Branch(left), Self::Branch(right)) => {
                let (left, right) = (Arc::make_mut(left), Arc::make_mut(right));
                if left.len() > half {
                    let head = left.split_off(half);
                    let tail = mem::replace(right, head);
                    right.append(tail);
                } else {
                    let tail = right.split_off(half - left.len());
                    left.append(mem::replace(right, tail));
                }
            }
            _ => unreachable!("invariant: all leaves are at one depth"),
        }
    }
}

impl<T: Element> Branch<T> {
    /// A branch over `first`.
    pub(super) fn new(first: Node<T>) -> Self {
        let (mut counts, mut weights) = ([0; FAN], [T::Weight::default(); FAN]);
        (counts[0], weights[0]) = (first.count(), first.weight());
        Self { counts, hints: [first.first_hint(); FAN], weights, children: vec![first] }
    }

    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    pub(super) fn counts(&self) -> &[usize] {
        &self.counts[..self.children.len()]
    }

    pub(super) fn hints(&self) -> &[T::Hint] {
        &self.hints[..self.children.len()]
    }

    pub(super) fn weights(&self) -> &[T::Weight] {
        &self.weights[..self.children.len()]
    }

    /// The child that holds element `index`, and the element's index in it. `index` must be below
    /// the branch's count.
    #[inline]
    pub(super) fn child_of(&self, mut index: usize) -> (usize, usize) {
        let mut slot = 0;
        while index >= self.counts[slot] {
            index -= self.counts[slot];
            slot += 1;
        }
        (slot, index)
    }

    /// The child that takes a new element before element `index`, and the place in it: at a
    /// boundary the left child's end.
    #[inline]
    pub(super) fn child_for(&self, mut index: usize) -> (usize, usize) {
        let mut slot = 0;
        while index > self.counts[slot] {
            index -= self.counts[slot];
            slot += 1;
        }
        (slot, index)
    }

    /// The last child whose first element is not above the searched one, or else child 0.
    ///
    /// Hints decide; only children with the very hint that is searched are asked for their first
    /// element.
    #[inline]
    pub(super) fn child_by(&self, hint: T::Hint, cmp: &mut impl FnMut(&T) -> Ordering) -> usize {
        // Counting beats halving: 32 loads that do not wait for each other.
        let hints = self.hints();
        let below = hints.iter().filter(|h| **h < hint).count();
        let ties = hints[below..].iter().take_while(|h| **h == hint).count();
        let not_above = self.children[below..below + ties]
            .partition_point(|child| cmp(child.first()) != Ordering::Greater);
        (below + not_above).saturating_sub(1)
    }

    /// Records that child `slot` has one element more, of this weight, and its first element's hint
    /// where that is the new one.
    #[inline]
    pub(super) fn note_insert(&mut self, slot: usize, first: Option<T::Hint>, weight: T::Weight) {
        self.counts[slot] += 1;
        self.weights[slot] = self.weights[slot].plus(weight);
        if let Some(hint) = first {
            self.hints[slot] = hint;
        }
    }

    /// Records that child `slot` has one element less, of this weight, and its first element's hint
    /// where that has changed.
    #[inline]
    pub(super) fn note_remove(&mut self, slot: usize, first: Option<T::Hint>, weight: T::Weight) {
        self.counts[slot] -= 1;
        self.weights[slot] = self.weights[slot].minus(weight);
        if let Some(hint) = first {
            self.hints[slot] = hint;
        }
    }

    /// Records that the last child has `added` elements more.
    pub(super) fn note_append(&mut self, added: usize) {
        let last = self.children.len() - 1;
        self.counts[last] += added;
        self.weights[last] = self.children[last].weight();
    }

    /// Takes count, hint and weight of child `slot` from the child, which must not be empty.
    pub(super) fn refresh(&mut self, slot: usize) {
        self.counts[slot] = self.children[slot].count();
        self.weights[slot] = self.children[slot].weight();
        self.hints[slot] = self.children[slot].first_hint();
    }

    /// Puts a child in; there must be room.
    pub(super) fn insert(&mut self, slot: usize, child: Node<T>) {
        let len = self.len();
        self.counts.copy_within(slot..len, slot + 1);
        self.hints.copy_within(slot..len, slot + 1);
        self.weights.copy_within(slot..len, slot + 1);
        self.children.insert(slot, child);
        self.refresh(slot);
    }

    pub(super) fn remove(&mut self, slot: usize) -> Node<T> {
        let len = self.len();
        self.counts.copy_within(slot + 1..len, slot);
        self.hints.copy_within(slot + 1..len, slot);
        self.weights.copy_within(slot + 1..len, slot);
        self.children.remove(slot)
    }

    /// Drops whole children.
    pub(super) fn drop_children(&mut self, slots: Range<usize>) {
        let len = self.len();
        self.counts.copy_within(slots.end..len, slots.start);
        self.hints.copy_within(slots.end..len, slots.start);
        self.weights.copy_within(slots.end..len, slots.start);
        self.children.drain(slots);
    }

    /// Keeps the children before `at` and returns the others.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let (hints, weights) = (self.hints, self.weights);
        let mut tail = Self { counts: [0; FAN], hints, weights, children: Vec::new() };
        let len = self.len();
        tail.counts[..len - at].copy_from_slice(&self.counts[at..len]);
        tail.hints[..len - at].copy_from_slice(&self.hints[at..len]);
        tail.weights[..len - at].copy_from_slice(&self.weights[at..len]);
        tail.children = self.children.split_off(at);
        tail
    }

    fn append(&mut self, mut right: Self) {
        let (len, added) = (self.len(), right.len());
        self.counts[len..len + added].copy_from_slice(right.counts());
        self.hints[len..len + added].copy_from_slice(right.hints());
        self.weights[len..len + added].copy_from_slice(right.weights());
        self.children.append(&mut right.children);
    }

    /// Gives an underfull child its fill: merged with a neighbour where that leaves room to grow,
    /// otherwise shared evenly with it. The branch must have two children at least.
    pub(super) fn rebalance(&mut self, slot: usize) {
        let left = if slot + 1 < self.len() { slot } else { slot - 1 };
        let total = self.children[left].fill() + self.children[left + 1].fill();
        if total <= self.children[left].capacity() * 3 / 4 {
            let right = self.remove(left + 1);
            self.children[left].append(right);
        } else {
            let (head, tail) = self.children.split_at_mut(left + 1);
            Node::share_evenly(&mut head[left], &mut tail[0]);
            self.refresh(left + 1);
        }
        self.refresh(left);
    }
}

/// The leaf for writing; a shared one is copied, with capacity for `room` elements more.
#[inline]
pub(super) fn leaf_mut<T: Clone>(leaf: &mut Arc<Vec<T>>, room: usize) -> &mut Vec<T> {
    if Arc::strong_count(leaf) > 1 {
        let mut copy = Vec::with_capacity((leaf.len() + room).min(LEAF));
        copy.extend_from_slice(leaf);
        *leaf = Arc::new(copy);
    }
    Arc::make_mut(leaf)
}

/// Makes room for one element in a leaf that is not full, by half again each time, and by no more than
/// the element up to [`SMALL`]: a collection of five elements must not pay for seven.
#[inline]
pub(super) fn make_room<T>(leaf: &mut Vec<T>) {
    let len = leaf.len();
    if len == leaf.capacity() {
        let want = if len < SMALL { len + 1 } else { len + len / 2 + 1 };
        let want = if want > LEAF * 3 / 4 { LEAF } else { want };
        leaf.reserve_exact(want - len);
    }
}

/// Elements for which a leaf grows one by one.
const SMALL: usize = 8;
