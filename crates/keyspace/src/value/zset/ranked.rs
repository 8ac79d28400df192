//! [`Ranked`]: a sorted set in a [`Block`], the form between a pack and trees.

use std::ops::Range;

use super::{Scored, ScoredRef, Update};
use crate::Blob;
use crate::value::block::{BLOCK_GROUPS, Block, Place, Shape, position};
use crate::value::member_hash;

/// Members in the order in which they came, each with its score, and the numbers of the groups in the
/// order of the set.
///
/// So another score moves some bytes of one column, and no member.
#[derive(Debug, Clone)]
pub(super) struct Ranked(Block<Members>);

#[derive(Debug)]
struct Members;

impl Shape for Members {
    const ITEMS: usize = 1;
    const OWN: &'static [usize] = &[SCORE, 1];
}

/// Up to so many members, taking out one after the other beats building the set anew.
const FEW: usize = 4;

/// Bytes of a score, lowest first.
const SCORE: usize = 8;

/// The owner's columns.
const SCORES: usize = 0;
const ORDER: usize = 1;

impl Ranked {
    /// The set of members that come in order, each once, unless they are too many or too long.
    pub(super) fn of<'a>(members: impl Iterator<Item = ScoredRef<'a>> + Clone) -> Option<Self> {
        let hashes = members.clone().map(|it| member_hash(it.member));
        Self::of_hashed(members.clone(), hashes)
    }

    /// [`of`](Self::of) members whose hashes are known.
    pub(super) fn of_hashed<'a>(
        members: impl Iterator<Item = ScoredRef<'a>> + Clone,
        hashes: impl Iterator<Item = u64>,
    ) -> Option<Self> {
        let names = members.clone().map(|it| it.member);
        let mut block: Block<Members> = Block::of_hashed(names, hashes)?;
        let scores = block.column_mut(SCORES).as_chunks_mut::<SCORE>().0;
        scores.iter_mut().zip(members).for_each(|(score, it)| *score = it.score.to_le_bytes());
        // Below BLOCK_GROUPS.
        block.column_mut(ORDER).iter_mut().zip(0..).for_each(|(group, number)| *group = number);
        Some(Self(block))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// See [`Block::touch`].
    pub(super) fn touch(&self) -> Option<u8> {
        self.0.touch()
    }

    #[inline]
    fn scores(&self) -> &[[u8; SCORE]] {
        self.0.column(SCORES).as_chunks().0
    }

    #[inline]
    fn score_at(&self, group: usize) -> f64 {
        f64::from_le_bytes(self.scores()[group])
    }

    fn order(&self) -> &[u8] {
        self.0.column(ORDER)
    }

    fn member(&self, group: usize) -> &[u8] {
        self.0.item(self.0.place(group), 0)
    }

    fn view(&self, group: usize) -> ScoredRef<'_> {
        ScoredRef { score: self.score_at(group), member: self.member(group) }
    }

    /// The score of `member`.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.0.find(member).map(|place| self.score_at(place.group))
    }

    /// Sets the score of `member` as [`Zset::update`](super::Zset::update) does; `None` where there is
    /// no room for it, with the score that it is to have.
    pub(super) fn update(
        &mut self,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Result<Update, f64> {
        let Some(place) = self.0.find(member) else {
            let Some(score) = decide(None) else { return Ok(Update::Declined) };
            debug_assert!(!score.is_nan(), "a sorted set has no NaN");
            return if self.add(member, score) { Ok(Update::Added) } else { Err(score) };
        };
        let old = self.score_at(place.group);
        let Some(score) = decide(Some(old)) else { return Ok(Update::Declined) };
        debug_assert!(!score.is_nan(), "a sorted set has no NaN");
        if old == score {
            return Ok(Update::Same);
        }
        self.move_to(place, score);
        Ok(Update::Moved)
    }

    /// Adds a member that is not there; answers whether there is room for it.
    fn add(&mut self, member: &[u8], score: f64) -> bool {
        let rank = self.rank_for(member, score, None);
        let group = self.len();
        if !self.0.push(&[member]) {
            return false;
        }
        self.set_score(group, score);
        let order = self.0.column_mut(ORDER);
        order.copy_within(rank..group, rank + 1);
        order[rank] = group as u8;
        true
    }

    /// Gives a member that is there another score.
    fn move_to(&mut self, place: Place, score: f64) {
        let group = place.group;
        let new = self.rank_for(self.0.item(place, 0), score, Some(group));
        let old = self.rank_of_group(group);
        self.set_score(group, score);
        let order = self.0.column_mut(ORDER);
        if old < new {
            order.copy_within(old + 1..=new, old);
        } else {
            order.copy_within(new..old, new + 1);
        }
        order[new] = group as u8;
    }

    fn set_score(&mut self, group: usize, score: f64) {
        self.0.column_mut(SCORES)[group * SCORE..][..SCORE].copy_from_slice(&score.to_le_bytes());
    }

    /// How many members stand before one of this score, but for group `own`, which has another score.
    ///
    /// Counting beats halving: loads that do not wait for each other, and no branch to guess.
    fn rank_for(&self, member: &[u8], score: f64, own: Option<usize>) -> usize {
        let (mut below, mut equal) = (0_u32, 0_u32);
        for other in self.scores() {
            let other = f64::from_le_bytes(*other);
            below += u32::from(other < score);
            equal += u32::from(other == score);
        }
        let (below, equal) = (below as usize, equal as usize);
        let own = own.is_some_and(|own| self.score_at(own) < score);
        let ties = self.order()[below..below + equal].iter();
        let before = ties.take_while(|group| self.member(usize::from(**group)) < member).count();
        below - usize::from(own) + before
    }

    /// The place of a group in the order of the set.
    fn rank_of_group(&self, group: usize) -> usize {
        let order = self.order();
        let (steps, rest) = order.split_at(order.len() / 8 * 8);
        let group = group as u8;
        let found = position(steps, group, |_| true);
        let last = || rest.iter().position(|it| *it == group).map(|at| steps.len() + at);
        found.or_else(last).expect("invariant: each group is in the order once")
    }

    /// Makes the score of `member` 0 if it is -0; both stand at the same place in the order.
    pub(super) fn drop_sign_of_zero(&mut self, member: &[u8]) {
        if let Some(place) = self.0.find(member)
            && self.score_at(place.group) == 0.0
        {
            self.set_score(place.group, 0.0);
        }
    }

    /// Takes `member` out, and answers its score.
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let group = self.0.find(member)?.group;
        let score = self.score_at(group);
        self.remove_group(group);
        Some(score)
    }

    fn remove_group(&mut self, group: usize) {
        let mut left = [0; BLOCK_GROUPS];
        let others = self.order().iter().filter(|it| usize::from(**it) != group);
        for (place, other) in left.iter_mut().zip(others) {
            // Groups behind it move up.
            *place = *other - u8::from(usize::from(*other) > group);
        }
        self.0.remove(group);
        let order = self.0.column_mut(ORDER);
        order.copy_from_slice(&left[..order.len()]);
    }

    /// The rank of `member` from the lowest score, and its score.
    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let group = self.0.find(member)?.group;
        Some((self.rank_of_group(group), self.score_at(group)))
    }

    /// The member of rank `rank` from the lowest score.
    pub(super) fn nth(&self, rank: usize) -> Option<ScoredRef<'_>> {
        self.order().get(rank).map(|group| self.view(usize::from(*group)))
    }

    /// The members of a range of ranks, lowest score first.
    pub(super) fn range(&self, ranks: Range<usize>) -> Vec<ScoredRef<'_>> {
        let len = self.len();
        let order = &self.order()[ranks.start.min(len)..ranks.end.min(len)];
        // The start of each is the sum of all lengths before it, so a few are better off one by one.
        if order.len() <= len / 8 {
            return order.iter().map(|group| self.view(usize::from(*group))).collect();
        }
        let mut members: [&[u8]; BLOCK_GROUPS] = [&[]; BLOCK_GROUPS];
        members.iter_mut().zip(self.0.iter()).for_each(|(place, member)| *place = member);
        let view = |group: &u8| {
            let group = usize::from(*group);
            ScoredRef { score: self.score_at(group), member: members[group] }
        };
        order.iter().map(view).collect()
    }

    /// All members, lowest score first.
    pub(super) fn all(&self) -> Vec<ScoredRef<'_>> {
        self.range(0..self.len())
    }

    /// Takes the members of a range of ranks out, and answers them, lowest score first.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>) -> Vec<Scored> {
        let removed: Vec<Scored> =
            self.range(ranks.clone()).into_iter().map(ScoredRef::to_scored).collect();
        if removed.len() <= FEW {
            for _ in 0..removed.len() {
                self.remove_group(usize::from(self.order()[ranks.start]));
            }
            return removed;
        }
        let all = self.all();
        let kept = all[..ranks.start].iter().chain(&all[ranks.start + removed.len()..]);
        let kept = Self::of(kept.copied());
        debug_assert!(kept.is_some(), "less always fits");
        kept.into_iter().for_each(|kept| *self = kept);
        removed
    }

    /// How many members have a score below `score`, or not above it when `inclusive`.
    pub(super) fn rank_of_score(&self, score: f64, inclusive: bool) -> usize {
        let scores = self.scores().iter().map(|other| f64::from_le_bytes(*other));
        scores.filter(|other| *other < score || (inclusive && *other == score)).count()
    }

    /// Copies of the members, in the order in which they came.
    pub(super) fn members(&self) -> impl Iterator<Item = Scored> {
        let scores = self.scores().iter().map(|score| f64::from_le_bytes(*score));
        let scored = |(member, score)| Scored { score, member: Blob::from(member) };
        self.0.iter().zip(scores).map(scored)
    }
}
