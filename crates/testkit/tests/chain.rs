//! A real master, redwire as its replica, a real replica of redwire: both real ends hold the same
//! data after the full syncs and after a live stream.

use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{
    Client, Command, Peer, Redwire, Server, assert_same_data, assert_same_fields,
    assert_same_groups, wait_caught_up, wait_until,
};

/// Random writes after the full syncs.
const WRITES: usize = 50_000;

struct Chain {
    master: Server,
    redwire: Server,
    replica: Server,
}

impl Chain {
    /// The three servers, not yet linked; none when the peer is missing.
    fn start(peer: Peer, redwire_args: &[&str]) -> Option<Chain> {
        let (master, replica) = (peer.start(&[])?, peer.start(&[])?);
        Some(Chain { master, redwire: Redwire::start(redwire_args), replica })
    }

    fn assert_equal_ends(&self) {
        wait_caught_up(&self.master, &self.replica);
        assert_same_data(&self.master, &self.replica);
        assert_same_groups(&self.master, &self.replica);
    }

    fn assert_equal_fields(&self) {
        self.assert_equal_ends();
        assert_same_fields(&self.master, &self.replica);
        assert_same_fields(&self.master, &self.redwire);
    }
}

/// The data set by full syncs, then live writes.
fn full_sync_then_stream(peer: Peer, redwire_args: &[&str]) {
    let Some(chain) = Chain::start(peer, redwire_args) else { return };
    let mut master = chain.master.client();
    master.pipeline(&dataset(seed(1)));
    chain.redwire.follow(&chain.master);
    chain.replica.follow(&chain.redwire);
    chain.assert_equal_ends();

    let before = master.digest();
    master.pipeline(&Workload::new(seed(2)).recent().writes(WRITES));
    assert_ne!(master.digest(), before);
    chain.assert_equal_ends();
}

/// Both full syncs run while the master is being written to: what a snapshot leaves out must come
/// by the stream, once.
fn full_syncs_under_writes(peer: Peer) {
    let Some(chain) = Chain::start(peer, &[]) else { return };
    let mut master = chain.master.client();
    master.pipeline(&dataset(seed(3)));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut workload = Workload::new(seed(4)).recent();
            // Ends when the other side of the channel is dropped.
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                master.pipeline(&workload.writes(200));
            }
        });
        // Dropped at the end, by a panic too.
        let _stop = stop;
        chain.redwire.follow(&chain.master);
        chain.replica.follow(&chain.redwire);
    });
    chain.assert_equal_ends();
}

/// A data set that is emptied on the way, twice over.
fn emptied(peer: Peer) {
    let Some(chain) = Chain::start(peer, &[]) else { return };
    let mut master = chain.master.client();
    master.pipeline(&dataset(seed(5)));
    chain.redwire.follow(&chain.master);
    chain.replica.follow(&chain.redwire);
    for flush in ["FLUSHDB", "FLUSHALL", "FLUSHALL"] {
        master.ok(&[flush]);
        chain.assert_equal_ends();
    }
    master.pipeline(&Workload::new(seed(6)).recent().writes(1000));
    chain.assert_equal_ends();
}

/// Fields that expire, far in the future and soon: by the full syncs, then live. No server on the way
/// lets any go but by the master's word.
fn fields_expire(peer: Peer, redwire_args: &[&str]) {
    let Some(chain) = Chain::start(peer, redwire_args) else { return };
    let mut master = chain.master.client();
    // Redis 8.0 sends HSET for it, and its replicas lose the field's expiry.
    let is_sound = |it: &Command| peer != Peer::Redis80 || it[0] != b"HINCRBYFLOAT";
    let writes = |own: u64, count: usize| -> Vec<Command> {
        let mut workload = Workload::new(seed(own)).field_expiry();
        workload.writes(count).into_iter().filter(is_sound).collect()
    };
    master.pipeline(&dataset(seed(7)));
    master.pipeline(&writes(8, 5000));
    chain.redwire.follow(&chain.master);
    chain.replica.follow(&chain.redwire);
    chain.assert_equal_fields();

    master.pipeline(&writes(9, WRITES));
    chain.assert_equal_fields();

    let expired = |client: &mut Client| {
        let count = ["expired_subkeys", "expired_fields"].iter().find_map(|it| client.info(it));
        count.and_then(|count| count.parse::<usize>().ok()).expect("a count of expired fields")
    };
    let before = expired(&mut master);
    master.ok(&["SELECT", "1"]);
    for hash in 0..20 {
        let (key, ms) = (format!("short:{hash}"), (1 + hash * 9).to_string());
        master.ok(&["HSETEX", &key, "PX", &ms, "FIELDS", "3", "a", "1", "b", "2", "c", "3"]);
        master.ok(&["HSET", &key, "d", "4"]);
    }
    wait_until("fields to expire at the master", Duration::from_secs(60), || {
        expired(&mut master) - before >= 60
    });
    chain.assert_equal_fields();
    let mut redwire = chain.redwire.client();
    redwire.ok(&["SELECT", "1"]);
    assert_eq!(redwire.ok(&["HGETALL", "short:7"]).elements().len(), 2);
}

#[test]
fn fields_expire_redis_80() {
    fields_expire(Peer::Redis80, &[]);
}

#[test]
fn fields_expire_redis_86() {
    fields_expire(Peer::Redis86, &[]);
}

#[test]
fn fields_expire_valkey_91() {
    fields_expire(Peer::Valkey91, &[]);
}

#[test]
fn fields_expire_valkey_91_through_files() {
    fields_expire(Peer::Valkey91, &["--repl-diskless-sync", "no"]);
}

#[test]
fn redis_70() {
    full_sync_then_stream(Peer::Redis70, &[]);
}

#[test]
fn redis_80() {
    full_sync_then_stream(Peer::Redis80, &[]);
}

#[test]
fn valkey_91() {
    full_sync_then_stream(Peer::Valkey91, &[]);
}

/// The form of the target that other peers do not read: ziplists, the oldest streams.
#[test]
fn redis_60() {
    full_sync_then_stream(Peer::Redis60, &[]);
}

#[test]
fn redis_86() {
    full_sync_then_stream(Peer::Redis86, &[]);
}

#[test]
fn valkey_81() {
    full_sync_then_stream(Peer::Valkey81, &[]);
}

#[test]
fn redis_70_through_files() {
    full_sync_then_stream(Peer::Redis70, &["--repl-diskless-sync", "no", "--rdbcompression", "no"]);
}

#[test]
fn redis_70_under_writes() {
    full_syncs_under_writes(Peer::Redis70);
}

#[test]
fn redis_80_under_writes() {
    full_syncs_under_writes(Peer::Redis80);
}

#[test]
fn valkey_91_under_writes() {
    full_syncs_under_writes(Peer::Valkey91);
}

#[test]
fn redis_70_emptied() {
    emptied(Peer::Redis70);
}
