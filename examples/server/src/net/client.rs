//! [`Client`]: a connection with its buffers.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use redwire_keyspace::Session;
use redwire_outbuf::{Account, Class, LimitState, OutputBuffer};
use redwire_repl::{Offset, Primary, ReplicaId};
use redwire_resp::{Limits, Mode, RequestDecoder};

use crate::core::Core;
use crate::net::Stream;

/// The number of a connection (`CLIENT ID`), never used twice.
pub(crate) type ClientId = u64;

/// How many slices a write gathers at most.
const GATHER: usize = 64;

/// Most bytes that one client is sent before others have their turn.
const WRITE_TURN: usize = 1 << 20;

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) stream: Stream,
    pub(crate) session: Session,
    pub(crate) decoder: RequestDecoder,
    /// Bytes of a request that is not complete yet.
    pub(crate) input: Vec<u8>,
    pub(crate) output: OutputBuffer,
    pub(crate) peak: Peak,
    pub(crate) limits: LimitState,
    /// In the ledger of all connections' memory.
    pub(crate) account: Account,
    pub(crate) traffic: Traffic,
    pub(crate) standing: Standing,
    pub(crate) replies: Replies,
    /// The last command that it ran.
    pub(crate) last_command: &'static str,
    pub(crate) blocked: Option<Blocked>,
    /// Bytes that the command takes which waits for a key.
    pub(crate) wait_memory: usize,
    /// Its next request waits for the end of a pause of clients.
    pub(crate) postponed: bool,
    /// To be closed once what is queued is sent; no more of its requests are run.
    pub(crate) closing: bool,
    /// The socket took less than it was given; it will say when it takes more.
    pub(crate) write_blocked: bool,
    /// The peer has sent all that it will: behind what is there comes the end.
    pub(crate) ended: bool,
    /// Whether the client is in the list of those to be read from in the next turn.
    pub(crate) queued: bool,
    /// When it sent something last.
    pub(crate) last_interaction: Instant,
}

/// The most bytes of replies in no chunk that waited lately (`rbp` of `CLIENT LIST`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peak {
    pub(crate) bytes: usize,
    at: Option<Instant>,
}

/// How long a peak is remembered, as in Redis.
const PEAK_TIME: Duration = Duration::from_secs(5);

impl Peak {
    /// Takes note that so many bytes wait.
    pub(crate) fn note(&mut self, bytes: usize, now: Instant) {
        let is_old = |at| now.saturating_duration_since(at) > PEAK_TIME;
        if bytes >= self.bytes || self.at.is_none_or(is_old) {
            *self = Self { bytes, at: Some(now) };
        }
    }
}

/// What has gone over a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Requests that were run.
    pub(crate) commands: u64,
}

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Sends commands and reads replies.
    Client,
    /// Sent `MONITOR`.
    Monitor,
    /// Sent `PSYNC` or `SYNC`.
    Replica,
}

/// Which replies a connection gets (`CLIENT REPLY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replies {
    On,
    Off,
    /// Not that of the next command.
    SkipNext,
}

impl Replies {
    /// Whether the reply to the command that has just run is not to be sent; `change` is what that
    /// command itself asked for.
    pub(crate) fn drops_one(&mut self, change: Option<Self>) -> bool {
        match (*self, change) {
            (Self::On, None) => false,
            (Self::SkipNext, None) => {
                *self = Self::On;
                true
            }
            (Self::Off, None | Some(Self::SkipNext)) => true,
            (_, Some(change)) => {
                *self = change;
                change != Self::On
            }
        }
    }
}

/// What a connection waits for before its next command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blocked {
    /// For replicas to have what it wrote.
    Replicas(ReplicaWait),
    /// For a key (`BLPOP` ...): the keyspace knows which, and ends it at the deadline.
    Key { deadline: Option<Instant> },
    /// For another server to take keys (`MIGRATE`), which nothing ends before its time.
    Migration,
}

impl Blocked {
    /// When the wait ends without what it is for.
    pub(crate) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Replicas(ReplicaWait { deadline, .. }) | Self::Key { deadline } => deadline,
            Self::Migration => None,
        }
    }
}

/// `WAIT` and `WAITAOF`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplicaWait {
    /// So many replicas,
    pub(crate) replicas: usize,
    /// that have the stream up to here,
    pub(crate) offset: Offset,
    /// on their disks (`WAITAOF`), not just acknowledged.
    pub(crate) on_disk: bool,
    /// When the wait ends without them.
    pub(crate) deadline: Option<Instant>,
}

impl Client {
    pub(crate) fn new(id: ClientId, stream: Stream, account: Account, core: &Core) -> Self {
        let mut session = Session::new(id);
        core.begin_session(&mut session);
        session.may_wait = true;
        let mut limits = Limits::default();
        limits.bulk_len = core.config.proto_max_bulk_len;
        let mut decoder = RequestDecoder::new(Mode::Compatible, limits);
        decoder.set_authenticated(session.authenticated);
        Self {
            id,
            stream,
            session,
            decoder,
            input: Vec::new(),
            output: OutputBuffer::new(),
            peak: Peak::default(),
            limits: LimitState::default(),
            account,
            traffic: Traffic::default(),
            standing: Standing::Client,
            replies: Replies::On,
            last_command: "NULL",
            blocked: None,
            wait_memory: 0,
            postponed: false,
            closing: false,
            write_blocked: false,
            ended: false,
            queued: false,
            last_interaction: core.now,
        }
    }

    /// Whether its next request may not be run yet.
    pub(crate) fn is_held_up(&self) -> bool {
        self.blocked.is_some() || self.postponed
    }

    /// By which limits it is judged, and where its memory counts.
    pub(crate) fn class(&self) -> Class {
        match self.standing {
            Standing::Replica => Class::Replica,
            Standing::Client if self.session.subscribed => Class::PubSub,
            Standing::Client | Standing::Monitor => Class::Normal,
        }
    }

    /// Sends what is queued, and for a replica the stream that follows, as far as the socket
    /// takes it.
    pub(crate) fn flush(&mut self, core: &mut Core) -> io::Result<()> {
        let primary = &mut core.primary;
        let mut sent = 0;
        while sent < WRITE_TURN {
            let streaming = self.output.is_empty();
            let written = if streaming {
                if self.standing != Standing::Replica {
                    break;
                }
                write_some(&mut self.stream, primary.stream(ReplicaId(self.id)))?
            } else {
                write_some(&mut self.stream, self.output.chunks())?
            };
            match written {
                Written::NothingToWrite => break,
                Written::Blocked => {
                    self.write_blocked = true;
                    break;
                }
                Written::Bytes(count) => {
                    if streaming {
                        primary.sent(ReplicaId(self.id), count as u64);
                    } else {
                        self.output.advance(count);
                    }
                    sent += count;
                }
            }
        }
        self.note_sent(sent, core);
        Ok(())
    }

    /// Whether a part of an RDB may be written, `sent` bytes of it having been in this turn: it comes
    /// behind what is queued.
    pub(crate) fn may_write_rdb(&self, sent: usize) -> bool {
        self.output.is_empty() && !self.write_blocked && sent < WRITE_TURN
    }

    /// Writes a part of an RDB, past the queue; how much of it the socket took.
    pub(crate) fn write_rdb(&mut self, bytes: &[u8], core: &mut Core) -> io::Result<usize> {
        match write_some(&mut self.stream, std::iter::once(bytes))? {
            Written::NothingToWrite => Ok(0),
            Written::Blocked => {
                self.write_blocked = true;
                Ok(0)
            }
            Written::Bytes(count) => {
                self.note_sent(count, core);
                Ok(count)
            }
        }
    }

    fn note_sent(&mut self, sent: usize, core: &mut Core) {
        let replica = self.standing == Standing::Replica;
        let counters = &mut core.counters;
        let total = if replica { &mut counters.repl_bytes_out } else { &mut counters.bytes_out };
        *total += sent as u64;
        counters.writes += u64::from(sent > 0);
        self.traffic.bytes_out += sent as u64;
    }

    /// Whether something waits to be sent, beyond what the socket has taken.
    pub(crate) fn has_output(&self, primary: &Primary) -> bool {
        !self.output.is_empty()
            || (self.standing == Standing::Replica
                && primary.stream(ReplicaId(self.id)).next().is_some())
    }
}

enum Written {
    NothingToWrite,
    Blocked,
    Bytes(usize),
}

fn write_some<'a>(
    stream: &mut Stream,
    mut chunks: impl Iterator<Item = &'a [u8]>,
) -> io::Result<Written> {
    let Some(first) = chunks.next() else { return Ok(Written::NothingToWrite) };
    let written = match chunks.next() {
        // Nearly always; and a gathering write takes longer.
        None => stream.write(&[IoSlice::new(first)])?,
        Some(second) => {
            let mut slices = [IoSlice::new(&[]); GATHER];
            let mut count = 0;
            for (slice, chunk) in slices.iter_mut().zip([first, second].into_iter().chain(chunks)) {
                *slice = IoSlice::new(chunk);
                count += 1;
            }
            stream.write(&slices[..count])?
        }
    };
    Ok(written.map_or(Written::Blocked, Written::Bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_dropped_as_asked() {
        use Replies::{Off, On, SkipNext};
        // What each command asks for, and whether its reply is dropped.
        let script = [
            (None, false),
            (Some(SkipNext), true),
            (None, true),
            (None, false),
            (Some(Off), true),
            (None, true),
            (Some(SkipNext), true),
            (None, true),
            (Some(On), false),
            (None, false),
        ];
        let mut replies = On;
        for (step, (change, dropped)) in script.into_iter().enumerate() {
            assert_eq!(replies.drops_one(change), dropped, "step {step}");
        }
    }

    #[test]
    fn a_peak_is_remembered_for_five_seconds() {
        let (mut peak, start) = (Peak::default(), crate::clock::now());
        for (second, bytes, expected) in [
            (0, 10, 10),
            (1, 30, 30),
            (2, 0, 30),
            (6, 5, 30),
            (7, 5, 5),
            (8, 5, 5),
            (13, 5, 5),
            (14, 0, 5),
            (19, 0, 0),
        ] {
            // Another one as large is remembered from then on.
            peak.note(bytes, start + Duration::from_secs(second));
            assert_eq!(peak.bytes, expected, "second {second}");
        }
    }
}
