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

    #[test]
    fn a_set_built_at_once_is_one_built_step_by_step(
        pairs in proptest::collection::vec((0_u8..60, score()), 0..200),
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
        pairs in proptest::collection::vec((0_u8..60, score()), 0..100),
        start in 0_usize..60,
        len in 0_usize..60,
    ) {
        let mut zset = Zset::default();
        for (member, score) in &pairs {
            zset.insert(&[*member], *score);
        }
        let before: Vec<Scored> = zset.iter().cloned().collect();
        let clone = zset.clone();
        let taken = zset.remove_range(start..start + len);
        let within = start.min(before.len())..(start + len).min(before.len());
        prop_assert_eq!(&taken[..], &before[within.clone()]);
        let left: Vec<Scored> = [&before[..within.start], &before[within.end..]].concat();
        prop_assert!(zset.iter().eq(&left));
        prop_assert!(left.iter().all(|scored| zset.score(&scored.member) == Some(scored.score)));
        prop_assert!(taken.iter().all(|scored| zset.score(&scored.member).is_none()));
        prop_assert!(clone.iter().eq(&before));
    }
}
