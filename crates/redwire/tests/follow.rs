//! Both runners of `follow` at real masters, by one test each.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod support;

use std::path::PathBuf;

use redwire::follow::Item;
use redwire::rdb::Event;
use redwire::{SpoolLimits, SpoolStatus};
use redwire_testkit::{Client, Peer, Server, wait_until};
use support::{Follows, PATIENCE, address, both, config};

/// Elements that are pushed between two broken links.
const PUSHES: usize = 200;
const BREAKS: usize = 5;

/// Links that break in the midst, and another process in the place of the first: every push comes
/// once.
fn goes_on<R: Follows>(peer: Peer) {
    let Some(master) = peer.start(&["--repl-backlog-size", "4mb"]) else { return };
    let mut client = master.client();
    client.ok(&["SELECT", "3"]);
    client.ok(&["SET", "before", "1"]);
    let mut follow = R::with(address(&master), config());
    let (mut whole, mut errors, mut position) = (false, 0, None);
    let mut pushes: Vec<usize> = Vec::new();
    let mut take = |follow: &mut R| {
        let next = follow.next(|item| match item {
            Item::SnapshotEnd { .. } => whole = true,
            Item::Command { db, request, position: place, .. } => {
                assert_eq!(db, 3);
                pushes.push(number(&request[2]));
                position = place.or(position);
            }
            _ => {}
        });
        errors += usize::from(next.is_err());
        (whole, pushes.len(), position)
    };
    while !take(&mut follow).0 {}
    for round in 0..BREAKS {
        for n in round * PUSHES..(round + 1) * PUSHES {
            client.ok(&["RPUSH", "list", &n.to_string()]);
            if n % 10 == 0 {
                take(&mut follow);
            }
        }
        client.call(&["CLIENT", "KILL", "TYPE", "replica"]);
        if round == BREAKS / 2 {
            let position = follow.position().expect("a place");
            follow = R::with(address(&master), config());
            follow.resume_from(position);
        }
    }
    while take(&mut follow).1 < BREAKS * PUSHES {}
    assert_eq!(follow.position(), position);
    assert_eq!(pushes, (0..BREAKS * PUSHES).collect::<Vec<_>>(), "{master:?}");
    assert!(errors > 0);
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
}

fn number(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).parse().expect("a number")
}

/// Keys of a snapshot, and as many pushes beside it, of 100 KB each.
const KEYS: usize = 300;

/// A master with 30 MB of data that cuts a link for which it has to keep 1 MB.
fn strict_master(peer: Peer, args: &[&str], limit: &str) -> Option<(Server, Client, String)> {
    let limits = ["--client-output-buffer-limit", limit, "--repl-backlog-size", "2mb"];
    let master = peer.start(&[&limits[..], &["--rdbcompression", "no"], args].concat())?;
    let (mut client, value) = (master.client(), "v".repeat(100_000));
    for n in 0..KEYS {
        client.ok(&["SET", &format!("key{n}"), &value]);
    }
    Some((master, client, value))
}

/// Bytes of the stream that are still on the way when more is written.
const SLACK: u64 = 512 << 10;
const STRICT: &str = "replica 1mb 1mb 1";
const STOCK: &str = "replica 256mb 64mb 60";

fn spool(memory: usize, disk: u64) -> SpoolLimits {
    SpoolLimits { memory, disk, folder: None }
}

/// What was kept here at most, and what was said of it.
#[derive(Debug, Default)]
struct Seen {
    memory: usize,
    disk: u64,
    trouble: Option<String>,
}

/// Follows a master with the default settings, so slowly that for each key of the snapshot 100 KB are
/// written meanwhile: one snapshot, and every push once and in order.
fn follow_slowly<R: Follows>(
    (master, mut client, value): (Server, Client, String),
    limits: SpoolLimits,
) -> Seen {
    let mut follow = R::with(address(&master), config());
    follow.set_spool(limits);
    let (mut keys, mut written, mut starts, mut seen) = (0, 0, 0, Seen::default());
    let mut pushes = Vec::new();
    while pushes.len() < KEYS {
        let mut key = false;
        let next = follow.next(|item| match item {
            Item::SnapshotStart { .. } => starts += 1,
            Item::Snapshot { event: Event::Key(_), .. } => key = true,
            Item::Command { request, .. } if request.name().eq_ignore_ascii_case(b"RPUSH") => {
                pushes.push(number(&request[2]));
            }
            _ => {}
        });
        next.unwrap_or_else(|error| panic!("{master:?}: {error}, {written} written"));
        let status = follow.spool();
        (seen.memory, seen.disk) = (seen.memory.max(status.memory), seen.disk.max(status.disk));
        seen.trouble = seen.trouble.or(status.trouble);
        keys += usize::from(key);
        if key && written < KEYS {
            client.ok(&["RPUSH", "list", &written.to_string(), &value]);
            written += 1;
            // Faster than the machine is at the time is faster than the limit allows.
            let kept = |status: SpoolStatus| status.memory as u64 + status.disk + SLACK;
            wait_until("the stream to be read", PATIENCE, || {
                let status = follow.spool();
                status.trouble.is_some() || kept(status) > (written * value.len()) as u64
            });
        }
    }
    assert_eq!((starts, written), (1, KEYS), "{master:?}");
    assert!(keys >= KEYS, "{keys} keys");
    assert_eq!(pushes, (0..KEYS).collect::<Vec<_>>(), "{master:?}");
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
    seen
}

/// On one connection the master's limit would cut the link again and again: with the default settings
/// the snapshot comes once, and the stream waits here, most of it on disk.
fn a_strict_master<R: Follows>(peer: Peer, args: &[&str]) {
    let Some(master) = strict_master(peer, args, STRICT) else { return };
    let seen = follow_slowly::<R>(master, spool(1 << 20, 1 << 30));
    assert!(seen.disk > 10 << 20, "{seen:?}");
    // Of both connections, with what is read back, and a value that hangs over.
    assert!(seen.memory < 3 << 20, "{seen:?}");
    assert_eq!(seen.trouble, None);
}

/// A disk that is full to its limit: what exceeds it waits with the master, and nothing is lost.
fn a_full_disk<R: Follows>() {
    let Some(master) = strict_master(Peer::Redis70, &[], STOCK) else { return };
    let seen = follow_slowly::<R>(master, spool(1 << 20, 4 << 20));
    assert!(seen.disk <= 4 << 20 && seen.memory < 3 << 20, "{seen:?}");
    assert_eq!(seen.trouble.as_deref(), Some("4194304 bytes on disk are all that may be used"));
}

/// A disk that takes nothing: memory to its limit, then the master.
fn a_failing_disk<R: Follows>() {
    let Some(master) = strict_master(Peer::Redis70, &[], STOCK) else { return };
    let folder = Some(PathBuf::from("/there/is/no/such/folder"));
    let seen = follow_slowly::<R>(master, SpoolLimits { folder, ..spool(1 << 20, 1 << 30) });
    assert!(seen.disk == 0 && seen.memory < 3 << 20, "{seen:?}");
    let trouble = seen.trouble.expect("it is said");
    assert!(trouble.contains("/there/is/no/such/folder: "), "{trouble}");
}

/// A snapshot that nobody takes for longer than the master waits for a replica: the link stays, and
/// all of it comes in the end.
fn a_stalled_snapshot<R: Follows>(peer: Peer, args: &[&str]) {
    let args = [args, &["--repl-timeout", "8"]].concat();
    let Some((master, mut client, _)) = strict_master(peer, &args, STRICT) else { return };
    let mut follow = R::with(address(&master), config());
    follow.set_spool(spool(1 << 20, 1 << 30));
    while !follow
        .next(|item| matches!(item, Item::Snapshot { event: Event::Key(_), .. }))
        .expect("a key")
    {}
    let uptime = |client: &mut Client| client.info("uptime_in_seconds")?.parse::<u64>().ok();
    let began = uptime(&mut client).expect("a number");
    wait_until("the master's patience to be tried", PATIENCE, || {
        uptime(&mut client).is_some_and(|now| now >= began + 19)
    });
    let mut keys = 1;
    while !follow
        .next(|item| {
            keys += usize::from(matches!(item, Item::Snapshot { event: Event::Key(_), .. }));
            matches!(item, Item::SnapshotEnd { .. })
        })
        .unwrap_or_else(|error| panic!("{master:?}: {error}"))
    {}
    assert_eq!(keys, KEYS);
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
}

/// A history that is gone is an item, not an error, though the link is opened anew for it.
fn a_history_that_is_gone<R: Follows>(peer: Peer) {
    let Some(master) = peer.start(&["--repl-backlog-size", "16kb"]) else { return };
    let mut client = master.client();
    let mut follow = R::with(address(&master), config());
    while !follow.next(|item| matches!(item, Item::SnapshotEnd { .. })).expect("an item") {}
    let position = follow.position().expect("a place");
    drop(follow);
    for n in 0..100 {
        client.ok(&["SET", &n.to_string(), &"v".repeat(1000)]);
    }
    let mut follow = R::with(address(&master), config());
    follow.resume_from(position);
    let gone = |item: Item<'_>| matches!(item, Item::SnapshotStart { history_gone: true, .. });
    assert!(follow.next(gone).expect("a snapshot"), "{master:?}");
}

both! { Follow:
    a_history_that_is_gone_at_redis_70 => a_history_that_is_gone(Peer::Redis70),
    a_history_that_is_gone_at_valkey_91 => a_history_that_is_gone(Peer::Valkey91),
    goes_on_at_redis_70 => goes_on(Peer::Redis70),
    goes_on_at_redis_80 => goes_on(Peer::Redis80),
    goes_on_at_valkey_91 => goes_on(Peer::Valkey91),
    goes_on_at_redis_60 => goes_on(Peer::Redis60),
    goes_on_at_redis_62 => goes_on(Peer::Redis62),
    goes_on_at_redis_86 => goes_on(Peer::Redis86),
    goes_on_at_valkey_81 => goes_on(Peer::Valkey81),
    a_strict_redis_70 => a_strict_master(Peer::Redis70, &[]),
    a_strict_redis_80 => a_strict_master(Peer::Redis80, &[]),
    a_strict_redis_80_by_its_channel => a_strict_master(Peer::Redis80, &["--repl-rdb-channel", "yes"]),
    a_strict_redis_86 => a_strict_master(Peer::Redis86, &[]),
    a_strict_valkey_81 => a_strict_master(Peer::Valkey81, &[]),
    a_strict_valkey_91 => a_strict_master(Peer::Valkey91, &[]),
    a_strict_valkey_91_by_its_channel =>
        a_strict_master(Peer::Valkey91, &["--dual-channel-replication-enabled", "yes"]),
    the_limit_of_the_disk => a_full_disk(),
    a_disk_that_takes_nothing => a_failing_disk(),
    a_stalled_snapshot_of_redis_70 => a_stalled_snapshot(Peer::Redis70, &[]),
    a_stalled_snapshot_of_redis_80 =>
        a_stalled_snapshot(Peer::Redis80, &["--repl-rdb-channel", "yes"]),
    a_stalled_snapshot_of_valkey_91 =>
        a_stalled_snapshot(Peer::Valkey91, &["--dual-channel-replication-enabled", "yes"]),
}
