//! [`Set`]: a set value.

use std::cmp::Ordering;
use std::fmt;

use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::member_hash;
use crate::{Blob, memory};

/// A set: byte strings in the order of their hash, so that they can be drawn by position and
/// scanned with a hash as the cursor.
#[derive(Debug, Clone, Default)]
pub struct Set {
    members: Tree<Member>,
}

/// A member with its hash.
#[derive(Clone, Debug)]
struct Member {
    hash: u64,
    name: Blob,
}

impl Member {
    fn new(name: Blob) -> Self {
        Self { hash: member_hash(&name), name }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.name.cmp(&other.name))
    }
}

impl Element for Member {
    type Hint = u64;

    fn hint(&self) -> u64 {
        self.hash
    }
}

/// Compares a member with a searched one.
fn place<'k>(hash: u64, name: &'k [u8]) -> impl FnMut(&Member) -> Ordering + 'k {
    move |member| member.hash.cmp(&hash).then_with(|| member.name.as_slice().cmp(name))
}

impl Set {
    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        memory::tree(&self.members, samples, |member| memory::heap(member.name.heap_bytes()))
    }

    /// How many members (`SCARD`).
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `member` is in it.
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        let hash = member_hash(member);
        self.members.find_by(hash, place(hash, member)).is_some()
    }

    /// Adds `member`; answers whether it is new.
    pub fn insert(&mut self, member: &[u8]) -> bool {
        let hash = member_hash(member);
        match self.members.entry(hash, place(hash, member)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(Member { hash, name: Blob::from(member) });
                true
            }
        }
    }

    /// Takes `member` out; answers whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let hash = member_hash(member);
        self.members.remove_by(hash, place(hash, member)).is_some()
    }

    /// The member at position `index` of an order that means nothing, to draw one at random.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<&Blob> {
        self.members.get(index).map(|member| &member.name)
    }

    /// Takes the member at position `index`.
    pub fn remove_nth(&mut self, index: usize) -> Option<Blob> {
        self.members.remove(index).map(|member| member.name)
    }

    /// The members that all of `sets` have; none if there are no sets.
    #[must_use]
    pub fn intersection(sets: &[Self]) -> Self {
        // They come in the order of their hash, so the tree is built leaf by leaf.
        Self { members: common(sets).cloned().collect() }
    }

    /// How many members all of `sets` have, counted up to `limit`.
    #[must_use]
    pub fn intersection_len(sets: &[Self], limit: usize) -> usize {
        common(sets).take(limit).count()
    }

    /// Adds the members of `other`.
    pub fn unite(&mut self, other: &Self) {
        for member in &other.members {
            let place = place(member.hash, &member.name);
            if let Entry::Vacant(vacant) = self.members.entry(member.hash, place) {
                vacant.insert(member.clone());
            }
        }
    }

    /// Takes the members of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        if other.len() < self.len() / 8 {
            for member in &other.members {
                self.members.remove_by(member.hash, place(member.hash, &member.name));
            }
        } else {
            let kept = self.members.iter().filter(|member| !other.has(member));
            self.members = kept.cloned().collect();
        }
    }

    fn has(&self, member: &Member) -> bool {
        self.members.find_by(member.hash, place(member.hash, &member.name)).is_some()
    }

    /// The members, in an order that means nothing to a user.
    pub fn iter(&self) -> SetIter<'_> {
        SetIter { members: self.members.iter() }
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = Blob> {
        self.members.iter().map(|member| member.name.clone())
    }

    /// Whether every member is the decimal form of an `i64`, as an intset wants them.
    #[must_use]
    pub fn is_integers(&self) -> bool {
        self.iter().all(|member| redwire_resp::parse_i64(member).is_some())
    }

    /// `SSCAN`: at least `count` members from `cursor` on, if as many are left, and the cursor to go on
    /// from, 0 at the end. What is there from the first call to the last is met at least once.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<&Blob>) {
        let (cursor, members) = super::scan_by_hash(&self.members, cursor, count);
        (cursor, members.into_iter().map(|member| &member.name).collect())
    }
}

/// The members that all of `sets` have, in the order of their hash: the smallest set's, looked up
/// in the others, the next smallest first.
fn common(sets: &[Set]) -> impl Iterator<Item = &Member> {
    let mut sets: Vec<&Set> = sets.iter().collect();
    sets.sort_by_key(|set| set.len());
    let smallest = sets.first().copied();
    let members = smallest.into_iter().flat_map(|set| &set.members);
    members.filter(move |member| sets.iter().skip(1).all(|set| set.has(member)))
}

/// The members of a [`Set`].
#[derive(Clone)]
pub struct SetIter<'a> {
    members: Iter<'a, Member>,
}

impl fmt::Debug for SetIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for SetIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.members.next().map(|member| member.name.as_slice())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.members.size_hint()
    }
}

impl ExactSizeIterator for SetIter<'_> {}

impl<B: Into<Blob>> FromIterator<B> for Set {
    /// Builds a set by sorting, which is several times as fast as adding members one by one.
    fn from_iter<I: IntoIterator<Item = B>>(members: I) -> Self {
        let mut members: Vec<Member> =
            members.into_iter().map(|it| Member::new(it.into())).collect();
        members.sort_unstable_by(Member::order);
        members.dedup_by(|later, kept| later.order(kept).is_eq());
        Self { members: members.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_built_at_once_is_one_built_step_by_step(
            members in proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..4), 0..200),
        ) {
            let at_once: Set = members.iter().map(Vec::as_slice).collect();
            let mut stepwise = Set::default();
            for member in &members {
                stepwise.insert(member);
            }
            prop_assert!(at_once.iter().eq(stepwise.iter()));
            let naive: BTreeSet<&[u8]> = members.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(at_once.iter().collect::<BTreeSet<_>>(), naive);
        }
    }
}
