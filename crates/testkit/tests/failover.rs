//! FAILOVER to and from redwire, with real servers at the other end: no write is lost, and nobody
//! takes a full sync for it.

use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{Peer, Redwire, Reply, Server, assert_same_data, wait_caught_up, wait_until};

const LINK: Duration = Duration::from_secs(60);

fn field(server: &Server, name: &str) -> String {
    server.client().info(name).unwrap_or_default()
}

/// Hands over between redwire and a real server under writes, and back again. Another real server
/// of the same version judges: how scores are printed in DEBUG DIGEST depends on it.
fn there_and_back(peer: Peer, redwire_first: bool) {
    let (Some(real), Some(judge)) = (peer.start(&[]), peer.start(&[])) else { return };
    let redwire = Redwire::start(&[]);
    let (a, b) = if redwire_first { (&redwire, &real) } else { (&real, &redwire) };
    b.follow(a);
    let mut workload = Workload::new(seed(61)).recent();
    a.client().pipeline(&dataset(seed(60)));
    let full_syncs = field(a, "sync_full");
    for (from, to) in [(a, b), (b, a)] {
        let mut client = from.client();
        client.pipeline(&workload.writes(2000));
        let target = ["FAILOVER", "TO", "127.0.0.1", &to.port_text(), "TIMEOUT", "60000"];
        assert_eq!(client.ok(&target), Reply::Simple(b"OK".to_vec()));
        // A write that waits for the end of it finds that this is a replica now.
        let refused = client.call(&["SET", "late", "write"]);
        assert!(refused.text().starts_with("READONLY"), "{refused:?}");
        wait_until("the roles to be the other way round", LINK, || {
            field(to, "role") == "master"
                && field(from, "role") == "slave"
                && field(from, "master_link_status") == "up"
                && field(from, "master_failover_state") == "no-failover"
        });
        to.client().pipeline(&workload.writes(500));
        wait_caught_up(to, from);
        assert_eq!(to.client().ok(&["EXISTS", "late"]).int(), Some(0));
    }
    assert_eq!(field(a, "sync_full"), full_syncs);
    assert_eq!(field(b, "sync_full"), "0");
    judge.follow(&redwire);
    assert_same_data(&judge, &real);
}

#[test]
fn redis_70_and_back() {
    there_and_back(Peer::Redis70, true);
}

#[test]
fn redis_80_and_back() {
    there_and_back(Peer::Redis80, false);
}

#[test]
fn valkey_91_and_back() {
    there_and_back(Peer::Valkey91, false);
}

/// A replica that does not keep up: the failover is given up, and the writes that waited are done.
#[test]
fn a_replica_that_never_catches_up() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let redwire = Redwire::start(&[]);
    real.follow(&redwire);
    real.signal(rustix::process::Signal::STOP);
    let mut client = redwire.client();
    client.ok(&["SET", "before", "1"]);
    client.ok(&["FAILOVER", "TIMEOUT", "300"]);
    assert_eq!(field(&redwire, "master_failover_state"), "waiting-for-sync");
    client.ok(&["SET", "after", "1"]);
    assert_eq!(field(&redwire, "master_failover_state"), "no-failover");
    assert!(redwire.log().contains("Replica never caught up before timeout"));

    client.ok(&["FAILOVER"]);
    client.ok(&["FAILOVER", "ABORT"]);
    client.ok(&["SET", "again", "1"]);
    real.signal(rustix::process::Signal::CONT);
    assert_same_data(&redwire, &real);
    assert_eq!(field(&redwire, "role"), "master");
}

/// Redis 7.0's texts, without a replica and with one.
#[test]
fn errors_are_those_of_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let redwire = Redwire::start(&[]);
    let Some(other) = Peer::Redis70.start(&[]) else { return };
    let lines = [
        "FAILOVER",
        "FAILOVER ABORT",
        "FAILOVER ABORT NOW",
        "FAILOVER TO",
        "FAILOVER TO host",
        "FAILOVER TO 127.0.0.1 x",
        "FAILOVER TO 127.0.0.1 1",
        "FAILOVER TO 127.0.0.1 1 TO 127.0.0.1 1",
        "FAILOVER TIMEOUT",
        "FAILOVER TIMEOUT x",
        "FAILOVER TIMEOUT 0",
        "FAILOVER TIMEOUT -1",
        "FAILOVER TIMEOUT 1 TIMEOUT 1",
        "FAILOVER FORCE",
        "FAILOVER FORCE FORCE",
        "FAILOVER TIMEOUT 10 FORCE",
        "FAILOVER TO 127.0.0.1 1 FORCE TIMEOUT 10",
        "FAILOVER BOGUS",
    ];
    let ask = |server: &Server, line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        server.client().call(&words)
    };
    for line in lines {
        assert_eq!(ask(&redwire, line), ask(&real, line), "{line}");
    }
    let with_replica = |server: &Server| {
        other.follow(server);
        lines[1..].iter().map(|line| ask(server, line)).collect::<Vec<_>>()
    };
    assert_eq!(with_replica(&redwire), with_replica(&real));
}
