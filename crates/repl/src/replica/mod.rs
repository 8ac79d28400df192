//! The replica's end of replication.

mod backoff;
mod channel;
mod config;
mod handshake;
mod line;
mod status;
mod timer;
mod transfer;
mod uptime;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Instant;

use redwire_resp::encode_request;

use crate::{Error, Offset, ReplId};
use backoff::Backoff;
use channel::{Place, Probe};
use transfer::Transfer;

pub use channel::{RdbChannel, TwoConnections};
pub use config::ReplicaConfig;
pub use status::{ReplicaPhase, ReplicaStatus};
pub use uptime::Uptime;

/// What one call of [`Replica::handle_input`] made of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Bytes of the input that are done with: drop them before the next call.
    pub used: usize,
    /// What came. `None` (with `used` 0): more input is needed.
    pub step: Option<Step<'a>>,
}

/// What came from the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The data set is to come on another connection, see [`ReplicaConfig::two_connections`]: open
    /// one with a [`Replica`] of its own, whose [`ReplicaConfig::rdb_channel`] is this, and when
    /// that one answers [`Step::FullResync`], [`attach`](Replica::attach) it to this one.
    RdbChannel(RdbChannel),
    /// The RDB begins; its length when the primary announced one.
    RdbStart {
        /// Announced bytes: never allocate by it.
        len: Option<u64>,
    },
    /// Bytes of the RDB, not taken yet: decode, then say how many were taken by
    /// [`Replica::rdb_taken`] or [`Replica::rdb_finished`] and drop those from the input. Stop
    /// and read more when the decoder took none.
    Rdb(&'a [u8]),
    /// The RDB came whole and its framing was right: put the new data set in place before the next
    /// [`Replica::poll_transmit`], which will hold the first ACK. The stream follows.
    Loaded {
        /// The stream's id; `None` from a primary that knows only SYNC.
        replid: Option<ReplId>,
        /// The offset of the data set.
        offset: Offset,
    },
    /// Bytes of the stream, not taken yet: decode and run the whole commands in them, then say
    /// how many bytes those were by [`Replica::applied`] and drop them from the input. Stop and
    /// read more when no command was whole.
    Stream(&'a [u8]),
}

/// What the caller is to do; [`Replica::poll_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicaEvent {
    /// Open a connection to the primary, then call [`Replica::handle_connected`], or
    /// [`Replica::handle_disconnected`] when that failed.
    Connect,
    /// Close the connection and call [`Replica::handle_disconnected`].
    Disconnect {
        /// For the log.
        reason: Error,
    },
}

/// The replica's end: handshake, full sync, stream, acknowledgements, reconnection.
///
/// The caller owns socket, clock and data set. It opens a connection at [`ReplicaEvent::Connect`],
/// hands unread input to [`handle_input`](Replica::handle_input) and sends what
/// [`poll_transmit`](Replica::poll_transmit) gives; [`poll_timeout`](Replica::poll_timeout) says
/// when to call [`handle_timeout`](Replica::handle_timeout). Its [`history`](Replica::history) is
/// what a later process goes on with ([`resume_from`](Replica::resume_from)).
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    backoff: Backoff,
    state: State,
    /// The stream that the data set is a prefix of, and how far it is applied.
    history: Option<(ReplId, Offset)>,
    /// The next PSYNC asks the other side to take over from us.
    handing_over: bool,
    /// The next PSYNC asks for a whole data set, whatever the history.
    wants_all: bool,
    /// The PSYNC of this connection named a place to go on from.
    asked_to_go_on: bool,
    /// The data set comes on another connection, and is not whole.
    loading: bool,
    /// The history in place of which the one of that data set stands.
    before: Option<(ReplId, Offset)>,
    /// Where the RDB of this connection belongs, once that is said.
    place: Option<Place>,
    /// Bytes of this connection that are done with.
    position: u64,
    /// Bytes of this connection that were seen in any input.
    received: u64,
    /// Bytes of the stream that are taken, but wait for the end of their transaction.
    queued: u64,
    /// Bytes behind `position` that hold no line end.
    scanned: usize,
    last_io: Instant,
    next_ack: Instant,
    next_newline: Instant,
    streaming_since: Option<Instant>,
    clock: uptime::Clock,
    out: Vec<u8>,
    events: VecDeque<ReplicaEvent>,
}

#[derive(Debug)]
enum State {
    /// Not connected; the next attempt is at `until`.
    Waiting { until: Instant },
    /// The caller was told to connect.
    Connecting { since: Instant },
    /// PING is out.
    Ping,
    /// These commands are out, their replies are not all in.
    Replies(VecDeque<&'static str>),
    /// `CONFIG GET` is out: what does the primary offer?
    Probe(Probe),
    /// PSYNC is out.
    Psync,
    /// The RDB's connection has yet to say where the RDB belongs.
    Parked(RdbChannel),
    /// A full resync was announced, its RDB was not.
    Payload { replid: Option<ReplId>, offset: Offset },
    /// The RDB is coming.
    Rdb(Transfer),
    /// The decoder saw the end of the RDB: the end marker must follow.
    Marker(Transfer),
    /// The RDB is whole; the caller does not know yet.
    Whole(Transfer),
    /// The stream flows.
    Streaming,
    /// The connection is to be closed.
    Failed(Error),
}

impl Replica {
    /// A replica that wants to connect at once. `seed` (any number, other for each process)
    /// spreads the attempts of many replicas.
    pub fn new(config: ReplicaConfig, seed: u64, now: Instant) -> Replica {
        Replica {
            config,
            backoff: Backoff::new(seed),
            state: State::Waiting { until: now },
            history: None,
            handing_over: false,
            wants_all: false,
            asked_to_go_on: false,
            loading: false,
            before: None,
            place: None,
            position: 0,
            received: 0,
            queued: 0,
            scanned: 0,
            last_io: now,
            next_ack: now,
            next_newline: now,
            streaming_since: None,
            clock: uptime::Clock::default(),
            out: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// The settings.
    pub fn config(&self) -> &ReplicaConfig {
        &self.config
    }

    /// Changes the settings, from the next connection on (the timeout at once).
    pub fn set_config(&mut self, config: ReplicaConfig) {
        self.config = config;
    }

    /// Our data set is this stream up to there: the next PSYNC asks to go on behind it. For a data
    /// set that was loaded from a file, or that we wrote ourselves as a primary.
    pub fn resume_from(&mut self, replid: ReplId, offset: Offset) {
        self.history = Some((replid, offset));
    }

    /// We were the primary, and the other side is to take over from us (`FAILOVER`): PSYNC says so
    /// until it is answered with [`Step::Continue`] or [`Step::FullResync`]. `false` takes it back.
    pub fn hand_over(&mut self, to_the_other_side: bool) {
        self.handing_over = to_the_other_side;
    }

    /// Whether the other side is still to take over, see [`hand_over`](Replica::hand_over).
    #[must_use]
    pub fn is_handing_over(&self) -> bool {
        self.handing_over
    }

    /// The old data set is gone, or not whole: the next PSYNC asks for a whole one. While a new one
    /// comes on another connection, so it will when that does not become whole.
    pub fn forget(&mut self) {
        if self.loading {
            self.before = None;
        } else {
            self.history = None;
        }
    }

    /// The stream that our data set is a prefix of, and how far it is applied: what the next PSYNC
    /// would ask for.
    pub fn history(&self) -> Option<(ReplId, Offset)> {
        if self.loading { self.before } else { self.history }
    }

    /// The connection stands: a fresh handshake begins, and an error is forgotten.
    pub fn handle_connected(&mut self, now: Instant) {
        self.position = 0;
        self.received = 0;
        self.queued = 0;
        self.scanned = 0;
        self.last_io = now;
        self.drop_channel();
        self.place = None;
        self.events.clear();
        self.out.clear();
        encode_request(&mut self.out, ["PING"]);
        self.state = State::Ping;
    }

    /// The connection is gone, or never came about: the next attempt is set.
    pub fn handle_disconnected(&mut self, now: Instant) {
        if matches!(self.state, State::Waiting { .. }) {
            return;
        }
        let lasted = self.streaming_since.take().map(|since| now.saturating_duration_since(since));
        if lasted.is_some_and(|lasted| lasted >= self.config.backoff_max) {
            self.backoff.reset();
        }
        self.clock.down(now);
        self.drop_channel();
        self.events.clear();
        self.out.clear();
        self.state = State::Waiting { until: now + self.backoff.next(&self.config) };
    }

    /// Bytes of the stream have come that the caller keeps for later: the primary is alive.
    pub fn heard(&mut self, now: Instant) {
        self.last_io = now;
    }

    /// Takes one step of the unread input. Call again with the rest until `step` is `None`, or a
    /// [`Step::Rdb`] or [`Step::Stream`] has too few bytes to take any; and also with an empty
    /// rest after [`rdb_finished`](Replica::rdb_finished).
    ///
    /// # Errors
    /// When the primary breaks the protocol or refuses us. Close the connection and call
    /// [`handle_disconnected`](Replica::handle_disconnected); the same error is answered until
    /// [`handle_connected`](Replica::handle_connected).
    pub fn handle_input<'a>(
        &mut self,
        unread: &'a [u8],
        now: Instant,
    ) -> Result<Progress<'a>, Error> {
        let received = self.position + unread.len() as u64;
        if received > self.received {
            self.received = received;
            self.last_io = now;
        }
        let progress = match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Waiting { .. } | State::Connecting { .. } => Ok(Progress::NOTHING),
            State::Ping
            | State::Replies(_)
            | State::Probe(_)
            | State::Psync
            | State::Payload { .. } => self.handle_line(unread, now),
            State::Parked(_) => Ok(Replica::wait_parked(unread)),
            State::Rdb(transfer) => transfer.offer(unread, self.position),
            State::Marker(_) | State::Whole(_) => self.finish_transfer(unread, now),
            State::Streaming => self.offer_stream(unread),
        };
        match progress {
            Ok(progress) => self.move_on(progress.used),
            Err(ref error) => self.state = State::Failed(error.clone()),
        }
        progress
    }

    /// `n` bytes of [`Step::Stream`] were whole commands and have been run.
    ///
    /// # Panics
    /// When `n` is more than was offered.
    pub fn applied(&mut self, n: usize, now: Instant) {
        self.check_taken(n);
        self.move_on(n);
        self.last_io = now;
        let n = n as u64 + std::mem::take(&mut self.queued);
        if let Some((_, at)) = &mut self.history {
            *at = at.checked_add(n).expect("invariant: checked when it was offered");
        }
    }

    /// `n` bytes of [`Step::Stream`] were a MULTI or commands that wait for their EXEC. They count
    /// as applied with the next [`applied`](Replica::applied), which is that of the EXEC: when the
    /// connection breaks before, the stream goes on from the MULTI. (Chained replicas must not get
    /// them earlier either.)
    ///
    /// # Panics
    /// When `n` is more than was offered.
    pub fn queued(&mut self, n: usize, now: Instant) {
        self.check_taken(n);
        self.move_on(n);
        self.last_io = now;
        self.queued += n as u64;
    }

    /// `REPLCONF GETACK` was met in the stream: acknowledges at once what is applied. Call
    /// [`applied`](Replica::applied) for the commands before it first, and for itself afterwards.
    pub fn ack_now(&mut self, now: Instant) {
        if !matches!(self.state, State::Streaming) || self.loading {
            return;
        }
        self.next_ack = now + timer::ACK_PERIOD;
        if let Some((_, at)) = self.history {
            encode_request(&mut self.out, ["REPLCONF", "ACK", &at.to_string()]);
        }
    }

    /// The caller found the RDB or a command of the stream damaged: the machine answers this error
    /// until the next connection. Returns the error, with its place.
    pub fn fail(&mut self, what: impl Into<String>) -> Error {
        let error = Error::Data { at: self.position, what: what.into() };
        self.state = State::Failed(error.clone());
        error
    }

    /// Appends to `out` what the primary is to get; whether there was anything. Changes with every
    /// call that takes `now`.
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.out.is_empty();
        out.append(&mut self.out);
        any
    }

    /// What the caller is to do; call until `None`. Changes with
    /// [`handle_timeout`](Replica::handle_timeout).
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ReplicaEvent> {
        self.events.pop_front()
    }

    fn offer_stream<'a>(&self, unread: &'a [u8]) -> Result<Progress<'a>, Error> {
        if unread.is_empty() {
            return Ok(Progress::NOTHING);
        }
        let more = self.queued + unread.len() as u64;
        let end = self.history.map(|(_, at)| at.checked_add(more));
        if end == Some(None) {
            return Err(Error::OffsetRange { at: self.position });
        }
        Ok(Progress::new(0, Step::Stream(unread)))
    }

    fn start_stream(&mut self, now: Instant) {
        self.state = State::Streaming;
        self.queued = 0;
        self.streaming_since = Some(now);
        if !self.loading {
            self.clock.up(now);
        }
        self.next_ack = now + timer::ACK_PERIOD;
        self.ack_now(now);
    }

    fn move_on(&mut self, used: usize) {
        if used > 0 {
            self.position += used as u64;
            self.scanned = 0;
        }
    }

    fn check_taken(&self, n: usize) {
        let offered = self.received - self.position;
        assert!(n as u64 <= offered, "{n} bytes taken of {offered} offered");
    }
}

impl<'a> Progress<'a> {
    const NOTHING: Progress<'static> = Progress { used: 0, step: None };

    fn new(used: usize, step: Step<'a>) -> Progress<'a> {
        Progress { used, step: Some(step) }
    }
}
