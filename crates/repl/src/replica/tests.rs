use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod channel;

const SECOND: Duration = Duration::from_secs(1);
const ID: &str = "cbc3039a675b4293246ef9513760c4b9269453ca";
const MARKER: &str = "8ce7cfb88639ff003844e709d456e3084b82fb53";
const PSYNC_NEW: &str = "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n";

#[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
fn start() -> Instant {
    Instant::now()
}

fn id() -> ReplId {
    ReplId::parse(ID.as_bytes()).unwrap()
}

fn offset(n: u64) -> Offset {
    Offset::new(n).unwrap()
}

fn said(replica: &mut Replica) -> String {
    let mut out = Vec::new();
    let any = replica.poll_transmit(&mut out);
    assert_eq!(any, !out.is_empty());
    String::from_utf8(out).unwrap()
}

/// A replica that just connected, its PING sent.
fn connected(config: ReplicaConfig, now: Instant) -> Replica {
    let mut replica = Replica::new(config, 1, now);
    replica.handle_timeout(now);
    assert_eq!(replica.poll_event(), Some(ReplicaEvent::Connect));
    replica.handle_connected(now);
    assert_eq!(said(&mut replica), "*1\r\n$4\r\nPING\r\n");
    replica
}

/// Hands in lines that are taken whole; the last step.
fn hear<'a>(replica: &mut Replica, lines: &'a str, now: Instant) -> Result<Step<'a>, Error> {
    let mut rest = lines.as_bytes();
    let mut last = Step::Handshake;
    while !rest.is_empty() {
        let progress = replica.handle_input(rest, now)?;
        assert!(progress.used > 0, "stuck at {:?}", rest.escape_ascii().to_string());
        rest = &rest[progress.used..];
        last = progress.step.unwrap();
    }
    Ok(last)
}

/// PSYNC is out.
fn asked(now: Instant) -> Replica {
    let mut replica = connected(ReplicaConfig::default(), now);
    hear(&mut replica, "+PONG\r\n+OK\r\n+OK\r\n", now).unwrap();
    assert!(said(&mut replica).ends_with(PSYNC_NEW));
    replica
}

/// An RDB was announced.
fn syncing(announced: &str, now: Instant) -> Replica {
    let mut replica = asked(now);
    let lines = format!("+FULLRESYNC {ID} 1000\r\n{announced}\r\n");
    hear(&mut replica, &lines, now).unwrap();
    replica
}

/// The stream flows from 1000.
fn streaming(now: Instant) -> Replica {
    let mut replica = syncing("$3", now);
    replica.handle_input(b"RDB", now).unwrap();
    replica.rdb_finished(3, now);
    let loaded = Step::Loaded { replid: Some(id()), offset: offset(1000) };
    let expected = Progress { used: 0, step: Some(loaded) };
    assert_eq!(replica.handle_input(b"", now), Ok(expected));
    assert!(said(&mut replica).ends_with("\r\n1000\r\n"), "the first ACK follows at once");
    replica
}

/// The exchange between Redis 7.0.15 servers with a password and an announced address.
#[test]
fn the_handshake_as_it_was_captured() {
    let now = start();
    let config = ReplicaConfig {
        listening_port: 22003,
        announce_ip: Some("127.0.0.1".into()),
        masteruser: Some(b"default".to_vec()),
        masterauth: Some(b"pw".to_vec()),
        ..Default::default()
    };
    let mut replica = connected(config, now);
    hear(&mut replica, "-NOAUTH Authentication required.\r\n", now).unwrap();
    assert_eq!(
        said(&mut replica),
        "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$2\r\npw\r\n\
         *3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$5\r\n22003\r\n\
         *3\r\n$8\r\nREPLCONF\r\n$10\r\nip-address\r\n$9\r\n127.0.0.1\r\n\
         *5\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n"
    );
    for _ in 0..3 {
        hear(&mut replica, "+OK\r\n", now).unwrap();
        assert_eq!(said(&mut replica), "", "PSYNC must not be sent behind pending replies");
    }
    hear(&mut replica, "-ERR whatever: a capability less\r\n", now).unwrap();
    assert_eq!(said(&mut replica), PSYNC_NEW);
    assert_eq!(replica.phase(), ReplicaPhase::Handshake);
    hear(&mut replica, "\n\n", now).unwrap();
    let line = format!("+FULLRESYNC {ID} 28\r\n");
    let step = hear(&mut replica, &line, now).unwrap();
    assert_eq!(step, Step::FullResync { replid: Some(id()), offset: offset(28) });
    hear(&mut replica, "\n", now).unwrap();
    let line = format!("$EOF:{MARKER}\r\n");
    let step = hear(&mut replica, &line, now).unwrap();
    assert_eq!(step, Step::RdbStart { len: None });
    assert_eq!(replica.phase(), ReplicaPhase::Sync);
}

#[test]
fn a_version_is_announced_when_there_is_one() {
    let now = start();
    let config = ReplicaConfig { version: Some("9.1.2".into()), ..Default::default() };
    let mut replica = connected(config, now);
    hear(&mut replica, "+PONG\r\n", now).unwrap();
    let expected = "*3\r\n$8\r\nREPLCONF\r\n$7\r\nversion\r\n$5\r\n9.1.2\r\n";
    assert!(said(&mut replica).ends_with(expected));
    // Redis 6.0 does not know it.
    hear(&mut replica, "+OK\r\n+OK\r\n-ERR Unrecognized REPLCONF option: version\r\n", now)
        .unwrap();
    assert_eq!(said(&mut replica), PSYNC_NEW);
}

#[test]
fn refusals_end_the_attempt_and_stay_until_the_next() {
    let now = start();
    let auth = ReplicaConfig { masterauth: Some(b"pw".to_vec()), ..Default::default() };
    let plain = ReplicaConfig::default();
    let cases = [
        (&plain, "-LOADING Redis is loading the dataset in memory\r\n", "PING"),
        (&auth, "+PONG\r\n-WRONGPASS invalid username-password pair\r\n", "AUTH"),
        (&plain, "+PONG\r\n+OK\r\n+OK\r\n-NOMASTERLINK Can't SYNC\r\n", "PSYNC"),
        (&plain, "+PONG\r\n+OK\r\n+OK\r\n-LOADING soon\r\n", "PSYNC"),
        (&plain, "+PONG\r\n+OK\r\n+OK\r\n-NOPERM no\r\n", "PSYNC"),
    ];
    for (config, lines, refused) in cases {
        let mut replica = connected(config.clone(), now);
        let error = hear(&mut replica, lines, now).unwrap_err();
        assert!(matches!(&error, Error::Refused { step, .. } if *step == refused), "{error}");
        assert_eq!(replica.handle_input(b"+OK\r\n", now), Err(error));
        assert_eq!(replica.poll_timeout(), None);
        replica.handle_disconnected(now);
        assert!(replica.poll_timeout().unwrap() > now);
        replica.handle_connected(now);
        hear(&mut replica, "+PONG\r\n", now).unwrap();
    }
    let mut replica = syncing("\n", now);
    let error = hear(&mut replica, "-ERR BGSAVE failed\r\n", now).unwrap_err();
    assert_eq!(error.to_string(), "primary refused the full sync: ERR BGSAVE failed");
}

#[test]
fn malformed_answers_say_where_and_what() {
    let now = start();
    let id = ID;
    let cases = [
        ("HTTP/1.1 400\r\n", 0, "expected +PONG"),
        ("+PONG\r\n:1\r\n", 7, "expected a status reply"),
        ("+PONG\r\n+OK\r\n+OK\r\n+WHAT\r\n", 17, "expected an answer to PSYNC"),
        ("+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC\r\n", 17, "expected an answer to PSYNC"),
        (
            "+PONG\r\n+OK\r\n+OK\r\n\n+FULLRESYNC x 1\r\n",
            18,
            "expected +FULLRESYNC <replid> <offset>",
        ),
        (
            &format!("+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC {id} -1\r\n"),
            17,
            "expected +FULLRESYNC <replid> <offset>",
        ),
        // No room would be left for its stream.
        (
            &format!("+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC {id} {}\r\n", i64::MAX),
            17,
            "expected +FULLRESYNC <replid> <offset>",
        ),
        ("+PONG\r\n+OK\r\n+OK\r\n+CONTINUED\r\n", 17, "expected +CONTINUE <replid>"),
        (
            &format!("+PONG\r\n+OK\r\n+OK\r\n+CONTINUE {}\r\n", &id[1..]),
            17,
            "expected +CONTINUE <replid>",
        ),
        (
            &format!("+PONG\r\n+OK\r\n+OK\r\n+CONTINUE {id}\r\n"),
            17,
            "+CONTINUE where no stream was asked for",
        ),
        (
            &format!("+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC {id} 1\r\n$-1\r\n"),
            73,
            "expected $<length> or $EOF:<marker>",
        ),
        (
            &format!("+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC {id} 1\r\n$EOF:{}\r\n", &id[1..]),
            73,
            "expected $EOF: and 40 bytes",
        ),
    ];
    for (lines, place, expected) in cases {
        let mut replica = connected(ReplicaConfig::default(), now);
        match hear(&mut replica, lines, now).unwrap_err() {
            Error::Protocol { at, what, .. } => {
                assert_eq!((at, what), (place, expected), "{lines}");
            }
            other => panic!("{other} for {lines}"),
        }
    }
}

#[test]
fn a_line_without_end_is_not_collected_for_ever() {
    let now = start();
    let limit = ReplicaConfig::default().max_line;
    let mut replica = connected(ReplicaConfig::default(), now);
    let long = vec![b'+'; limit + 1];
    let more = Progress { used: 0, step: None };
    assert_eq!(replica.handle_input(&long[..limit], now), Ok(more));
    let error = Error::LineTooLong { at: 0, limit };
    assert_eq!(replica.handle_input(&long, now), Err(error.clone()));
    let mut replica = connected(ReplicaConfig::default(), now);
    let whole = [&long[..], b"\r\n"].concat();
    assert_eq!(replica.handle_input(&whole, now), Err(error));
}

#[test]
fn a_primary_from_before_psync_is_asked_by_sync() {
    let now = start();
    let mut replica = asked(now);
    let step = hear(&mut replica, "-ERR unknown command 'PSYNC'\r\n", now).unwrap();
    assert_eq!(step, Step::FullResync { replid: None, offset: Offset::ZERO });
    assert_eq!(said(&mut replica), "SYNC\r\n");
    hear(&mut replica, "$2\r\n", now).unwrap();
    assert_eq!(replica.handle_input(b"xx*1", now).unwrap().step, Some(Step::Rdb(b"xx")));
    replica.rdb_finished(2, now);
    let loaded = Step::Loaded { replid: None, offset: Offset::ZERO };
    assert_eq!(replica.handle_input(b"*1", now).unwrap().step, Some(loaded));
    replica.handle_input(b"*1", now).unwrap();
    replica.applied(2, now);
    replica.handle_timeout(now + 2 * SECOND);
    assert_eq!(said(&mut replica), "", "it knows no ACK");
    assert_eq!(replica.history(), None);
}

#[test]
fn a_marker_must_follow_the_rdb_and_inside_of_it_means_nothing() {
    let now = start();
    let rdb = format!("x{MARKER}y");
    let stream = format!("{rdb}{MARKER}*1\r\n");
    let mut replica = syncing(&format!("$EOF:{MARKER}"), now);
    let offered = replica.handle_input(stream.as_bytes(), now).unwrap();
    assert_eq!(offered, Progress { used: 0, step: Some(Step::Rdb(stream.as_bytes())) });
    replica.rdb_taken(5, now).unwrap();
    assert_eq!(replica.status(now).sync_read, 5);
    replica.rdb_finished(rdb.len() - 5, now);
    let behind = &stream.as_bytes()[rdb.len()..];
    for end in 0..40 {
        let more = Progress { used: 0, step: None };
        assert_eq!(replica.handle_input(&behind[..end], now), Ok(more));
    }
    let loaded = Step::Loaded { replid: Some(id()), offset: offset(1000) };
    assert_eq!(replica.handle_input(behind, now), Ok(Progress { used: 40, step: Some(loaded) }));
    assert_eq!(replica.history(), Some((id(), offset(1000))));

    let mut replica = syncing(&format!("$EOF:{MARKER}"), now);
    replica.handle_input(b"rdb", now).unwrap();
    replica.rdb_finished(3, now);
    let error = replica.handle_input(b"8ce7X", now).unwrap_err();
    assert!(matches!(error, Error::Marker { .. }), "{error}");
    assert_eq!(replica.history(), None);
}

#[test]
fn an_rdb_by_length_ends_where_it_was_said() {
    let now = start();
    let announce = || syncing("$10", now);
    let at = announce().position;
    // The decoder sees the end too early.
    let mut replica = announce();
    replica.handle_input(b"0123456789*1", now).unwrap();
    replica.rdb_finished(9, now);
    let error = Error::RdbLength { at: at + 9, announced: 10, seen: 9 };
    assert_eq!(replica.handle_input(b"9*1", now), Err(error));
    // Or never.
    let mut replica = announce();
    let offered = replica.handle_input(b"0123456789*1", now).unwrap();
    assert_eq!(offered.step, Some(Step::Rdb(b"0123456789")));
    let status = replica.status(now);
    assert_eq!((status.sync_total, status.sync_read), (Some(10), 0));
    let error = Error::RdbLength { at: at + 10, announced: 10, seen: 10 };
    assert_eq!(replica.rdb_taken(10, now), Err(error.clone()));
    assert_eq!(replica.handle_input(b"*1", now), Err(error));
    // Or it waits for the rest of a value that the length has no room for.
    let mut replica = announce();
    replica.handle_input(b"0123456789", now).unwrap();
    let error = Error::RdbLength { at: at + 7, announced: 10, seen: 7 };
    assert_eq!(replica.rdb_taken(7, now), Err(error.clone()));
    assert_eq!(replica.handle_input(b"789", now), Err(error));
    // So it is where the last bytes come by themselves, and it takes none of them.
    let mut replica = announce();
    replica.handle_input(b"012345678", now).unwrap();
    replica.rdb_taken(7, now).unwrap();
    replica.handle_input(b"789", now).unwrap();
    let error = Error::RdbLength { at: at + 7, announced: 10, seen: 7 };
    assert_eq!(replica.rdb_taken(0, now), Err(error));
    // The caller finds it damaged.
    let mut replica = announce();
    replica.handle_input(b"01", now).unwrap();
    replica.rdb_taken(2, now).unwrap();
    let error = replica.fail("no RDB magic");
    assert_eq!(
        error.to_string(),
        format!("damaged data at byte {} of the link: no RDB magic", at + 2)
    );
    assert_eq!(replica.handle_input(b"23", now), Err(error));
}

#[test]
fn acks_say_what_is_applied() {
    let now = start();
    let ack = |n: u64| format!("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$4\r\n{n}\r\n");
    let mut replica = streaming(now);
    assert_eq!(replica.poll_timeout(), Some(now + SECOND));
    let offered = replica.handle_input(b"0123456789", now).unwrap();
    assert_eq!(offered.step, Some(Step::Stream(b"0123456789")));
    replica.applied(4, now);
    let status = replica.status(now);
    assert_eq!((status.received, status.applied), (offset(1010), offset(1004)));
    replica.ack_now(now);
    replica.handle_timeout(now + SECOND - Duration::from_millis(1));
    assert_eq!(said(&mut replica), ack(1004));
    replica.handle_timeout(now + SECOND);
    replica.handle_timeout(now + SECOND);
    assert_eq!(said(&mut replica), ack(1004));
    // A transaction counts when it is run.
    replica.queued(5, now);
    replica.ack_now(now);
    assert_eq!(said(&mut replica), ack(1004));
    assert_eq!(replica.status(now).received, offset(1010));
    replica.applied(1, now);
    replica.ack_now(now);
    assert_eq!(said(&mut replica), ack(1010));
}

#[test]
fn a_lost_link_goes_on_behind_what_was_applied() {
    let now = start();
    let mut replica = streaming(now);
    replica.handle_input(b"0123456789", now).unwrap();
    replica.applied(4, now);
    replica.queued(3, now);
    replica.handle_disconnected(now + 5 * SECOND);
    replica.handle_disconnected(now + 6 * SECOND);
    assert_eq!(replica.status(now + 7 * SECOND).uptime.down_for, Some(2 * SECOND));
    let next = replica.poll_timeout().unwrap();
    assert!(next <= now + 6 * SECOND);
    replica.handle_timeout(next);
    assert_eq!(replica.poll_event(), Some(ReplicaEvent::Connect));
    replica.handle_connected(next);
    hear(&mut replica, "+PONG\r\n+OK\r\n+OK\r\n", next).unwrap();
    let ask = format!("*3\r\n$5\r\nPSYNC\r\n$40\r\n{ID}\r\n$4\r\n1005\r\n");
    assert!(said(&mut replica).ends_with(&ask));
    // A server from before PSYNC2 does not name the id.
    let step = hear(&mut replica, "+CONTINUE\r\n", next).unwrap();
    assert_eq!(step, Step::Continue { replid: id(), changed: false });
    assert!(said(&mut replica).ends_with("\r\n1004\r\n"));
    assert_eq!(replica.status(next).uptime.down_for, None);
}

#[test]
fn another_id_in_continue_is_adopted() {
    let now = start();
    let mut replica = Replica::new(ReplicaConfig::default(), 1, now);
    replica.resume_from(id(), offset(64));
    replica.handle_connected(now);
    let line = format!("+PONG\r\n+OK\r\n+OK\r\n+CONTINUE {MARKER}\r\n");
    let new = ReplId::parse(MARKER.as_bytes()).unwrap();
    let step = hear(&mut replica, &line, now).unwrap();
    assert_eq!(step, Step::Continue { replid: new, changed: true });
    assert!(said(&mut replica).contains(&format!("PSYNC\r\n$40\r\n{ID}\r\n$2\r\n65\r\n")));
    assert_eq!(replica.history(), Some((new, offset(64))));
    replica.forget();
    assert_eq!(replica.history(), None);
}

#[test]
fn an_unfinished_data_set_changes_nothing() {
    let now = start();
    let mut replica = streaming(now);
    replica.handle_disconnected(now);
    replica.handle_connected(now);
    let lines = format!("+PONG\r\n+OK\r\n+OK\r\n+FULLRESYNC {MARKER} 7\r\n$100\r\n");
    hear(&mut replica, &lines, now).unwrap();
    replica.handle_input(b"half of it", now).unwrap();
    replica.rdb_taken(10, now).unwrap();
    replica.handle_disconnected(now);
    assert_eq!(replica.history(), Some((id(), offset(1000))), "the old data set is still whole");
}

#[test]
fn while_a_data_set_comes_an_empty_line_each_second_says_that_we_live() {
    let now = start();
    let mut replica = syncing("$100", now);
    for second in 1..=10 {
        let now = now + second * SECOND;
        assert_eq!(replica.poll_timeout(), Some(now));
        replica.handle_timeout(now);
        replica.handle_timeout(now);
        assert_eq!(said(&mut replica), "\n");
    }
    replica.handle_input(b"x", now + 10 * SECOND).unwrap();
    replica.rdb_taken(1, now + 50 * SECOND).unwrap();
    replica.handle_timeout(now + 109 * SECOND);
    assert_eq!(replica.poll_event(), None);
    replica.handle_timeout(now + 110 * SECOND);
    let reason = Error::Timeout { what: "receiving bulk data from the primary" };
    assert_eq!(replica.poll_event(), Some(ReplicaEvent::Disconnect { reason }));
}

#[test]
fn a_primary_that_falls_silent_is_given_up() {
    let now = start();
    let silent = |mut replica: Replica, what: &'static str| {
        let end = now + 60 * SECOND;
        while let Some(next) = replica.poll_timeout().filter(|next| *next < end) {
            replica.handle_timeout(next);
        }
        assert_eq!(replica.poll_event(), None);
        replica.handle_timeout(end);
        let reason = Error::Timeout { what };
        assert_eq!(replica.poll_event(), Some(ReplicaEvent::Disconnect { reason: reason.clone() }));
        assert_eq!(replica.handle_input(b"\n", end), Err(reason));
    };
    let mut connecting = Replica::new(ReplicaConfig::default(), 1, now);
    connecting.handle_timeout(now);
    assert_eq!(connecting.poll_event(), Some(ReplicaEvent::Connect));
    assert_eq!(connecting.phase().name(), "connecting");
    silent(connecting, "connecting to the primary");
    silent(asked(now), "waiting for a reply of the primary's handshake");
    silent(streaming(now), "no data nor PING received from the primary");
}

#[test]
fn an_offset_that_outgrows_its_number_is_an_error() {
    let now = start();
    let mut replica = streaming(now);
    let brink = Offset::MAX_NAMED.checked_add((1 << 62) - 4).unwrap();
    replica.history = Some((id(), brink));
    let at = replica.position;
    assert!(replica.handle_input(b"12", now).is_ok());
    assert_eq!(replica.handle_input(b"123", now), Err(Error::OffsetRange { at }));
}

proptest! {
    /// Any bytes, taken in any pieces, are an error or a step, and never change what was held.
    #[test]
    fn any_bytes_are_survived(
        lines in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "+PONG\r\n", "+OK\r\n", "-ERR unknown command\r\n", "\n", "+CONTINUE\r\n",
                    "$5\r\n", "$99999999999999999\r\n", "$EOF:8ce7cfb88639ff003844e709d456e3084b82fb53\r\n",
                    "+FULLRESYNC cbc3039a675b4293246ef9513760c4b9269453ca 12\r\n",
                    "8ce7cfb88639ff003844e709d456e3084b82fb53",
                ]).prop_map(|line| line.as_bytes().to_vec()),
                prop::collection::vec(any::<u8>(), 0..20),
            ],
            0..20,
        ),
        taken in prop::collection::vec((0..12usize, any::<bool>()), 1..20),
    ) {
        let now = start();
        let mut replica = connected(ReplicaConfig::default(), now);
        let input = lines.concat();
        let mut at = 0;
        let mut taken = taken.iter().cycle();
        for _ in 0..200 {
            let Ok(progress) = replica.handle_input(&input[at..], now) else { break };
            at += progress.used;
            let Some(step) = progress.step else { break };
            let &(wanted, over) = taken.next().unwrap();
            let n = match step {
                Step::Rdb(bytes) | Step::Stream(bytes) => wanted.min(bytes.len()),
                _ => continue,
            };
            match step {
                Step::Rdb(_) if over => replica.rdb_finished(n, now),
                Step::Rdb(_) => drop(replica.rdb_taken(n, now)),
                _ if over => replica.queued(n, now),
                _ => replica.applied(n, now),
            }
            at += n;
        }
        prop_assert!(at <= input.len());
        let status = replica.status(now);
        prop_assert!(status.applied <= status.received);
    }
}

#[test]
fn psync_hands_over_until_it_is_answered() {
    let now = start();
    let mut replica = Replica::new(ReplicaConfig::default(), 1, now);
    replica.resume_from(id(), offset(1000));
    replica.hand_over(true);
    let mut ask = |answer: &str, now: Instant| {
        replica.handle_timeout(now);
        assert_eq!(replica.poll_event(), Some(ReplicaEvent::Connect));
        replica.handle_connected(now);
        hear(&mut replica, "+PONG\r\n+OK\r\n+OK\r\n", now).unwrap();
        let asked = said(&mut replica);
        let heard = hear(&mut replica, answer, now).is_ok();
        replica.handle_disconnected(now);
        (asked.ends_with("\r\n$4\r\n1001\r\n$8\r\nFAILOVER\r\n"), heard)
    };
    assert_eq!(ask("-LOADING wait\r\n", now), (true, false));
    assert_eq!(ask(&format!("+CONTINUE {ID}\r\n"), now + 10 * SECOND), (true, true));
    assert_eq!(ask(&format!("+CONTINUE {ID}\r\n"), now + 20 * SECOND), (false, true));
    assert!(!replica.is_handing_over());
}
