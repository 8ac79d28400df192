use super::command;
use super::draw::{named, repeated};
use crate::{Command, Rng};

/// A random command on HyperLogLogs, which reads and changes their bytes.
pub(super) fn command(rng: &mut Rng) -> Command {
    let name = key(rng);
    match rng.below(12) {
        0..=5 => repeated(rng, command!["PFADD", name], 9, |rng, to| {
            to.push(rng.below(100_000).to_string().into_bytes());
        }),
        6..=7 => command!["PFCOUNT", name],
        8 => command!["PFCOUNT", name, key(rng)],
        9 => repeated(rng, command!["PFMERGE", name], 2, |rng, to| to.push(key(rng))),
        10 if rng.one_in(20) => command!["DEL", name],
        10 => command!["PFMERGE", name],
        _ => command!["GET", name],
    }
}

pub(super) fn key(rng: &mut Rng) -> Vec<u8> {
    named("p", rng.below(4))
}
