use super::command;
use super::draw::{key, repeated};
use crate::{Command, Rng};

/// A random command on the bits of strings.
pub(super) fn command(rng: &mut Rng, decided: bool) -> Command {
    let name = key(rng, "s");
    let bit = rng.below(3000).to_string();
    match rng.below(9) {
        0..=1 => command!["SETBIT", name, bit, rng.below(2).to_string()],
        2 => command!["GETBIT", name, bit],
        3 => command!["BITCOUNT", name],
        4 => command!["BITCOUNT", name, rng.between(-50, 50).to_string(), "-1"],
        5 => command!["BITPOS", name, rng.below(2).to_string(), rng.between(-9, 9).to_string()],
        6 => command!["BITOP", "NOT", name, key(rng, "s")],
        7 => {
            let operation = rng.pick(&["AND", "or", "XOR"]);
            repeated(rng, command!["BITOP", operation, name], 3, |rng, to| to.push(key(rng, "s")))
        }
        _ => fields(rng, name, decided),
    }
}

/// A BITFIELD. One of which all operations fail makes its string longer, and real masters (tried:
/// Redis 7.0 and 8.0, Valkey 9.1) do not tell their replicas: so `FAIL` is only for servers that get
/// the same commands from here.
fn fields(rng: &mut Rng, name: Vec<u8>, decided: bool) -> Command {
    let overflows: &[&str] = if decided { &["WRAP", "sat", "FAIL"] } else { &["WRAP", "sat"] };
    repeated(rng, command!["BITFIELD", name], 3, |rng, to| {
        let kind = rng.pick(&["u8", "i5", "u63", "i64", "u1", "i13"]);
        let offset = rng.pick(&["0", "#3", "77", "#100"]);
        if rng.one_in(3) {
            to.extend(command!["OVERFLOW", rng.pick(overflows)]);
        }
        match rng.below(3) {
            0 => to.extend(command!["GET", kind, offset]),
            1 => to.extend(command!["SET", kind, offset, rng.between(-300, 300).to_string()]),
            _ => to.extend(command!["INCRBY", kind, offset, rng.between(-99, 99).to_string()]),
        }
    })
}
