//! Unions, intersections and differences of sets and sorted sets, with weights.
//!
//! Large sets and sorted sets keep their members in the order of one hash. So a walk over one looks
//! members up in another in ascending order too, which is kind to caches, and a union is a merge.

use super::tree::{Member, by_member};
use super::{Scored, Zset};
use crate::tree::{Entry, Tree};
use crate::value::member_hash;
use crate::{Blob, Set};

/// One operand. A clone of a value costs no more than a reference count.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Every member counts as having score 1.
    Set(Set),
    Zset(Zset),
}

/// An operand with its weight.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) source: Source,
    pub(crate) weight: f64,
}

/// How the scores of a member that several operands have become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => number(one + other),
            Self::Min if other < one => other,
            Self::Max if other > one => other,
            Self::Min | Self::Max => one,
        }
    }
}

/// `score`, or 0 where infinities cancelled out.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Self::Set(set) => set.len(),
            Self::Zset(zset) => zset.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::Zset(zset) => zset.score(member),
        }
    }

    /// The members with their scores; of a large one in the order of their hash.
    fn members(&self) -> Box<dyn Iterator<Item = (Blob, f64)> + '_> {
        match self {
            Self::Set(set) => Box::new(set.blobs().map(|member| (member, 1.0))),
            Self::Zset(zset) => Box::new(zset.members().map(|it| (it.member, it.score))),
        }
    }
}

/// Smallest first, as Redis goes through them: the order in which scores are added up shows in the
/// last digits.
fn sort(inputs: &mut [Input]) {
    inputs.sort_by_key(|input| input.source.len());
}

/// The members that all `inputs` have.
pub(crate) fn intersection(mut inputs: Vec<Input>, aggregate: Aggregate) -> Zset {
    sort(&mut inputs);
    let Some((smallest, others)) = inputs.split_first() else { return Zset::default() };
    let members = smallest.source.members().filter_map(|(member, score)| {
        let first = number(score * smallest.weight);
        let score = others.iter().try_fold(first, |sum, input| {
            Some(aggregate.of(sum, input.source.score(&member)? * input.weight))
        });
        Some(Member::new(Scored { score: score?, member }))
    });
    Zset::from_distinct(members.collect())
}

/// How many members all `inputs` have, counted up to `limit`.
pub(crate) fn intersection_len(mut inputs: Vec<Input>, limit: usize) -> usize {
    sort(&mut inputs);
    let Some((smallest, others)) = inputs.split_first() else { return 0 };
    let in_all =
        |(member, _): &(Blob, f64)| others.iter().all(|input| input.source.score(member).is_some());
    smallest.source.members().filter(in_all).take(limit).count()
}

/// The members that any of `inputs` has.
pub(crate) fn union(mut inputs: Vec<Input>, aggregate: Aggregate) -> Zset {
    sort(&mut inputs);
    let mut members: Tree<Member> = Tree::new();
    for input in &inputs {
        for (member, score) in input.source.members() {
            let score = number(score * input.weight);
            let hash = member_hash(&member);
            match members.entry(hash, by_member(hash, &member)) {
                Entry::Occupied(mut found) => {
                    let sum = &mut found.get_mut().scored.score;
                    *sum = aggregate.of(*sum, score);
                }
                Entry::Vacant(vacant) => {
                    vacant.insert(Member { hash, scored: Scored { score, member } });
                }
            }
        }
    }
    Zset::from_members(members)
}

/// The members of the first of `inputs` that none of the others has, with their scores there.
pub(crate) fn difference(inputs: &[Input]) -> Zset {
    let Some((first, others)) = inputs.split_first() else { return Zset::default() };
    let left = first
        .source
        .members()
        .filter(|(member, _)| others.iter().all(|input| input.source.score(member).is_none()));
    let members = left.map(|(member, score)| Member::new(Scored { score, member }));
    Zset::from_distinct(members.collect())
}
