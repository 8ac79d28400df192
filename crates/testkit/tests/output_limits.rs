//! `client-output-buffer-limit replica` and full syncs: a data set on its way is no output, as in
//! the real servers, and the stream that is kept meanwhile is.

use std::time::Duration;

use redwire_testkit::{Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until};
use rustix::process::Signal;

const PATIENCE: Duration = Duration::from_secs(60);

/// The limits as small as they can be: the size of the backlog is the least that counts.
const TINY: [&str; 8] = [
    "--client-output-buffer-limit",
    "replica 1 0 0",
    "--repl-backlog-size",
    "16kb",
    "--repl-backlog-disk",
    "0",
    "--rdbcompression",
    "no",
];

/// What makes a replica read its RDB slowly: with large values the sockets are full long before.
const SLOW: [&str; 4] = ["--repl-diskless-load", "swapdb", "--key-load-delay", "50000"];

fn number(server: &Server, field: &str) -> u64 {
    let text = server.client().info(field).unwrap_or_else(|| panic!("INFO has no {field}"));
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

/// Values of 1 MiB, and one of 20.
fn large_values(server: &Server) {
    let set = |key: String, len: usize| vec![b"SET".to_vec(), key.into_bytes(), vec![b'v'; len]];
    let values = (0..24).map(|n| set(format!("k{n}"), 1 << 20));
    server.client().pipeline(&values.collect::<Vec<_>>());
    server.client().pipeline(&[set("large".into(), 20 << 20)]);
}

/// Nothing is written meanwhile, so no limit is reached, however slowly the replica reads.
fn a_data_set_is_no_output(peer: Peer, dialect: &[&str], options: &[&str]) {
    let Some(replica) = peer.start(&[&SLOW, dialect].concat()) else { return };
    let redwire = Redwire::start(&[&TINY, options].concat());
    large_values(&redwire);
    replica.follow(&redwire);
    redwire.client().ok(&["SET", "small", "1"]);
    wait_caught_up(&redwire, &replica);
    assert_same_data(&redwire, &replica);
    let (full, cut) = ("sync_full", "client_output_buffer_limit_disconnections");
    assert_eq!((number(&redwire, full), number(&redwire, cut)), (1, 0), "{}", redwire.log());
}

#[test]
fn redis_70_by_marker() {
    a_data_set_is_no_output(Peer::Redis70, &[], &[]);
}

#[test]
fn redis_70_by_length() {
    a_data_set_is_no_output(Peer::Redis70, &[], &["--repl-diskless-sync", "no"]);
}

#[test]
fn redis_80_over_one_connection() {
    a_data_set_is_no_output(Peer::Redis80, &[], &[]);
}

#[test]
fn redis_80_over_two_connections() {
    a_data_set_is_no_output(Peer::Redis80, &["--repl-rdb-channel", "yes"], &[]);
}

#[test]
fn valkey_91_over_one_connection() {
    a_data_set_is_no_output(Peer::Valkey91, &[], &[]);
}

#[test]
fn valkey_91_over_two_connections() {
    a_data_set_is_no_output(Peer::Valkey91, &["--dual-channel-replication-enabled", "yes"], &[]);
}

/// The stream that is written during a full sync over one connection is held for the replica, and
/// judged: by a real server as by ours, at the first step beyond the limit.
fn the_stream_of_a_full_sync_is_judged(primary: &Server, replica: &Server) {
    large_values(primary);
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    let waits = |state: &str| {
        let info = primary.client().ok(&["INFO", "replication"]).text();
        info.contains(&format!("state={state}"))
    };
    wait_until("the full sync to begin", PATIENCE, || {
        waits("wait_bgsave") && number(replica, "master_sync_in_progress") == 1
    });
    let mut client = primary.client();
    client.ok(&["SET", "small", &"x".repeat(100 << 10)]);
    assert!(waits("wait_bgsave"), "within the limit: {}", primary.log());
    client.ok(&["SET", "much", &"x".repeat(200 << 10)]);
    wait_until("the replica to be cut", PATIENCE, || {
        primary.log().contains("overcoming of output buffer limits")
    });
}

const JUDGED: [&str; 6] = [
    "--client-output-buffer-limit",
    "replica 256kb 0 0",
    "--repl-backlog-size",
    "16kb",
    "--rdbcompression",
    "no",
];

#[test]
fn the_stream_is_judged_by_redis() {
    let starts = (Peer::Redis70.start(&JUDGED), Peer::Redis70.start(&SLOW));
    let (Some(primary), Some(replica)) = starts else { return };
    the_stream_of_a_full_sync_is_judged(&primary, &replica);
}

#[test]
fn the_stream_is_judged_by_redwire() {
    let Some(replica) = Peer::Redis70.start(&SLOW) else { return };
    let primary = Redwire::start(&[&JUDGED[..], &["--repl-backlog-disk", "0"]].concat());
    the_stream_of_a_full_sync_is_judged(&primary, &replica);
    let line = format!("Connection with replica 127.0.0.1:{} lost.", replica.port());
    assert!(primary.log().contains(&line), "{}", primary.log());
}

/// With a disk behind it the stream is not held in memory: the replica stays.
#[test]
fn what_is_on_disk_is_not_judged() {
    let Some(replica) = Peer::Redis70.start(&SLOW) else { return };
    let limit = ["--client-output-buffer-limit", "replica 8mb 0 0"];
    let primary = Redwire::start(&[&limit[..], &["--repl-backlog-memory", "4mb"]].concat());
    large_values(&primary);
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    wait_until("the full sync to begin", PATIENCE, || {
        number(&replica, "master_sync_in_progress") == 1
    });
    let mut client = primary.client();
    for n in 0..20 {
        client.ok(&["SET", &format!("stream:{}", n % 3), &"x".repeat(1 << 20)]);
        wait_until("the stream to be on disk", PATIENCE, || {
            number(&primary, "redwire_repl_memory") <= 6 << 20
        });
    }
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
    let (full, cut) = ("sync_full", "client_output_buffer_limit_disconnections");
    assert_eq!((number(&primary, full), number(&primary, cut)), (1, 0), "{}", primary.log());
}

/// Bytes of a value, and of its command with some to spare.
const VALUE: usize = 16 << 10;
const COMMAND: u64 = VALUE as u64 + 200;

/// Four clients write 8 MiB each, as fast as they can.
fn write_much(server: &Server) {
    std::thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                let set = |n: usize| {
                    let key = format!("hot:{writer}:{}", n % 8).into_bytes();
                    vec![b"SET".to_vec(), key, vec![b'v'; VALUE]]
                };
                server.client().pipeline(&(0..512).map(set).collect::<Vec<_>>());
            });
        }
    });
}

/// How many bytes a replica of `server` held when it was cut, and the limit.
fn cut_at(server: &Server) -> (u64, u64) {
    wait_until("the replica to be cut", PATIENCE, || {
        server.log().contains("overcoming of output buffer limits")
    });
    let log = server.log();
    let (before, limit) = log.split_once(" bytes reach the hard limit of ").expect("a reason");
    let bytes = before.rsplit_once('(').expect("a number").1;
    let limit = limit.split_once(')').expect("a number").0;
    (bytes.parse().expect("a number"), limit.parse().expect("a number"))
}

const LIMIT_OF_4_MB: [&str; 6] = [
    "--client-output-buffer-limit",
    "replica 4mb 0 0",
    "--repl-backlog-size",
    "16kb",
    "--repl-backlog-disk",
    "0",
];

/// A replica that takes nothing is cut where it reaches its limit, not when somebody looks: what it
/// holds beyond is part of one command.
#[test]
fn the_limit_is_judged_as_the_stream_grows() {
    let (primary, replica) = (Redwire::start(&LIMIT_OF_4_MB), Redwire::start(&[]));
    replica.follow(&primary);
    wait_caught_up(&primary, &replica);
    replica.signal(Signal::STOP);
    write_much(&primary);
    let (bytes, limit) = cut_at(&primary);
    assert_eq!(limit, 4 << 20);
    assert!(bytes < limit + COMMAND, "{bytes} bytes");
    replica.signal(Signal::CONT);
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
}

/// So is one of a node that passes the stream on.
#[test]
fn the_limit_is_judged_as_the_stream_is_passed_on() {
    let (top, replica) = (Redwire::start(&[]), Redwire::start(&[]));
    let middle = Redwire::start(&LIMIT_OF_4_MB);
    middle.follow(&top);
    wait_caught_up(&top, &middle);
    replica.follow(&middle);
    wait_caught_up(&top, &replica);
    replica.signal(Signal::STOP);
    write_much(&top);
    let (bytes, limit) = cut_at(&middle);
    assert!(bytes < limit + COMMAND, "{bytes} bytes");
    replica.signal(Signal::CONT);
    wait_caught_up(&top, &replica);
    assert_same_data(&top, &replica);
}
