//! Full syncs over two connections: the RDB on one that wants nothing else, the stream on the
//! other.

use std::time::Instant;

use redwire_resp::encode_request;

use super::line::Line;
use super::timer::NEWLINE_PERIOD;
use super::{Progress, Replica, State, Step};
use crate::{Error, Offset, ReplId};

/// When a full sync is to have a connection of its own for the RDB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TwoConnections {
    /// Never: RDB and stream come on one. The default.
    #[default]
    No,
    /// When the primary offers it in its vendor's way, as it is told that we can
    /// (`REPLCONF capa rdb-channel-repl capa dual-channel`).
    Offered,
    /// Always: the primary is asked what it offers before a full sync (`CONFIG GET`), and if that
    /// is nothing, [`RdbChannel::Plain`] does with any primary.
    Always,
}

/// How the connection of the RDB is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RdbChannel {
    /// By a client that wants an RDB and no more (`REPLCONF rdb-only 1`); the stream is asked for
    /// by a PSYNC that goes on behind it. The primary knows nothing of it, so that its backlog must
    /// reach back to the RDB's place when that PSYNC comes.
    Plain,
    /// As Redis 8.0 and later do, answered `+RDBCHANNELSYNC <client>`.
    Redis {
        /// The primary's number of the stream's connection.
        main: u64,
    },
    /// As Valkey 8.0 and later do, answered `+DUALCHANNELSYNC`.
    Valkey,
}

/// Where an RDB belongs, as its connection said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) replid: ReplId,
    pub(super) offset: Offset,
    /// Valkey's number of the RDB's connection.
    pub(super) client: Option<u64>,
}

/// The replies to `CONFIG GET` that are yet to come.
#[derive(Debug, Default)]
pub(super) struct Probe {
    /// Replies that are whole.
    done: usize,
    /// Lines of the reply under way that are to come.
    lines: usize,
    yes: [bool; SETTINGS.len()],
}

/// What the primary is asked: both vendors' switches, and what both want beside them.
const SETTINGS: [&str; 3] =
    ["repl-rdb-channel", "dual-channel-replication-enabled", "repl-diskless-sync"];

/// Longest array in answer to `CONFIG GET`, in elements.
const MAX_SETTINGS: i64 = 64;

impl Probe {
    /// Takes a line; whether it was the last. What is no array, such as an error, offers nothing.
    fn take(&mut self, line: &Line<'_>) -> Result<bool, Error> {
        if self.lines > 0 {
            // A name and its value, each behind a line with its length: the value is the last.
            self.lines -= 1;
            self.yes[self.done] = line.text == b"yes";
        } else if let Some(count) = line.text.strip_prefix(b"*") {
            let count = redwire_resp::parse_i64(count).filter(|n| (0..=MAX_SETTINGS).contains(n));
            let count = count.ok_or_else(|| line.protocol_error("expected a short array"))?;
            self.lines = 2 * count as usize;
        }
        self.done += usize::from(self.lines == 0);
        Ok(self.done == SETTINGS.len())
    }

    fn offers_a_channel(&self) -> bool {
        (self.yes[0] || self.yes[1]) && self.yes[2]
    }
}

impl Replica {
    /// The next PSYNC asks for a whole data set, though what we have could be gone on from: the
    /// primary has said that it cannot. [`history`](Replica::history) stays. `false` takes it back.
    pub fn ask_for_all(&mut self, whole: bool) {
        self.wants_all = whole;
    }

    /// Whether the PSYNC of this connection named what we have, and did not ask for all: a full
    /// resync in answer is news, which may be better asked for in another way.
    #[must_use]
    pub fn asked_to_go_on(&self) -> bool {
        self.asked_to_go_on
    }

    /// The connection of the RDB, asked for by [`Step::RdbChannel`], said where the RDB belongs
    /// ([`Step::FullResync`]): the stream goes on from there. Keep what it brings until the data
    /// set is in place, then call [`channel_loaded`](Replica::channel_loaded): until then nothing
    /// is acknowledged.
    ///
    /// # Panics
    /// When nothing was asked for, or `rdb` has not said it.
    pub fn attach(&mut self, rdb: &Replica, now: Instant) {
        let State::Parked(channel) = self.state else {
            panic!("no other connection was asked for");
        };
        let place = rdb.place.expect("the connection of the RDB said where it belongs");
        self.before = self.history.replace((place.replid, place.offset));
        self.wants_all = false;
        self.loading = true;
        self.last_io = now;
        self.next_newline = now + NEWLINE_PERIOD;
        match (channel, place.client) {
            (RdbChannel::Redis { .. }, _) => self.start_stream(now),
            (RdbChannel::Valkey, Some(client)) => {
                let client = client.to_string();
                encode_request(&mut self.out, ["REPLCONF", "set-rdb-client-id", &client]);
                self.state = State::Replies(["REPLCONF"].into());
            }
            (RdbChannel::Valkey | RdbChannel::Plain, _) => self.ask(),
        }
    }

    /// The data set that the other connection brought is in place: the stream may be run on it,
    /// and is acknowledged from now on.
    pub fn channel_loaded(&mut self, now: Instant) {
        if std::mem::take(&mut self.loading) {
            self.clock.up(now);
            self.ack_now(now);
        }
    }

    /// Whether the stream flows, be it that the data set is still to come on another connection.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming)
    }

    /// The connection is gone: what was to be a data set never was.
    pub(super) fn drop_channel(&mut self) {
        if std::mem::take(&mut self.loading) {
            self.history = self.before.take();
        }
    }

    pub(super) fn begin_probe(&mut self) {
        for setting in SETTINGS {
            encode_request(&mut self.out, ["CONFIG", "GET", setting]);
        }
        self.state = State::Probe(Probe::default());
    }

    pub(super) fn answer_to_probe(
        &mut self,
        line: &Line<'_>,
        now: Instant,
    ) -> Result<Step<'static>, Error> {
        let State::Probe(probe) = &mut self.state else { return Ok(Step::Handshake) };
        if !probe.take(line)? {
            return Ok(Step::Handshake);
        }
        if probe.offers_a_channel() {
            self.ask();
            return Ok(Step::Handshake);
        }
        Ok(self.park(RdbChannel::Plain, now))
    }

    /// Waits for the connection of the RDB.
    pub(super) fn park(&mut self, channel: RdbChannel, now: Instant) -> Step<'static> {
        self.next_newline = now + NEWLINE_PERIOD;
        self.state = State::Parked(channel);
        Step::RdbChannel(channel)
    }

    /// Until the RDB's place is known only empty lines are taken: what comes behind them is the
    /// stream.
    pub(super) fn wait_parked(unread: &[u8]) -> Progress<'_> {
        let used = unread.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        match used {
            0 => Progress::NOTHING,
            used => Progress::new(used, Step::Handshake),
        }
    }
}
