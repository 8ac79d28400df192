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

mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use values::{
    BindAddress, DebugAccess, DisklessLoad, Endpoint, KeyspaceEvents, LogLevel, OutputLimit,
    OutputLimits, SavePoint, Secret, Supervised,
};

/// Every parameter of the server, typed.
///
/// A zero [`Duration`] or count means "off" where the field's line says so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    // Network.
    /// TCP port; 0 listens on no TCP port.
    pub(crate) port: u16,
    /// Addresses to listen on; empty listens on none.
    pub(crate) bind: Vec<BindAddress>,
    /// Path of the Unix socket to listen on.
    pub(crate) unixsocket: Option<PathBuf>,
    /// Permission bits of the Unix socket; 0 leaves them to the umask.
    pub(crate) unixsocketperm: u32,
    /// Length of the queue of connections not yet accepted.
    pub(crate) tcp_backlog: u32,
    /// Idle time after which a client is closed; zero never closes one.
    pub(crate) timeout: Duration,
    /// Idle time before the kernel probes a TCP peer; zero never does.
    pub(crate) tcp_keepalive: Duration,
    /// Clients from other hosts are refused while `bind` and `requirepass`
    /// are both left at their defaults.
    pub(crate) protected_mode: bool,
    /// Clients that may be connected at once.
    pub(crate) maxclients: u32,

    // Process.
    /// Absolute path of the folder of the data files.
    pub(crate) dir: PathBuf,
    /// Whether the server detaches from its terminal.
    pub(crate) daemonize: bool,
    /// Who is told that the server is ready.
    pub(crate) supervised: Supervised,
    /// File that holds the process id while the server runs.
    pub(crate) pidfile: Option<PathBuf>,
    /// Least urgent level that is logged.
    pub(crate) loglevel: LogLevel,
    /// File that log lines are appended to; `None` is the standard output.
    pub(crate) logfile: Option<PathBuf>,
    /// Runs of the periodic work in a second, 1 to 500.
    pub(crate) hz: u32,
    /// Number of databases.
    pub(crate) databases: u32,
    /// Who may run DEBUG.
    pub(crate) enable_debug_command: DebugAccess,
    /// Who may set protected parameters (`dir`, `dbfilename`) by CONFIG SET.
    pub(crate) enable_protected_configs: DebugAccess,

    // Access.
    /// Password of the default user.
    pub(crate) requirepass: Option<Secret>,

    // Limits of one client.
    /// Limits on the replies that wait for a client, for each class.
    pub(crate) client_output_buffer_limit: OutputLimits,
    /// Most bytes of a client's request that may wait to be complete.
    pub(crate) client_query_buffer_limit: u64,
    /// Longest single argument of a request, in bytes.
    pub(crate) proto_max_bulk_len: u64,

    // Persistence.
    /// Name of the RDB file in `dir`.
    pub(crate) dbfilename: PathBuf,
    /// Conditions under which the server saves by itself.
    pub(crate) save: Vec<SavePoint>,
    /// Whether strings in an RDB file are compressed.
    pub(crate) rdbcompression: bool,
    /// Whether an RDB file carries, and a loaded one must pass, a checksum.
    pub(crate) rdbchecksum: bool,
    /// Whether a save syncs the file in steps rather than once at the end.
    pub(crate) rdb_save_incremental_fsync: bool,
    /// Whether writes are refused while the last background save failed.
    pub(crate) stop_writes_on_bgsave_error: bool,
    /// Whether a server without persistence deletes the RDB files that it
    /// made for replication.
    pub(crate) rdb_del_sync_files: bool,

    // Replication.
    /// The primary to follow.
    pub(crate) replicaof: Option<Endpoint>,
    /// User to authenticate as at the primary.
    pub(crate) masteruser: Option<Vec<u8>>,
    /// Password to authenticate with at the primary.
    pub(crate) masterauth: Option<Secret>,
    /// Whether a replica refuses writes of ordinary clients.
    pub(crate) replica_read_only: bool,
    /// Whether a replica answers while its link is down or its first sync runs.
    pub(crate) replica_serve_stale_data: bool,
    /// Rank for promotion by Sentinel; 0 is never promoted.
    pub(crate) replica_priority: u32,
    /// Whether Sentinel lists this replica.
    pub(crate) replica_announced: bool,
    /// Address that a replica gives its primary instead of the socket's.
    pub(crate) replica_announce_ip: Option<String>,
    /// Port that a replica gives its primary; 0 is the real one.
    pub(crate) replica_announce_port: u16,
    /// Bytes of stream kept for partial resynchronisation.
    pub(crate) repl_backlog_size: u64,
    /// Time after the last replica left when the backlog is freed; zero never.
    pub(crate) repl_backlog_ttl: Duration,
    /// Silence after which a replication link is given up.
    pub(crate) repl_timeout: Duration,
    /// Time between the pings that a primary puts into the stream.
    pub(crate) repl_ping_replica_period: Duration,
    /// Whether a full sync is streamed (`$EOF:`) rather than sent by length.
    pub(crate) repl_diskless_sync: bool,
    /// Time that a streamed full sync waits for more replicas to arrive.
    pub(crate) repl_diskless_sync_delay: Duration,
    /// Replicas that end that wait at once; 0 sets no such number.
    pub(crate) repl_diskless_sync_max_replicas: u32,
    /// How a replica loads a full sync.
    pub(crate) repl_diskless_load: DisklessLoad,
    /// Whether Nagle's algorithm is on for the links to replicas.
    pub(crate) repl_disable_tcp_nodelay: bool,
    /// Replicas that must be present for writes to be accepted; 0 is off.
    pub(crate) min_replicas_to_write: u32,
    /// Age of its last ACK at which a replica no longer counts as present;
    /// zero is off.
    pub(crate) min_replicas_max_lag: Duration,

    // Memory and encodings.
    /// Bytes of data after which writes are refused; 0 sets no limit.
    pub(crate) maxmemory: u64,
    /// Entries above which a hash leaves its compact encoding.
    pub(crate) hash_max_listpack_entries: u64,
    /// Bytes of a field or value above which a hash leaves its compact encoding.
    pub(crate) hash_max_listpack_value: u64,
    /// Size of a list's nodes: entries when positive, -1 to -5 for 4 to 64 KiB.
    pub(crate) list_max_listpack_size: i32,
    /// Nodes at each end of a list that are never compressed; 0 compresses none.
    pub(crate) list_compress_depth: u32,
    /// Members above which a set of integers leaves its intset encoding.
    pub(crate) set_max_intset_entries: u64,
    /// Members above which a small set leaves its compact encoding (7.2).
    pub(crate) set_max_listpack_entries: u64,
    /// Bytes of a member above which a set leaves its compact encoding (7.2).
    pub(crate) set_max_listpack_value: u64,
    /// Members above which a sorted set leaves its compact encoding.
    pub(crate) zset_max_listpack_entries: u64,
    /// Bytes of a member above which a sorted set leaves its compact encoding.
    pub(crate) zset_max_listpack_value: u64,

    // Observation.
    /// Run time in microseconds from which a command enters the slow log;
    /// negative turns the slow log off, 0 logs every command.
    pub(crate) slowlog_log_slower_than: i64,
    /// Entries that the slow log keeps.
    pub(crate) slowlog_max_len: u64,
    /// Keyspace events that are published.
    pub(crate) notify_keyspace_events: KeyspaceEvents,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 6379,
            bind: vec![BindAddress::required("127.0.0.1"), BindAddress::optional("::1")],
            unixsocket: None,
            unixsocketperm: 0,
            tcp_backlog: 511,
            timeout: Duration::ZERO,
            tcp_keepalive: Duration::from_secs(300),
            protected_mode: true,
            maxclients: 10_000,

            dir: PathBuf::from("."),
            daemonize: false,
            supervised: Supervised::No,
            pidfile: None,
            loglevel: LogLevel::Notice,
            logfile: None,
            hz: 10,
            databases: 16,
            enable_debug_command: DebugAccess::No,
            enable_protected_configs: DebugAccess::No,

            requirepass: None,

            client_output_buffer_limit: OutputLimits::default(),
            client_query_buffer_limit: 1 << 30,
            proto_max_bulk_len: 512 << 20,

            dbfilename: PathBuf::from("dump.rdb"),
            save: vec![
                SavePoint::new(3600, 1),
                SavePoint::new(300, 100),
                SavePoint::new(60, 10_000),
            ],
            rdbcompression: true,
            rdbchecksum: true,
            rdb_save_incremental_fsync: true,
            stop_writes_on_bgsave_error: true,
            rdb_del_sync_files: false,

            replicaof: None,
            masteruser: None,
            masterauth: None,
            replica_read_only: true,
            replica_serve_stale_data: true,
            replica_priority: 100,
            replica_announced: true,
            replica_announce_ip: None,
            replica_announce_port: 0,
            repl_backlog_size: 1 << 20,
            repl_backlog_ttl: Duration::from_secs(3600),
            repl_timeout: Duration::from_secs(60),
            repl_ping_replica_period: Duration::from_secs(10),
            repl_diskless_sync: true,
            repl_diskless_sync_delay: Duration::from_secs(5),
            repl_diskless_sync_max_replicas: 0,
            repl_diskless_load: DisklessLoad::Disabled,
            repl_disable_tcp_nodelay: false,
            min_replicas_to_write: 0,
            min_replicas_max_lag: Duration::from_secs(10),

            maxmemory: 0,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,

            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            notify_keyspace_events: KeyspaceEvents::empty(),
        }
    }
}

impl Config {
    /// Whether any save point is set.
    pub(crate) fn saves_by_itself(&self) -> bool {
        !self.save.is_empty()
    }

    /// A relative path of a parameter, seen from the data folder.
    pub(crate) fn in_dir(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// Path of the RDB file.
    pub(crate) fn rdb_path(&self) -> PathBuf {
        self.in_dir(&self.dbfilename)
    }
}
