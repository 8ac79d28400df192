//! Sequences of operations against a vector, with clones that must never change.

use proptest::prelude::*;

use super::chunk::{CHUNK_BYTES, Chunk, LONGEST};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Insert(usize, usize),
    Push(Side, usize, usize),
    Pop(Side, usize),
    /// From one end to the other.
    Move(Side),
    Set(usize, usize),
    Remove(usize),
    TakeFront(usize),
    TakeBack(usize),
    RemoveAll(Vec<usize>),
    Hold,
    Forget,
}

/// Lists that stay small, such as do not, and such as have elements with chunks of their own.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let longest = prop_oneof![2_usize..20, 2_usize..400, Just(CHUNK_BYTES * 2)];
    (longest, prop_oneof![1_usize..3, 20_usize..200]).prop_flat_map(|(longest, most)| {
        // Short ones are common among long ones, too.
        let size = || prop_oneof![3 => 0..longest.min(30), 1 => 0..longest];
        let side = || prop_oneof![Just(Side::Front), Just(Side::Back)];
        let at = any::<usize>;
        let step = prop_oneof![
            6 => (at(), size()).prop_map(|(at, size)| Step::Insert(at, size)),
            12 => (side(), 1..=most, size()).prop_map(|(side, count, size)| Step::Push(side, count, size)),
            4 => (side(), 1..=most).prop_map(|(side, count)| Step::Pop(side, count)),
            2 => side().prop_map(Step::Move),
            4 => (at(), size()).prop_map(|(at, size)| Step::Set(at, size)),
            3 => at().prop_map(Step::Remove),
            1 => (0..most * 2).prop_map(Step::TakeFront),
            1 => (0..most * 2).prop_map(Step::TakeBack),
            1 => proptest::collection::vec(at(), 0..6).prop_map(Step::RemoveAll),
            1 => proptest::collection::vec(at(), 0..most * 2).prop_map(Step::RemoveAll),
            2 => Just(Step::Hold),
            1 => Just(Step::Forget),
        ];
        proptest::collection::vec(step, 0..60)
    })
}

fn seen(list: &List) -> Vec<Vec<u8>> {
    list.iter().map(<[u8]>::to_vec).collect()
}

fn vector(blob: Option<Blob>) -> Option<Vec<u8>> {
    blob.map(|it| it.to_vec())
}

/// A list, its twin, and clones taken with what they held.
#[derive(Default)]
struct Twins {
    list: List,
    naive: Vec<Vec<u8>>,
    clones: Vec<(List, Vec<Vec<u8>>)>,
    next: usize,
}

impl Twins {
    /// Bytes like none before, if there are enough of them.
    fn item(&mut self, len: usize) -> Vec<u8> {
        self.next += 1;
        self.next.to_string().into_bytes().into_iter().cycle().take(len).collect()
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let len = self.naive.len();
        match *step {
            Step::Insert(at, size) => {
                let item = self.item(size);
                self.list.insert(at % (len + 1), &item);
                self.naive.insert(at % (len + 1), item);
            }
            Step::Push(side, count, size) => {
                for _ in 0..count {
                    let item = self.item(size);
                    match side {
                        Side::Front => {
                            self.list.push_front(&item);
                            self.naive.insert(0, item);
                        }
                        Side::Back => {
                            self.list.push_back(&item);
                            self.naive.push(item);
                        }
                    }
                }
            }
            Step::Pop(Side::Front, count) => {
                for _ in 0..count {
                    let popped = (!self.naive.is_empty()).then(|| self.naive.remove(0));
                    prop_assert_eq!(vector(self.list.pop_front()), popped);
                }
            }
            Step::Pop(Side::Back, count) => {
                for _ in 0..count {
                    prop_assert_eq!(vector(self.list.pop_back()), self.naive.pop());
                }
            }
            Step::Move(Side::Front) => {
                if let Some(item) = self.list.pop_front() {
                    self.list.push_blob(false, item);
                    self.naive.rotate_left(1);
                }
            }
            Step::Move(Side::Back) => {
                if let Some(item) = self.list.pop_back() {
                    self.list.push_blob(true, item);
                    self.naive.rotate_right(1);
                }
            }
            Step::Set(at, size) => {
                let item = self.item(size);
                let is_there = self.list.set(at % (len + 1), &item);
                let place = self.naive.get_mut(at % (len + 1));
                prop_assert_eq!(place.map(|place| *place = item).is_some(), is_there);
            }
            Step::Remove(at) => {
                let at = at % (len + 1);
                let removed = (at < len).then(|| self.naive.remove(at));
                prop_assert_eq!(vector(self.list.remove(at)), removed);
            }
            _ => return self.step_in_bulk(step),
        }
        Ok(())
    }

    fn step_in_bulk(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let len = self.naive.len();
        match *step {
            Step::TakeFront(count) => {
                let taken: Vec<_> = self.naive.drain(..count.min(len)).collect();
                let list = self.list.take_front(count);
                check(&list);
                prop_assert_eq!(seen(&list), taken);
            }
            Step::TakeBack(count) => {
                let taken = self.naive.split_off(len.saturating_sub(count));
                let list = self.list.take_back(count);
                check(&list);
                prop_assert_eq!(seen(&list), taken);
            }
            Step::RemoveAll(ref positions) => {
                let mut positions: Vec<_> = positions.iter().map(|it| it % (len + 1)).collect();
                positions.sort_unstable();
                positions.dedup();
                self.list.remove_all(&positions);
                positions.retain(|position| *position < len);
                positions.iter().rev().for_each(|position| drop(self.naive.remove(*position)));
            }
            Step::Hold => self.clones.push((self.list.clone(), self.naive.clone())),
            Step::Forget => drop(self.clones.pop()),
            _ => unreachable!("of one element"),
        }
        Ok(())
    }

    fn check(&self, [a, b]: [usize; 2]) -> Result<(), TestCaseError> {
        let Self { list, naive, .. } = self;
        check(list);
        prop_assert_eq!((list.len(), list.is_empty()), (naive.len(), naive.is_empty()));
        prop_assert_eq!(seen(list), naive.clone());
        let backwards = list.iter().rev().map(<[u8]>::to_vec);
        prop_assert!(backwards.eq(naive.iter().rev().cloned()));
        let (a, b) = (a % (naive.len() + 1), b % (naive.len() + 1));
        let range = a.min(b)..a.max(b);
        let (mut part, mut twin) = (list.range(range.clone()), naive[range].iter());
        for is_front in (0..a + b).map(|step| step * 7 % 5 < 3) {
            prop_assert_eq!(part.len(), twin.len());
            let (item, wanted) = if is_front {
                (part.next(), twin.next())
            } else {
                (part.next_back(), twin.next_back())
            };
            prop_assert_eq!(item, wanted.map(Vec::as_slice));
        }
        Ok(())
    }
}

fn check(list: &List) {
    if let Repr::Chunks(chunks) = &list.0 {
        chunks.check();
    }
}

proptest! {
    #[test]
    fn a_list_is_a_vector_in_either_form(steps in steps(), bounds in any::<[usize; 2]>()) {
        let mut twins = Twins::default();
        for step in &steps {
            twins.step(step)?;
            twins.check(bounds)?;
        }
        let Twins { list, naive, clones, .. } = twins;
        prop_assert!((0..=naive.len()).all(|at| list.get(at) == naive.get(at).map(Vec::as_slice)));
        let built: List = naive.iter().collect();
        check(&built);
        prop_assert_eq!(seen(&built), naive);
        for (clone, naive) in clones {
            check(&clone);
            prop_assert_eq!(seen(&clone), naive);
        }
    }
}

fn chunks(list: &List) -> &Chunks {
    match &list.0 {
        Repr::Chunks(chunks) => chunks,
        Repr::Packed(_) => panic!("a small list"),
    }
}

#[test]
fn a_small_list_is_two_words_and_a_large_one_chunks() {
    assert_eq!((size_of::<List>(), size_of::<Chunk>()), (16, 24));
    let mut list = List::default();
    while matches!(list.0, Repr::Packed(_)) {
        list.push_back(b"item".as_slice());
    }
    assert_eq!(list.len(), SMALL / 5 + 1);
    while list.pop_front().is_some() {}
    assert!(chunks(&list).memory(0) < 512, "what is taken out leaves next to nothing behind");
}

#[test]
fn a_long_list_takes_little_more_than_its_bytes() {
    for at_head in [true, false] {
        let mut list = List::default();
        for _ in 0..10_000 {
            if at_head { list.push_front([0; 64]) } else { list.push_back([0; 64]) }
        }
        assert!((640_000..740_000).contains(&list.memory(0)), "{}", list.memory(0));
        // A queue holds what is in it.
        (0..20_000).for_each(|_| {
            let item = if at_head { list.pop_back() } else { list.pop_front() };
            if at_head { list.push_front(item.unwrap()) } else { list.push_back(item.unwrap()) }
        });
        assert_eq!(list.len(), 10_000);
        assert!(list.memory(0) < 740_000, "{}", list.memory(0));
    }
}

#[test]
fn a_write_after_a_clone_copies_a_chunk_at_most() {
    let mut list: List = (0..5000).map(|n| format!("{n:060}")).collect();
    let clone = list.clone();
    let shared = |list: &List, other: &List| {
        let starts = |list: &List| list.iter().map(<[u8]>::as_ptr).collect::<Vec<_>>();
        let others = starts(other);
        starts(list).iter().filter(|start| others.contains(start)).count()
    };
    assert_eq!(shared(&list, &clone), 5000);
    let in_chunk = CHUNK_BYTES / 60;
    list.set(2500, "x".repeat(60));
    assert!(shared(&list, &clone) >= 5000 - in_chunk);
    list.pop_front();
    list.push_front("y");
    assert!(shared(&list, &clone) >= 5000 - 2 * in_chunk);
    assert_eq!(clone.get(2500).unwrap(), format!("{:060}", 2500).as_bytes());
}

#[test]
fn elements_put_before_one_fill_chunks() {
    let mut list: List = (0..1000).map(|n| format!("{n:060}")).collect();
    for behind in [0, 1] {
        for _ in 0..1000 {
            let pivot = list.iter().position(|item| item.ends_with(b"500")).unwrap();
            list.insert(pivot + behind, "x".repeat(60));
        }
    }
    assert!(list.memory(0) < 3000 * 100, "{}", list.memory(0));
}

#[test]
fn a_long_element_has_a_chunk_of_its_own() {
    let mut list = List::default();
    let long = vec![b'l'; LONGEST + 1];
    for _ in 0..100 {
        list.push_front("short");
        list.push_front(&long);
    }
    let clone = list.clone();
    let start = list.get(100).unwrap().as_ptr();
    let moved = list.pop_front().unwrap();
    list.push_blob(false, moved);
    assert_eq!(list.get(199).unwrap().as_ptr(), clone.get(0).unwrap().as_ptr());
    let moved = list.pop_back().unwrap();
    list.push_blob(true, moved);
    list.set(99, "other");
    assert_eq!((list.get(100).unwrap().as_ptr(), clone.get(99).unwrap()), (start, &b"short"[..]));
    list.set(100, "no longer");
    assert_eq!((list.get(100).unwrap(), list.len()), (&b"no longer"[..], 200));
}
