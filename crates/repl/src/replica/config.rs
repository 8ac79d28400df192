//! The replica's settings.

use std::time::Duration;

use super::{RdbChannel, TwoConnections};

/// The replica's settings. They are read at each connection; the timeout counts at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaConfig {
    /// `REPLCONF listening-port`: where the primary's INFO says that we are.
    pub listening_port: u16,
    /// `replica-announce-ip`.
    pub announce_ip: Option<String>,
    /// `masteruser`; used only with `masterauth`.
    pub masteruser: Option<Vec<u8>>,
    /// `masterauth`.
    pub masterauth: Option<Vec<u8>>,
    /// `REPLCONF version`, three numbers: the Valkey version whose RDB we read. It decides what a
    /// Valkey primary writes. `None` sends nothing.
    pub version: Option<String>,
    /// When a full sync is to come over two connections. Default no.
    pub two_connections: TwoConnections,
    /// This connection is the one of the RDB, of the other [`Replica`](crate::Replica) that asked for it by
    /// [`Step::RdbChannel`](crate::Step::RdbChannel): nothing else is wanted on it. The primary
    /// closes it behind the RDB. [`RdbChannel::Plain`] is also how to get an RDB and no more.
    pub rdb_channel: Option<RdbChannel>,
    /// `repl-timeout`: silence of the primary that ends a connection. Default 60 s.
    pub timeout: Duration,
    /// About how long the second attempt waits; each later one twice as long, up to
    /// `backoff_max`. Default 250 ms.
    pub backoff_min: Duration,
    /// Longest wait between attempts. Default 8 s.
    pub backoff_max: Duration,
    /// Longest line of the handshake, in bytes. Default 4096.
    pub max_line: usize,
}

impl Default for ReplicaConfig {
    fn default() -> ReplicaConfig {
        ReplicaConfig {
            listening_port: 6379,
            announce_ip: None,
            masteruser: None,
            masterauth: None,
            version: None,
            two_connections: TwoConnections::No,
            rdb_channel: None,
            timeout: Duration::from_secs(60),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(8),
            max_line: 4096,
        }
    }
}
