//! Timers, and what a change of role means for replicas.

use super::*;

#[test]
fn pings_come_in_their_period_and_only_from_a_primary() {
    let now = start();
    let mut primary = with_replica(now);
    let ping = b"*1\r\n$4\r\nping\r\n";
    primary.handle_timeout(now + 9 * SECOND);
    assert_eq!(primary.offset(), Offset::ZERO);
    assert_eq!(primary.poll_timeout(), Some(now + 10 * SECOND));
    primary.handle_timeout(now + 10 * SECOND);
    primary.handle_timeout(now + 10 * SECOND);
    assert_eq!(streamed(&primary, A), ping);
    primary.set_upstream(Upstream::Connected);
    primary.handle_timeout(now + 30 * SECOND);
    primary.feed(0, b"of a client");
    primary.request_acks();
    assert_eq!(streamed(&primary, A), ping, "the stream is another's");
    primary.feed_raw(b"of our primary");
    assert!(streamed(&primary, A).ends_with(b"ping\r\nof our primary"));
}

#[test]
fn a_replica_that_does_not_acknowledge_is_cut() {
    let now = start();
    let mut primary = with_replica(now);
    primary.replconf(A, &[b"ack", b"0"], now + 5 * SECOND);
    primary.handle_timeout(now + 64 * SECOND);
    assert!(events(&mut primary).is_empty());
    primary.handle_timeout(now + 65 * SECOND);
    let reason = DisconnectReason::StreamTimeout;
    let expected = PrimaryEvent::Disconnect { id: A, reason, flush: false };
    assert_eq!(events(&mut primary), [expected]);
    assert_eq!(primary.backlog().unwrap().beyond_window(), 0);
}

#[test]
fn the_backlog_outlives_the_last_replica_by_its_time() {
    let now = start();
    let mut primary = with_replica(now);
    primary.feed(0, b"x");
    let (replid, offset) = (primary.history().replid(), primary.offset());
    primary.disconnected(A, now);
    let end = now + 3600 * SECOND;
    assert_eq!(primary.poll_timeout(), Some(end));
    primary.handle_timeout(end - SECOND);
    assert!(primary.is_feeding());
    primary.handle_timeout(end);
    assert!(!primary.is_feeding());
    assert_eq!(primary.offset(), offset);
    let fresh = primary.history().replid();
    assert_ne!(fresh, replid);
    assert_eq!(events(&mut primary), [PrimaryEvent::BacklogFreed { replid: fresh }]);
    assert_eq!(primary.poll_timeout(), None);

    let mut primary = with_replica(now);
    primary.set_config(PrimaryConfig { backlog_ttl: None, ..primary.config().clone() }, now);
    primary.disconnected(A, now);
    assert_eq!(primary.poll_timeout(), None);
    primary.handle_timeout(end + 3600 * SECOND);
    assert!(primary.is_feeding());
}

#[test]
fn the_window_is_resized_live() {
    let now = start();
    let mut primary = with_replica(now);
    primary.feed(0, &vec![b'x'; 900_000]);
    primary.sent(A, primary.unread(A));
    assert_eq!(primary.backlog().unwrap().beyond_window(), 0);
    primary.set_config(PrimaryConfig { backlog_size: 100_000, ..primary.config().clone() }, now);
    let backlog = primary.backlog().unwrap();
    assert_eq!(backlog.size(), 100_000);
    assert!(backlog.beyond_window() <= 64 << 10);
}

#[test]
fn promotion_answers_the_old_id_and_sends_replicas_to_ask() {
    let now = start();
    let mut primary = with_replica(now);
    primary.feed(3, b"x");
    let (old, end) = (primary.history().replid(), primary.offset());
    primary.set_upstream(Upstream::Connected);
    primary.promote(now);
    let reason = DisconnectReason::HistoryChanged;
    assert_eq!(events(&mut primary), [PrimaryEvent::Disconnect { id: A, reason, flush: false }]);
    primary.disconnected(A, now);
    primary.replconf(A, &[b"capa", b"psync2"], now);
    let asked = end.next_byte().to_string();
    match psync(&mut primary, A, old.as_str(), &asked, now) {
        Decision::Continue { reply, from, unread } => {
            assert_eq!(reply, format!("+CONTINUE {}\r\n", primary.history().replid()));
            assert_eq!((from, unread), (end, 0));
        }
        other => panic!("{other:?}"),
    }
    primary.feed(3, b"y");
    let expected = b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\ny";
    assert_eq!(streamed(&primary, A), expected, "a new primary selects again");
}

#[test]
fn a_replica_serves_replicas_of_its_own_with_its_primarys_stream() {
    let now = start();
    let at = |n| Offset::new(n).unwrap();
    let mut node = with_replica(now);
    node.set_upstream(Upstream::Connected);
    node.adopt(id(40), at(1000), Some(7), now);
    assert_eq!(events(&mut node).len(), 1, "its replicas have another data set now");
    node.feed_raw(b"0123456789");
    assert_eq!(node.offset(), at(1010));
    let continued = |node: &mut Node, replid: ReplId, n: u64| {
        let decision = psync(node, B, replid.as_str(), &n.to_string(), now);
        matches!(decision, Decision::Continue { .. })
    };
    assert!(continued(&mut node, id(40), 1005));
    assert_eq!(streamed(&node, B), b"456789");
    node.adopt_id(id(40), now);
    assert!(events(&mut node).is_empty());
    node.adopt_id(id(41), now);
    assert_eq!(node.history().second_offset(), Some(at(1010)));
    assert_eq!(events(&mut node).len(), 1);
    assert!(continued(&mut node, id(40), 1011));
    assert!(node.is_replica(B));
    // A full sync from a replica: the stream goes on in the database where it is.
    psync(&mut node, C, "?", "-1", now);
    assert!(node.poll_snapshot(now).is_some());
    let info = node.snapshot_started(now).unwrap();
    assert_eq!((info.replid, info.offset, info.stream_db), (id(41), at(1010), 7));
    node.set_stream_db(2);
    node.feed_raw(b"abc");
    assert_eq!(node.unread(C), 3, "nothing is put in between");
}

type Node = Primary;

#[test]
fn a_restarted_primary_answers_the_id_of_its_file() {
    let now = start();
    let mut primary = primary(PrimaryConfig::default());
    let at = Offset::new(500).unwrap();
    primary.restore(id(77), at, now);
    assert_eq!((primary.offset(), primary.history().replid2()), (at, id(77)));
    let decision = psync(&mut primary, A, id(77).as_str(), "501", now);
    assert!(matches!(decision, Decision::Continue { .. }), "{decision:?}");
    let decision = psync(&mut primary, B, id(77).as_str(), "500", now);
    assert!(matches!(decision, Decision::FullResync(_)), "{decision:?}");
}

#[test]
fn a_forgotten_past_is_not_answered_but_its_replicas_stay() {
    let now = start();
    let mut primary = with_replica(now);
    let old = primary.history().replid();
    primary.forget_past();
    assert_eq!(primary.replicas(now).count(), 1);
    let decision = psync(&mut primary, B, old.as_str(), "1", now);
    let mismatch = Decision::FullResync(FullResyncReason::IdMismatch {
        asked: old.to_string(),
        replid: primary.history().replid(),
        replid2: ReplId::NONE,
    });
    assert_eq!(decision, mismatch);
}

#[test]
fn a_replica_takes_over_from_the_primary_whose_stream_it_has() {
    let now = start();
    let mut primary = with_replica(now);
    let shared = primary.history().replid();
    primary.set_upstream(Upstream::Connected);
    primary.feed_raw(b"all of it");
    let ask = |primary: &mut Primary, rest: &[&[u8]]| {
        let args = [&[&shared.as_bytes()[..], b"10"], rest].concat();
        primary.psync(B, &args, now)
    };
    assert_eq!(ask(&mut primary, &[b"failover"]), Decision::TakeOver);
    assert!(!primary.is_replica(B), "nothing happened yet");
    primary.promote(now);
    let fresh = primary.history().replid();
    primary.replconf(B, &[b"capa", b"psync2"], now);
    let reply = format!("+CONTINUE {fresh}\r\n").into();
    let from = Offset::new(9).unwrap();
    assert_eq!(ask(&mut primary, &[]), Decision::Continue { reply, from, unread: 0 });
    primary.feed(0, b"of ours");
    assert!(streamed(&primary, B).ends_with(b"of ours"));
}

#[test]
fn a_held_stream_has_no_pings_and_takes_no_replicas() {
    let now = start();
    let mut primary = with_replica(now);
    let replid = primary.history().replid().to_string();
    primary.hold_stream(true);
    primary.replconf(A, &[b"ack", b"0"], now + 30 * SECOND);
    primary.handle_timeout(now + 30 * SECOND);
    assert!(streamed(&primary, A).is_empty());
    let refused = Decision::Error("NOMASTERLINK Can't SYNC while failing over");
    assert_eq!(psync(&mut primary, B, &replid, "1", now), refused);
    assert_eq!(primary.sync(B, now), refused);
    primary.hold_stream(false);
    primary.handle_timeout(now + 30 * SECOND);
    assert!(!streamed(&primary, A).is_empty());
    assert!(matches!(psync(&mut primary, B, &replid, "1", now), Decision::Continue { .. }));
}
