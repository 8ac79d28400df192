//! The value against a hash map that is sorted when asked.

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

fn is_packed(zset: &Zset) -> bool {
    matches!(zset.0, Forms::Packed(_))
}

/// A member of a length of its own; those above 150 are too long for a block.
fn name(member: u8) -> Vec<u8> {
    if member > 150 {
        return vec![member; 256];
    }
    vec![member; 1 + usize::from(member % 5) * 7]
}

type Op = (u8, Option<f64>);

/// Sets in each form: members to take out, or to put in with a score.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    (1_u8..=200).prop_flat_map(|members| {
        let scores = prop_oneof![1 => Just(None), 3 => score().prop_map(Some)];
        proptest::collection::vec((0..members, scores), 0..200)
    })
}

fn built(ops: &[Op]) -> Zset {
    let mut zset = Zset::default();
    for (member, score) in ops {
        match score {
            Some(score) => drop(zset.insert(&name(*member), *score)),
            None => drop(zset.remove(&name(*member))),
        }
    }
    zset
}

fn all(zset: &Zset) -> Vec<Scored> {
    zset.iter().map(ScoredRef::to_scored).collect()
}

#[test]
fn a_small_set_is_two_words() {
    assert_eq!(size_of::<Zset>(), 16);
}

#[test]
fn a_set_that_grows_becomes_trees() {
    let mut zset = Zset::default();
    let mut members = 0_u32;
    while !matches!(zset.0.form(), Form::Tree(_)) {
        assert_eq!(is_packed(&zset), members <= 16);
        zset.insert(format!("m{members}").as_bytes(), f64::from(members));
        members += 1;
    }
    assert_eq!((zset.len(), members), (129, 129));
    let mut zset = Zset::default();
    zset.insert(&[b'm'; 1019], 2.0);
    assert!(is_packed(&zset), "a byte for the count, two and one of length, one of score");
    zset.insert(&[b'm'; 1019], 3.0);
    assert!(!is_packed(&zset), "3 takes two bytes, 2 takes one");
    assert_eq!((zset.len(), zset.score(&[b'm'; 1019])), (1, Some(3.0)));
}

#[test]
fn the_sign_of_zero_is_kept_until_it_is_dropped() {
    let mut zset = Zset::default();
    zset.insert(b"m", -0.0);
    assert_eq!(zset.insert(b"m", 0.0), Some(0.0));
    let is_negative = |zset: &Zset| zset.score(b"m").is_some_and(f64::is_sign_negative);
    assert!(is_packed(&zset) && is_negative(&zset));
    zset.drop_sign_of_zero(b"m");
    assert!(!is_negative(&zset));
}

proptest! {
    #[test]
    fn clones_stay_and_scans_meet_all(ops in ops(), more in ops()) {
        let mut zset = built(&ops);
        let clone = zset.clone();
        let before = all(&zset);
        for (member, score) in more {
            match score {
                Some(score) => drop(zset.insert(&name(member), score)),
                None => drop(zset.remove(&name(member))),
            }
        }
        prop_assert_eq!(all(&clone), before);
        let (mut cursor, mut met) = (0, Vec::new());
        loop {
            let (next, found) = zset.scan(cursor, 3);
            met.extend(found.into_iter().map(ScoredRef::to_scored));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        met.sort_by(Scored::order);
        prop_assert_eq!(&met, &all(&zset));
        met.reverse();
        prop_assert!(zset.iter().rev().map(ScoredRef::to_scored).eq(met));
    }

    #[test]
    fn members_of_one_score_stand_by_bytes(ops in ops(), bound: u8, inclusive: bool) {
        let ops: Vec<Op> = ops.into_iter().map(|(member, score)| (member, score.map(|_| 1.0))).collect();
        let zset = built(&ops);
        let bound = name(bound % 200);
        let is_before = |it: &ScoredRef<'_>| it.member < &bound[..] || (inclusive && it.member == &bound[..]);
        prop_assert_eq!(zset.rank_of_member(&bound, inclusive), zset.iter().filter(is_before).count());
    }

    #[test]
    fn agrees_with_a_sorted_vec(ops in ops()) {
        let mut zset = Zset::default();
        let mut naive: HashMap<Vec<u8>, f64> = HashMap::new();
        for (member, score) in ops {
            let member = name(member);
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

    #[test]
    fn a_set_built_at_once_is_one_built_step_by_step(
        pairs in proptest::collection::vec((0_u8..90, score()), 0..200),
    ) {
        let at_once: Zset = pairs
            .iter()
            .map(|(member, score)| Scored { score: *score, member: Blob::from([*member].as_slice()) })
            .collect();
        let mut stepwise = Zset::default();
        for (member, score) in &pairs {
            stepwise.insert(&[*member], *score);
        }
        prop_assert!(at_once.iter().eq(stepwise.iter()));
        prop_assert!(pairs.iter().all(|(member, _)| at_once.score(&[*member]) == stepwise.score(&[*member])));
    }

    #[test]
    fn a_range_taken_out_leaves_the_rest(
        pairs in proptest::collection::vec((0_u8..90, score()), 0..100),
        start in 0_usize..60,
        len in 0_usize..60,
    ) {
        let mut zset = Zset::default();
        for (member, score) in &pairs {
            zset.insert(&[*member], *score);
        }
        let before = all(&zset);
        let clone = zset.clone();
        let taken = zset.remove_range(start..start + len);
        let within = start.min(before.len())..(start + len).min(before.len());
        prop_assert_eq!(&taken[..], &before[within.clone()]);
        let left: Vec<Scored> = [&before[..within.start], &before[within.end..]].concat();
        prop_assert_eq!(&all(&zset), &left);
        prop_assert!(left.iter().all(|scored| zset.score(&scored.member) == Some(scored.score)));
        prop_assert!(taken.iter().all(|scored| zset.score(&scored.member).is_none()));
        prop_assert_eq!(all(&clone), before);
    }
}
