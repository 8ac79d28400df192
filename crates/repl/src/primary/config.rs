//! The primary's settings.

use std::time::Duration;

use crate::SpillConfig;

/// The primary's settings; each can change while it runs
/// ([`Primary::set_config`](crate::Primary::set_config)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryConfig {
    /// `repl-backlog-size` in bytes, default 1 MiB.
    pub backlog_size: u64,
    /// What of the stream goes to disk, and when; `None`, the default, keeps all of it in memory.
    pub spill: Option<SpillConfig>,
    /// `repl-backlog-ttl`: how long the backlog outlives the last replica; `None` (0 in the
    /// config file) for ever. Default 3600 s.
    pub backlog_ttl: Option<Duration>,
    /// `repl-diskless-sync`: whether replicas that can do it get the RDB as it is made. Default yes.
    pub diskless: bool,
    /// Whether replicas that can do it get the RDB on a connection of its own, beside the stream:
    /// Redis' `repl-rdb-channel`, Valkey's `dual-channel-replication-enabled`. Only with
    /// `diskless`. Default yes.
    pub two_connections: bool,
    /// `repl-diskless-sync-delay`: how long a snapshot waits for more replicas. Default 5 s.
    pub diskless_delay: Duration,
    /// `repl-diskless-sync-max-replicas`: as many waiting replicas end the delay; 0 never. Default 0.
    pub diskless_max_replicas: usize,
    /// `repl-ping-replica-period`. Default 10 s.
    pub ping_period: Duration,
    /// `repl-timeout`. Default 60 s.
    pub timeout: Duration,
}

impl Default for PrimaryConfig {
    fn default() -> PrimaryConfig {
        PrimaryConfig {
            backlog_size: 1 << 20,
            spill: None,
            backlog_ttl: Some(Duration::from_secs(3600)),
            diskless: true,
            two_connections: true,
            diskless_delay: Duration::from_secs(5),
            diskless_max_replicas: 0,
            ping_period: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        }
    }
}
