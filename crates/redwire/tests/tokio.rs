//! The tokio runners at real masters.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod support;

use std::future::Future;
use std::time::Duration;

use redwire::Address;
use redwire::follow::{Item, Position, default_config};
use redwire::keyspace::ScoreText;
use redwire::repl::{ReplicaConfig, TwoConnections};
use redwire::tokio::{Follow, Live};
use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{Peer, Server};
use support::{PATIENCE, digest, unix_ms};
use tokio::time::timeout;

/// Elements that are pushed between two broken links.
const PUSHES: usize = 200;
const BREAKS: usize = 5;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let within = async { timeout(PATIENCE, future).await.expect("it takes no minute") };
    runtime.expect("a runtime").block_on(within)
}

fn address(server: &Server) -> Address {
    format!("redis://127.0.0.1:{}", server.port()).parse().expect("an address")
}

/// Attempts that follow each other at once, as the links are broken on purpose.
fn config() -> ReplicaConfig {
    let (backoff_min, backoff_max) = (Duration::from_millis(10), Duration::from_millis(20));
    ReplicaConfig { backoff_min, backoff_max, ..default_config() }
}

/// What a follower was told.
#[derive(Debug, Default)]
struct Told {
    whole: bool,
    pushes: Vec<String>,
    position: Option<Position>,
    errors: usize,
    /// Futures that were dropped before they were ready.
    dropped: u64,
}

impl Told {
    /// Waits for the next item in futures of which most are dropped at once.
    async fn wait(&mut self, follow: &mut Follow) {
        let limit = Duration::from_micros(self.dropped % 7 * 50);
        let next = follow.next(|item| match item {
            Item::SnapshotEnd { .. } => self.whole = true,
            Item::Command { db, request, position, .. } => {
                assert_eq!(db, 3);
                self.pushes.push(String::from_utf8_lossy(&request[2]).into_owned());
                self.position = position.or(self.position);
            }
            _ => {}
        });
        match timeout(limit, next).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.errors += 1,
            Err(_) => self.dropped += 1,
        }
    }
}

/// Links that break in the midst, futures that are dropped, another process in its place: every
/// push comes once.
fn goes_on(peer: Peer) {
    let Some(master) = peer.start(&["--repl-backlog-size", "4mb"]) else { return };
    let mut client = master.client();
    client.ok(&["SELECT", "3"]);
    client.ok(&["SET", "before", "1"]);
    let mut told = Told::default();
    block_on(async {
        let mut follow = Follow::new(address(&master), config(), 7);
        while !told.whole {
            told.wait(&mut follow).await;
        }
        for round in 0..BREAKS {
            for n in round * PUSHES..(round + 1) * PUSHES {
                client.ok(&["RPUSH", "list", &n.to_string()]);
                if n % 10 == 0 {
                    told.wait(&mut follow).await;
                }
            }
            client.call(&["CLIENT", "KILL", "TYPE", "replica"]);
            if round == BREAKS / 2 {
                follow = Follow::new(address(&master), config(), 8);
                follow.resume_from(told.position.expect("a place"));
            }
        }
        while told.pushes.len() < BREAKS * PUSHES {
            told.wait(&mut follow).await;
        }
        assert_eq!(follow.position(), told.position);
    });
    let expected: Vec<_> = (0..BREAKS * PUSHES).map(|n| n.to_string()).collect();
    assert_eq!(told.pushes, expected, "{master:?}");
    assert!(told.errors > 0 && told.dropped > 0, "{} {}", told.errors, told.dropped);
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
}

#[test]
fn goes_on_at_redis_70() {
    goes_on(Peer::Redis70);
}

#[test]
fn goes_on_at_redis_80() {
    goes_on(Peer::Redis80);
}

#[test]
fn goes_on_at_valkey_91() {
    goes_on(Peer::Valkey91);
}

/// A copy has the digest of its master, whose links it loses now and then, and whose data set came
/// on a connection of its own.
fn copies(peer: Peer, scores: ScoreText) {
    let Some(master) = peer.start(&["--repl-backlog-size", "16mb"]) else { return };
    let mut client = master.client();
    client.pipeline(&dataset(seed(83)));
    let two_connections = TwoConnections::Always;
    let config = ReplicaConfig { two_connections, ..config() };
    let mut copy = Live::new(address(&master), config, 7);
    let mut workload = Workload::new(seed(84));
    block_on(async {
        for round in 0..10 {
            client.pipeline(&workload.writes(500));
            let mark = format!("round {round}");
            client.ok(&["SELECT", "0"]);
            client.ok(&["SET", "mark", &mark]);
            let expected = format!("${}\r\n{mark}\r\n", mark.len()).into_bytes();
            while !copy.is_current() || copy.query(&["GET", "mark"], unix_ms()) != expected {
                // That a link broke is what is tested here; the next one is opened.
                let _ = copy.changed(unix_ms).await;
            }
            client.call(&["CLIENT", "KILL", "TYPE", "replica"]);
        }
    });
    assert_eq!(digest(copy.keyspace(), scores), client.digest(), "{master:?}");
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
}

#[test]
fn copies_of_redis_70() {
    copies(Peer::Redis70, ScoreText::Digits17);
}

#[test]
fn copies_of_redis_80() {
    copies(Peer::Redis80, ScoreText::Shortest);
}

#[test]
fn copies_of_valkey_91() {
    copies(Peer::Valkey91, ScoreText::Shortest);
}

/// A snapshot that is taken so slowly that on one connection the master's limit would cut the link
/// again and again: over two it comes once, and nothing that was written meanwhile is lost.
fn a_slow_snapshot_comes_once(peer: Peer, args: &[&str]) {
    const KEYS: usize = 300;
    let limit = ["--client-output-buffer-limit", "replica 1mb 1mb 1", "--repl-backlog-size", "1mb"];
    let plain = ["--rdbcompression", "no"];
    let Some(master) = peer.start(&[&limit[..], &plain, args].concat()) else { return };
    let mut client = master.client();
    let value = "v".repeat(100_000);
    for n in 0..KEYS {
        client.ok(&["SET", &format!("key{n}"), &value]);
    }
    let two_connections = TwoConnections::Always;
    let mut follow =
        Follow::new(address(&master), ReplicaConfig { two_connections, ..config() }, 7);
    let (mut keys, mut written, mut starts) = (0, 0, 0);
    let mut pushes = Vec::new();
    block_on(async {
        while pushes.last().is_none_or(|last| *last != KEYS - 1) {
            let (mut key, mut started) = (0, 0);
            let next = follow.next(|item| match item {
                Item::SnapshotStart { .. } => started = 1,
                Item::Snapshot { event: redwire::rdb::Event::Key(_), .. } => key = 1,
                Item::Command { request, .. } if request.name().eq_ignore_ascii_case(b"RPUSH") => {
                    let n = String::from_utf8_lossy(&request[2]).into_owned();
                    pushes.push(n.parse::<usize>().expect("a number"));
                }
                _ => {}
            });
            if let Err(error) = next.await {
                panic!("{master:?}: {error}, {written} written");
            }
            starts += started;
            keys += key;
            // 30 MB of stream beside 30 MB of snapshot, with a limit of 1 MB.
            if key == 1 && written < KEYS {
                client.ok(&["RPUSH", "list", &written.to_string(), &value]);
                written += 1;
            }
        }
    });
    assert_eq!((starts, written), (1, KEYS), "{master:?}");
    assert!(keys >= KEYS, "{keys} keys");
    assert_eq!(pushes, (0..KEYS).collect::<Vec<_>>(), "{master:?}");
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
}

#[test]
fn a_slow_snapshot_of_redis_70() {
    a_slow_snapshot_comes_once(Peer::Redis70, &[]);
}

#[test]
fn a_slow_snapshot_of_redis_80() {
    a_slow_snapshot_comes_once(Peer::Redis80, &["--repl-rdb-channel", "yes"]);
}

#[test]
fn a_slow_snapshot_of_redis_86() {
    a_slow_snapshot_comes_once(Peer::Redis86, &[]);
}

#[test]
fn a_slow_snapshot_of_valkey_91() {
    a_slow_snapshot_comes_once(Peer::Valkey91, &["--dual-channel-replication-enabled", "yes"]);
}
