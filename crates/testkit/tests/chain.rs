//! A real master, redwire as its replica, a real replica of redwire: both real ends hold the same
//! data after the full syncs and after a live stream.

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{
    Peer, Redwire, Server, assert_same_data, assert_same_groups, wait_caught_up,
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
