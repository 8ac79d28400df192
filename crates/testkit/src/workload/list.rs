use super::command;
use super::draw::{index, key, member, repeated, value};
use crate::{Command, Rng};

/// A random command on lists.
pub(super) fn command(rng: &mut Rng) -> Command {
    let name = key(rng, "l");
    match rng.below(24) {
        0..=1 => push(rng, "LPUSH", name),
        2..=4 => push(rng, "RPUSH", name),
        5 => push(rng, "LPUSHX", name),
        6 => push(rng, "RPUSHX", name),
        7..=8 => command!["LPOP", name],
        9..=10 => command!["RPOP", name],
        11 => command!["RPOPLPUSH", name, key(rng, "l")],
        12..=13 => command!["LSET", name, index(rng), value(rng)],
        14..=15 => {
            let side = rng.pick(&["BEFORE", "after"]);
            command!["LINSERT", name, side, member(rng), member(rng)]
        }
        16..=17 => command!["LREM", name, rng.between(-2, 2).to_string(), member(rng)],
        18 => command![
            "LTRIM",
            name,
            rng.between(-400, 3).to_string(),
            rng.between(-4, 400).to_string()
        ],
        19 => command!["LLEN", name],
        20 => command!["LINDEX", name, index(rng)],
        _ => command!["LRANGE", name, index(rng), index(rng)],
    }
}

fn push(rng: &mut Rng, name: &str, key: Vec<u8>) -> Command {
    repeated(rng, command![name, key], 5, |rng, to| {
        to.push(if rng.one_in(4) { value(rng) } else { member(rng) });
    })
}
