use super::command;
use super::draw::{fraction, key, member, repeated, step, value};
use crate::{Command, Rng};

/// A random command on hashes.
pub(super) fn command(rng: &mut Rng) -> Command {
    let name = key(rng, "h");
    match rng.below(24) {
        0..=5 => pairs(rng, "HSET", name),
        6 => pairs(rng, "HMSET", name),
        7 => command!["HSETNX", name, member(rng), value(rng)],
        8..=10 => repeated(rng, command!["HDEL", name], 3, |rng, to| to.push(member(rng))),
        11 => command!["HSET", name, member(rng), step(rng)],
        12..=13 => command!["HINCRBY", name, member(rng), step(rng)],
        14..=15 => command!["HINCRBYFLOAT", name, member(rng), fraction(rng)],
        16 => command!["HLEN", name],
        17 => command!["HEXISTS", name, member(rng)],
        18 => command!["HSTRLEN", name, member(rng)],
        19 => repeated(rng, command!["HMGET", name], 5, |rng, to| to.push(member(rng))),
        20 => command![rng.pick(&["HKEYS", "HVALS"]), name],
        21 => command!["HGETALL", name],
        _ => command!["HGET", name, member(rng)],
    }
}

fn pairs(rng: &mut Rng, name: &str, key: Vec<u8>) -> Command {
    repeated(rng, command![name, key], 5, |rng, to| {
        let field = member(rng);
        let value = if rng.one_in(3) { step(rng) } else { value(rng) };
        to.extend([field, value]);
    })
}
