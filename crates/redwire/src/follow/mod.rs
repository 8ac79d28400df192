//! Follow a real master's changes: a snapshot, then every write, as a replica gets them.
//!
//! [`Follower`] is a machine without I/O: bytes of the link go in, items come out. An item is a
//! piece of the snapshot or a command of the stream; the [`Position`] behind a command is what a
//! later process goes on from. Any server that replicates serves, from Redis 6.0 and Valkey 7.2 on.
//!
//! [`blocking::Follow`](crate::blocking::Follow) has connections, a clock and reconnection around it,
//! and with the feature `tokio` so has `redwire::tokio::Follow`:
//!
//! ```no_run
//! use redwire::blocking::Follow;
//! use redwire::follow::Item;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut master = Follow::new("redis://127.0.0.1:6379".parse()?);
//! loop {
//!     let next = master.next(|item| {
//!         if let Item::Command { db, request, .. } = item {
//!             println!("{db}: {request:?}");
//!         }
//!     });
//!     if let Err(error) = next {
//!         eprintln!("{error}; connecting again");
//!     }
//! }
//! # }
//! ```
//!
//! A full sync comes over two connections ([`default_config`]): the snapshot on one, at the pace of
//! whoever takes it, and the stream beside it on the other, so that the master keeps neither and cuts
//! nobody for its output limit.

mod position;
mod rdb_link;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Instant;

use redwire_rdb::{DecodeOptions, Decoder, Event};
use redwire_repl::{
    Error, Offset, ReplId, Replica, ReplicaConfig, ReplicaEvent, ReplicaStatus, Step,
    TwoConnections,
};
use redwire_resp::Request;

pub use position::{NotAPosition, Position};
use rdb_link::{RdbLink, Ways};
use stream::Stream;

/// What came from the master.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A whole data set follows: what was known before is void. When it breaks off, the next one
    /// begins with this item again.
    SnapshotStart {
        /// Bytes that were announced; `None` when the master marks the end instead.
        len: Option<u64>,
        /// We had asked to go on from a position, and the master no longer could: what happened
        /// between is not to be had as commands.
        history_gone: bool,
    },
    /// A piece of the data set.
    Snapshot {
        /// The database that it is in.
        db: u32,
        /// The piece.
        event: Event<'a>,
    },
    /// The data set is whole.
    SnapshotEnd {
        /// Where the stream goes on; `None` from a master that knows only SYNC.
        position: Option<Position>,
    },
    /// The stream goes on from where we were, without loss or repetition.
    Resumed {
        /// The place; its id may be another than before, after a failover.
        position: Position,
    },
    /// A command that changes data. Those of a transaction follow each other, and come only when
    /// its EXEC is here, so that a link that breaks in between repeats none.
    Command {
        /// The database that it is for.
        db: u32,
        /// Name and arguments.
        request: Request<'a>,
        /// Whether it was in a transaction.
        in_transaction: bool,
        /// The place behind it; `None` when more commands of its transaction follow, and from a
        /// master that knows only SYNC.
        position: Option<Position>,
    },
}

/// What one call of [`Follower::handle_input`] came to.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Bytes of the input that are done with: drop them before the next call.
    pub used: usize,
    /// What was found.
    pub item: Option<Item<'a>>,
}

impl Progress<'_> {
    /// Whether the next call can find more in what is there already.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.used > 0 || self.item.is_some()
    }
}

/// Settings that suit a program that reads: no port, a version that makes Valkey 9 write its own
/// dialect, field expiries and all, where it would leave them out for others, and full syncs over two
/// connections.
///
/// On one connection a master keeps the stream until the snapshot is through, cuts the link when that
/// exceeds its `client-output-buffer-limit replica`, and begins anew, for ever. Over two it keeps next
/// to nothing: in the way that it offers (Redis' RDB channel, Valkey's dual channel), or else by a
/// client that wants a snapshot and no more. After two attempts that broke off one connection is tried
/// once. [`TwoConnections::No`] asks for one at once.
#[must_use]
pub fn default_config() -> ReplicaConfig {
    let version = Some("9.1.0".to_owned());
    let two_connections = TwoConnections::Always;
    ReplicaConfig { listening_port: 0, version, two_connections, ..ReplicaConfig::default() }
}

/// A replica that hands out what it gets instead of keeping it.
///
/// Memory is the caller's buffer: it must hold one string, one packed value or one transaction
/// whole, as those came.
///
/// The caller owns sockets and clock. It opens a connection when [`poll_event`](Follower::poll_event)
/// says so and calls [`handle_connected`](Follower::handle_connected); sends what
/// [`poll_transmit`](Follower::poll_transmit) gives; shows what it read to
/// [`handle_input`](Follower::handle_input) while that [`goes_on`](Progress::goes_on); and calls
/// [`handle_timeout`](Follower::handle_timeout) by [`poll_timeout`](Follower::poll_timeout). For the
/// second connection see [`poll_rdb_connect`](Follower::poll_rdb_connect).
///
/// ```
/// use redwire::follow::{Follower, Item, default_config};
///
/// # #[allow(clippy::disallowed_methods)] // a program reads the clock
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let now = std::time::Instant::now();
/// let id = "0123456789abcdef0123456789abcdef01234567";
/// let mut follower = Follower::new(default_config(), 7, now);
/// follower.resume_from(format!("{id} 1500 0").parse()?);
/// follower.handle_connected(now);
///
/// let mut unread = &b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+CONTINUE\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"[..];
/// let mut seen = Vec::new();
/// loop {
///     let progress = follower.handle_input(unread, now)?;
///     let goes_on = progress.goes_on();
///     unread = &unread[progress.used..];
///     match progress.item {
///         Some(Item::Resumed { position }) => seen.push(format!("from {}", position.offset)),
///         Some(Item::Command { db, request, .. }) => seen.push(format!("{db} {request:?}")),
///         _ => {}
///     }
///     if !goes_on {
///         break;
///     }
/// }
/// assert_eq!(seen[0], "from 1500");
/// assert_eq!(seen.len(), 2);
/// assert_eq!(follower.position().map(|it| it.offset.get()), Some(1520));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Follower {
    replica: Replica,
    phase: Phase,
    stream: Stream,
    /// The database that the snapshot is at.
    snapshot_db: u32,
    /// The database of the stream where the snapshot was taken, if the master says.
    stream_db: Option<u32>,
    history_gone: bool,
    /// This connection ended because all is to be asked for in another way.
    asks_anew: bool,
    /// The connection on which the data set comes, if not on the link itself.
    rdb_link: Option<RdbLink>,
    ways: Ways,
}

/// What the bytes at hand are.
#[derive(Debug)]
enum Phase {
    /// The link's machine knows.
    Link,
    /// An RDB, decoded in part.
    Rdb {
        decoder: Box<Decoder>,
        /// Bytes of the input that belong to it, and those that are decoded of them.
        offered: usize,
        ahead: usize,
    },
}

impl Follower {
    /// A follower that wants to connect at once. `seed`: see [`Replica::new`].
    pub fn new(config: ReplicaConfig, seed: u64, now: Instant) -> Follower {
        Follower {
            ways: Ways::new(&config),
            rdb_link: None,
            replica: Replica::new(config, seed, now),
            phase: Phase::Link,
            stream: Stream::at(0),
            snapshot_db: 0,
            stream_db: None,
            history_gone: false,
            asks_anew: false,
        }
    }

    /// All up to `position` is known already: asks to go on from there.
    pub fn resume_from(&mut self, position: Position) {
        self.replica.resume_from(position.replid, position.offset);
        self.stream = Stream::at(position.db);
    }

    /// What was handed out is void: asks for a whole data set at the next connection.
    pub fn forget(&mut self) {
        self.replica.forget();
    }

    /// Whether commands of a transaction were handed out, and its last was not.
    #[must_use]
    pub fn is_inside_transaction(&self) -> bool {
        self.stream.has_unit() && self.stream.handed_out() == 0
    }

    /// The place behind all items that were handed out; `None` inside of a snapshot or of a
    /// transaction, and before the first snapshot.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        if self.is_inside_transaction() {
            return None;
        }
        let (replid, offset) = self.replica.history()?;
        let offset = offset.checked_add(self.stream.handed_out() as u64)?;
        Some(Position { replid, offset, db: self.stream.db() })
    }

    /// The link, as INFO shows it.
    #[must_use]
    pub fn status(&self, now: Instant) -> ReplicaStatus {
        let status = self.replica.status(now);
        match &self.rdb_link {
            Some(link) => ReplicaStatus { uptime: status.uptime, ..link.replica.status(now) },
            None => status,
        }
    }

    /// The connection stands: a handshake begins.
    pub fn handle_connected(&mut self, now: Instant) {
        self.asks_anew = false;
        self.replica.handle_connected(now);
    }

    /// The connection is gone, or never came about, and with it the second one. Let [`handle_input`](Follower::handle_input) have all that had come
    /// first, and drop what it leaves.
    pub fn handle_disconnected(&mut self, now: Instant) {
        let (handed_out, db) = (self.stream.handed_out(), self.stream.db());
        if handed_out > 0 {
            self.replica.applied(handed_out, now);
        }
        let in_snapshot =
            matches!(std::mem::replace(&mut self.phase, Phase::Link), Phase::Rdb { .. });
        self.stream = Stream::at(db);
        self.replica.handle_disconnected(now);
        self.drop_rdb_link(in_snapshot);
    }

    /// See [`Replica::poll_event`].
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ReplicaEvent> {
        let second = |link: &mut RdbLink| link.replica.poll_event();
        self.replica.poll_event().or_else(|| self.rdb_link.as_mut().and_then(second))
    }

    /// Appends to `out` what the master is to get; whether there was anything.
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        self.replica.poll_transmit(out)
    }

    /// See [`Replica::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let second = self.rdb_link.as_ref().and_then(|link| link.replica.poll_timeout());
        self.replica.poll_timeout().into_iter().chain(second).min()
    }

    /// Acknowledgements and keep-alives: they tell the master that we are there, so call this at
    /// least once a second however slowly items are taken.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.replica.handle_timeout(now);
        if let Some(link) = &mut self.rdb_link {
            link.replica.handle_timeout(now);
        }
    }

    /// The master was heard from, or may have been: what it says is not read just now. So the
    /// silence that ends a connection begins anew.
    pub fn heard(&mut self, now: Instant) {
        self.replica.heard(now);
    }

    /// Takes one step of the unread input: call again, with what is left, while
    /// [`Progress::goes_on`]. What an item is about counts as known with the next call.
    ///
    /// # Errors
    ///
    /// When the master refuses us or breaks the protocol, and when its data is damaged. Close the
    /// connection and call [`handle_disconnected`](Follower::handle_disconnected).
    pub fn handle_input<'a>(
        &'a mut self,
        unread: &'a [u8],
        now: Instant,
    ) -> Result<Progress<'a>, Error> {
        if self.rdb_link.is_none() && self.is_at_rdb() {
            return self.rdb_step(unread, now);
        }
        if self.stream.has_unit() {
            return self.stream_step(unread, now);
        }
        let progress = self.replica.handle_input(unread, now)?;
        let used = progress.used;
        let item = match progress.step {
            None | Some(Step::Handshake) => None,
            Some(Step::RdbChannel(channel)) => {
                self.history_gone = self.replica.history().is_some();
                self.part(channel, now);
                None
            }
            Some(Step::FullResync { .. }) => {
                if let Some(error) = self.ask_for_two() {
                    return Err(error);
                }
                self.history_gone = self.replica.history().is_some();
                None
            }
            Some(Step::RdbStart { len }) => Some(self.begin_snapshot(len)),
            Some(Step::Rdb(bytes)) => {
                self.offer_rdb(bytes.len());
                return self.rdb_step(unread, now);
            }
            Some(Step::Loaded { replid, offset }) => Some(self.end_snapshot(replid, offset)),
            // It goes on behind the data set that is coming.
            Some(Step::Continue { .. } | Step::Stream(_)) if self.rdb_link.is_some() => None,
            Some(Step::Continue { replid, .. }) => {
                let offset = self.replica.history().map_or(Offset::ZERO, |(_, offset)| offset);
                self.place(Some(replid), offset).map(|position| Item::Resumed { position })
            }
            Some(Step::Stream(_)) => return self.stream_step(unread, now),
        };
        Ok(Progress { used, item })
    }

    fn place(&self, replid: Option<ReplId>, offset: Offset) -> Option<Position> {
        replid.map(|replid| Position { replid, offset, db: self.stream.db() })
    }

    /// Whether bytes of the RDB were offered that are not decoded.
    fn is_at_rdb(&self) -> bool {
        matches!(self.phase, Phase::Rdb { offered: 1.., .. })
    }

    fn offer_rdb(&mut self, len: usize) {
        if let Phase::Rdb { offered, .. } = &mut self.phase {
            *offered = len;
        }
    }

    fn begin_snapshot(&mut self, len: Option<u64>) -> Item<'static> {
        // A stream is passed on as it stands, for RESTORE.
        let options = DecodeOptions { opaque_streams: true, ..DecodeOptions::default() };
        let decoder = Box::new(Decoder::new(options));
        self.phase = Phase::Rdb { decoder, offered: 0, ahead: 0 };
        (self.snapshot_db, self.stream_db) = (0, None);
        // What was known is void from here on, whatever comes of this snapshot.
        self.replica.forget();
        Item::SnapshotStart { len, history_gone: self.history_gone }
    }

    fn end_snapshot(&mut self, replid: Option<ReplId>, offset: Offset) -> Item<'static> {
        self.phase = Phase::Link;
        self.stream = Stream::at(self.stream_db.unwrap_or(0));
        Item::SnapshotEnd { position: self.place(replid, offset) }
    }

    /// The next event of the RDB in the bytes that were offered. Its bytes stay in the input until
    /// all that are offered are decoded, so that the link's machine hears of them once.
    fn rdb_step<'a>(&'a mut self, unread: &'a [u8], now: Instant) -> Result<Progress<'a>, Error> {
        let replica = self.rdb_link.as_mut().map_or(&mut self.replica, |link| &mut link.replica);
        let Phase::Rdb { decoder, offered, ahead } = &mut self.phase else {
            return Ok(Progress { used: 0, item: None });
        };
        let decoded = match decoder.decode(&unread[*ahead..*offered]) {
            Ok(decoded) => decoded,
            Err(error) => return Err(replica.fail(error.to_string())),
        };
        *ahead += decoded.used;
        let Some(event) = decoded.event else {
            let used = std::mem::take(ahead);
            *offered = 0;
            replica.rdb_taken(used, now)?;
            return Ok(Progress { used, item: None });
        };
        match event {
            Event::End => {
                let used = std::mem::take(ahead);
                *offered = 0;
                replica.rdb_finished(used, now);
                return Ok(Progress { used, item: None });
            }
            Event::SelectDb(db) => self.snapshot_db = db,
            Event::Aux { key: b"repl-stream-db", value } => {
                let number = redwire_resp::parse_i64(value);
                self.stream_db = number.and_then(|db| u32::try_from(db).ok());
            }
            _ => {}
        }
        let db = self.snapshot_db;
        Ok(Progress { used: 0, item: Some(Item::Snapshot { db, event }) })
    }

    /// The next command of the stream.
    fn stream_step<'a>(
        &'a mut self,
        unread: &'a [u8],
        now: Instant,
    ) -> Result<Progress<'a>, Error> {
        if let Err(error) = self.stream.gather(unread) {
            return Err(self.replica.fail(error.to_string()));
        }
        if !self.stream.has_unit() {
            return Ok(Progress { used: 0, item: None });
        }
        let Some(place) = self.stream.next() else {
            let (used, asks_ack) = self.stream.finish_unit();
            if asks_ack {
                self.replica.ack_now(now);
            }
            self.replica.applied(used, now);
            return Ok(Progress { used, item: None });
        };
        let is_last = self.stream.handed_out() > 0;
        let position = self.position().filter(|_| is_last);
        let in_transaction = self.stream.is_transaction();
        match self.stream.request(unread, &place) {
            Ok(request) => {
                let item = Item::Command { db: place.db, request, in_transaction, position };
                Ok(Progress { used: 0, item: Some(item) })
            }
            Err(error) => Err(self.replica.fail(error)),
        }
    }
}
