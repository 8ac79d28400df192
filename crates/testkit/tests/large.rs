//! 1 GB of data saves, loads and full-syncs. Left out unless asked for: `./check large`.

// It measures how long its steps take.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::time::{Duration, Instant};

use redwire_testkit::{Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until};

const KEYS: &str = "1000000";
const VALUE: &str = "1000";
/// The longest that a step may take.
const STEP: Duration = Duration::from_secs(300);

fn step<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    println!("{what}: {:.1} s", start.elapsed().as_secs_f64());
    result
}

fn follow(replica: &Server, primary: &Server) {
    let mut client = replica.client();
    client.ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    wait_until("the link", STEP, || client.info("master_link_status").as_deref() == Some("up"));
    wait_caught_up(primary, replica);
}

#[test]
#[ignore = "1 GB of data, 5 GB of memory: ./check large"]
fn a_gigabyte() {
    let Some(master) = Peer::Redis70.start(&[]) else { return };
    master.client().ok(&["DEBUG", "POPULATE", KEYS, "key", VALUE]);
    let mut redwire = Redwire::start(&["--rdbcompression", "no"]);
    step("full sync into redwire", || follow(&redwire, &master));
    step("digests", || assert_same_data(&master, &redwire));
    let mut client = redwire.client();
    client.ok(&["REPLICAOF", "NO", "ONE"]);
    step("SAVE", || client.ok(&["SAVE"]));
    assert!(fs::metadata(redwire.rdb()).expect("the file").len() > 1_000_000_000);
    redwire.kill();
    step("load", || redwire.restart().unwrap_or_else(|failure| panic!("{failure}")));
    assert_same_data(&master, &redwire);
    master.client().ok(&["FLUSHALL"]);
    step("full sync into a real replica", || follow(&master, &redwire));
    assert_same_data(&redwire, &master);
    println!("resident: {:?}", redwire.client().info("used_memory_rss_human"));
}
