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
}
