//! [`ZsetBuilder`]: a sorted set from members that come one by one.

use std::mem;

use super::ranked::Ranked;
use super::tree::{Member, TreeZset};
use super::{Scored, ScoredRef, Zset, packed, score_hint};
use crate::Blob;
use crate::value::block::PACK_GROUPS;
use crate::value::forms::Forms;
use crate::value::gather::{Gathered, clear, in_order};

/// A sorted set whose members come one by one, all before any is looked for. Its memory serves for one set
/// after the other.
#[derive(Debug, Default)]
pub(crate) struct ZsetBuilder {
    /// All of them, as long as there is room.
    small: Gathered,
    /// The scores of those.
    scores: Vec<f64>,
    /// All of them from then on.
    large: Vec<Member>,
}

impl ZsetBuilder {
    /// Takes a member in, whose score must not be NaN.
    #[inline]
    pub(crate) fn push(&mut self, member: &[u8], score: f64) {
        debug_assert!(!score.is_nan(), "a sorted set has no NaN");
        if self.large.is_empty() {
            if self.small.push(&[member]) {
                self.scores.push(score);
                return;
            }
            self.outgrow();
        }
        self.large.push(Member::new(Scored { score, member: Blob::from(member) }));
    }

    #[cold]
    fn outgrow(&mut self) {
        let scored = self.small.items().zip(&self.scores);
        let scored = scored.map(|(member, score)| Scored { score: *score, member: member.into() });
        self.large.extend(scored.map(Member::new));
        self.small.clear();
        self.scores.clear();
    }

    /// The set, and an empty builder; `None` if a member came twice.
    pub(crate) fn finish(&mut self) -> Option<Zset> {
        let zset = self.build();
        self.small.clear();
        self.scores.clear();
        clear(&mut self.large);
        zset
    }

    fn build(&mut self) -> Option<Zset> {
        if self.large.is_empty() {
            if !self.small.are_distinct(1) {
                return None;
            }
            if let Some(zset) = self.small_zset() {
                return Some(zset);
            }
            self.outgrow();
        }
        let large = &mut self.large;
        let name = |at: usize| large[at].scored.member.as_slice();
        let by_score = in_order(large.iter().map(|it| score_hint(it.scored.score)), name)?;
        let by_member = in_order(large.iter().map(|it| it.hash), name)?;
        let by_score = by_score.map(|at| large[at].scored.clone()).collect();
        let by_member = by_member.map(|at| mem::take(&mut large[at])).collect();
        Some(Zset(Forms::tree(TreeZset::of(by_score, by_member))))
    }

    /// The set, unless its members are too long for one piece of bytes.
    fn small_zset(&self) -> Option<Zset> {
        let hints = self.scores.iter().map(|score| score_hint(*score));
        let order: Vec<usize> = in_order(hints, |at| self.small.item(at))?.collect();
        let member =
            |at: &usize| ScoredRef { score: self.scores[*at], member: self.small.item(*at) };
        let members = order.iter().map(member);
        if order.len() <= PACK_GROUPS
            && let Some(pack) = packed::of(members.clone())
        {
            return Some(Zset(Forms::Packed(pack)));
        }
        let hashes = order.iter().map(|at| self.small.hashes()[*at]);
        Some(Zset(Forms::block(Ranked::of_hashed(members, hashes)?)))
    }
}
