//! The commands against a map that is sorted when asked.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::commands::testing::Rig;

/// A keyspace of three sorted sets and a set, by key.
#[derive(Debug, Default)]
struct Naive {
    zsets: [BTreeMap<u8, i64>; 3],
}

/// A range by score: end, and whether it is exclusive.
type Bound = (i64, bool);

#[derive(Debug, Clone, Copy)]
enum Op {
    Union,
    Inter,
    Diff,
}

#[derive(Debug, Clone)]
enum Step {
    Add { key: usize, flags: (bool, bool, u8), pairs: Vec<(i64, u8)> },
    IncrBy(usize, i64, u8),
    Rem(usize, Vec<u8>),
    Rank(usize, u8),
    RangeByRank { key: usize, start: i64, stop: i64, reversed: bool },
    RangeByScore { key: usize, min: Bound, max: Bound, reversed: bool, limit: Option<(i64, i64)> },
    RemoveByRank(usize, i64, i64),
    RemoveByScore(usize, Bound, Bound),
    Pop { key: usize, min: bool, count: usize },
    Combine { op: Op, store: Option<usize>, keys: Vec<usize>, weights: Vec<i64>, aggregate: u8 },
    Scan(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0_usize..3;
    let member = || 0_u8..40;
    let score = || -6_i64..7;
    let index = || -30_i64..30;
    let bound = || (score(), any::<bool>());
    let op = || prop_oneof![Just(Op::Union), Just(Op::Inter), Just(Op::Diff)];
    prop_oneof![
        4 => (key(), any::<(bool, bool)>(), 0_u8..4, proptest::collection::vec((score(), member()), 1..20))
            .prop_map(|(key, (nx, xx), by, pairs)| Step::Add { key, flags: (nx, xx, by), pairs }),
        1 => (key(), score(), member()).prop_map(|(key, by, member)| Step::IncrBy(key, by, member)),
        1 => (key(), proptest::collection::vec(member(), 1..9))
            .prop_map(|(key, members)| Step::Rem(key, members)),
        1 => (key(), member()).prop_map(|(key, member)| Step::Rank(key, member)),
        1 => (key(), index(), index(), any::<bool>()).prop_map(|(key, start, stop, reversed)| {
            Step::RangeByRank { key, start, stop, reversed }
        }),
        2 => (key(), bound(), bound(), any::<bool>(), proptest::option::of((-1_i64..9, -1_i64..9)))
            .prop_map(|(key, min, max, reversed, limit)| {
                Step::RangeByScore { key, min, max, reversed, limit }
            }),
        1 => (key(), index(), index()).prop_map(|(key, a, b)| Step::RemoveByRank(key, a, b)),
        1 => (key(), bound(), bound()).prop_map(|(key, a, b)| Step::RemoveByScore(key, a, b)),
        1 => (key(), any::<bool>(), 0_usize..20)
            .prop_map(|(key, min, count)| Step::Pop { key, min, count }),
        2 => (
            op(),
            proptest::option::of(key()),
            proptest::collection::vec((key(), -2_i64..3), 1..4),
            0_u8..3,
        )
            .prop_map(|(op, store, inputs, aggregate)| {
                let (keys, weights) = inputs.into_iter().unzip();
                Step::Combine { op, store, keys, weights, aggregate }
            }),
        1 => (key(), 1_usize..20).prop_map(|(key, count)| Step::Scan(key, count)),
    ]
}

fn bulk(text: impl ToString) -> String {
    let text = text.to_string();
    format!(" ${} {text}", text.len())
}

fn array(members: &[(u8, i64)], with_scores: bool) -> String {
    let shown: String = members
        .iter()
        .map(|(member, score)| {
            bulk(member) + &if with_scores { bulk(score) } else { String::new() }
        })
        .collect();
    format!("*{}{shown}", members.len() * if with_scores { 2 } else { 1 })
}

fn show((score, exclusive): Bound) -> String {
    format!("{}{score}", if exclusive { "(" } else { "" })
}

impl Naive {
    /// The members of a key in their order: scores, then names as text.
    fn sorted(&self, key: usize) -> Vec<(u8, i64)> {
        sort(&self.zsets[key])
    }

    fn add(&mut self, key: usize, flags: (bool, bool, u8), pairs: &[(i64, u8)]) -> String {
        let (nx, xx, by) = flags;
        if nx && xx {
            return "-ERR XX and NX options at the same time are not compatible".into();
        }
        if nx && by > 0 && by < 3 {
            return "-ERR GT, LT, and/or NX options at the same time are not compatible".into();
        }
        let mut changes = 0;
        for (score, member) in pairs {
            let old = self.zsets[key].get(member).copied();
            let allowed = match old {
                None => !xx,
                Some(old) => !nx && (by != 1 || *score > old) && (by != 2 || *score < old),
            };
            if allowed && old != Some(*score) {
                self.zsets[key].insert(*member, *score);
                changes += 1;
            }
        }
        format!(":{changes}")
    }

    fn by_score(&self, key: usize, min: Bound, max: Bound) -> Vec<(u8, i64)> {
        let above = |score: i64| score > min.0 || (score == min.0 && !min.1);
        let below = |score: i64| score < max.0 || (score == max.0 && !max.1);
        let sorted = self.sorted(key).into_iter();
        sorted.filter(|(_, score)| above(*score) && below(*score)).collect()
    }

    fn by_rank(&self, key: usize, start: i64, stop: i64, reversed: bool) -> Vec<(u8, i64)> {
        let mut sorted = self.sorted(key);
        if reversed {
            sorted.reverse();
        }
        let len = sorted.len() as i64;
        let absolute = |index: i64| if index < 0 { index + len } else { index };
        let within = |(index, _): &(usize, (u8, i64))| {
            absolute(start) <= *index as i64 && *index as i64 <= absolute(stop)
        };
        sorted.into_iter().enumerate().filter(within).map(|(_, member)| member).collect()
    }

    fn remove(&mut self, key: usize, members: &[(u8, i64)]) -> usize {
        members.iter().filter(|(member, _)| self.zsets[key].remove(member).is_some()).count()
    }

    fn combine(&self, op: Op, keys: &[usize], weights: &[i64], aggregate: u8) -> BTreeMap<u8, i64> {
        let mut result = BTreeMap::new();
        for member in 0_u8..40 {
            let scores = keys
                .iter()
                .zip(weights)
                .filter_map(|(key, weight)| Some(self.zsets[*key].get(&member)? * weight));
            let scores: Vec<i64> = scores.collect();
            let combined = match aggregate {
                0 => scores.iter().copied().reduce(|a, b| a + b),
                1 => scores.iter().copied().min(),
                _ => scores.iter().copied().max(),
            };
            let score = match op {
                Op::Union => combined,
                Op::Inter => combined.filter(|_| scores.len() == keys.len()),
                Op::Diff => self.zsets[keys[0]].get(&member).copied().filter(|_| {
                    keys[1..].iter().all(|key| !self.zsets[*key].contains_key(&member))
                }),
            };
            result.extend(score.map(|score| (member, score)));
        }
        result
    }
}

fn sort(zset: &BTreeMap<u8, i64>) -> Vec<(u8, i64)> {
    let mut sorted: Vec<(u8, i64)> = zset.iter().map(|(member, score)| (*member, *score)).collect();
    sorted.sort_by_key(|(member, score)| (*score, member.to_string()));
    sorted
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(|item| format!(" {}", item.to_string())).collect()
}

/// The request of a step and the reply that the naive twin gives.
fn run(naive: &mut Naive, step: &Step) -> (String, String) {
    match step {
        Step::Add { key, flags, pairs } => {
            let options =
                [(flags.0, "NX"), (flags.1, "XX"), (flags.2 == 1, "GT"), (flags.2 == 2, "LT")];
            let options: Vec<&str> = options.iter().filter(|it| it.0).map(|it| it.1).collect();
            let args: String =
                pairs.iter().map(|(score, member)| format!(" {score} {member}")).collect();
            let request = format!("ZADD {key}{} CH{args}", list(&options));
            (request, naive.add(*key, *flags, pairs))
        }
        Step::IncrBy(key, by, member) => {
            let score = naive.zsets[*key].entry(*member).or_insert(0);
            *score += by;
            (format!("ZINCRBY {key} {by} {member}"), bulk(*score).trim_start().to_owned())
        }
        Step::Rem(key, members) => {
            let named: Vec<(u8, i64)> = members.iter().map(|member| (*member, 0)).collect();
            (format!("ZREM {key}{}", list(members)), format!(":{}", naive.remove(*key, &named)))
        }
        Step::Rank(key, member) => {
            let rank = naive.sorted(*key).iter().position(|(other, _)| other == member);
            let reply = rank.map_or("$-1".to_owned(), |rank| format!(":{rank}"));
            (format!("ZRANK {key} {member}"), reply)
        }
        Step::RangeByRank { key, start, stop, reversed } => {
            let rev = if *reversed { " REV" } else { "" };
            let members = naive.by_rank(*key, *start, *stop, *reversed);
            (format!("ZRANGE {key} {start} {stop}{rev} WITHSCORES"), array(&members, true))
        }
        Step::RangeByScore { key, min, max, reversed, limit } => {
            let mut members = naive.by_score(*key, *min, *max);
            let (mut ends, mut rev) = ((show(*min), show(*max)), "");
            if *reversed {
                members.reverse();
                (ends, rev) = ((ends.1, ends.0), " REV");
            }
            let mut request = format!("ZRANGE {key} {} {} BYSCORE{rev}", ends.0, ends.1);
            if let Some((offset, count)) = limit {
                request += &format!(" LIMIT {offset} {count}");
                let skipped = usize::try_from(*offset).unwrap_or(usize::MAX).min(members.len());
                members.drain(..skipped);
                members.truncate(usize::try_from(*count).unwrap_or(usize::MAX));
            }
            (request, array(&members, false))
        }
        Step::RemoveByRank(key, start, stop) => {
            let members = naive.by_rank(*key, *start, *stop, false);
            let removed = naive.remove(*key, &members);
            (format!("ZREMRANGEBYRANK {key} {start} {stop}"), format!(":{removed}"))
        }
        Step::RemoveByScore(key, min, max) => {
            let members = naive.by_score(*key, *min, *max);
            let removed = naive.remove(*key, &members);
            let request = format!("ZREMRANGEBYSCORE {key} {} {}", show(*min), show(*max));
            (request, format!(":{removed}"))
        }
        Step::Pop { key, min, count } => {
            let mut members = naive.sorted(*key);
            if !min {
                members.reverse();
            }
            members.truncate(*count);
            naive.remove(*key, &members);
            let name = if *min { "ZPOPMIN" } else { "ZPOPMAX" };
            (format!("{name} {key} {count}"), array(&members, true))
        }
        Step::Combine { op, store, keys, weights, aggregate } => {
            run_combine(naive, *op, *store, keys, weights, *aggregate)
        }
        Step::Scan(key, count) => (format!("{key} {count}"), array(&naive.sorted(*key), true)),
    }
}

fn run_combine(
    naive: &mut Naive,
    op: Op,
    store: Option<usize>,
    keys: &[usize],
    weights: &[i64],
    aggregate: u8,
) -> (String, String) {
    let result = naive.combine(op, keys, weights, aggregate);
    let (name, options) = match op {
        Op::Union => ("ZUNION", true),
        Op::Inter => ("ZINTER", true),
        Op::Diff => ("ZDIFF", false),
    };
    let aggregate = ["SUM", "MIN", "MAX"][usize::from(aggregate)];
    let options = match options {
        true => format!(" WEIGHTS{} AGGREGATE {aggregate}", list(weights)),
        false => String::new(),
    };
    let operands = format!("{}{}{options}", keys.len(), list(keys));
    match store {
        Some(to) => {
            let reply = format!(":{}", result.len());
            naive.zsets[to] = result;
            (format!("{name}STORE {to} {operands}"), reply)
        }
        None => (format!("{name} {operands} WITHSCORES"), array(&sort(&result), true)),
    }
}

/// All that a full scan brings, sorted and shown as a range would be.
fn scan(rig: &mut Rig, key: usize, count: usize) -> String {
    let mut seen = BTreeMap::new();
    let mut cursor = "0".to_owned();
    loop {
        let strings = rig.strings(&format!("ZSCAN {key} {cursor} COUNT {count}"));
        let pairs = strings[1..].chunks(2);
        seen.extend(pairs.map(|it| (it[0].parse::<u8>().unwrap(), it[1].parse::<i64>().unwrap())));
        cursor.clone_from(&strings[0]);
        if cursor == "0" {
            return array(&sort(&seen), true);
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_map(steps in proptest::collection::vec(step(), 0..60)) {
        let mut rig = Rig::new();
        let mut naive = Naive::default();
        for step in &steps {
            let (request, expected) = run(&mut naive, step);
            // A negated zero is 0 in the twin, and -0 in a reply that is not stored.
            let reply = match step {
                Step::Scan(key, count) => scan(&mut rig, *key, *count),
                _ => rig.run(&request).replace("$2 -0", "$1 0"),
            };
            prop_assert_eq!(reply, expected, "{}", request);
            let keys = naive.zsets.iter().filter(|zset| !zset.is_empty()).count();
            prop_assert_eq!(rig.keyspace.data().len(0), keys);
        }
    }
}
