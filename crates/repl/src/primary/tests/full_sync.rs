//! Snapshots: when they are due, for whom, how they are framed.

use super::*;

fn diskless() -> PrimaryConfig {
    PrimaryConfig { diskless_delay: 5 * SECOND, ..Default::default() }
}

/// A replica that takes an RDB of unknown length.
fn comes(primary: &mut Primary, id: ReplicaId, now: Instant) {
    primary.replconf(id, &[b"capa", b"eof", b"capa", b"psync2"], now);
    assert!(matches!(psync(primary, id, "?", "-1", now), Decision::FullResync(_)));
}

fn snapshot(primary: &mut Primary, now: Instant) -> (SnapshotRequest, SnapshotInfo) {
    (primary.poll_snapshot(now).unwrap(), primary.snapshot_started(now).unwrap())
}

fn online(id: ReplicaId) -> PrimaryEvent {
    PrimaryEvent::Online { id }
}

fn disconnected(id: ReplicaId, reason: DisconnectReason) -> PrimaryEvent {
    PrimaryEvent::Disconnect { id, reason, flush: reason == DisconnectReason::RdbOnly }
}

#[test]
fn the_bytes_of_a_diskless_sync() {
    let now = start();
    let mut primary = primary(diskless());
    comes(&mut primary, A, now);
    events(&mut primary);
    assert_eq!(primary.poll_snapshot(now), None);
    assert_eq!(primary.poll_timeout(), Some(now + SECOND), "an empty line comes first");
    primary.handle_timeout(now + SECOND);
    primary.handle_timeout(now + SECOND);
    assert_eq!(transmitted(&mut primary, A), "\n");
    let now = now + 5 * SECOND;
    let (request, info) = snapshot(&mut primary, now);
    assert_eq!((request.framing, request.replicas), (Framing::Eof, vec![A]));
    assert_eq!((info.replid, info.offset, info.stream_db), (id(2), Offset::ZERO, 0));
    let head = format!("+FULLRESYNC {} 0\r\n$EOF:{}\r\n", id(2), id(3));
    assert_eq!(transmitted(&mut primary, A), head);
    assert!(primary.snapshot_finished(1000, now).is_empty());
    primary.feed(0, b"meanwhile");
    assert_eq!(transmitted(&mut primary, A), "");
    primary.transfer_done(A, now);
    assert_eq!(transmitted(&mut primary, A), id(3).to_string());
    assert_eq!(events(&mut primary), [online(A)]);
    // The replica may still be loading: the stream waits for its first ACK.
    assert!(primary.unread(A) > 9);
    assert_eq!(streamed(&primary, A), b"");
    primary.replconf(A, &[b"ACK", b"0"], now);
    assert!(streamed(&primary, A).ends_with(b"meanwhile"));
}

#[test]
fn the_bytes_of_a_sync_by_length() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless: false, ..diskless() });
    comes(&mut primary, A, now);
    events(&mut primary);
    let (request, _) = snapshot(&mut primary, now);
    assert_eq!(request.framing, Framing::Length);
    assert_eq!(transmitted(&mut primary, A), format!("+FULLRESYNC {} 0\r\n", id(2)));
    primary.feed(0, b"meanwhile");
    primary.handle_timeout(now + SECOND);
    assert_eq!(transmitted(&mut primary, A), "\n");
    assert_eq!(primary.snapshot_finished(1000, now), [A]);
    assert_eq!(transmitted(&mut primary, A), "$1000\r\n");
    assert_eq!(primary.replicas(now).next().unwrap().state.to_string(), "send_bulk");
    assert_eq!(streamed(&primary, A), b"");
    primary.transfer_done(A, now);
    assert_eq!(transmitted(&mut primary, A), "");
    assert_eq!(events(&mut primary), [online(A)]);
    assert!(streamed(&primary, A).ends_with(b"meanwhile"));
}

#[test]
fn the_delay_gathers_replicas_and_enough_of_them_end_it() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless_max_replicas: 3, ..diskless() });
    comes(&mut primary, A, now);
    comes(&mut primary, B, now + 4 * SECOND);
    assert_eq!(primary.poll_snapshot(now + 4 * SECOND), None);
    let request = primary.poll_snapshot(now + 5 * SECOND).unwrap();
    assert_eq!(request.replicas, [A, B]);
    // Who comes before it is taken has part in it.
    comes(&mut primary, C, now + 5 * SECOND);
    assert_eq!(primary.snapshot_started(now + 5 * SECOND).unwrap().replicas, [A, B, C]);

    let mut primary = super::primary(PrimaryConfig { diskless_max_replicas: 2, ..diskless() });
    comes(&mut primary, A, now);
    assert_eq!(primary.poll_snapshot(now), None);
    comes(&mut primary, B, now);
    assert_eq!(primary.poll_snapshot(now).unwrap().replicas, [A, B]);
}

#[test]
fn one_replica_without_capa_eof_makes_all_take_it_by_length() {
    let now = start();
    let mut primary = primary(diskless());
    comes(&mut primary, A, now);
    psync(&mut primary, B, "?", "-1", now);
    let (request, info) = snapshot(&mut primary, now);
    assert_eq!((request.framing, info.replicas), (Framing::Length, vec![A, B]));

    // Once a snapshot of unknown length is asked for, such a replica waits for the next one.
    let mut primary =
        super::primary(PrimaryConfig { diskless_delay: Duration::ZERO, ..diskless() });
    comes(&mut primary, A, now);
    assert_eq!(primary.poll_snapshot(now).unwrap().framing, Framing::Eof);
    psync(&mut primary, B, "?", "-1", now);
    assert_eq!(primary.snapshot_started(now).unwrap().replicas, [A]);
    assert_eq!(primary.poll_snapshot(now), None);
    primary.snapshot_finished(1, now);
    let (request, info) = snapshot(&mut primary, now);
    assert_eq!((request.framing, info.replicas), (Framing::Length, vec![B]));
}

#[test]
fn replicas_that_want_another_rdb_get_their_own() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless_delay: Duration::ZERO, ..diskless() });
    primary.replconf(A, &[b"rdb-filter-only", b"functions"], now);
    comes(&mut primary, A, now);
    comes(&mut primary, B, now);
    primary.replconf(C, &[b"rdb-no-compress", b"1"], now);
    comes(&mut primary, C, now);
    let wanted = [
        RdbFilter { no_data: true, ..Default::default() },
        RdbFilter::default(),
        RdbFilter { no_compression: true, ..Default::default() },
    ];
    for (id, filter) in [A, B, C].into_iter().zip(wanted) {
        let (request, info) = snapshot(&mut primary, now);
        assert_eq!((request.filter, info.replicas), (filter, vec![id]));
        primary.snapshot_finished(1, now);
    }
}

#[test]
fn replicas_that_read_another_dialect_get_their_own() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless_delay: Duration::ZERO, ..diskless() });
    primary.replconf(A, &[b"version", b"9.1.2"], now);
    primary.replconf(C, &[b"version", b"9.0.0"], now);
    for id in [A, B, C] {
        comes(&mut primary, id, now);
    }
    for (replicas, valkey) in [(vec![A, C], true), (vec![B], false)] {
        let (request, info) = snapshot(&mut primary, now);
        assert_eq!((request.filter.valkey_9, info.replicas), (valkey, replicas));
        primary.snapshot_finished(1, now);
    }
}

#[test]
fn a_late_replica_joins_a_snapshot_that_is_sent_by_length() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless: false, ..diskless() });
    comes(&mut primary, A, now);
    snapshot(&mut primary, now);
    primary.feed(0, b"since");
    comes(&mut primary, B, now);
    assert_eq!(transmitted(&mut primary, B), format!("+FULLRESYNC {} 0\r\n", id(2)));
    assert_eq!(primary.unread(B), primary.unread(A));
    assert_eq!(primary.snapshot_finished(9, now), [A, B]);
    // Afterwards it is too late.
    comes(&mut primary, C, now);
    assert_eq!(primary.poll_snapshot(now).unwrap().replicas, [C]);
}

#[test]
fn an_rdb_only_replica_costs_no_backlog_and_is_closed_behind_its_rdb() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless_delay: Duration::ZERO, ..diskless() });
    primary.replconf(A, &[b"capa", b"eof", b"rdb-only", b"1"], now);
    assert_eq!(primary.sync(A, now), Decision::FullResync(FullResyncReason::OldSync));
    events(&mut primary);
    snapshot(&mut primary, now);
    assert_eq!(
        transmitted(&mut primary, A),
        format!("$EOF:{}\r\n", id(3)),
        "SYNC has no +FULLRESYNC"
    );
    primary.feed(0, b"not for it");
    assert_eq!(primary.unread(A), 0);
    primary.snapshot_finished(9, now);
    primary.transfer_done(A, now);
    assert_eq!(transmitted(&mut primary, A), id(3).to_string());
    assert_eq!(events(&mut primary), [disconnected(A, DisconnectReason::RdbOnly)]);
}

#[test]
fn a_snapshot_that_nobody_waits_for_is_abandoned() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless_delay: Duration::ZERO, ..diskless() });
    comes(&mut primary, A, now);
    comes(&mut primary, B, now);
    assert!(primary.poll_snapshot(now).is_some());
    primary.disconnected(A, now);
    assert_eq!(primary.poll_snapshot(now).unwrap().replicas, [B]);
    primary.disconnected(B, now);
    assert_eq!(primary.snapshot_started(now), None);
    assert_eq!(primary.poll_snapshot(now), None);

    comes(&mut primary, A, now);
    comes(&mut primary, B, now);
    snapshot(&mut primary, now);
    events(&mut primary);
    primary.disconnected(A, now);
    assert!(events(&mut primary).is_empty());
    primary.disconnected(B, now);
    assert_eq!(events(&mut primary), [PrimaryEvent::SnapshotAbandoned]);
    assert!(primary.snapshot_finished(9, now).is_empty());
    comes(&mut primary, C, now);
    assert!(primary.poll_snapshot(now).is_some());
}

#[test]
fn a_failed_snapshot_sends_its_replicas_away() {
    let now = start();
    for started in [false, true] {
        let mut primary = primary(PrimaryConfig { diskless: false, ..diskless() });
        comes(&mut primary, A, now);
        events(&mut primary);
        assert!(primary.poll_snapshot(now).is_some());
        if started {
            primary.snapshot_started(now).unwrap();
        }
        primary.snapshot_failed(now);
        let expected = disconnected(A, DisconnectReason::SnapshotFailed);
        assert_eq!(events(&mut primary)[0], expected);
        assert_eq!(primary.poll_snapshot(now), None);
        primary.snapshot_failed(now);
    }
}

#[test]
fn a_replica_that_takes_nothing_of_its_rdb_is_cut() {
    let now = start();
    let mut primary = primary(PrimaryConfig { diskless_delay: Duration::ZERO, ..diskless() });
    comes(&mut primary, A, now);
    comes(&mut primary, B, now);
    comes(&mut primary, C, now);
    snapshot(&mut primary, now);
    events(&mut primary);
    let later = now + 59 * SECOND;
    primary.transfer_progress(A, later);
    primary.handle_newline(B, later);
    primary.handle_timeout(later);
    assert!(events(&mut primary).is_empty());
    primary.handle_timeout(now + 60 * SECOND);
    assert_eq!(events(&mut primary), [disconnected(C, DisconnectReason::TransferTimeout)]);
    primary.handle_timeout(later + 60 * SECOND);
    let [a, b] = [A, B].map(|id| disconnected(id, DisconnectReason::TransferTimeout));
    assert_eq!(events(&mut primary), [a, PrimaryEvent::SnapshotAbandoned, b]);
}
