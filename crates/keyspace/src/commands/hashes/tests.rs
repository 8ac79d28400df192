//! Hashes: replies, effects and key events as redis-server 7.0.15 gave them, and a naive twin.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::commands::testing::Rig;

#[test]
fn replies() {
    Rig::new().check(&[
        ("HSET h a 1 b 2", ":2"),
        ("HSET h a 3 c 4", ":1"),
        ("HSET h a", "-ERR wrong number of arguments for 'hset' command"),
        ("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command"),
        ("HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command"),
        ("HMSET m f v", "+OK"),
        ("HSETNX h a 9", ":0"),
        ("HSETNX h d 5", ":1"),
        ("HGET h a", "$1 3"),
        ("HGET h none", "$-1"),
        ("HGET none a", "$-1"),
        ("HMGET h a none d", "*3 $1 3 $-1 $1 5"),
        ("HMGET none a b", "*2 $-1 $-1"),
        ("HLEN h", ":4"),
        ("HLEN none", ":0"),
        ("HEXISTS h a", ":1"),
        ("HEXISTS h none", ":0"),
        ("HEXISTS none a", ":0"),
        ("HSTRLEN m f", ":1"),
        ("HSTRLEN m none", ":0"),
        ("HSTRLEN none f", ":0"),
        ("HGETALL m", "*2 $1 f $1 v"),
        ("HKEYS m", "*1 $1 f"),
        ("HVALS m", "*1 $1 v"),
        ("HGETALL none", "*0"),
        ("HKEYS none", "*0"),
        ("HVALS none", "*0"),
        ("HDEL h a none b", ":2"),
        ("HDEL h a", ":0"),
        ("HDEL none a", ":0"),
        ("HDEL h c d", ":2"),
        ("HLEN h", ":0"),
        ("HSET h n 10 s text", ":2"),
        ("HINCRBY h n 5", ":15"),
        ("HINCRBY h n -20", ":-5"),
        ("HINCRBY h new 7", ":7"),
        ("HINCRBY h n 9223372036854775807", ":9223372036854775802"),
        ("HINCRBY h n 1", ":9223372036854775803"),
        ("HSET h n 9223372036854775807", ":0"),
        ("HINCRBY h n 1", "-ERR increment or decrement would overflow"),
        ("HINCRBY h s 1", "-ERR hash value is not an integer"),
        ("HINCRBY h n x", "-ERR value is not an integer or out of range"),
        ("HINCRBY h n 1.5", "-ERR value is not an integer or out of range"),
        ("HINCRBYFLOAT h f 10.5", "$4 10.5"),
        ("HINCRBYFLOAT h f 0.1", "$4 10.6"),
        ("HINCRBYFLOAT h f -5.0e3", "$23 -4989.39999999999999991"),
        ("HINCRBYFLOAT h s 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT h f x", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity"),
        ("HINCRBYFLOAT h f nan", "-ERR value is not a valid float"),
        ("RPUSH l x", ":1"),
        ("HSET l a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HGET l a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HINCRBY l a x", "-ERR value is not an integer or out of range"),
        ("HINCRBY l a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HINCRBYFLOAT l a x", "-ERR value is not a valid float"),
        (
            "HINCRBYFLOAT l a 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("HGETALL l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HDEL l a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn replies_in_resp3() {
    Rig::resp3().check(&[
        ("HSET h f v", ":1"),
        ("HGETALL h", "%1 $1 f $1 v"),
        ("HKEYS h", "*1 $1 f"),
        ("HVALS h", "*1 $1 v"),
        ("HGETALL none", "%0"),
        ("HKEYS none", "*0"),
        ("HGET h none", "_"),
        ("HMGET h none f", "*2 _ $1 v"),
        ("HINCRBYFLOAT h n 1.5", "$3 1.5"),
        ("HDEL h n", ":1"),
        ("HRANDFIELD h", "$1 f"),
        ("HRANDFIELD none", "_"),
        ("HRANDFIELD h 5", "*1 $1 f"),
        ("HRANDFIELD h -2", "*2 $1 f $1 f"),
        ("HRANDFIELD h 1 WITHVALUES", "*1 *2 $1 f $1 v"),
        ("HRANDFIELD h -2 WITHVALUES", "*2 *2 $1 f $1 v *2 $1 f $1 v"),
        ("HRANDFIELD none 1", "*0"),
        ("HSCAN h 0", "*2 $1 0 *2 $1 f $1 v"),
        ("HSCAN none 0", "*2 $1 0 *0"),
    ]);
}

#[test]
fn random_fields() {
    Rig::new().check(&[
        ("HSET h f v", ":1"),
        ("HRANDFIELD h", "$1 f"),
        ("HRANDFIELD none", "$-1"),
        ("HRANDFIELD h 1", "*1 $1 f"),
        ("HRANDFIELD h 5 withvalues", "*2 $1 f $1 v"),
        ("HRANDFIELD h -2", "*2 $1 f $1 f"),
        ("HRANDFIELD h -2 WITHVALUES", "*4 $1 f $1 v $1 f $1 v"),
        ("HRANDFIELD h 0", "*0"),
        ("HRANDFIELD none 1", "*0"),
        ("HRANDFIELD none -1 WITHVALUES", "*0"),
        ("HRANDFIELD h x", "-ERR value is not an integer or out of range"),
        ("HRANDFIELD h x y", "-ERR value is not an integer or out of range"),
        ("HRANDFIELD h 1 y", "-ERR syntax error"),
        ("HRANDFIELD h 1 WITHVALUES x", "-ERR syntax error"),
        ("HRANDFIELD h -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"),
        ("HRANDFIELD h -9223372036854775807 WITHVALUES", "-ERR value is out of range"),
        ("HRANDFIELD h 9223372036854775807", "*1 $1 f"),
        ("HRANDFIELD h 9223372036854775807 WITHVALUES", "-ERR value is out of range"),
        ("HRANDFIELD h 4611686018427387903 WITHVALUES", "*2 $1 f $1 v"),
    ]);
}

#[test]
fn scans() {
    Rig::new().check(&[
        ("HSET h field value", ":1"),
        ("HSCAN h 0", "*2 $1 0 *2 $5 field $5 value"),
        ("HSCAN h 0 MATCH f*", "*2 $1 0 *2 $5 field $5 value"),
        ("HSCAN h 0 MATCH g* COUNT 1", "*2 $1 0 *0"),
        ("HSCAN h 0 match * count 100", "*2 $1 0 *2 $5 field $5 value"),
        ("HSCAN none 0", "*2 $1 0 *0"),
        ("HSCAN none x", "-ERR invalid cursor"),
        ("HSCAN none 0 FOO", "*2 $1 0 *0"),
        ("HSCAN h x", "-ERR invalid cursor"),
        ("HSCAN h 0 COUNT 0", "-ERR syntax error"),
        ("HSCAN h 0 COUNT -1", "-ERR syntax error"),
        ("HSCAN h 0 COUNT x", "-ERR value is not an integer or out of range"),
        ("HSCAN h 0 COUNT", "-ERR syntax error"),
        ("HSCAN h 0 MATCH", "-ERR syntax error"),
        ("HSCAN h 0 TYPE string", "-ERR syntax error"),
    ]);
}

#[test]
fn effects_and_events() {
    Rig::new().check_traces(&[
        ("HSET h a 1 b 2", &["HSET h a 1 b 2"], &["hset h"]),
        ("HSET h a 1", &["HSET h a 1"], &["hset h"]),
        ("HSETNX h a 2", &[], &[]),
        ("HSETNX h c 2", &["HSETNX h c 2"], &["hset h"]),
        ("HMSET h d 1", &["HMSET h d 1"], &["hset h"]),
        ("HINCRBY h a 2", &["HINCRBY h a 2"], &["hincrby h"]),
        ("HINCRBY h a x", &[], &[]),
        ("HINCRBYFLOAT h a 0.25", &["HSET h a 3.25"], &["hincrbyfloat h"]),
        ("HINCRBYFLOAT h a x", &[], &[]),
        ("HDEL h none", &[], &[]),
        ("HDEL h a none b", &["HDEL h a none b"], &["hdel h"]),
        ("HDEL h c d x", &["HDEL h c d x"], &["hdel h", "del h"]),
        ("HINCRBYFLOAT new f 3.0e2", &["HSET new f 300"], &["hincrbyfloat new"]),
        ("HINCRBY new g 0", &["HINCRBY new g 0"], &["hincrby new"]),
    ]);
}

#[test]
fn a_repeated_draw_is_bounded() {
    let mut rig = Rig::new();
    let value = vec![b'v'; 1 << 20];
    rig.call([b"HSET".as_slice(), b"h", b"f", &value]);
    rig.check(&[("HRANDFIELD h -1000000000 WITHVALUES", "-ERR value is out of range")]);
    assert_eq!(rig.strings("HRANDFIELD h -100000").len(), 100_000);
}

#[test]
fn draws_reach_every_field() {
    let mut rig = Rig::new();
    rig.run("HSET h a 1 b 2 c 3 d 4");
    for request in ["HRANDFIELD h", "HRANDFIELD h 1", "HRANDFIELD h -1", "HRANDFIELD h 3"] {
        let drawn: BTreeSet<String> = (0..200).flat_map(|_| rig.strings(request)).collect();
        assert_eq!(drawn.len(), 4, "{request}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(Vec<(u8, i64)>),
    SetNx(u8, i64),
    Get(u8),
    GetMany(Vec<u8>),
    Del(Vec<u8>),
    IncrBy(u8, i64),
    All,
    Draw(i64),
    Scan(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let field = || 0_u8..60;
    let fields = || proptest::collection::vec(field(), 1..8);
    prop_oneof![
        4 => proptest::collection::vec((field(), -9_i64..9), 1..12).prop_map(Step::Set),
        1 => (field(), -9_i64..9).prop_map(|(field, value)| Step::SetNx(field, value)),
        1 => field().prop_map(Step::Get),
        1 => fields().prop_map(Step::GetMany),
        2 => fields().prop_map(Step::Del),
        1 => (field(), -9_i64..9).prop_map(|(field, by)| Step::IncrBy(field, by)),
        1 => Just(Step::All),
        1 => (-20_i64..20).prop_map(Step::Draw),
        1 => (1_usize..20).prop_map(Step::Scan),
    ]
}

/// Runs a step on both and compares what is deterministic.
fn compare(rig: &mut Rig, naive: &mut BTreeMap<u8, i64>, step: &Step) -> Result<(), TestCaseError> {
    let bulk = |value: Option<&i64>| {
        value.map_or("$-1".into(), |value| format!("${} {value}", value.to_string().len()))
    };
    let list = |fields: &[u8]| fields.iter().map(|field| format!(" {field}")).collect::<String>();
    match step {
        Step::Set(pairs) => {
            let args: String = pairs.iter().map(|(f, v)| format!(" {f} {v}")).collect();
            let before = naive.len();
            naive.extend(pairs.iter().copied());
            prop_assert_eq!(
                rig.run(&format!("HSET h{args}")),
                format!(":{}", naive.len() - before)
            );
        }
        Step::SetNx(field, value) => {
            let is_new = !naive.contains_key(field);
            naive.entry(*field).or_insert(*value);
            let reply = format!(":{}", u8::from(is_new));
            prop_assert_eq!(rig.run(&format!("HSETNX h {field} {value}")), reply);
        }
        Step::Get(field) => {
            prop_assert_eq!(rig.run(&format!("HGET h {field}")), bulk(naive.get(field)));
        }
        Step::GetMany(fields) => {
            let values: Vec<String> = fields.iter().map(|field| bulk(naive.get(field))).collect();
            let reply = format!("*{} {}", values.len(), values.join(" "));
            prop_assert_eq!(rig.run(&format!("HMGET h{}", list(fields))), reply);
        }
        Step::Del(fields) => {
            let deleted = fields.iter().filter(|field| naive.remove(field).is_some()).count();
            prop_assert_eq!(rig.run(&format!("HDEL h{}", list(fields))), format!(":{deleted}"));
        }
        Step::IncrBy(field, by) => {
            let sum = naive.entry(*field).or_insert(0);
            *sum += by;
            prop_assert_eq!(rig.run(&format!("HINCRBY h {field} {by}")), format!(":{sum}"));
        }
        Step::All => prop_assert_eq!(&pairs_of(&rig.strings("HGETALL h")), naive),
        Step::Draw(count) => {
            let strings = rig.strings(&format!("HRANDFIELD h {count} WITHVALUES"));
            let drawn = pairs_of(&strings);
            prop_assert!(drawn.iter().all(|(field, value)| naive.get(field) == Some(value)));
            let expected = match usize::try_from(*count) {
                Ok(count) => count.min(naive.len()),
                Err(_) if naive.is_empty() => 0,
                Err(_) => count.unsigned_abs() as usize,
            };
            prop_assert_eq!(strings.len(), expected * 2);
            prop_assert!(*count < 0 || drawn.len() == expected);
        }
        Step::Scan(count) => {
            let mut seen = BTreeMap::new();
            let mut cursor = "0".to_owned();
            loop {
                let strings = rig.strings(&format!("HSCAN h {cursor} COUNT {count}"));
                seen.append(&mut pairs_of(&strings[1..]));
                cursor.clone_from(&strings[0]);
                if cursor == "0" {
                    break;
                }
            }
            prop_assert_eq!(&seen, naive);
        }
    }
    Ok(())
}

fn pairs_of(strings: &[String]) -> BTreeMap<u8, i64> {
    let pairs = strings.chunks(2);
    pairs.map(|pair| (pair[0].parse().unwrap(), pair[1].parse().unwrap())).collect()
}

proptest! {
    #[test]
    fn agrees_with_a_map(
        steps in proptest::collection::vec(step(), 0..60),
        scans_whole in any::<bool>(),
    ) {
        let mut rig = Rig::new();
        if !scans_whole {
            rig.keyspace.settings_mut().thresholds.hash_max_listpack_entries = 0;
        }
        let mut naive = BTreeMap::new();
        for step in &steps {
            compare(&mut rig, &mut naive, step)?;
            prop_assert_eq!(rig.keyspace.data().len(0), usize::from(!naive.is_empty()));
        }
    }
}
