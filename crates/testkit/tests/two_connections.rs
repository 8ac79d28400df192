//! A full sync over two connections, from primaries that know nothing of it.

use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until};

const LINK: Duration = Duration::from_secs(60);

fn link_is_up(server: &Server) -> bool {
    server.client().info("master_link_status").as_deref() == Some("up")
}

/// Under writes, with old data at the replica, and a second time with a history of its own.
///
/// `sibling` is of the primary's kind: it follows redwire, and has the primary's digests.
fn full_syncs_under_writes(primary: &Server, sibling: &Server) {
    let mut client = primary.client();
    client.pipeline(&dataset(seed(81)));
    // So much that the stream of many turns waits for it.
    let bulk = |n: u32| vec![b"SET".to_vec(), format!("bulk:{n}").into_bytes(), vec![b'b'; 1000]];
    client.pipeline(&(0..40_000).map(bulk).collect::<Vec<_>>());
    let replica = Redwire::start(&["--repl-two-connections", "yes"]);
    replica.client().ok(&["SET", "old", "1"]);
    let mut workload = Workload::new(seed(82)).recent();
    for round in 1..=2 {
        replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
        wait_until("the link to be up", LINK, || {
            client.pipeline(&workload.writes(300));
            link_is_up(&replica)
        });
        client.pipeline(&workload.writes(2000));
        if round == 1 {
            sibling.follow(&replica);
        }
        wait_caught_up(primary, sibling);
        assert_same_data(primary, sibling);
        let log = replica.log();
        let synced = log.matches("sync: Finished with success").count();
        assert_eq!(synced, round, "{log}");
        replica.client().ok(&["REPLICAOF", "NO", "ONE"]);
        replica.client().ok(&["SET", "own", "1"]);
        // What it goes on with is of no use to the primary any more.
        client.pipeline(&workload.writes(20_000));
    }
}

fn full_syncs_from(peer: Peer, options: &[&str]) {
    if let Some((primary, sibling)) = peer.start(options).zip(peer.start(&[])) {
        full_syncs_under_writes(&primary, &sibling);
    }
}

#[test]
fn redis_70() {
    full_syncs_from(Peer::Redis70, &["--repl-backlog-size", "4mb"]);
}

#[test]
fn redis_80() {
    full_syncs_from(Peer::Redis80, &["--repl-backlog-size", "4mb"]);
}

#[test]
fn valkey_91() {
    full_syncs_from(Peer::Valkey91, &[]);
}

#[test]
fn redwire() {
    full_syncs_under_writes(&Redwire::start(&[]), &Redwire::start(&[]));
}

/// More of the stream comes than the replica may keep: it leaves the rest to the primary until it has
/// loaded, and the full sync goes on.
#[test]
fn a_limit_of_what_is_kept() {
    let slow = ["--rdb-key-save-delay", "300"];
    let starts = Peer::Redis70.start(&slow).zip(Peer::Redis70.start(&[]));
    let Some((primary, sibling)) = starts else { return };
    let mut client = primary.client();
    let bulk = |n: u32| vec![b"SET".to_vec(), format!("bulk:{n}").into_bytes(), vec![b'b'; 100]];
    client.pipeline(&(0..10_000).map(bulk).collect::<Vec<_>>());
    let options = ["--repl-two-connections", "yes", "--repl-replica-buffer-disk", "0"];
    let replica = Redwire::start(&options);
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    let large = vec![b"SET".to_vec(), b"large".to_vec(), vec![b'l'; 1 << 20]];
    let reason = "the stream that came meanwhile exceeds repl-replica-buffer-disk";
    wait_until("the limit to be met", LINK, || {
        client.pipeline(std::slice::from_ref(&large));
        replica.log().contains(reason)
    });
    wait_until("the link to be up", LINK, || link_is_up(&replica));
    sibling.follow(&replica);
    wait_caught_up(&primary, &sibling);
    assert_same_data(&primary, &sibling);
    let log = replica.log();
    assert_eq!(log.matches(reason).count(), 1, "{log}");
    assert_eq!(log.matches("sync: receiving").count(), 1, "{log}");
}
