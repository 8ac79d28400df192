//! [`Settings`]: limits and thresholds, with Redis' defaults.

use redwire_rdb::Thresholds;

/// What a user may set of the keyspace; the names are those of `redis.conf`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// `databases`: how many there are; fixed when the keyspace is made. Default 16.
    pub databases: u32,
    /// `proto-max-bulk-len`: the longest string that a command may build, in bytes. Default 512 MiB.
    pub max_string_len: usize,
    /// `hash-max-listpack-entries` and its kin: up to where `OBJECT ENCODING` and an RDB file call
    /// a collection compact.
    pub thresholds: Thresholds,
}

impl Default for Settings {
    fn default() -> Self {
        Self { databases: 16, max_string_len: 512 << 20, thresholds: Thresholds::default() }
    }
}
