//! Operation sequences against a `Vec`, with clones that must never change, the node invariants,
//! and the number of copies a write makes.

use std::cell::Cell;
use std::cmp::Ordering;
use std::mem;

use proptest::collection::vec;
use proptest::prelude::*;

use super::node::{FAN, LEAF, LEAF_MIN, Node};
use super::{Element, Entry, Tree};

impl Element for u32 {
    type Hint = ();
    type Weight = usize;
    fn hint(&self) {}

    /// Some weigh nothing.
    fn weight(&self) -> usize {
        *self as usize % 5
    }
}

/// Sorted by both fields; the hint tells only some apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair(u16, u16);

impl Element for Pair {
    type Hint = u16;
    type Weight = ();
    fn hint(&self) -> u16 {
        self.0
    }
}

/// Checks what every tree keeps at all times.
fn check<T: Element>(tree: &Tree<T>) {
    let Some(root) = &tree.root else {
        assert_eq!(tree.len, 0);
        return;
    };
    assert_eq!(root.count(), tree.len);
    if let Node::Branch(branch) = root {
        assert!(branch.len() >= 2, "a root with one child");
    }
    depth(root, true, true);
}

/// Checks a subtree on or off the tree's edges and returns its depth.
fn depth<T: Element>(node: &Node<T>, left: bool, right: bool) -> usize {
    let least = if left || right { 1 } else { node.min_fill() };
    assert!((least..=node.capacity()).contains(&node.fill()), "fill {}", node.fill());
    let Node::Branch(branch) = node else { return 0 };
    let last = branch.len() - 1;
    let mut depths = Vec::new();
    for (slot, child) in branch.children.iter().enumerate() {
        depths.push(depth(child, left && slot == 0, right && slot == last));
        assert_eq!(branch.counts()[slot], child.count());
        assert_eq!(branch.weights()[slot], child.weight());
        let first = first(child);
        assert!(branch.hints()[slot] == first.hint(), "stale hint of child {slot}");
    }
    assert!(depths.iter().all(|d| *d == depths[0]), "leaves at depths {depths:?}");
    depths[0] + 1
}

fn first<T: Element>(node: &Node<T>) -> &T {
    match node {
        Node::Leaf(leaf) => &leaf[0],
        Node::Branch(branch) => first(&branch.children[0]),
    }
}

fn fill<T: Element>(node: &Node<T>, leaves: &mut Vec<usize>) {
    match node {
        Node::Leaf(leaf) => leaves.push(leaf.len()),
        Node::Branch(branch) => branch.children.iter().for_each(|child| fill(child, leaves)),
    }
}

fn leaf_fills<T: Element>(tree: &Tree<T>) -> Vec<usize> {
    let mut leaves = Vec::new();
    if let Some(root) = &tree.root {
        fill(root, &mut leaves);
    }
    leaves
}

/// One step on a sequence; positions are taken modulo the length.
#[derive(Clone, Debug)]
enum Step {
    Insert(usize),
    Remove(usize),
    Set(usize),
    PushBack(u8),
    PushFront(u8),
    PopBack(u8),
    PopFront(u8),
    RemoveRange(usize, usize),
    Truncate(usize),
    SplitOff(usize, bool),
    Extend(u8),
    Snapshot,
    Forget,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<usize>;
    prop_oneof![
        12 => at().prop_map(Step::Insert),
        10 => at().prop_map(Step::Remove),
        4 => at().prop_map(Step::Set),
        4 => any::<u8>().prop_map(Step::PushBack),
        4 => any::<u8>().prop_map(Step::PushFront),
        3 => any::<u8>().prop_map(Step::PopBack),
        3 => any::<u8>().prop_map(Step::PopFront),
        2 => (at(), at()).prop_map(|(a, b)| Step::RemoveRange(a, b)),
        1 => at().prop_map(Step::Truncate),
        1 => (at(), any::<bool>()).prop_map(|(a, keep)| Step::SplitOff(a, keep)),
        3 => any::<u8>().prop_map(Step::Extend),
        3 => Just(Step::Snapshot),
        2 => Just(Step::Forget),
        1 => Just(Step::Clear),
    ]
}

/// A tree, its twin, and the clones taken with what they held.
#[derive(Default)]
struct Twins {
    tree: Tree<u32>,
    twin: Vec<u32>,
    clones: Vec<(Tree<u32>, Vec<u32>)>,
    next: u32,
}

impl Twins {
    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn step(&mut self, step: &Step) {
        let len = self.twin.len();
        match *step {
            Step::Insert(at) => {
                let (at, item) = (at % (len + 1), self.fresh());
                self.tree.insert(at, item);
                self.twin.insert(at, item);
            }
            Step::Remove(at) if len > 0 => {
                assert_eq!(self.tree.remove(at % len), Some(self.twin.remove(at % len)));
            }
            Step::Set(at) if len > 0 => {
                let item = self.fresh();
                let old = self.tree.update(at % len, |it| mem::replace(it, item));
                assert_eq!(old, Some(mem::replace(&mut self.twin[at % len], item)));
            }
            Step::Remove(at) | Step::Set(at) => {
                assert_eq!(self.tree.remove(at), None);
                assert_eq!(self.tree.get_mut(at), None);
                assert_eq!(self.tree.update(at, |_| ()), None);
            }
            Step::PushBack(n) => (0..n % 40).for_each(|_| {
                let item = self.fresh();
                self.tree.push_back(item);
                self.twin.push(item);
            }),
            Step::PushFront(n) => (0..n % 40).for_each(|_| {
                let item = self.fresh();
                self.tree.push_front(item);
                self.twin.insert(0, item);
            }),
            Step::PopBack(n) => (0..n % 40).for_each(|_| {
                assert_eq!(self.tree.pop_back(), self.twin.pop());
            }),
            Step::PopFront(n) => (0..n % 40).for_each(|_| {
                let item = (!self.twin.is_empty()).then(|| self.twin.remove(0));
                assert_eq!(self.tree.pop_front(), item);
            }),
            _ => self.step_in_bulk(step),
        }
    }

    fn step_in_bulk(&mut self, step: &Step) {
        let len = self.twin.len();
        match *step {
            Step::RemoveRange(a, b) => {
                let (a, b) = (a % (len + 1), b % (len + 1));
                self.tree.remove_range(a.min(b)..a.max(b));
                self.twin.drain(a.min(b)..a.max(b));
            }
            Step::Truncate(at) => {
                let at = len - (at % (len + 1)) / 3;
                self.tree.truncate(at);
                self.twin.truncate(at);
            }
            Step::SplitOff(at, keep_tail) => {
                let at = at % (len + 1);
                let (tail, twin_tail) = (self.tree.split_off(at), self.twin.split_off(at));
                check(&tail);
                assert!(tail.iter().eq(&twin_tail));
                if keep_tail {
                    (self.tree, self.twin) = (tail, twin_tail);
                }
            }
            Step::Extend(n) => {
                let items: Vec<u32> = (0..n).map(|_| self.fresh()).collect();
                self.twin.extend(&items);
                self.tree.extend(items);
            }
            Step::Snapshot => self.clones.push((self.tree.clone(), self.twin.clone())),
            Step::Forget => drop(self.clones.pop()),
            Step::Clear if self.next.is_multiple_of(3) => {
                self.tree.clear();
                self.twin.clear();
            }
            _ => {}
        }
    }

    fn check(&self) {
        check(&self.tree);
        assert_eq!(self.tree.len(), self.twin.len());
        assert!(self.tree.iter().eq(&self.twin), "{:?} is not {:?}", self.tree, self.twin);
        assert_eq!(self.tree.first(), self.twin.first());
        assert_eq!(self.tree.last(), self.twin.last());
        assert!((0..=self.twin.len()).all(|i| self.tree.get(i) == self.twin.get(i)));
    }
}

#[derive(Clone, Debug)]
enum Ordered {
    Insert(Pair),
    Entry(Pair),
    Remove(Pair),
    Look(Pair),
    PopFront,
    RemoveRange(Pair, Pair),
    Snapshot,
}

fn ordered() -> impl Strategy<Value = Ordered> {
    let pair = || (0u16..12, 0u16..60).prop_map(|(a, b)| Pair(a, b));
    prop_oneof![
        8 => pair().prop_map(Ordered::Insert),
        4 => pair().prop_map(Ordered::Entry),
        6 => pair().prop_map(Ordered::Remove),
        4 => pair().prop_map(Ordered::Look),
        1 => Just(Ordered::PopFront),
        1 => (pair(), pair()).prop_map(|(a, b)| Ordered::RemoveRange(a, b)),
        1 => Just(Ordered::Snapshot),
    ]
}

/// Runs one ordered step on a tree of pairs and on a sorted `Vec`.
fn run_ordered(tree: &mut Tree<Pair>, twin: &mut Vec<Pair>, step: &Ordered) {
    match step {
        Ordered::Insert(pair) => match twin.binary_search(pair) {
            Ok(_) => assert_eq!(tree.insert_by(pair.clone(), |p| p.cmp(pair)), Err(pair.clone())),
            Err(at) => {
                twin.insert(at, pair.clone());
                assert_eq!(tree.insert_by(pair.clone(), |p| p.cmp(pair)), Ok(()));
            }
        },
        Ordered::Entry(pair) => {
            let found = twin.binary_search(pair);
            match tree.entry(pair.0, |p| p.cmp(pair)) {
                Entry::Occupied(mut entry) => {
                    assert_eq!((Ok(entry.index()), entry.get()), (found, pair));
                    assert_eq!(entry.get_mut(), pair);
                    assert_eq!(entry.remove(), twin.remove(found.unwrap()));
                }
                Entry::Vacant(entry) => {
                    assert_eq!(Err(entry.index()), found);
                    entry.insert(pair.clone());
                    twin.insert(found.unwrap_err(), pair.clone());
                }
            }
        }
        Ordered::Remove(pair) => {
            let item = twin.binary_search(pair).ok().map(|at| twin.remove(at));
            assert_eq!(tree.remove_by(pair.0, |p| p.cmp(pair)), item);
        }
        Ordered::Look(pair) => {
            let found = twin.binary_search(pair);
            assert_eq!(tree.search_by(pair.0, |p| p.cmp(pair)), found);
            assert_eq!(tree.find_by(pair.0, |p| p.cmp(pair)), found.ok().map(|at| &twin[at]));
            assert_eq!(
                tree.get_mut_by(pair.0, |p| p.cmp(pair)).as_deref(),
                found.ok().map(|at| &twin[at])
            );
            let above = |p: &Pair| if p.0 <= pair.0 { Ordering::Less } else { Ordering::Greater };
            assert_eq!(tree.search_by(pair.0, above), Err(twin.partition_point(|p| p.0 <= pair.0)));
        }
        Ordered::PopFront => {
            let item = (!twin.is_empty()).then(|| twin.remove(0));
            assert_eq!(tree.pop_front(), item);
        }
        Ordered::RemoveRange(a, b) => {
            let (a, b) = (a.min(b), a.max(b));
            let from = tree.search_by(a.0, |p| p.cmp(a)).unwrap_or_else(|at| at);
            let to = tree.search_by(b.0, |p| p.cmp(b)).unwrap_or_else(|at| at);
            // Wide ones would keep the tree small.
            let to = to.min(from + 30);
            tree.remove_range(from..to);
            twin.drain(from..to);
        }
        Ordered::Snapshot => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn sequence_is_its_twin_and_clones_stay(steps in vec(step(), 0..120)) {
        let mut twins = Twins::default();
        for step in &steps {
            twins.step(step);
            twins.check();
        }
        for (clone, twin) in &twins.clones {
            check(clone);
            prop_assert!(clone.iter().eq(twin));
        }
    }

    #[test]
    fn elements_are_found_by_the_weight_before_them(
        mut twin in vec(any::<u32>(), 0..500),
        changes in vec(any::<(usize, u32)>(), 0..20),
    ) {
        let mut tree: Tree<u32> = twin.iter().copied().collect();
        for (at, item) in changes {
            if let Some(place) = twin.len().checked_sub(1).and_then(|last| twin.get_mut(at % (last + 1))) {
                *place = item;
                tree.update(at % tree.len(), |it| *it = item);
            }
        }
        check(&tree);
        let wanted = (0..).zip(&twin).flat_map(|(at, it)| (0..it.weight()).map(move |rest| (at, rest)));
        let wanted: Vec<(usize, usize)> = wanted.collect();
        prop_assert_eq!(tree.weight(), wanted.len());
        prop_assert!((0..wanted.len()).all(|weight| tree.locate(weight) == Some(wanted[weight])));
        prop_assert_eq!(tree.locate(wanted.len()), None);
    }

    #[test]
    fn sorted_is_its_twin_and_clones_stay(steps in vec(ordered(), 0..500)) {
        let (mut tree, mut twin, mut clones) = (Tree::new(), Vec::new(), Vec::new());
        for step in &steps {
            run_ordered(&mut tree, &mut twin, step);
            check(&tree);
            if let Ordered::Snapshot = step {
                clones.push((tree.clone(), twin.clone()));
            }
        }
        prop_assert!(tree.iter().eq(&twin));
        for (clone, twin) in &clones {
            check(clone);
            prop_assert!(clone.iter().eq(twin));
        }
    }

    #[test]
    fn iteration_is_that_of_a_slice(
        len in 0usize..400,
        bounds in any::<(usize, usize)>(),
        steps in vec((0u8..4, 0usize..40), 0..60),
    ) {
        let twin: Vec<u32> = (0..len as u32).collect();
        let tree: Tree<u32> = twin.iter().copied().collect();
        let (a, b) = (bounds.0 % (len + 1), bounds.1 % (len + 1));
        let range = a.min(b)..a.max(b);
        let (mut iter, mut slice) = (tree.range(range.clone()), twin[range].iter());
        for (step, n) in steps {
            match step {
                0 => prop_assert_eq!(iter.next(), slice.next()),
                1 => prop_assert_eq!(iter.next_back(), slice.next_back()),
                2 => prop_assert_eq!(iter.nth(n), slice.nth(n)),
                _ => prop_assert_eq!(iter.nth_back(n), slice.nth_back(n)),
            }
            prop_assert_eq!(iter.len(), slice.len());
            prop_assert!(iter.clone().rev().eq(slice.clone().rev()));
            let mut folded = Vec::new();
            iter.clone().for_each(|item| folded.push(item));
            prop_assert!(folded.into_iter().eq(slice.clone()));
        }
    }

    #[test]
    fn a_range_is_taken_out_of_any_tree(len in 0usize..2000, bounds in any::<(usize, usize)>()) {
        let mut twin: Vec<u32> = (0..len as u32).collect();
        let mut tree: Tree<u32> = twin.iter().copied().collect();
        let clone = tree.clone();
        let (a, b) = (bounds.0 % (len + 1), bounds.1 % (len + 1));
        tree.remove_range(a.min(b)..a.max(b));
        twin.drain(a.min(b)..a.max(b));
        check(&tree);
        prop_assert!(tree.iter().eq(&twin));
        prop_assert!(clone.into_iter().copied().eq(0..len as u32));
    }
}

thread_local! {
    static COPIES: Cell<usize> = const { Cell::new(0) };
}

/// Counts its clones.
struct Counted(u32);

impl Clone for Counted {
    fn clone(&self) -> Self {
        COPIES.set(COPIES.get() + 1);
        Self(self.0)
    }
}

impl Element for Counted {
    type Hint = u32;
    type Weight = ();
    fn hint(&self) -> u32 {
        self.0
    }
}

fn copies(work: impl FnOnce()) -> usize {
    COPIES.set(0);
    work();
    COPIES.get()
}

/// Nodes of `a` that are not nodes of `b`.
fn own_nodes(a: &Tree<Counted>, b: &Tree<Counted>) -> usize {
    fn addresses(node: &Node<Counted>, to: &mut Vec<usize>) {
        match node {
            Node::Leaf(leaf) => to.push(std::sync::Arc::as_ptr(leaf) as usize),
            Node::Branch(branch) => {
                to.push(std::sync::Arc::as_ptr(branch) as usize);
                branch.children.iter().for_each(|child| addresses(child, to));
            }
        }
    }
    let (mut in_a, mut in_b) = (Vec::new(), Vec::new());
    a.root.iter().for_each(|root| addresses(root, &mut in_a));
    b.root.iter().for_each(|root| addresses(root, &mut in_b));
    in_a.iter().filter(|node| !in_b.contains(node)).count()
}

#[test]
fn a_write_after_a_clone_copies_one_path() {
    let mut tree: Tree<Counted> = (0..2000).map(|n| Counted(n * 2)).collect();
    let height = 1 + depth(tree.root.as_ref().unwrap(), true, true);
    assert!(height >= 4);
    let by = |key: u32| move |c: &Counted| c.0.cmp(&key);

    let snapshot = tree.clone();
    assert_eq!(copies(|| drop(tree.clone())), 0);
    assert_eq!(copies(|| tree.get_mut_by(1000, by(1000)).unwrap().0 = 1000), LEAF);
    assert_eq!(own_nodes(&tree, &snapshot), height);
    // The same leaf again, in place.
    assert_eq!(copies(|| tree.get_mut_by(1002, by(1002)).unwrap().0 = 1002), 0);
    assert_eq!(own_nodes(&tree, &snapshot), height);

    // What changes nothing copies nothing.
    let snapshot = tree.clone();
    assert_eq!(copies(|| assert!(tree.insert_by(Counted(2000), by(2000)).is_err())), 0);
    assert_eq!(copies(|| assert!(tree.remove_by(2001, by(2001)).is_none())), 0);
    assert_eq!(copies(|| assert!(tree.get_mut_by(2001, by(2001)).is_none())), 0);
    let entry = |tree: &mut Tree<Counted>| matches!(tree.entry(7, by(7)), Entry::Vacant(_));
    assert_eq!(copies(|| assert!(entry(&mut tree))), 0);
    assert_eq!(own_nodes(&tree, &snapshot), 0);

    // A split of a shared leaf copies it once, and may split a branch a level.
    assert_eq!(copies(|| assert!(tree.insert_by(Counted(1501), by(1501)).is_ok())), LEAF);
    assert!(own_nodes(&tree, &snapshot) <= 2 * height);
    // A full edge leaf is left alone.
    let mut tree = snapshot.clone();
    assert_eq!(copies(|| tree.push_back(Counted(9000))), 0);
    assert_eq!(copies(|| tree.push_front(Counted(0))), 0);
    assert!(snapshot.iter().map(|c| c.0).eq((0..2000).map(|n| n * 2)));
}

#[test]
fn removal_copies_two_neighbours_a_level_at_most() {
    let mut tree: Tree<Counted> = (0..2000).map(Counted).collect();
    let height = 1 + depth(tree.root.as_ref().unwrap(), true, true);
    while tree.len() > 100 {
        let snapshot = tree.clone();
        assert!(copies(|| assert!(tree.remove(tree.len() / 3).is_some())) <= 2 * LEAF);
        assert!(own_nodes(&tree, &snapshot) <= 2 * height);
        check(&tree);
    }
    // With no clone alive, nothing is copied.
    assert_eq!(copies(|| (0..50).for_each(|_| assert!(tree.remove(20).is_some()))), 0);
    assert_eq!(copies(|| (0..500).for_each(|n| tree.insert(20, Counted(n)))), 0);
}

#[test]
fn growth_at_either_end_leaves_full_leaves() {
    let (mut back, mut front) = (Tree::new(), Tree::new());
    for n in 0..(LEAF * FAN * FAN * 3) as u32 {
        back.push_back(n);
        front.push_front(n);
    }
    check(&back);
    check(&front);
    assert!(leaf_fills(&back).iter().all(|fill| *fill == LEAF));
    assert!(leaf_fills(&front).iter().all(|fill| *fill == LEAF));
    let mut built: Tree<u32> = (0..3).collect();
    built.extend(3..(LEAF * 50) as u32);
    assert!(leaf_fills(&built).iter().all(|fill| *fill == LEAF));
    while let Some(item) = back.pop_front() {
        assert_eq!(front.pop_back(), Some(item));
    }
    assert!(front.root.is_none());
}

#[test]
fn a_small_tree_is_one_small_leaf() {
    let mut tree = Tree::<u32>::default();
    assert_eq!(tree.approx_bytes(), 0);
    (0..3).for_each(|n| tree.push_back(n));
    assert!(matches!(&tree.root, Some(Node::Leaf(leaf)) if leaf.capacity() <= 4));
    tree.extend(3..500);
    let full = tree.approx_bytes();
    while tree.len() > 2 {
        tree.remove(tree.len() / 2);
    }
    assert!(matches!(&tree.root, Some(Node::Leaf(leaf)) if leaf.capacity() <= LEAF));
    assert!(tree.approx_bytes() < full / 10);
    assert_eq!(format!("{tree:?}"), "[0, 499]");
}

#[test]
fn a_hundred_thousand_survive_random_order() {
    const N: u32 = 100_000;
    // A full cycle through 0..2^17 by an odd step; numbers from N on are left out.
    let shuffled =
        || (0u32..1 << 17).map(|n| n.wrapping_mul(48_271) % (1 << 17)).filter(|n| *n < N);
    let mut tree = Tree::new();
    for n in shuffled() {
        assert!(tree.insert_by(Counted(n), |c| c.0.cmp(&n)).is_ok());
    }
    check(&tree);
    assert!(tree.iter().map(|c| c.0).eq(0..N));
    assert_eq!(tree.search_by(77_777, |c| c.0.cmp(&77_777)), Ok(77_777));
    let clone = tree.clone();
    for n in shuffled().filter(|n| n % 10 != 0) {
        assert!(tree.remove_by(n, |c| c.0.cmp(&n)).is_some());
    }
    check(&tree);
    assert!(tree.iter().map(|c| c.0).eq((0..N).step_by(10)));
    assert!(leaf_fills(&tree).iter().sum::<usize>() >= leaf_fills(&tree).len() * LEAF_MIN);
    assert!(clone.iter().map(|c| c.0).eq(0..N));
}

#[test]
#[should_panic(expected = "index 4 is above the length 3")]
fn insertion_beyond_the_end_is_a_bug_of_the_caller() {
    let mut tree: Tree<u32> = (0..3).collect();
    tree.insert(4, 0);
}

#[test]
fn trees_cross_threads() {
    fn sent<T: Send + Sync>(_: &T) {}
    sent(&Tree::<Pair>::new());
    sent(&Tree::<Pair>::new().iter());
}

proptest! {
    #[test]
    fn equal_hints_are_told_apart_by_comparison(
        // Few hints, so that one spans many leaves.
        mut twin in vec((0u16..3, any::<u16>()).prop_map(|(a, b)| Pair(a, b)), 0..300),
        keys in vec((0u16..4, any::<u16>()).prop_map(|(a, b)| Pair(a, b)), 1..30),
    ) {
        twin.sort();
        twin.dedup();
        let tree: Tree<Pair> = twin.iter().cloned().collect();
        for key in keys.iter().chain(&twin) {
            prop_assert_eq!(tree.search_by(key.0, |p| p.cmp(key)), twin.binary_search(key));
        }
    }
}
