//! The primary's end of replication.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{Backlog, History, Offset, ReplId};

/// The caller's name for the connection of a replica (or of any client that speaks REPLCONF).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u64);

/// Twenty random bytes at each call: replication ids and end markers are made of them.
pub type Entropy = Box<dyn FnMut() -> [u8; 20] + Send>;

/// The primary's settings; each can change while it runs ([`Primary::set_config`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryConfig {
    /// `repl-backlog-size` in bytes, default 1 MiB.
    pub backlog_size: u64,
    /// `repl-backlog-ttl`: how long the backlog outlives the last replica; `None` (0 in the
    /// config file) for ever. Default 3600 s.
    pub backlog_ttl: Option<Duration>,
    /// `repl-diskless-sync`: whether replicas that can do it get the RDB as it is made. Default yes.
    pub diskless: bool,
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
            backlog_ttl: Some(Duration::from_secs(3600)),
            diskless: true,
            diskless_delay: Duration::from_secs(5),
            diskless_max_replicas: 0,
            ping_period: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        }
    }
}

/// Where this node's own data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// From its clients: it is a primary, [`Primary::feed`] writes the stream.
    None,
    /// From a primary whose stream is passed on by [`Primary::feed_raw`].
    Connected,
    /// From a primary that is out of reach: PSYNC is answered `-NOMASTERLINK`.
    Lost,
}

/// The answer to REPLCONF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplconfReply {
    /// `+OK`.
    Ok,
    /// An error reply; the text comes without `-` and line end.
    Error(String),
    /// Nothing is sent (ACK).
    Silent,
}

/// The answer to PSYNC or SYNC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Partial resync: send `reply`, then what [`Primary::stream`] gives.
    Continue {
        /// `+CONTINUE ...\r\n`.
        reply: Bytes,
        /// Where the stream starts.
        from: Offset,
        /// Bytes of backlog behind that place.
        unread: u64,
    },
    /// Full resync: nothing to send yet, [`Primary::poll_snapshot`] will ask for a snapshot.
    FullResync(FullResyncReason),
    /// An error reply without `-` and line end; the connection goes on.
    Error(&'static str),
    /// The connection is a replica already: nothing is sent.
    Ignored,
}

/// Why a full resync is needed. Its `Display` is Redis' log text without the replica's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FullResyncReason {
    /// `PSYNC ? -1`.
    Requested,
    /// SYNC, the old command.
    OldSync,
    /// Neither of our ids was asked for.
    IdMismatch {
        /// The id that the replica asked for, lossily as text, cut at 40 bytes.
        asked: String,
        /// Our id.
        replid: ReplId,
        /// Our previous id.
        replid2: ReplId,
    },
    /// Our previous id was asked for, with an offset beyond the change.
    SecondIdOffset {
        /// The offset argument.
        asked: i64,
        /// The greatest offset argument that is answered.
        up_to: u64,
    },
    /// The backlog does not reach back (or forth) to the asked offset.
    Backlog {
        /// The offset argument.
        asked: i64,
        /// Whether it lies beyond our end of the stream.
        ahead: bool,
    },
}

impl fmt::Display for FullResyncReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FullResyncReason::Requested | FullResyncReason::OldSync => f.write_str("requested"),
            _ => f.write_str("not accepted"),
        }
    }
}

/// How the RDB is put on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `$EOF:<marker>\r\n`, RDB of unknown length, marker: sent while it is made.
    Eof,
    /// `$<len>\r\n`, RDB: sent when its length is known.
    Length,
}

/// What a replica wants in its RDB (`REPLCONF rdb-filter-only`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RdbFilter {
    /// Leave out the keys.
    pub no_data: bool,
    /// Leave out the functions.
    pub no_functions: bool,
}

/// Replicas that wait for one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRequest {
    /// Who gets it.
    pub replicas: Vec<ReplicaId>,
    /// How it is framed for all of them.
    pub framing: Framing,
    /// What it leaves out.
    pub filter: RdbFilter,
}

/// The place of a snapshot in the stream, for the RDB's aux fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Aux `repl-id`.
    pub replid: ReplId,
    /// Aux `repl-offset`.
    pub offset: Offset,
    /// Aux `repl-stream-db`.
    pub stream_db: u32,
}

/// What happened at the primary; [`Primary::poll_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrimaryEvent {
    /// Close this connection, and tell [`Primary::disconnected`].
    Disconnect {
        /// Whose connection.
        id: ReplicaId,
        /// For the log.
        reason: &'static str,
        /// Whether what is queued is to be sent first.
        flush: bool,
    },
    /// The full sync of a replica is over ("Synchronization with replica ... succeeded").
    Online {
        /// Which replica.
        id: ReplicaId,
    },
    /// The first replica came: a backlog was made, under new ids.
    BacklogCreated {
        /// The new id.
        replid: ReplId,
    },
    /// `repl-backlog-ttl` ran out: the backlog is gone, and with it the id.
    BacklogFreed {
        /// The new id.
        replid: ReplId,
    },
}

/// How far a replica's link is; `Display` is the state in INFO's `slaveN:` lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Only REPLCONF was heard: not counted as a replica.
    Handshake,
    /// Waits for a snapshot, or for its end (`wait_bgsave`).
    WaitSnapshot,
    /// Receives the RDB of known length (`send_bulk`).
    SendBulk,
    /// Receives the stream (`online`).
    Online,
}

/// A replica as INFO and ROLE show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView<'a> {
    /// Its connection.
    pub id: ReplicaId,
    /// `ip-address`, when it was announced; else the caller knows the peer's address.
    pub ip: Option<&'a str>,
    /// `listening-port`, 0 when it was not announced.
    pub port: u16,
    /// How far it is.
    pub state: LinkState,
    /// Last acknowledged offset.
    pub acked: Offset,
    /// Last acknowledged fsynced offset (FACK), when it sends one.
    pub fsynced: Option<Offset>,
    /// Whole seconds since the last ACK; 0 when it is not online.
    pub lag: u64,
    /// Bytes of stream that it has yet to be sent.
    pub unread: u64,
}

/// The primary's end: history, backlog and the state of each replica's link.
pub struct Primary {
    config: PrimaryConfig,
    entropy: Entropy,
    history: History,
    offset: Offset,
    backlog: Option<Backlog>,
}

impl fmt::Debug for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Primary").field("history", &self.history).finish_non_exhaustive()
    }
}

impl Primary {
    /// A primary without replicas, under a fresh id, at offset 0.
    pub fn new(config: PrimaryConfig, mut entropy: Entropy) -> Primary {
        let history = History::new(ReplId::from_random(entropy()));
        Primary { config, entropy, history, offset: Offset::ZERO, backlog: None }
    }

    /// The settings.
    pub fn config(&self) -> &PrimaryConfig {
        &self.config
    }

    /// Changes the settings; the backlog is resized at once.
    pub fn set_config(&mut self, config: PrimaryConfig) {
        self.config = config;
    }

    /// The ids.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The end of the stream (INFO `master_repl_offset`).
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// The backlog, once a replica has come.
    pub fn backlog(&self) -> Option<&Backlog> {
        self.backlog.as_ref()
    }

    // ---- the stream -------------------------------------------------------------------------

    /// Whether anybody reads the stream: when not, [`feed`](Primary::feed) drops its bytes and the
    /// caller need not encode them.
    pub fn is_feeding(&self) -> bool {
        self.backlog.is_some()
    }

    /// Appends commands (one or more, RESP) that run in database `db`, behind a SELECT when the
    /// stream is in another one.
    pub fn feed(&mut self, db: u32, commands: &[u8]) {
        let _ = (db, commands);
    }

    /// Appends bytes as they are: the stream of our own primary, on its way to chained replicas.
    pub fn feed_raw(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// Appends `REPLCONF GETACK *`: replicas answer with their offset at once (WAIT).
    pub fn request_acks(&mut self) {}

    // ---- what clients say -------------------------------------------------------------------

    /// REPLCONF from any client; `args` are what follows the command's name.
    pub fn replconf(&mut self, id: ReplicaId, args: &[&[u8]], now: Instant) -> ReplconfReply {
        let _ = (id, args, now);
        ReplconfReply::Ok
    }

    /// PSYNC; `args` are what follows the command's name (at least two).
    pub fn psync(&mut self, id: ReplicaId, args: &[&[u8]], now: Instant) -> Decision {
        let _ = (id, args, now, &mut self.entropy);
        Decision::Ignored
    }

    /// SYNC, the command before PSYNC.
    pub fn sync(&mut self, id: ReplicaId, now: Instant) -> Decision {
        let _ = (id, now);
        Decision::Ignored
    }

    /// An empty line came from this connection: a replica that loads says that it is alive.
    pub fn handle_newline(&mut self, id: ReplicaId, now: Instant) {
        let _ = (id, now);
    }

    /// This connection is gone. Ids that were never heard of are fine.
    pub fn disconnected(&mut self, id: ReplicaId, now: Instant) {
        let _ = (id, now);
    }

    /// Whether this connection is a replica (it said PSYNC or SYNC).
    pub fn is_replica(&self, id: ReplicaId) -> bool {
        let _ = id;
        false
    }

    // ---- full sync --------------------------------------------------------------------------

    /// A snapshot that is due now. Take it, call [`snapshot_started`](Primary::snapshot_started)
    /// before anything more is fed, then put the RDB on the links. The same request is answered
    /// until then. Changes with `psync`, `sync`, `disconnected` and time.
    #[must_use]
    pub fn poll_snapshot(&mut self, now: Instant) -> Option<SnapshotRequest> {
        let _ = now;
        None
    }

    /// The requested snapshot is taken at this moment of the stream. Each replica of the request
    /// gets `+FULLRESYNC` (and `$EOF:` framing its header) through
    /// [`poll_transmit`](Primary::poll_transmit). `None` when no request is open.
    pub fn snapshot_started(&mut self, now: Instant) -> Option<SnapshotInfo> {
        let _ = now;
        None
    }

    /// The snapshot is written whole, `len` bytes: [`Framing::Length`] links get their header now,
    /// and the next snapshot may be asked for.
    pub fn snapshot_finished(&mut self, len: u64, now: Instant) {
        let _ = (len, now);
    }

    /// No snapshot came about: its replicas are to be disconnected, they will come again.
    pub fn snapshot_failed(&mut self, now: Instant) {
        let _ = now;
    }

    /// The link took some bytes of the RDB: it is alive.
    pub fn transfer_progress(&mut self, id: ReplicaId, now: Instant) {
        let _ = (id, now);
    }

    /// All bytes of the RDB are in the link's queue: the end marker follows (`$EOF:`), then the
    /// stream: at once, or at the first ACK after `$EOF:`.
    pub fn transfer_done(&mut self, id: ReplicaId, now: Instant) {
        let _ = (id, now);
    }

    // ---- output -----------------------------------------------------------------------------

    /// Bytes to append to a link's queue, ahead of its stream. Call until `None` after every
    /// `handle_*`, `snapshot_*`, `transfer_*`.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<(ReplicaId, Bytes)> {
        None
    }

    /// What the stream holds for this link now, as slices to write; none until its stream started.
    /// Tell [`sent`](Primary::sent) how much was written.
    pub fn stream(&self, id: ReplicaId) -> impl Iterator<Item = &[u8]> {
        let _ = id;
        std::iter::empty()
    }

    /// Bytes that [`stream`](Primary::stream) holds for this link, also while it does not flow yet:
    /// its share of the output-buffer accounting.
    pub fn unread(&self, id: ReplicaId) -> u64 {
        let _ = id;
        0
    }

    /// `n` bytes of the link's stream were written.
    pub fn sent(&mut self, id: ReplicaId, n: u64) {
        let _ = (id, n);
    }

    /// What happened. Call until `None` after every call that takes `&mut self`.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<PrimaryEvent> {
        None
    }

    /// When [`handle_timeout`](Primary::handle_timeout) wants to be called (and
    /// [`poll_snapshot`](Primary::poll_snapshot) asked again).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Pings, keep-alives, timeouts, the backlog's end. Early or twice it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    // ---- roles ------------------------------------------------------------------------------

    /// Where our data comes from now. No pings are made while it is not [`Upstream::None`].
    pub fn set_upstream(&mut self, upstream: Upstream) {
        let _ = upstream;
    }

    /// We are a replica and got our primary's data set whole: its id and offset are ours, our own
    /// replicas are disconnected.
    pub fn adopt(&mut self, replid: ReplId, offset: Offset, stream_db: Option<u32>, now: Instant) {
        let _ = (replid, offset, stream_db, now);
    }

    /// We are a replica and our primary went on under another id (`+CONTINUE <id>`): we shift, and
    /// our own replicas are disconnected so that they learn it. Nothing when the id is ours.
    pub fn adopt_id(&mut self, replid: ReplId, now: Instant) {
        let _ = (replid, now);
    }

    /// We become a primary: fresh id, the old one is answered up to here; our replicas are
    /// disconnected so that they learn it.
    pub fn promote(&mut self, now: Instant) {
        let _ = now;
    }

    // ---- views ------------------------------------------------------------------------------

    /// All replicas in the order they came, as INFO and ROLE show them.
    pub fn replicas(&self, now: Instant) -> impl Iterator<Item = ReplicaView<'_>> {
        let _ = now;
        std::iter::empty()
    }

    /// How many replicas have acknowledged `offset` (WAIT).
    pub fn acked_by(&self, offset: Offset) -> usize {
        let _ = offset;
        0
    }

    /// How many replicas are online and spoke within `max_lag` (`min-replicas-to-write`).
    pub fn good_replicas(&self, max_lag: Duration, now: Instant) -> usize {
        let _ = (max_lag, now);
        0
    }
}
