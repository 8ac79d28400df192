//! `follow` and `replica` at real masters.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod support;

use std::net::TcpStream;
use std::time::Instant;

use redwire::follow::{Follower, Item, Position, default_config};
use redwire::keyspace::ScoreText;
use redwire::replica::LiveReplica;
use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{Peer, Server};
use support::{PATIENCE, digest, unix_ms};

fn link(server: &Server) -> TcpStream {
    let link = TcpStream::connect(("127.0.0.1", server.port())).expect("connect");
    link.set_read_timeout(Some(PATIENCE)).expect("set a timeout");
    link
}

/// A copy has the digest of its master, after the snapshot and after writes that came meanwhile.
fn copies(peer: Peer, scores: ScoreText) {
    let Some(master) = peer.start(&[]) else { return };
    let mut client = master.client();
    client.pipeline(&dataset(seed(81)));
    let mut link = link(&master);
    let mut copy = LiveReplica::new(default_config(), 7, Instant::now());
    copy.handle_connected(Instant::now());
    let mut workload = Workload::new(seed(82));
    for round in 0..20 {
        client.pipeline(&workload.writes(500));
        let mark = format!("round {round}");
        client.ok(&["SELECT", "0"]);
        client.ok(&["SET", "mark", &mark]);
        let expected = format!("${}\r\n{mark}\r\n", mark.len());
        let began = Instant::now();
        while !copy.is_current() || copy.query(&["GET", "mark"], unix_ms()) != expected.as_bytes() {
            copy.pump(&mut link, Instant::now, unix_ms()).expect("the link stands");
            assert!(began.elapsed() < PATIENCE, "{master:?}: the mark of {mark} does not come");
        }
    }
    assert_eq!(digest(copy.keyspace(), scores), client.digest(), "{master:?}");
    let refused = copy.query(&["SET", "mark", "mine"], unix_ms());
    assert!(refused.starts_with(b"-READONLY"), "{}", refused.escape_ascii());
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

#[test]
fn copies_of_others() {
    copies(Peer::Redis60, ScoreText::Digits17);
    copies(Peer::Redis62, ScoreText::Digits17);
    copies(Peer::Redis86, ScoreText::Shortest);
    copies(Peer::Valkey81, ScoreText::Shortest);
}

/// What a follower counts until the list's last element, pushed by the caller, has come.
fn count_pushes(
    follower: &mut Follower,
    server: &Server,
    until: &str,
    seen: &mut Vec<String>,
) -> Option<Position> {
    let (mut link, mut unread) = (link(server), Vec::new());
    let mut position = None;
    follower.handle_connected(Instant::now());
    while seen.last().is_none_or(|last| last != until) {
        let each = |item: Item<'_>| {
            if let Item::Command { db, request, position: place, .. } = item {
                assert_eq!(db, 3);
                seen.push(String::from_utf8_lossy(&request[2]).into_owned());
                position = place.or(position);
            }
        };
        follower.pump(&mut link, &mut unread, Instant::now, each).expect("the link stands");
    }
    follower.handle_disconnected(Instant::now());
    position
}

/// A follower that is away for a while, and another process in its place, go on where it stopped.
fn resumes(peer: Peer) {
    let Some(master) = peer.start(&["--repl-backlog-size", "1mb"]) else { return };
    let mut client = master.client();
    client.ok(&["SELECT", "3"]);
    client.ok(&["SET", "before", "1"]);
    let mut push = |from: usize, to: usize| {
        for n in from..to {
            client.ok(&["RPUSH", "list", &n.to_string()]);
        }
    };
    let mut follower = Follower::new(default_config(), 7, Instant::now());
    let mut seen = Vec::new();
    // The snapshot has what was there; the stream what follows. So the pushes must wait for it.
    let (mut first, mut unread, mut whole) = (link(&master), Vec::new(), false);
    follower.handle_connected(Instant::now());
    while !whole {
        let each = |item: Item<'_>| whole |= matches!(item, Item::SnapshotEnd { .. });
        follower.pump(&mut first, &mut unread, Instant::now, each).expect("the link stands");
    }
    follower.handle_disconnected(Instant::now());
    drop(first);
    push(0, 100);
    let position = count_pushes(&mut follower, &master, "99", &mut seen).expect("a place");
    push(100, 200);
    let mut other = Follower::new(default_config(), 8, Instant::now());
    other.resume_from(position);
    count_pushes(&mut other, &master, "199", &mut seen);
    assert_eq!(seen, (0..200).map(|n: i32| n.to_string()).collect::<Vec<_>>(), "{master:?}");
    let mut client = master.client();
    let full = client.info("sync_full");
    assert_eq!(full.as_deref(), Some("1"), "{master:?}: the rest was resumed");
}

#[test]
fn resumes_at_redis_70() {
    resumes(Peer::Redis70);
}

#[test]
fn resumes_at_others() {
    for peer in [Peer::Redis60, Peer::Redis62, Peer::Redis86, Peer::Valkey81] {
        resumes(peer);
    }
}

#[test]
fn resumes_at_redis_80() {
    resumes(Peer::Redis80);
}

#[test]
fn resumes_at_valkey_91() {
    resumes(Peer::Valkey91);
}
