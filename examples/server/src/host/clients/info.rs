//! [`ClientInfo`]: a connection as `CLIENT LIST` shows it.

use std::time::Instant;

use redwire_keyspace::Session;
use redwire_repl::ReplicaId;
use redwire_resp::Protocol;

use super::super::is;
use crate::core::Core;
use crate::net::{Client, ClientId, Standing, Stream};

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
    pub(crate) lib_name: Vec<u8>,
    pub(crate) lib_ver: Vec<u8>,
    pub(crate) created: Instant,
    pub(crate) last_interaction: Instant,
    pub(crate) standing: Standing,
    pub(crate) is_local: bool,
    pub(crate) is_unix: bool,
    pub(crate) is_blocked: bool,
    pub(crate) is_closing: bool,
    /// `CLIENT NO-EVICT` and `CLIENT NO-TOUCH`: kept and shown; nothing here evicts clients or
    /// counts touches.
    pub(crate) no_evict: bool,
    pub(crate) no_touch: bool,
    pub(crate) db: u32,
    pub(crate) protocol: Protocol,
    /// Commands queued since `MULTI`, if it was called.
    pub(crate) queued: Option<usize>,
    pub(crate) watched: usize,
    /// How many channels and patterns it is subscribed to.
    pub(crate) channels: usize,
    pub(crate) patterns: usize,
    /// Bytes of requests that are not complete, and of the buffer that they are in.
    pub(crate) query_buffer: usize,
    pub(crate) query_capacity: usize,
    /// Bytes of replies that wait, and the memory that they take.
    pub(crate) output_len: usize,
    pub(crate) output_memory: u64,
    /// The last command that it ran.
    pub(crate) last_command: &'static str,
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
        ]
        .into_iter()
        .find_map(|(known, kind)| is(name, known).then_some(kind))
    }
}

impl ClientInfo {
    /// What is known of a connection that has just been accepted.
    pub(crate) fn new(id: ClientId, stream: &Stream, now: Instant) -> Self {
        Self {
            id,
            addr: stream.peer(),
            laddr: stream.local(),
            fd: stream.fd(),
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            created: now,
            last_interaction: now,
            standing: Standing::Client,
            is_local: stream.is_local(),
            is_unix: matches!(stream, Stream::Unix(..)),
            is_blocked: false,
            is_closing: false,
            no_evict: false,
            no_touch: false,
            db: 0,
            protocol: Protocol::Resp2,
            queued: None,
            watched: 0,
            channels: 0,
            patterns: 0,
            query_buffer: 0,
            query_capacity: 0,
            output_len: 0,
            output_memory: 0,
            last_command: "NULL",
        }
    }

    /// Takes over what the connection has come to.
    pub(crate) fn update(&mut self, client: &Client) {
        self.standing = client.standing;
        self.is_blocked = client.blocked.is_some();
        self.is_closing = client.closing;
        self.query_buffer = client.input.len();
        self.query_capacity = client.input.capacity();
        self.output_len = client.output.len();
        self.output_memory = client.output.omem();
        self.last_command = client.last_command;
        self.update_session(&client.session);
    }

    /// Takes over what commands change of a session.
    pub(super) fn update_session(&mut self, session: &Session) {
        self.db = session.db;
        self.protocol = session.protocol;
        self.queued = session.queued();
        self.watched = session.watched();
    }

    /// The IP address of the peer; empty over a Unix socket.
    pub(crate) fn peer_ip(&self) -> &str {
        if self.is_unix {
            return "";
        }
        self.addr.rsplit_once(':').map_or("", |(ip, _)| ip.trim_matches(['[', ']']))
    }

    /// What kind of connection it is.
    pub(crate) fn kind(&self) -> ClientType {
        match self.standing {
            Standing::Replica => ClientType::Replica,
            Standing::Client | Standing::Monitor if self.channels + self.patterns > 0 => {
                ClientType::PubSub
            }
            Standing::Client | Standing::Monitor => ClientType::Normal,
        }
    }

    /// The letters of `flags=`, in Redis' order.
    fn flags(&self) -> String {
        let letters: String = [
            ('O', self.standing == Standing::Monitor),
            ('S', self.standing == Standing::Replica),
            ('P', self.channels + self.patterns > 0),
            ('x', self.queued.is_some()),
            ('b', self.is_blocked),
            ('c', self.is_closing),
            ('U', self.is_unix),
            ('e', self.no_evict),
            ('T', self.no_touch),
        ]
        .into_iter()
        .filter_map(|(letter, set)| set.then_some(letter))
        .collect();
        if letters.is_empty() { "N".into() } else { letters }
    }

    /// The line of `CLIENT LIST`: the fields of 7.0 in their order, then those of 7.2.
    ///
    /// Replies wait in one queue here, which `omem` counts; `obl`, `oll`, `rbs` and `rbp` are
    /// about a second buffer that this server does not have.
    pub(crate) fn line(&self, core: &Core) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let seconds = |since: Instant| core.now.saturating_duration_since(since).as_secs();
        let stream = match self.standing {
            Standing::Replica => core.primary.unread(ReplicaId(self.id)),
            Standing::Client | Standing::Monitor => 0,
        };
        let omem = self.output_memory + stream;
        let own = (size_of::<Client>() + size_of::<Self>() + self.name.capacity()) as u64;
        let resp = if self.protocol == Protocol::Resp3 { 3 } else { 2 };
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} \
             ssub=0 multi={} qbuf={} qbuf-free={} argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 \
             omem={omem} tot-mem={} events={} cmd={} user=default redir=-1 resp={resp} \
             lib-name={} lib-ver={}",
            self.id,
            self.addr,
            self.laddr,
            self.fd,
            text(&self.name),
            seconds(self.created),
            seconds(self.last_interaction),
            self.flags(),
            self.db,
            self.channels,
            self.patterns,
            self.queued.map_or(-1, |queued| queued as i64),
            self.query_buffer,
            self.query_capacity - self.query_buffer,
            own + self.query_capacity as u64 + omem,
            if self.output_len > 0 { "rw" } else { "r" },
            self.last_command,
            text(&self.lib_name),
            text(&self.lib_ver),
        )
    }
}
