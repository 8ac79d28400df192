use super::*;
use proptest::prelude::*;

mod channel;
mod full_sync;
mod roles;
mod spill;
mod version;

const SECOND: Duration = Duration::from_secs(1);
const A: ReplicaId = ReplicaId(1);
const B: ReplicaId = ReplicaId(2);
const C: ReplicaId = ReplicaId(3);

#[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
fn start() -> Instant {
    Instant::now()
}

/// Ids are drawn as 0101..., 0202... and so on.
fn id(drawn: u8) -> ReplId {
    ReplId::from_random([drawn; 20])
}

fn primary(config: PrimaryConfig) -> Primary {
    let mut drawn = 0;
    let entropy = move || {
        drawn += 1;
        [drawn; 20]
    };
    Primary::new(config, Box::new(entropy))
}

fn psync(
    primary: &mut Primary,
    id: ReplicaId,
    replid: &str,
    offset: &str,
    now: Instant,
) -> Decision {
    primary.psync(id, &[replid.as_bytes(), offset.as_bytes()], now)
}

fn transmitted(primary: &mut Primary, id: ReplicaId) -> String {
    let mut text = String::new();
    while let Some((to, bytes)) = primary.poll_transmit() {
        if to == id {
            text += str::from_utf8(&bytes).unwrap();
        }
    }
    text
}

fn streamed(primary: &Primary, id: ReplicaId) -> Vec<u8> {
    primary.stream(id).flatten().copied().collect()
}

fn events(primary: &mut Primary) -> Vec<PrimaryEvent> {
    std::iter::from_fn(|| primary.poll_event()).collect()
}

/// A primary with `A` online at offset 0, sent by length, all read.
fn with_replica(now: Instant) -> Primary {
    let mut primary = primary(PrimaryConfig { diskless: false, ..Default::default() });
    assert_eq!(
        psync(&mut primary, A, "?", "-1", now),
        Decision::FullResync(FullResyncReason::Requested)
    );
    primary.poll_snapshot(now).unwrap();
    primary.snapshot_started(now).unwrap();
    assert_eq!(primary.snapshot_finished(3, now), [A]);
    primary.transfer_done(A, now);
    transmitted(&mut primary, A);
    events(&mut primary);
    primary
}

#[test]
fn psync_answers_as_redis_does() {
    let now = start();
    let mut primary = with_replica(now);
    let ours = primary.history().replid().to_string();
    primary.feed(0, &[b'x'; 100]);
    primary.promote(now);
    primary.feed_raw(&[b'y'; 50]);
    let end = primary.offset().get();
    let new = primary.history().replid().to_string();
    let second = primary.history().second_offset().unwrap().next_byte();
    assert_eq!(second, 124, "SELECT 0 and 100 bytes, and one");

    let next = end + 1;
    let mut ask = |replid: &str, offset: i128| {
        let decision = psync(&mut primary, B, replid, &offset.to_string(), now);
        primary.disconnected(B, now);
        decision
    };
    let goes_on = |decision: Decision, at: u64| match decision {
        Decision::Continue { reply, from, unread } => {
            assert_eq!(reply, "+CONTINUE\r\n");
            assert_eq!((from.next_byte(), unread), (at, next - at));
        }
        other => panic!("{other:?} for {at}"),
    };
    goes_on(ask(&new, i128::from(next)), next);
    goes_on(ask(&new.to_uppercase(), 1), 1);
    goes_on(ask(&ours, i128::from(second)), second);
    let refused = |decision: Decision| match decision {
        Decision::FullResync(reason) => reason.log_lines("h:1").join("\n"),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(ask("?", -1)), "Full resync requested by replica h:1");
    assert_eq!(
        refused(ask(&ours, i128::from(second + 1))),
        "Partial resynchronization not accepted: Requested offset for second ID was 125, but I \
         can reply up to 124"
    );
    assert_eq!(
        refused(ask(&new, i128::from(next + 1))),
        "Unable to partial resync with replica h:1 for lack of backlog (Replica request was: \
         175).\nWarning: replica h:1 tried to PSYNC with an offset that is greater than the \
         master replication offset."
    );
    for offset in [0, -5, i64::MIN] {
        let expected = FullResyncReason::Backlog { asked: offset, ahead: false };
        assert_eq!(ask(&new, i128::from(offset)), Decision::FullResync(expected));
    }
    let expected = FullResyncReason::Backlog { asked: i64::MAX, ahead: true };
    assert_eq!(ask(&new, i128::from(i64::MAX)), Decision::FullResync(expected));
    for stranger in [&new[1..], "", "0000000000000000000000000000000000000000", &id(9).to_string()]
    {
        assert_eq!(
            refused(ask(stranger, 1)),
            format!(
                "Partial resynchronization not accepted: Replication ID mismatch (Replica asked \
                 for '{stranger}', my replication IDs are '{new}' and '{ours}')"
            )
        );
    }
    let not_an_integer = Decision::Error("ERR value is not an integer or out of range");
    assert_eq!(ask(&new, i128::from(i64::MAX) + 1), not_an_integer);
    assert!(!primary.is_replica(B));
}

#[test]
fn psync_takes_what_it_cannot_do_with_an_error() {
    let now = start();
    let mut primary = with_replica(now);
    let ours = primary.history().replid().to_string();
    let failover = |primary: &mut Primary, replid: &str| {
        primary.psync(B, &[replid.as_bytes(), b"1", b"FAILOVER"], now)
    };
    assert_eq!(
        failover(&mut primary, &ours),
        Decision::Error("ERR PSYNC FAILOVER can't be sent to a master.")
    );
    assert_eq!(psync(&mut primary, A, &ours, "1", now), Decision::Ignored);
    assert_eq!(primary.sync(A, now), Decision::Ignored);
    assert_eq!(
        primary.psync(B, &[b"?"], now),
        Decision::Error("ERR wrong number of arguments for 'psync' command")
    );
    primary.set_upstream(Upstream::Connected);
    assert_eq!(
        failover(&mut primary, &id(9).to_string()),
        Decision::Error("ERR PSYNC FAILOVER replid must match my replid.")
    );
    primary.set_upstream(Upstream::Lost);
    let no_link = Decision::Error("NOMASTERLINK Can't SYNC while not connected with my master");
    assert_eq!(psync(&mut primary, B, &ours, "1", now), no_link);
    assert_eq!(primary.sync(B, now), no_link);
}

/// Texts captured from Redis 7.0.15, but for `version` (Valkey) and the port beyond 65535.
#[test]
fn replconf_answers_as_redis_does() {
    let now = start();
    let mut primary = primary(PrimaryConfig::default());
    let mut say = |text: &str| {
        let args: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        match primary.replconf(A, &args, now) {
            ReplconfReply::Ok => "OK".to_owned(),
            ReplconfReply::Error(text) => text,
            ReplconfReply::Silent => String::new(),
        }
    };
    let not_an_integer = "ERR value is not an integer or out of range";
    assert_eq!(say("listening-port"), "ERR syntax error");
    assert_eq!(say("listening-port abc"), not_an_integer);
    assert_eq!(say("listening-port 65536"), not_an_integer);
    assert_eq!(say("LISTENING-PORT 65535"), "OK");
    assert_eq!(say("rdb-only 2"), "ERR value is out of range, value must between 0 and 1");
    assert_eq!(say("rdb-only x"), not_an_integer);
    assert_eq!(say("rdb-filter-only keys"), "ERR Unsupported rdb-filter-only option: keys");
    assert_eq!(say("rdb-filter-only functions"), "OK");
    assert_eq!(say("rdb-filter-only "), "OK");
    assert_eq!(
        say(&format!("ip-address {}", "x".repeat(256))),
        "ERR REPLCONF ip-address provided by replica instance is too long: 256 bytes"
    );
    assert_eq!(say("capa eof capa psync2 capa dual-channel"), "OK");
    assert_eq!(say("version 9.1.2"), "OK");
    assert_eq!(say("version 9.1"), "ERR Unrecognized version format: 9.1");
    assert_eq!(say("foo 1"), "ERR Unrecognized REPLCONF option: foo");
    assert_eq!(say("ack x"), "");
    assert_eq!(say("ack 5"), "", "from a client that is no replica");
    assert_eq!(say("getack *"), "");
    assert_eq!(say("ack 1 fack"), "ERR syntax error");
    assert_eq!(primary.replconf(A, &[], now), ReplconfReply::Ok);
}

#[test]
fn what_a_client_says_of_itself_shows_in_its_view() {
    let now = start();
    let mut primary = primary(PrimaryConfig::default());
    let said: [&[u8]; 6] =
        [b"listening-port", b"7001", b"ip-address", b"10.0.0.9", b"version", b"9.1.2"];
    primary.replconf(A, &said, now);
    primary.replconf(B, &[b"listening-port", b"7002"], now);
    assert_eq!(primary.replicas(now).count(), 0);
    psync(&mut primary, A, "?", "-1", now);
    // Said after PSYNC it counts as well.
    primary.replconf(A, &[b"listening-port", b"7003"], now);
    let view = primary.replicas(now).next().unwrap();
    assert_eq!((view.ip, view.port, view.version), (Some("10.0.0.9"), 7003, Some("9.1.2")));
    assert_eq!(view.state.to_string(), "wait_bgsave");
    primary.disconnected(B, now);
    assert!(primary.peers.is_empty(), "what is gone is forgotten");
}

#[test]
fn select_precedes_a_command_only_when_the_database_changes() {
    let now = start();
    let mut primary = with_replica(now);
    let select = |db: u32| format!("*2\r\n$6\r\nSELECT\r\n$1\r\n{db}\r\n");
    primary.feed(0, b"a");
    primary.feed(0, b"b");
    primary.feed(5, b"c");
    let getack = "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";
    assert_eq!(getack.len(), 37);
    primary.request_acks();
    primary.feed(5, b"d");
    let expected = format!("{}ab{}c{getack}d", select(0), select(5));
    assert_eq!(String::from_utf8(streamed(&primary, A)).unwrap(), expected);
    assert_eq!(primary.unread(A), expected.len() as u64);
    primary.sent(A, 10);
    assert_eq!(primary.unread(A), expected.len() as u64 - 10);
    // A new replica does not know where the stream is.
    psync(&mut primary, B, "?", "-1", now);
    primary.poll_snapshot(now).unwrap();
    assert_eq!(primary.snapshot_started(now).unwrap().stream_db, 5);
    let before = primary.offset().get();
    primary.feed(5, b"e");
    assert_eq!(primary.offset().get() - before, select(5).len() as u64 + 1);
}

#[test]
fn nothing_is_counted_before_the_first_replica() {
    let now = start();
    let mut primary = primary(PrimaryConfig::default());
    let first = primary.history().replid();
    primary.feed(0, b"lost");
    primary.request_acks();
    assert!(!primary.is_feeding());
    assert_eq!(primary.offset(), Offset::ZERO);
    psync(&mut primary, A, "?", "-1", now);
    assert!(primary.is_feeding());
    let replid = primary.history().replid();
    assert_ne!(replid, first, "the data set is not the stream's from offset 0");
    assert_eq!(events(&mut primary), [PrimaryEvent::BacklogCreated { replid }]);
}

#[test]
fn acks_count_and_lag_is_what_passed_since() {
    let now = start();
    let mut primary = with_replica(now);
    primary.feed(0, &[b'x'; 77]);
    let end = primary.offset();
    assert_eq!(primary.acked_by(end), 0);
    let ack = |primary: &mut Primary, args: &[&str], now| {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        assert_eq!(primary.replconf(A, &args, now), ReplconfReply::Silent);
    };
    ack(&mut primary, &["ACK", "100", "FACK", "60"], now);
    ack(&mut primary, &["ACK", "40"], now + SECOND);
    let later = now + 4 * SECOND;
    let view = primary.replicas(later).next().unwrap();
    assert_eq!((view.acked.get(), view.fsynced.map(Offset::get), view.lag), (100, Some(60), 3));
    assert_eq!(primary.acked_by(end), 1);
    assert_eq!(primary.good_replicas(3 * SECOND, later), 1);
    assert_eq!(primary.good_replicas(2 * SECOND, later), 0);
    ack(&mut primary, &["ACK", "-1"], now);
    ack(&mut primary, &["ACK", "99999999999999999999"], now);
    assert!(events(&mut primary).is_empty());
}

#[test]
fn an_ack_from_the_future_ends_the_link() {
    let now = start();
    let most = i64::MAX.to_string();
    for said in [
        &[&b"ACK"[..], b"1"][..],
        &[b"ACK", b"0", b"FACK", b"1"],
        &[b"ACK", most.as_bytes()],
        &[b"ACK", b"0", b"FACK", most.as_bytes()],
    ] {
        let mut primary = with_replica(now);
        primary.replconf(A, said, now);
        let reason = DisconnectReason::AckFromTheFuture;
        let expected = PrimaryEvent::Disconnect { id: A, reason, flush: false };
        assert_eq!(events(&mut primary), [expected]);
        assert!(!primary.is_replica(A));
    }
    // What is no offset says nothing.
    for said in [&b"-1"[..], b"", b"one", b"9223372036854775808"] {
        let mut primary = with_replica(now);
        primary.replconf(A, &[b"ACK", said], now);
        assert_eq!((events(&mut primary).len(), primary.is_replica(A)), (0, true));
    }
}

#[test]
fn nothing_is_left_of_a_connection_whose_id_is_used_again() {
    let now = start();
    let mut primary = with_replica(now);
    primary.feed(0, b"x");
    psync(&mut primary, B, "?", "-1", now);
    primary.poll_snapshot(now).unwrap();
    primary.snapshot_started(now).unwrap();
    primary.snapshot_failed(now);
    primary.disconnected(B, now);
    primary.disconnected(C, now);
    assert_eq!(transmitted(&mut primary, B), "");
    assert!(events(&mut primary).is_empty());
    assert_eq!(streamed(&primary, B), b"");
}

proptest! {
    /// What any client says does no harm to the replicas of others.
    #[test]
    fn no_words_of_a_client_matter_to_others(
        words in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..50),
                prop::sample::select(vec![
                    b"listening-port".to_vec(), b"ip-address".to_vec(), b"capa".to_vec(),
                    b"ack".to_vec(), b"fack".to_vec(), b"rdb-only".to_vec(), b"-1".to_vec(),
                    b"rdb-filter-only".to_vec(), b"version".to_vec(), b"9223372036854775807".to_vec(),
                    b"?".to_vec(), b"failover".to_vec(), b"0".to_vec(),
                ]),
            ],
            0..8,
        ),
        as_psync: bool,
    ) {
        let now = start();
        let mut primary = with_replica(now);
        let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if as_psync {
            let _ = primary.psync(B, &args, now);
        }
        let _ = primary.replconf(B, &args, now);
        primary.disconnected(B, now);
        prop_assert_eq!(primary.replicas(now).count(), 1);
        prop_assert!(primary.peers.is_empty());
    }
}
