//! Random data sets and command streams, the same for the same seed.
//!
//! All commands are known to every server from Redis 6.0 on, and cover strings, lists, hashes,
//! sets, sorted sets and keys over several databases: values from a digit to 20 KB, collections on
//! both sides of every encoding's threshold, infinite and fractional scores, binary names,
//! expiries far in the future, transactions.
//!
//! [`dataset`] fills a server; [`Workload`] goes on for ever with reads and writes over the same
//! keys.

mod dataset;
mod hash;
mod keys;
mod list;
mod set;
mod string;
mod zset;

use std::collections::VecDeque;

pub use dataset::dataset;

use crate::{Command, Rng};

/// The number of databases that data sets and workloads use, from 0.
pub const DATABASES: u64 = 6;

/// Keys per type and database that a workload picks from.
const KEYS: u64 = 20;

/// The seed for a test: `own`, or another for each number in the environment's `REDWIRE_SEED`. It is
/// printed, so that the output of a failed test tells how to repeat it.
#[must_use]
pub fn seed(own: u64) -> u64 {
    let other = std::env::var("REDWIRE_SEED").ok().and_then(|text| text.parse().ok());
    let seed = other.map_or(own, |other: u64| own.wrapping_add(other.wrapping_mul(1000)));
    println!("seed {seed}, REDWIRE_SEED={}", other.unwrap_or_default());
    seed
}

/// Builds a command from anything that has bytes.
macro_rules! command {
    ($($argument:expr),+ $(,)?) => {
        vec![$(AsRef::<[u8]>::as_ref(&$argument).to_vec()),+]
    };
}
pub(crate) use command;

/// An endless stream of random commands for one connection.
///
/// It selects databases and opens transactions on the way, so its commands must all go through one
/// connection, in order.
#[derive(Clone, Debug)]
pub struct Workload {
    rng: Rng,
    /// Whether commands are left out whose effect the server chooses by chance.
    decided: bool,
    /// Commands that follow the last one: the rest of a transaction.
    next: VecDeque<Command>,
}

impl Workload {
    /// A stream of all commands.
    #[must_use]
    pub fn new(seed: u64) -> Workload {
        Workload { rng: Rng::new(seed), decided: false, next: VecDeque::new() }
    }

    /// A stream without the commands whose effect the server chooses by chance (SPOP): two servers
    /// that get the same one hold the same data afterwards.
    #[must_use]
    pub fn decided(seed: u64) -> Workload {
        Workload { decided: true, ..Workload::new(seed) }
    }

    /// The next `count` commands that write, and the rest of a transaction that they leave open.
    pub fn writes(&mut self, count: usize) -> Vec<Command> {
        let mut writes: Vec<_> = self.filter(is_write).take(count).collect();
        writes.extend(self.next.drain(..).filter(is_write));
        writes
    }

    fn step(&mut self) -> Command {
        match self.rng.below(10_000) {
            0..=149 => command!["SELECT", self.rng.below(DATABASES).to_string()],
            150..=249 => self.transaction(),
            250 => command!["FLUSHDB"],
            _ => self.single(),
        }
    }

    /// Queues a whole MULTI ... EXEC, or now and then DISCARD, and gives its first command.
    fn transaction(&mut self) -> Command {
        for _ in 0..self.rng.below(8) {
            let command = self.single();
            self.next.push_back(command);
        }
        let end = if self.rng.one_in(8) { "DISCARD" } else { "EXEC" };
        self.next.push_back(command![end]);
        command!["MULTI"]
    }

    fn single(&mut self) -> Command {
        let (rng, decided) = (&mut self.rng, self.decided);
        match rng.below(24) {
            0..=3 => string::command(rng),
            4..=8 => list::command(rng),
            9..=12 => hash::command(rng),
            13..=16 => set::command(rng, decided),
            17..=21 => zset::command(rng),
            _ => keys::command(rng),
        }
    }
}

impl Iterator for Workload {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        Some(self.next.pop_front().unwrap_or_else(|| self.step()))
    }
}

/// Whether a command may change data, or says where it goes (SELECT) and when (MULTI).
fn is_write(command: &Command) -> bool {
    let name = command[0].as_slice();
    !READS.iter().any(|read| read.as_bytes() == name)
}

/// The commands of a workload that only read.
const READS: &[&str] = &[
    "DBSIZE",
    "EXISTS",
    "GET",
    "GETRANGE",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HSTRLEN",
    "HVALS",
    "KEYS",
    "LINDEX",
    "LLEN",
    "LRANGE",
    "MGET",
    "SCARD",
    "SDIFF",
    "SINTER",
    "SISMEMBER",
    "SMEMBERS",
    "STRLEN",
    "SUNION",
    "TOUCH",
    "TYPE",
    "ZCARD",
    "ZCOUNT",
    "ZLEXCOUNT",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZRANK",
    "ZREVRANGE",
    "ZREVRANGEBYLEX",
    "ZREVRANGEBYSCORE",
    "ZREVRANK",
    "ZSCORE",
];

/// The name of a key that mostly holds the type with this initial; once in 40 times any key, so
/// that wrong types come up.
fn key(rng: &mut Rng, initial: &str) -> Vec<u8> {
    let initial = if rng.one_in(40) { rng.pick(&["s", "l", "h", "e", "i", "z"]) } else { initial };
    named(initial, rng.below(KEYS))
}

/// The name of key `n` of a type: some are binary, some long.
fn named(initial: &str, n: u64) -> Vec<u8> {
    let mut name = format!("{initial}:{n}").into_bytes();
    match n % 10 {
        3 => name.extend([0, b'\r', b'\n', 0xff]),
        7 => name.extend([b'.'; 70]),
        _ => {}
    }
    name
}

/// A member of a collection: a few hundred distinct ones, half of them integers.
fn member(rng: &mut Rng) -> Vec<u8> {
    let n = rng.below(300);
    match n % 6 {
        0..=2 => (n as i64 - 100).to_string().into_bytes(),
        3 => format!("member:{n}").into_bytes(),
        4 => [&[0xfe, 0x00][..], n.to_string().as_bytes()].concat(),
        _ => format!("{n}:{}", "x".repeat(if n.is_multiple_of(30) { 80 } else { 20 })).into_bytes(),
    }
}

/// A value: integers of every width, short and long text, binary, 20 KB that compress or not.
fn value(rng: &mut Rng) -> Vec<u8> {
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
fn sized(rng: &mut Rng, len: u64) -> Vec<u8> {
    let len = rng.below(len + 1) as usize;
    rng.bytes(len)
}

/// An integer of any width, extremes included.
fn integer(rng: &mut Rng) -> Vec<u8> {
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
fn step(rng: &mut Rng) -> Vec<u8> {
    let n = if rng.one_in(50) { i64::MAX } else { rng.between(-1000, 1000) };
    n.to_string().into_bytes()
}

/// A fraction with few digits, exact enough that every server prints it alike.
fn fraction(rng: &mut Rng) -> Vec<u8> {
    let (whole, part) = (rng.between(-1000, 1000), rng.below(4) * 25);
    format!("{whole}.{part:02}").into_bytes()
}

/// An index into a collection, from either end, rarely far outside.
fn index(rng: &mut Rng) -> Vec<u8> {
    let n = if rng.one_in(30) { rng.between(-100_000, 100_000) } else { rng.between(-12, 12) };
    n.to_string().into_bytes()
}

/// A command with a few repetitions of what `more` appends, now and then hundreds.
fn repeated(
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let commands = |seed| Workload::new(seed).take(2000).collect::<Vec<_>>();
        assert_eq!(commands(1), commands(1));
        assert_ne!(commands(1), commands(2));
        assert_eq!(dataset(1), dataset(1));
        assert_ne!(dataset(1), dataset(2));
    }

    #[test]
    fn transactions_are_whole() {
        let mut open = false;
        for command in Workload::new(3).take(50_000) {
            match command[0].as_slice() {
                b"MULTI" => assert!(!std::mem::replace(&mut open, true), "nested MULTI"),
                b"EXEC" | b"DISCARD" => assert!(std::mem::replace(&mut open, false), "no MULTI"),
                b"SELECT" => assert!(!open, "SELECT in a transaction"),
                _ => {}
            }
        }
    }

    #[test]
    fn writes_end_outside_a_transaction() {
        for seed in 0..200 {
            let writes = Workload::new(seed).writes(100);
            let begun = writes.iter().filter(|command| command[0] == b"MULTI").count();
            let ended = writes.iter().filter(|c| c[0] == b"EXEC" || c[0] == b"DISCARD").count();
            assert_eq!(begun, ended, "seed {seed}");
        }
    }

    #[test]
    fn a_decided_workload_leaves_nothing_to_chance() {
        let names = |workload: Workload| -> BTreeSet<_> {
            workload.take(100_000).map(|mut command| command.swap_remove(0)).collect()
        };
        let (all, decided) = (names(Workload::new(4)), names(Workload::decided(4)));
        let chance: BTreeSet<_> = all.difference(&decided).map(|name| &name[..]).collect();
        assert_eq!(chance, BTreeSet::from([&b"SPOP"[..]]));
    }
}
