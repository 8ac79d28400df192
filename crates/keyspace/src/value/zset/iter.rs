//! [`ScoredRef`], and walks through the members of a sorted set.

use std::fmt;
use std::ops::Range;
use std::vec;

use super::Scored;
use super::packed::PackedMembers;
use crate::{Blob, tree};

/// A member with its score, to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredRef<'a> {
    /// The score; never NaN.
    pub score: f64,
    /// The member.
    pub member: &'a [u8],
}

impl ScoredRef<'_> {
    /// One of its own.
    #[must_use]
    pub fn to_scored(self) -> Scored {
        Scored { score: self.score, member: Blob::from(self.member) }
    }
}

/// Members of a [`Zset`](super::Zset), lowest score first, from [`Zset::range`](super::Zset::range).
#[derive(Clone)]
pub struct ZsetIter<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    /// A pack is read from its start only, and a block is not in order, so these were collected.
    Collected(vec::IntoIter<ScoredRef<'a>>),
    Tree(tree::Iter<'a, Scored>),
}

impl<'a> ZsetIter<'a> {
    pub(super) fn packed(members: PackedMembers<'a>, ranks: Range<usize>) -> Self {
        Self::collected(members.skip(ranks.start).take(ranks.len()).collect())
    }

    pub(super) fn collected(members: Vec<ScoredRef<'a>>) -> Self {
        Self(Repr::Collected(members.into_iter()))
    }

    pub(super) fn tree(members: tree::Iter<'a, Scored>) -> Self {
        Self(Repr::Tree(members))
    }
}

impl fmt::Debug for ZsetIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for ZsetIter<'a> {
    type Item = ScoredRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ScoredRef<'a>> {
        match &mut self.0 {
            Repr::Collected(members) => members.next(),
            Repr::Tree(members) => members.next().map(Scored::view),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Repr::Collected(members) => members.size_hint(),
            Repr::Tree(members) => members.size_hint(),
        }
    }
}

impl DoubleEndedIterator for ZsetIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Repr::Collected(members) => members.next_back(),
            Repr::Tree(members) => members.next_back().map(Scored::view),
        }
    }
}

impl ExactSizeIterator for ZsetIter<'_> {}
