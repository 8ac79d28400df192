//! [`Set`]: a set value.

use std::cmp::Ordering;
use std::{fmt, mem};

use super::block::{BLOCK_GROUPS, Block, BlockItems, PACK_GROUPS, Shape};
use super::forms::{Form, FormMut, Forms};
use super::gather::{Gathered, clear, in_order};
use super::pack::{Items, Pack, are_distinct};
use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::member_hash;
use crate::{Blob, memory};

/// A set of byte strings. A small one is one piece of bytes, its members in the order in which they came,
/// from some members on with columns to find one by; a large one a tree in the order of their hash, so
/// that they can be drawn by position and scanned with a hash as the cursor.
#[derive(Debug, Clone, Default)]
pub struct Set(Forms<Block<Members>, Tree<Member>>);

/// Each member a group of its own.
#[derive(Debug)]
struct Members;

impl Shape for Members {
    const ITEMS: usize = 1;
    const OWN: &'static [usize] = &[];
}

/// A member with its hash.
#[derive(Clone, Debug, Default)]
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
    type Weight = ();

    fn hint(&self) -> u64 {
        self.hash
    }
}

/// Compares a member with a searched one.
fn place<'k>(hash: u64, name: &'k [u8]) -> impl FnMut(&Member) -> Ordering + 'k {
    move |member| member.hash.cmp(&hash).then_with(|| member.name.as_slice().cmp(name))
}

impl Set {
    /// The set of the members in `members`.
    fn of_tree(members: Tree<Member>) -> Self {
        let small = Self::small(members.iter().map(|member| member.name.as_slice()), members.len());
        small.unwrap_or_else(|| Self(Forms::tree(members)))
    }

    /// The set of so many members, each of them there once, unless they are too many or too long for
    /// one piece of bytes.
    fn small<'a>(members: impl Iterator<Item = &'a [u8]> + Clone, len: usize) -> Option<Self> {
        if len <= PACK_GROUPS
            && let Some(pack) = Pack::of(members.clone())
        {
            return Some(Self(Forms::Packed(pack)));
        }
        Some(Self(Forms::block(Block::of(members)?)))
    }

    /// The set of some members of one, each of them there once.
    fn part<'a>(members: impl Iterator<Item = &'a [u8]>) -> Self {
        // Once: whoever chooses them searches for each.
        let members: Vec<&[u8]> = members.collect();
        let small = Self::small(members.iter().copied(), members.len());
        small.unwrap_or_else(|| members.into_iter().collect())
    }

    /// See [`ValueRef::touch`](crate::ValueRef).
    pub(crate) fn touch(&self) -> Option<u8> {
        match self.0.form() {
            Form::Packed(pack) => pack.touch(),
            Form::Block(block) => block.touch(),
            Form::Tree(tree) => tree.touch(),
        }
    }

    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        match self.0.form() {
            Form::Packed(pack) => memory::heap(pack.heap_bytes()),
            Form::Block(block) => memory::heap(block.heap_bytes()),
            Form::Tree(members) => {
                let heap = |member: &Member| memory::heap(member.name.heap_bytes());
                memory::heap(size_of::<Tree<Member>>()) + memory::tree(members, samples, heap)
            }
        }
    }

    /// How many members (`SCARD`).
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Packed(pack) => pack.len(),
            Form::Block(block) => block.len(),
            Form::Tree(members) => members.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is in it.
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.0.form() {
            Form::Packed(pack) => pack.find::<1>(member).is_some(),
            Form::Block(block) => block.find(member).is_some(),
            Form::Tree(members) => {
                let hash = member_hash(member);
                members.find_by(hash, place(hash, member)).is_some()
            }
        }
    }

    /// [`contains`](Self::contains) of a member whose hash is known.
    fn has(&self, member: &Member) -> bool {
        match self.0.form() {
            Form::Packed(_) | Form::Block(_) => self.contains(&member.name),
            Form::Tree(members) => {
                members.find_by(member.hash, place(member.hash, &member.name)).is_some()
            }
        }
    }

    /// Adds `member`; answers whether it is new.
    pub fn insert(&mut self, member: &[u8]) -> bool {
        match self.0.form_mut() {
            FormMut::Packed(pack) if pack.find::<1>(member).is_some() => return false,
            FormMut::Packed(pack) => {
                if pack.len() < PACK_GROUPS && pack.insert(pack.len(), member) {
                    return true;
                }
                if let Some(block) = Block::of(pack.iter().chain([member])) {
                    self.0.become_form(Forms::block(block));
                    return true;
                }
            }
            FormMut::Block(block) if block.find(member).is_some() => return false,
            FormMut::Block(block) => {
                if block.push(&[member]) {
                    return true;
                }
            }
            FormMut::Tree(_) => {}
        }
        let hash = member_hash(member);
        match self.tree_mut().entry(hash, place(hash, member)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(Member { hash, name: Blob::from(member) });
                true
            }
        }
    }

    /// Takes `member` out; answers whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.0.form_mut() {
            FormMut::Packed(pack) => {
                let Some((span, [_])) = pack.find(member) else { return false };
                pack.remove(span, 1);
                true
            }
            FormMut::Block(block) => {
                let Some(place) = block.find(member) else { return false };
                block.remove(place.group);
                true
            }
            FormMut::Tree(members) => {
                let hash = member_hash(member);
                members.remove_by(hash, place(hash, member)).is_some()
            }
        }
    }

    /// Whether it was once no intset, as whoever made it one again [has said](Self::set_outgrown): Redis
    /// does not go back.
    pub(crate) fn is_outgrown(&self) -> bool {
        self.0.is_outgrown()
    }

    /// See [`is_outgrown`](Self::is_outgrown).
    pub(crate) fn set_outgrown(&mut self, outgrown: bool) {
        self.0.set_outgrown(outgrown);
    }

    /// It as a tree, which it stays.
    fn tree_mut(&mut self) -> &mut Tree<Member> {
        if self.0.as_tree().is_none() {
            let members = sorted(self.iter().map(Blob::from).map(Member::new).collect());
            self.0.become_form(Forms::tree(members));
        }
        self.0.expect_tree()
    }

    /// The member at position `index` of an order that means nothing, to draw one at random.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<&[u8]> {
        match self.0.form() {
            Form::Packed(pack) => pack.iter().nth(index),
            Form::Block(block) if index >= block.len() => None,
            Form::Block(block) => Some(block.item(block.place(index), 0)),
            Form::Tree(members) => members.get(index).map(|member| member.name.as_slice()),
        }
    }

    /// Takes the member at position `index`.
    pub fn remove_nth(&mut self, index: usize) -> Option<Blob> {
        match self.0.form_mut() {
            FormMut::Packed(pack) => pack.take(index),
            FormMut::Block(block) if index >= block.len() => None,
            FormMut::Block(block) => {
                let member = Blob::from(block.item(block.place(index), 0));
                block.remove(index);
                Some(member)
            }
            FormMut::Tree(members) => members.remove(index).map(|member| member.name),
        }
    }

    /// The members that all of `sets` have; none if there are no sets.
    #[must_use]
    pub fn intersection(sets: &[Self]) -> Self {
        let Some((smallest, others)) = smallest_first(sets) else { return Self::default() };
        match smallest.0.form() {
            Form::Packed(_) | Form::Block(_) => {
                Self::part(smallest.iter().filter(|it| others.iter().all(|set| set.contains(it))))
            }
            // They come in the order of their hash, so the tree is built leaf by leaf.
            Form::Tree(members) => {
                let common = members.iter().filter(|it| others.iter().all(|set| set.has(it)));
                Self::of_tree(common.cloned().collect())
            }
        }
    }

    /// How many members all of `sets` have, counted up to `limit`.
    #[must_use]
    pub fn intersection_len(sets: &[Self], limit: usize) -> usize {
        let Some((smallest, others)) = smallest_first(sets) else { return 0 };
        match smallest.0.form() {
            Form::Packed(_) | Form::Block(_) => {
                let common = smallest.iter().filter(|it| others.iter().all(|set| set.contains(it)));
                common.take(limit).count()
            }
            Form::Tree(members) => {
                let common = members.iter().filter(|it| others.iter().all(|set| set.has(it)));
                common.take(limit).count()
            }
        }
    }

    /// Adds the members of `other`.
    pub fn unite(&mut self, other: &Self) {
        match other.0.form() {
            Form::Packed(_) | Form::Block(_) => other.iter().for_each(|member| {
                self.insert(member);
            }),
            Form::Tree(members) => {
                let all = self.tree_mut();
                for member in members {
                    let place = place(member.hash, &member.name);
                    if let Entry::Vacant(vacant) = all.entry(member.hash, place) {
                        vacant.insert(member.clone());
                    }
                }
            }
        }
    }

    /// Takes the members of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        match (self.0.form_mut(), other.0.form()) {
            (FormMut::Packed(_) | FormMut::Block(_), _) => {
                *self = Self::part(self.iter().filter(|member| !other.contains(member)));
            }
            (FormMut::Tree(_), Form::Packed(_) | Form::Block(_)) => {
                other.iter().for_each(|member| {
                    self.remove(member);
                });
            }
            (FormMut::Tree(left), Form::Tree(members)) if members.len() < left.len() / 8 => {
                for member in members {
                    left.remove_by(member.hash, place(member.hash, &member.name));
                }
            }
            (FormMut::Tree(left), _) => {
                let kept = left.iter().filter(|member| !other.has(member)).cloned().collect();
                *self = Self::of_tree(kept);
            }
        }
    }

    /// The members, in an order that means nothing to a user.
    pub fn iter(&self) -> SetIter<'_> {
        SetIter(match self.0.form() {
            Form::Packed(pack) => IterRepr::Packed(pack.iter()),
            Form::Block(block) => IterRepr::Block(block.iter()),
            Form::Tree(members) => IterRepr::Tree(members.iter()),
        })
    }

    /// The members, each of its own; of a large set in the order of their hash.
    pub(crate) fn blobs(&self) -> Box<dyn Iterator<Item = Blob> + '_> {
        match self.0.form() {
            Form::Packed(_) | Form::Block(_) => Box::new(self.iter().map(Blob::from)),
            Form::Tree(members) => Box::new(members.iter().map(|member| member.name.clone())),
        }
    }

    /// Whether every member is the decimal form of an `i64`, as an intset wants them.
    #[must_use]
    pub fn is_integers(&self) -> bool {
        self.iter().all(|member| redwire_resp::parse_i64(member).is_some())
    }

    /// `SSCAN`: at least `count` members from `cursor` on, if as many are left, and the cursor to go on
    /// from, 0 at the end. What is there from the first call to the last is met at least once. A small
    /// set is answered whole, whatever the cursor.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<&[u8]>) {
        match self.0.form() {
            Form::Packed(_) | Form::Block(_) => (0, self.iter().collect()),
            Form::Tree(members) => {
                let (cursor, members) = super::scan_by_hash(members, cursor, count);
                (cursor, members.into_iter().map(|member| member.name.as_slice()).collect())
            }
        }
    }
}

/// The smallest of `sets`, and the others, the next smallest first.
fn smallest_first(sets: &[Set]) -> Option<(&Set, Vec<&Set>)> {
    let mut sets: Vec<&Set> = sets.iter().collect();
    sets.sort_by_key(|set| set.len());
    let others = sets.split_off(1.min(sets.len()));
    sets.first().map(|smallest| (*smallest, others))
}

/// The tree of `members`, each of them once.
fn sorted(mut members: Vec<Member>) -> Tree<Member> {
    members.sort_unstable_by(Member::order);
    members.dedup_by(|later, kept| later.order(kept).is_eq());
    members.into_iter().collect()
}

/// The members of a [`Set`].
#[derive(Clone)]
pub struct SetIter<'a>(IterRepr<'a>);

#[derive(Clone)]
enum IterRepr<'a> {
    Packed(Items<'a>),
    Block(BlockItems<'a>),
    Tree(Iter<'a, Member>),
}

impl fmt::Debug for SetIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for SetIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            IterRepr::Packed(items) => items.next(),
            IterRepr::Block(items) => items.next(),
            IterRepr::Tree(members) => members.next().map(|member| member.name.as_slice()),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            IterRepr::Packed(items) => items.size_hint(),
            IterRepr::Block(items) => items.size_hint(),
            IterRepr::Tree(members) => members.size_hint(),
        }
    }
}

impl ExactSizeIterator for SetIter<'_> {}

impl<B: Into<Blob>> FromIterator<B> for Set {
    /// Builds a set several times as fast as adding members one by one.
    fn from_iter<I: IntoIterator<Item = B>>(members: I) -> Self {
        let members: Vec<Blob> = members.into_iter().map(Into::into).collect();
        let names = members.iter().map(Blob::as_slice);
        if members.len() <= BLOCK_GROUPS
            && are_distinct(names.clone())
            && let Some(small) = Self::small(names, members.len())
        {
            return small;
        }
        Self::of_tree(sorted(members.into_iter().map(Member::new).collect()))
    }
}

/// A set whose members come one by one, all before any is looked for. Its memory serves for one set after
/// the other.
#[derive(Debug, Default)]
pub(crate) struct SetBuilder {
    /// All of them, as long as there is room.
    small: Gathered,
    /// All of them from then on.
    large: Vec<Member>,
}

impl SetBuilder {
    #[inline]
    pub(crate) fn push(&mut self, member: &[u8]) {
        if self.large.is_empty() {
            if self.small.push(&[member]) {
                return;
            }
            self.outgrow();
        }
        self.large.push(Member::new(Blob::from(member)));
    }

    #[cold]
    fn outgrow(&mut self) {
        self.large.extend(self.small.items().map(Blob::from).map(Member::new));
        self.small.clear();
    }

    /// The set, and an empty builder; `None` if a member came twice.
    pub(crate) fn finish(&mut self) -> Option<Set> {
        let set = self.build();
        self.small.clear();
        clear(&mut self.large);
        set
    }

    fn build(&mut self) -> Option<Set> {
        if self.large.is_empty() {
            if !self.small.are_distinct(1) {
                return None;
            }
            let len = self.small.len();
            if len <= PACK_GROUPS
                && let Some(pack) = Pack::of(self.small.items())
            {
                return Some(Set(Forms::Packed(pack)));
            }
            let hashes = self.small.hashes().iter().copied();
            if let Some(block) = Block::of_hashed(self.small.items(), hashes) {
                return Some(Set(Forms::block(block)));
            }
            self.outgrow();
        }
        let hashes = self.large.iter().map(|member| member.hash);
        let order = in_order(hashes, |at| &self.large[at].name)?;
        let members = order.map(|at| mem::take(&mut self.large[at])).collect();
        Some(Set(Forms::tree(members)))
    }
}

#[cfg(test)]
mod tests;
