use std::collections::BTreeMap;

use redwire_resp::RequestBuf;

use super::*;
use crate::{NoHost, Session, Settings, UnixMs};

fn run(keyspace: &mut Keyspace, line: &str) {
    let request = RequestBuf::from_args(line.split(' '));
    let mut out = Vec::new();
    let (mut session, now) = (Session::new(1), UnixMs(1_700_000_000_000));
    keyspace.execute(&mut NoHost, &mut session, request.as_request(), now, &mut out);
    assert_ne!(out[0], b'-', "{line}: {}", out.escape_ascii());
}

/// What is in the first database.
fn entries(keyspace: &Keyspace) -> BTreeMap<Vec<u8>, String> {
    let all = keyspace.data().iter(0);
    all.map(|(key, value)| (key.to_vec(), format!("{:?}", value.to_value()))).collect()
}

/// Takes a snapshot, with a few writes when it has begun; gives it up half way where `whole` is not set.
fn snapshot(keyspace: &mut Keyspace, number: usize, whole: bool) {
    let before = entries(keyspace);
    assert!(keyspace.begin_snapshot());
    let mut items = Vec::new();
    keyspace.walk_snapshot(10_000, &mut items);
    run(keyspace, &format!("SET short{} changed{number}", number % 20));
    run(keyspace, &format!("RPUSH list{} item{number}", number % 20));
    run(keyspace, &format!("SET new{number} value"));
    run(keyspace, &format!("DEL short{}", (number + 7) % 20));
    if !whole {
        return keyspace.abort_snapshot();
    }
    keyspace.walk_snapshot(usize::MAX, &mut items);
    let seen: BTreeMap<_, _> =
        items.iter().map(|it| (it.key.to_vec(), format!("{:?}", it.value))).collect();
    assert_eq!(seen.len(), items.len(), "a key comes twice");
    assert_eq!(seen, before);
}

/// Epochs come round after 2^24 - 1 snapshots: no entry is taken for one that the snapshot has.
#[test]
fn epochs_come_round() {
    for given_up in [&[][..], &[2, 3], &[0, 1, 2, 3]] {
        let mut keyspace = Keyspace::new(Settings::default(), 1);
        for number in 0..20 {
            run(&mut keyspace, &format!("SET short{number} value"));
            run(&mut keyspace, &format!("RPUSH list{number} item"));
        }
        // What entries have that were born before the first snapshot, and those of the first.
        snapshot(&mut keyspace, 100, true);
        keyspace.epoch = EPOCH_MAX - 3;
        for number in 0..8 {
            snapshot(&mut keyspace, number, !given_up.contains(&number));
        }
        assert_eq!(keyspace.epoch, 5);
    }
}
