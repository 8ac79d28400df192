//! [`Zset`]: a sorted set value.

pub(crate) mod combine;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::mem;
use std::ops::Range;

use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::member_hash;
use crate::{Blob, memory};

/// A sorted set: members by score, then by bytes; and by hash, to find a member's score.
#[derive(Debug, Clone, Default)]
pub struct Zset {
    by_score: Tree<Scored>,
    by_member: Tree<Member>,
}

/// A member with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The score; never NaN.
    pub score: f64,
    /// The member.
    pub member: Blob,
}

impl Scored {
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

#[derive(Debug, Clone)]
struct Member {
    hash: u64,
    scored: Scored,
}

impl Member {
    fn new(scored: Scored) -> Self {
        debug_assert!(!scored.score.is_nan(), "a sorted set has no NaN");
        Self { hash: member_hash(&scored.member), scored }
    }

    fn order(&self, other: &Self) -> Ordering {
        let hashes = self.hash.cmp(&other.hash);
        hashes.then_with(|| self.scored.member.cmp(&other.scored.member))
    }
}

impl Element for Scored {
    type Hint = u64;

    fn hint(&self) -> u64 {
        score_hint(self.score)
    }
}

impl Element for Member {
    type Hint = u64;

    fn hint(&self) -> u64 {
        self.hash
    }
}

/// A number that orders as scores do: both zeros are one, and there is no NaN.
fn score_hint(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn by_member<'k>(hash: u64, name: &'k [u8]) -> impl FnMut(&Member) -> Ordering + 'k {
    move |member| member.hash.cmp(&hash).then_with(|| member.scored.member.as_slice().cmp(name))
}

fn by_score<'k>(score: f64, name: &'k [u8]) -> impl FnMut(&Scored) -> Ordering + 'k {
    move |scored| {
        let scores = score_hint(scored.score).cmp(&score_hint(score));
        scores.then_with(|| scored.member.as_slice().cmp(name))
    }
}

impl Zset {
    /// See [`Value::memory`](crate::Value::memory). Both trees share a member's bytes.
    pub(crate) fn memory(&self, samples: usize) -> usize {
        let heap = |scored: &Scored| memory::heap(scored.member.heap_bytes());
        memory::tree(&self.by_score, samples, heap) + self.by_member.approx_bytes()
    }

    /// How many members (`ZCARD`).
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_score.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_score.is_empty()
    }

    /// The score of `member`.
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        let hash = member_hash(member);
        self.by_member.find_by(hash, by_member(hash, member)).map(|member| member.scored.score)
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
        let hash = member_hash(member);
        match self.by_member.entry(hash, by_member(hash, member)) {
            Entry::Occupied(mut found) => {
                let old = found.get().scored.score;
                let Some(score) = decide(Some(old)) else { return Update::Declined };
                debug_assert!(!score.is_nan(), "a sorted set has no NaN");
                if score == old {
                    return Update::Same;
                }
                found.get_mut().scored.score = score;
                let removed = self.by_score.remove_by(score_hint(old), by_score(old, member));
                debug_assert!(removed.is_some(), "both orders hold the same members");
                let Some(Scored { member, .. }) = removed else { return Update::Moved };
                self.insert_scored(Scored { score, member });
                Update::Moved
            }
            Entry::Vacant(vacant) => {
                let Some(score) = decide(None) else { return Update::Declined };
                debug_assert!(!score.is_nan(), "a sorted set has no NaN");
                let scored = Scored { score, member: Blob::from(member) };
                vacant.insert(Member { hash, scored: scored.clone() });
                self.insert_scored(scored);
                Update::Added
            }
        }
    }

    /// Makes the score of `member` 0 if it is -0; both stand at the same place in the order.
    pub(crate) fn drop_sign_of_zero(&mut self, member: &[u8]) {
        let hash = member_hash(member);
        if let Some(found) = self.by_member.get_mut_by(hash, by_member(hash, member))
            && found.scored.score == 0.0
        {
            found.scored.score = 0.0;
            let scored = self.by_score.get_mut_by(score_hint(0.0), by_score(0.0, member));
            scored.into_iter().for_each(|scored| scored.score = 0.0);
        }
    }

    fn from_members(by_member: Tree<Member>) -> Self {
        let mut scored: Vec<Scored> = by_member.iter().map(|it| it.scored.clone()).collect();
        scored.sort_unstable_by(Scored::order);
        Self { by_score: scored.into_iter().collect(), by_member }
    }

    fn insert_scored(&mut self, scored: Scored) {
        let Scored { score, member } = &scored;
        let entry = self.by_score.entry(score_hint(*score), by_score(*score, member));
        debug_assert!(matches!(entry, Entry::Vacant(_)), "both orders hold the same members");
        if let Entry::Vacant(vacant) = entry {
            vacant.insert(scored);
        }
    }

    /// Takes `member` out, and answers its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = member_hash(member);
        let score = self.by_member.remove_by(hash, by_member(hash, member))?.scored.score;
        self.by_score.remove_by(score_hint(score), by_score(score, member));
        Some(score)
    }

    /// The rank of `member` from the lowest score (`ZRANK`), and its score.
    #[must_use]
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        let rank = self.by_score.search_by(score_hint(score), by_score(score, member)).ok()?;
        Some((rank, score))
    }

    /// The member of rank `rank` from the lowest score.
    #[must_use]
    pub fn nth(&self, rank: usize) -> Option<&Scored> {
        self.by_score.get(rank)
    }

    /// The members of a range of ranks, lowest score first; reverse it for `REV`.
    pub fn range(&self, ranks: Range<usize>) -> Iter<'_, Scored> {
        self.by_score.range(ranks)
    }

    /// All members, lowest score first.
    pub fn iter(&self) -> Iter<'_, Scored> {
        self.by_score.iter()
    }

    /// Takes the members of a range of ranks out, and answers them, lowest score first.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> Vec<Scored> {
        let ranks = ranks.start.min(self.len())..ranks.end.min(self.len());
        if ranks.len() == 1 {
            let removed = self.by_score.remove(ranks.start);
            removed.iter().for_each(|scored| self.forget(&scored.member));
            return removed.into_iter().collect();
        }
        let removed: Vec<Scored> = self.by_score.range(ranks.clone()).cloned().collect();
        self.by_score.remove_range(ranks);
        let (Some(first), Some(last)) = (removed.first(), removed.last()) else { return removed };
        if removed.len() < self.by_member.len() / 4 {
            removed.iter().for_each(|scored| self.forget(&scored.member));
        } else {
            // One pass over all beats a search for each.
            let stays = |scored: &Scored| scored.order(first).is_lt() || scored.order(last).is_gt();
            let kept = self.by_member.iter().filter(|member| stays(&member.scored));
            self.by_member = kept.cloned().collect();
        }
        removed
    }

    /// Takes `member` out of the one order, being out of the other already.
    fn forget(&mut self, member: &[u8]) {
        let hash = member_hash(member);
        self.by_member.remove_by(hash, by_member(hash, member));
    }

    /// How many members have a score below `score`, or not above it when `inclusive`: the rank at
    /// which a range by score begins or ends.
    #[must_use]
    pub fn rank_of_score(&self, score: f64, inclusive: bool) -> usize {
        let found = self.by_score.search_by(score_hint(score), |scored| {
            let before = scored.score < score || (inclusive && scored.score == score);
            if before { Ordering::Less } else { Ordering::Greater }
        });
        found.unwrap_or_else(|rank| rank)
    }

    /// How many members stand before `member` by bytes, or are it when `inclusive`; for sets
    /// whose scores are all the same, as ranges by lex assume.
    #[must_use]
    pub fn rank_of_member(&self, member: &[u8], inclusive: bool) -> usize {
        let Some(first) = self.by_score.first() else { return 0 };
        let found = self.by_score.search_by(first.hint(), |scored| {
            let order = scored.member.as_slice().cmp(member);
            let before = order.is_lt() || (inclusive && order.is_eq());
            if before { Ordering::Less } else { Ordering::Greater }
        });
        found.unwrap_or_else(|rank| rank)
    }

    /// `ZSCAN`: at least `count` members from `cursor` on, if as many are left, and the cursor to go on
    /// from, 0 at the end. What is there from the first call to the last is met at least once.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<&Scored>) {
        let (cursor, members) = super::scan_by_hash(&self.by_member, cursor, count);
        (cursor, members.into_iter().map(|member| &member.scored).collect())
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
