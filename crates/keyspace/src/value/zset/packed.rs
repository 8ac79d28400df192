//! A sorted set in a [`Pack`]: members and scores in turn, by score and then by bytes.

use std::ops::Range;

use super::{Scored, ScoredRef, score_hint};
use crate::value::pack::{Items, Pack};

/// A score as bytes: its bits, highest first, without the zeros at their end. Whole numbers take few.
struct ScoreBytes {
    bytes: [u8; 8],
    len: usize,
}

impl ScoreBytes {
    fn of(score: f64) -> Self {
        let bits = score.to_bits();
        Self { bytes: bits.to_be_bytes(), len: 8 - bits.trailing_zeros() as usize / 8 }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn score_of(bytes: &[u8]) -> f64 {
    let mut all = [0; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    f64::from_be_bytes(all)
}

/// A member in its place.
pub(super) struct Found {
    /// Where it stands with its score.
    pub(super) span: Range<usize>,
    pub(super) score: f64,
}

pub(super) fn find(pack: &Pack, member: &[u8]) -> Option<Found> {
    let (span, [_, score]) = pack.find(member)?;
    Some(Found { span, score: score_of(score) })
}

/// Puts in a member that is not there; answers whether there is room for it.
#[must_use]
pub(super) fn insert(pack: &mut Pack, member: &[u8], score: f64) -> bool {
    let hint = score_hint(score);
    let mut members = iter(pack);
    let place = loop {
        let place = members.0.place();
        match members.next() {
            Some(it) if (score_hint(it.score), it.member) < (hint, member) => {}
            _ => break place,
        }
    };
    pack.replace(place..place, 0, &[member, ScoreBytes::of(score).as_slice()])
}

pub(super) fn remove_range(pack: &mut Pack, ranks: Range<usize>) -> Vec<Scored> {
    let len = pack.len() / 2;
    let (start, end) = (ranks.start.min(len), ranks.end.min(len));
    if start >= end {
        return Vec::new();
    }
    let removed = iter(pack).skip(start).take(end - start).map(ScoredRef::to_scored).collect();
    let span = pack.span(start * 2..end * 2);
    pack.remove(span, (end - start) * 2);
    removed
}

/// The pack of members that are each there once, in order, unless they are too many or too long.
pub(super) fn of<'a>(members: impl Iterator<Item = ScoredRef<'a>> + Clone) -> Option<Pack> {
    let scores: Vec<ScoreBytes> = members.clone().map(|it| ScoreBytes::of(it.score)).collect();
    Pack::of(members.zip(&scores).flat_map(|(it, score)| [it.member, score.as_slice()]))
}

/// The members of a pack in order.
#[derive(Clone)]
pub(super) struct PackedMembers<'a>(Items<'a>);

pub(super) fn iter(pack: &Pack) -> PackedMembers<'_> {
    PackedMembers(pack.iter())
}

impl<'a> Iterator for PackedMembers<'a> {
    type Item = ScoredRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ScoredRef<'a>> {
        Some(ScoredRef { member: self.0.next()?, score: score_of(self.0.next()?) })
    }
}
