//! [`Small`]: up to what size Redis keeps a hash, a set or a sorted set in a small form.
//!
//! Ours have forms of their own, so what Redis' would be is told by the value: by its size, and by
//! whether it was larger once, for Redis 7.0 does not go back when a value shrinks. Who takes something
//! out says so here, before the value forgets it. (Fields that expire by themselves are not told of: a
//! 7.0 has none.)

use std::ops::Range;

use redwire_rdb::Thresholds;
use redwire_resp::parse_i64;

use crate::context::Data;
use crate::{Blob, Hash, Scored, Set, Zset};

/// Copied from the thresholds, to be used while a value is borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Small {
    hash: Bound,
    zset: Bound,
    intset_entries: usize,
}

impl Data<'_> {
    pub(super) fn small(&self) -> Small {
        Small::of(self.thresholds())
    }
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    entries: usize,
    /// Of a name or a value.
    bytes: usize,
}

impl Small {
    pub(crate) fn of(thresholds: &Thresholds) -> Self {
        let bound = |entries, bytes| Bound { entries, bytes };
        Self {
            hash: bound(thresholds.hash_max_listpack_entries, thresholds.hash_max_listpack_value),
            zset: bound(thresholds.zset_max_listpack_entries, thresholds.zset_max_listpack_value),
            intset_entries: thresholds.set_max_intset_entries,
        }
    }

    pub(super) fn is_intset(self, set: &Set) -> bool {
        !set.is_outgrown() && self.fits_intset(set)
    }

    /// Whether a set would be an intset that was made as it is now.
    pub(super) fn fits_intset(self, set: &Set) -> bool {
        set.len() <= self.intset_entries && set.is_integers()
    }

    pub(super) fn is_small_hash(self, hash: &Hash) -> bool {
        let Bound { entries, bytes } = self.hash;
        !hash.is_outgrown()
            && hash.len() <= entries
            && hash.iter().all(|field| field.name.len().max(field.value.len()) <= bytes)
    }

    pub(super) fn is_small_zset(self, zset: &Zset) -> bool {
        let Bound { entries, bytes } = self.zset;
        !zset.is_outgrown()
            && zset.len() <= entries
            && zset.iter().all(|scored| scored.member.len() <= bytes)
    }

    /// Whether a sorted set of so many members is not small, whatever they are.
    pub(super) fn is_large_zset(self, len: usize) -> bool {
        len > self.zset.entries
    }

    /// Takes a field out of a hash; answers its value.
    pub(super) fn remove_field(self, hash: &mut Hash, name: &[u8]) -> Option<Blob> {
        let len = hash.len();
        let value = hash.remove(name)?;
        self.note_field(hash, len, name.len().max(value.len()));
        Some(value)
    }

    /// Sets a field of a hash, which expires no more unless it is to `keep` that; answers whether it is
    /// new.
    pub(super) fn set_field(self, hash: &mut Hash, name: &[u8], value: &[u8], keep: bool) -> bool {
        let old = if keep { hash.replace_over(name, value) } else { hash.set_over(name, value) };
        if let Some(old) = old.filter(|old| *old > self.hash.bytes) {
            self.note_field(hash, 0, old);
        }
        old.is_none()
    }

    /// Says that a hash that had `len` fields had one whose name or value had so many bytes.
    pub(super) fn note_field(self, hash: &mut Hash, len: usize, bytes: usize) {
        if len > self.hash.entries || bytes > self.hash.bytes {
            hash.set_outgrown();
        }
    }

    /// Takes a member out of a set; answers whether it was there.
    pub(super) fn remove_member(self, set: &mut Set, member: &[u8]) -> bool {
        let len = set.len();
        let was_there = set.remove(member);
        if was_there {
            self.note_member(set, len, member);
        }
        was_there
    }

    /// Says that a set that had `len` members had this one.
    pub(super) fn note_member(self, set: &mut Set, len: usize, member: &[u8]) {
        if !set.is_outgrown() && (len > self.intset_entries || parse_i64(member).is_none()) {
            set.set_outgrown(true);
        }
    }

    /// Takes the members of a range of ranks out of a sorted set, and answers them.
    pub(super) fn remove_scored(self, zset: &mut Zset, ranks: Range<usize>) -> Vec<Scored> {
        let len = zset.len();
        let removed = zset.remove_range(ranks);
        if let Some(longest) = removed.iter().map(|scored| scored.member.len()).max() {
            self.note_scored(zset, len, longest);
        }
        removed
    }

    /// Says that a sorted set that had `len` members had one of so many bytes.
    pub(super) fn note_scored(self, zset: &mut Zset, len: usize, bytes: usize) {
        if len > self.zset.entries || bytes > self.zset.bytes {
            zset.set_outgrown();
        }
    }

    /// Makes each score of -0 of a sorted set 0 if it is small: Redis writes it so as it makes a small
    /// form of a set.
    pub(crate) fn drop_signs_of_zero(self, zset: &mut Zset) {
        if !zset.iter().any(|scored| is_negative_zero(scored.score)) || !self.is_small_zset(zset) {
            return;
        }
        let negative = zset.clone();
        for scored in negative.iter().filter(|scored| is_negative_zero(scored.score)) {
            zset.drop_sign_of_zero(scored.member);
        }
    }
}

pub(super) fn is_negative_zero(score: f64) -> bool {
    score == 0.0 && score.is_sign_negative()
}
