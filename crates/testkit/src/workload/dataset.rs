use super::draw::{fraction, integer, member, named, value};
use super::{DATABASES, command};
use crate::{Command, Rng};

/// Elements of the collections: around the thresholds of the compact encodings (128 entries for
/// listpacks, 512 for intsets), and large.
const SIZES: [usize; 9] = [1, 3, 40, 127, 128, 129, 512, 513, 3000];

/// Commands that fill an empty server with values of every supported type, encoding and size, in
/// several databases: 3,500 keys, 30 MB of commands, 11 MB as a compressed file.
///
/// The keys are those of [`Workload`](super::Workload) and more. The last command selects database
/// 0 again.
#[must_use]
pub fn dataset(seed: u64) -> Vec<Command> {
    let mut rng = Rng::new(seed);
    let mut commands = Vec::new();
    for database in 0..DATABASES {
        commands.push(command!["SELECT", database.to_string()]);
        strings(&mut rng, &mut commands);
        for (n, size) in (0..).zip(SIZES) {
            collections(&mut rng, n, size, &mut commands);
        }
        expiries(&mut rng, &mut commands);
    }
    commands.push(command!["SELECT", "0"]);
    commands
}

fn strings(rng: &mut Rng, commands: &mut Vec<Command>) {
    for n in 0..400 {
        commands.push(command!["SET", named("s", n), value(rng)]);
    }
    for (n, len) in (400..).zip([11, 12, 20, 21, 44, 45, 63, 64, 16_383, 16_384, 20_000, 200_000]) {
        commands.push(command!["SET", named("s", n), rng.bytes(len)]);
    }
    for n in 420..500 {
        commands.push(command!["SET", named("s", n), integer(rng)]);
    }
}

/// One collection of each kind with about `size` elements.
fn collections(rng: &mut Rng, n: u64, size: usize, commands: &mut Vec<Command>) {
    let mut fill =
        |command: &str, name: String, element: &mut dyn FnMut(&mut Rng, usize) -> Command| {
            let start = command![command, name];
            for from in (0..size).step_by(500) {
                let elements = (from..size.min(from + 500)).flat_map(|i| element(rng, i));
                commands.push(start.iter().cloned().chain(elements).collect());
            }
        };
    let text = |i: usize| format!("element {i}").into_bytes();
    fill("RPUSH", format!("l:{n}"), &mut |_, i| command![text(i)]);
    fill("RPUSH", format!("l:mixed:{n}"), &mut |rng, _| command![value(rng)]);
    fill("HSET", format!("h:{n}"), &mut |rng, i| command![text(i), integer(rng)]);
    fill("HSET", format!("h:mixed:{n}"), &mut |rng, _| command![member(rng), value(rng)]);
    fill("SADD", format!("e:{n}"), &mut |_, i| command![text(i)]);
    fill("SADD", format!("i:{n}"), &mut |_, i| command![i.to_string()]);
    fill("SADD", format!("i:wide:{n}"), &mut |rng, _| command![integer(rng)]);
    fill("SADD", format!("e:mixed:{n}"), &mut |rng, _| command![member(rng)]);
    fill("ZADD", format!("z:{n}"), &mut |rng, i| command![fraction(rng), text(i)]);
    fill("ZADD", format!("x:{n}"), &mut |rng, _| command!["0", member(rng)]);
    fill("ZADD", format!("z:ends:{n}"), &mut |rng, i| {
        command![rng.pick(&["inf", "-inf", "1e17", "-1e-9", "0.1", "5"]), text(i)]
    });
}

/// Gives every tenth key or so an expiry far in the future.
fn expiries(rng: &mut Rng, commands: &mut Vec<Command>) {
    for _ in 0..60 {
        let initial = rng.pick(&["s", "l", "h", "e", "i", "z"]);
        let most = if initial == "s" { 500 } else { SIZES.len() as u64 };
        let name = named(initial, rng.below(most));
        commands.push(command![
            "PEXPIREAT",
            name,
            (4_102_444_800_000 + rng.below(1 << 40)).to_string()
        ]);
    }
}
