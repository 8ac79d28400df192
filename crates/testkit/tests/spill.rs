//! The replication stream beyond memory: a replica that lags reads from disk, and is not cut.

use std::time::Duration;

use redwire_testkit::{
    Client, Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until,
};
use rustix::process::Signal;

/// Bytes of a value.
const VALUE: usize = 16 << 10;

/// Overwrites a few keys with so many megabytes in all.
fn write_megabytes(client: &mut Client, megabytes: usize) {
    let per_batch = 64;
    for batch in 0..megabytes * (1 << 20) / VALUE / per_batch {
        let commands: Vec<_> = (0..per_batch)
            .map(|number| {
                let value = vec![b'a' + (batch % 26) as u8; VALUE];
                vec![b"SET".to_vec(), format!("hot:{number}").into_bytes(), value]
            })
            .collect();
        client.pipeline(&commands);
    }
}

fn number(server: &Server, field: &str) -> u64 {
    let text = server.client().info(field).unwrap_or_else(|| panic!("INFO has no {field}"));
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

fn resident(server: &Server) -> u64 {
    number(server, "used_memory_rss")
}

/// A replica stands still while twice its output limit is written: it is not cut, the primary holds
/// a budget of memory, and it reads on when it goes on.
fn a_stalled_replica_is_kept(peer: Peer) {
    let Some(replica) = peer.start(&[]) else { return };
    let limit = "replica 64mb 48mb 5";
    let options = ["--repl-backlog-memory", "4mb", "--client-output-buffer-limit", limit];
    let redwire = Redwire::start(&options);
    replica.follow(&redwire);
    let mut client = redwire.client();
    write_megabytes(&mut client, 4);
    wait_caught_up(&redwire, &replica);
    let before = resident(&redwire);
    replica.signal(Signal::STOP);
    for _ in 0..4 {
        // No more at a time than the limit allows, however slow the disk may be today.
        write_megabytes(&mut client, 32);
        wait_until("the stream to be on disk", Duration::from_secs(30), || {
            number(&redwire, "redwire_repl_memory") <= 6 << 20
        });
    }
    assert!(number(&redwire, "redwire_repl_spill_bytes") > 115 << 20);
    // What is on disk is no memory, and no reason to evict fewer keys.
    for field in ["mem_clients_slaves", "mem_not_counted_for_evict"] {
        let bytes = number(&redwire, field);
        assert!(bytes <= 6 << 20, "{field}: {bytes}");
    }
    let grown = resident(&redwire).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    assert_eq!(number(&redwire, "connected_slaves"), 1);
    replica.signal(Signal::CONT);
    wait_caught_up(&redwire, &replica);
    assert_same_data(&redwire, &replica);
    assert_eq!(number(&redwire, "sync_full"), 1);
    assert!(number(&redwire, "redwire_repl_spill_fetched_segments") > 100);
}

#[test]
fn redis_70() {
    a_stalled_replica_is_kept(Peer::Redis70);
}

#[test]
fn valkey_91() {
    a_stalled_replica_is_kept(Peer::Valkey91);
}

/// A replica that was away for longer than memory reaches back goes on from disk.
#[test]
fn a_partial_resync_from_disk() {
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let redwire = Redwire::start(&["--repl-backlog-size", "64mb", "--repl-backlog-memory", "4mb"]);
    replica.follow(&redwire);
    replica.client().ok(&["REPLICAOF", "127.0.0.1", "1"]);
    wait_until("the link to be down", Duration::from_secs(10), || {
        number(&redwire, "connected_slaves") == 0
    });
    write_megabytes(&mut redwire.client(), 48);
    replica.follow(&redwire);
    wait_caught_up(&redwire, &replica);
    assert_same_data(&redwire, &replica);
    assert_eq!((number(&redwire, "sync_full"), number(&redwire, "sync_partial_ok")), (1, 1));
}

/// Where the disk takes nothing, the output limit holds as it does in Redis.
#[test]
fn without_a_disk_the_limit_cuts() {
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let limit = "replica 16mb 0 0";
    let options = ["--repl-backlog-memory", "4mb", "--client-output-buffer-limit", limit];
    let redwire = Redwire::start(&options);
    // A file stands where the folder should be.
    std::fs::write(redwire.dir().join("dump.rdb.backlog"), "").unwrap();
    replica.follow(&redwire);
    replica.signal(Signal::STOP);
    write_megabytes(&mut redwire.client(), 64);
    wait_until("the replica to be cut", Duration::from_secs(30), || {
        number(&redwire, "connected_slaves") == 0
    });
    let log = redwire.log();
    assert_eq!(log.matches("Can't write the backlog's segments").count(), 1, "{log}");
    assert!(log.contains("overcoming of output buffer limits"), "{log}");
    replica.signal(Signal::CONT);
    wait_caught_up(&redwire, &replica);
    assert_same_data(&redwire, &replica);
}

/// On a disk that takes 5 MB a second, by whatever policy it is synced, writes wait for it: memory
/// keeps its budget at all times, and nobody is cut.
#[test]
fn writes_wait_for_a_slow_disk() {
    for fsync in ["no", "everysec", "always"] {
        let options = ["--repl-backlog-memory", "4mb", "--repl-backlog-fsync", fsync];
        let (redwire, replica) = (Redwire::start(&options), Redwire::start(&[]));
        replica.follow(&redwire);
        wait_caught_up(&redwire, &replica);
        replica.signal(Signal::STOP);
        redwire.client().ok(&["DEBUG", "SEGMENT-DELAY", "0.2"]);
        let mut client = redwire.client();
        for _ in 0..16 {
            write_megabytes(&mut client, 1);
            let memory = number(&redwire, "redwire_repl_memory");
            assert!(memory <= (4 << 20) + (128 << 10), "{fsync}: {memory} bytes");
        }
        assert!(number(&redwire, "redwire_repl_spill_waited_ms") > 0, "{fsync}");
        client.ok(&["DEBUG", "SEGMENT-DELAY", "0"]);
        replica.signal(Signal::CONT);
        wait_caught_up(&redwire, &replica);
        assert_same_data(&redwire, &replica);
        assert_eq!(number(&redwire, "sync_full"), 1);
    }
}

/// A node that passes its primary's stream on reads no more of it than the disk takes for its own
/// replica.
#[test]
fn the_primarys_stream_waits_for_a_slow_disk() {
    let (top, replica) = (Redwire::start(&[]), Redwire::start(&[]));
    let middle = Redwire::start(&["--repl-backlog-memory", "4mb"]);
    middle.follow(&top);
    wait_caught_up(&top, &middle);
    replica.follow(&middle);
    wait_caught_up(&top, &replica);
    replica.signal(Signal::STOP);
    middle.client().ok(&["DEBUG", "SEGMENT-DELAY", "0.2"]);
    let mut client = top.client();
    for _ in 0..16 {
        write_megabytes(&mut client, 1);
        let memory = number(&middle, "redwire_repl_memory");
        assert!(memory <= (4 << 20) + (512 << 10), "{memory} bytes");
    }
    wait_caught_up(&top, &middle);
    assert!(number(&middle, "redwire_repl_spill_waited_ms") > 0);
    replica.signal(Signal::CONT);
    wait_caught_up(&top, &replica);
    assert_same_data(&top, &replica);
    assert_eq!((number(&top, "sync_full"), number(&middle, "sync_full")), (1, 1));
}

/// A disk that hangs is waited for a few seconds, and only by writes. Then the output limit cuts the
/// replica; and when the disk goes on, so does all else.
#[test]
fn a_disk_that_hangs_holds_nobody_up_for_long() {
    let limit = "replica 16mb 0 0";
    let options = ["--repl-backlog-memory", "4mb", "--client-output-buffer-limit", limit];
    let (redwire, replica) = (Redwire::start(&options), Redwire::start(&[]));
    replica.follow(&redwire);
    wait_caught_up(&redwire, &replica);
    replica.signal(Signal::STOP);
    redwire.client().ok(&["DEBUG", "SEGMENT-DELAY", "8"]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_megabytes(&mut redwire.client(), 32));
        wait_until("writes to wait", Duration::from_secs(10), || {
            number(&redwire, "redwire_repl_memory") > 4 << 20
        });
        redwire.client().ok(&["GET", "hot:0"]);
        assert!(!writer.is_finished());
        redwire.client().ok(&["DEBUG", "SEGMENT-DELAY", "0"]);
    });
    // The last write may be answered in the turn that makes the output too long.
    wait_until("the replica to be cut", Duration::from_secs(10), || {
        redwire.log().contains("overcoming of output buffer limits")
    });
    let log = redwire.log();
    assert_eq!(log.matches("The disk takes too long").count(), 1, "{log}");
    wait_until("the disk to go on", Duration::from_secs(20), || {
        redwire.log().contains("are written again")
    });
    replica.signal(Signal::CONT);
    wait_caught_up(&redwire, &replica);
    assert_same_data(&redwire, &replica);
}
