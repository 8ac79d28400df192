use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Naive = BTreeSet<Vec<u8>>;

fn is_tree(set: &Set) -> bool {
    matches!(set.0.form(), Form::Tree(_))
}

/// A member of a length of its own; those above 200 are too long for a block.
fn name(member: u8) -> Vec<u8> {
    if member > 200 {
        return vec![member; 256];
    }
    vec![member; 1 + usize::from(member % 5) * 5]
}

/// Sets in each form: members to put in, or to take out.
fn ops() -> impl Strategy<Value = Vec<(u8, bool)>> {
    (1_u8..=255).prop_flat_map(|members| {
        proptest::collection::vec((0..members, proptest::bool::weighted(0.8)), 0..200)
    })
}

fn built(ops: &[(u8, bool)]) -> (Set, Naive) {
    let (mut set, mut naive) = (Set::default(), Naive::new());
    for (member, comes) in ops {
        let member = name(*member);
        if *comes {
            assert_eq!(set.insert(&member), naive.insert(member));
        } else {
            assert_eq!(set.remove(&member), naive.remove(&member));
        }
    }
    (set, naive)
}

fn seen(set: &Set) -> Naive {
    let seen: Naive = set.iter().map(<[u8]>::to_vec).collect();
    assert_eq!((seen.len(), seen.len()), (set.len(), set.iter().len()), "each is there once");
    seen
}

proptest! {
    #[test]
    fn a_set_is_a_set_in_either_form(ops in ops(), more in ops()) {
        let (mut set, mut naive) = built(&ops);
        prop_assert_eq!(seen(&set), naive.clone());
        prop_assert_eq!(set.is_empty(), naive.is_empty());
        prop_assert!((0..=255).all(|member| set.contains(&name(member)) == naive.contains(&name(member))));
        let (mut cursor, mut met) = (0, Vec::new());
        loop {
            let (next, found) = set.scan(cursor, 3);
            met.extend(found.into_iter().map(<[u8]>::to_vec));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        met.sort();
        prop_assert!(met.iter().eq(&naive));
        let (clone, before) = (set.clone(), naive.clone());
        for (member, _) in more {
            if set.is_empty() {
                break;
            }
            let index = usize::from(member) % set.len();
            let drawn = set.nth(index).map(<[u8]>::to_vec);
            let removed = set.remove_nth(index).map(|it| it.to_vec());
            prop_assert_eq!(&drawn, &removed);
            prop_assert!(removed.is_some_and(|it| naive.remove(&it)));
        }
        prop_assert_eq!(set.remove_nth(set.len()), None);
        prop_assert_eq!((seen(&set), seen(&clone)), (naive, before));
    }

    #[test]
    fn sets_are_combined_in_either_form(lists in proptest::collection::vec(ops(), 1..4), limit in 0_usize..90) {
        let (sets, naive): (Vec<Set>, Vec<Naive>) = lists.iter().map(|ops| built(ops)).unzip();
        let (mut all, mut left) = (sets[0].clone(), sets[0].clone());
        sets[1..].iter().for_each(|set| all.unite(set));
        sets[1..].iter().for_each(|set| left.subtract(set));
        let union: Naive = naive.iter().flatten().cloned().collect();
        let difference: Naive = naive[1..].iter().fold(naive[0].clone(), |left, set| &left - set);
        let common: Naive = naive[1..].iter().fold(naive[0].clone(), |common, set| &common & set);
        prop_assert_eq!((seen(&all), seen(&left)), (union, difference));
        prop_assert_eq!(seen(&Set::intersection(&sets)), common.clone());
        prop_assert_eq!(Set::intersection_len(&sets, limit), common.len().min(limit));
        let (blobs, names): (Naive, Naive) = (all.blobs().map(|it| it.to_vec()).collect(), seen(&all));
        prop_assert_eq!(blobs, names);
    }

    #[test]
    fn a_set_built_at_once_is_one_built_step_by_step(
        members in proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..4), 0..200),
    ) {
        let at_once: Set = members.iter().map(Vec::as_slice).collect();
        let mut stepwise = Set::default();
        for member in &members {
            stepwise.insert(member);
        }
        let naive: Naive = members.into_iter().collect();
        prop_assert_eq!((seen(&at_once), seen(&stepwise)), (naive.clone(), naive));
    }
}

#[test]
fn a_small_set_is_two_words_and_a_large_one_a_tree() {
    assert_eq!(size_of::<Set>(), 16);
    let mut set = Set::default();
    let mut members = 0_u32;
    while !is_tree(&set) {
        assert_eq!(matches!(set.0.form(), Form::Packed(_)), members <= 16);
        set.insert(format!("m{members}").as_bytes());
        members += 1;
    }
    assert_eq!((set.len(), members), (129, 129));
    let long: Set = [&[b'm'; 256][..], &[b'n'; 800]].into_iter().collect();
    assert!(is_tree(&long), "more than a pack takes, longer than a block takes");
    assert!(Set::intersection(&[]).is_empty() && Set::intersection_len(&[], 1) == 0);
}
