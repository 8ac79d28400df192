use std::time::Duration;

use super::super::testing::Server;
use super::*;
use crate::config::{Config, Endpoint};
use redwire_repl::ReplicaId;
use redwire_resp::Protocol;

fn server() -> Server {
    Server::new(Config::default())
}

fn info(server: &Server, words: &[&str]) -> String {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    text(&words, &server.core, &server.keyspace)
}

fn titles(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# ")).collect()
}

/// The names of the fields, in order.
fn names(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect()
}

#[test]
fn sections_come_once_and_in_their_order() {
    let server = server();
    let whole = SECTIONS.iter().map(|section| section.title).collect::<Vec<_>>();
    for words in [&["ALL"][..], &["everything"], &["cpu", "all"]] {
        assert_eq!(titles(&info(&server, words)), whole, "{words:?}");
    }
    let default = SECTIONS.iter().filter(|it| it.default).map(|it| it.title).collect::<Vec<_>>();
    for words in [&[][..], &["default"], &["cpu", "default"]] {
        assert_eq!(titles(&info(&server, words)), default, "{words:?}");
    }
    for (words, expected) in [
        (
            &["keyspace", "cluster", "Cluster"][..],
            "# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n",
        ),
        (&["nothing"], ""),
    ] {
        assert_eq!(info(&server, words), expected, "{words:?}");
    }
}

#[test]
fn the_reply_is_text_in_resp3() {
    let resp3 = "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n";
    server().expect(Protocol::Resp3, &[("INFO cluster", resp3)]);
    let resp2 = "$30\r\n# Cluster\r\ncluster_enabled:0\r\n";
    server().expect(Protocol::Resp2, &[("INFO cluster", resp2)]);
}

#[test]
fn every_line_is_a_title_a_field_or_blank() {
    let text = info(&server(), &[]);
    assert!(text.ends_with("\r\n"));
    for line in text.split("\r\n") {
        let field = line.split_once(':').is_some_and(|(name, _)| !name.contains(' '));
        assert!(line.is_empty() || line.starts_with("# ") || field, "{line:?}");
    }
}

/// What monitoring reads; the order is Redis'.
#[test]
fn fields_that_operators_read_are_there() {
    let server = server();
    let sections: [(&str, &[&str]); 6] = [
        (
            "server",
            &[
                "redis_version",
                "redis_mode",
                "os",
                "arch_bits",
                "process_id",
                "run_id",
                "tcp_port",
                "uptime_in_seconds",
                "hz",
                "executable",
                "config_file",
            ],
        ),
        ("clients", &["connected_clients", "maxclients", "blocked_clients", "tracking_clients"]),
        (
            "memory",
            &[
                "used_memory",
                "used_memory_human",
                "used_memory_rss",
                "used_memory_peak",
                "used_memory_peak_time",
                "total_system_memory",
                "maxmemory",
                "maxmemory_policy",
                "mem_allocator",
            ],
        ),
        (
            "persistence",
            &[
                "loading",
                "rdb_changes_since_last_save",
                "rdb_bgsave_in_progress",
                "rdb_last_save_time",
                "rdb_last_bgsave_status",
                "rdb_last_bgsave_time_sec",
                "rdb_current_bgsave_time_sec",
                "aof_enabled",
            ],
        ),
        (
            "stats",
            &[
                "total_connections_received",
                "total_commands_processed",
                "instantaneous_ops_per_sec",
                "total_net_input_bytes",
                "rejected_connections",
                "sync_full",
                "sync_partial_ok",
                "sync_partial_err",
                "expired_keys",
                "evicted_keys",
                "keyspace_hits",
                "keyspace_misses",
                "total_error_replies",
            ],
        ),
        (
            "cpu",
            &["used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children"],
        ),
    ];
    for (section, fields) in sections {
        let text = info(&server, &[section]);
        let names = names(&text);
        let places: Vec<_> =
            fields.iter().map(|field| names.iter().position(|name| name == field)).collect();
        assert!(places.is_sorted() && !places.contains(&None), "{section}: {places:?} {names:?}");
    }
}

#[test]
fn a_primary_is_described_as_by_redis() {
    let server = server();
    let replid = server.core.primary.history().replid();
    let zeros = "0".repeat(40);
    let expected = [
        "# Replication".to_owned(),
        "role:master".into(),
        "connected_slaves:0".into(),
        "replicas_waiting_psync:0".into(),
        "master_failover_state:no-failover".into(),
        format!("master_replid:{replid}"),
        format!("master_replid2:{zeros}"),
        "master_repl_offset:0".into(),
        "second_repl_offset:-1".into(),
        "repl_backlog_active:0".into(),
        "repl_backlog_size:1048576".into(),
        "repl_backlog_first_byte_offset:0".into(),
        "repl_backlog_histlen:0".into(),
    ];
    let text = info(&server, &["replication"]);
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_primary_lists_its_replicas() {
    let mut server = server();
    let (now, id) = (server.core.now, ReplicaId(7));
    let primary = &mut server.core.primary;
    primary.replconf(id, &[b"listening-port", b"6380"], now);
    primary.psync(id, &[b"?", b"-1"], now);
    let text = info(&server, &["replication"]);
    let line = "slave0:ip=127.0.0.1,port=6380,state=wait_bgsave,offset=0,lag=0,type=replica";
    let lines = format!("connected_slaves:1\r\nreplicas_waiting_psync:0\r\n{line}\r\n");
    assert!(text.contains(&lines), "{text}");
    assert!(text.contains("repl_backlog_active:1\r\n"), "{text}");
    let good = info(&server, &["replication"]).contains("min_slaves_good_slaves");
    assert!(!good, "not asked for");
    server.core.config.min_replicas_to_write = 1;
    assert!(info(&server, &["replication"]).contains("min_slaves_good_slaves:0\r\n"));
}

#[test]
fn a_replica_without_a_link_is_described_as_by_redis() {
    let config = Config {
        replicaof: Some(Endpoint { host: "127.0.0.1".into(), port: 6380 }),
        ..Config::default()
    };
    let text = info(&Server::new(config), &["replication"]);
    let expected = [
        "role",
        "master_host",
        "master_port",
        "master_link_status",
        "master_last_io_seconds_ago",
        "master_sync_in_progress",
        "master_current_sync_attempts",
        "master_total_sync_attempts",
        "slave_read_repl_offset",
        "slave_repl_offset",
        "master_link_down_since_seconds",
        "total_disconnect_time_sec",
        "replica_full_sync_buffer_size",
        "replica_full_sync_buffer_peak",
        "replicas_repl_buffer_size",
        "replicas_repl_buffer_peak",
        "slave_priority",
        "slave_read_only",
        "replica_announced",
        "connected_slaves",
        "replicas_waiting_psync",
        "master_failover_state",
        "master_replid",
        "master_replid2",
        "master_repl_offset",
        "second_repl_offset",
        "repl_backlog_active",
        "repl_backlog_size",
        "repl_backlog_first_byte_offset",
        "repl_backlog_histlen",
    ];
    assert_eq!(names(&text), expected);
    for line in ["role:slave", "master_link_status:down", "master_last_io_seconds_ago:-1"] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}");
    }
}

#[test]
fn a_load_says_how_far_it_is() {
    let mut server = server();
    let now = server.core.now;
    server.core.loading = Some(crate::core::Loading {
        began: now - Duration::from_secs(3),
        began_unix: Duration::from_secs(100),
        total: 4000,
        read: 1000,
    });
    let text = info(&server, &["persistence"]);
    for line in [
        "loading:1",
        "loading_start_time:100",
        "loading_total_bytes:4000",
        "loading_loaded_bytes:1000",
        "loading_loaded_perc:25.00",
        "loading_eta_seconds:9",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
    }
}

#[test]
fn databases_with_keys_are_listed() {
    let mut server = server();
    let reply = server.run("SELECT 5");
    assert_eq!(reply, "+OK\r\n");
    server.core.config.enable_debug_command = crate::config::DebugAccess::Local;
    assert_eq!(server.run("DEBUG POPULATE 2"), "+OK\r\n");
    assert_eq!(server.run("HSETEX h EX 100 FIELDS 1 f v"), ":1\r\n");
    let text = info(&server, &["keyspace"]);
    assert_eq!(text, "# Keyspace\r\ndb5:keys=3,expires=0,avg_ttl=0,subexpiry=1\r\n");
}
