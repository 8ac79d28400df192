//! [`Zset`]: a sorted set value.

use std::cmp::Ordering;
use std::ops::Range;

use crate::Blob;
use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::member_hash;

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

#[derive(Debug, Clone)]
struct Member {
    hash: u64,
    scored: Scored,
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
    pub fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        debug_assert!(!score.is_nan(), "a sorted set has no NaN");
        let hash = member_hash(member);
        match self.by_member.entry(hash, by_member(hash, member)) {
            Entry::Occupied(mut found) => {
                let old = found.get().scored.score;
                if old.to_bits() == score.to_bits() {
                    return Some(old);
                }
                let place = &mut found.get_mut().scored;
                place.score = score;
                let scored = place.clone();
                self.by_score.remove_by(score_hint(old), by_score(old, member));
                self.insert_scored(scored);
                Some(old)
            }
            Entry::Vacant(vacant) => {
                let scored = Scored { score, member: Blob::from(member) };
                vacant.insert(Member { hash, scored: scored.clone() });
                self.insert_scored(scored);
                None
            }
        }
    }

    fn insert_scored(&mut self, scored: Scored) {
        let key = scored.clone();
        let fresh = self.by_score.insert_by(scored, by_score(key.score, &key.member));
        debug_assert!(fresh.is_ok(), "both orders hold the same members");
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
        let removed: Vec<Scored> = self.by_score.range(ranks.clone()).cloned().collect();
        self.by_score.remove_range(ranks);
        for scored in &removed {
            let hash = member_hash(&scored.member);
            self.by_member.remove_by(hash, by_member(hash, &scored.member));
        }
        removed
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

    /// `ZSCAN`: see [`scan_by_hash`](super::scan_by_hash).
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<&Scored>) {
        let (cursor, members) = super::scan_by_hash(&self.by_member, cursor, count);
        (cursor, members.into_iter().map(|member| &member.scored).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn score() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-3_i32..3).prop_map(f64::from),
            Just(-0.0),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            any::<f64>().prop_filter("no NaN", |score| !score.is_nan()),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_vec(
            ops in proptest::collection::vec((0_u8..40, proptest::option::of(score())), 0..200),
        ) {
            let mut zset = Zset::default();
            let mut naive: HashMap<Vec<u8>, f64> = HashMap::new();
            for (member, score) in ops {
                let member = vec![member];
                match score {
                    Some(score) => {
                        prop_assert_eq!(zset.insert(&member, score), naive.insert(member, score));
                    }
                    None => prop_assert_eq!(zset.remove(&member), naive.remove(&member)),
                }
            }
            let mut sorted: Vec<_> = naive.into_iter().collect();
            sorted.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
            prop_assert_eq!(zset.len(), sorted.len());
            for (rank, (member, score)) in sorted.iter().enumerate() {
                prop_assert_eq!(zset.rank(member), Some((rank, *score)));
                prop_assert_eq!(zset.nth(rank).map(|scored| scored.member.to_vec()), Some(member.clone()));
                let below = sorted.iter().filter(|other| other.1 < *score).count();
                let upto = sorted.iter().filter(|other| other.1 <= *score).count();
                prop_assert_eq!(zset.rank_of_score(*score, false), below);
                prop_assert_eq!(zset.rank_of_score(*score, true), upto);
            }
        }
    }
}
