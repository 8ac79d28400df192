//! Full syncs over two connections, as they were captured between real servers.

use super::*;

const CAPAS: &str = "*9\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n\
                     $4\r\ncapa\r\n$16\r\nrdb-channel-repl\r\n$4\r\ncapa\r\n$12\r\ndual-channel\r\n";

fn config(two_connections: TwoConnections) -> ReplicaConfig {
    ReplicaConfig { two_connections, ..Default::default() }
}

/// A replica that answered PING and REPLCONF, and what it said last.
fn introduced(config: ReplicaConfig, now: Instant) -> (Replica, String) {
    let mut replica = connected(config, now);
    hear(&mut replica, "+PONG\r\n", now).unwrap();
    let mut last = said(&mut replica);
    while matches!(replica.state, State::Replies(_)) {
        hear(&mut replica, "+OK\r\n", now).unwrap();
        last += &said(&mut replica);
    }
    (replica, last)
}

/// The connection of the RDB, which heard where that belongs.
fn rdb_channel(channel: RdbChannel, answer: &str, now: Instant) -> (Replica, String) {
    let config = ReplicaConfig { rdb_channel: Some(channel), ..Default::default() };
    let (mut rdb, introduction) = introduced(config, now);
    let step = hear(&mut rdb, answer, now).unwrap();
    assert_eq!(step, Step::FullResync { replid: Some(id()), offset: offset(255) });
    (rdb, introduction)
}

fn redis_channel(now: Instant) -> (Replica, String) {
    let channel = RdbChannel::Redis { main: 23 };
    rdb_channel(channel, &format!("\n+FULLRESYNC {ID} 255\r\n"), now)
}

#[test]
fn redis_way() {
    let now = start();
    let (mut main, introduction) = introduced(config(TwoConnections::Offered), now);
    assert!(introduction.contains(CAPAS), "{introduction}");
    assert!(introduction.ends_with(PSYNC_NEW));
    let step = hear(&mut main, "+RDBCHANNELSYNC 23\r\n", now).unwrap();
    assert_eq!(step, Step::RdbChannel(RdbChannel::Redis { main: 23 }));
    assert_eq!(main.phase(), ReplicaPhase::Sync);

    let (rdb, introduction) = redis_channel(now);
    let asked = "*7\r\n$8\r\nREPLCONF\r\n$8\r\nrdb-only\r\n$1\r\n1\r\n$11\r\nrdb-channel\r\n$1\r\n1\r\n\
                 $17\r\nmain-ch-client-id\r\n$2\r\n23\r\n";
    assert!(introduction.ends_with(&format!("{asked}{PSYNC_NEW}")), "{introduction}");

    // The stream may come before the caller has seen where it belongs.
    let early = b"\n*1\r\n$4\r\nping\r\n";
    assert_eq!(main.handle_input(early, now).unwrap().used, 1);
    assert_eq!(main.handle_input(&early[1..], now), Ok(Progress::NOTHING));
    main.attach(&rdb, now);
    assert!(main.is_streaming());
    let step = main.handle_input(&early[1..], now).unwrap().step;
    assert_eq!(step, Some(Step::Stream(&early[1..])));
    assert_eq!(said(&mut main), "", "nothing is acknowledged before the data set is there");
    assert_eq!(main.phase(), ReplicaPhase::Sync);
    main.channel_loaded(now);
    assert!(said(&mut main).ends_with("ACK\r\n$3\r\n255\r\n"));
    main.applied(early.len() - 1, now);
    main.ack_now(now);
    assert!(said(&mut main).ends_with("ACK\r\n$3\r\n269\r\n"));
    assert_eq!(main.history(), Some((id(), offset(269))));
}

#[test]
fn valkey_way() {
    let now = start();
    let (mut main, _) = introduced(config(TwoConnections::Offered), now);
    let step = hear(&mut main, "+DUALCHANNELSYNC\r\n", now).unwrap();
    assert_eq!(step, Step::RdbChannel(RdbChannel::Valkey));

    let answer = format!("\n$ENDOFF:255 {ID} 0 20\r\n");
    let (rdb, introduction) = rdb_channel(RdbChannel::Valkey, &answer, now);
    let asked = "$8\r\nrdb-only\r\n$1\r\n1\r\n$11\r\nrdb-channel\r\n$1\r\n1\r\n";
    assert!(introduction.ends_with(&format!("{asked}SYNC\r\n")), "{introduction}");

    main.attach(&rdb, now);
    let named = "*3\r\n$8\r\nREPLCONF\r\n$17\r\nset-rdb-client-id\r\n$2\r\n20\r\n";
    assert_eq!(said(&mut main), named);
    hear(&mut main, "+OK\r\n", now).unwrap();
    let psync = format!("*3\r\n$5\r\nPSYNC\r\n$40\r\n{ID}\r\n$3\r\n256\r\n");
    assert_eq!(said(&mut main), psync);
    let answer = format!("+CONTINUE {ID}\r\n");
    let step = hear(&mut main, &answer, now).unwrap();
    assert_eq!(step, Step::Continue { replid: id(), changed: false });
    assert_eq!((main.is_streaming(), said(&mut main)), (true, String::new()));
    main.channel_loaded(now);
    assert!(said(&mut main).ends_with("ACK\r\n$3\r\n255\r\n"));
}

/// `CONFIG GET` of three settings, and what it makes of the answers.
#[test]
fn a_primary_is_asked_what_it_offers() {
    let now = start();
    let array = |name: &str, value: &str| {
        format!("*2\r\n${}\r\n{name}\r\n${}\r\n{value}\r\n", name.len(), value.len())
    };
    let (rdb, dual) = ("repl-rdb-channel", "dual-channel-replication-enabled");
    let diskless = |value| array("repl-diskless-sync", value);
    let none = "*0\r\n".to_owned();
    let denied = "-NOPERM no permissions\r\n".to_owned();
    let cases = [
        ([array(rdb, "yes"), none.clone(), diskless("yes")], true),
        ([none.clone(), array(dual, "yes"), diskless("yes")], true),
        ([array(rdb, "no"), none.clone(), diskless("yes")], false),
        ([array(rdb, "yes"), none.clone(), diskless("no")], false),
        ([none.clone(), none, diskless("yes")], false),
        ([denied.clone(), "+OK\r\n".to_owned(), denied], false),
    ];
    for (answers, offers) in cases {
        let (mut replica, asked) = introduced(config(TwoConnections::Always), now);
        let last = "*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$18\r\nrepl-diskless-sync\r\n";
        assert!(asked.ends_with(last), "{asked}");
        let replies = answers.concat();
        let step = hear(&mut replica, &replies, now).unwrap();
        if offers {
            assert_eq!(said(&mut replica), PSYNC_NEW, "{answers:?}");
            assert!(!replica.asked_to_go_on());
        } else {
            assert_eq!(step, Step::RdbChannel(RdbChannel::Plain), "{answers:?}");
        }
    }
    let (mut replica, _) = introduced(config(TwoConnections::Always), now);
    assert!(matches!(hear(&mut replica, "*65\r\n", now), Err(Error::Protocol { .. })));
}

/// With any primary: the stream is asked for by PSYNC alone.
#[test]
fn plain_way_and_a_backlog_that_does_not_reach_back() {
    let now = start();
    for reaches in [true, false] {
        let (mut main, _) = introduced(config(TwoConnections::Always), now);
        hear(&mut main, "*0\r\n*0\r\n*0\r\n", now).unwrap();
        let answer = format!("+FULLRESYNC {ID} 255\r\n");
        let (rdb, introduction) = rdb_channel(RdbChannel::Plain, &answer, now);
        assert!(introduction.contains("$8\r\nrdb-only\r\n$1\r\n1\r\n*"), "{introduction}");
        main.attach(&rdb, now);
        assert!(said(&mut main).ends_with("$3\r\n256\r\n"));
        if reaches {
            hear(&mut main, "+CONTINUE\r\n", now).unwrap();
            assert!(main.is_streaming());
        } else {
            let answer = format!("+FULLRESYNC {ID} 300\r\n");
            let refused = hear(&mut main, &answer, now);
            assert!(matches!(refused, Err(Error::Protocol { .. })), "{refused:?}");
        }
    }
}

/// The history is what it was, unless the new data set came whole.
#[test]
fn what_breaks_off_leaves_the_old_history() {
    let now = start();
    let other = ReplId::parse(MARKER.as_bytes()).unwrap();
    for loaded in [false, true] {
        let mut main = Replica::new(config(TwoConnections::Offered), 1, now);
        main.resume_from(other, offset(77));
        main.ask_for_all(true);
        main.handle_timeout(now);
        main.handle_connected(now);
        hear(&mut main, "+PONG\r\n+OK\r\n+OK\r\n", now).unwrap();
        assert!(said(&mut main).ends_with(PSYNC_NEW), "all was asked for");
        hear(&mut main, "+RDBCHANNELSYNC 23\r\n", now).unwrap();
        main.attach(&redis_channel(now).0, now);
        assert_eq!(main.history(), Some((other, offset(77))));
        if loaded {
            main.channel_loaded(now);
        }
        main.handle_disconnected(now);
        let expected = if loaded { (id(), offset(255)) } else { (other, offset(77)) };
        assert_eq!(main.history(), Some(expected));
    }
}

/// While the data set comes, empty lines say that we live; the primary's silence still ends it.
#[test]
fn the_clock_of_a_full_sync_over_two_connections() {
    let now = start();
    let (mut main, _) = introduced(config(TwoConnections::Offered), now);
    hear(&mut main, "+RDBCHANNELSYNC 23\r\n", now).unwrap();
    let mut later = now;
    // It is the other connection that waits for the snapshot: this one has no say in it.
    for _ in 0..120 {
        later += SECOND;
        main.handle_timeout(later);
        assert_eq!(said(&mut main), "\n");
    }
    main.attach(&redis_channel(now).0, later);
    for _ in 0..59 {
        later += SECOND;
        main.handle_timeout(later);
        assert_eq!(said(&mut main), "\n");
    }
    main.handle_timeout(later + SECOND);
    assert!(matches!(main.poll_event(), Some(ReplicaEvent::Disconnect { .. })));
}

#[test]
fn nobody_parts_who_was_not_asked() {
    let now = start();
    for answer in ["+RDBCHANNELSYNC 23\r\n", "+DUALCHANNELSYNC\r\n"] {
        let refused = hear(&mut asked(now), answer, now);
        assert!(matches!(refused, Err(Error::Protocol { .. })), "{refused:?}");
    }
    for answer in ["+RDBCHANNELSYNC x\r\n", "+RDBCHANNELSYNC\r\n", "$ENDOFF:1 x 0 1\r\n"] {
        let (mut main, _) = introduced(config(TwoConnections::Offered), now);
        let refused = hear(&mut main, answer, now);
        assert!(matches!(refused, Err(Error::Protocol { .. })), "{refused:?}");
    }
}
