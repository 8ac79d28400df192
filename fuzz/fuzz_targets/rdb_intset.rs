//! Any bytes as an intset: members, the same from both ends, or an error; and edits of it leave what
//! the same edits of a sorted set leave.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use redwire_rdb::intset::{self, Intset, IntsetBuf};

fuzz_target!(|input: (u8, Vec<u8>, Vec<(bool, i64, u8)>)| {
    let (width, mut bytes, edits) = input;
    // A header that fits, or hardly any input would get past it.
    let width = [0, 2, 4, 8][usize::from(width % 4)];
    if let Some(members) = bytes.len().checked_sub(8).and_then(|len| len.checked_div(width)) {
        bytes.truncate(8 + members * width);
        bytes[..4].copy_from_slice(&(width as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&(members as u32).to_le_bytes());
    }
    let mut set = Intset::new(&bytes).map_or_else(|_| IntsetBuf::new(), IntsetBuf::from);
    let mut twin: BTreeSet<i64> = set.view().iter().collect();
    assert_eq!(set.view().len(), twin.len());
    assert!(set.view().iter().rev().eq(twin.iter().rev().copied()));
    let members: Vec<i64> = twin.iter().copied().collect();
    let mut built = Vec::new();
    intset::encode(&mut built, &members);
    assert!(built.len() <= set.as_bytes().len());

    for (insert, member, narrow) in edits {
        let member = member >> (narrow % 64);
        assert_eq!(set.view().contains(member), twin.contains(&member));
        if insert {
            assert_eq!(set.insert(member), Ok(twin.insert(member)));
        } else {
            assert_eq!(set.remove(member), twin.remove(&member));
        }
        assert!(set.view().iter().eq(twin.iter().copied()));
        assert_eq!(Intset::new(set.as_bytes()).is_ok(), !twin.is_empty());
    }
});
