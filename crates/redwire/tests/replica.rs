//! Both runners of `replica` at real masters, by one test each.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod support;

use std::time::Instant;

use redwire::keyspace::ScoreText;
use redwire_testkit::Peer;
use redwire_testkit::workload::{Workload, dataset, seed};
use support::{Copies, PATIENCE, address, both, config, digest};

/// A copy has the digest of its master, whose links it loses now and then.
fn copies<C: Copies>(peer: Peer, scores: ScoreText) {
    let Some(master) = peer.start(&["--repl-backlog-size", "16mb"]) else { return };
    let mut client = master.client();
    client.pipeline(&dataset(seed(81)));
    let mut copy = C::with(address(&master), config());
    let mut workload = Workload::new(seed(82));
    for round in 0..12 {
        client.pipeline(&workload.writes(500));
        let mark = format!("round {round}");
        client.ok(&["SELECT", "0"]);
        client.ok(&["SET", "mark", &mark]);
        let expected = format!("${}\r\n{mark}\r\n", mark.len());
        let began = Instant::now();
        while !copy.is_current() || copy.query(&["GET", "mark"]) != expected.as_bytes() {
            // That a link broke is what is tested here; the next one is opened.
            let _ = copy.changed();
            assert!(began.elapsed() < PATIENCE, "{master:?}: the mark of {mark} does not come");
        }
        if round % 3 == 2 {
            client.call(&["CLIENT", "KILL", "TYPE", "replica"]);
        }
    }
    assert_eq!(digest(copy.keyspace(), scores), client.digest(), "{master:?}");
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
    let refused = copy.query(&["SET", "mark", "mine"]);
    assert!(refused.starts_with(b"-READONLY"), "{}", refused.escape_ascii());
}

both! { Live:
    of_redis_70 => copies(Peer::Redis70, ScoreText::Digits17),
    of_redis_80 => copies(Peer::Redis80, ScoreText::Shortest),
    of_valkey_91 => copies(Peer::Valkey91, ScoreText::Shortest),
    of_redis_60 => copies(Peer::Redis60, ScoreText::Digits17),
    of_redis_62 => copies(Peer::Redis62, ScoreText::Digits17),
    of_redis_86 => copies(Peer::Redis86, ScoreText::Shortest),
    of_valkey_81 => copies(Peer::Valkey81, ScoreText::Shortest),
}
