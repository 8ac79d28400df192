//! What becomes of a score of -0.
//!
//! Redis keeps a small sorted set as text, in which -0 is written as 0, and a large one as doubles,
//! which stay what they are. `ZSCORE` and `DEBUG DIGEST` show the difference, so the same is done
//! here. (Redis goes on keeping a set as doubles when it has become small again; that is not known
//! here.)

use redwire_rdb::Thresholds;

use crate::Zset;
use crate::context::Data;

/// Up to which size Redis keeps a sorted set as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compact {
    entries: usize,
    member_len: usize,
}

impl Compact {
    pub(super) fn of(data: &Data<'_>) -> Self {
        let Thresholds { zset_max_listpack_entries, zset_max_listpack_value, .. } =
            data.keyspace.settings.thresholds;
        Self { entries: zset_max_listpack_entries, member_len: zset_max_listpack_value }
    }

    /// Makes the score of `member` 0 if it is -0 and the set is small. Call it with each score set.
    pub(super) fn settle(self, zset: &mut Zset, member: &[u8], score: f64) {
        if is_negative_zero(score) && self.holds(zset) {
            zset.drop_sign_of_zero(member);
        }
    }

    /// Does so for every member of a result.
    pub(super) fn settle_all(self, zset: &mut Zset) {
        if !self.holds(zset) {
            return;
        }
        let negative = zset.clone();
        for scored in negative.iter().filter(|scored| is_negative_zero(scored.score)) {
            zset.drop_sign_of_zero(scored.member);
        }
    }

    fn holds(self, zset: &Zset) -> bool {
        zset.len() <= self.entries
            && zset.iter().all(|scored| scored.member.len() <= self.member_len)
    }
}

fn is_negative_zero(score: f64) -> bool {
    score == 0.0 && score.is_sign_negative()
}
