//! [`Core`]: what the server knows beside the data and the sockets; the host of its commands.

mod hosting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Waker;
use redwire_keyspace::acl::{Acl, AclLog};
use redwire_keyspace::{EventClass, Keyspace, Role, Settings, UnixMs};
use redwire_outbuf::{Class, ClassLimits, Ledger, Limits};
use redwire_repl::{Primary, PrimaryConfig, SpillConfig, Upstream as StreamSource};

use crate::background::Freeing;
use crate::config::{AclPubsubDefault, Config, Endpoint};
use crate::entropy::Entropy;
use crate::eviction::Eviction;
use crate::host::{
    ClientInfo, CommandLog, CommandStats, Counters, Failover, HotKeys, LatencyMonitor, PubSub,
    Rates, Recent, Tracking,
};
use crate::migrate::{Migrations, Order};
use crate::net::{ClientId, Listener, ReplicaWait, Replies};
use crate::persist::Disk;
use crate::replication::rdb_version::Distrusted;
use crate::replication::{Admission, DiskWait, Upstream};
use crate::saves::Saves;
use crate::stopwatch::Stopwatch;

/// Everything but the data set and the sockets.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) entropy: Entropy,
    pub(crate) waker: Arc<Waker>,
    /// When the server started.
    pub(crate) started: Instant,
    /// The moment of this turn of the loop.
    pub(crate) now: Instant,
    /// The same moment as expiries count it.
    pub(crate) unix_ms: UnixMs,
    /// 40 hex digits that no other run of the server has.
    pub(crate) run_id: String,
    /// The connections, by number, as `CLIENT LIST` shows them.
    pub(crate) clients: BTreeMap<ClientId, ClientInfo>,
    /// The number of the connection that comes next.
    next_client: ClientId,
    /// What commands want done that needs the sockets; the loop does it after the command.
    pub(crate) actions: Vec<Action>,
    pub(crate) primary: Primary,
    pub(crate) admission: Admission,
    /// Bytes of snapshots that wait in memory for replicas.
    pub(crate) snapshot_memory: u64,
    /// Replicas that get the oldest RDB version at their next attempt.
    pub(crate) distrusted: Distrusted,
    /// The link to this node's primary, when it is a replica.
    pub(crate) upstream: Option<Upstream>,
    /// How long links to primaries that it followed before were down.
    pub(crate) down_before: Duration,
    /// The primary asked for an ACK in the stream.
    pub(crate) ack_requested: bool,
    pub(crate) saves: Saves,
    pub(crate) loading: Option<Loading>,
    pub(crate) command_log: CommandLog,
    pub(crate) hotkeys: HotKeys,
    pub(crate) latency: LatencyMonitor,
    pub(crate) command_stats: CommandStats,
    pub(crate) pubsub: PubSub,
    pub(crate) tracking: Tracking,
    /// Who may do what.
    pub(crate) acl: Acl,
    /// What was denied.
    pub(crate) acl_log: AclLog,
    pub(crate) counters: Counters,
    pub(crate) rates: Rates,
    pub(crate) recent: Recent,
    pub(crate) limits: Limits,
    /// How far the stream may grow before a replica can hold more than it may.
    pub(crate) judge_replicas_at: u64,
    /// The memory of all connections.
    pub(crate) ledger: Ledger,
    pub(crate) eviction: Eviction,
    /// Bytes that were allocated when the server had started, and at most since.
    pub(crate) memory_at_start: u64,
    pub(crate) memory_peak: u64,
    /// When it was that, in seconds since 1970.
    pub(crate) memory_peaked: u64,
    /// What is freed off the loop's thread.
    pub(crate) freeing: Arc<Freeing>,
    /// Clients that can be sent elsewhere (`CLIENT CAPA redirect`), and whether each reads here all the
    /// same (`READONLY`).
    pub(crate) redirectable: BTreeMap<ClientId, bool>,
    /// Keys on their way to other servers.
    pub(crate) migrations: Migrations,
    /// `CLIENT PAUSE`, while it lasts.
    pub(crate) pause: Option<Pause>,
    /// The failover that this node was asked for.
    pub(crate) failover: Failover,
    /// How many connections sent `MONITOR`.
    pub(crate) monitors: usize,
    /// The connections that sent `MONITOR`, `PSYNC` or `SYNC`.
    pub(crate) listeners: Vec<ClientId>,
    /// The command that ran last, for the loop to note beside its connection.
    pub(crate) last_command: Option<&'static str>,
    /// Bytes of the request under way, as it came.
    pub(crate) request_bytes: usize,
    /// What `CLIENT REPLY` asked for, for the loop to heed from the next command on.
    pub(crate) replies: Option<Replies>,
    /// Times commands, if anyone measures them.
    pub(crate) stopwatch: Stopwatch,
    /// When the transaction under way began, in ns, and whether the command under way has failed.
    pub(crate) transaction_began: Option<u64>,
    pub(crate) command_failed: bool,
    /// `DEBUG SET-ACTIVE-EXPIRE`.
    pub(crate) active_expire: bool,
    /// Whether writes wait for the backlog's segments.
    pub(crate) disk_wait: DiskWait,
    /// Reads and writes files for the loop.
    pub(crate) disk: Disk,
    /// `DEBUG SEGMENT-DELAY`.
    pub(crate) segment_delay: Duration,
}

/// What a command wants of the loop.
#[derive(Debug)]
pub(crate) enum Action {
    /// End this connection once its replies are sent.
    CloseAfterReplies(ClientId),
    /// End this connection at once.
    Close(ClientId),
    /// End the connection to this node's primary; it will be opened again.
    DropUpstream,
    /// Feed this connection what others do.
    Monitor(ClientId),
    /// Send these bytes to every monitor.
    FeedMonitors(Vec<u8>),
    /// Send a message to these connections: it is in RESP3, and in RESP2 an array of the same.
    Deliver { to: Vec<ClientId>, message: Vec<u8> },
    /// Tell this connection, which caches keys, that these were changed; `None` for all.
    Invalidate(ClientId, Option<Vec<Vec<u8>>>),
    /// This connection said `PSYNC` or `SYNC`.
    BecameReplica(ClientId),
    /// This connection, the primary's, said `PSYNC` with these arguments and `FAILOVER`.
    TakeOver { id: ClientId, replid: Vec<u8>, offset: Vec<u8> },
    /// Give up the failover under way, for this reason.
    AbortFailover(&'static str),
    /// Stop running this connection's commands until replicas have what it wrote.
    Block(ClientId, ReplicaWait),
    /// End that wait (`CLIENT UNBLOCK`), as when its time is over or with an error.
    Unblock(ClientId, Unblocked),
    /// Whether this connection is spared when clients take too much memory.
    Protect(ClientId, bool),
    /// This connection has authenticated, or has not any more.
    Authenticated(ClientId, bool),
    /// Users were changed, by this connection: give the others their rights, and let go of those
    /// that are nobody's now, or that listen to what they may not.
    UsersChanged { by: ClientId },
    /// Make this connection an ordinary client again.
    Reset(ClientId),
    /// Give free memory back to the system (`MEMORY PURGE`).
    GiveBack,
    /// The stream has grown so much that a replica may hold more than it may.
    JudgeReplicas,
    /// Move keys to another server for this connection, which waits for it.
    Migrate(ClientId, Box<Order>),
    /// Follow this primary, or be one.
    ReplicaOf(Option<Endpoint>),
    /// The configuration has changed (`CONFIG SET`): these are the sockets that it adds.
    Reconfigured(Vec<Listener>),
    /// End the server.
    Shutdown {
        /// The connection that asked for it.
        by: ClientId,
        /// Save first; `None` leaves it to the save points.
        save: Option<bool>,
        /// End even when the save fails.
        force: bool,
    },
}

/// How `CLIENT UNBLOCK` ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unblocked {
    /// As if its time were over.
    TimedOut,
    WithError,
}

/// `CLIENT PAUSE`: commands of clients wait, and the data set stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Whether all commands wait, not only those that write.
    pub(crate) all: bool,
    pub(crate) until: Instant,
}

/// A file being loaded at start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loading {
    pub(crate) began: Instant,
    pub(crate) began_unix: Duration,
    pub(crate) total: u64,
    pub(crate) read: u64,
}

impl Core {
    /// Hands what writes left for replicas to the backlog.
    pub(crate) fn feed_effects(&mut self, keyspace: &mut Keyspace) {
        if keyspace.effects().is_empty() {
            return;
        }
        for (db, bytes) in keyspace.effects().pieces() {
            self.primary.feed(db, bytes);
        }
        keyspace.effects().clear();
        self.stream_has_grown();
    }

    /// Has replicas judged before the next command, if what the stream has grown by may have brought
    /// one to its limit.
    pub(crate) fn stream_has_grown(&mut self) {
        if self.primary.offset().get() >= self.judge_replicas_at {
            self.judge_replicas_at = u64::MAX;
            self.actions.push(Action::JudgeReplicas);
        }
    }

    /// Passes on what a command left: its effects to replicas, what happened to keys to who listens.
    pub(crate) fn pass_on(&mut self, keyspace: &mut Keyspace) {
        self.feed_effects(keyspace);
        if !keyspace.events().is_empty() {
            self.publish_key_events(keyspace.events().take());
        }
    }

    /// Whether [`Core::stream_has_grown`] has just asked for that.
    pub(crate) fn is_to_judge_replicas(&self) -> bool {
        matches!(self.actions.last(), Some(Action::JudgeReplicas))
    }

    pub(crate) fn new(config: Config, mut entropy: Entropy, waker: Arc<Waker>) -> Self {
        let now = crate::clock::now();
        let run_id = entropy.hex_id();
        let primary = first_primary(&config, &mut entropy);
        let limits = output_limits(&config);
        let acl = Self::first_users(&config);
        Self {
            config,
            entropy,
            started: now,
            now,
            unix_ms: crate::clock::unix_ms(),
            run_id,
            clients: BTreeMap::new(),
            next_client: 1,
            actions: Vec::new(),
            primary,
            admission: Admission::default(),
            snapshot_memory: 0,
            distrusted: Distrusted::default(),
            upstream: None,
            down_before: Duration::ZERO,
            ack_requested: false,
            saves: Saves::new(crate::clock::since_epoch()),
            loading: None,
            command_log: CommandLog::default(),
            hotkeys: HotKeys::default(),
            request_bytes: 0,
            latency: LatencyMonitor::default(),
            command_stats: CommandStats::default(),
            pubsub: PubSub::default(),
            tracking: Tracking::default(),
            acl,
            acl_log: AclLog::default(),
            counters: Counters::default(),
            rates: Rates::new(now),
            recent: Recent::default(),
            limits,
            judge_replicas_at: 0,
            ledger: Ledger::new(),
            eviction: Eviction::default(),
            memory_at_start: crate::memory::allocated(),
            memory_peak: 0,
            memory_peaked: 0,
            freeing: Arc::default(),
            migrations: Migrations::new(waker.clone()),
            redirectable: BTreeMap::new(),
            pause: None,
            disk_wait: DiskWait::default(),
            disk: start_disk(waker.clone()),
            segment_delay: Duration::ZERO,
            failover: Failover::None,
            monitors: 0,
            listeners: Vec::new(),
            last_command: None,
            replies: None,
            stopwatch: Stopwatch::default(),
            transaction_began: None,
            command_failed: false,
            active_expire: true,
            waker,
        }
    }

    /// Takes note of the memory in use, if it never was as much.
    pub(crate) fn note_memory_peak(&mut self) {
        let used = crate::memory::allocated();
        if used > self.memory_peak {
            (self.memory_peak, self.memory_peaked) = (used, self.unix_ms.0 / 1000);
        }
    }

    /// Brings everything that follows the configuration in line with it.
    pub(crate) fn apply_config(&mut self, keyspace: &mut Keyspace) {
        self.primary.set_config(primary_config(&self.config), self.now);
        self.limits = output_limits(&self.config);
        self.judge_replicas_at = 0;
        self.command_log.resize([
            self.config.slowlog_max_len,
            self.config.commandlog_large_request_max_len,
            self.config.commandlog_large_reply_max_len,
        ]);
        *keyspace.settings_mut() = settings(&self.config);
        keyspace.settings_mut().long_reply = self.reply_threshold();
        // Found out anew before the next command, if there is a limit at all.
        self.eviction.out_of_memory = false;
        let all_channels = self.config.acl_pubsub_default == AclPubsubDefault::AllChannels;
        self.acl.set_pubsub_default(all_channels);
        let wanted = self.config.notify_keyspace_events;
        let classes = [
            EventClass::Generic,
            EventClass::String,
            EventClass::List,
            EventClass::Set,
            EventClass::Hash,
            EventClass::Zset,
            EventClass::Stream,
            EventClass::Expired,
            EventClass::New,
            EventClass::Evicted,
            EventClass::Miss,
            EventClass::Overwritten,
            EventClass::TypeChanged,
        ];
        let somewhere = wanted.has('K') || wanted.has('E');
        let wanted = |class: &EventClass| somewhere && wanted.has(class.letter());
        keyspace.events().want(classes.into_iter().filter(wanted));
        if let Some(upstream) = &mut self.upstream {
            upstream.configure(&self.config);
            keyspace.set_role(Role::Replica { read_only: self.config.replica_read_only });
        }
    }

    /// A number for a connection, which no other has.
    pub(crate) fn new_client_id(&mut self) -> ClientId {
        let id = self.next_client;
        self.next_client += 1;
        id
    }

    /// Whether this node follows a primary.
    pub(crate) fn is_replica(&self) -> bool {
        self.config.replicaof.is_some()
    }

    /// Whether the link to the primary is up, or there is none.
    pub(crate) fn link_is_up(&self) -> bool {
        self.upstream.as_ref().is_none_or(Upstream::is_up)
    }

    /// Where this node's own stream comes from.
    pub(crate) fn stream_source(&self) -> StreamSource {
        match &self.upstream {
            None => StreamSource::None,
            Some(upstream) if upstream.is_up() => StreamSource::Connected,
            Some(_) => StreamSource::Lost,
        }
    }
}

/// The limits and thresholds of the keyspace, as the configuration has them.
pub(crate) fn settings(config: &Config) -> Settings {
    let mut settings = Settings::default();
    settings.databases = config.databases;
    settings.max_string_len = config.proto_max_bulk_len as usize;
    settings.thresholds.hash_max_listpack_entries = config.hash_max_listpack_entries as usize;
    settings.thresholds.hash_max_listpack_value = config.hash_max_listpack_value as usize;
    settings.thresholds.zset_max_listpack_entries = config.zset_max_listpack_entries as usize;
    settings.thresholds.zset_max_listpack_value = config.zset_max_listpack_value as usize;
    settings.thresholds.set_max_intset_entries = config.set_max_intset_entries as usize;
    settings.thresholds.set_max_listpack_entries = config.set_max_listpack_entries as usize;
    settings.thresholds.set_max_listpack_value = config.set_max_listpack_value as usize;
    settings.stream_node_bytes = config.stream_node_max_bytes as usize;
    settings.stream_node_entries = config.stream_node_max_entries;
    settings.import_mode = config.import_mode;
    settings.long_reply = config.long_reply();
    settings.stream_idmp_seconds = config.stream_idmp_duration;
    settings.stream_idmp_entries = config.stream_idmp_maxsize;
    settings.hll_sparse_bytes = config.hll_sparse_max_bytes as usize;
    let (bytes, elements) = config.list_node_limits();
    settings.thresholds.list_node_bytes = bytes;
    settings.thresholds.list_node_elements = elements;
    settings.eviction = config.maxmemory_policy;
    settings.eviction_samples = config.maxmemory_samples;
    settings.lfu_log_factor = config.lfu_log_factor;
    settings.lfu_decay_time = config.lfu_decay_time;
    settings
}

/// This node's own stream, under an id of its own.
fn first_primary(config: &Config, entropy: &mut Entropy) -> Primary {
    let mut for_ids = entropy.fork();
    Primary::new(primary_config(config), Box::new(move || for_ids.bytes()))
}

/// The thread that reads and writes files, and wakes the loop when something is done.
fn start_disk(waker: Arc<Waker>) -> Disk {
    // Should waking fail, the loop's next tick finds what is done.
    Disk::start(move || drop(waker.wake()))
}

fn primary_config(config: &Config) -> PrimaryConfig {
    PrimaryConfig {
        backlog_size: config.repl_backlog_size,
        spill: spill_config(config),
        backlog_ttl: Some(config.repl_backlog_ttl).filter(|ttl| !ttl.is_zero()),
        diskless: config.repl_diskless_sync,
        two_connections: config.repl_rdb_channel,
        diskless_delay: config.repl_diskless_sync_delay,
        diskless_max_replicas: config.repl_diskless_sync_max_replicas as usize,
        ping_period: config.repl_ping_replica_period,
        timeout: config.repl_timeout,
    }
}

/// What of the stream goes to disk: before a replica's output limit is reached, if that is less
/// than the stream's memory.
fn spill_config(config: &Config) -> Option<SpillConfig> {
    let ClassLimits { hard, soft, .. } = config.client_output_buffer_limit.class(Class::Replica);
    let limit = [hard, soft].into_iter().filter(|limit| *limit > 0).min();
    let memory = limit.map_or(u64::MAX, |limit| limit / 2).min(config.repl_backlog_memory);
    (config.repl_backlog_disk > 0).then(|| SpillConfig {
        memory,
        limit: config.repl_backlog_disk,
        keep: config.repl_backlog_disk_keep,
        // A stream is of no use without the data that it began with.
        eager: config.repl_backlog_persist && !config.save.is_empty(),
        ..SpillConfig::default()
    })
}

fn output_limits(config: &Config) -> Limits {
    let mut limits = config.client_output_buffer_limit;
    limits.set_replica_floor(config.repl_backlog_size);
    limits
}
