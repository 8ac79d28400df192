//! PSYNC and SYNC: from where a replica may go on.

use std::time::Instant;

use bytes::Bytes;
use redwire_resp::parse_i64;

use super::link::{Link, Stage};
use super::{Primary, PrimaryEvent, ReplicaId, Upstream};
use crate::{Cursor, Offset, ReplId};

/// The answer to PSYNC or SYNC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Partial resync: send `reply`, then what [`Primary::stream`] gives.
    Continue {
        /// `+CONTINUE ...\r\n`.
        reply: Bytes,
        /// Where the stream goes on.
        from: Offset,
        /// Bytes of backlog behind that place.
        unread: u64,
    },
    /// Full resync over two connections: send `reply`, and the replica will open another one for
    /// the RDB.
    RdbChannel {
        /// `+RDBCHANNELSYNC <client>\r\n` or `+DUALCHANNELSYNC\r\n`: the numbers of
        /// [`ReplicaId`]s are those of clients on the wire.
        reply: Bytes,
        /// Why it is needed.
        reason: FullResyncReason,
        /// Whether this connection is a replica from now on (Redis' way), or an ordinary client
        /// until it says PSYNC again (Valkey's).
        is_replica: bool,
    },
    /// Full resync: nothing to send yet, [`Primary::poll_snapshot`] will ask for a snapshot.
    FullResync(FullResyncReason),
    /// An error reply with its code, without `-` and line end; the connection goes on.
    Error(&'static str),
    /// Our primary hands over to us (`FAILOVER`): become a primary
    /// ([`promote`](Primary::promote)), then ask [`psync`](Primary::psync) again without the third
    /// argument.
    TakeOver,
    /// The connection is a replica already: nothing is sent.
    Ignored,
}

/// Why a full resync is needed.
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
    /// The backlog does not reach back (or forth) to the asked offset, or there is none.
    Backlog {
        /// The offset argument.
        asked: i64,
        /// Whether it lies beyond our end of the stream.
        ahead: bool,
    },
}

impl FullResyncReason {
    /// Redis' log lines for it; `replica` is how the log names the connection (`host:port`).
    pub fn log_lines(&self, replica: &str) -> Vec<String> {
        let line = match self {
            FullResyncReason::Requested | FullResyncReason::OldSync => {
                format!("Full resync requested by replica {replica}")
            }
            FullResyncReason::IdMismatch { asked, replid, replid2 } => format!(
                "Partial resynchronization not accepted: Replication ID mismatch (Replica asked \
                 for '{asked}', my replication IDs are '{replid}' and '{replid2}')"
            ),
            FullResyncReason::SecondIdOffset { asked, up_to } => format!(
                "Partial resynchronization not accepted: Requested offset for second ID was \
                 {asked}, but I can reply up to {up_to}"
            ),
            FullResyncReason::Backlog { asked, .. } => format!(
                "Unable to partial resync with replica {replica} for lack of backlog (Replica \
                 request was: {asked})."
            ),
        };
        let ahead = matches!(self, FullResyncReason::Backlog { ahead: true, .. }).then(|| {
            format!(
                "Warning: replica {replica} tried to PSYNC with an offset that is greater than \
                 the master replication offset."
            )
        });
        [line].into_iter().chain(ahead).collect()
    }
}

impl Primary {
    /// PSYNC; `args` are what follows the command's name: replication id, offset, and perhaps
    /// FAILOVER. The caller refuses it itself while replies are queued for the connection
    /// ("ERR SYNC and PSYNC are invalid with pending output").
    pub fn psync(&mut self, id: ReplicaId, args: &[&[u8]], now: Instant) -> Decision {
        let [replid, asked, rest @ ..] = args else {
            return Decision::Error("ERR wrong number of arguments for 'psync' command");
        };
        if self.is_replica(id) {
            return Decision::Ignored;
        }
        if rest.first().is_some_and(|word| word.eq_ignore_ascii_case(b"failover")) {
            return self.take_over(replid);
        }
        if self.held {
            return Decision::Error(FAILING_OVER);
        }
        if self.upstream == Upstream::Lost {
            return Decision::Error(NO_MASTER_LINK);
        }
        let Some(asked) = parse_i64(asked) else {
            return Decision::Error("ERR value is not an integer or out of range");
        };
        if self.names_nobody(id) {
            return Decision::Error(NO_MAIN_CHANNEL);
        }
        if let Some(cursor) = self.kept_stream(id, replid, asked) {
            return self.attach_partial(id, cursor, now);
        }
        match self.judge(replid, asked) {
            Ok(cursor) => self.attach_partial(id, cursor, now),
            Err(reason) => self
                .offer_channel(id, &reason, now)
                .unwrap_or_else(|| self.attach_full(id, reason, now)),
        }
    }

    /// SYNC, the command before PSYNC: always a full resync, and never acknowledged.
    pub fn sync(&mut self, id: ReplicaId, now: Instant) -> Decision {
        if self.is_replica(id) {
            return Decision::Ignored;
        }
        if self.held {
            return Decision::Error(FAILING_OVER);
        }
        if self.upstream == Upstream::Lost {
            return Decision::Error(NO_MASTER_LINK);
        }
        self.attach_full(id, FullResyncReason::OldSync, now)
    }

    /// PSYNC's third argument: only of the primary whose stream we have, with the id that we share.
    fn take_over(&self, replid: &[u8]) -> Decision {
        if self.upstream == Upstream::None {
            Decision::Error("ERR PSYNC FAILOVER can't be sent to a master.")
        } else if !replid.eq_ignore_ascii_case(self.history.replid().as_bytes()) {
            Decision::Error("ERR PSYNC FAILOVER replid must match my replid.")
        } else {
            Decision::TakeOver
        }
    }

    /// A cursor at the place that the replica asks for, or why it cannot go on from there.
    fn judge(&mut self, replid: &[u8], asked: i64) -> Result<Cursor, FullResyncReason> {
        let at = Offset::from_next_byte(asked);
        let beyond = if asked < 1 { Offset::ZERO } else { Offset::MAX_NAMED };
        if !self.history.answers(replid, at.unwrap_or(beyond)) {
            return Err(self.foreign(replid, asked));
        }
        let backlog = self.backlog.as_mut();
        at.zip(backlog).and_then(|(at, backlog)| backlog.cursor_at(at)).ok_or_else(|| {
            let ahead = at.unwrap_or(beyond) > self.offset();
            FullResyncReason::Backlog { asked, ahead }
        })
    }

    fn foreign(&self, replid: &[u8], asked: i64) -> FullResyncReason {
        let replid2 = self.history.replid2();
        if replid.first() == Some(&b'?') {
            return FullResyncReason::Requested;
        }
        match self.history.second_offset() {
            Some(end) if replid.eq_ignore_ascii_case(replid2.as_bytes()) => {
                FullResyncReason::SecondIdOffset { asked, up_to: end.next_byte() }
            }
            _ => FullResyncReason::IdMismatch {
                asked: String::from_utf8_lossy(&replid[..replid.len().min(40)]).into_owned(),
                replid: self.history.replid(),
                replid2,
            },
        }
    }

    fn attach_partial(&mut self, id: ReplicaId, cursor: Cursor, now: Instant) -> Decision {
        let link = self.attach(id, Stage::Online { flows: true }, now);
        let from = cursor.offset();
        if link.peer.rdb_client.is_some() {
            link.stage = Stage::Beside;
        } else {
            // Whoever asks for the next byte has all before it.
            link.acked = from;
        }
        link.cursor = Some(cursor);
        let reply = if link.peer.capa_psync2 {
            format!("+CONTINUE {}\r\n", self.history.replid())
        } else {
            "+CONTINUE\r\n".to_owned()
        };
        self.end_pinned(id, now);
        let unread = self.unread(id);
        Decision::Continue { reply: reply.into(), from, unread }
    }

    fn attach_full(&mut self, id: ReplicaId, reason: FullResyncReason, now: Instant) -> Decision {
        if self.backlog.is_none() {
            self.create_backlog();
        }
        let link = self.attach(id, Stage::Waiting { since: now }, now);
        link.old = reason == FullResyncReason::OldSync;
        self.join_snapshot(id, now);
        Decision::FullResync(reason)
    }

    pub(super) fn attach(&mut self, id: ReplicaId, stage: Stage, now: Instant) -> &mut Link {
        let peer = self.peers.remove(&id).unwrap_or_default();
        self.no_replicas_since = None;
        if self.links.is_empty() {
            self.last_ping = Some(now);
        }
        let link = Link::new(id, peer, stage, now);
        if !self.links.iter().any(Link::waits) {
            self.last_newline = Some(now);
        }
        self.links.push(link);
        self.links.last_mut().expect("invariant: just pushed")
    }

    /// What was written before there was a backlog is not in the offset: the stream that begins
    /// now needs an id of its own.
    fn create_backlog(&mut self) {
        if self.upstream == Upstream::None {
            let replid = self.fresh_id();
            self.history.restart(replid);
            self.selected = None;
        }
        self.new_backlog(self.offset);
        let replid = self.history.replid();
        self.events.push_back(PrimaryEvent::BacklogCreated { replid });
    }
}

const FAILING_OVER: &str = "NOMASTERLINK Can't SYNC while failing over";
const NO_MAIN_CHANNEL: &str = "ERR main-ch-client-id names no replica that waits for its RDB";
const NO_MASTER_LINK: &str = "NOMASTERLINK Can't SYNC while not connected with my master";
