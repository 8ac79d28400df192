//! The table of all parameters, in the order in which CONFIG GET lists them.
//!
//! To add a parameter: a field in [`Config`] with its default,
//! and a line here.

use std::fs;
use std::path::PathBuf;

use rustix::io::Errno;

use super::setting::{TextSetting, Value, ValueError, system_text};
use super::table::{Parameter as P, Store, Store::Fixed, Store::Hint, Syntax, field};
use super::values::{
    AclPubsubDefault, BacklogFsync, DebugAccess, DisklessLoad, LogLevel, ReplRdbVersion,
    Supervised, TwoConnections,
};
use super::{Config, output_limits};

const I32_MAX: i128 = i32::MAX as i128;
const I32_MIN: i128 = i32::MIN as i128;
const I64_MAX: i128 = i64::MAX as i128;
const U32_MAX: i128 = u32::MAX as i128;
const U64_MAX: i128 = u64::MAX as i128;
const MIB: i128 = 1 << 20;

/// Smallest backlog that the server keeps, in bytes, as in Redis.
const MIN_BACKLOG_SIZE: u64 = 16 << 10;
/// Least memory that the stream has before it goes to disk, in bytes: a few blocks and segments.
const MIN_BACKLOG_MEMORY: i128 = 4 * MIB;
/// Range that `hz` is brought into, as in Redis.
const MIN_HZ: u32 = 1;
const MAX_HZ: u32 = 500;

const SWITCH: Syntax = Syntax::Switch;
const TEXT: Syntax = Syntax::Text;
const WORDS: Syntax = Syntax::Words;
/// A count or a time in seconds of Redis' usual range.
const COUNT: Syntax = number(0, I32_MAX);
/// A count without a practical bound.
const LARGE: Syntax = number(0, I64_MAX);

const fn number(min: i128, max: i128) -> Syntax {
    Syntax::Number { min, max }
}

const fn memory(min: i128, max: i128) -> Syntax {
    Syntax::Memory { min, max }
}

/// A size in bytes without a practical bound.
const BYTES: Syntax = memory(0, I64_MAX);

/// Every parameter.
pub(super) static PARAMETERS: &[P] = &[
    // Network.
    P::new("port", number(0, 65535), field!(port)),
    // Redis listens on every address (`* -::*`) by default, this server on
    // loopback only.
    P::new("bind", WORDS, field!(bind)),
    P::new("unixsocket", TEXT, field!(unixsocket)).at_start(),
    P::new("unixsocketperm", Syntax::Octal { min: 0, max: 0o777 }, field!(unixsocketperm))
        .at_start(),
    P::new("tcp-backlog", COUNT, field!(tcp_backlog)).at_start(),
    P::new("timeout", COUNT, field!(timeout)),
    P::new("tcp-keepalive", COUNT, field!(tcp_keepalive)),
    P::new("protected-mode", SWITCH, field!(protected_mode)),
    P::new("maxclients", number(1, U32_MAX), field!(maxclients)),
    P::new("bind-source-addr", TEXT, Fixed("")),
    P::new("socket-mark-id", number(0, U32_MAX), Fixed("0")).at_start(),
    // Process.
    P::new(
        "dir",
        TEXT,
        Store::Field { get: |config| Value::Text(config.dir.bytes().to_vec()), set: set_dir },
    )
    .protected(),
    P::new("daemonize", SWITCH, field!(daemonize)).at_start(),
    P::new("supervised", Syntax::Name(Supervised::NAMES), field!(supervised)).at_start(),
    P::new("pidfile", TEXT, field!(pidfile)).at_start(),
    P::new("loglevel", Syntax::Name(LogLevel::NAMES), field!(loglevel)),
    P::new("logfile", TEXT, field!(logfile)).at_start(),
    P::new("hz", COUNT, field!(hz, |hz: u32| hz.clamp(MIN_HZ, MAX_HZ))),
    P::new("databases", number(1, I32_MAX), field!(databases)).at_start(),
    P::new("enable-debug-command", Syntax::Name(DebugAccess::NAMES), field!(enable_debug_command))
        .at_start(),
    P::new(
        "enable-protected-configs",
        Syntax::Name(DebugAccess::NAMES),
        field!(enable_protected_configs),
    )
    .at_start(),
    P::new("enable-module-command", Syntax::Name(DebugAccess::NAMES), Fixed("no")).at_start(),
    // How fast it is, not what it does: one thread runs all, whatever a configuration for several says.
    P::new("io-threads", number(1, 128), Hint("1")).at_start(),
    P::new("io-threads-do-reads", SWITCH, Hint("no")).at_start(),
    P::new("syslog-enabled", SWITCH, Fixed("no")).at_start(),
    P::new("syslog-ident", TEXT, Hint("redis")).at_start(),
    P::new("syslog-facility", Syntax::Name(SYSLOG_FACILITIES), Hint("local0")).at_start(),
    P::new("shutdown-timeout", COUNT, Hint("10")),
    P::new("shutdown-on-sigint", WORDS, Fixed("default")),
    P::new("shutdown-on-sigterm", WORDS, Fixed("default")),
    P::new("always-show-logo", SWITCH, Hint("no")).at_start(),
    P::new("set-proc-title", SWITCH, Hint("yes")).at_start(),
    P::new("proc-title-template", TEXT, Hint("{title} {listen-addr} {server-mode}")),
    P::new("crash-log-enabled", SWITCH, Hint("yes")),
    P::new("crash-memcheck-enabled", SWITCH, Hint("yes")),
    P::new("disable-thp", SWITCH, Hint("yes")).at_start(),
    P::new("oom-score-adj", Syntax::Name(&["no", "yes", "relative", "absolute"]), Fixed("no")),
    P::new("oom-score-adj-values", WORDS, Fixed("0 200 800")),
    P::new("server_cpulist", TEXT, Fixed("")).alias("server-cpulist").at_start(),
    P::new("bio_cpulist", TEXT, Fixed("")).alias("bio-cpulist").at_start(),
    P::new("aof_rewrite_cpulist", TEXT, Fixed("")).alias("aof-rewrite-cpulist").at_start(),
    P::new("bgsave_cpulist", TEXT, Fixed("")).alias("bgsave-cpulist").at_start(),
    P::new("ignore-warnings", TEXT, Hint("")),
    P::new("dynamic-hz", SWITCH, Hint("yes")),
    P::new("busy-reply-threshold", LARGE, Hint("5000")).alias("lua-time-limit"),
    // Access.
    P::new("requirepass", TEXT, field!(requirepass)),
    P::new("aclfile", TEXT, field!(aclfile)).at_start(),
    P::new("acl-pubsub-default", Syntax::Name(AclPubsubDefault::NAMES), field!(acl_pubsub_default)),
    P::new("acllog-max-len", LARGE, field!(acllog_max_len)),
    // Limits of one client.
    P::new("client-output-buffer-limit", WORDS, field!(client_output_buffer_limit))
        .lines(|config| output_limits::lines(&config.client_output_buffer_limit)),
    P::new("client-query-buffer-limit", memory(MIB, I64_MAX), field!(client_query_buffer_limit)),
    P::new("proto-max-bulk-len", memory(MIB, I64_MAX), field!(proto_max_bulk_len)),
    P::new("maxmemory-clients", TEXT, field!(maxmemory_clients))
        .lines(|config| vec![config.maxmemory_clients.to_string().into_bytes()]),
    P::new("tracking-table-max-keys", LARGE, field!(tracking_table_max_keys)),
    // Persistence.
    P::new(
        "dbfilename",
        TEXT,
        Store::Field {
            get: |config| Value::Text(config.dbfilename.bytes().to_vec()),
            set: set_dbfilename,
        },
    )
    .protected(),
    P::new("save", WORDS, field!(save)).accumulates().lines(save_lines),
    P::new("rdbcompression", SWITCH, field!(rdbcompression)),
    P::new("rdbchecksum", SWITCH, field!(rdbchecksum)).at_start(),
    P::new("rdb-save-incremental-fsync", SWITCH, field!(rdb_save_incremental_fsync)),
    P::new("stop-writes-on-bgsave-error", SWITCH, field!(stop_writes_on_bgsave_error)),
    P::new("rdb-del-sync-files", SWITCH, field!(rdb_del_sync_files)),
    // Every payload is checked in full, whatever this says.
    P::new("sanitize-dump-payload", Syntax::Name(&["no", "yes", "clients"]), Hint("no")),
    P::new("appendonly", SWITCH, Fixed("no")),
    P::new("appendfilename", TEXT, Hint("appendonly.aof")).at_start(),
    P::new("appenddirname", TEXT, Hint("appendonlydir")).at_start(),
    P::new("appendfsync", Syntax::Name(&["everysec", "always", "no"]), Hint("everysec")),
    P::new("no-appendfsync-on-rewrite", SWITCH, Hint("no")),
    P::new("auto-aof-rewrite-percentage", COUNT, Hint("100")),
    P::new("auto-aof-rewrite-min-size", BYTES, Hint("67108864")),
    P::new("aof-load-truncated", SWITCH, Hint("yes")),
    P::new("aof-use-rdb-preamble", SWITCH, Hint("yes")),
    P::new("aof-timestamp-enabled", SWITCH, Hint("no")),
    P::new("aof-rewrite-incremental-fsync", SWITCH, Hint("yes")),
    P::new("aof-disable-auto-gc", SWITCH, Hint("no")),
    // Replication.
    P::new("replicaof", WORDS, field!(replicaof))
        .alias("slaveof")
        .at_start()
        .lines(replicaof_lines),
    P::new("masteruser", TEXT, field!(masteruser)).alias("primaryuser"),
    P::new("masterauth", TEXT, field!(masterauth)).alias("primaryauth"),
    P::new("replica-read-only", SWITCH, field!(replica_read_only)).alias("slave-read-only"),
    P::new("replica-serve-stale-data", SWITCH, field!(replica_serve_stale_data))
        .alias("slave-serve-stale-data"),
    P::new("replica-priority", COUNT, field!(replica_priority)).alias("slave-priority"),
    P::new("replica-announced", SWITCH, field!(replica_announced)),
    // Redis has no such parameter: there an empty primary empties its replicas.
    P::new("replica-refuse-empty-primary", SWITCH, field!(replica_refuse_empty_primary)),
    P::new("replica-announce-ip", TEXT, field!(replica_announce_ip)).alias("slave-announce-ip"),
    P::new("replica-announce-port", number(0, 65535), field!(replica_announce_port))
        .alias("slave-announce-port"),
    P::new("replica-lazy-flush", SWITCH, Hint("no")).alias("slave-lazy-flush"),
    P::new("replica-ignore-maxmemory", SWITCH, field!(replica_ignore_maxmemory))
        .alias("slave-ignore-maxmemory"),
    P::new("replica-ignore-disk-write-errors", SWITCH, Fixed("no")),
    P::new(
        "propagation-error-behavior",
        Syntax::Name(&["ignore", "panic", "panic-on-replicas"]),
        Fixed("ignore"),
    ),
    P::new(
        "repl-backlog-size",
        memory(1, I64_MAX),
        field!(repl_backlog_size, |size: u64| size.max(MIN_BACKLOG_SIZE)),
    ),
    // Redis has none of these four: there the stream is in memory only, and a replica that lags
    // is cut by its output limit.
    P::new("repl-backlog-memory", memory(MIN_BACKLOG_MEMORY, I64_MAX), field!(repl_backlog_memory)),
    P::new("repl-backlog-disk", BYTES, field!(repl_backlog_disk)),
    P::new("repl-backlog-disk-keep", BYTES, field!(repl_backlog_disk_keep)),
    P::new("repl-backlog-persist", SWITCH, field!(repl_backlog_persist)),
    P::new("repl-backlog-ttl", LARGE, field!(repl_backlog_ttl)),
    P::new("repl-timeout", number(1, I32_MAX), field!(repl_timeout)),
    P::new("repl-ping-replica-period", number(1, I32_MAX), field!(repl_ping_replica_period))
        .alias("repl-ping-slave-period"),
    P::new("repl-diskless-sync", SWITCH, field!(repl_diskless_sync)),
    P::new("repl-diskless-sync-delay", COUNT, field!(repl_diskless_sync_delay)),
    P::new("repl-diskless-sync-max-replicas", COUNT, field!(repl_diskless_sync_max_replicas)),
    P::new("repl-diskless-load", Syntax::Name(DisklessLoad::NAMES), field!(repl_diskless_load)),
    // Redis' name and Valkey's.
    P::new("repl-rdb-channel", SWITCH, field!(repl_rdb_channel))
        .alias("dual-channel-replication-enabled"),
    // Ours: see `replication::rdb_version`.
    P::new("repl-rdb-version", Syntax::Name(ReplRdbVersion::NAMES), field!(repl_rdb_version)),
    // Ours: see `replication::side`.
    P::new(
        "repl-two-connections",
        Syntax::Name(TwoConnections::NAMES),
        field!(repl_two_connections),
    ),
    P::new("repl-replica-buffer-disk", BYTES, field!(repl_replica_buffer_disk)),
    // Ours: see `persist::unsynced`.
    P::new("repl-backlog-fsync", Syntax::Name(BacklogFsync::NAMES), field!(repl_backlog_fsync)),
    P::new("repl-disable-tcp-nodelay", SWITCH, field!(repl_disable_tcp_nodelay)),
    P::new("min-replicas-to-write", COUNT, field!(min_replicas_to_write))
        .alias("min-slaves-to-write"),
    P::new("min-replicas-max-lag", COUNT, field!(min_replicas_max_lag)).alias("min-slaves-max-lag"),
    // Memory and encodings.
    P::new("maxmemory", memory(0, U64_MAX), field!(maxmemory)),
    P::new("maxmemory-policy", Syntax::Name(POLICIES), field!(maxmemory_policy)),
    P::new("maxmemory-samples", number(1, I32_MAX), field!(maxmemory_samples)),
    P::new("maxmemory-eviction-tenacity", number(0, 100), field!(maxmemory_eviction_tenacity)),
    P::new("lfu-log-factor", COUNT, field!(lfu_log_factor)),
    P::new("lfu-decay-time", COUNT, field!(lfu_decay_time)),
    P::new("hash-max-listpack-entries", LARGE, field!(hash_max_listpack_entries))
        .alias("hash-max-ziplist-entries"),
    P::new("hash-max-listpack-value", BYTES, field!(hash_max_listpack_value))
        .alias("hash-max-ziplist-value"),
    P::new("list-max-listpack-size", number(I32_MIN, I32_MAX), field!(list_max_listpack_size))
        .alias("list-max-ziplist-size"),
    P::new("list-compress-depth", COUNT, Hint("0")),
    P::new("set-max-intset-entries", LARGE, field!(set_max_intset_entries)),
    P::new("set-max-listpack-entries", LARGE, field!(set_max_listpack_entries)),
    P::new("set-max-listpack-value", LARGE, field!(set_max_listpack_value)),
    P::new("zset-max-listpack-entries", LARGE, field!(zset_max_listpack_entries))
        .alias("zset-max-ziplist-entries"),
    P::new("zset-max-listpack-value", BYTES, field!(zset_max_listpack_value))
        .alias("zset-max-ziplist-value"),
    P::new("hll-sparse-max-bytes", BYTES, field!(hll_sparse_max_bytes)),
    P::new("stream-node-max-bytes", BYTES, field!(stream_node_max_bytes)),
    P::new("stream-node-max-entries", LARGE, field!(stream_node_max_entries)),
    // Of Redis 8.6.
    P::new("stream-idmp-duration", number(1, 86_400), field!(stream_idmp_duration)),
    P::new("stream-idmp-maxsize", number(1, 10_000), field!(stream_idmp_maxsize)),
    P::new("activerehashing", SWITCH, Hint("yes")),
    P::new("active-expire-effort", number(1, 10), Hint("1")),
    P::new("lazyfree-lazy-eviction", SWITCH, Hint("no")),
    P::new("lazyfree-lazy-expire", SWITCH, Hint("no")),
    P::new("lazyfree-lazy-server-del", SWITCH, Hint("no")),
    P::new("lazyfree-lazy-user-del", SWITCH, Hint("no")),
    P::new("lazyfree-lazy-user-flush", SWITCH, Hint("no")),
    P::new("jemalloc-bg-thread", SWITCH, Hint("yes")),
    P::new("activedefrag", SWITCH, Hint("no")),
    P::new("active-defrag-ignore-bytes", memory(1, I64_MAX), Hint("104857600")),
    P::new("active-defrag-threshold-lower", number(0, 1000), Hint("10")),
    P::new("active-defrag-threshold-upper", number(0, 1000), Hint("100")),
    P::new("active-defrag-cycle-min", number(1, 99), Hint("1")),
    P::new("active-defrag-cycle-max", number(1, 99), Hint("25")),
    P::new("active-defrag-max-scan-fields", number(1, I64_MAX), Hint("1000")),
    // Observation.
    // By their names of Valkey 8.1, too.
    P::new("slowlog-log-slower-than", number(-1, I64_MAX), field!(slowlog_log_slower_than))
        .alias("commandlog-execution-slower-than"),
    P::new("slowlog-max-len", LARGE, field!(slowlog_max_len))
        .alias("commandlog-slow-execution-max-len"),
    P::new(
        "commandlog-request-larger-than",
        number(-1, I64_MAX),
        field!(commandlog_request_larger_than),
    ),
    P::new("commandlog-large-request-max-len", LARGE, field!(commandlog_large_request_max_len)),
    P::new(
        "commandlog-reply-larger-than",
        number(-1, I64_MAX),
        field!(commandlog_reply_larger_than),
    ),
    P::new("commandlog-large-reply-max-len", LARGE, field!(commandlog_large_reply_max_len)),
    P::new("latency-monitor-threshold", LARGE, field!(latency_monitor_threshold)),
    P::new("latency-tracking", SWITCH, field!(latency_tracking)),
    P::new("latency-tracking-info-percentiles", WORDS, field!(latency_tracking_info_percentiles)),
    P::new("notify-keyspace-events", TEXT, field!(notify_keyspace_events)),
    // Cluster: none of it matters while it is off, as in Redis.
    P::new("cluster-enabled", SWITCH, Fixed("no")).at_start(),
    P::new("cluster-config-file", TEXT, Hint("nodes.conf")).at_start(),
    P::new("cluster-node-timeout", LARGE, Hint("15000")),
    P::new("cluster-port", number(0, 65535), Hint("0")).at_start(),
    P::new("cluster-announce-ip", TEXT, Hint("")),
    P::new("cluster-announce-hostname", TEXT, Hint("")),
    P::new("cluster-announce-port", number(0, 65535), Hint("0")),
    P::new("cluster-announce-tls-port", number(0, 65535), Hint("0")),
    P::new("cluster-announce-bus-port", number(0, 65535), Hint("0")),
    P::new(
        "cluster-preferred-endpoint-type",
        Syntax::Name(&["ip", "hostname", "unknown-endpoint"]),
        Hint("ip"),
    ),
    P::new("cluster-migration-barrier", COUNT, Hint("1")),
    P::new("cluster-allow-replica-migration", SWITCH, Hint("yes")),
    P::new("cluster-replica-validity-factor", COUNT, Hint("10"))
        .alias("cluster-slave-validity-factor"),
    P::new("cluster-replica-no-failover", SWITCH, Hint("no")).alias("cluster-slave-no-failover"),
    P::new("cluster-require-full-coverage", SWITCH, Hint("yes")),
    P::new("cluster-allow-reads-when-down", SWITCH, Hint("no")),
    P::new("cluster-allow-pubsubshard-when-down", SWITCH, Hint("yes")),
    P::new("cluster-link-sendbuf-limit", BYTES, Hint("0")),
    // Of later versions, and of Valkey.
    P::new("cluster-announce-human-nodename", TEXT, Hint("")),
    P::new("cluster-announce-client-ipv4", TEXT, Hint("")),
    P::new("cluster-announce-client-ipv6", TEXT, Hint("")),
    P::new("cluster-announce-client-port", number(0, 65535), Hint("0")),
    P::new("cluster-announce-client-tls-port", number(0, 65535), Hint("0")),
    P::new("cluster-blacklist-ttl", LARGE, Hint("60")),
    P::new("cluster-manual-failover-timeout", number(1, I32_MAX), Hint("5000")),
    P::new("cluster-slot-stats-enabled", SWITCH, Hint("no")),
    P::new("cluster-compatibility-sample-ratio", number(0, 100), Hint("0")),
    P::new("cluster-config-save-behavior", Syntax::Name(&["sync", "best-effort"]), Hint("sync")),
    P::new("cluster-databases", number(1, I32_MAX), Hint("1")).at_start(),
    P::new("cluster-slot-migration-log-max-len", LARGE, Hint("1000")),
    P::new("cluster-slot-migration-handoff-max-lag-bytes", BYTES, Hint("1048576")),
    P::new("cluster-slot-migration-write-pause-timeout", LARGE, Hint("10000")),
    P::new("slot-migration-max-failover-repl-bytes", number(-1, I64_MAX), Hint("0")),
    P::new("max-new-connections-per-cycle", number(1, 1000), Hint("10")),
    P::new("max-new-tls-connections-per-cycle", number(1, 1000), Hint("1")),
    P::new("lookahead", number(1, I32_MAX), Hint("16")),
    P::new("prefetch-batch-max-size", number(0, 128), Hint("16")),
    P::new("active-defrag-cycle-us", number(0, 100_000), Hint("500")),
    P::new("replica-full-sync-buffer-limit", BYTES, Hint("0")),
    P::new("aof-load-corrupt-tail-max-size", LARGE, Hint("0")),
    P::new("vset-force-single-threaded-execution", SWITCH, Hint("no")),
    P::new("hash-seed", TEXT, Hint("")).at_start(),
    P::new("extended-redis-compatibility", SWITCH, Hint("no")),
    P::new("rdb-version-check", Syntax::Name(&["strict", "relaxed"]), Hint("strict")),
    P::new("key-memory-histograms", SWITCH, Fixed("no")).at_start(),
    P::new("locale-collate", TEXT, Fixed("")),
    P::new("import-mode", SWITCH, field!(import_mode)),
    P::new("log-format", Syntax::Name(&["legacy", "logfmt"]), Fixed("legacy")),
    P::new(
        "log-timestamp-format",
        Syntax::Name(&["legacy", "iso8601", "milliseconds"]),
        Fixed("legacy"),
    ),
    P::new("unixsocketgroup", TEXT, Fixed("")).at_start(),
    // Names of keys are logged in a few places.
    P::new("hide-user-data-from-log", SWITCH, Fixed("no")),
    P::new("rdma-port", number(0, 65535), Fixed("0")),
    P::new("rdma-bind", WORDS, Fixed("")).at_start(),
    P::new("rdma-rx-size", BYTES, Hint("1048576")).at_start(),
    P::new("rdma-completion-vector", number(-1, 1024), Hint("-1")).at_start(),
    P::new("mptcp", SWITCH, Fixed("no")).at_start(),
    P::new("repl-mptcp", SWITCH, Fixed("no")),
    P::new("availability-zone", TEXT, field!(availability_zone)),
    // TLS.
    P::new("tls-port", number(0, 65535), Fixed("0")),
    P::new("tls-replication", SWITCH, Fixed("no")),
    P::new("tls-cluster", SWITCH, Fixed("no")),
];

/// The `user` lines of a file, which `CONFIG GET` and `CONFIG SET` do not know.
pub(super) static USERS: P =
    P::new("user", WORDS, Fixed("")).at_start().accumulates().lines(user_lines);

const SYSLOG_FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

/// The eviction policies of Redis, those of 8.6 included.
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "volatile-lrm",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "allkeys-lrm",
    "noeviction",
];

/// Takes a folder that exists, seen from the one that was set before.
fn set_dir(config: &mut Config, value: Value) -> Result<(), ValueError> {
    let path = PathBuf::from_bytes(value.text()?)?;
    let system = |error| ValueError::System(system_text(&error));
    let errno = |errno: Errno| ValueError::System(system_text(&errno.into()));
    if path.as_os_str().is_empty() {
        return Err(errno(Errno::NOENT));
    }
    let path = fs::canonicalize(config.in_dir(&path)).map_err(system)?;
    if !fs::metadata(&path).map_err(system)?.is_dir() {
        return Err(errno(Errno::NOTDIR));
    }
    config.dir = path;
    Ok(())
}

fn set_dbfilename(config: &mut Config, value: Value) -> Result<(), ValueError> {
    let path = PathBuf::from_bytes(value.text()?)?;
    if path.file_name() != Some(path.as_os_str()) {
        return Err(ValueError::Other("dbfilename can't be a path, just a filename"));
    }
    config.dbfilename = path;
    Ok(())
}

fn save_lines(config: &Config) -> Vec<Vec<u8>> {
    if config.save.is_empty() {
        return vec![b"\"\"".to_vec()];
    }
    config.save.iter().map(|point| point.to_string().into_bytes()).collect()
}

fn replicaof_lines(config: &Config) -> Vec<Vec<u8>> {
    config.replicaof.iter().map(|primary| primary.to_string().into_bytes()).collect()
}

fn user_lines(config: &Config) -> Vec<Vec<u8>> {
    config.users.iter().map(|words| words.join(&b' ')).collect()
}
