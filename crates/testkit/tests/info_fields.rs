//! The names of INFO's fields beside those of the real servers, section by section: each that they
//! have is here, or is listed below with the reason why not.

use std::collections::BTreeSet;

use redwire_testkit::{Peer, Redwire, Server};

/// Fields that begin so are not here, and why.
const ABSENT: &[(&str, &[&str])] = &[
    (
        "about how the other program was built, or which it is",
        &["redis_git_", "redis_build_id", "atomicvar_api", "gcc_version", "server_name"],
    ),
    ("this server is no Valkey and has no listeners beside its port", &["valkey_", "listener"]),
    ("names of a setting that is not here", &["availability_zone", "clients_hz", "server_mode"]),
    (
        "a slot's table is rebuilt at once, and is never there twice",
        &["mem_overhead_db_hashtable_rehashing"],
    ),
    (
        "there are no scripts, and functions are kept but not run",
        &[
            "used_memory_lua",
            "used_memory_vm_",
            "used_memory_scripts",
            "used_memory_functions",
            "number_of_",
            "evicted_scripts",
        ],
    ),
    ("there is no fork", &["current_cow_", "current_fork_perc", "rdb_last_cow_size"]),
    ("there is no fork", &["module_fork_", "slot_migration_fork_in_progress"]),
    ("a snapshot's walk does not count keys", &["current_save_keys_"]),
    ("there is no append-only file", &["aof_"]),
    ("there is no cluster", &["mem_cluster_slot_", "total_net_cluster_"]),
    ("there are no I/O threads", &["io_thread"]),
    ("there are no modules", &["module"]),
    ("memory is not defragmented", &["active_defrag_hits", "active_defrag_misses"]),
    ("memory is not defragmented", &["active_defrag_key_", "total_active_", "current_active_"]),
    ("sizes of keys are not counted", &["db0_distrib_"]),
    ("keys that expire are found by their time, not by samples", &["expired_stale_perc"]),
    ("there are no rights to databases", &["acl_access_denied_db"]),
    ("there is no TLS", &["acl_access_denied_tls_cert"]),
    ("as before", &["expired_keys_with_volatile_items_stale_perc", "expire_cycle_"]),
    ("as before", &["expired_time_cap_reached_count", "slave_expires_tracked_keys"]),
    ("the loop's time is not measured", &["eventloop_", "instantaneous_eventloop_"]),
    ("the loop's time is not measured", &["used_active_time_main_thread"]),
    ("replies have no static buffers", &["reply_buffer_"]),
    ("every payload is checked, and none counted", &["dump_payload_sanitizations"]),
    ("what was freed beside the loop is not counted", &["lazyfreed_objects"]),
];

/// The fields of all sections in the default set: `section/field`.
fn fields(server: &Server) -> BTreeSet<String> {
    let text = server.client().ok(&["INFO"]).text();
    let (mut section, mut found) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            section = title.to_ascii_lowercase();
        } else if let Some((name, _)) = line.split_once(':') {
            found.insert(format!("{section}/{name}"));
        }
    }
    found
}

fn is_absent(field: &str) -> bool {
    let name = field.split_once('/').map_or(field, |(_, name)| name);
    ABSENT.iter().any(|(_, starts)| starts.iter().any(|start| name.starts_with(start)))
}

/// A primary and its replica, once they are linked.
fn roles(servers: [Server; 2]) -> [BTreeSet<String>; 2] {
    let [primary, replica] = servers;
    primary.client().ok(&["SET", "key", "value"]);
    replica.follow(&primary);
    [fields(&primary), fields(&replica)]
}

#[test]
fn every_field_of_the_real_servers_is_here_or_has_a_reason() {
    let ours = roles([Redwire::start(&[]), Redwire::start(&[])]);
    for peer in [Peer::Redis70, Peer::Redis80, Peer::Valkey91] {
        let Some(servers) = peer.start(&[]).zip(peer.start(&[])) else { continue };
        let theirs = roles(servers.into());
        for (role, (theirs, ours)) in ["primary", "replica"].iter().zip(theirs.iter().zip(&ours)) {
            let missing: Vec<_> = theirs.difference(ours).filter(|it| !is_absent(it)).collect();
            assert!(missing.is_empty(), "{}, {role}: {missing:?}", peer.name());
        }
    }
}

/// A reason for a field that is here is none.
#[test]
fn what_is_absent_is_not_here() {
    let ours = roles([Redwire::start(&[]), Redwire::start(&[])]);
    let here = ["persistence/aof_", "server/io_threads_active"];
    for field in ours.iter().flatten().filter(|it| !here.iter().any(|here| it.starts_with(here))) {
        assert!(!is_absent(field), "{field}");
    }
}
