//! [`Upstream`]: the link to this node's primary.

mod data;

use std::io::{self, IoSlice};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use redwire_keyspace::{Keyspace, Session};
use redwire_repl::{
    self as repl, Error, Offset, RdbChannel, ReplId, Replica, ReplicaConfig, ReplicaEvent,
    ReplicaPhase, ReplicaStatus, Step,
};
use redwire_resp::{Limits, Mode, RequestDecoder};

use crate::config::{Config, Endpoint, TwoConnections};
use crate::core::Core;
use crate::net::Stream;
use crate::persist::RdbLoad;

use super::empty_primary::{self, EmptyPrimary};
use super::side::{Kept, Side};

/// Bytes that are read and worked on before clients have their turn again.
const TURN: usize = 256 << 10;

/// What a Valkey primary is told that this node reads: without it, it writes the format of older
/// servers and breaks off at the first hash that has fields with expiries.
const VALKEY_VERSION: &str = "9.1.0";

/// Longest wait between two attempts to reach the primary: Redis tries each second.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Bytes of kept stream that are run before clients have their turn again.
const KEPT_TURN: usize = TURN;

/// Bytes of stream that are read in a turn to be kept: that costs little, and the primary must not
/// have to hold them.
const KEEP_TURN: usize = 4 << 20;

/// Attempts with two connections before one is tried again: the primary may not let us.
const SIDE_ATTEMPTS: u32 = 4;

/// As many of them by `repl-two-connections auto`.
const AUTO_ATTEMPTS: u32 = 2;

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
    /// A command of the stream woke clients that wait for keys: they are served before the next.
    woke: bool,
    /// Where the RDB comes, in a full sync over two connections.
    side: Option<Side>,
    /// The stream that came meanwhile, to be run before what comes now.
    kept: Option<Kept>,
    two_connections: Two,
    /// The other side refused to take over from this node.
    refuses: bool,
}

/// When a full sync is to have two connections.
#[derive(Debug)]
struct Two {
    mode: TwoConnections,
    /// Folder for what exceeds memory.
    folder: PathBuf,
    /// Attempts with two that came to nothing, one after the other.
    failures: u32,
}

impl Two {
    fn new(core: &Core) -> Self {
        let (mode, folder) = (core.config.repl_two_connections, core.config.dir.clone());
        Self { mode, folder, failures: 0 }
    }

    fn wanted(&self) -> bool {
        match self.mode {
            TwoConnections::No => false,
            TwoConnections::Auto => self.failures < AUTO_ATTEMPTS,
            TwoConnections::Yes => self.failures < SIDE_ATTEMPTS,
        }
    }

    fn for_machine(&self) -> repl::TwoConnections {
        if self.wanted() { repl::TwoConnections::Always } else { repl::TwoConnections::No }
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
            woke: false,
            side: None,
            kept: None,
            two_connections: Two::new(core),
            refuses: false,
        }
    }

    pub(crate) fn configure(&mut self, config: &Config) {
        self.two_connections.mode = config.repl_two_connections;
        self.machine.set_config(replica_config(config));
    }

    pub(crate) fn status(&self, now: Instant) -> ReplicaStatus {
        let status = self.machine.status(now);
        match &self.side {
            Some(side) => ReplicaStatus { down_for: status.down_for, ..side.machine.status(now) },
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

    /// Whether the stream flows.
    pub(crate) fn is_up(&self) -> bool {
        self.side.is_none() && self.machine.phase() == ReplicaPhase::Connected
    }

    /// Whether a turn has something to do without waiting for a socket.
    pub(crate) fn is_busy(&self) -> bool {
        self.may_read()
            || self.woke
            || self.kept.is_some()
            || self.side.as_ref().is_some_and(Side::is_busy)
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
        self.machine.handle_timeout(now);
        let mut received = self.drive(registry, token, now);
        let streams = self.machine.is_streaming();
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
        let (place, folder) = ((registry, side_token(token)), self.two_connections.folder.clone());
        self.side = Some(Side::open(self.address()?, config, folder, place, now)?);
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
        (self.readable, self.woke) = (false, false);
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
        self.kept = None;
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

    /// Reads a turn's worth and runs it. Takes `core` as the host of the stream's commands, so the
    /// link itself must be outside of it meanwhile.
    pub(crate) fn read_turn(
        &mut self,
        registry: &Registry,
        token: Token,
        core: &mut Core,
        keyspace: &mut Keyspace,
        buffer: &mut [u8],
    ) -> Vec<Received> {
        let mut received = Vec::new();
        let now = core.now;
        let mut taken = 0;
        if std::mem::take(&mut self.woke)
            && let Err(error) =
                self.take_input(&[], (registry, token), core, keyspace, &mut received)
        {
            received.push(self.disconnect(registry, error, now));
        }
        while taken < self.turn() && self.may_read() && !self.woke {
            let Some(stream) = self.stream.as_mut() else { break };
            let count = match stream.read(buffer) {
                Ok(Some(0)) => {
                    let reason = "Connection with master lost.".to_string();
                    received.push(self.disconnect(registry, reason, now));
                    break;
                }
                Ok(Some(count)) => count,
                Ok(None) => {
                    self.readable = false;
                    break;
                }
                Err(error) => {
                    let reason = format!("I/O error trying to sync with MASTER: {error}");
                    received.push(self.disconnect(registry, reason, now));
                    break;
                }
            };
            taken += count;
            core.counters.repl_bytes_in += count as u64;
            let bytes = &buffer[..count];
            let place = (registry, token);
            if let Err(error) = self.take_input(bytes, place, core, keyspace, &mut received) {
                received.push(self.disconnect(registry, error, now));
                break;
            }
        }
        if let Err(reason) = self.run_kept((registry, token), core, keyspace, &mut received) {
            received.push(self.disconnect(registry, reason, now));
        }
        if let Err(reason) =
            self.read_side((registry, token), core, keyspace, buffer, &mut received)
        {
            received.push(self.disconnect(registry, reason, now));
        }
        received.extend(self.drive(registry, token, now));
        received
    }

    /// Runs what came, or keeps it while the data set comes and until what came before is run.
    fn take_input(
        &mut self,
        bytes: &[u8],
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        if self.kept.is_some() || self.keeps() {
            self.keep(bytes, core.now);
            return Ok(());
        }
        self.input.extend_from_slice(bytes);
        self.handle_input(place, core, keyspace, received)?;
        self.keep_input(core.now);
        Ok(())
    }

    /// Keeps what is unread, if it is of the stream and has to wait.
    fn keep_input(&mut self, now: Instant) {
        if self.keeps() {
            let unread = std::mem::take(&mut self.input);
            self.keep(&unread, now);
        }
    }

    /// Keeps bytes behind what is kept. What of a command is in `input` lies before all of it.
    fn keep(&mut self, bytes: &[u8], now: Instant) {
        let of_side = self.side.as_mut().map(|side| &mut side.kept);
        if let Some(kept) = of_side.or(self.kept.as_mut()) {
            kept.append(bytes);
            self.machine.heard(now);
        }
    }

    /// Whether the stream flows, and has to wait for the data set.
    fn keeps(&self) -> bool {
        self.side.is_some() && self.machine.is_streaming()
    }

    /// Bytes to read in this turn.
    fn turn(&self) -> usize {
        if self.kept.is_some() || self.keeps() { KEEP_TURN } else { TURN }
    }

    /// Whether to read now: what comes before it is known to be the stream has to stay in memory.
    fn may_read(&self) -> bool {
        let waits = self.side.is_some() && !self.machine.is_streaming();
        self.readable && !(waits && self.input.len() >= TURN)
    }

    /// Runs a slice of the stream that was kept.
    fn run_kept(
        &mut self,
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        let mut done = 0;
        while done < KEPT_TURN
            && !self.woke
            && let Some(kept) = &mut self.kept
        {
            let Some(bytes) = kept.next().map_err(|error| format!("stream unreadable: {error}"))?
            else {
                self.kept = None;
                break;
            };
            done += bytes.len();
            self.input.extend_from_slice(&bytes);
            self.handle_input(place, core, keyspace, received)?;
        }
        Ok(())
    }

    /// Reads a turn's worth of the RDB.
    fn read_side(
        &mut self,
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        buffer: &mut [u8],
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        let mut taken = 0;
        while taken < TURN
            && let Some(side) = &mut self.side
        {
            match side.read(buffer).map_err(|error| error.to_string())? {
                None => break,
                Some(0) => return Err("Connection of the RDB lost.".into()),
                Some(count) => taken += count,
            }
            let mut input = std::mem::take(&mut side.input);
            let mut at = 0;
            while let Some(used) =
                self.step_side(&input[at..], place.0, core, keyspace, received)?
            {
                at += used;
            }
            input.drain(..at);
            if let Some(side) = &mut self.side {
                side.input = input;
            }
        }
        Ok(())
    }

    /// One step of the machine of the RDB's connection; `None` when it needs more bytes.
    fn step_side(
        &mut self,
        unread: &[u8],
        registry: &Registry,
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<Option<usize>, String> {
        let now = core.now;
        let Some(side) = &mut self.side else { return Ok(None) };
        let progress = side.machine.handle_input(unread, now).map_err(|it| it.to_string())?;
        let used = progress.used;
        let Some(step) = progress.step else { return Ok((used > 0).then_some(used)) };
        match step {
            Step::Handshake | Step::RdbChannel(_) | Step::Continue { .. } | Step::Stream(_) => {}
            Step::FullResync { replid, offset } => {
                side.from = Some(offset);
                received.push(Received::FullResync(replid, offset));
                self.announced = replid;
                if self.empty_primary.refuses_history(replid) && may_refuse(core, keyspace) {
                    return Err(empty_primary::REASON.into());
                }
                if let Some(side) = &self.side {
                    replid.ok_or("the primary knows no PSYNC")?;
                    self.machine.attach(&side.machine, now);
                }
                self.keep_input(now);
            }
            Step::RdbStart { len } => self.begin_load(len, core, keyspace, received),
            Step::Rdb(bytes) => {
                let taken =
                    self.load_bytes(bytes, core, keyspace).map_err(|error| error.to_string())?;
                return Ok(Some(used + taken).filter(|used| *used > 0));
            }
            Step::Loaded { replid, offset } => {
                // What came of the stream is run on it, then what comes.
                self.kept = self.side.take().map(|side| side.close(registry));
                self.end_load(replid, offset, core, keyspace, received);
                self.machine.channel_loaded(now);
                return Ok(None);
            }
        }
        Ok(Some(used))
    }

    fn handle_input(
        &mut self,
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        let mut input = std::mem::take(&mut self.input);
        let mut at = 0;
        let result = loop {
            match self.step(&input[at..], place, core, keyspace, received) {
                Ok(Some(used)) => at += used,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if self.woke {
                break Ok(());
            }
        };
        input.drain(..at);
        self.input = input;
        result
    }

    /// One step of the machine; `None` when it needs more bytes.
    fn step(
        &mut self,
        unread: &[u8],
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<Option<usize>, String> {
        let now = core.now;
        let asked_to_take_over = self.machine.is_handing_over();
        let progress = self.machine.handle_input(unread, now).inspect_err(|error| {
            let refused = matches!(error, Error::Refused { step: "PSYNC", .. });
            self.refuses |= asked_to_take_over && refused;
        });
        let progress = progress.map_err(|error| error.to_string())?;
        let used = progress.used;
        let Some(step) = progress.step else { return Ok((used > 0).then_some(used)) };
        match step {
            Step::Handshake => {}
            Step::RdbChannel(channel) => {
                received.push(Received::RdbChannel(channel));
                self.open_side(channel, place, now).map_err(|error| error.to_string())?;
            }
            Step::FullResync { replid, offset } => {
                if self.two_connections.wanted() && self.machine.asked_to_go_on() {
                    // What this node has is of no use, and the RDB is not worth its beginning.
                    self.machine.ask_for_all(true);
                    return Err("Full resync is due, asking for it over two connections".into());
                }
                received.push(Received::FullResync(replid, offset));
                self.announced = replid;
                if self.empty_primary.refuses_history(replid) && may_refuse(core, keyspace) {
                    return Err(empty_primary::REASON.into());
                }
            }
            Step::Continue { changed, .. } if self.side.is_some() => {
                if changed {
                    return Err("the primary's history changed".into());
                }
            }
            Step::Continue { replid, .. } => {
                self.empty_primary.follow(Some(replid));
                received.push(Received::Continued(replid));
            }
            Step::RdbStart { len } => self.begin_load(len, core, keyspace, received),
            Step::Rdb(bytes) => {
                let taken =
                    self.load_bytes(bytes, core, keyspace).map_err(|error| error.to_string())?;
                return Ok(Some(used + taken).filter(|used| *used > 0));
            }
            Step::Loaded { replid, offset } => {
                self.end_load(replid, offset, core, keyspace, received);
            }
            Step::Stream(_) if self.side.is_some() => return Ok(None),
            Step::Stream(bytes) => {
                let taken =
                    self.apply(bytes, core, keyspace, now).map_err(|error| error.to_string())?;
                return Ok(Some(used + taken).filter(|used| *used > 0));
            }
        }
        Ok(Some(used))
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.machine.poll_transmit(&mut self.output) {}
        let Some(stream) = self.stream.as_mut().filter(|_| self.connected) else { return Ok(()) };
        while !self.output.is_empty() {
            match stream.write(&[IoSlice::new(&self.output)])? {
                Some(count) => drop(self.output.drain(..count)),
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
