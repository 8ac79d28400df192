//! What becomes of a score of -0.
//!
//! Redis keeps a small sorted set as text, in which -0 is written as 0, and a large one as doubles,
//! which stay what they are. `ZSCORE` and `DEBUG DIGEST` show the difference, so the same is done
//! here.

use crate::commands::small::{Small, is_negative_zero};
use crate::context::Data;
use crate::{Scored, Zset};

/// Up to which size Redis keeps a sorted set as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compact(Small);

impl Compact {
    pub(super) fn of(data: &Data<'_>) -> Self {
        Self(data.small())
    }

    /// Makes the score of `member` 0 if it is -0 and the set is small. Call it with each score set.
    pub(super) fn settle(self, zset: &mut Zset, member: &[u8], score: f64) {
        if is_negative_zero(score) && self.0.is_small_zset(zset) {
            zset.drop_sign_of_zero(member);
        }
    }

    /// The set that Redis comes to which is made with room for `known` members, if that is known, and
    /// then gets these one after the other: what comes in while it is small loses its sign.
    pub(super) fn collect(self, scored: Vec<Scored>, known: Option<usize>) -> Zset {
        let any = scored.iter().any(|scored| is_negative_zero(scored.score));
        if !any || known.is_some_and(|known| self.0.is_large_zset(known)) {
            return scored.into_iter().collect();
        }
        let mut zset = Zset::default();
        for Scored { member, score } in scored {
            zset.insert(&member, score);
            self.settle(&mut zset, &member, score);
        }
        zset
    }
}
