//! Which RDB version a snapshot is to have.

use super::*;

/// A primary at which these ask for a full sync, each with the version that it says.
fn asked(config: PrimaryConfig, who: &[(ReplicaId, Option<&str>)], now: Instant) -> Primary {
    let mut primary = primary(PrimaryConfig { diskless_delay: Duration::ZERO, ..config });
    for &(id, version) in who {
        ask(&mut primary, id, version, now);
    }
    primary
}

fn ask(primary: &mut Primary, id: ReplicaId, version: Option<&str>, now: Instant) {
    let says: Vec<&[u8]> = [&b"capa"[..], b"eof"]
        .into_iter()
        .chain(version.into_iter().flat_map(|version| [&b"version"[..], version.as_bytes()]))
        .collect();
    assert_eq!(primary.replconf(id, &says, now), ReplconfReply::Ok);
    psync(primary, id, "?", "-1", now);
}

#[test]
fn the_newest_that_all_are_known_to_read() {
    let now = start();
    let (valkey_9, valkey_8) = (Some("9.1.2"), Some("8.1.1"));
    let cases = [
        (vec![(A, valkey_9)], Some(80)),
        // Who reads another dialect gets a snapshot of its own.
        (vec![(A, valkey_9), (B, valkey_8), (C, None)], Some(80)),
        (vec![(A, valkey_8), (B, valkey_8)], Some(11)),
        (vec![(A, valkey_8), (B, None)], None),
        (vec![(A, None)], None),
    ];
    for (who, expected) in cases {
        let mut primary = asked(PrimaryConfig::default(), &who, now);
        assert_eq!(primary.poll_snapshot(now).unwrap().rdb_version, expected, "{who:?}");
        assert_eq!(primary.snapshot_started(now).unwrap().rdb_version, expected);
    }
}

#[test]
fn who_breaks_off_is_known_until_it_has_loaded() {
    let now = start();
    let mut primary = asked(PrimaryConfig::default(), &[(A, Some("9.1.2"))], now);
    assert_eq!(primary.loads_version(A), None, "nothing is sent yet");
    primary.poll_snapshot(now).unwrap();
    let offset = primary.snapshot_started(now).unwrap().offset;
    assert_eq!(primary.loads_version(A), Some(80));
    primary.snapshot_finished(9, now);
    primary.transfer_done(A, now);
    assert_eq!(primary.loads_version(A), Some(80), "it has not said that it has loaded");
    primary.replconf(A, &[b"ACK", offset.to_string().as_bytes()], now);
    assert_eq!(primary.loads_version(A), None);

    primary.disconnected(A, now);
    primary.distrust(A);
    ask(&mut primary, A, Some("9.1.2"), now);
    assert_eq!(primary.poll_snapshot(now).unwrap().rdb_version, None);
}

#[test]
fn nobody_joins_a_snapshot_that_it_may_not_read() {
    let now = start();
    let by_length = PrimaryConfig { diskless: false, ..PrimaryConfig::default() };
    for (version, joins) in [(Some("9.1.2"), true), (Some("8.1.1"), false), (None, false)] {
        let mut primary = asked(by_length.clone(), &[(A, Some("9.1.2"))], now);
        primary.poll_snapshot(now).unwrap();
        primary.snapshot_started(now).unwrap();
        ask(&mut primary, B, version, now);
        let served = primary.snapshot_finished(9, now);
        assert_eq!(served.contains(&B), joins, "{version:?}");
    }
}
