use std::collections::BTreeSet;

use super::command;
use super::draw::{key, member, step, value};
use crate::{Command, Rng};

/// A random command on fields of hashes that expire, of Redis 8.0 and Valkey 9.0. Moments are
/// absolute, and lie far in the future or in the past, so that no outcome depends on how fast a test
/// runs.
pub(super) fn command(rng: &mut Rng) -> Command {
    let name = key(rng, "h");
    match rng.below(16) {
        0..=3 => {
            let (expire, at) = moment(rng);
            let mut start = command![["H", expire].concat(), name, at];
            if rng.one_in(3) {
                start.extend(command![rng.pick(&["NX", "XX", "GT", "lt"])]);
            }
            fields(rng, start)
        }
        4 => fields(rng, command!["HPERSIST", name]),
        5..=6 => set(rng, name),
        7 | 14 => fields(rng, command!["HGETEX", name]),
        8 => {
            let (option, at) = option(rng);
            fields(rng, command!["HGETEX", name, option, at])
        }
        9 => fields(rng, command!["HGETEX", name, "PERSIST"]),
        10 => fields(rng, command!["HGETDEL", name]),
        11 => command!["HINCRBY", name, member(rng), step(rng)],
        12 => command!["HSETNX", name, member(rng), value(rng)],
        13 => fields(rng, command!["HEXPIRETIME", name]),
        _ => fields(rng, command!["HPEXPIRETIME", name]),
    }
}

/// `EXPIREAT` or `PEXPIREAT`, with its argument.
fn moment(rng: &mut Rng) -> (&'static str, String) {
    let seconds = rng.between(4_102_444_800, 4_102_448_400);
    match rng.below(12) {
        0 => ("EXPIREAT", "1".into()),
        1 => ("PEXPIREAT", "0".into()),
        2 => ("PEXPIREAT", "-1".into()),
        3 | 4 => ("EXPIREAT", seconds.to_string()),
        _ => ("PEXPIREAT", (seconds * 1000 + rng.between(0, 999)).to_string()),
    }
}

/// `EXAT` or `PXAT`, with its argument.
fn option(rng: &mut Rng) -> (&'static str, String) {
    let (expire, at) = moment(rng);
    (if expire == "EXPIREAT" { "EXAT" } else { "PXAT" }, at)
}

fn set(rng: &mut Rng, name: Vec<u8>) -> Command {
    let mut start = command!["HSETEX", name];
    if rng.one_in(4) {
        start.extend(command![rng.pick(&["FNX", "FXX"])]);
    }
    match rng.below(4) {
        0 => {}
        1 => start.extend(command!["KEEPTTL"]),
        _ => {
            let (option, at) = option(rng);
            start.extend(command![option, at]);
        }
    }
    // A field that comes twice can end a Redis 8.6 (t_hash.c:3463, an assertion).
    let count = 1 + rng.below(4);
    let names: BTreeSet<_> = (0..count).map(|_| member(rng)).collect();
    start.extend(command!["FIELDS", names.len().to_string()]);
    start.extend(names.into_iter().flat_map(|name| [name, value(rng)]));
    start
}

/// `FIELDS`, their number, rarely a wrong one, and the fields.
fn fields(rng: &mut Rng, mut start: Command) -> Command {
    let most = if rng.one_in(20) { 200 } else { 5 };
    let count = 1 + rng.below(most);
    let told = if rng.one_in(60) { rng.below(3) } else { count };
    start.extend(command!["FIELDS", told.to_string()]);
    start.extend((0..count).map(|_| member(rng)));
    start
}
