//! What an encoder writes.

use crate::{KeyHeader, Version};

/// How an [`Encoder`](crate::Encoder) writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    /// The version to write. Default [`Version::REDIS_6_0`], which every server from 6.0 on loads:
    /// the oldest that can hold strings, lists, sets, sorted sets, hashes without fields that
    /// expire, modules' values, and streams but for what
    /// [`begin_stream`](crate::Encoder::begin_stream) names. The version comes first in a file,
    /// before an encoder can know what follows. Who may have more shows the data to
    /// [`Needs`](crate::Needs), which tells the oldest target that holds it; else the first value
    /// that is too much is refused with its key ([`Error::Unsupported`](crate::Error::Unsupported)).
    pub target: Version,
    /// Compress strings of more than 20 bytes where that makes them shorter (`rdbcompression`).
    /// Default true.
    pub compress: bool,
    /// End the file with its CRC-64 behind opcode 255 (`rdbchecksum`), else with 0. Default true.
    pub checksum: bool,
    /// Up to which size collections are written in a compact form.
    pub thresholds: Thresholds,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            target: Version::REDIS_6_0,
            compress: true,
            checksum: true,
            thresholds: Thresholds::default(),
        }
    }
}

/// Up to which size collections are written in a compact form; defaults are the servers' own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// `hash-max-listpack-entries`, fields (type 16; here and below a ziplist for targets before Redis 7.0,
    /// type 13). More are written one by one (type 4). Default 512.
    pub hash_max_listpack_entries: usize,
    /// `hash-max-listpack-value`, bytes of a field or value. Default 64.
    pub hash_max_listpack_value: usize,
    /// `zset-max-listpack-entries`, members (type 17, before Redis 7.0 type 12; else 5). Default 128.
    pub zset_max_listpack_entries: usize,
    /// `zset-max-listpack-value`, bytes of a member. Default 64.
    pub zset_max_listpack_value: usize,
    /// `set-max-intset-entries`, members, all of them integers (type 11). Default 512.
    pub set_max_intset_entries: usize,
    /// `set-max-listpack-entries`, members (type 20; else 2); only for targets from Redis 7.2 on. Default
    /// 128.
    pub set_max_listpack_entries: usize,
    /// `set-max-listpack-value`, bytes of a member. Default 64.
    pub set_max_listpack_value: usize,
    /// `list-max-listpack-size -2`, bytes of a list's node (types 18 and 14), at most 1 GiB. Default 8192.
    pub list_node_bytes: usize,
    /// Elements of a list's node, which `list-max-listpack-size` gives where it is positive. Default
    /// `usize::MAX`, which sets no limit.
    pub list_node_elements: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            list_node_bytes: 8192,
            list_node_elements: usize::MAX,
        }
    }
}

/// What stands in front of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyMeta<'a> {
    /// The key's name.
    pub key: &'a [u8],
    /// When the key expires, in ms since the Unix epoch (opcode 252).
    pub expire_ms: Option<u64>,
    /// Seconds since the last access, for servers with an LRU policy (opcode 248).
    pub idle: Option<u64>,
    /// Access frequency counter, logarithmic, for servers with an LFU policy (opcode 249).
    pub freq: Option<u8>,
}

impl<'a> KeyMeta<'a> {
    /// A key without expiry and access data.
    #[must_use]
    pub const fn new(key: &'a [u8]) -> Self {
        Self { key, expire_ms: None, idle: None, freq: None }
    }
}

impl<'a> From<KeyHeader<'a>> for KeyMeta<'a> {
    /// What a decoder found in front of a value.
    fn from(header: KeyHeader<'a>) -> Self {
        let KeyHeader { key, expire_ms, idle, freq, kind: _, type_byte: _ } = header;
        Self { key, expire_ms, idle, freq }
    }
}
