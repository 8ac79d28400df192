//! [`TreeZset`]: the form of a sorted set that is large.

use std::cmp::Ordering;
use std::ops::Range;

use super::{Scored, Update, score_hint};
use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::{member_hash, scan_by_hash};
use crate::{Blob, memory};

/// Members by score, then by bytes; and by hash, to find a member's score.
#[derive(Debug, Clone, Default)]
pub(super) struct TreeZset {
    by_score: Tree<Scored>,
    by_member: Tree<Member>,
}

/// A member with its hash.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) hash: u64,
    pub(super) scored: Scored,
}

impl Member {
    pub(super) fn new(scored: Scored) -> Self {
        debug_assert!(!scored.score.is_nan(), "a sorted set has no NaN");
        Self { hash: member_hash(&scored.member), scored }
    }

    pub(super) fn order(&self, other: &Self) -> Ordering {
        let hashes = self.hash.cmp(&other.hash);
        hashes.then_with(|| self.scored.member.cmp(&other.scored.member))
    }
}

impl Element for Scored {
    type Hint = u64;
    type Weight = ();

    fn hint(&self) -> u64 {
        score_hint(self.score)
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
pub(super) fn by_member<'k>(hash: u64, name: &'k [u8]) -> impl FnMut(&Member) -> Ordering + 'k {
    move |member| member.hash.cmp(&hash).then_with(|| member.scored.member.as_slice().cmp(name))
}

fn by_score<'k>(score: f64, name: &'k [u8]) -> impl FnMut(&Scored) -> Ordering + 'k {
    move |scored| {
        let scores = score_hint(scored.score).cmp(&score_hint(score));
        scores.then_with(|| scored.member.as_slice().cmp(name))
    }
}

impl TreeZset {
    /// See [`Tree::touch`].
    pub(super) fn touch(&self) -> Option<u8> {
        self.by_member.touch()
    }

    /// Both trees share a member's bytes.
    pub(super) fn memory(&self, samples: usize) -> usize {
        let heap = |scored: &Scored| memory::heap(scored.member.heap_bytes());
        memory::tree(&self.by_score, samples, heap) + self.by_member.approx_bytes()
    }

    /// How many members (`ZCARD`).
    pub(super) fn len(&self) -> usize {
        self.by_score.len()
    }

    /// The members in the order of their hash.
    pub(super) fn members(&self) -> impl Iterator<Item = &Scored> {
        self.by_member.iter().map(|member| &member.scored)
    }

    /// The score of `member`.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        let hash = member_hash(member);
        self.by_member.find_by(hash, by_member(hash, member)).map(|member| member.scored.score)
    }

    /// Sets the score of `member` to what `decide` makes of the one it has, which must not be NaN;
    /// leaves it alone if that is `None`.
    pub(super) fn update(
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
    pub(super) fn drop_sign_of_zero(&mut self, member: &[u8]) {
        let hash = member_hash(member);
        if let Some(found) = self.by_member.get_mut_by(hash, by_member(hash, member))
            && found.scored.score == 0.0
        {
            found.scored.score = 0.0;
            let scored = self.by_score.get_mut_by(score_hint(0.0), by_score(0.0, member));
            scored.into_iter().for_each(|scored| scored.score = 0.0);
        }
    }

    /// The set of the same members in both orders.
    pub(super) fn of(by_score: Tree<Scored>, by_member: Tree<Member>) -> Self {
        Self { by_score, by_member }
    }

    pub(super) fn from_members(by_member: Tree<Member>) -> Self {
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
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = member_hash(member);
        let score = self.by_member.remove_by(hash, by_member(hash, member))?.scored.score;
        self.by_score.remove_by(score_hint(score), by_score(score, member));
        Some(score)
    }

    /// The rank of `member` from the lowest score (`ZRANK`), and its score.
    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        let rank = self.by_score.search_by(score_hint(score), by_score(score, member)).ok()?;
        Some((rank, score))
    }

    /// The member of rank `rank` from the lowest score.
    pub(super) fn nth(&self, rank: usize) -> Option<&Scored> {
        self.by_score.get(rank)
    }

    /// The members of a range of ranks, lowest score first; reverse it for `REV`.
    pub(super) fn range(&self, ranks: Range<usize>) -> Iter<'_, Scored> {
        self.by_score.range(ranks)
    }

    /// Takes the members of a range of ranks out, and answers them, lowest score first.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>) -> Vec<Scored> {
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
    pub(super) fn rank_of_score(&self, score: f64, inclusive: bool) -> usize {
        let found = self.by_score.search_by(score_hint(score), |scored| {
            let before = scored.score < score || (inclusive && scored.score == score);
            if before { Ordering::Less } else { Ordering::Greater }
        });
        found.unwrap_or_else(|rank| rank)
    }

    /// How many members stand before `member` by bytes, or are it when `inclusive`; for sets
    /// whose scores are all the same, as ranges by lex assume.
    pub(super) fn rank_of_member(&self, member: &[u8], inclusive: bool) -> usize {
        let Some(first) = self.by_score.first() else { return 0 };
        let found = self.by_score.search_by(first.hint(), |scored| {
            let order = scored.member.as_slice().cmp(member);
            let before = order.is_lt() || (inclusive && order.is_eq());
            if before { Ordering::Less } else { Ordering::Greater }
        });
        found.unwrap_or_else(|rank| rank)
    }

    pub(super) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<&Scored>) {
        let (cursor, members) = scan_by_hash(&self.by_member, cursor, count);
        (cursor, members.into_iter().map(|member| &member.scored).collect())
    }
}
