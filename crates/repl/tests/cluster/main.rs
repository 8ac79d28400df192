//! Chains and failovers on virtual time: nodes follow each other, take over from each other, and
//! lose their links, their memory and what their disks had not synced, in any order.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of #[test] functions")]

mod cluster;
mod disk;
mod node;
#[path = "../shared/mod.rs"]
mod shared;

use std::time::Duration;

use proptest::prelude::*;
use redwire_repl::{SpillConfig, TwoConnections};

use cluster::Cluster;
use node::{Kind, SPILL};
use shared::schedules;

const SECOND: Duration = Duration::from_secs(1);
const NODES: usize = 4;

/// A chain of three, and what becomes of it in a failover of its top.
#[test]
fn a_failover_at_the_top_of_a_chain_costs_no_full_sync() {
    let two_connections = TwoConnections::Always;
    let kind = Kind { channels: true, spill: None, always: false, two_connections };
    let mut cluster = Cluster::new(&[kind; 3]);
    cluster.follow(1, 0);
    cluster.follow(2, 1);
    cluster.run(10 * SECOND);
    cluster.write(0, 3, &[10]);
    cluster.run(SECOND);
    cluster.assert_converged();
    let channels = cluster.channels;
    assert!(channels >= 2, "both full syncs had two connections");
    cluster.fail_over(0);
    cluster.run(5 * SECOND);
    assert!(cluster.nodes[0].up.is_some() && cluster.nodes[1].up.is_none());
    cluster.write(1, 0, &[10, 20]);
    cluster.run(5 * SECOND);
    cluster.assert_converged();
    assert_eq!((cluster.channels, cluster.nodes[2].data.writes.len()), (channels, 3));
    assert!(cluster.continued >= 2, "both came again");
}

/// The ids that a start left to the next stay known, though it wrote nothing under them.
#[test]
fn starts_that_write_nothing_lose_nothing() {
    let two_connections = TwoConnections::No;
    let kind = Kind { channels: false, spill: Some(SPILL), always: false, two_connections };
    let mut cluster = Cluster::new(&[kind; 2]);
    cluster.follow(1, 0);
    cluster.run(5 * SECOND);
    cluster.nodes[0].save();
    for _ in 0..3 {
        cluster.restart(0, None);
        cluster.run(Duration::from_millis(1));
    }
    cluster.write(0, 0, &[10]);
    cluster.run(Duration::from_millis(1));
    for _ in 0..2 {
        cluster.restart(0, None);
        cluster.run(Duration::from_millis(1));
        assert_eq!(cluster.nodes[0].data.writes.len(), 1);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(usize, u32, Vec<usize>),
    Run(u64),
    Break(usize),
    BreakSide(usize),
    /// The connection to the node that it follows, or the next one, breaks behind so many more bytes.
    Cut(usize, usize),
    /// The connection is gone, and the other node does not hear of it.
    Lose(usize),
    /// Milliseconds that bytes are on their way from now on, to and from the node that it follows.
    Delay(usize, u64),
    Follow(usize, usize),
    Promote(usize),
    FailOver(usize),
    Chunk(usize),
    GetAck(usize),
    /// A node reads nothing for a while.
    Stall(usize, bool),
    Save(usize),
    Sync(usize),
    Restart(usize),
    LosePower(usize, u64),
    StallDisk(usize, bool),
    FailDisk(usize, bool),
    FillDisk(usize, bool),
    Resize(usize, u64),
    /// Bytes that a node's disk may take.
    LimitDisk(usize, u64),
    /// A byte of a node's segment, by its number: changed, or the end of it.
    Damage(usize, usize, usize, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let node = || 0..NODES;
    prop_oneof![
        10 => (node(), 0..3_u32, prop::collection::vec(0..500_usize, 1..3))
            .prop_map(|(node, db, lens)| Op::Write(node, db, lens)),
        4 => (0..3000_u64).prop_map(Op::Run),
        2 => (0..30_u64).prop_map(Op::Run),
        2 => node().prop_map(Op::Break),
        1 => node().prop_map(Op::BreakSide),
        1 => (node(), 1..300_usize).prop_map(|(node, bytes)| Op::Cut(node, bytes)),
        1 => (node(), 1..20_000_usize).prop_map(|(node, bytes)| Op::Cut(node, bytes)),
        1 => node().prop_map(Op::Lose),
        1 => (node(), 0..40_u64).prop_map(|(node, ms)| Op::Delay(node, ms)),
        1 => (node(), 0..9000_u64).prop_map(|(node, ms)| Op::Delay(node, ms)),
        3 => (node(), node()).prop_map(|(node, target)| Op::Follow(node, target)),
        1 => node().prop_map(Op::Promote),
        2 => node().prop_map(Op::FailOver),
        1 => prop_oneof![Just(83_usize), Just(700), Just(usize::MAX)].prop_map(Op::Chunk),
        1 => node().prop_map(Op::GetAck),
        2 => (node(), any::<bool>()).prop_map(|(node, on)| Op::Stall(node, on)),
        2 => node().prop_map(Op::Save),
        1 => node().prop_map(Op::Sync),
        2 => node().prop_map(Op::Restart),
        2 => (node(), 1..u64::MAX).prop_map(|(node, seed)| Op::LosePower(node, seed)),
        1 => (node(), any::<bool>()).prop_map(|(node, on)| Op::StallDisk(node, on)),
        1 => (node(), any::<bool>()).prop_map(|(node, on)| Op::FailDisk(node, on)),
        1 => (node(), any::<bool>()).prop_map(|(node, on)| Op::FillDisk(node, on)),
        1 => (node(), 0..64_000_u64).prop_map(|(node, size)| Op::Resize(node, size)),
        1 => (node(), limit()).prop_map(|(node, limit)| Op::LimitDisk(node, limit)),
        1 => (node(), 0..40usize, 0..4000usize, any::<bool>())
            .prop_map(|(node, file, at, torn)| Op::Damage(node, file, at, torn)),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let two = prop_oneof![
        Just(TwoConnections::No),
        Just(TwoConnections::Offered),
        Just(TwoConnections::Always)
    ];
    let spill = (limit(), limit(), prop::bool::weighted(0.8))
        .prop_map(|(limit, keep, eager)| SpillConfig { limit, keep, eager, ..SPILL });
    let spill = prop::option::weighted(0.8, spill);
    (any::<bool>(), spill, any::<bool>(), two).prop_map(|(channels, spill, always, two)| Kind {
        channels,
        spill,
        always,
        two_connections: two,
    })
}

/// How a cluster stands when a schedule begins.
#[derive(Clone, Debug)]
struct Start {
    /// For each node but the first, which of those before it it follows.
    follows: Vec<Option<usize>>,
    /// Data sets are on disk.
    saved: bool,
}

fn start() -> impl Strategy<Value = Start> {
    let target = |node: usize| prop::option::weighted(0.8, 0..node);
    ((target(1), target(2), target(3)), prop::bool::weighted(0.7))
        .prop_map(|((one, two, three), saved)| Start { follows: vec![one, two, three], saved })
}

fn begin(cluster: &mut Cluster, start: &Start) {
    for (node, target) in (1..).zip(&start.follows) {
        if let Some(target) = target {
            cluster.follow(node, *target);
        }
    }
    cluster.run(3 * SECOND);
    if start.saved {
        cluster.nodes.iter_mut().for_each(node::Node::save);
    }
}

/// Bytes on disk, mostly as many as one likes.
fn limit() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(u64::MAX), 1 => 0..40_000_u64]
}

fn run(cluster: &mut Cluster, op: Op) {
    match op {
        Op::Write(node, db, lens) => cluster.write(node, db, &lens),
        Op::Run(ms) => cluster.run(Duration::from_millis(ms)),
        Op::Break(node) => cluster.break_link(node),
        Op::BreakSide(node) => cluster.break_side(node),
        Op::Cut(node, bytes) => cluster.nodes[node].cut = Some(bytes),
        Op::Lose(node) => cluster.lose_link(node),
        Op::Delay(node, ms) => cluster.nodes[node].delay = Duration::from_millis(ms),
        Op::Follow(node, target) => cluster.follow(node, target),
        Op::Promote(node) => cluster.promote(node),
        Op::FailOver(node) => cluster.fail_over(node),
        Op::Chunk(chunk) => cluster.chunk = chunk,
        Op::GetAck(node) => cluster.nodes[node].primary.request_acks(),
        Op::Stall(node, on) => cluster.nodes[node].stalled = on,
        Op::Save(node) => cluster.nodes[node].save(),
        Op::Sync(node) => cluster.nodes[node].disk.sync(),
        Op::Restart(node) => cluster.restart(node, None),
        Op::LosePower(node, seed) => cluster.restart(node, Some(seed)),
        Op::StallDisk(node, on) => cluster.nodes[node].disk.stalled = on,
        Op::FailDisk(node, on) => cluster.fail_disk(node, on),
        Op::FillDisk(node, on) => cluster.fill_disk(node, on),
        Op::Resize(node, size) => cluster.configure(node, |config| config.backlog_size = size),
        Op::LimitDisk(node, limit) => cluster.configure(node, |config| {
            config.spill.iter_mut().for_each(|spill| spill.limit = limit);
        }),
        Op::Damage(node, file, at, torn) => cluster.nodes[node].disk.damage(file, at, torn),
    }
}

/// Values are unlike each other and data sets remember all of them, so whoever goes on with a
/// history that is not its own is found out.
#[test]
fn whoever_follows_ends_up_with_what_it_follows() {
    schedules::run(
        "whoever_follows_ends_up_with_what_it_follows",
        || (prop::collection::vec(kind(), NODES), start(), prop::collection::vec(op(), 0..60)),
        |(kinds, start, ops)| {
            let mut cluster = Cluster::new(&kinds);
            begin(&mut cluster, &start);
            for op in ops {
                run(&mut cluster, op);
                cluster.assert_budgets();
            }
            cluster.mend();
            cluster.run(120 * SECOND);
            cluster.assert_converged();
        },
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Power is lost again and again while a replica follows: the primary comes back with all that
    /// was synced and with nothing that was never written, and what it writes then is never taken
    /// for what the replica had of it before.
    #[test]
    fn a_loss_of_power_costs_what_was_not_synced_and_no_more(
        always: bool,
        rounds in prop::collection::vec(
            (writes(), any::<bool>(), writes(), writes(), 1..u64::MAX),
            1..4,
        ),
    ) {
        let two_connections = TwoConnections::No;
        let kind = Kind { channels: false, spill: Some(SPILL), always, two_connections };
        let mut cluster = Cluster::new(&[kind; 2]);
        cluster.follow(1, 0);
        cluster.run(5 * SECOND);
        cluster.nodes[0].save();
        let mut synced = 0;
        for (before, sync, unsynced, after, seed) in rounds {
            write_all(&mut cluster, &before);
            if sync {
                cluster.nodes[0].disk.sync();
                synced = cluster.nodes[0].data.writes.len();
            }
            write_all(&mut cluster, &unsynced);
            let had = cluster.nodes[0].data.writes.clone();
            if always {
                synced = had.len();
            }
            cluster.restart(0, Some(seed));
            let has = &cluster.nodes[0].data.writes;
            prop_assert!(had.starts_with(has), "what was not written");
            prop_assert!(has.len() >= synced, "{} of {synced} synced writes", has.len());
            synced = has.len();
            write_all(&mut cluster, &after);
            cluster.run(20 * SECOND);
            cluster.assert_converged();
            cluster.assert_budgets();
        }
    }
}

fn writes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..500_usize, 0..12)
}

/// Each by itself, so that segments have many pieces.
fn write_all(cluster: &mut Cluster, lens: &[usize]) {
    for len in lens {
        cluster.write(0, 0, &[*len]);
        cluster.run(Duration::from_millis(1));
    }
}
