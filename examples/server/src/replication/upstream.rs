//! [`Upstream`]: the link to this node's primary.

mod data;
mod read;
mod two;

use std::io::{self, IoSlice};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use redwire_keyspace::{Keyspace, Session};
use redwire_repl::{
    self as repl, Offset, RdbChannel, ReplId, Replica, ReplicaConfig, ReplicaEvent, ReplicaPhase,
    ReplicaStatus,
};
use redwire_resp::{Limits, Mode, RequestDecoder};

use crate::config::{Config, Endpoint};
use crate::core::Core;
use crate::host::ClientInfo;
use crate::net::{ClientId, Stream, Traffic};
use crate::persist::RdbLoad;

use super::empty_primary::EmptyPrimary;
use super::side::{Kept, Side};
use two::Two;

/// What a Valkey primary is told that this node reads: without it, it writes the format of older
/// servers and breaks off at the first hash that has fields with expiries.
const VALKEY_VERSION: &str = "9.1.0";

/// Longest wait between two attempts to reach the primary: Redis tries each second.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The link to the primary that this node follows.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) endpoint: Endpoint,
    machine: Replica,
    stream: Option<Stream>,
    connected: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    decoder: RequestDecoder,
    pub(crate) session: Session,
    /// Commands of a transaction whose `EXEC` has not come: they count when it does.
    held: Vec<u8>,
    load: Option<RdbLoad>,
    /// When the load under way began.
    load_began: Option<Instant>,
    /// The history that the full sync under way announced.
    announced: Option<ReplId>,
    empty_primary: EmptyPrimary,
    /// More may be read without waiting for the socket to say so.
    readable: bool,
    /// Nothing of the stream is read or run for now.
    on_hold: bool,
    /// A command of the stream left something to be done before the next: clients to be served that
    /// waited for its keys, replicas to be judged.
    interrupted: bool,
    /// Where the RDB comes, in a full sync over two connections.
    side: Option<Side>,
    /// The stream that came meanwhile, to be run before what comes now.
    kept: Option<Kept>,
    /// Most that was ever kept of it, in bytes.
    kept_peak: u64,
    /// No more of it could be kept in this full sync, and that was said.
    was_full: bool,
    two_connections: Two,
    /// What the link is in `CLIENT LIST`, since its stream flowed first. As in Redis it stays that when it
    /// goes on where it broke off, and begins anew with a full sync.
    born: Option<Birth>,
    /// What has gone over it since, and the last command that came.
    traffic: Traffic,
    last_command: &'static str,
    /// The other side refused to take over from this node.
    refuses: bool,
}

/// A link's number, and when it had it first.
#[derive(Debug, Clone, Copy)]
struct Birth {
    id: ClientId,
    at: Instant,
}

impl Birth {
    fn now(core: &mut Core) -> Self {
        Self { id: core.new_client_id(), at: core.now }
    }
}

/// What a turn of the link brought, for the log and for the rest of the server.
#[derive(Debug)]
pub(crate) enum Received {
    /// A connection attempt began.
    Connecting,
    /// The connection stands.
    Connected,
    /// A whole data set will come.
    FullResync(Option<ReplId>, Offset),
    /// The stream goes on.
    Continued(ReplId),
    /// The data set comes on another connection.
    RdbChannel(RdbChannel),
    /// No more of the stream is read until the data set is whole, for this reason.
    StreamWaits(String),
    /// The data set begins, so many bytes if it was said.
    SyncStarted(Option<u64>),
    /// The data set is whole.
    Synced { keys: u64 },
    /// The link broke, for this reason.
    Broken(String),
}

impl Upstream {
    /// A link to `endpoint` that is to be opened; `history` is what this node has of its stream.
    pub(crate) fn new(
        endpoint: Endpoint,
        core: &mut Core,
        history: Option<(ReplId, Offset)>,
    ) -> Self {
        let config = replica_config(&core.config);
        let mut machine = Replica::new(config, core.entropy.number(), core.now);
        if let Some((replid, offset)) = history {
            machine.resume_from(replid, offset);
        }
        // A node that never had a stream has nothing to go on with.
        machine.ask_for_all(core.primary.backlog().is_none());
        let mut session = Session::of_primary(0);
        // Where the stream goes on it is in the database that it was in.
        session.db = core.primary.stream_db().unwrap_or(0);
        Self {
            endpoint,
            machine,
            stream: None,
            connected: false,
            input: Vec::new(),
            output: Vec::new(),
            decoder: stream_decoder(),
            session,
            held: Vec::new(),
            load: None,
            load_began: None,
            announced: None,
            empty_primary: EmptyPrimary::default(),
            readable: false,
            on_hold: false,
            interrupted: false,
            side: None,
            kept: None,
            kept_peak: 0,
            was_full: false,
            two_connections: Two::new(core),
            born: None,
            traffic: Traffic::default(),
            last_command: "NULL",
            refuses: false,
        }
    }

    pub(crate) fn configure(&mut self, config: &Config) {
        self.two_connections.mode = config.repl_two_connections;
        self.two_connections.disk_limit = config.repl_replica_buffer_disk;
        self.machine.set_config(replica_config(config));
    }

    pub(crate) fn status(&self, now: Instant) -> ReplicaStatus {
        let status = self.machine.status(now);
        match &self.side {
            Some(side) => ReplicaStatus { uptime: status.uptime, ..side.machine.status(now) },
            None => status,
        }
    }

    /// The primary to be is this node's replica, and is to take over from it.
    pub(crate) fn hand_over(&mut self) {
        self.machine.hand_over(true);
    }

    /// Whether the other side has not answered yet whether it takes over.
    pub(crate) fn is_handing_over(&self) -> bool {
        self.machine.is_handing_over()
    }

    /// Whether it answered that it does not.
    pub(crate) fn refuses_to_take_over(&self) -> bool {
        self.refuses
    }

    /// Bytes of stream that wait for a data set or are not run on it yet, and the most that did.
    pub(crate) fn kept(&self) -> (u64, u64) {
        (self.kept_stream().map_or(0, Kept::unread), self.kept_peak)
    }

    /// Bytes of them that are in memory, rather than on disk.
    pub(crate) fn kept_in_memory(&self) -> usize {
        self.kept_stream().map_or(0, Kept::in_memory)
    }

    fn kept_stream(&self) -> Option<&Kept> {
        self.side.as_ref().map(|side| &side.kept).or(self.kept.as_ref())
    }

    /// Takes what the disk has done with what is kept.
    fn poll_kept(&mut self, now: Instant) -> Result<(), String> {
        let limit = self.machine.config().timeout;
        let of_side = self.side.as_mut().map(|side| &mut side.kept);
        let Some(kept) = of_side.or(self.kept.as_mut()) else { return Ok(()) };
        if kept.is_behind() || !kept.is_ready() {
            // It is we who do not read.
            self.machine.heard(now);
        }
        kept.poll(limit, now).map_err(|error| format!("stream unreadable: {error}"))
    }

    /// Whether the stream flows.
    pub(crate) fn is_up(&self) -> bool {
        self.side.is_none() && self.machine.phase() == ReplicaPhase::Connected
    }

    /// The link as `CLIENT LIST` shows it; as in Redis there is none before its stream flows.
    pub(crate) fn client_info(&self, now: Instant) -> Option<ClientInfo> {
        let stream = self.stream.as_ref().filter(|_| self.is_up())?;
        let Birth { id, at } = self.born?;
        let mut info = ClientInfo::new(id, stream, at);
        info.is_primary = true;
        info.user = b"(superuser)".to_vec();
        info.logged_in = true;
        let silent = self.machine.status(now).last_io.unwrap_or_default();
        info.last_interaction = now.checked_sub(silent).unwrap_or(now);
        info.query_buffer = self.input.len();
        info.output.len = self.output.len();
        info.traffic = self.traffic;
        info.usage.query = (self.input.capacity() + self.held.capacity()) as u64;
        info.usage.output = self.output.capacity() as u64;
        info.last_command = self.last_command;
        info.update_session(&self.session);
        Some(info)
    }

    /// Whether a turn has something to do without waiting for a socket.
    pub(crate) fn is_busy(&self) -> bool {
        self.may_read()
            || self.interrupted
            || (self.kept.as_ref().is_some_and(Kept::is_ready) && !self.on_hold)
            || self.side.as_ref().is_some_and(Side::is_busy)
    }

    /// Whether the stream is to wait: neither read nor run, but for what is kept during a full sync.
    pub(crate) fn hold(&mut self, on: bool) {
        self.on_hold = on;
    }

    /// Whether a whole data set is coming.
    pub(crate) fn is_syncing(&self) -> bool {
        self.load.is_some()
    }

    /// The history of the primary that came back empty and was refused.
    pub(crate) fn refused(&self) -> Option<ReplId> {
        self.empty_primary.refused()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    /// ACKs, keep-alives, timeouts; then whatever the machine wants done.
    pub(crate) fn handle_timeout(
        &mut self,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> Vec<Received> {
        let unreadable = self.poll_kept(now).err();
        self.machine.handle_timeout(now);
        let mut received = self.drive(registry, token, now);
        if let Some(reason) = unreadable {
            received.push(self.disconnect(registry, reason, now));
        }
        received.extend(self.newly_full(now));
        // What is not read for want of room is nothing that the RDB could wait for.
        let streams = self.machine.is_streaming() && self.no_room(now).is_none();
        if let Some(Err(reason)) = self.side.as_mut().map(|side| side.drive(streams, now)) {
            received.push(self.disconnect(registry, reason, now));
        }
        received
    }

    /// Opens and closes the connection as the machine wants it.
    fn drive(&mut self, registry: &Registry, token: Token, now: Instant) -> Vec<Received> {
        let mut received = Vec::new();
        while let Some(event) = self.machine.poll_event() {
            match event {
                ReplicaEvent::Connect => {
                    received.push(Received::Connecting);
                    let two_connections = self.two_connections.for_machine();
                    let config = self.machine.config().clone();
                    self.machine.set_config(ReplicaConfig { two_connections, ..config });
                    if let Err(error) = self.connect(registry, token) {
                        self.machine.handle_disconnected(now);
                        let reason = format!("Unable to connect to MASTER: {error}");
                        received.push(Received::Broken(reason));
                    }
                }
                ReplicaEvent::Disconnect { reason } => {
                    received.push(self.disconnect(registry, reason.to_string(), now));
                }
                _ => {}
            }
        }
        if let Err(error) = self.flush() {
            received.push(self.disconnect(registry, error.to_string(), now));
        }
        received
    }

    fn address(&self) -> io::Result<SocketAddr> {
        let unresolved = || io::Error::new(io::ErrorKind::NotFound, "host has no address");
        let place = (self.endpoint.host.as_str(), self.endpoint.port);
        place.to_socket_addrs()?.next().ok_or_else(unresolved)
    }

    /// Opens the connection of the RDB, which this one waits for.
    fn open_side(
        &mut self,
        channel: RdbChannel,
        (registry, token): (&Registry, Token),
        now: Instant,
    ) -> io::Result<()> {
        let two_connections = repl::TwoConnections::No;
        let config = self.machine.config().clone();
        let config = ReplicaConfig { rdb_channel: Some(channel), two_connections, ..config };
        let place = (registry, side_token(token));
        let for_kept = (&*self.two_connections.folder, &self.two_connections.disk);
        self.side = Some(Side::open(self.address()?, config, for_kept, place, now)?);
        Ok(())
    }

    fn connect(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let mut stream = Stream::connect(self.address()?)?;
        stream.register(registry, token)?;
        self.stream = Some(stream);
        self.connected = false;
        Ok(())
    }

    /// Ends the connection; what was loaded of a data set is dropped, the old one stays.
    pub(crate) fn disconnect(
        &mut self,
        registry: &Registry,
        reason: String,
        now: Instant,
    ) -> Received {
        if let Some(mut stream) = self.stream.take() {
            // Closing it takes it out of the poll as well.
            let _ = stream.deregister(registry);
        }
        self.connected = false;
        (self.readable, self.interrupted) = (false, false);
        self.input.clear();
        self.output.clear();
        self.held.clear();
        // A transaction is over, but the stream goes on in the database that it was in.
        let db = self.session.db;
        self.session = self.session.renewed();
        self.session.db = db;
        if let Some(side) = self.side.take() {
            side.close(registry);
            self.two_connections.failures += 1;
        } else if self.load.is_some() {
            self.two_connections.failures = 0;
        }
        (self.kept, self.was_full) = (None, false);
        self.load = None;
        self.decoder = stream_decoder();
        self.machine.handle_disconnected(now);
        Received::Broken(reason)
    }

    /// The socket has something to say: it is connected, readable or writable.
    pub(crate) fn handle_ready(
        &mut self,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> Vec<Received> {
        let mut received = Vec::new();
        let Some(stream) = &self.stream else { return received };
        if !self.connected {
            match stream.connect_error() {
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => {
                    let reason = format!("Error condition on socket for SYNC: {error}");
                    return vec![self.disconnect(registry, reason, now)];
                }
            }
            self.connected = true;
            self.machine.handle_connected(now);
            received.push(Received::Connected);
        }
        self.readable = true;
        received.extend(self.drive(registry, token, now));
        received
    }

    /// The socket of the RDB has something to say.
    pub(crate) fn side_ready(&mut self, registry: &Registry, now: Instant) -> Vec<Received> {
        match self.side.as_mut().map(|side| side.handle_ready(now)) {
            Some(Err(reason)) => vec![self.disconnect(registry, reason, now)],
            _ => Vec::new(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.machine.poll_transmit(&mut self.output) {}
        let Some(stream) = self.stream.as_mut().filter(|_| self.connected) else { return Ok(()) };
        while !self.output.is_empty() {
            match stream.write(&[IoSlice::new(&self.output)])? {
                Some(count) => {
                    self.traffic.bytes_out += count as u64;
                    self.output.drain(..count);
                }
                None => break,
            }
        }
        Ok(())
    }

    /// How long the load that has just ended took.
    pub(crate) fn load_took(&self, now: Instant) -> Duration {
        self.load_began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
    }
}

/// The socket of the RDB has the token behind the link's.
fn side_token(token: Token) -> Token {
    Token(token.0 + 1)
}

/// Whether there is data to keep, and the wish to.
fn may_refuse(core: &Core, keyspace: &Keyspace) -> bool {
    core.config.replica_refuse_empty_primary && !keyspace.data().is_empty()
}

pub(super) fn stream_decoder() -> RequestDecoder {
    let mut limits = Limits::default();
    limits.bulk_len = u64::MAX;
    let mut decoder = RequestDecoder::new(Mode::Compatible, limits);
    decoder.set_authenticated(true);
    decoder
}

fn replica_config(config: &Config) -> ReplicaConfig {
    let announced = config.replica_announce_port;
    ReplicaConfig {
        listening_port: if announced == 0 { config.port } else { announced },
        announce_ip: config.replica_announce_ip.clone(),
        masteruser: config.masteruser.clone(),
        masterauth: config.masterauth.as_ref().map(|secret| secret.as_bytes().to_vec()),
        version: Some(VALKEY_VERSION.into()),
        timeout: config.repl_timeout,
        backoff_max: BACKOFF_MAX,
        ..ReplicaConfig::default()
    }
}
