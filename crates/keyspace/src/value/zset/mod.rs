//! [`Zset`]: a sorted set value.

mod build;
pub(crate) mod combine;
mod iter;
mod packed;
mod ranked;
#[cfg(test)]
mod tests;
mod tree;

use std::cmp::Ordering;
use std::mem;
use std::ops::Range;

use crate::tree::Tree;
use crate::value::block::{BLOCK_GROUPS, PACK_GROUPS};
use crate::value::forms::{Form, FormMut, Forms};
use crate::{Blob, memory};
pub(crate) use build::ZsetBuilder;
pub use iter::{ScoredRef, ZsetIter};
use ranked::Ranked;
use tree::{Member, TreeZset};

/// A sorted set: members by score, then by bytes. A small one is one piece of bytes, from some members on
/// with columns to find one by; a large one two trees, of which one finds a member's score.
#[derive(Debug, Clone, Default)]
pub struct Zset(Forms<Ranked, TreeZset>);

/// A member with its score.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scored {
    /// The score; never NaN.
    pub score: f64,
    /// The member.
    pub member: Blob,
}

impl Scored {
    pub(crate) fn view(&self) -> ScoredRef<'_> {
        ScoredRef { score: self.score, member: &self.member }
    }

    /// The order of a sorted set: by score, then by the member's bytes.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let scores = score_hint(self.score).cmp(&score_hint(other.score));
        scores.then_with(|| self.member.cmp(&other.member))
    }
}

/// What [`Zset::update`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// The member is new.
    Added,
    /// The member has another score now.
    Moved,
    /// The member has the score that it had.
    Same,
    /// Nothing was to be done.
    Declined,
}

/// A number that orders as scores do: both zeros are one, and there is no NaN.
fn score_hint(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

impl Zset {
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
            Form::Block(ranked) => memory::heap(ranked.heap_bytes()),
            Form::Tree(tree) => memory::heap(size_of::<TreeZset>()) + tree.memory(samples),
        }
    }

    /// How many members (`ZCARD`).
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Packed(pack) => pack.len() / 2,
            Form::Block(ranked) => ranked.len(),
            Form::Tree(tree) => tree.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of `member`.
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0.form() {
            Form::Packed(pack) => packed::find(pack, member).map(|found| found.score),
            Form::Block(ranked) => ranked.score(member),
            Form::Tree(tree) => tree.score(member),
        }
    }

    /// Sets the score of `member`, which must not be NaN; answers the one it had.
    ///
    /// A score that is equal to the old one changes nothing, so -0 stays -0 when 0 comes.
    pub fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let mut before = None;
        self.update(member, |old| {
            before = old;
            Some(score)
        });
        before
    }

    /// Sets the score of `member` to what `decide` makes of the one it has, which must not be NaN;
    /// leaves it alone if that is `None`.
    pub(crate) fn update(
        &mut self,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Update {
        let pack = match self.0.form_mut() {
            FormMut::Packed(pack) => pack,
            FormMut::Block(ranked) => {
                return ranked.update(member, decide).unwrap_or_else(|score| {
                    self.tree_mut().update(member, |_| Some(score));
                    Update::Added
                });
            }
            FormMut::Tree(tree) => return tree.update(member, decide),
        };
        let found = packed::find(pack, member);
        let old = found.as_ref().map(|found| found.score);
        let Some(score) = decide(old) else { return Update::Declined };
        debug_assert!(!score.is_nan(), "a sorted set has no NaN");
        if old == Some(score) {
            return Update::Same;
        }
        let update = if old.is_some() { Update::Moved } else { Update::Added };
        if let Some(found) = found {
            pack.remove(found.span, 2);
        }
        if pack.len() >= PACK_GROUPS * 2 || !packed::insert(pack, member, score) {
            self.outgrow(member, score);
        }
        update
    }

    /// Puts in a member that is not there and for which a pack has no room: it is a pack no more.
    #[cold]
    fn outgrow(&mut self, member: &[u8], score: f64) {
        if let Form::Packed(pack) = self.0.form()
            && let Some(mut ranked) = Ranked::of(packed::iter(pack))
            && ranked.update(member, |_| Some(score)).is_ok()
        {
            self.0.become_form(Forms::block(ranked));
        } else {
            self.tree_mut().update(member, |_| Some(score));
        }
    }

    /// Makes the score of `member` 0 if it is -0; both stand at the same place in the order.
    pub(crate) fn drop_sign_of_zero(&mut self, member: &[u8]) {
        match self.0.form_mut() {
            FormMut::Packed(pack) => {
                if let Some(found) = packed::find(pack, member)
                    && found.score == 0.0
                {
                    pack.remove(found.span, 2);
                    let is_done = packed::insert(pack, member, 0.0);
                    debug_assert!(is_done, "0 is the shortest score");
                }
            }
            FormMut::Block(ranked) => ranked.drop_sign_of_zero(member),
            FormMut::Tree(tree) => tree.drop_sign_of_zero(member),
        }
    }

    /// Takes `member` out, and answers its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.0.form_mut() {
            FormMut::Packed(pack) => {
                let found = packed::find(pack, member)?;
                pack.remove(found.span, 2);
                Some(found.score)
            }
            FormMut::Block(ranked) => ranked.remove(member),
            FormMut::Tree(tree) => tree.remove(member),
        }
    }

    /// Whether it was once larger than the form that Redis keeps small sorted sets in, as whoever made it
    /// smaller [has said](Self::set_outgrown): Redis does not go back.
    pub(crate) fn is_outgrown(&self) -> bool {
        self.0.is_outgrown()
    }

    /// See [`is_outgrown`](Self::is_outgrown).
    pub(crate) fn set_outgrown(&mut self) {
        self.0.set_outgrown(true);
    }

    /// It as trees, which it stays.
    fn tree_mut(&mut self) -> &mut TreeZset {
        if self.0.as_tree().is_none() {
            let mut members: Vec<Member> = self.members().map(Member::new).collect();
            members.sort_unstable_by(Member::order);
            let tree = TreeZset::from_members(members.into_iter().collect());
            self.0.become_form(Forms::tree(tree));
        }
        self.0.expect_tree()
    }

    /// The rank of `member` from the lowest score (`ZRANK`), and its score.
    #[must_use]
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self.0.form() {
            Form::Packed(pack) => {
                let (rank, found) =
                    packed::iter(pack).enumerate().find(|(_, it)| it.member == member)?;
                Some((rank, found.score))
            }
            Form::Block(ranked) => ranked.rank(member),
            Form::Tree(tree) => tree.rank(member),
        }
    }

    /// The member of rank `rank` from the lowest score.
    #[must_use]
    pub fn nth(&self, rank: usize) -> Option<ScoredRef<'_>> {
        match self.0.form() {
            Form::Packed(pack) => packed::iter(pack).nth(rank),
            Form::Block(ranked) => ranked.nth(rank),
            Form::Tree(tree) => tree.nth(rank).map(Scored::view),
        }
    }

    /// The members of a range of ranks, lowest score first; reverse it for `REV`.
    pub fn range(&self, ranks: Range<usize>) -> ZsetIter<'_> {
        match self.0.form() {
            Form::Packed(pack) => ZsetIter::packed(packed::iter(pack), ranks),
            Form::Block(ranked) => ZsetIter::collected(ranked.range(ranks)),
            Form::Tree(tree) => ZsetIter::tree(tree.range(ranks)),
        }
    }

    /// All members, lowest score first.
    pub fn iter(&self) -> ZsetIter<'_> {
        self.range(0..self.len())
    }

    /// Takes the members of a range of ranks out, and answers them, lowest score first.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> Vec<Scored> {
        match self.0.form_mut() {
            FormMut::Packed(pack) => packed::remove_range(pack, ranks),
            FormMut::Block(ranked) => ranked.remove_range(ranks),
            FormMut::Tree(tree) => tree.remove_range(ranks),
        }
    }

    /// How many members have a score below `score`, or not above it when `inclusive`: the rank at
    /// which a range by score begins or ends.
    #[must_use]
    pub fn rank_of_score(&self, score: f64, inclusive: bool) -> usize {
        let is_before = |other: f64| other < score || (inclusive && other == score);
        match self.0.form() {
            Form::Packed(pack) => {
                packed::iter(pack).take_while(|scored| is_before(scored.score)).count()
            }
            Form::Block(ranked) => ranked.rank_of_score(score, inclusive),
            Form::Tree(tree) => tree.rank_of_score(score, inclusive),
        }
    }

    /// How many members stand before `member` by bytes, or are it when `inclusive`; for sets
    /// whose scores are all the same, as ranges by lex assume.
    #[must_use]
    pub fn rank_of_member(&self, member: &[u8], inclusive: bool) -> usize {
        let is_before = |other: &[u8]| other < member || (inclusive && other == member);
        match self.0.form() {
            Form::Packed(pack) => {
                packed::iter(pack).take_while(|scored| is_before(scored.member)).count()
            }
            Form::Block(ranked) => {
                ranked.all().into_iter().take_while(|scored| is_before(scored.member)).count()
            }
            Form::Tree(tree) => tree.rank_of_member(member, inclusive),
        }
    }

    /// `ZSCAN`: at least `count` members from `cursor` on, if as many are left, and the cursor to go on
    /// from, 0 at the end. What is there from the first call to the last is met at least once. A small
    /// set is answered whole, whatever the cursor.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<ScoredRef<'_>>) {
        match self.0.form() {
            Form::Packed(pack) => (0, packed::iter(pack).collect()),
            Form::Block(ranked) => (0, ranked.all()),
            Form::Tree(tree) => {
                let (next, members) = tree.scan(cursor, count);
                (next, members.into_iter().map(Scored::view).collect())
            }
        }
    }

    /// The members, copied; of a large set in the order of their hash.
    fn members(&self) -> Box<dyn Iterator<Item = Scored> + '_> {
        match self.0.form() {
            Form::Packed(pack) => Box::new(packed::iter(pack).map(ScoredRef::to_scored)),
            Form::Block(ranked) => Box::new(ranked.members()),
            Form::Tree(tree) => Box::new(tree.members().cloned()),
        }
    }

    /// The set of members that are each there once.
    fn from_distinct(mut members: Vec<Member>) -> Self {
        members.sort_by(Member::order);
        Self::from_members(members.into_iter().collect())
    }

    /// The set of members in the order of their hash, each there once.
    fn from_members(by_member: Tree<Member>) -> Self {
        if by_member.len() <= BLOCK_GROUPS {
            let mut scored: Vec<Scored> = by_member.iter().map(|it| it.scored.clone()).collect();
            scored.sort_unstable_by(Scored::order);
            if scored.len() <= PACK_GROUPS
                && let Some(pack) = packed::of(scored.iter().map(Scored::view))
            {
                return Self(Forms::Packed(pack));
            }
            if let Some(ranked) = Ranked::of(scored.iter().map(Scored::view)) {
                return Self(Forms::block(ranked));
            }
        }
        Self(Forms::tree(TreeZset::from_members(by_member)))
    }
}

impl FromIterator<Scored> for Zset {
    /// Builds a sorted set by sorting, which is several times as fast as adding members one by one.
    /// Of equal members the last one stays.
    fn from_iter<I: IntoIterator<Item = Scored>>(scored: I) -> Self {
        let hashed = scored.into_iter().map(Member::new);
        let mut members: Vec<Member> = hashed.collect();
        members.sort_by(Member::order);
        members.dedup_by(|later, kept| {
            let is_same = later.order(kept).is_eq();
            if is_same {
                mem::swap(later, kept);
            }
            is_same
        });
        Self::from_members(members.into_iter().collect())
    }
}
