//! What is the tokio runner's own, at real masters.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod support;

use std::future::Future;
use std::time::Duration;

use redwire::follow::{Item, Position};
use redwire::tokio::Follow;
use redwire_testkit::Peer;
use support::{PATIENCE, address, config};
use tokio::time::timeout;

/// Elements that are pushed between two broken links.
const PUSHES: usize = 200;
const BREAKS: usize = 5;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let within = async { timeout(PATIENCE, future).await.expect("it takes no minute") };
    runtime.expect("a runtime").block_on(within)
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
        let mut follow = Follow::with_config(address(&master), config());
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
                follow = Follow::with_config(address(&master), config());
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
