//! `OBJECT ENCODING` over growth and shrinkage: after each command of a random run redwire says of every
//! key what a real Redis 7.0, which it says it is, says of it. 7.0 goes back to no small form when a
//! value shrinks, but does when it is made anew: by `RESTORE`, by a load, by a command that stores.
//! Later servers have forms and rules of their own: see [`Different`].

use redwire_testkit::workload::seed;
use redwire_testkit::{Client, Command, Peer, Redwire, Reply, Rng, printable};

const STEPS: usize = 12_000;
/// Steps between two loads of all data.
const RELOAD: usize = 500;
/// Steps between two beginnings without data, under other settings.
const ANEW: usize = 2000;

/// Sizes from which on values take another form: most are small, so that they are crossed often. The
/// first are those to begin with.
const SETTINGS: &[(&str, &[&str])] = &[
    ("hash-max-listpack-entries", &["6", "0", "1", "3", "512"]),
    ("hash-max-listpack-value", &["12", "0", "2", "64"]),
    ("zset-max-listpack-entries", &["6", "0", "1", "3", "128"]),
    ("zset-max-listpack-value", &["12", "0", "2", "64"]),
    ("set-max-intset-entries", &["6", "0", "1", "3", "512"]),
    ("list-max-listpack-size", &["-2", "-5", "1", "3", "0", "128"]),
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
    replies.iter().map(Reply::text).collect()
}

/// How a later server differs from Redis 7.0, whose forms redwire tells of.
struct Different {
    peers: &'static [Peer],
    /// What the key's name begins with.
    keys: &'static str,
    real: &'static str,
    ours: &'static str,
    #[allow(dead_code, reason = "for who reads it")]
    why: &'static str,
}

const LATER: &[Peer] = &[Peer::Redis80, Peer::Redis86, Peer::Valkey91];

const DIFFERENT: &[Different] = &[
    Different {
        peers: LATER,
        keys: "list",
        real: "listpack",
        ours: "quicklist",
        why: "a list that one node holds is that node since 7.2",
    },
    Different {
        peers: LATER,
        keys: "set",
        real: "listpack",
        ours: "hashtable",
        why: "small sets of other members than numbers have a form of their own since 7.2",
    },
    Different {
        peers: LATER,
        keys: "set",
        real: "listpack",
        ours: "intset",
        why: "that form stays in DUMP and RESTORE, and in a load, if only numbers are left in it",
    },
    Different {
        peers: &[Peer::Redis86, Peer::Valkey91],
        keys: "string",
        real: "raw",
        ours: "embstr",
        why: "a string lies with its key, and what is left of the room for both decides",
    },
    Different {
        peers: &[Peer::Redis86, Peer::Valkey91],
        keys: "string",
        real: "embstr",
        ours: "raw",
        why: "likewise",
    },
];

/// Whether a later server gives a value a large form ahead of what comes: it looks at what a command
/// brings, though some of it comes twice, is there, or is not wanted.
fn is_sized_ahead(line: &str, settings: &[String]) -> bool {
    let limit = |name: &str| {
        let found = settings.iter().find_map(|line| line.split_once(name)?.1.trim().parse().ok());
        found.unwrap_or(usize::MAX)
    };
    let words: Vec<&str> = line.split(' ').collect();
    let (args, longest) = (words.len() - 2, words.iter().skip(2).map(|it| it.len()).max());
    match words[0] {
        "SADD" => args > limit("set-max-intset-entries"),
        "HSET" | "HMSET" => args / 2 > limit("hash-max-listpack-entries"),
        "ZADD" => {
            let has_options = ["NX", "XX", "GT"].contains(&words[2]);
            let is_long = longest > Some(limit("zset-max-listpack-value"));
            args / 2 > limit("zset-max-listpack-entries") || (has_options && is_long)
        }
        _ => false,
    }
}

/// Whether the servers say the same, or are known not to.
fn is_alike(peer: Peer, (key, real): (&str, &str), ours: &str) -> bool {
    let is = |it: &Different| {
        it.peers.contains(&peer) && key.starts_with(it.keys) && it.real == real && it.ours == ours
    };
    real == ours || DIFFERENT.iter().any(is)
}

fn forms_are_those_of(peer: Peer) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut there, mut here) = (real.client(), ours.client());
    let mut rng = Rng::new(seed(93));
    let (mut said, mut settings) = (Vec::new(), Vec::new());
    for step in 0..=STEPS {
        let lines = if step % ANEW == 0 {
            settings = anew(&mut rng, step == 0);
            settings.clone()
        } else if step % RELOAD == 0 {
            vec!["DEBUG RELOAD".to_owned()]
        } else {
            let kinds = [string, hash, set, set, zset, zset, list, key_command];
            let line = kinds[rng.below(8) as usize](&mut rng);
            if LATER.contains(&peer) && is_sized_ahead(&line, &settings) {
                continue;
            }
            vec![line]
        };
        for line in lines {
            let (expected, got) = (run(&mut there, &line), run(&mut here, &line));
            let errors = [&expected, &got].map(|reply| reply.as_ref().is_some_and(Reply::is_error));
            said.push(line);
            assert_eq!(errors[0], errors[1], "{expected:?} {got:?}\n{}", last(&said));
        }
        let (expected, got) = (forms(&mut there), forms(&mut here));
        for ((key, expected), got) in KEYS.iter().zip(&expected).zip(&got) {
            let alike = is_alike(peer, (key, expected), got);
            assert!(alike, "{key}: {expected} there, {got} here\n{}", last(&said));
        }
        if step % RELOAD == 0 && peer == Peer::Redis70 {
            assert_eq!(here.digest(), there.digest(), "{}", last(&said));
        }
    }
    println!("{}", printable(&[there.digest()]));
}

fn last(said: &[String]) -> String {
    said[said.len().saturating_sub(400)..].join("\n")
}

/// No data, and other settings.
fn anew(rng: &mut Rng, is_first: bool) -> Vec<String> {
    let set = SETTINGS.iter().map(|(name, values)| {
        let value = if is_first { values[0] } else { rng.pick(values) };
        format!("CONFIG SET {name} {value}")
    });
    ["FLUSHALL".to_owned()].into_iter().chain(set.collect::<Vec<_>>()).collect()
}

#[test]
fn forms_are_those_of_redis_70() {
    forms_are_those_of(Peer::Redis70);
}

#[test]
fn forms_are_like_those_of_redis_80() {
    forms_are_those_of(Peer::Redis80);
}

#[test]
fn forms_are_like_those_of_redis_86() {
    forms_are_those_of(Peer::Redis86);
}

#[test]
fn forms_are_like_those_of_valkey_91() {
    forms_are_those_of(Peer::Valkey91);
}
