//! What is sent: keys of 16 bytes, values of 64.

use super::{Batches, Expect};
use crate::Random;

/// Bytes of a value.
pub const VALUE: usize = 64;
/// Collections of each type, and members that each can have: steady once all are there.
const COLLECTIONS: u64 = 1000;
const MEMBERS: u64 = 100;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Values of random keys among those preloaded.
    Set,
    /// Random keys among those preloaded, each answer 64 bytes.
    Get,
    /// Ten random keys.
    Mget10,
    /// Random counters, as many as there are keys.
    Incr,
    /// By turns, random lists of a thousand.
    PushPop,
    /// Random fields (of 100) of random hashes (of 1000).
    Hset,
    /// Random members (of 100) of random sets (of 1000).
    Sadd,
    /// Random members (of 100) of random sorted sets (of 1000), random scores.
    Zadd,
    /// An entry of one field at the end of random streams (of 1000), trimmed to about 100.
    Xadd,
    /// A hundred elements of random lists (of 1000); the preparation puts them there.
    Lrange100,
}

impl Load {
    /// All that are measured, with the depth of their pipeline.
    pub const ALL: [(Load, usize); 14] = [
        (Load::Set, 1),
        (Load::Get, 1),
        (Load::Set, 16),
        (Load::Get, 16),
        (Load::Set, 64),
        (Load::Get, 64),
        (Load::Mget10, 16),
        (Load::Incr, 16),
        (Load::PushPop, 16),
        (Load::Hset, 16),
        (Load::Sadd, 16),
        (Load::Zadd, 16),
        (Load::Xadd, 16),
        (Load::Lrange100, 16),
    ];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Load::Set => "SET",
            Load::Get => "GET",
            Load::Mget10 => "MGET 10",
            Load::Incr => "INCR",
            Load::PushPop => "LPUSH/LPOP",
            Load::Hset => "HSET",
            Load::Sadd => "SADD",
            Load::Zadd => "ZADD",
            Load::Xadd => "XADD",
            Load::Lrange100 => "LRANGE 100",
        }
    }

    /// About `commands` random commands over `keys` keys.
    #[must_use]
    pub fn batches(self, pipeline: usize, commands: usize, keys: u64) -> Batches {
        let mut random = Random::new(self as u64 + 1);
        let commands = (0..commands).map(|index| self.command(index, keys, &mut random));
        Batches::new(pipeline, self.expect(), commands)
    }

    fn expect(self) -> Expect {
        match self {
            Load::Set => Expect::Status,
            Load::Get => Expect::Bulk(VALUE),
            Load::Mget10 | Load::PushPop | Load::Xadd | Load::Lrange100 => Expect::Any,
            Load::Incr | Load::Hset | Load::Sadd | Load::Zadd => Expect::Integer,
        }
    }

    fn command(self, index: usize, keys: u64, random: &mut Random) -> Vec<Vec<u8>> {
        let mut any = |prefix, end| key(prefix, random.below(end));
        let (name, arguments) = match self {
            Load::Set => ("SET", vec![any("key", keys), random.text(VALUE)]),
            Load::Get => ("GET", vec![any("key", keys)]),
            Load::Mget10 => ("MGET", (0..10).map(|_| any("key", keys)).collect()),
            Load::Incr => ("INCR", vec![any("ctr", keys)]),
            Load::PushPop if index.is_multiple_of(2) => {
                ("LPUSH", vec![any("lst", COLLECTIONS), random.text(VALUE)])
            }
            Load::PushPop => ("LPOP", vec![any("lst", COLLECTIONS)]),
            Load::Hset => {
                ("HSET", vec![any("hsh", COLLECTIONS), any("fld", MEMBERS), random.text(VALUE)])
            }
            Load::Sadd => ("SADD", vec![any("set", COLLECTIONS), any("mem", MEMBERS)]),
            Load::Zadd => {
                let (key, member) = (any("zst", COLLECTIONS), any("mem", MEMBERS));
                ("ZADD", vec![key, random.below(1_000_000).to_string().into_bytes(), member])
            }
            Load::Xadd => {
                let stream = any("str", COLLECTIONS);
                let trim = ["MAXLEN", "~", "100", "*", "field"].map(|arg| arg.as_bytes().to_vec());
                ("XADD", [vec![stream], trim.to_vec(), vec![random.text(VALUE)]].concat())
            }
            Load::Lrange100 => {
                ("LRANGE", vec![any("lrg", COLLECTIONS), b"0".to_vec(), b"99".to_vec()])
            }
        };
        [vec![name.as_bytes().to_vec()], arguments].concat()
    }
}

/// Writes of all keys that [`Load::Set`] and [`Load::Get`] use.
#[must_use]
pub fn preload(keys: u64) -> Batches {
    let mut random = Random::new(0);
    let commands =
        (0..keys).map(move |number| vec![b"SET".to_vec(), key("key", number), random.text(VALUE)]);
    Batches::new(64, Expect::Status, commands)
}

/// Writes of the lists that [`Load::Lrange100`] reads.
#[must_use]
pub fn preload_lists() -> Batches {
    let mut random = Random::new(0);
    let commands = (0..COLLECTIONS).map(move |number| {
        let elements = (0..MEMBERS).map(|_| random.text(VALUE));
        [b"RPUSH".to_vec(), key("lrg", number)].into_iter().chain(elements).collect()
    });
    Batches::new(1, Expect::Integer, commands)
}

/// A key of 16 bytes.
#[must_use]
pub fn key(prefix: &str, number: u64) -> Vec<u8> {
    format!("{prefix}:{number:012}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_have_their_sizes() {
        assert_eq!(key("key", 1_000_000).len(), 16);
        let batches = Load::Set.batches(16, 20, 1000);
        assert_eq!((batches.len(), batches.commands(1)), (2, 4));
        assert!(batches.bytes(0).starts_with(b"*3\r\n$3\r\nSET\r\n$16\r\nkey:"));
        assert!(batches.bytes(0).windows(5).any(|bytes| bytes == b"$64\r\n"));
    }
}
