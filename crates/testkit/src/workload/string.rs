use super::command;
use super::draw::{fraction, integer, key, repeated, step, value};
use crate::{Command, Rng};

/// A random command on strings.
pub(super) fn command(rng: &mut Rng) -> Command {
    let name = key(rng, "s");
    match rng.below(26) {
        0..=2 => command!["SET", name, value(rng)],
        3..=4 => set_with_options(rng, name),
        5 => command!["SETNX", name, value(rng)],
        6 => command!["SETEX", name, "100000", value(rng)],
        7 => command!["PSETEX", name, "100000000", value(rng)],
        8 => command!["GETSET", name, value(rng)],
        9 => command!["APPEND", name, value(rng)],
        10 => command!["SETRANGE", name, rng.below(300).to_string(), value(rng)],
        11 => command!["SET", name, integer(rng)],
        12 => command!["INCR", name],
        13 => command!["DECR", name],
        14 => command!["INCRBY", name, step(rng)],
        15 => command!["DECRBY", name, step(rng)],
        16 => command!["INCRBYFLOAT", name, fraction(rng)],
        17 => pairs(rng, "MSET"),
        18 => pairs(rng, "MSETNX"),
        19 => repeated(rng, command!["MGET"], 5, |rng, to| to.push(key(rng, "s"))),
        20 => command!["STRLEN", name],
        21 => {
            let (from, to) = (rng.between(-300, 300), rng.between(-300, 300));
            command!["GETRANGE", name, from.to_string(), to.to_string()]
        }
        _ => command!["GET", name],
    }
}

fn set_with_options(rng: &mut Rng, name: Vec<u8>) -> Command {
    let mut set = command!["SET", name, value(rng)];
    match rng.below(5) {
        0 => set.extend(command!["EX", "100000"]),
        1 => set.extend(command!["PX", "100000000"]),
        2 => set.extend(command!["KEEPTTL"]),
        _ => {}
    }
    match rng.below(3) {
        0 => set.extend(command!["nx"]),
        1 => set.extend(command!["XX"]),
        _ => {}
    }
    set
}

fn pairs(rng: &mut Rng, name: &str) -> Command {
    repeated(rng, command![name], 5, |rng, to| to.extend([key(rng, "s"), value(rng)]))
}
