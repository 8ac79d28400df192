//! Sets: replies, effects and key events as redis-server 7.0.15 gave them, and a naive twin.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::commands::testing::Rig;

#[test]
fn replies() {
    Rig::new().check(&[
        ("SADD s a b c", ":3"),
        ("SADD s a d", ":1"),
        ("SADD one x", ":1"),
        ("SCARD s", ":4"),
        ("SCARD none", ":0"),
        ("SISMEMBER s a", ":1"),
        ("SISMEMBER s x", ":0"),
        ("SISMEMBER none a", ":0"),
        ("SMISMEMBER s a x b", "*3 :1 :0 :1"),
        ("SMISMEMBER none a b", "*2 :0 :0"),
        ("SMEMBERS one", "*1 $1 x"),
        ("SMEMBERS none", "*0"),
        ("SREM s a x", ":1"),
        ("SREM s x", ":0"),
        ("SREM none a", ":0"),
        ("SMOVE s t b", ":1"),
        ("SMOVE s t x", ":0"),
        ("SMOVE none t x", ":0"),
        ("SMOVE one one x", ":1"),
        ("SMOVE one one y", ":0"),
        ("RPUSH l x", ":1"),
        ("SADD l a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SMOVE s l c", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SMOVE l s c", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SMOVE none l c", ":0"),
        ("SMISMEMBER l a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SINTER l s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SINTER none l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SUNION one l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SDIFF one none l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        (
            "SINTERSTORE s one l",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "SINTERCARD 2 none l",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("SMEMBERS l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SPOP l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SPOP l 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SRANDMEMBER l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SSCAN l 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn combinations() {
    Rig::new().check(&[
        ("SADD a 1 2 3 4", ":4"),
        ("SADD b 3 4 5", ":3"),
        ("SADD c 4", ":1"),
        ("SINTER a b c", "*1 $1 4"),
        ("SINTER a none", "*0"),
        ("SINTER none", "*0"),
        ("SINTERCARD 2 a b", ":2"),
        ("SINTERCARD 2 a b LIMIT 1", ":1"),
        ("SINTERCARD 2 a b limit 0", ":2"),
        ("SINTERCARD 2 a b LIMIT 5 LIMIT 1", ":1"),
        ("SINTERCARD 2 a none", ":0"),
        ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD x a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args"),
        ("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 a LIMIT x", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 a LIMIT", "-ERR syntax error"),
        ("SINTERCARD 1 a FOO 1", "-ERR syntax error"),
        ("SUNION c none", "*1 $1 4"),
        ("SUNION none", "*0"),
        ("SDIFF c none", "*1 $1 4"),
        ("SDIFF none a", "*0"),
        ("SDIFF a a", "*0"),
        ("SINTERSTORE d a b", ":2"),
        ("SCARD d", ":2"),
        ("SDIFFSTORE d a b", ":2"),
        ("SCARD d", ":2"),
        ("SUNIONSTORE d a b", ":5"),
        ("SCARD d", ":5"),
        ("SUNIONSTORE a a b c", ":5"),
        ("SCARD a", ":5"),
        ("SDIFFSTORE d none a", ":0"),
        ("SCARD d", ":0"),
        ("RPUSH l x", ":1"),
        ("SUNIONSTORE l c", ":1"),
        ("SMEMBERS l", "*1 $1 4"),
    ]);
}

#[test]
fn random_members_and_scans() {
    Rig::new().check(&[
        ("SADD s x", ":1"),
        ("SPOP s 0", "*0"),
        ("SPOP s x", "-ERR value is out of range, must be positive"),
        ("SPOP s -1", "-ERR value is out of range, must be positive"),
        ("SPOP s 1 2", "-ERR syntax error"),
        ("SPOP s", "$1 x"),
        ("SPOP s", "$-1"),
        ("SPOP s 3", "*0"),
        ("SADD s x", ":1"),
        ("SPOP s 9223372036854775807", "*1 $1 x"),
        ("SCARD s", ":0"),
        ("SADD s x", ":1"),
        ("SRANDMEMBER s", "$1 x"),
        ("SRANDMEMBER none", "$-1"),
        ("SRANDMEMBER s 3", "*1 $1 x"),
        ("SRANDMEMBER s -3", "*3 $1 x $1 x $1 x"),
        ("SRANDMEMBER s 0", "*0"),
        ("SRANDMEMBER none 1", "*0"),
        ("SRANDMEMBER s x", "-ERR value is not an integer or out of range"),
        ("SRANDMEMBER s x 2", "-ERR syntax error"),
        ("SRANDMEMBER s 1 2", "-ERR syntax error"),
        ("SRANDMEMBER s -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"),
        ("SRANDMEMBER s 9223372036854775807", "*1 $1 x"),
        ("SSCAN s 0", "*2 $1 0 *1 $1 x"),
        ("SSCAN s 0 MATCH y*", "*2 $1 0 *0"),
        ("SSCAN none 0", "*2 $1 0 *0"),
        ("SSCAN s x", "-ERR invalid cursor"),
        ("SSCAN s 0 COUNT 0", "-ERR syntax error"),
        ("SSCAN s 0 FOO 1", "-ERR syntax error"),
    ]);
}

#[test]
fn replies_in_resp3() {
    Rig::resp3().check(&[
        ("SADD s x", ":1"),
        ("SMEMBERS s", "~1 $1 x"),
        ("SMEMBERS none", "~0"),
        ("SINTER s", "~1 $1 x"),
        ("SINTER none", "~0"),
        ("SUNION s", "~1 $1 x"),
        ("SDIFF s", "~1 $1 x"),
        ("SPOP s 0", "~0"),
        ("SPOP none", "_"),
        ("SPOP none 1", "~0"),
        ("SPOP s 1", "~1 $1 x"),
        ("SADD s x", ":1"),
        ("SRANDMEMBER none", "_"),
        ("SRANDMEMBER s 2", "*1 $1 x"),
        ("SRANDMEMBER s -2", "*2 $1 x $1 x"),
        ("SMISMEMBER s x y", "*2 :1 :0"),
        ("SISMEMBER s x", ":1"),
        ("SSCAN s 0", "*2 $1 0 *1 $1 x"),
    ]);
}

#[test]
fn effects_and_events() {
    Rig::new().check_traces(&[
        ("SADD s a b c", &["SADD s a b c"], &["sadd s"]),
        ("SADD s a", &[], &[]),
        ("SADD s a d", &["SADD s a d"], &["sadd s"]),
        ("SREM s x", &[], &[]),
        ("SREM s d", &["SREM s d"], &["srem s"]),
        ("SMOVE s t a", &["SMOVE s t a"], &["srem s", "sadd t"]),
        ("SMOVE s t x", &[], &[]),
        ("SADD t b", &["SADD t b"], &["sadd t"]),
        ("SMOVE s t b", &["SMOVE s t b"], &["srem s"]),
        ("SMOVE s t c", &["SMOVE s t c"], &["srem s", "del s", "sadd t"]),
        ("SMOVE t t a", &[], &[]),
        ("SMOVE none t a", &[], &[]),
        ("SINTERSTORE d none t", &[], &[]),
        ("SUNIONSTORE d none t", &["SUNIONSTORE d none t"], &["sunionstore d"]),
        ("SDIFFSTORE d d none", &["SDIFFSTORE d d none"], &["sdiffstore d"]),
        ("SINTERSTORE d d none", &["SINTERSTORE d d none"], &["del d"]),
        ("SINTERSTORE d d none", &[], &[]),
        ("SADD one x", &["SADD one x"], &["sadd one"]),
        ("SPOP one", &["SREM one x"], &["spop one", "del one"]),
        ("SADD one x", &["SADD one x"], &["sadd one"]),
        ("SPOP one 5", &["DEL one"], &["spop one", "del one"]),
        ("SADD one x y", &["SADD one x y"], &["sadd one"]),
        ("SPOP one 2", &["DEL one"], &["spop one", "del one"]),
        ("SPOP one 2", &[], &[]),
        ("SPOP one", &[], &[]),
        ("SADD one x", &["SADD one x"], &["sadd one"]),
        ("SPOP one 0", &[], &[]),
        ("SREM one x y", &["SREM one x y"], &["srem one", "del one"]),
        ("SRANDMEMBER t", &[], &[]),
        ("SRANDMEMBER t 2", &[], &[]),
    ]);
}

#[test]
fn replicas_are_told_what_was_popped() {
    let mut rig = Rig::new();
    rig.run("SADD s 1 2 3 4 5");
    let popped = rig.strings("SPOP s 3");
    rig.run("SADD s 1 2 3 4 5");
    rig.keyspace.effects().clear();
    assert_eq!(popped.len(), 3);
    let effects = rig.effects_of("SPOP s 3");
    let left = rig.strings("SMEMBERS s");
    let [effect] = &effects[..] else { panic!("{effects:?}") };
    let told: Vec<&str> = effect.split(' ').collect();
    assert_eq!((&told[..2], told.len()), (&["SREM", "s"][..], 5));
    assert!(told[2..].iter().all(|member| !left.iter().any(|other| other == member)));
}

#[test]
fn a_large_pop_is_told_in_pieces() {
    let mut rig = Rig::new();
    let members: Vec<String> = (0..3000).map(|member: u32| member.to_string()).collect();
    rig.call(["SADD", "s"].into_iter().chain(members.iter().map(String::as_str)));
    let effects = rig.effects_of("SPOP s 2500");
    let lengths: Vec<usize> = effects.iter().map(|effect| effect.split(' ').count()).collect();
    assert_eq!(lengths, [1, 1026, 1026, 454, 1]);
    assert_eq!((&*effects[0], &*effects[4]), ("MULTI", "EXEC"));
}

#[test]
fn draws_reach_every_member() {
    let mut rig = Rig::new();
    for request in ["SRANDMEMBER s", "SRANDMEMBER s 2", "SRANDMEMBER s -1", "SPOP s", "SPOP s 3"] {
        let mut drawn = BTreeSet::new();
        for _ in 0..200 {
            rig.run("SADD s a b c d");
            drawn.extend(rig.strings(request));
        }
        assert_eq!(drawn.len(), 4, "{request}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Inter,
    Union,
    Diff,
}

#[derive(Debug, Clone)]
enum Step {
    Add(u8, Vec<u8>),
    Rem(u8, Vec<u8>),
    Move(u8, u8, u8),
    Pop(u8, usize),
    Draw(u8, i64),
    Combine(Op, Vec<u8>),
    Store(Op, u8, Vec<u8>),
    Card(Vec<u8>, usize),
    Scan(u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0_u8..4;
    let keys = || proptest::collection::vec(key(), 1..4);
    let members = || proptest::collection::vec(0_u8..50, 1..25);
    let op = || prop_oneof![Just(Op::Inter), Just(Op::Union), Just(Op::Diff)];
    prop_oneof![
        4 => (key(), members()).prop_map(|(key, members)| Step::Add(key, members)),
        2 => (key(), members()).prop_map(|(key, members)| Step::Rem(key, members)),
        1 => (key(), key(), 0_u8..50).prop_map(|(from, to, member)| Step::Move(from, to, member)),
        1 => (key(), 0_usize..30).prop_map(|(key, count)| Step::Pop(key, count)),
        1 => (key(), -30_i64..30).prop_map(|(key, count)| Step::Draw(key, count)),
        2 => (op(), keys()).prop_map(|(op, keys)| Step::Combine(op, keys)),
        2 => (op(), key(), keys()).prop_map(|(op, to, keys)| Step::Store(op, to, keys)),
        1 => (keys(), 0_usize..9).prop_map(|(keys, limit)| Step::Card(keys, limit)),
        1 => (key(), 1_usize..20).prop_map(|(key, count)| Step::Scan(key, count)),
    ]
}

type Naive = [BTreeSet<u8>; 4];

fn combine(naive: &Naive, op: Op, keys: &[u8]) -> BTreeSet<u8> {
    let sets = keys.iter().map(|key| naive[usize::from(*key)].clone());
    let combined = match op {
        Op::Inter => sets.reduce(|a, b| &a & &b),
        Op::Union => sets.reduce(|a, b| &a | &b),
        Op::Diff => sets.reduce(|a, b| &a - &b),
    };
    combined.unwrap_or_default()
}

fn name(op: Op) -> &'static str {
    match op {
        Op::Inter => "SINTER",
        Op::Union => "SUNION",
        Op::Diff => "SDIFF",
    }
}

fn list(items: &[u8]) -> String {
    items.iter().map(|item| format!(" {item}")).collect()
}

fn members_of(strings: &[String]) -> BTreeSet<u8> {
    strings.iter().map(|member| member.parse().unwrap()).collect()
}

fn compare(rig: &mut Rig, naive: &mut Naive, step: &Step) -> Result<(), TestCaseError> {
    match step {
        Step::Add(key, members) => {
            let set = &mut naive[usize::from(*key)];
            let added = members.iter().filter(|member| set.insert(**member)).count();
            prop_assert_eq!(rig.run(&format!("SADD {key}{}", list(members))), format!(":{added}"));
        }
        Step::Rem(key, members) => {
            let set = &mut naive[usize::from(*key)];
            let gone = members.iter().filter(|member| set.remove(member)).count();
            prop_assert_eq!(rig.run(&format!("SREM {key}{}", list(members))), format!(":{gone}"));
        }
        Step::Move(from, to, member) => {
            let moved = naive[usize::from(*from)].remove(member);
            if moved {
                naive[usize::from(*to)].insert(*member);
            }
            let reply = format!(":{}", u8::from(moved));
            prop_assert_eq!(rig.run(&format!("SMOVE {from} {to} {member}")), reply);
        }
        Step::Pop(key, count) => {
            let popped = members_of(&rig.strings(&format!("SPOP {key} {count}")));
            let set = &mut naive[usize::from(*key)];
            prop_assert_eq!(popped.len(), set.len().min(*count));
            prop_assert!(popped.iter().all(|member| set.remove(member)));
        }
        Step::Draw(key, count) => {
            let strings = rig.strings(&format!("SRANDMEMBER {key} {count}"));
            let (drawn, set) = (members_of(&strings), &naive[usize::from(*key)]);
            prop_assert!(drawn.is_subset(set));
            let expected = match usize::try_from(*count) {
                Ok(count) => count.min(set.len()),
                Err(_) if set.is_empty() => 0,
                Err(_) => count.unsigned_abs() as usize,
            };
            prop_assert_eq!(strings.len(), expected);
            prop_assert!(*count < 0 || drawn.len() == expected);
        }
        Step::Combine(op, keys) => {
            let strings = rig.strings(&format!("{}{}", name(*op), list(keys)));
            let expected = combine(naive, *op, keys);
            prop_assert_eq!(strings.len(), expected.len());
            prop_assert_eq!(members_of(&strings), expected);
        }
        Step::Store(op, to, keys) => {
            let result = combine(naive, *op, keys);
            let reply = format!(":{}", result.len());
            naive[usize::from(*to)] = result;
            prop_assert_eq!(rig.run(&format!("{}STORE {to}{}", name(*op), list(keys))), reply);
        }
        Step::Card(keys, limit) => {
            let all = combine(naive, Op::Inter, keys).len();
            let counted = if *limit == 0 { all } else { all.min(*limit) };
            let request = format!("SINTERCARD {}{} LIMIT {limit}", keys.len(), list(keys));
            prop_assert_eq!(rig.run(&request), format!(":{counted}"));
        }
        Step::Scan(key, count) => {
            let mut seen = BTreeSet::new();
            let mut cursor = "0".to_owned();
            loop {
                let strings = rig.strings(&format!("SSCAN {key} {cursor} COUNT {count}"));
                seen.append(&mut members_of(&strings[1..]));
                cursor.clone_from(&strings[0]);
                if cursor == "0" {
                    break;
                }
            }
            prop_assert_eq!(&seen, &naive[usize::from(*key)]);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn agrees_with_sorted_sets(steps in proptest::collection::vec(step(), 0..60)) {
        let mut rig = Rig::new();
        rig.keyspace.settings_mut().thresholds.set_max_listpack_entries = 0;
        let mut naive = Naive::default();
        for step in &steps {
            compare(&mut rig, &mut naive, step)?;
            let keys = naive.iter().filter(|set| !set.is_empty()).count();
            prop_assert_eq!(rig.keyspace.data().len(0), keys);
        }
        for (key, set) in naive.iter().enumerate() {
            prop_assert_eq!(&members_of(&rig.strings(&format!("SMEMBERS {key}"))), set);
        }
    }
}
