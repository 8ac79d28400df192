//! Chains and failovers on virtual time: nodes follow each other, take over from each other, and
//! lose their links, in any order.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of #[test] functions")]

mod cluster;
#[path = "../pair/data.rs"]
mod data;
mod node;

use std::time::Duration;

use proptest::prelude::*;
use redwire_repl::TwoConnections;

use cluster::Cluster;

const SECOND: Duration = Duration::from_secs(1);
const NODES: usize = 4;

/// A chain of three, and what becomes of it in a failover of its top.
#[test]
fn a_failover_at_the_top_of_a_chain_costs_no_full_sync() {
    let mut cluster = Cluster::new(&[(true, TwoConnections::Always); 3]);
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

#[derive(Clone, Debug)]
enum Op {
    Write(usize, u32, Vec<usize>),
    Run(u64),
    Break(usize),
    BreakSide(usize),
    Follow(usize, usize),
    Promote(usize),
    FailOver(usize),
    Chunk(usize),
    GetAck(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let node = || 0..NODES;
    prop_oneof![
        6 => (node(), 0..3_u32, prop::collection::vec(0..500_usize, 1..3))
            .prop_map(|(node, db, lens)| Op::Write(node, db, lens)),
        4 => (0..3000_u64).prop_map(Op::Run),
        2 => (0..30_u64).prop_map(Op::Run),
        2 => node().prop_map(Op::Break),
        1 => node().prop_map(Op::BreakSide),
        3 => (node(), node()).prop_map(|(node, target)| Op::Follow(node, target)),
        1 => node().prop_map(Op::Promote),
        2 => node().prop_map(Op::FailOver),
        1 => prop_oneof![Just(83_usize), Just(700), Just(usize::MAX)].prop_map(Op::Chunk),
        1 => node().prop_map(Op::GetAck),
    ]
}

fn kind() -> impl Strategy<Value = (bool, TwoConnections)> {
    let two = prop_oneof![
        Just(TwoConnections::No),
        Just(TwoConnections::Offered),
        Just(TwoConnections::Always)
    ];
    (any::<bool>(), two)
}

/// How many schedules are run: `REDWIRE_SCHEDULES`, or 300.
fn schedules() -> ProptestConfig {
    let cases = std::env::var("REDWIRE_SCHEDULES").ok().and_then(|text| text.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(300))
}

proptest! {
    #![proptest_config(schedules())]

    /// Values are unlike each other and data sets remember all of them, so whoever goes on with a
    /// history that is not its own is found out.
    #[test]
    fn whoever_follows_ends_up_with_what_it_follows(
        kinds in prop::collection::vec(kind(), NODES),
        ops in prop::collection::vec(op(), 0..60),
    ) {
        let mut cluster = Cluster::new(&kinds);
        for op in ops {
            match op {
                Op::Write(node, db, lens) => cluster.write(node, db, &lens),
                Op::Run(ms) => cluster.run(Duration::from_millis(ms)),
                Op::Break(node) => cluster.break_link(node),
                Op::BreakSide(node) => cluster.break_side(node),
                Op::Follow(node, target) => cluster.follow(node, target),
                Op::Promote(node) => cluster.promote(node),
                Op::FailOver(node) => cluster.fail_over(node),
                Op::Chunk(chunk) => cluster.chunk = chunk,
                Op::GetAck(node) => cluster.nodes[node].primary.request_acks(),
            }
        }
        cluster.run(120 * SECOND);
        cluster.assert_converged();
    }
}
