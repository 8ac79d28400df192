use super::command;
use super::draw::{integer, key, member, repeated};
use crate::{Command, Rng};

/// A random command on sets. Keys with the initial `i` get integers only, so that they stay intsets
/// until a set of the other kind is stored there.
pub(super) fn command(rng: &mut Rng, decided: bool) -> Command {
    let name = any_set(rng);
    match rng.below(24) {
        0..=3 => {
            let name = key(rng, "e");
            repeated(rng, command!["SADD", name], 5, |rng, to| to.push(member(rng)))
        }
        4..=6 => {
            let name = key(rng, "i");
            repeated(rng, command!["SADD", name], 5, |rng, to| to.push(integer(rng)))
        }
        7..=9 => repeated(rng, command!["SREM", name], 3, |rng, to| to.push(member(rng))),
        10 if !decided => command!["SPOP", name],
        11 if !decided => command!["SPOP", name, rng.below(200).to_string()],
        10..=13 => command!["SMOVE", name, any_set(rng), member(rng)],
        14 => stored(rng, "SDIFFSTORE", name),
        15 => stored(rng, "SINTERSTORE", name),
        16 => stored(rng, "SUNIONSTORE", name),
        17 => command!["SCARD", name],
        18 => command!["SISMEMBER", name, member(rng)],
        19 => command![rng.pick(&["SINTER", "SUNION", "SDIFF"]), name, any_set(rng)],
        _ => command!["SMEMBERS", name],
    }
}

fn stored(rng: &mut Rng, name: &str, into: Vec<u8>) -> Command {
    repeated(rng, command![name, into], 3, |rng, to| to.push(any_set(rng)))
}

fn any_set(rng: &mut Rng) -> Vec<u8> {
    let initial = if rng.one_in(3) { "i" } else { "e" };
    key(rng, initial)
}
