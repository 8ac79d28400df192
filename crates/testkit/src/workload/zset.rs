use super::command;
use super::draw::{KEYS, index, key, member, named, repeated, score, score_bound};
use crate::{Command, Rng};

/// A random command on sorted sets.
pub(super) fn command(rng: &mut Rng) -> Command {
    let name = key(rng, "z");
    match rng.below(32) {
        0..=4 => repeated(rng, command!["ZADD", name], 5, scored),
        5..=7 => add_with_options(rng, name),
        8..=10 => command!["ZINCRBY", name, score(rng), member(rng)],
        11..=12 => repeated(rng, command!["ZREM", name], 3, |rng, to| to.push(member(rng))),
        13 => command!["ZREMRANGEBYRANK", name, index(rng), index(rng)],
        14 => command!["ZREMRANGEBYSCORE", name, score_bound(rng), score_bound(rng)],
        15 | 30 => by_lex(rng),
        16 => command![rng.pick(&["ZPOPMIN", "ZPOPMAX"]), name],
        17 => command![rng.pick(&["ZPOPMIN", "ZPOPMAX"]), name, rng.below(20).to_string()],
        18 => stored(rng, "ZUNIONSTORE", name),
        19 => stored(rng, "ZINTERSTORE", name),
        20..=29 => read(rng, name),
        _ => command!["ZCARD", name],
    }
}

fn read(rng: &mut Rng, name: Vec<u8>) -> Command {
    match rng.below(9) {
        0 => command!["ZSCORE", name, member(rng)],
        1 => command!["ZRANK", name, member(rng)],
        2 => command!["ZREVRANK", name, member(rng)],
        3 => command!["ZCOUNT", name, score_bound(rng), score_bound(rng)],
        4 => command!["ZRANGE", name, index(rng), index(rng)],
        5 => command!["ZRANGE", name, index(rng), index(rng), "WITHSCORES"],
        6 => command!["ZREVRANGE", name, index(rng), index(rng), "withscores"],
        7 => command!["ZRANGEBYSCORE", name, score_bound(rng), score_bound(rng), "WITHSCORES"],
        _ => {
            let (skip, most) = (rng.below(3).to_string(), rng.between(-1, 20).to_string());
            let (from, to) = (score_bound(rng), score_bound(rng));
            command!["ZREVRANGEBYSCORE", name, from, to, "LIMIT", skip, most]
        }
    }
}

/// A command on ranges of members. Its keys start with `x` and only ever hold members of score 0:
/// with other scores the outcome depends on the levels of a real server's skip list, which it draws
/// by chance, and even differs between a real master and its own replica.
fn by_lex(rng: &mut Rng) -> Command {
    let name = named("x", rng.below(KEYS));
    match rng.below(8) {
        0..=3 => repeated(rng, command!["ZADD", name], 8, |rng, to| {
            to.extend([b"0".to_vec(), member(rng)]);
        }),
        4 => command!["ZREMRANGEBYLEX", name, lex_bound(rng), lex_bound(rng)],
        5 => command!["ZRANGEBYLEX", name, lex_bound(rng), lex_bound(rng)],
        6 => command!["ZREVRANGEBYLEX", name, lex_bound(rng), lex_bound(rng)],
        _ => command!["ZLEXCOUNT", name, lex_bound(rng), lex_bound(rng)],
    }
}

fn add_with_options(rng: &mut Rng, name: Vec<u8>) -> Command {
    let mut add = command!["ZADD", name];
    match rng.below(3) {
        0 => add.push(b"NX".to_vec()),
        1 => add.push(b"XX".to_vec()),
        _ => {}
    }
    if rng.one_in(3) {
        add.push(b"CH".to_vec());
    }
    if rng.one_in(4) {
        add.push(b"INCR".to_vec());
        scored(rng, &mut add);
        return add;
    }
    repeated(rng, add, 5, scored)
}

fn scored(rng: &mut Rng, to: &mut Command) {
    to.extend([score(rng), member(rng)]);
}

/// One end of a range of members.
pub(super) fn lex_bound(rng: &mut Rng) -> Vec<u8> {
    match rng.below(6) {
        0 => b"-".to_vec(),
        1 => b"+".to_vec(),
        n => [if n % 2 == 0 { &b"["[..] } else { b"(" }, &member(rng)].concat(),
    }
}

fn stored(rng: &mut Rng, name: &str, into: Vec<u8>) -> Command {
    let keys = 1 + rng.below(3);
    let mut store = command![name, into, keys.to_string()];
    // Sets may take part too.
    store.extend((0..keys).map(|_| {
        let initial = if rng.one_in(5) { "e" } else { "z" };
        key(rng, initial)
    }));
    if rng.one_in(2) {
        store.push(b"WEIGHTS".to_vec());
        store.extend((0..keys).map(|_| rng.pick(&["1", "2", "0.5"]).into()));
    }
    if rng.one_in(2) {
        store.extend(command!["AGGREGATE", rng.pick(&["SUM", "MIN", "max"])]);
    }
    store
}
