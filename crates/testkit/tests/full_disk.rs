//! Disks that are full in truth: a replica goes on as a real one does, says so, and loses nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Duration;

use redwire_testkit::{
    Client, Peer, Redwire, Server, Signal, assert_same_data, wait_caught_up, wait_until,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn number(server: &Server, field: &str) -> u64 {
    let text = server.client().info(field).unwrap_or_else(|| panic!("INFO has no {field}"));
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

fn set(key: &str, value: u8, len: usize) -> Vec<Vec<u8>> {
    vec![b"SET".to_vec(), key.as_bytes().to_vec(), vec![value; len]]
}

/// Fills what is left of a server's disk; the file to be removed again.
fn fill_disk(server: &Server) -> std::path::PathBuf {
    let path = server.on_disk("filler");
    let mut file = File::create(&path).expect("a file on the server's disk");
    while file.write_all(&[0; 4096]).is_ok() {}
    path
}

/// Overwrites three keys with so many megabytes.
fn write_megabytes(client: &mut Client, megabytes: u8) {
    for n in 0..megabytes {
        client.pipeline(&[set(&format!("large:{}", n % 3), n, 1 << 20)]);
    }
}

/// While the data set comes over two connections, more of the stream comes than memory and disk take.
/// The replica leaves the rest to its primary, as real ones do beyond their limit, and goes on when
/// it has loaded: with the same full sync, and in bounded memory.
fn the_disk_fills_while_the_data_set_comes(peer: Peer, options: &[&str]) {
    let Some(replica) = Redwire::start_on_small_disk(4, &["--repl-two-connections", "yes"]) else {
        return;
    };
    let slow = [&["--rdb-key-save-delay", "300"], options].concat();
    let Some(primary) = peer.start(&slow) else { return };
    let mut client = primary.client();
    client.pipeline(&(0..10_000).map(|n| set(&format!("bulk:{n}"), b'b', 100)).collect::<Vec<_>>());
    let before = number(&replica, "used_memory_rss");
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    let reason = "the disk does not take the stream that came meanwhile";
    wait_until("the disk to be full", PATIENCE, || {
        write_megabytes(&mut client, 1);
        replica.log().contains(reason)
    });
    write_megabytes(&mut client, 32);
    let kept = number(&replica, "replica_full_sync_buffer_size");
    assert!(number(&replica, "master_sync_in_progress") == 1, "too fast: {}", replica.log());
    assert!((8 << 20..=13 << 20).contains(&kept), "{kept} bytes kept");
    let grown = number(&replica, "used_memory_rss").saturating_sub(before);
    assert!(grown < 24 << 20, "{grown} bytes more");
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
    let log = replica.log();
    assert_eq!(log.matches(reason).count(), 1, "{log}");
    assert_eq!(log.matches("sync: receiving").count(), 1, "{log}");
}

#[test]
fn redis_70() {
    the_disk_fills_while_the_data_set_comes(Peer::Redis70, &[]);
}

#[test]
fn redis_80() {
    the_disk_fills_while_the_data_set_comes(Peer::Redis80, &["--repl-rdb-channel", "yes"]);
}

#[test]
fn valkey_91() {
    let options = ["--dual-channel-replication-enabled", "yes"];
    the_disk_fills_while_the_data_set_comes(Peer::Valkey91, &options);
}

/// The disk is full on which a replica would keep the stream: it follows all the same, its own replica
/// is judged by what memory holds, and the disk is used as soon as it takes something.
#[test]
fn the_disk_of_a_replica_with_a_replica_is_full() {
    let Some(primary) = Peer::Redis70.start(&[]) else { return };
    let options = [
        ["--save", "3600 1000000"],
        ["--repl-backlog-size", "16kb"],
        ["--repl-backlog-memory", "4mb"],
        ["--client-output-buffer-limit", "replica 8mb 0 0"],
    ];
    let Some(middle) = Redwire::start_on_small_disk(16, &options.concat()) else { return };
    let Some(bottom) = Peer::Redis70.start(&[]) else { return };
    let filler = fill_disk(&middle);
    middle.follow(&primary);
    bottom.follow(&middle);
    let mut client = primary.client();
    write_megabytes(&mut client, 3);
    wait_caught_up(&primary, &bottom);

    let before = number(&middle, "used_memory_rss");
    bottom.signal(Signal::STOP);
    write_megabytes(&mut client, 32);
    wait_until("the replica's replica to be cut", PATIENCE, || {
        middle.log().contains("overcoming of output buffer limits")
    });
    wait_caught_up(&primary, &middle);
    assert_same_data(&primary, &middle);
    assert_eq!(number(&middle, "redwire_repl_spill_failing"), 1);
    let grown = number(&middle, "used_memory_rss").saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    assert!(middle.client().call(&["SAVE"]).is_error());
    assert_eq!(middle.client().ok(&["GET", "large:0"]).bytes().map(<[u8]>::len), Some(1 << 20));

    fs::remove_file(filler).expect("remove the filler");
    wait_until("the disk to be used again", PATIENCE, || {
        middle.log().contains("segments can be written again")
    });
    bottom.signal(Signal::CONT);
    write_megabytes(&mut client, 1);
    wait_caught_up(&primary, &bottom);
    assert_same_data(&primary, &bottom);
    middle.client().ok(&["SAVE"]);
    let log = middle.log();
    assert_eq!(log.matches("Can't write the backlog's segments").count(), 1, "{log}");
    assert_eq!(log.matches("sync: Finished with success").count(), 1, "{log}");
}

/// What a slow replica has not taken of a data set goes to disk; where that takes nothing the snapshot
/// waits for the replica, as in real servers, and is not gathered in memory.
#[test]
fn a_snapshot_waits_for_a_slow_replica() {
    let Some(primary) = Redwire::start_on_small_disk(1, &["--rdbcompression", "no"]) else {
        return;
    };
    let slow = ["--repl-diskless-load", "swapdb", "--key-load-delay", "20000"];
    let Some(replica) = Peer::Redis70.start(&slow) else { return };
    fill_disk(&primary);
    let mut client = primary.client();
    for n in 0..64 {
        client.pipeline(&[set(&format!("large:{n}"), n, 1 << 20)]);
    }
    let before = number(&primary, "used_memory_rss");
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    let mut most = 0;
    wait_until("the full sync to end", PATIENCE, || {
        // What is written meanwhile is not held up.
        client.ok(&["SET", "small", "1"]);
        most = most.max(number(&primary, "used_memory_rss").saturating_sub(before));
        primary.log().contains("Background RDB transfer terminated with success")
    });
    assert!(most < 20 << 20, "{most} bytes more: {}", primary.log());
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
    assert_eq!(number(&primary, "sync_full"), 1);
}

/// A replica that goes away meanwhile takes the snapshot with it.
#[test]
fn a_snapshot_that_nobody_waits_for_ends() {
    let Some(primary) = Redwire::start_on_small_disk(1, &["--rdbcompression", "no"]) else {
        return;
    };
    fill_disk(&primary);
    let mut client = primary.client();
    for n in 0..64 {
        client.pipeline(&[set(&format!("large:{n}"), n, 1 << 20)]);
    }
    let Some(mut replica) = Peer::Redis70.start(&[]) else { return };
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    wait_until("the full sync to begin", PATIENCE, || {
        primary.log().contains("Background RDB transfer started")
    });
    replica.kill();
    let snapshot_threads = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", primary.pid())).expect("threads");
        // One that ends meanwhile has no name any more.
        let names = tasks.filter_map(|it| fs::read_to_string(it.ok()?.path().join("comm")).ok());
        names.filter(|name| name.trim_end() == "snapshot").count()
    };
    wait_until("the snapshot's thread to end", PATIENCE, || {
        number(&primary, "rdb_bgsave_in_progress") == 0 && number(&primary, "connected_slaves") == 0
    });
    let Some(other) = Peer::Redis70.start(&[]) else { return };
    other.follow(&primary);
    assert_same_data(&primary, &other);
    wait_until("all threads of snapshots to be gone", PATIENCE, || snapshot_threads() == 0);
}
