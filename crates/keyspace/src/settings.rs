//! [`Settings`]: limits and thresholds, with Redis' defaults.

use redwire_rdb::Thresholds;

use crate::EvictionPolicy;

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
    /// `maxmemory-policy`: by what keys are evicted, and what is kept of their use. Default
    /// noeviction.
    pub eviction: EvictionPolicy,
    /// `maxmemory-samples`: how many keys are looked at to evict one. Default 5.
    pub eviction_samples: u32,
    /// `lfu-log-factor`: the larger, the more uses of a key raise its count by one. Default 10.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`: minutes in which a key's count falls by one; 0 is never. Default 1.
    pub lfu_decay_time: u32,
    /// `stream-node-max-bytes`: from this many bytes on a node of a stream takes no more entries; 0
    /// sets no limit. Default 4096.
    pub stream_node_bytes: usize,
    /// `stream-node-max-entries`: from this many entries on a node of a stream takes no more, deleted
    /// ones included; 0 sets no limit. Default 100.
    pub stream_node_entries: u64,
    /// `stream-idmp-duration`: how many seconds a stream keeps ids that producers gave (`XADD IDMP`),
    /// unless `XCFGSET` says otherwise. Default 100.
    pub stream_idmp_seconds: u64,
    /// `stream-idmp-maxsize`: how many of them it keeps of each producer. Default 100.
    pub stream_idmp_entries: u64,
    /// `hll-sparse-max-bytes`: the longest sparse HyperLogLog, in bytes. Default 3000.
    pub hll_sparse_bytes: usize,
    /// `import-mode` (Valkey 8.1): data are imported, and their source says when keys expire. On a primary
    /// nothing is deleted because its time is over, but by a command that writes to it, and nothing is
    /// evicted; [sources](crate::Session::import_source) see keys whose time is over. Default: false.
    pub import_mode: bool,
    /// From this many bytes on the host is told of a reply
    /// ([`Host::long_reply`](crate::Host::long_reply)). Default: never.
    pub long_reply: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            databases: 16,
            max_string_len: 512 << 20,
            thresholds: Thresholds::default(),
            eviction: EvictionPolicy::default(),
            eviction_samples: 5,
            lfu_log_factor: 10,
            lfu_decay_time: 1,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
            stream_idmp_seconds: 100,
            stream_idmp_entries: 100,
            hll_sparse_bytes: 3000,
            import_mode: false,
            long_reply: usize::MAX,
        }
    }
}
