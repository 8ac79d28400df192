//! [`List`]: a list value.

use std::ops::Range;
use std::{fmt, mem, vec};

use super::pack::Pack;
use crate::tree::{self, Element, Tree};
use crate::{Blob, memory};

/// A list: byte strings by position. A small one is one piece of bytes, a large one a tree.
#[derive(Debug, Clone)]
pub struct List(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Packed(Pack),
    Tree(Box<Tree<Blob>>),
}

/// Up to so many elements, taking one after the other beats splitting the tree.
const FEW: usize = 16;

impl Element for Blob {
    type Hint = ();
    type Weight = ();

    fn hint(&self) {}
}

impl Default for List {
    fn default() -> Self {
        Self(Repr::Packed(Pack::default()))
    }
}

impl List {
    /// The list of these elements, in the form for so many and so long ones: one element after the other
    /// would copy a small list with each.
    pub(crate) fn of(items: Tree<Blob>) -> Self {
        match Pack::of(items.iter().map(Blob::as_slice)) {
            Some(pack) => Self(Repr::Packed(pack)),
            None => Self::of_tree(items),
        }
    }

    fn of_tree(items: Tree<Blob>) -> Self {
        Self(Repr::Tree(Box::new(items)))
    }

    /// See [`ValueRef::touch`](crate::ValueRef).
    pub(crate) fn touch(&self) -> Option<u8> {
        match &self.0 {
            Repr::Packed(pack) => pack.touch(),
            // Most commands are about the head; to come to both ends costs more than it spares.
            Repr::Tree(items) => items.first()?.first().copied(),
        }
    }

    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        match &self.0 {
            Repr::Packed(pack) => memory::heap(pack.heap_bytes()),
            Repr::Tree(items) => {
                memory::heap(size_of::<Tree<Blob>>())
                    + memory::tree(items, samples, |item| memory::heap(item.heap_bytes()))
            }
        }
    }

    /// How many elements (`LLEN`).
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(pack) => pack.len(),
            Repr::Tree(items) => items.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index` from the head.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.0 {
            Repr::Packed(pack) => pack.iter().nth(index),
            Repr::Tree(items) => items.get(index).map(Blob::as_slice),
        }
    }

    /// The elements, head first.
    pub fn iter(&self) -> ListIter<'_> {
        self.range(0..self.len())
    }

    /// The elements of a range of positions from the head.
    pub fn range(&self, range: Range<usize>) -> ListIter<'_> {
        ListIter(match &self.0 {
            Repr::Packed(pack) => {
                let items: Vec<&[u8]> = pack.iter().skip(range.start).take(range.len()).collect();
                IterRepr::Packed(items.into_iter())
            }
            Repr::Tree(items) => IterRepr::Tree(items.range(range)),
        })
    }

    /// Adds an element at the head.
    pub fn push_front(&mut self, item: impl AsRef<[u8]> + Into<Blob>) {
        self.insert(0, item);
    }

    /// Adds an element at the tail.
    pub fn push_back(&mut self, item: impl AsRef<[u8]> + Into<Blob>) {
        self.insert(self.len(), item);
    }

    /// Takes the element at the head.
    pub fn pop_front(&mut self) -> Option<Blob> {
        self.remove(0)
    }

    /// Takes the element at the tail.
    pub fn pop_back(&mut self) -> Option<Blob> {
        self.remove(self.len().checked_sub(1)?)
    }

    /// Takes the element at the head, or that at the tail; answers what `see` makes of it, which spares
    /// a copy of one of a small list.
    pub(crate) fn pop<T>(&mut self, at_head: bool, see: impl FnOnce(&[u8]) -> T) -> Option<T> {
        match &mut self.0 {
            Repr::Packed(pack) if at_head => pack.take_seen(0, see),
            Repr::Packed(pack) => pack.take_seen(pack.len().checked_sub(1)?, see),
            Repr::Tree(items) if at_head => items.pop_front().map(|item| see(&item)),
            Repr::Tree(items) => items.pop_back().map(|item| see(&item)),
        }
    }

    /// Replaces the element at `index`; answers whether it is there.
    pub fn set(&mut self, index: usize, item: impl AsRef<[u8]> + Into<Blob>) -> bool {
        if index >= self.len() {
            return false;
        }
        if let Repr::Packed(pack) = &mut self.0 {
            let span = pack.span(index..index + 1);
            if pack.replace(span, 1, &[item.as_ref()]) {
                return true;
            }
        }
        let place = self.tree_mut().get_mut(index);
        place.map(|place| *place = item.into()).is_some()
    }

    /// Puts an element before the one at `index`, at the tail if `index` is the length or more.
    pub fn insert(&mut self, index: usize, item: impl AsRef<[u8]> + Into<Blob>) {
        let index = index.min(self.len());
        if let Repr::Packed(pack) = &mut self.0
            && pack.insert(index, item.as_ref())
        {
            return;
        }
        let items = self.tree_mut();
        match index {
            0 => items.push_front(item.into()),
            index if index == items.len() => items.push_back(item.into()),
            index => items.insert(index, item.into()),
        }
    }

    /// Takes the element at `index`.
    pub fn remove(&mut self, index: usize) -> Option<Blob> {
        match &mut self.0 {
            Repr::Packed(pack) => pack.take(index),
            Repr::Tree(items) if index == 0 => items.pop_front(),
            Repr::Tree(items) if index + 1 == items.len() => items.pop_back(),
            Repr::Tree(items) => items.remove(index),
        }
    }

    /// Takes the first `count` elements, or all if there are no more, as a list of their own;
    /// however many they are, in O(log n).
    #[must_use]
    pub fn take_front(&mut self, count: usize) -> Self {
        match &mut self.0 {
            Repr::Packed(pack) => {
                let rest = pack.split_off(count);
                Self(Repr::Packed(mem::replace(pack, rest)))
            }
            Repr::Tree(items) if count <= FEW => {
                (0..count).map_while(|_| items.pop_front()).collect()
            }
            Repr::Tree(items) => {
                let rest = items.split_off(count);
                Self::of_tree(mem::replace(items, rest))
            }
        }
    }

    /// Takes the last `count` elements, or all if there are no more, as a list of their own in the
    /// order in which they stood; however many they are, in O(log n).
    #[must_use]
    pub fn take_back(&mut self, count: usize) -> Self {
        let kept = self.len().saturating_sub(count);
        match &mut self.0 {
            Repr::Packed(pack) => Self(Repr::Packed(pack.split_off(kept))),
            Repr::Tree(items) if count <= FEW => {
                let taken = items.range(kept..).cloned().collect();
                items.truncate(kept);
                taken
            }
            Repr::Tree(items) => Self::of_tree(items.split_off(kept)),
        }
    }

    /// Takes out the elements at `positions`, which ascend.
    pub fn remove_all(&mut self, positions: &[usize]) {
        let is_kept = |index: usize| positions.binary_search(&index).is_err();
        match &mut self.0 {
            Repr::Packed(pack) => {
                let items = pack.iter().enumerate();
                let kept = items.filter(|(index, _)| is_kept(*index)).map(|(_, item)| item);
                *pack = pack.part(kept);
            }
            // A search for each is cheaper than one pass over all, up to a point.
            Repr::Tree(items) if positions.len() <= items.len() / 16 => {
                for position in positions.iter().rev() {
                    items.remove(*position);
                }
            }
            Repr::Tree(items) => {
                let mut next = positions.iter().peekable();
                let kept = items.iter().enumerate();
                let kept =
                    kept.filter(|(index, _)| next.next_if(|position| *position == index).is_none());
                **items = kept.map(|(_, item)| item.clone()).collect();
            }
        }
    }

    /// It as a tree, which it stays.
    fn tree_mut(&mut self) -> &mut Tree<Blob> {
        if let Repr::Packed(pack) = &self.0 {
            *self = Self::of_tree(pack.iter().map(Blob::from).collect());
        }
        match &mut self.0 {
            Repr::Tree(items) => items,
            Repr::Packed(_) => unreachable!("invariant: it was made a tree"),
        }
    }
}

impl<T: AsRef<[u8]> + Into<Blob>> FromIterator<T> for List {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::of(items.into_iter().map(T::into).collect())
    }
}

/// Elements of a [`List`], from [`List::iter`] and [`List::range`].
#[derive(Clone)]
pub struct ListIter<'a>(IterRepr<'a>);

#[derive(Clone)]
enum IterRepr<'a> {
    /// A pack is read from its start only, so these were collected.
    Packed(vec::IntoIter<&'a [u8]>),
    Tree(tree::Iter<'a, Blob>),
}

impl fmt::Debug for ListIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(<[u8]>::escape_ascii)).finish()
    }
}

impl<'a> Iterator for ListIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            IterRepr::Packed(items) => items.next(),
            IterRepr::Tree(items) => items.next().map(Blob::as_slice),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            IterRepr::Packed(items) => items.size_hint(),
            IterRepr::Tree(items) => items.size_hint(),
        }
    }
}

impl DoubleEndedIterator for ListIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            IterRepr::Packed(items) => items.next_back(),
            IterRepr::Tree(items) => items.next_back().map(Blob::as_slice),
        }
    }
}

impl ExactSizeIterator for ListIter<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(usize, usize),
        Front(usize),
        Back(usize),
        Set(usize, usize),
        Remove(usize),
        PopFront,
        PopBack,
        TakeFront(usize),
        TakeBack(usize),
        RemoveAll(Vec<usize>),
    }

    /// Lists that stay small, and such as do not.
    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop_oneof![2_usize..20, 2_usize..400].prop_flat_map(|longest| {
            let step = prop_oneof![
                4 => (any::<usize>(), 0..longest).prop_map(|(at, len)| Step::Insert(at, len)),
                6 => (0..longest).prop_map(Step::Front),
                6 => (0..longest).prop_map(Step::Back),
                4 => (any::<usize>(), 0..longest).prop_map(|(at, len)| Step::Set(at, len)),
                2 => any::<usize>().prop_map(Step::Remove),
                1 => Just(Step::PopFront),
                1 => Just(Step::PopBack),
                1 => (0_usize..20).prop_map(Step::TakeFront),
                1 => (0_usize..20).prop_map(Step::TakeBack),
                1 => proptest::collection::vec(any::<usize>(), 0..6).prop_map(Step::RemoveAll),
            ];
            proptest::collection::vec(step, 0..200)
        })
    }

    fn seen(list: &List) -> Vec<Vec<u8>> {
        list.iter().map(<[u8]>::to_vec).collect()
    }

    fn vector(blob: Option<Blob>) -> Option<Vec<u8>> {
        blob.map(|it| it.to_vec())
    }

    fn take(list: &mut List, naive: &mut Vec<Vec<u8>>, step: &Step) -> Result<(), TestCaseError> {
        let len = naive.len();
        let item = |len: usize| vec![b'a' + (len % 26) as u8; len];
        match *step {
            Step::Insert(at, size) => {
                list.insert(at % (len + 1), &item(size)[..]);
                naive.insert(at % (len + 1), item(size));
            }
            Step::Front(size) => {
                list.push_front(&item(size)[..]);
                naive.insert(0, item(size));
            }
            Step::Back(size) => {
                list.push_back(&item(size)[..]);
                naive.push(item(size));
            }
            Step::Set(at, size) => {
                let place = naive.get_mut(at % (len + 1));
                let is_there = place.map(|place| *place = item(size)).is_some();
                prop_assert_eq!(list.set(at % (len + 1), &item(size)[..]), is_there);
            }
            Step::Remove(at) => {
                let at = at % (len + 1);
                let removed = (at < len).then(|| naive.remove(at));
                prop_assert_eq!(vector(list.remove(at)), removed);
            }
            Step::PopFront => {
                let popped = (len > 0).then(|| naive.remove(0));
                prop_assert_eq!(vector(list.pop_front()), popped);
            }
            Step::PopBack => prop_assert_eq!(vector(list.pop_back()), naive.pop()),
            Step::TakeFront(count) => {
                let taken: Vec<_> = naive.drain(..count.min(len)).collect();
                prop_assert_eq!(seen(&list.take_front(count)), taken);
            }
            Step::TakeBack(count) => {
                let taken = naive.split_off(len.saturating_sub(count));
                prop_assert_eq!(seen(&list.take_back(count)), taken);
            }
            Step::RemoveAll(ref positions) => {
                let mut positions: Vec<_> = positions.iter().map(|it| it % (len + 1)).collect();
                positions.retain(|position| *position < len);
                positions.sort_unstable();
                positions.dedup();
                list.remove_all(&positions);
                positions.iter().rev().for_each(|position| drop(naive.remove(*position)));
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_list_is_a_vector_in_either_form(steps in steps()) {
            let (mut list, mut naive) = (List::default(), Vec::new());
            for step in &steps {
                let (clone, before) = (list.clone(), naive.clone());
                take(&mut list, &mut naive, step)?;
                prop_assert_eq!(seen(&list), naive.clone());
                prop_assert_eq!(seen(&clone), before);
            }
            prop_assert_eq!((list.len(), list.is_empty()), (naive.len(), naive.is_empty()));
            let backwards = list.iter().rev().map(<[u8]>::to_vec);
            prop_assert!(backwards.eq(naive.iter().rev().cloned()));
            let middle = naive.len() / 3..naive.len() * 2 / 3;
            prop_assert_eq!(list.range(middle.clone()).len(), middle.len());
            prop_assert!(list.range(middle.clone()).eq(naive[middle].iter().map(Vec::as_slice)));
            prop_assert!((0..=naive.len()).all(|at| list.get(at) == naive.get(at).map(Vec::as_slice)));
        }
    }

    #[test]
    fn a_small_list_is_two_words_and_a_large_one_a_tree() {
        assert_eq!(size_of::<List>(), 16);
        let mut list = List::default();
        while matches!(list.0, Repr::Packed(_)) {
            list.push_back(b"item".as_slice());
        }
        assert_eq!(list.len(), 129);
    }
}
