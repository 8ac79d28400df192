//! `OBJECT ENCODING` over growth and shrinkage: after each command of a random run redwire says of every
//! key what a real Redis 7.0, which it says it is, says of it. 7.0 goes back to no small form when a
//! value shrinks, but does when it is made anew: by `RESTORE`, by a load, by a command that stores.

use redwire_testkit::workload::seed;
use redwire_testkit::{Client, Command, Peer, Redwire, Reply, Rng, printable};

const STEPS: usize = 12_000;
/// Steps between two loads of all data.
const RELOAD: usize = 1500;

/// Sizes from which on values take another form: small, so that they are crossed often.
const SETTINGS: &[&str] = &[
    "hash-max-listpack-entries 6",
    "hash-max-listpack-value 12",
    "zset-max-listpack-entries 6",
    "zset-max-listpack-value 12",
    "set-max-intset-entries 6",
];

const KEYS: &[&str] = &[
    "string:1", "string:2", "string:3", "hash:1", "hash:2", "set:1", "set:2", "set:3", "zset:1",
    "zset:2", "zset:3", "list:1", "list:2",
];

fn words(line: &str) -> Command {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// A name: mostly one of a few, so that it is met again; now and then too long for a small form.
fn name(rng: &mut Rng) -> String {
    let at = rng.below(10);
    if rng.one_in(12) { format!("a-name-that-is-long-{at}") } else { format!("n{at}") }
}

/// A member of a set: mostly a number.
fn member(rng: &mut Rng) -> String {
    if rng.one_in(15) { name(rng) } else { rng.below(14).to_string() }
}

/// So many of what `make` makes, with blanks between them.
fn some(rng: &mut Rng, most: i64, make: impl Fn(&mut Rng) -> String) -> String {
    (0..rng.between(1, most)).map(|_| make(rng)).collect::<Vec<_>>().join(" ")
}

fn string(rng: &mut Rng) -> String {
    let key = format!("string:{}", rng.between(1, 3));
    let text = "x".repeat(rng.pick(&[&1_usize, &43, &44, &45, &60]).to_owned());
    match rng.below(14) {
        0 | 1 => format!("SET {key} {text}"),
        2 => format!("SET {key} {}", rng.bits() as i64 >> rng.below(60)),
        3 => format!("APPEND {key} {}", rng.below(100)),
        4 => format!("SETRANGE {key} {} 12", rng.below(3)),
        5 => format!("INCRBY {key} 7"),
        6 => format!("INCRBYFLOAT {key} {}", rng.pick(&["1.5", "2", "1e20"])),
        7 => format!("SETBIT {key} {} 1", rng.below(40)),
        8 => format!("BITFIELD {key} SET u8 {} 49", rng.below(3)),
        9 => format!("BITOP NOT {key} string:{}", rng.between(1, 3)),
        10 => format!("GETSET {key} {text}"),
        11 => format!("MSET {key} {text} string:1 12"),
        12 => format!("DEL {key}"),
        _ => format!("GETEX {key} PERSIST"),
    }
}

fn hash(rng: &mut Rng) -> String {
    let key = format!("hash:{}", rng.between(1, 2));
    let pairs = some(rng, 4, |rng| format!("{} {}", name(rng), name(rng)));
    match rng.below(12) {
        0..=3 => format!("HSET {key} {pairs}"),
        4..=7 => format!("HDEL {key} {}", some(rng, 5, name)),
        8 => format!("HSETNX {key} {} {}", name(rng), name(rng)),
        9 => format!("HINCRBYFLOAT {key} f{} {}", rng.below(3), rng.pick(&["1", "0.25", "1e17"])),
        10 => format!("HINCRBY {key} i{} 1", rng.below(3)),
        _ => format!("HMSET {key} {pairs}"),
    }
}

fn set(rng: &mut Rng) -> String {
    let [key, other, third] = [(); 3].map(|()| format!("set:{}", rng.between(1, 3)));
    match rng.below(14) {
        0..=3 => format!("SADD {key} {}", some(rng, 6, member)),
        4..=7 => format!("SREM {key} {}", some(rng, 6, member)),
        8 => format!("SMOVE {key} {other} {}", member(rng)),
        9 => format!("SUNIONSTORE {key} {other} {third}"),
        10 => format!("SINTERSTORE {key} {other} {third}"),
        11 => format!("SDIFFSTORE {key} {other} {third}"),
        12 => format!("SDIFFSTORE {key} {other} {third} hash:none set:1"),
        // All of it: which are taken is chance.
        _ => format!("SPOP {key} 1000"),
    }
}

fn zset(rng: &mut Rng) -> String {
    let [key, other, third] = [(); 3].map(|()| format!("zset:{}", rng.between(1, 3)));
    let score = |rng: &mut Rng| (*rng.pick(&[&"0", &"-0", &"1", &"2.5"])).to_owned();
    let pairs = some(rng, 4, |rng| format!("{} {}", score(rng), name(rng)));
    match rng.below(20) {
        0..=4 => format!("ZADD {key} {pairs}"),
        5..=7 => format!("ZREM {key} {}", some(rng, 5, name)),
        8 => format!("ZREMRANGEBYRANK {key} {} {}", rng.below(3), rng.below(6)),
        9 => format!("ZREMRANGEBYSCORE {key} 0 {}", rng.below(2)),
        // All of it: where scores differ, a real server finds other bounds by chance.
        10 => format!("ZREMRANGEBYLEX {key} - +"),
        11 => format!("ZPOPMIN {key} {}", rng.below(5)),
        12 => format!("ZPOPMAX {key} {}", rng.below(5)),
        13 => format!("ZMPOP 1 {key} MAX COUNT {}", rng.between(1, 5)),
        14 => format!("ZUNIONSTORE {key} 2 {other} {third}"),
        15 => format!("ZINTERSTORE {key} 2 {other} {third} AGGREGATE MIN"),
        16 => format!("ZDIFFSTORE {key} 2 {other} {third}"),
        17 => format!("ZRANGESTORE {key} {other} 0 {}", rng.below(9)),
        18 => format!("ZINCRBY {key} {} {}", score(rng), name(rng)),
        _ => format!("ZADD {key} {} {pairs}", rng.pick(&["NX", "XX", "GT CH"])),
    }
}

fn list(rng: &mut Rng) -> String {
    let [key, other] = [(); 2].map(|()| format!("list:{}", rng.between(1, 2)));
    match rng.below(7) {
        0 | 1 => format!("RPUSH {key} {}", some(rng, 6, name)),
        2 => format!("LPOP {key} {}", rng.below(6)),
        3 => format!("LTRIM {key} 0 {}", rng.below(8)),
        4 => format!("LREM {key} 0 {}", name(rng)),
        5 => format!("LMOVE {key} {other} LEFT RIGHT"),
        _ => format!("SORT {key} ALPHA STORE {other}"),
    }
}

fn key_command(rng: &mut Rng) -> String {
    let from = *rng.pick(&KEYS.iter().collect::<Vec<_>>());
    let kind = from.split(':').next().unwrap_or_default();
    let to = format!("{kind}:{}", rng.between(1, 2));
    match rng.below(4) {
        0 => format!("COPY {from} {to} REPLACE"),
        1 => format!("RENAME {from} {to}"),
        2 => format!("DEL {from}"),
        _ => format!("RESTORED {from} {to}"),
    }
}

/// Runs a line; `RESTORED` is a `DUMP` and a `RESTORE` of what it gave.
fn run(client: &mut Client, line: &str) -> Option<Reply> {
    let Some((from, to)) = line.strip_prefix("RESTORED ").and_then(|it| it.split_once(' ')) else {
        return Some(client.call(&words(line)));
    };
    let payload = client.call(&["DUMP", from]);
    let payload = payload.bytes()?;
    Some(client.call(&[b"RESTORE", to.as_bytes(), b"0", payload, b"REPLACE"]))
}

fn forms(client: &mut Client) -> Vec<String> {
    let ask = |key: &&str| words(&format!("OBJECT ENCODING {key}"));
    let replies = client.pipeline(&KEYS.iter().map(ask).collect::<Vec<_>>());
    KEYS.iter().zip(&replies).map(|(key, form)| format!("{key} {form:?}")).collect()
}

#[test]
fn forms_are_those_of_redis_70() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut there, mut here) = (real.client(), ours.client());
    for setting in SETTINGS {
        for client in [&mut there, &mut here] {
            client.ok(&words(&format!("CONFIG SET {setting}")));
        }
    }
    let mut rng = Rng::new(seed(93));
    let mut said = Vec::new();
    for step in 1..=STEPS {
        let make = [string, hash, set, set, zset, zset, list, key_command][rng.below(8) as usize];
        let line = if step % RELOAD == 0 { "DEBUG RELOAD".to_owned() } else { make(&mut rng) };
        let (expected, got) = (run(&mut there, &line), run(&mut here, &line));
        let errors = [&expected, &got].map(|reply| reply.as_ref().is_some_and(Reply::is_error));
        said.push(line);
        let last = || said[said.len().saturating_sub(400)..].join("\n");
        assert_eq!(errors[0], errors[1], "{expected:?} {got:?}\n{}", last());
        let (expected, got) = (forms(&mut there), forms(&mut here));
        assert_eq!(got, expected, "{}", last());
    }
    println!("{}", printable(&[there.digest()]));
    assert_eq!(here.digest(), there.digest());
}
