//! Random data sets and command streams, the same for the same seed.
//!
//! The commands cover strings, bitmaps, HyperLogLogs, lists, hashes, sets, sorted sets, places,
//! streams (beside other commands of Redis 6.2 and 7.0) and keys over several databases: values from a digit to 20 KB, collections on both sides of every
//! encoding's threshold, infinite and fractional scores, binary names, expiries far in the future,
//! transactions. Redis 6.0 knows them all, unless [`Workload::recent`] or
//! [`Workload::field_expiry`] asks for more.
//!
//! [`dataset`] fills a server; [`Workload`] goes on for ever with reads and writes over the same
//! keys.

mod bitmap;
mod dataset;
mod draw;
mod field_expiry;
mod forms;
mod geo;
mod hash;
mod hyperloglog;
mod keys;
mod list;
mod recent;
mod set;
mod stream;
mod string;
mod zset;

use std::collections::VecDeque;

pub use dataset::dataset;

use crate::{Command, Peer, Rng};

/// The number of databases that data sets and workloads use, from 0.
pub const DATABASES: u64 = 6;

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
    /// Whether commands are left out whose effect the server chooses by chance, and those take part
    /// that real masters do not pass on.
    decided: bool,
    /// Whether commands and options of Redis 6.2 and 7.0 take part.
    recent: bool,
    /// Whether fields of hashes expire.
    field_expiry: bool,
    /// Forms of commands and options that take part, of those that one kind of server has.
    forms: Vec<&'static str>,
    /// How many commands there were: what the ids of streams count from.
    tick: u64,
    /// Commands that follow the last one: the rest of a transaction.
    next: VecDeque<Command>,
}

impl Workload {
    /// A stream of all commands that real masters pass on to their replicas.
    #[must_use]
    pub fn new(seed: u64) -> Workload {
        Workload {
            rng: Rng::new(seed),
            decided: false,
            recent: false,
            field_expiry: false,
            forms: Vec::new(),
            tick: 0,
            next: VecDeque::new(),
        }
    }

    /// A stream without the commands whose effect the server chooses by chance (SPOP): two servers
    /// that get the same one hold the same data afterwards. It has what real masters keep from their
    /// replicas, too: a BITFIELD that fails on a string that it makes.
    #[must_use]
    pub fn decided(seed: u64) -> Workload {
        Workload { decided: true, ..Workload::new(seed) }
    }

    /// The same stream mixed with commands and options that came with Redis 6.2 and 7.0.
    #[must_use]
    pub fn recent(self) -> Workload {
        Workload { recent: true, ..self }
    }

    /// The same stream mixed with commands on fields that expire, which Redis 8.0 and Valkey 9.0 have.
    #[must_use]
    pub fn field_expiry(self) -> Workload {
        Workload { field_expiry: true, ..self }
    }

    /// The same stream mixed with every command and option on data that `peer` has: what is not left
    /// to chance or to the clock.
    #[must_use]
    pub fn whole(self, peer: Peer) -> Workload {
        let mut forms = forms::FORMS.to_vec();
        if matches!(peer, Peer::Redis80 | Peer::Redis86 | Peer::Valkey91) {
            forms.extend(forms::NEWER);
        }
        match peer {
            Peer::Redis86 => forms.extend(forms::NEWEST),
            Peer::Valkey91 => forms.extend(forms::VALKEY),
            _ => {}
        }
        Workload { forms, ..self }
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
            251..=253 => {
                let [from, to] = [0, 1].map(|_| self.rng.below(DATABASES).to_string());
                command!["SWAPDB", from, to]
            }
            254..=275 if !self.forms.is_empty() => self.seldom(),
            _ => self.single(),
        }
    }

    /// What is not for transactions, or empties all.
    fn seldom(&mut self) -> Command {
        match self.rng.below(40) {
            0 => command!["FLUSHALL"],
            1 => command!["FLUSHALL", self.rng.pick(&["SYNC", "async"])],
            2..=9 => command!["UNWATCH"],
            _ => forms::draw(&mut self.rng, &["WATCH ( $any ) [ $stream ]"], 0),
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
        self.tick += 1;
        let (rng, decided) = (&mut self.rng, self.decided);
        if !self.forms.is_empty() && rng.one_in(3) {
            return forms::draw(rng, &self.forms, self.tick / stream::TICKS);
        }
        if self.recent && rng.one_in(6) {
            return recent::command(rng);
        }
        if self.recent && rng.one_in(8) {
            return stream::command(rng, self.tick, decided);
        }
        if self.field_expiry && rng.one_in(6) {
            return field_expiry::command(rng);
        }
        match rng.below(27) {
            0..=3 => string::command(rng),
            4..=8 => list::command(rng),
            9..=12 => hash::command(rng),
            13..=16 => set::command(rng, decided),
            17..=21 => zset::command(rng),
            22 => bitmap::command(rng, decided),
            23 => geo::command(rng),
            24 => hyperloglog::command(rng),
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
    !READS.split(' ').any(|read| read.as_bytes() == name)
}

/// The commands of a workload that only read.
const READS: &str = "BITCOUNT BITPOS DBSIZE EXISTS GEODIST GEOHASH GEOPOS GEORADIUS GEOSEARCH GET \
    GETBIT GETRANGE HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET HPEXPIRETIME HSTRLEN HVALS KEYS LCS LINDEX LLEN LPOS LRANGE MGET SCARD SDIFF SINTER \
    SINTERCARD SISMEMBER SMEMBERS SMISMEMBER STRLEN SUNION TOUCH TYPE ZCARD ZCOUNT ZDIFF ZINTER \
    ZINTERCARD ZLEXCOUNT ZMSCORE ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX \
    ZREVRANGEBYSCORE ZREVRANK ZSCORE ZUNION XRANGE xrange XREVRANGE XREAD XLEN XPENDING XINFO OBJECT SORT";

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
