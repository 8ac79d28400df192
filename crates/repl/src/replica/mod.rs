//! The replica's end of replication.

use std::time::{Duration, Instant};

use crate::{Error, Offset, ReplId};

/// The replica's settings. They are read at each connection.
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
    /// `REPLCONF version`: the newest server version whose RDB we read; decides what a Valkey
    /// primary writes. `None` sends nothing.
    pub version: Option<String>,
    /// `repl-timeout`: silence of the primary that ends a connection. Default 60 s.
    pub timeout: Duration,
    /// Wait before the second attempt; doubles up to `backoff_max`, with jitter. Default 250 ms.
    pub backoff_min: Duration,
    /// Longest wait between attempts. Default 8 s.
    pub backoff_max: Duration,
    /// Longest reply line of the handshake, in bytes. Default 4096.
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
            timeout: Duration::from_secs(60),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(8),
            max_line: 4096,
        }
    }
}

/// What one call of [`Replica::handle_input`] made of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Bytes of the input that are done with: drop them before the next call.
    pub used: usize,
    /// What they were. `None` with `used` 0: more input is needed.
    pub step: Option<Step<'a>>,
}

/// What came from the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A line of the handshake was taken; nothing to do but [`Replica::poll_transmit`].
    Handshake,
    /// `+FULLRESYNC`: a whole data set will follow. Keep the old one until [`Step::Loaded`], or
    /// call [`Replica::forget`].
    FullResync {
        /// The stream's id; `None` from a primary that knows only SYNC.
        replid: Option<ReplId>,
        /// The place of the data set in that stream.
        offset: Offset,
    },
    /// `+CONTINUE`: the stream goes on behind what was applied.
    Continue {
        /// The stream's id from now on.
        replid: ReplId,
        /// Whether it is another one than was asked for.
        changed: bool,
    },
    /// The RDB begins; its length when the primary announced one.
    RdbStart {
        /// Announced bytes: never allocate by it.
        len: Option<u64>,
    },
    /// Bytes of the RDB, not taken yet: decode, then say how many were taken by
    /// [`Replica::rdb_taken`] or [`Replica::rdb_finished`] and drop those from the input.
    Rdb(&'a [u8]),
    /// The RDB came whole and its framing was right: put the new data set in place. The stream
    /// follows from its offset.
    Loaded {
        /// The stream's id; `None` from a primary that knows only SYNC.
        replid: Option<ReplId>,
        /// The offset of the data set.
        offset: Offset,
    },
    /// Bytes of the stream, not taken yet: decode and run the whole commands in them, then say
    /// how many bytes those were by [`Replica::applied`] and drop them from the input.
    Stream(&'a [u8]),
}

/// What the caller is to do; [`Replica::poll_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicaEvent {
    /// Open a connection to the primary, then call [`Replica::handle_connected`] or
    /// [`Replica::handle_disconnected`].
    Connect,
    /// Close the connection and call [`Replica::handle_disconnected`].
    Disconnect {
        /// For the log.
        reason: &'static str,
    },
}

/// How far the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaPhase {
    /// Not connected; the next attempt is set (`connect`).
    Waiting,
    /// [`ReplicaEvent::Connect`] is out (`connecting`).
    Connecting,
    /// Connected, before the answer to PSYNC (`handshake`).
    Handshake,
    /// A data set comes (`sync`).
    Sync,
    /// The stream flows (`connected`).
    Connected,
}

impl ReplicaPhase {
    /// The word that ROLE uses.
    pub fn name(self) -> &'static str {
        match self {
            ReplicaPhase::Waiting => "connect",
            ReplicaPhase::Connecting => "connecting",
            ReplicaPhase::Handshake => "handshake",
            ReplicaPhase::Sync => "sync",
            ReplicaPhase::Connected => "connected",
        }
    }
}

/// The link as INFO shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// How far it is; `master_link_status` is up in [`ReplicaPhase::Connected`].
    pub phase: ReplicaPhase,
    /// Since the primary was last heard (`master_last_io_seconds_ago`, -1 for `None`).
    pub last_io: Option<Duration>,
    /// Since when the link is down (`master_link_down_since_seconds`).
    pub down_for: Option<Duration>,
    /// Announced length of the RDB (`master_sync_total_bytes`).
    pub sync_total: Option<u64>,
    /// Bytes of RDB taken (`master_sync_read_bytes`).
    pub sync_read: u64,
    /// Since the last bytes of RDB (`master_sync_last_io_seconds_ago`).
    pub sync_last_io: Option<Duration>,
    /// Bytes received (`slave_read_repl_offset`).
    pub received: Offset,
    /// Bytes applied (`slave_repl_offset`).
    pub applied: Offset,
}

/// The replica's end: handshake, full sync, stream, acknowledgements, reconnection.
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    history: Option<(ReplId, Offset)>,
}

impl Replica {
    /// A replica that wants to connect at once. `seed` spreads the back-off of many replicas.
    pub fn new(config: ReplicaConfig, seed: u64, now: Instant) -> Replica {
        let _ = (seed, now);
        Replica { config, history: None }
    }

    /// The settings.
    pub fn config(&self) -> &ReplicaConfig {
        &self.config
    }

    /// Changes the settings, from the next connection on (timeouts at once).
    pub fn set_config(&mut self, config: ReplicaConfig) {
        self.config = config;
    }

    /// Our data set is this stream up to there: the next PSYNC asks to go on behind it.
    pub fn resume_from(&mut self, replid: ReplId, offset: Offset) {
        self.history = Some((replid, offset));
    }

    /// The old data set is gone: the next PSYNC asks for a whole one.
    pub fn forget(&mut self) {
        self.history = None;
    }

    /// The stream and place that the next PSYNC would ask for.
    pub fn history(&self) -> Option<(ReplId, Offset)> {
        self.history
    }

    /// The connection stands: a fresh handshake begins, and an error is forgotten.
    pub fn handle_connected(&mut self, now: Instant) {
        let _ = now;
    }

    /// The connection is gone, or never came about: the next attempt is set.
    pub fn handle_disconnected(&mut self, now: Instant) {
        let _ = now;
    }

    /// Takes one step of the unread input. Call again with the rest until `step` is `None` or no
    /// byte is taken.
    ///
    /// # Errors
    /// When the primary breaks the protocol or refuses us. Close the connection; the same error is
    /// answered until [`handle_connected`](Replica::handle_connected).
    pub fn handle_input<'a>(
        &mut self,
        unread: &'a [u8],
        now: Instant,
    ) -> Result<Progress<'a>, Error> {
        let _ = (unread, now);
        Ok(Progress { used: 0, step: None })
    }

    /// The decoder took `n` bytes of [`Step::Rdb`] and wants more.
    pub fn rdb_taken(&mut self, n: usize, now: Instant) {
        let _ = (n, now);
    }

    /// The decoder took `n` bytes of [`Step::Rdb`] and with them saw the end of the RDB.
    pub fn rdb_finished(&mut self, n: usize, now: Instant) {
        let _ = (n, now);
    }

    /// `n` bytes of [`Step::Stream`] were whole commands and have been run.
    pub fn applied(&mut self, n: usize, now: Instant) {
        let _ = (n, now);
    }

    /// `REPLCONF GETACK` was met in the stream: acknowledge at once what is applied. Call
    /// [`applied`](Replica::applied) for the commands before it first, for itself afterwards.
    pub fn ack_now(&mut self, now: Instant) {
        let _ = now;
    }

    /// The caller found the RDB or a command of the stream damaged: the machine answers this
    /// error until the next connection. Returns the error with its place.
    pub fn fail(&mut self, what: String) -> Error {
        Error::Data { at: 0, what }
    }

    /// Appends to `out` what the primary is to get; whether there was anything.
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let _ = out;
        false
    }

    /// What the caller is to do. Changes with every call that takes `now`.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ReplicaEvent> {
        None
    }

    /// When [`handle_timeout`](Replica::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// ACKs, keep-alives, silence of the primary, the next attempt. Early or twice it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// The link as INFO and ROLE show it.
    pub fn status(&self, now: Instant) -> ReplicaStatus {
        let _ = now;
        let at = self.history.map_or(Offset::ZERO, |(_, at)| at);
        ReplicaStatus {
            phase: ReplicaPhase::Waiting,
            last_io: None,
            down_for: None,
            sync_total: None,
            sync_read: 0,
            sync_last_io: None,
            received: at,
            applied: at,
        }
    }
}
