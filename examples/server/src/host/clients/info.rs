//! [`ClientInfo`]: a connection as `CLIENT LIST` shows it.

use std::time::Instant;

use redwire_keyspace::Session;
use redwire_keyspace::acl::DEFAULT_USER;
use redwire_outbuf::{OutputBuffer, Usage};
use redwire_repl::ReplicaId;
use redwire_resp::Protocol;

use super::super::is;
use super::super::tracking::{Kind, Mode};
use super::tracking::redirection;
use crate::core::Core;
use crate::net::{Blocked, Client, ClientId, Peak, Standing, Stream, Traffic};

/// A connection as `CLIENT LIST` shows it. The loop keeps the counts true after each turn.
#[derive(Debug, Clone)]
pub(crate) struct ClientInfo {
    pub(crate) id: ClientId,
    /// `ip:port` of the peer, or the path of the Unix socket and `:0`.
    pub(crate) addr: String,
    /// `ip:port` at this end.
    pub(crate) laddr: String,
    /// The descriptor of the socket.
    pub(crate) fd: i32,
    pub(crate) name: Vec<u8>,
    /// The name of its user.
    pub(crate) user: Vec<u8>,
    /// Whether it has given a password, or needed none when it came.
    pub(crate) logged_in: bool,
    pub(crate) lib_name: Vec<u8>,
    pub(crate) lib_ver: Vec<u8>,
    pub(crate) created: Instant,
    pub(crate) last_interaction: Instant,
    pub(crate) standing: Standing,
    /// It is the link to this node's primary.
    pub(crate) is_primary: bool,
    pub(crate) is_local: bool,
    pub(crate) is_unix: bool,
    pub(crate) is_blocked: bool,
    /// It is blocked, and not for ever.
    pub(crate) has_deadline: bool,
    /// It is blocked by a pause of clients.
    pub(crate) is_postponed: bool,
    pub(crate) is_closing: bool,
    /// `CLIENT NO-EVICT`.
    pub(crate) no_evict: bool,
    /// `CLIENT NO-TOUCH`: kept and shown; nothing here counts touches.
    pub(crate) no_touch: bool,
    /// `CLIENT IMPORT-SOURCE`.
    pub(crate) import_source: bool,
    pub(crate) db: u32,
    pub(crate) protocol: Protocol,
    /// Commands queued since `MULTI`, if it was called.
    pub(crate) queued: Option<usize>,
    pub(crate) watched: usize,
    /// How many channels, patterns and shard channels it is subscribed to.
    pub(crate) channels: usize,
    pub(crate) patterns: usize,
    pub(crate) shard_channels: usize,
    /// Bytes of requests that are not complete.
    pub(crate) query_buffer: usize,
    pub(crate) output: Output,
    pub(crate) traffic: Traffic,
    pub(crate) usage: Usage,
    /// The last command that it ran.
    pub(crate) last_command: &'static str,
    /// How the log names it, if it asked to be a replica.
    pub(crate) replica_name: Option<String>,
}

/// Replies that wait, as `CLIENT LIST` shows them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    /// All bytes of them.
    pub(crate) len: usize,
    /// Bytes in no chunk yet, and what is reserved for them (`obl`, `rbs`).
    pub(crate) tail: usize,
    pub(crate) tail_capacity: usize,
    /// The most of them lately (`rbp`).
    pub(crate) tail_peak: usize,
    /// Chunks ahead of them (`oll`).
    pub(crate) chunks: usize,
    /// Memory that counts against limits (`omem`).
    pub(crate) omem: u64,
}

impl Output {
    fn of(output: &OutputBuffer, peak: Peak) -> Self {
        Self {
            len: output.len(),
            tail: output.tail_len(),
            tail_capacity: output.tail_capacity(),
            tail_peak: peak.bytes,
            chunks: output.chunk_count(),
            omem: output.omem(),
        }
    }
}

/// The kinds of connections that `CLIENT LIST TYPE` and `CLIENT KILL TYPE` tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientType {
    Normal,
    /// The link to this node's primary.
    Primary,
    Replica,
    PubSub,
}

impl ClientType {
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        [
            ("normal", Self::Normal),
            ("slave", Self::Replica),
            ("replica", Self::Replica),
            ("pubsub", Self::PubSub),
            ("master", Self::Primary),
            ("primary", Self::Primary),
        ]
        .into_iter()
        .find_map(|(known, kind)| is(name, known).then_some(kind))
    }
}

impl ClientInfo {
    /// What is known of a connection that has just been accepted.
    pub(crate) fn new(id: ClientId, stream: &Stream, now: Instant) -> Self {
        Self {
            addr: stream.peer(),
            laddr: stream.local(),
            fd: stream.fd(),
            is_local: stream.is_local(),
            is_unix: matches!(stream, Stream::Unix(..)),
            ..Self::anywhere(id, now)
        }
    }

    /// A connection that has said nothing yet, from nowhere in particular.
    pub(crate) fn anywhere(id: ClientId, now: Instant) -> Self {
        Self {
            id,
            addr: String::new(),
            laddr: String::new(),
            fd: 0,
            name: Vec::new(),
            user: DEFAULT_USER.to_vec(),
            logged_in: false,
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            created: now,
            last_interaction: now,
            standing: Standing::Client,
            is_primary: false,
            is_local: false,
            is_unix: false,
            is_blocked: false,
            has_deadline: false,
            is_postponed: false,
            is_closing: false,
            no_evict: false,
            no_touch: false,
            import_source: false,
            db: 0,
            protocol: Protocol::Resp2,
            queued: None,
            watched: 0,
            channels: 0,
            patterns: 0,
            shard_channels: 0,
            query_buffer: 0,
            output: Output::default(),
            traffic: Traffic::default(),
            usage: Usage::default(),
            last_command: "NULL",
            replica_name: None,
        }
    }

    /// Takes over what the connection has come to.
    pub(crate) fn update(&mut self, client: &Client) {
        self.last_interaction = client.last_interaction;
        self.standing = client.standing;
        self.is_postponed = client.postponed || matches!(client.blocked, Some(Blocked::Migration));
        self.is_blocked = client.blocked.is_some() || client.postponed;
        self.has_deadline = client.blocked.and_then(Blocked::deadline).is_some();
        self.is_closing = client.closing;
        self.query_buffer = client.input.len();
        self.output = Output::of(&client.output, client.peak);
        self.traffic = client.traffic;
        self.usage.query = client.input.capacity() as u64;
        self.usage.output = client.output.memory();
        self.usage.arguments = client.wait_memory as u64;
        self.last_command = client.last_command;
        self.update_session(&client.session);
        self.usage.own = self.own_memory();
    }

    /// What the connection takes without its buffers.
    fn own_memory(&self) -> u64 {
        let texts = [&self.name, &self.lib_name, &self.lib_ver].map(Vec::capacity);
        let addresses = self.addr.capacity() + self.laddr.capacity();
        let structures = size_of::<Client>() + size_of::<Self>();
        (structures + addresses + texts.into_iter().sum::<usize>()) as u64
    }

    /// Takes over what commands change of a session.
    pub(crate) fn update_session(&mut self, session: &Session) {
        self.db = session.db;
        self.protocol = session.protocol;
        self.queued = session.queued();
        self.watched = session.watched();
        self.usage.transaction = session.transaction_memory() as u64;
    }

    /// The IP address of the peer; empty over a Unix socket.
    pub(crate) fn peer_ip(&self) -> &str {
        if self.is_unix {
            return "";
        }
        self.addr.rsplit_once(':').map_or("", |(ip, _)| ip.trim_matches(['[', ']']))
    }

    /// Whether it is subscribed to a channel or pattern.
    pub(crate) fn is_listening(&self) -> bool {
        self.channels + self.patterns + self.shard_channels > 0
    }

    /// What kind of connection it is.
    pub(crate) fn kind(&self) -> ClientType {
        match self.standing {
            _ if self.is_primary => ClientType::Primary,
            Standing::Replica => ClientType::Replica,
            Standing::Client | Standing::Monitor if self.is_listening() => ClientType::PubSub,
            Standing::Client | Standing::Monitor => ClientType::Normal,
        }
    }

    /// The letters of `flags=`, in Redis' order.
    pub(super) fn flags(&self, tracking: Option<&Mode>) -> String {
        let letters: String = [
            ('O', self.standing == Standing::Monitor),
            ('S', self.standing == Standing::Replica),
            ('M', self.is_primary),
            ('P', self.is_listening()),
            ('x', self.queued.is_some()),
            ('b', self.is_blocked),
            ('t', tracking.is_some()),
            ('R', tracking.is_some_and(|mode| mode.broken)),
            ('B', tracking.is_some_and(|mode| mode.kind == Kind::Broadcast)),
            ('c', self.is_closing),
            ('U', self.is_unix),
            ('e', self.no_evict),
            ('T', self.no_touch),
            ('I', self.import_source),
        ]
        .into_iter()
        .filter_map(|(letter, set)| set.then_some(letter))
        .collect();
        if letters.is_empty() { "N".into() } else { letters }
    }

    /// The line of `CLIENT LIST`: the fields of 7.0 and the later ones that clients read, in the
    /// order of 8.0.
    ///
    /// Arguments borrow from the query buffer, so they take memory of their own only while a command
    /// waits for a key.
    pub(crate) fn line(&self, core: &Core) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let seconds = |since: Instant| core.now.saturating_duration_since(since).as_secs();
        let stream = match self.standing {
            Standing::Replica => core.primary.unread(ReplicaId(self.id)),
            Standing::Client | Standing::Monitor => 0,
        };
        let omem = self.output.omem + stream;
        let output = &self.output;
        let tracking = core.tracking.mode(self.id);
        let redir = redirection(tracking);
        // Of Valkey 8, whose letter it is; others have no such field.
        let capa = if core.redirectable.contains_key(&self.id) { " capa=r" } else { "" };
        let resp = if self.protocol == Protocol::Resp3 { 3 } else { 2 };
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} \
             ssub={} multi={} watch={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} \
             obl={} oll={} omem={omem} tot-mem={} events={} cmd={} user={} redir={redir} \
             resp={resp} lib-name={} lib-ver={} tot-net-in={} tot-net-out={} tot-cmds={}{capa}",
            self.id,
            self.addr,
            self.laddr,
            self.fd,
            text(&self.name),
            seconds(self.created),
            seconds(self.last_interaction),
            self.flags(tracking),
            self.db,
            self.channels,
            self.patterns,
            self.shard_channels,
            self.queued.map_or(-1, |queued| queued as i64),
            self.watched,
            self.query_buffer,
            self.usage.query.saturating_sub(self.query_buffer as u64),
            self.usage.arguments,
            self.usage.transaction,
            output.tail_capacity,
            output.tail_peak,
            output.tail,
            output.chunks,
            self.usage.total() + stream,
            if output.len == 0 { "r" } else { "rw" },
            self.last_command,
            text(&self.user),
            text(&self.lib_name),
            text(&self.lib_ver),
            self.traffic.bytes_in,
            self.traffic.bytes_out,
            self.traffic.commands,
        )
    }
}
