use super::draw::{key, repeated};
use super::{DATABASES, command};
use crate::{Command, Rng};

/// A random command on keys of any type. Expiries lie far in the future or in the past, so that no
/// outcome depends on how fast a test runs.
pub(super) fn command(rng: &mut Rng) -> Command {
    let initial = rng.pick(&["s", "l", "h", "e", "i", "z"]);
    let name = key(rng, initial);
    match rng.below(28) {
        0 => several(rng, "DEL", name),
        1 => several(rng, "UNLINK", name),
        2..=5 => command!["EXPIRE", name, seconds(rng)],
        6 => command!["PEXPIRE", name, seconds(rng) + "000"],
        7 => command!["EXPIREAT", name, "4102444800"],
        8 => command!["PEXPIREAT", name, "4102444800123"],
        9..=11 => command!["PERSIST", name],
        12..=13 => command!["RENAME", name, key(rng, initial)],
        14 => command!["RENAMENX", name, key(rng, initial)],
        15..=16 => command!["MOVE", name, rng.below(DATABASES).to_string()],
        17 => several(rng, "EXISTS", name),
        18 => several(rng, "TOUCH", name),
        19 => command!["DBSIZE"],
        20 => command!["KEYS", rng.pick(&["s:1*", "?:[0-4]", "e:[^3]", "*", "h:\\1"])],
        21..=23 => command!["TYPE", name],
        _ => command!["EXISTS", name],
    }
}

fn seconds(rng: &mut Rng) -> String {
    if rng.one_in(20) { "-1".to_owned() } else { rng.between(100_000, 900_000).to_string() }
}

fn several(rng: &mut Rng, command: &str, name: Vec<u8>) -> Command {
    let most = 1 + rng.below(2);
    repeated(rng, command![command, name], most, |rng, to| {
        let initial = rng.pick(&["s", "l", "h", "e", "i", "z"]);
        to.push(key(rng, initial));
    })
}
