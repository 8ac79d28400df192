use crate::{Command, Rng};

/// Keys per type and database that a workload picks from.
pub(super) const KEYS: u64 = 20;

/// The name of a key that mostly holds the type with this initial; once in 40 times any key, so
/// that wrong types come up.
pub(super) fn key(rng: &mut Rng, initial: &str) -> Vec<u8> {
    let initial = if rng.one_in(40) { rng.pick(&["s", "l", "h", "e", "i", "z"]) } else { initial };
    named(initial, rng.below(KEYS))
}

/// The name of key `n` of a type: some are binary, some long.
pub(super) fn named(initial: &str, n: u64) -> Vec<u8> {
    let mut name = format!("{initial}:{n}").into_bytes();
    match n % 10 {
        3 => name.extend([0, b'\r', b'\n', 0xff]),
        7 => name.extend([b'.'; 70]),
        _ => {}
    }
    name
}

/// A member of a collection: a few hundred distinct ones, half of them integers.
pub(super) fn member(rng: &mut Rng) -> Vec<u8> {
    let n = rng.below(300);
    match n % 6 {
        0..=2 => (n as i64 - 100).to_string().into_bytes(),
        3 => format!("member:{n}").into_bytes(),
        4 => [&[0xfe, 0x00][..], n.to_string().as_bytes()].concat(),
        _ => format!("{n}:{}", "x".repeat(if n.is_multiple_of(30) { 80 } else { 20 })).into_bytes(),
    }
}

/// A value: integers of every width, short and long text, binary, 20 KB that compress or not.
pub(super) fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(24) {
        0..=3 => integer(rng),
        4 => Vec::new(),
        5 => rng.between(-128, 70_000).to_string().into_bytes(),
        6 => rng.pick(&["007", "+1", "-0", "1e3", " 5", "9223372036854775808"]).as_bytes().to_vec(),
        7..=14 => format!("value {}", rng.below(10_000)).into_bytes(),
        15..=17 => "repeat ".repeat(rng.below(40) as usize).into_bytes(),
        18..=20 => sized(rng, 100),
        21 | 22 => sized(rng, 2000),
        _ if rng.one_in(4) => sized(rng, 20_000),
        _ => "compressible ".repeat(rng.below(1600) as usize).into_bytes(),
    }
}

/// Up to `len` incompressible bytes.
pub(super) fn sized(rng: &mut Rng, len: u64) -> Vec<u8> {
    let len = rng.below(len + 1) as usize;
    rng.bytes(len)
}

/// An integer of any width, extremes included.
pub(super) fn integer(rng: &mut Rng) -> Vec<u8> {
    let bits = rng.below(64);
    let n = match rng.below(12) {
        0 => i64::MAX,
        1 => i64::MIN,
        2 => rng.between(0, 12),
        _ => (rng.bits() >> bits) as i64,
    };
    n.to_string().into_bytes()
}

/// A small step for counters, negative ones too, rarely one that overflows.
pub(super) fn step(rng: &mut Rng) -> Vec<u8> {
    let n = if rng.one_in(50) { i64::MAX } else { rng.between(-1000, 1000) };
    n.to_string().into_bytes()
}

/// A fraction with few digits, exact enough that every server prints it alike.
pub(super) fn fraction(rng: &mut Rng) -> Vec<u8> {
    let (whole, part) = (rng.between(-1000, 1000), rng.below(4) * 25);
    format!("{whole}.{part:02}").into_bytes()
}

/// An index into a collection, from either end, rarely far outside.
pub(super) fn index(rng: &mut Rng) -> Vec<u8> {
    let n = if rng.one_in(30) { rng.between(-100_000, 100_000) } else { rng.between(-12, 12) };
    n.to_string().into_bytes()
}

/// A command with a few repetitions of what `more` appends, now and then hundreds.
pub(super) fn repeated(
    rng: &mut Rng,
    mut start: Command,
    most: u64,
    mut more: impl FnMut(&mut Rng, &mut Command),
) -> Command {
    let most = if rng.one_in(15) { most * 60 } else { most };
    for _ in 0..=rng.below(most) {
        more(rng, &mut start);
    }
    start
}

/// A score: small integers, fractions, infinities, extremes, and rarely what is no number. Never -0:
/// whether real servers keep its sign depends on an encoding that differs between a master and its
/// own replica. (That is why weights are positive, too.)
pub(super) fn score(rng: &mut Rng) -> Vec<u8> {
    match rng.below(16) {
        0..=8 => rng.between(-200, 200).to_string().into_bytes(),
        9..=12 => fraction(rng),
        13 => rng.pick(&["inf", "-inf", "+inf"]).as_bytes().to_vec(),
        14 => rng.pick(&["1e300", "-2.5e-7", "9007199254740993", "0.1"]).as_bytes().to_vec(),
        _ if rng.one_in(10) => b"nan".to_vec(),
        _ => rng.between(-1 << 40, 1 << 40).to_string().into_bytes(),
    }
}

/// One end of a range of scores, open or closed.
pub(super) fn score_bound(rng: &mut Rng) -> Vec<u8> {
    let open = if rng.one_in(3) { "(" } else { "" };
    match rng.below(6) {
        0 => rng.pick(&["-inf", "+inf", "(-inf"]).as_bytes().to_vec(),
        1 => [open.as_bytes(), &fraction(rng)].concat(),
        _ => format!("{open}{}", rng.between(-220, 220)).into_bytes(),
    }
}
