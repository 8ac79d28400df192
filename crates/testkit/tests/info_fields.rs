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
    ("this server is no Valkey", &["valkey_"]),
    ("names of a setting that is not here", &["clients_hz", "server_mode"]),
    ("functions are kept, but not looked into", &["number_of_functions"]),
    ("there are no scripts, and what functions take has a field", &["used_memory_scripts"]),
    (
        "there is no fork, and what a snapshot copies is not counted",
        &["current_cow_", "current_fork_perc", "rdb_last_cow_size"],
    ),
    (
        "there is no cluster",
        &["mem_cluster_slot_", "total_net_cluster_", "slot_migration_fork_in_progress"],
    ),
    (
        "there are no I/O threads",
        &[
            "io_thread_",
            "io_threaded_accept",
            "io_threaded_freed",
            "io_threaded_poll",
            "io_threaded_total_prefetch",
            "master_client_io_thread",
        ],
    ),
    ("a line for each module", &["module"]),
    ("sizes of keys are not counted", &["db0_distrib_"]),
    (
        "keys that expire are found by their time, not by samples",
        &["expired_stale_perc", "expired_keys_with_volatile_items_stale_perc"],
    ),
    ("keys of its own that expire on a replica are as all others", &["slave_expires_tracked_keys"]),
    ("replies have no static buffers", &["reply_buffer_"]),
    ("every payload is checked, and none counted", &["dump_payload_sanitizations"]),
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
    // Some that begin so are here.
    let here = ["module_fork_", "used_memory_scripts_eval"];
    let listed =
        ABSENT.iter().any(|(_, starts)| starts.iter().any(|start| name.starts_with(start)));
    listed && !here.iter().any(|here| name.starts_with(here))
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
    let peers = [Peer::Redis70, Peer::Redis80, Peer::Redis86, Peer::Valkey81, Peer::Valkey91];
    for peer in peers {
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
    for field in ours.iter().flatten() {
        assert!(!is_absent(field), "{field}");
    }
}
