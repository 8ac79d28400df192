//! Disks that hang in a full sync (`DEBUG DISK-DELAY`): the server serves all the same, and nothing is
//! lost when the disk goes on, or does not.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::time::Duration;

use redwire_testkit::{
    Client, Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds that no test takes.
const FOR_EVER: &str = "1000";

fn number(server: &Server, field: &str) -> u64 {
    let text = server.client().info(field).unwrap_or_else(|| panic!("INFO has no {field}"));
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

fn set(key: &str, value: u8, len: usize) -> Vec<Vec<u8>> {
    vec![b"SET".to_vec(), key.as_bytes().to_vec(), vec![value; len]]
}

/// Overwrites three keys with so many megabytes.
fn write_megabytes(client: &mut Client, megabytes: u8) {
    for n in 0..megabytes {
        client.pipeline(&[set(&format!("large:{}", n % 3), n, 1 << 20)]);
    }
}

fn delay(server: &Server, seconds: &str) {
    server.client().ok(&["DEBUG", "DISK-DELAY", seconds]);
}

/// A server serves: it would take for ever if it waited for its disk.
fn serves(server: &Server, key: &str) {
    let mut client = server.client();
    client.ok(&["PING"]);
    assert!(client.ok(&["GET", key]).bytes().is_some(), "{key} is gone");
}

/// A primary that takes some ten seconds for a snapshot, and a replica of it with data of its own.
fn slow_primary(peer: Peer, options: &[&str]) -> Option<Server> {
    let slow = ["--rdb-key-save-delay", "1000", "--repl-backlog-size", "64mb"];
    let primary = peer.start(&[&slow, options].concat())?;
    let keys: Vec<_> = (0..12_000).map(|n| set(&format!("bulk:{n}"), b'b', 100)).collect();
    primary.client().pipeline(&keys);
    Some(primary)
}

fn full_syncs(replica: &Server) -> usize {
    replica.log().matches("sync: receiving").count()
}

/// What of the stream is to go to disk while the data set comes does not: no more is read than memory
/// holds.
fn writes_hang(peer: Peer, options: &[&str]) {
    let Some(primary) = slow_primary(peer, options) else { return };
    let replica = Redwire::start(&["--repl-two-connections", "yes"]);
    replica.client().ok(&["SET", "stale", "1"]);
    delay(&replica, FOR_EVER);
    let before = number(&replica, "used_memory_rss");
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    let mut client = primary.client();
    wait_until("the stream to be kept", PATIENCE, || {
        client.pipeline(&[set("small", 1, 1000)]);
        number(&replica, "replica_full_sync_buffer_size") > 0
    });
    write_megabytes(&mut client, 24);
    wait_until("the disk's silence to be said", PATIENCE, || {
        serves(&replica, "stale");
        replica.log().contains("the disk takes too long to take the stream")
    });
    let kept = number(&replica, "replica_full_sync_buffer_size");
    assert!((11 << 20..=13 << 20).contains(&kept), "{kept} bytes kept");
    let grown = number(&replica, "used_memory_rss").saturating_sub(before);
    assert!(grown < 28 << 20, "{grown} bytes more");
    assert_eq!(number(&replica, "master_sync_in_progress"), 1, "too fast: {}", replica.log());
    delay(&replica, "0");
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
    assert_eq!(full_syncs(&replica), 1);
}

#[test]
fn writes_hang_redis_70() {
    writes_hang(Peer::Redis70, &[]);
}

#[test]
fn writes_hang_redis_80() {
    writes_hang(Peer::Redis80, &["--repl-rdb-channel", "yes"]);
}

#[test]
fn writes_hang_valkey_91() {
    writes_hang(Peer::Valkey91, &["--dual-channel-replication-enabled", "yes"]);
}

/// A replica that has the data set, and on a disk that hangs the stream that came meanwhile.
fn reads_hang(options: &[&str]) -> Option<(Server, Server)> {
    let primary = slow_primary(Peer::Redis70, &["--repl-ping-replica-period", "1"])?;
    let replica = Redwire::start(&[&["--repl-two-connections", "yes"], options].concat());
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    let mut client = primary.client();
    wait_until("the stream to be kept", PATIENCE, || {
        client.pipeline(&[set("small", 1, 1000)]);
        number(&replica, "replica_full_sync_buffer_size") > 0
    });
    write_megabytes(&mut client, 24);
    wait_until("the stream to be on disk", PATIENCE, || {
        let in_memory = number(&replica, "mem_replica_full_sync_buffer");
        number(&replica, "replica_full_sync_buffer_size") > 24 << 20 && in_memory <= 8 << 20
    });
    delay(&replica, FOR_EVER);
    let log = replica.log();
    assert!(!log.contains("Finished with success"), "too fast: {log}");
    wait_until("the data set to be there", PATIENCE, || {
        replica.log().contains("Finished with success")
    });
    wait_until("the disk's silence to be said", PATIENCE, || {
        serves(&replica, "bulk:1");
        replica.log().contains("the disk takes too long to give back the stream")
    });
    Some((primary, replica))
}

#[test]
fn the_stream_comes_when_the_disk_goes_on() {
    let Some((primary, replica)) = reads_hang(&[]) else { return };
    delay(&replica, "0");
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
    assert_eq!(full_syncs(&replica), 1);
}

/// One that hangs longer than `repl-timeout` is given up with what it has, which is asked for anew.
#[test]
fn a_disk_that_does_not_go_on_is_given_up() {
    let Some((primary, replica)) = reads_hang(&["--repl-timeout", "8"]) else { return };
    wait_until("the disk to be given up", PATIENCE, || {
        serves(&replica, "bulk:1");
        replica.log().contains("stream unreadable: the disk has not answered for 8 seconds")
    });
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
    assert!(replica.log().contains("Successful partial resynchronization"), "{}", replica.log());
    assert_eq!(full_syncs(&replica), 1);
}

/// The primary's disk goes on, and the replica has all of that one full sync.
fn goes_on(primary: &Server, replica: &Server) {
    delay(primary, "0");
    wait_caught_up(primary, replica);
    assert_same_data(primary, replica);
    assert_eq!(number(primary, "sync_full"), 1);
}

/// A primary whose snapshot goes to disk, as its replica takes it slowly.
#[test]
fn a_snapshot_for_a_slow_replica() {
    let slow = ["--repl-diskless-load", "swapdb", "--key-load-delay", "20000"];
    let Some(replica) = Peer::Redis70.start(&slow) else { return };
    let primary = Redwire::start(&["--rdbcompression", "no"]);
    let mut client = primary.client();
    for n in 0..64 {
        client.pipeline(&[set(&format!("large:{n}"), n, 1 << 20)]);
    }
    delay(&primary, FOR_EVER);
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    wait_until("what memory holds to be sent", PATIENCE, || {
        serves(&primary, "large:1");
        client.ok(&["SET", "small", "1"]);
        number(&replica, "used_memory") > 4 << 20
    });
    assert_eq!(number(&primary, "rdb_bgsave_in_progress"), 1, "{}", primary.log());
    goes_on(&primary, &replica);
}

/// A primary that reads the file that it has saved for its replica.
#[test]
fn a_snapshot_in_a_file() {
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let primary = Redwire::start(&["--repl-diskless-sync", "no", "--rdbcompression", "no"]);
    let mut client = primary.client();
    for n in 0..8 {
        client.pipeline(&[set(&format!("large:{n}"), n, 1 << 20)]);
    }
    delay(&primary, FOR_EVER);
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    wait_until("the file to be there", PATIENCE, || primary.log().contains("DB saved on disk"));
    for _ in 0..3 {
        serves(&primary, "large:1");
    }
    client.ok(&["SET", "small", "1"]);
    assert_eq!(number(&replica, "master_sync_in_progress"), 1, "{}", primary.log());
    goes_on(&primary, &replica);
}

/// A pipe that nobody reads is a file that hangs: the server serves, and the lines come when it goes on.
#[test]
fn a_log_file_that_hangs() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("run mkfifo");
    assert!(made.success());
    let open = || File::options().read(true).write(true).open(&pipe).expect("open the pipe");
    let reader = open();
    let path = pipe.to_str().expect("a path in ASCII");
    let server = Redwire::start_in(folder.path(), &["--logfile", path]).expect("it starts");
    drop(reader);
    let mut client = server.client();
    client.ok(&["SET", "key", "value"]);
    for number in 0..100 {
        client.ok(&["DEBUG", "LOG", &format!("line {number}")]);
        serves(&server, "key");
    }
    let mut lines = BufReader::new(open()).lines().map(|line| line.expect("a line"));
    for number in 0..100 {
        let text = format!("DEBUG LOG: line {number}");
        lines.find(|line| line.ends_with(&text)).expect("the next line");
    }
    // What it logs at its end has a reader, too.
    drop(server);
    fs::remove_file(pipe).expect("remove the pipe");
}
