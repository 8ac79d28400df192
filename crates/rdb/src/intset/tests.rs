use std::collections::BTreeSet;

use proptest::{collection::btree_set, collection::vec, prelude::*};

use super::*;
use crate::packed::Broken;

fn decode(bytes: &[u8]) -> Result<Vec<i64>, Broken> {
    Ok(Intset::new(bytes)?.iter().collect())
}

/// Members of all widths, and few of the narrow ones, so that some come twice.
fn member() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0..64u32).prop_map(|(int, by)| int >> by)
}

proptest! {
    #[test]
    fn gives_back_what_was_encoded(
        members in btree_set(member(), 1..50)
    ) {
        let members: Vec<i64> = members.into_iter().collect();
        let mut bytes = Vec::new();
        encode(&mut bytes, &members);
        prop_assert_eq!(decode(&bytes), Ok(members));
    }

    #[test]
    fn edits_as_a_sorted_set(edits in vec((any::<bool>(), member()), 0..200)) {
        let (mut set, mut twin, mut widest) = (IntsetBuf::new(), BTreeSet::new(), 2);
        for (insert, member) in edits {
            if insert {
                widest = widest.max(width_of(member));
                prop_assert_eq!(set.insert(member), Ok(twin.insert(member)));
            } else {
                prop_assert_eq!(set.remove(member), twin.remove(&member));
            }
            let view = set.view();
            prop_assert_eq!((view.width(), view.len()), (widest, twin.len()));
            prop_assert!(view.iter().eq(twin.iter().copied()));
            prop_assert_eq!(set.as_bytes().len(), HEADER + widest * twin.len());
            prop_assert_eq!(Intset::new(set.as_bytes()).is_ok(), !twin.is_empty());
        }
    }

    #[test]
    fn reads_as_a_sorted_vector(
        members in btree_set(member(), 1..50),
        others in vec(member(), 20),
        steps in vec((any::<bool>(), 0..4usize), 60),
    ) {
        let members: Vec<i64> = members.into_iter().collect();
        let mut bytes = Vec::new();
        encode(&mut bytes, &members);
        let set = Intset::new(&bytes).unwrap();
        for member in others.iter().chain(&members) {
            prop_assert_eq!(set.position(*member), members.binary_search(member));
            prop_assert_eq!(set.contains(*member), members.contains(member));
        }
        for index in 0..=members.len() {
            prop_assert_eq!(set.get(index), members.get(index).copied());
        }
        let (mut ours, mut theirs) = (set.iter(), members.iter().copied());
        for (back, n) in steps {
            prop_assert_eq!(ours.len(), theirs.len());
            if back {
                prop_assert_eq!(ours.nth_back(n), theirs.nth_back(n));
            } else {
                prop_assert_eq!(ours.nth(n), theirs.nth(n));
            }
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in vec(any::<u8>(), 0..40), width in 0..9u8) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = width;
        }
        let _ = decode(&bytes);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let mut good = Vec::new();
    encode(&mut good, &[1, 2, 3]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        decode(&bytes).unwrap_err().fault
    };
    assert_eq!(with(0, 3), Fault::IntsetWidth);
    assert_eq!(with(4, 100), Fault::PackedCount);
    assert_eq!(with(10, 1), Fault::IntsetOrder);
    assert_eq!(decode(&[2, 0, 0, 0, 0, 0, 0, 0]).unwrap_err().fault, Fault::PackedCount);
    assert_eq!(decode(&good[..7]).unwrap_err().fault, Fault::PackedShort);
}
