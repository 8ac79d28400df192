//! Both ends of PSYNC against each other, on virtual time.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of #[test] functions")]

mod disk;
mod node;
#[path = "../shared/mod.rs"]
mod shared;
mod world;

use std::time::Duration;

use proptest::prelude::*;
use redwire_repl::{
    DisconnectReason, Error, LinkState, PrimaryConfig, ReplId, ReplicaPhase, SpillConfig,
};

use shared::schedules;
use world::{Wire, World};

const SECOND: Duration = Duration::from_secs(1);

fn config(diskless: bool) -> PrimaryConfig {
    PrimaryConfig { diskless, diskless_delay: SECOND, backlog_size: 16 << 10, ..Default::default() }
}

/// A full sync with a write in its midst, a stream over two databases, an ACK that was asked for.
fn first_sync(diskless: bool, wire: Wire) -> World {
    let mut world = World::with_replicas(config(diskless), 1);
    world.wire = wire;
    world.write(0, b"before");
    world.write_in_sync = Some(b"in the midst".to_vec());
    world.run(3 * SECOND);
    world.write(0, b"after");
    world.write(7, b"elsewhere");
    world.transaction(7, &[b"one", b"two"]);
    world.primary.request_acks();
    world.run(2 * SECOND);
    world
}

#[test]
fn a_full_sync_survives_every_split_of_the_input() {
    for diskless in [true, false] {
        let mut whole = first_sync(diskless, Wire::Whole);
        whole.assert_converged();
        let total = whole.nodes[0].link.as_ref().unwrap().delivered;
        let splits = (0..=total).map(Wire::Split).chain([Wire::Bytes]);
        for wire in splits {
            let mut world = first_sync(diskless, wire);
            world.assert_converged();
            assert_eq!((world.nodes[0].full_syncs, world.nodes[0].continues), (1, 0));
        }
    }
}

#[test]
fn a_link_that_breaks_at_any_byte_goes_on_without_loss_or_repetition() {
    for diskless in [true, false] {
        let whole = first_sync(diskless, Wire::Whole);
        let total = whole.nodes[0].link.as_ref().unwrap().delivered;
        for at in 1..=total {
            let mut world = first_sync(diskless, Wire::CutAt(at));
            world.write(3, b"much later");
            world.run(20 * SECOND);
            world.assert_converged();
            let node = &world.nodes[0];
            assert_eq!(node.loads, 1, "cut at {at}");
            assert!(node.full_syncs + node.continues <= 2, "cut at {at}");
        }
    }
}

#[test]
fn a_marker_inside_the_data_ends_nothing() {
    let mut world = World::with_replicas(config(true), 1);
    for drawn in 1..=9 {
        // Whatever the primary draws for its marker, a value holds it.
        let mut seed = [drawn; 20];
        seed[0] = 0;
        world.write(0, ReplId::from_random(seed).as_bytes());
    }
    world.run(5 * SECOND);
    world.assert_converged();
    assert_eq!(world.nodes[0].data.writes.len(), 9);
}

#[test]
fn replicas_that_wait_share_one_snapshot() {
    for diskless in [true, false] {
        let mut world = World::with_replicas(config(diskless), 3);
        world.write_in_sync = Some(b"in the midst".to_vec());
        world.run(10 * SECOND);
        world.assert_converged();
        // Sent by length, it starts with the first replica, and the others may come too late.
        assert!(world.snapshots == 1 || !diskless, "{} snapshots", world.snapshots);
    }
}

#[test]
fn an_idle_link_lives_by_pings_and_acks() {
    let mut world = World::with_replicas(config(true), 1);
    world.run(5 * SECOND);
    let before = world.primary.offset().get();
    world.run(3600 * SECOND);
    let pings = (world.primary.offset().get() - before) / b"*1\r\n$4\r\nping\r\n".len() as u64;
    assert_eq!(pings, 360);
    let view = world.primary.replicas(world.now).next().unwrap();
    assert_eq!((view.state, view.port, view.unread), (LinkState::Online, 6379, 0));
    assert!(view.lag <= 1);
    assert_eq!(world.primary.good_replicas(SECOND, world.now), 1);
    let status = world.nodes[0].replica.status(world.now);
    assert_eq!((status.phase, status.uptime.down_for), (ReplicaPhase::Connected, None));
    assert_eq!(status.applied, world.primary.offset());
    world.assert_converged();
    assert_eq!(world.nodes[0].full_syncs + world.nodes[0].continues, 1);
}

#[test]
fn silence_ends_a_link_at_both_ends_and_its_end_is_found_again() {
    let mut world = World::with_replicas(config(true), 1);
    world.run(5 * SECOND);
    world.frozen = true;
    world.run(54 * SECOND);
    assert!(world.nodes[0].errors.is_empty());
    world.run(10 * SECOND);
    let node = &world.nodes[0];
    assert!(matches!(node.errors[..], [Error::Timeout { .. }]), "{:?}", node.errors);
    assert_eq!(world.primary.replicas(world.now).count(), 0, "{}", DisconnectReason::StreamTimeout);
    world.frozen = false;
    world.write(0, b"meanwhile");
    world.run(200 * SECOND);
    world.assert_converged();
    assert_eq!((world.nodes[0].full_syncs, world.nodes[0].continues), (1, 1));
}

#[test]
fn a_replica_that_was_away_too_long_gets_the_whole_data_set() {
    for (kilobytes, full_syncs) in [(10, 1), (40, 2)] {
        let mut world = World::with_replicas(config(true), 1);
        world.run(5 * SECOND);
        world.break_link(0);
        for _ in 0..kilobytes {
            world.write(2, &[b'x'; 1000]);
        }
        world.run(10 * SECOND);
        world.assert_converged();
        assert_eq!(world.nodes[0].full_syncs, full_syncs, "after {kilobytes} kB");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(u32, usize),
    Transaction(u32, usize),
    Break(usize),
    Run(u64),
    GetAck,
    Piecemeal(bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..3u32, 0..3000usize).prop_map(|(db, len)| Op::Write(db, len)),
        1 => (0..3u32, 0..50usize).prop_map(|(db, len)| Op::Transaction(db, len)),
        2 => (0..2usize).prop_map(Op::Break),
        3 => (0..5000u64).prop_map(Op::Run),
        1 => Just(Op::GetAck),
        1 => any::<bool>().prop_map(Op::Piecemeal),
    ]
}

fn run(world: &mut World, op: Op) {
    match op {
        Op::Write(db, len) => {
            let value = world.value(len);
            world.write(db, &value);
        }
        Op::Transaction(db, len) => {
            let values = [world.value(3), world.value(len)];
            world.transaction(db, &values.each_ref().map(Vec::as_slice));
        }
        Op::Break(index) => world.break_link(index),
        Op::Run(ms) => world.run(Duration::from_millis(ms)),
        Op::GetAck => world.primary.request_acks(),
        Op::Piecemeal(yes) => world.wire = if yes { Wire::Split(50) } else { Wire::Whole },
    }
}

/// Bytes of stream in a segment: so few that every schedule has many.
const SEGMENT: u64 = 3000;

/// The stream on disk as it is written, and a budget of memory that the worlds judge each turn.
fn spilling(diskless: bool) -> PrimaryConfig {
    let spill = SpillConfig {
        memory: 32 << 10,
        keep: u64::MAX,
        segment_size: SEGMENT,
        eager: true,
        ..SpillConfig::default()
    };
    PrimaryConfig { spill: Some(spill), ..config(diskless) }
}

/// What is longer away than memory reaches back comes from disk, and after a restart, too.
#[test]
fn a_restart_of_either_end_costs_no_full_sync() {
    let mut world = World::with_replicas(spilling(true), 2);
    world.run(5 * SECOND);
    for round in 0..5 {
        world.break_link(0);
        for _ in 0..200 {
            world.write(round, &[b'x'; 1000]);
        }
        world.run(20 * SECOND);
        world.assert_converged();
        world.restart_primary();
        world.write(3, b"after the restart");
        world.run(20 * SECOND);
        world.assert_converged();
        world.restart_replica(1);
        world.write(4, b"meanwhile");
        world.run(20 * SECOND);
        world.assert_converged();
    }
    assert!(world.disk.fetched > 0);
    for node in &world.nodes {
        assert_eq!(node.full_syncs, 1, "{} partial", node.continues);
    }
}

#[derive(Clone, Debug)]
enum Event {
    Op(Op),
    /// So many writes on end, more than memory is for.
    Burst(usize),
    RestartPrimary,
    RestartReplica(usize),
    /// The connection, or the next one, breaks behind so many more bytes.
    Cut(usize, u64),
    /// The connection is gone, and the primary does not hear of it.
    Lose(usize),
    /// Milliseconds that bytes are on their way from now on.
    Delay(usize, u64),
    Resize(u64),
    StallDisk(bool),
    FailDisk(bool),
    FillDisk(bool),
    /// A byte of a segment, by its number: changed, or the end of it.
    Damage(usize, usize, bool),
}

fn event() -> impl Strategy<Value = Event> {
    let replica = || 0..2usize;
    prop_oneof![
        16 => op().prop_map(Event::Op),
        1 => (1..80usize).prop_map(Event::Burst),
        1 => Just(Event::RestartPrimary),
        1 => replica().prop_map(Event::RestartReplica),
        2 => (replica(), 1..300u64).prop_map(|(index, bytes)| Event::Cut(index, bytes)),
        2 => (replica(), 1..40_000u64).prop_map(|(index, bytes)| Event::Cut(index, bytes)),
        1 => replica().prop_map(Event::Lose),
        1 => (replica(), 0..40u64).prop_map(|(index, ms)| Event::Delay(index, ms)),
        1 => (replica(), 0..9000u64).prop_map(|(index, ms)| Event::Delay(index, ms)),
        1 => (0..64_000u64).prop_map(Event::Resize),
        2 => any::<bool>().prop_map(Event::StallDisk),
        1 => any::<bool>().prop_map(Event::FailDisk),
        1 => any::<bool>().prop_map(Event::FillDisk),
        1 => (0..40usize, 0..4000usize, any::<bool>())
            .prop_map(|(file, at, torn)| Event::Damage(file, at, torn)),
    ]
}

/// How the primary keeps its stream, if it does so on disk.
fn config_of_any() -> impl Strategy<Value = PrimaryConfig> {
    let limit = prop_oneof![2 => Just(u64::MAX), 1 => 0..60_000u64];
    let keep = prop_oneof![2 => Just(u64::MAX), 1 => 0..60_000u64];
    let spill = (limit, keep, prop::bool::weighted(0.8));
    (any::<bool>(), prop::option::weighted(0.9, spill)).prop_map(|(diskless, spill)| {
        let all = spilling(diskless);
        let spill = spill.map(|(limit, keep, eager)| SpillConfig {
            limit,
            keep,
            eager,
            ..all.spill.unwrap()
        });
        PrimaryConfig { spill, ..all }
    })
}

fn play(world: &mut World, event: Event) {
    match event {
        Event::Op(op) => run(world, op),
        Event::Burst(count) => {
            for _ in 0..count {
                let value = world.value(1000);
                world.write(5, &value);
            }
        }
        Event::RestartPrimary => world.restart_primary(),
        Event::RestartReplica(index) => world.restart_replica(index),
        Event::Cut(index, bytes) => world.nodes[index].cut = Some(bytes),
        Event::Lose(index) => world.lose_link(index),
        Event::Delay(index, ms) => world.nodes[index].delay = Duration::from_millis(ms),
        Event::Resize(size) => world.resize(size),
        Event::StallDisk(stalled) => world.disk.stalled = stalled,
        Event::FailDisk(failing) => world.fail_disk(failing),
        Event::FillDisk(full) => world.fill_disk(full),
        Event::Damage(file, at, torn) => world.disk.damage(file, at, torn),
    }
}

/// An accepted `+CONTINUE` means one history: data sets remember all writes, so a byte that is
/// missing or another one shows.
#[test]
fn whatever_happens_ends_in_one_history() {
    schedules::run(
        "whatever_happens_ends_in_one_history",
        || (config_of_any(), prop::collection::vec(event(), 0..50)),
        |(config, events)| {
            let mut world = World::with_replicas(config, 2);
            events.into_iter().for_each(|event| play(&mut world, event));
            world.mend();
            world.run(80 * SECOND);
            world.assert_converged();
        },
    );
}

/// Damage that a link reads costs a full sync and not the data; what a restart finds of a torn file
/// is what is sound of it.
#[test]
fn a_damaged_segment_is_found_out() {
    for torn in [false, true] {
        let mut world = World::with_replicas(spilling(true), 1);
        world.run(5 * SECOND);
        world.break_link(0);
        // The disk takes what is written before the replica is heard again.
        world.frozen = true;
        for _ in 0..100 {
            world.write(0, &[b'x'; 1000]);
            world.run(Duration::from_millis(10));
        }
        world.frozen = false;
        for file in 0..10 {
            world.disk.damage(file, 2000, torn);
        }
        world.run(30 * SECOND);
        world.assert_converged();
        assert!(world.disk.damaged > 0, "the damage was met");
        assert_eq!(world.nodes[0].full_syncs, 2);
    }
}
