//! The server's configuration: Redis' parameters, under Redis' names.
//!
//! [`Config`] holds every parameter as a typed field. One declarative table
//! (`parameters`) says for each how it is spelled, what values it takes,
//! and whether a running server may change it; the config file, the command
//! line, `CONFIG GET`, `CONFIG SET` and `CONFIG REWRITE` all read that table.
//!
//! Names, texts of values and texts of errors are those of redis-server 7.0.
//! Two rules differ from Redis, on purpose:
//!
//! - `bind` is `127.0.0.1 -::1` unless told otherwise, so a fresh server is
//!   reachable from its own host only.
//! - A parameter that this server does not honour is accepted with the value
//!   that describes what the server does anyway, and refused by name with any
//!   other. Parameters that only steer an internal mechanism of Redis (the
//!   `lazyfree-*` family, say) take any valid value, and
//!   `Config::without_effect` lists those that were set in vain.

mod eviction;
mod glob;
mod grammar;
mod keyspace_events;
mod load;
mod network;
mod output_limits;
mod parameters;
mod percentiles;
mod rewrite;
mod runtime;
mod setting;
mod table;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redwire_keyspace::EvictionPolicy;
use redwire_outbuf::{ClientsLimit, Limits};

pub(crate) use keyspace_events::KeyspaceEvents;
pub(crate) use load::{Invocation, USAGE};
pub(crate) use network::{BindAddress, Endpoint};
pub(crate) use percentiles::Percentiles;
pub(crate) use rewrite::replace_file;
pub(crate) use runtime::{SetError, Update};
pub(crate) use setting::system_text;
pub(crate) use values::{
    AclPubsubDefault, BacklogFsync, DebugAccess, DisklessLoad, LogLevel, ReplRdbVersion, SavePoint,
    Secret, Supervised, TwoConnections,
};

/// Defines [`Config`]: the fields with their types and defaults, in one place.
macro_rules! config {
    (
        $(#[$meta:meta])*
        struct Config { $($(#[$doc:meta])* $field:ident: $type:ty = $default:expr,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct Config { $($(#[$doc])* pub(crate) $field: $type,)+ }

        impl Default for Config {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }
    };
}

config! {
    /// Every parameter of the server, typed.
    ///
    /// A zero [`Duration`] or count means "off" where the field's line says so.
    struct Config {
        /// Absolute path of the file that this was read from.
        config_file: Option<PathBuf> = None,
        /// Values of parameters that are taken but have no effect, by name, where
        /// they are not the default.
        hints: BTreeMap<&'static str, Vec<u8>> = BTreeMap::new(),

        // Network.
        /// TCP port; 0 listens on no TCP port.
        port: u16 = 6379,
        /// Addresses to listen on; empty listens on none.
        bind: Vec<BindAddress> =
            vec![BindAddress::required("127.0.0.1"), BindAddress::optional("::1")],
        /// Path of the Unix socket to listen on.
        unixsocket: Option<PathBuf> = None,
        /// Permission bits of the Unix socket; 0 leaves them to the umask.
        unixsocketperm: u32 = 0,
        /// Length of the queue of connections not yet accepted.
        tcp_backlog: u32 = 511,
        /// Idle time after which a client is closed; zero never closes one.
        timeout: Duration = Duration::ZERO,
        /// Idle time before the kernel probes a TCP peer; zero never does.
        tcp_keepalive: Duration = Duration::from_secs(300),
        /// Whether clients from other hosts are refused while no password is set.
        protected_mode: bool = true,
        /// Clients that may be connected at once.
        maxclients: u32 = 10_000,

        // Process.
        /// Absolute path of the folder of the data files.
        dir: PathBuf = PathBuf::from("."),
        /// Whether the server detaches from its terminal.
        daemonize: bool = false,
        /// Who is told that the server is ready.
        supervised: Supervised = Supervised::No,
        /// File that holds the process id while the server runs.
        pidfile: Option<PathBuf> = None,
        /// Least urgent level that is logged.
        loglevel: LogLevel = LogLevel::Notice,
        /// File that log lines are appended to; `None` is the standard output.
        logfile: Option<PathBuf> = None,
        /// Runs of the periodic work in a second, 1 to 500.
        hz: u32 = 10,
        /// Number of databases.
        databases: u32 = 16,
        /// Who may run DEBUG.
        enable_debug_command: DebugAccess = DebugAccess::No,
        /// Who may set protected parameters (`dir`, `dbfilename`) by CONFIG SET.
        enable_protected_configs: DebugAccess = DebugAccess::No,

        /// Where the server stands, to be told to clients.
        availability_zone: Option<String> = None,

        // Access.
        /// Password of the default user.
        requirepass: Option<Secret> = None,
        /// File of users, instead of `user` lines.
        aclfile: Option<PathBuf> = None,
        /// Users, each as its name and rules.
        users: Vec<Vec<Vec<u8>>> = Vec::new(),
        /// The channels that a new user may use.
        acl_pubsub_default: AclPubsubDefault = AclPubsubDefault::ResetChannels,
        /// Entries that `ACL LOG` keeps.
        acllog_max_len: u64 = 128,

        // Limits of one client.
        /// Limits on the replies that wait for a client, for each class.
        client_output_buffer_limit: Limits = Limits::default(),
        /// Memory of all clients together above which the largest are closed.
        maxmemory_clients: ClientsLimit = ClientsLimit::None,
        /// Most bytes of a client's request that may wait to be complete.
        client_query_buffer_limit: u64 = 1 << 30,
        /// Longest single argument of a request, in bytes.
        proto_max_bulk_len: u64 = 512 << 20,

        // Persistence.
        /// Name of the RDB file in `dir`.
        dbfilename: PathBuf = PathBuf::from("dump.rdb"),
        /// Conditions under which the server saves by itself.
        save: Vec<SavePoint> =
            vec![SavePoint::new(3600, 1), SavePoint::new(300, 100), SavePoint::new(60, 10_000)],
        /// Whether strings in an RDB file are compressed.
        rdbcompression: bool = true,
        /// Whether an RDB file carries, and a loaded one must pass, a checksum.
        rdbchecksum: bool = true,
        /// Whether a save syncs the file in steps rather than once at the end.
        rdb_save_incremental_fsync: bool = true,
        /// Whether writes are refused while the last background save failed.
        stop_writes_on_bgsave_error: bool = true,
        /// Whether a server without persistence deletes the RDB files that it
        /// made for replication.
        rdb_del_sync_files: bool = false,

        // Replication.
        /// The primary to follow.
        replicaof: Option<Endpoint> = None,
        /// User to authenticate as at the primary.
        masteruser: Option<Vec<u8>> = None,
        /// Password to authenticate with at the primary.
        masterauth: Option<Secret> = None,
        /// Whether a replica refuses writes of ordinary clients.
        replica_read_only: bool = true,
        /// Whether a replica answers while its link is down or its first sync runs.
        replica_serve_stale_data: bool = true,
        /// Rank for promotion by Sentinel; 0 is never promoted.
        replica_priority: u32 = 100,
        /// Whether Sentinel lists this replica.
        replica_announced: bool = true,
        /// Whether a replica keeps its data when the primary that it follows comes back with an
        /// unrelated history and no keys.
        replica_refuse_empty_primary: bool = true,
        /// Address that a replica gives its primary instead of the socket's.
        replica_announce_ip: Option<String> = None,
        /// Port that a replica gives its primary; 0 is the real one.
        replica_announce_port: u16 = 0,
        /// Bytes of stream kept for partial resynchronisation.
        repl_backlog_size: u64 = 1 << 20,
        /// Bytes of memory that the stream may take, beyond which it goes to disk.
        repl_backlog_memory: u64 = 32 << 20,
        /// Bytes on disk that replicas which lag may take; 0 keeps all in memory.
        repl_backlog_disk: u64 = 16 << 30,
        /// Bytes on disk that the stream may take at a replica during a full sync over two
        /// connections; with 0 it has the few of memory.
        repl_replica_buffer_disk: u64 = 16 << 30,
        /// Bytes on disk that are kept for replicas that come back, and for a restart.
        repl_backlog_disk_keep: u64 = 1 << 30,
        /// Whether all of the stream is written to disk before replicas get it, so that this node
        /// goes on after a crash from where it was; without save points it is not.
        repl_backlog_persist: bool = true,
        /// When what was written of the stream is synced to its medium.
        repl_backlog_fsync: BacklogFsync = BacklogFsync::No,
        /// Time after the last replica left when the backlog is freed; zero never.
        repl_backlog_ttl: Duration = Duration::from_secs(3600),
        /// Silence after which a replication link is given up.
        repl_timeout: Duration = Duration::from_secs(60),
        /// Time between the pings that a primary puts into the stream.
        repl_ping_replica_period: Duration = Duration::from_secs(10),
        /// Whether a full sync is streamed (`$EOF:`) rather than sent by length.
        repl_diskless_sync: bool = true,
        /// Time that a streamed full sync waits for more replicas to arrive.
        repl_diskless_sync_delay: Duration = Duration::from_secs(5),
        /// Replicas that end that wait at once; 0 sets no such number.
        repl_diskless_sync_max_replicas: u32 = 0,
        /// How a replica loads a full sync.
        repl_diskless_load: DisklessLoad = DisklessLoad::Disabled,
        /// The RDB version that replicas get; a number holds for all of them, whatever they read.
        repl_rdb_version: ReplRdbVersion = ReplRdbVersion::Auto,
        /// Whether replicas that can do it get the RDB on a connection of its own.
        repl_rdb_channel: bool = true,
        /// Whether this node, as a replica, takes a full sync over two connections.
        repl_two_connections: TwoConnections = TwoConnections::Auto,
        /// Whether Nagle's algorithm is on for the links to replicas.
        repl_disable_tcp_nodelay: bool = false,
        /// Replicas that must be present for writes to be accepted; 0 is off.
        min_replicas_to_write: u32 = 0,
        /// Age of its last ACK at which a replica no longer counts as present;
        /// zero is off.
        min_replicas_max_lag: Duration = Duration::from_secs(10),

        // Memory and encodings.
        /// Bytes of memory above which keys are evicted or writes refused; 0 sets no limit.
        maxmemory: u64 = 0,
        /// Which keys are evicted.
        maxmemory_policy: EvictionPolicy = EvictionPolicy::Noeviction,
        /// Keys that are looked at to evict one.
        maxmemory_samples: u32 = 5,
        /// How long eviction may hold clients up: 10 is half a millisecond at a time, 100 until
        /// there is room.
        maxmemory_eviction_tenacity: u32 = 10,
        /// Whether a replica leaves eviction to its primary.
        replica_ignore_maxmemory: bool = true,
        /// How slowly the counts of keys grow that are evicted by use.
        lfu_log_factor: u32 = 10,
        /// Minutes in which such a count falls by one; 0 never.
        lfu_decay_time: u32 = 1,
        /// Entries above which a hash leaves its compact encoding.
        hash_max_listpack_entries: u64 = 512,
        /// Bytes of a field or value above which a hash leaves its compact encoding.
        hash_max_listpack_value: u64 = 64,
        /// Size of a list's nodes: -1 to -5 for 4, 8, 16, 32 and 64 KiB, a number of elements where it
        /// is positive.
        list_max_listpack_size: i32 = -2,
        /// Bytes from which on a node of a stream takes no more entries; 0 sets no limit.
        stream_node_max_bytes: u64 = 4096,
        /// Entries from which on a node of a stream takes no more; 0 sets no limit.
        stream_node_max_entries: u64 = 100,
        /// Seconds for which a stream keeps the ids that producers gave to entries.
        stream_idmp_duration: u64 = 100,
        /// Most of them that it keeps of each producer.
        stream_idmp_maxsize: u64 = 100,
        /// Data are imported: their source says when keys expire.
        import_mode: bool = false,
        /// Bytes above which a HyperLogLog leaves its compact form.
        hll_sparse_max_bytes: u64 = 3000,
        /// Members above which a set of integers leaves its intset encoding.
        set_max_intset_entries: u64 = 512,
        /// Members above which a small set leaves its compact encoding (7.2).
        set_max_listpack_entries: u64 = 128,
        /// Bytes of a member above which a set leaves its compact encoding (7.2).
        set_max_listpack_value: u64 = 64,
        /// Members above which a sorted set leaves its compact encoding.
        zset_max_listpack_entries: u64 = 128,
        /// Bytes of a member above which a sorted set leaves its compact encoding.
        zset_max_listpack_value: u64 = 64,

        // Observation.
        /// Run time in microseconds from which a command enters the slow log;
        /// negative turns the slow log off, 0 logs every command.
        slowlog_log_slower_than: i64 = 10_000,
        /// Entries that the slow log keeps.
        slowlog_max_len: u64 = 128,
        /// Bytes of a request from which on a command is logged for it; negative turns that log off.
        commandlog_request_larger_than: i64 = 1 << 20,
        /// Entries that this log keeps.
        commandlog_large_request_max_len: u64 = 128,
        /// Bytes of a reply from which on a command is logged for it; negative turns that log off.
        commandlog_reply_larger_than: i64 = 1 << 20,
        /// Entries that this log keeps.
        commandlog_large_reply_max_len: u64 = 128,
        /// Milliseconds from which on an event is noted that held the server up; 0 notes none.
        latency_monitor_threshold: u64 = 0,
        /// Whether a histogram of each command's times is kept.
        latency_tracking: bool = true,
        /// What `INFO latencystats` tells of it.
        latency_tracking_info_percentiles: Percentiles = Percentiles::default(),
        tracking_table_max_keys: u64 = 1_000_000,
        /// Keyspace events that are published.
        notify_keyspace_events: KeyspaceEvents = KeyspaceEvents::empty(),
    }
}

impl Config {
    /// A path of a parameter; a relative one is seen from the data folder.
    pub(crate) fn in_dir(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// Whether anything wants to know how long commands take.
    pub(crate) fn measures_commands(&self) -> bool {
        let watched = self.slowlog_log_slower_than >= 0 || self.latency_monitor_threshold > 0;
        watched || self.latency_tracking
    }

    /// Whether a request of so many bytes is logged for them.
    #[inline]
    pub(crate) fn is_large_request(&self, bytes: usize) -> bool {
        let limit = usize::try_from(self.commandlog_request_larger_than);
        limit.is_ok_and(|limit| bytes >= limit)
    }

    /// Bytes of a reply from which on a command is logged for them.
    pub(crate) fn long_reply(&self) -> usize {
        usize::try_from(self.commandlog_reply_larger_than).unwrap_or(usize::MAX)
    }

    /// Path of the RDB file.
    pub(crate) fn rdb_path(&self) -> PathBuf {
        self.in_dir(&self.dbfilename)
    }

    /// Path of the folder of the backlog's segments, beside the RDB file.
    pub(crate) fn segments_path(&self) -> PathBuf {
        let mut path = self.rdb_path().into_os_string();
        path.push(".backlog");
        path.into()
    }

    /// Bytes and elements that a node of a list may hold (`list-max-listpack-size`). Real servers take
    /// any number: 0 for 1, what is below -5 for -5, what is above 32767 for that.
    pub(crate) fn list_node_limits(&self) -> (usize, usize) {
        match self.list_max_listpack_size {
            size @ ..0 => (2048 << size.unsigned_abs().min(5), usize::MAX),
            size => (8192, size.clamp(1, 32_767) as usize),
        }
    }

    /// The parameters, with their values, that were set to something else than
    /// their default but steer nothing in this server: a line of the log for
    /// each tells the operator.
    pub(crate) fn without_effect(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.hints.iter().map(|(name, value)| (*name, value.as_slice()))
    }
}
