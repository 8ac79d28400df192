//! Full syncs over two connections, as they were captured between real servers.

use super::*;

fn say(primary: &mut Primary, id: ReplicaId, args: &[&str], now: Instant) {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    assert_eq!(primary.replconf(id, &args, now), ReplconfReply::Ok);
}

fn state(primary: &Primary, id: ReplicaId, now: Instant) -> LinkState {
    primary.replica(id, now).unwrap().state
}

/// What the replicas' connections that are shown are for, and how many have yet to ask for a stream.
fn kinds(primary: &Primary, now: Instant) -> (Vec<(ReplicaId, LinkKind)>, usize) {
    let shown = primary.replicas(now).map(|view| (view.id, view.kind));
    (shown.collect(), primary.waiting_psync())
}

/// Without delay, at an offset that is not 0.
fn waiting() -> Primary {
    let config = PrimaryConfig { diskless_delay: Duration::ZERO, ..Default::default() };
    let mut primary = primary(config);
    primary.adopt(id(9), Offset::new(200).unwrap(), None, start());
    primary.feed(0, b"before");
    events(&mut primary);
    primary
}

/// Redis' replica: `A` is its stream's connection, `B` that of its RDB, which is due.
fn redis(now: Instant) -> Primary {
    let mut primary = waiting();
    say(&mut primary, A, &["capa", "eof", "capa", "psync2", "capa", "rdb-channel-repl"], now);
    let Decision::RdbChannel { reply, reason, is_replica: true } =
        psync(&mut primary, A, "?", "-1", now)
    else {
        panic!("a connection for the RDB is due");
    };
    assert_eq!((&reply[..], reason), (&b"+RDBCHANNELSYNC 1\r\n"[..], FullResyncReason::Requested));
    assert_eq!(state(&primary, A, now), LinkState::WaitSnapshot);
    assert_eq!(primary.poll_snapshot(now), None, "the RDB's connection has not come");
    assert_eq!(kinds(&primary, now), (vec![(A, LinkKind::MainChannel)], 0));
    let introduction =
        ["capa", "eof", "rdb-only", "1", "rdb-channel", "1", "main-ch-client-id", "1"];
    say(&mut primary, B, &introduction, now);
    psync(&mut primary, B, "?", "-1", now);
    primary
}

fn take_snapshot(primary: &mut Primary, now: Instant) -> SnapshotInfo {
    let request = primary.poll_snapshot(now).unwrap();
    assert_eq!(request.framing, Framing::Eof);
    primary.snapshot_started(now).unwrap()
}

#[test]
fn redis_way() {
    let now = start();
    let mut primary = redis(now);
    let info = take_snapshot(&mut primary, now);
    assert_eq!(info.replicas, [B]);
    let head = transmitted(&mut primary, B);
    let expected = format!("+FULLRESYNC {} {}\r\n$EOF:", info.replid, info.offset);
    assert!(head.starts_with(&expected), "{head}");

    primary.feed(0, b"beside");
    assert!(streamed(&primary, A).ends_with(b"beside"), "the stream flows beside the RDB");
    assert!(streamed(&primary, A).starts_with(b"*2\r\n$6\r\nSELECT"));
    assert_eq!(streamed(&primary, B), b"");
    assert_eq!(state(&primary, A, now), LinkState::SendBulkAndStream);
    let shown = (vec![(A, LinkKind::MainChannel)], 0);
    assert_eq!(kinds(&primary, now), shown, "two connections are one replica");
    assert_eq!(primary.acked_by(Offset::ZERO), 0);

    primary.transfer_done(B, now);
    let (id, reason) = (B, DisconnectReason::RdbOnly);
    let done = PrimaryEvent::Disconnect { id, reason, flush: true };
    assert_eq!(events(&mut primary), [done]);
    primary.disconnected(B, now);
    assert_eq!(state(&primary, A, now), LinkState::SendBulkAndStream, "it is loading");
    primary.replconf(A, &[b"ACK", info.offset.to_string().as_bytes()], now);
    assert_eq!(events(&mut primary), [PrimaryEvent::Online { id: A }]);
    assert_eq!((state(&primary, A, now), primary.acked_by(info.offset)), (LinkState::Online, 1));
    assert_eq!(kinds(&primary, now), (vec![(A, LinkKind::Replica)], 0));
}

/// Valkey's replica: `A` asks for the stream, by the number of `B`.
fn valkey(now: Instant) -> (Primary, SnapshotInfo) {
    let mut primary = waiting();
    say(&mut primary, A, &["capa", "eof", "capa", "psync2", "capa", "dual-channel"], now);
    let decision = psync(&mut primary, A, "?", "-1", now);
    let Decision::RdbChannel { reply, is_replica: false, .. } = decision else {
        panic!("{decision:?}");
    };
    assert_eq!(&reply[..], b"+DUALCHANNELSYNC\r\n");
    say(&mut primary, B, &["capa", "eof", "rdb-only", "1", "rdb-channel", "1"], now);
    assert!(matches!(primary.sync(B, now), Decision::FullResync(_)));
    let info = take_snapshot(&mut primary, now);
    let head = transmitted(&mut primary, B);
    let expected = format!("$ENDOFF:{} {} 0 2\r\n$EOF:", info.offset, info.replid);
    assert!(head.starts_with(&expected), "{head}");
    (primary, info)
}

fn ask_for_stream(primary: &mut Primary, info: &SnapshotInfo, now: Instant) -> Decision {
    say(primary, A, &["set-rdb-client-id", "2"], now);
    let next = info.offset.next_byte().to_string();
    psync(primary, A, &info.replid.to_string(), &next, now)
}

#[test]
fn valkey_way() {
    let now = start();
    for rdb_first in [false, true] {
        let (mut primary, info) = valkey(now);
        // More than the backlog holds: it is kept for the one that is to ask.
        let much = vec![b'x'; 3 << 20];
        primary.feed(0, &much);
        if rdb_first {
            primary.transfer_done(B, now);
            assert_eq!(events(&mut primary), [], "the other connection has yet to come");
        }
        assert_eq!(kinds(&primary, now), (vec![(B, LinkKind::RdbChannel)], 1));
        let decision = ask_for_stream(&mut primary, &info, now);
        assert_eq!(kinds(&primary, now), (vec![(A, LinkKind::MainChannel)], 0));
        let Decision::Continue { reply, from, unread } = decision else { panic!("{decision:?}") };
        assert_eq!(reply, format!("+CONTINUE {}\r\n", info.replid));
        assert_eq!((from, unread), (info.offset, primary.offset().get() - info.offset.get()));
        assert!(streamed(&primary, A).ends_with(&much));
        assert_eq!(primary.acked_by(Offset::ZERO), 0, "it has not loaded yet");
        primary.transfer_done(B, now);
        let (id, reason) = (B, DisconnectReason::RdbOnly);
        assert_eq!(events(&mut primary), [PrimaryEvent::Disconnect { id, reason, flush: true }]);
        primary.replconf(A, &[b"ACK", info.offset.to_string().as_bytes()], now);
        assert_eq!(state(&primary, A, now), LinkState::Online);
        primary.disconnected(B, now);
        assert_eq!(kinds(&primary, now), (vec![(A, LinkKind::Replica)], 0));
    }
}

/// One connection is of no use without the other until the RDB is through.
#[test]
fn either_connection_takes_the_other_with_it() {
    let now = start();
    type Make = fn(Instant) -> Primary;
    let begun = |now| {
        let mut primary = redis(now);
        take_snapshot(&mut primary, now);
        primary
    };
    let attached = |now| {
        let (mut primary, info) = valkey(now);
        ask_for_stream(&mut primary, &info, now);
        primary
    };
    for make in [redis as Make, begun, attached] {
        for (gone, other) in [(A, B), (B, A)] {
            let mut primary = make(now);
            primary.disconnected(gone, now);
            let (id, reason) = (other, DisconnectReason::OtherConnectionLost);
            let cut = PrimaryEvent::Disconnect { id, reason, flush: false };
            assert!(events(&mut primary).contains(&cut), "{gone:?} is gone");
            assert_eq!(primary.replicas(now).count(), 0);
        }
    }
}

/// What was kept for a connection that never came is let go.
#[test]
fn a_stream_that_nobody_asks_for_is_let_go() {
    let now = start();
    let (mut primary, _) = valkey(now);
    primary.transfer_done(B, now);
    let later = now + 61 * SECOND;
    primary.handle_timeout(later);
    assert_eq!(primary.replicas(later).count(), 0);
    primary.feed(0, &vec![b'x'; 9 << 20]);
    assert!(primary.backlog().unwrap().allocated() < 4 << 20);
}

#[test]
fn who_is_not_offered_two_connections() {
    let now = start();
    let capa = ["capa", "eof", "capa", "rdb-channel-repl", "capa", "dual-channel"];
    let config = PrimaryConfig::default();
    let cases = [
        (PrimaryConfig { two_connections: false, ..config.clone() }, &capa[..]),
        (PrimaryConfig { diskless: false, ..config.clone() }, &capa[..]),
        (config.clone(), &capa[..2]),
        (config, &capa[2..]),
    ];
    for (config, capa) in cases {
        let mut primary = primary(config);
        say(&mut primary, A, capa, now);
        let decision = psync(&mut primary, A, "?", "-1", now);
        assert!(matches!(decision, Decision::FullResync(_)), "{decision:?}");
    }
}

/// A connection for the RDB of nobody, or of somebody whose sync is over.
#[test]
fn a_stranger_is_refused() {
    let now = start();
    let mut primary = redis(now);
    for main in ["2", "77"] {
        say(&mut primary, C, &["capa", "eof", "rdb-only", "1", "rdb-channel", "1"], now);
        say(&mut primary, C, &["main-ch-client-id", main], now);
        let decision = psync(&mut primary, C, "?", "-1", now);
        assert!(matches!(decision, Decision::Error(_)), "{decision:?}");
    }
}

/// Somebody who can only take an RDB by its length does not hold up those with two connections.
#[test]
fn snapshots_for_channels_have_markers() {
    let now = start();
    let mut primary = redis(now);
    psync(&mut primary, C, "?", "-1", now);
    assert_eq!(take_snapshot(&mut primary, now).replicas, [B]);
    primary.snapshot_finished(3, now);
    let request = primary.poll_snapshot(now).unwrap();
    assert_eq!((request.replicas, request.framing), (vec![C], Framing::Length));
}
