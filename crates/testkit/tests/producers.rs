//! Entries that producers send again (`XADD IDMP`, `XCFGSET`, `XIDMPRECORD`): as Redis 8.6 has them, from
//! server to server and through files.

use std::collections::BTreeMap;
use std::time::Duration;

use redwire_testkit::{
    Client, Peer, Redwire, Reply, Server, assert_same_data, wait_caught_up, wait_until,
};

const SOON: Duration = Duration::from_secs(20);

/// Replies with the ids that the clock gave, each by when it was first seen.
#[derive(Default)]
struct Shown {
    ids: BTreeMap<String, usize>,
}

impl Shown {
    fn reply(&mut self, reply: &Reply) -> String {
        match reply {
            Reply::Array(parts) => {
                format!("{:?}", parts.iter().map(|part| self.reply(part)).collect::<Vec<_>>())
            }
            other => {
                let text = other.text();
                let given = text.len() > 14 && text.split('-').all(|it| it.parse::<u64>().is_ok());
                if !given {
                    return format!("{other:?}");
                }
                let next = self.ids.len();
                format!("id {}", self.ids.entry(text).or_insert(next))
            }
        }
    }
}

const LINES: &str = "
    XADD s IDMP
    XADD s IDMP p
    XADD s IDMP p i
    XADD s IDMP p i *
    XADD s IDMP p i * a
    XADD s IDMP p i 1-1 a b
    XADD s IDMP p i 1-* a b
    XADD s IDMP p i x a b
    XADD s IDMPAUTO p 1-1 a b
    XADD s MAXLEN 5 IDMP p
    XADD s LIMIT 5 IDMP p i * a b
    XADD s IDMP p i LIMIT 5 1-1 a b
    XADD none NOMKSTREAM IDMP p k * a b
    EXISTS s none
    XADD s IDMP p i * a b
    XADD s IDMP p i * a b
    XADD s IDMP p i * c d
    XADD s IDMP p j * c d
    XADD s idmp q i * c d
    XADD s IDMPAUTO p * c d
    XADD s idmpauto p * c d
    XADD s IDMPAUTO p * a b c d
    XADD s IDMPAUTO p * c d a b
    XADD s IDMPAUTO p * a b a b
    XADD s IDMPAUTO p * b a
    XADD s IDMPAUTO p * ba
    XADD s IDMPAUTO IDMP * a b c d
    XADD s IDMPAUTO p IDMP p i * a b
    XADD s IDMP p i IDMPAUTO p * a b
    XADD s IDMP p i IDMP p i * a b
    XADD s IDMP p i MAXLEN 3 * a b
    XADD s MAXLEN 3 IDMP p k * a b
    XADD s NOMKSTREAM IDMP p k * a b
    XADD s IDMP p k NOMKSTREAM KEEPREF * a b
    XADD s IDMP * k * a b
    XADD s IDMP p * * a b
    XADD s IDMP _ x * a b
    XADD s IDMP p _ * a b
    XADD s IDMPAUTO _ * a b
    XRANGE s - +
    XINFO STREAM s
    XCFGSET s
    XCFGSET
    XCFGSET none IDMP-DURATION 5
    XCFGSET s IDMP-DURATION 0
    XCFGSET s IDMP-DURATION 86401
    XCFGSET none IDMP-DURATION 86401
    XCFGSET none foo
    XCFGSET s IDMP-DURATION x
    XCFGSET s IDMP-DURATION
    XCFGSET s IDMP-MAXSIZE 0
    XCFGSET s IDMP-MAXSIZE 10001
    XCFGSET s IDMP-MAXSIZE 5 IDMP-MAXSIZE 6
    XCFGSET s IDMP-MAXSIZE 5 foo 6
    XCFGSET s foo
    XCFGSET s IDMP-DURATION 100
    XINFO STREAM s
    XCFGSET s IDMP-MAXSIZE 3 IDMP-DURATION 7000
    XINFO STREAM s
    XADD s IDMP p 1 * a b
    XADD s IDMP p 2 * a b
    XADD s IDMP p 3 * a b
    XADD s IDMP p 4 * a b
    XADD s IDMP p 2 * a b
    XADD s IDMP p 1 * a b
    XADD s IDMP r 1 * a b
    XINFO STREAM s FULL
    XGROUP CREATE s g 0
    XINFO STREAM s
    XADD t 1-1 a b
    XADD t 4000000000000-1 a b
    XIDMPRECORD
    XIDMPRECORD t p i
    XIDMPRECORD t p i 1-2
    XIDMPRECORD t p i x
    XIDMPRECORD none p i 1-1
    XIDMPRECORD none p _ 1-1
    XIDMPRECORD none p _ x
    XIDMPRECORD t _ i 4000000000000-1
    XIDMPRECORD t p _ 4000000000000-1
    XIDMPRECORD t p i 4000000000000-1
    XIDMPRECORD t p i 4000000000000-1
    XIDMPRECORD t p i 1-1
    XIDMPRECORD t p j 4000000000000-1
    XADD t IDMP p j * a b
    XDEL t 4000000000000-1
    XADD t IDMP p j * a b
    XIDMPRECORD t p j 4000000000000-1
    XINFO STREAM t
    SET str 1
    XCFGSET str IDMP-MAXSIZE 5
    XIDMPRECORD str p i 1-1
    XIDMPRECORD str _ i 1-1
    XIDMPRECORD str p i x
    XADD str IDMP p i * a b
    COPY s s2
    XADD s2 IDMP p 2 * a b
    XINFO STREAM s2
    RENAME s2 s3
    XADD s3 IDMP p 2 * a b
";

fn play(client: &mut Client, lines: &str) -> Vec<String> {
    let mut shown = Shown::default();
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            // `_` is an empty word.
            let words: Vec<&str> =
                line.split(' ').map(|word| if word == "_" { "" } else { word }).collect();
            let reply = client.call(&words);
            format!("{line} -> {}", shown.reply(&reply))
        })
        .collect()
}

/// What `XINFO STREAM` tells, without how its nodes are kept.
fn told(server: &Server, key: &str) -> Vec<(String, String)> {
    let told = server.client().ok(&["XINFO", "STREAM", key]);
    let pairs = told.elements().chunks(2).map(|pair| (pair[0].text(), format!("{:?}", pair[1])));
    pairs.filter(|(name, _)| !name.starts_with("radix")).collect()
}

#[test]
fn they_are_added_once() {
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (expected, got) = (play(&mut real.client(), LINES), play(&mut ours.client(), LINES));
    for (expected, got) in expected.iter().zip(&got) {
        assert_eq!(got, expected);
    }
}

/// From a real server to ours and on to a real one; whoever is a primary then knows what was sent.
#[test]
fn replicas_know_what_was_sent() {
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let (Some(last), ours) = (Peer::Redis86.start(&[]), Redwire::start(&[])) else { return };
    // Some of it comes with the full sync.
    let mut client = real.client();
    let first = client.ok(&["XADD", "s", "IDMP", "p", "full", "*", "a", "b"]);
    ours.follow(&real);
    last.follow(&ours);
    let second = client.ok(&["XADD", "s", "MAXLEN", "~", "9", "IDMP", "p", "live", "*", "a", "b"]);
    client.ok(&["XADD", "s", "IDMPAUTO", "p", "*", "c", "d"]);
    client.ok(&["XADD", "s", "IDMPAUTO", "p", "*", "c", "d"]);
    client.ok(&["XADD", "s", "IDMP", "p", "full", "*", "a", "b"]);
    client.ok(&["XADD", "t", "IDMP", "q", "1", "*", "a", "b"]);
    client.ok(&["XCFGSET", "t", "IDMP-DURATION", "5000"]);
    client.ok(&["XADD", "t", "5000000000000-1", "a", "b"]);
    client.ok(&["XIDMPRECORD", "t", "q", "2", "5000000000000-1"]);
    wait_caught_up(&real, &ours);
    wait_caught_up(&real, &last);
    assert_same_data(&real, &ours);
    assert_same_data(&real, &last);
    for key in ["s", "t"] {
        assert_eq!(told(&ours, key), told(&real, key));
        assert_eq!(told(&last, key), told(&real, key));
    }
    for server in [&ours, &last] {
        let mut client = server.client();
        client.ok(&["REPLICAOF", "NO", "ONE"]);
        for (name, id) in [("full", &first), ("live", &second)] {
            assert_eq!(&client.ok(&["XADD", "s", "IDMP", "p", name, "*", "a", "b"]), id, "{name}");
        }
        assert_eq!(client.ok(&["XLEN", "s"]).int(), Some(3));
    }
}

/// Ours tells a real one.
#[test]
fn a_real_replica_follows() {
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let ours = Redwire::start(&["--repl-diskless-sync-delay", "0"]);
    real.follow(&ours);
    play(&mut ours.client(), LINES);
    wait_caught_up(&ours, &real);
    assert_same_data(&ours, &real);
    for key in ["s", "t", "s3"] {
        assert_eq!(told(&real, key), told(&ours, key), "{key}");
    }
}

#[test]
fn a_file_and_a_payload_keep_them() {
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let mut ours = Redwire::start(&[]);
    let mut client = ours.client();
    let id = client.ok(&["XADD", "s", "IDMP", "p", "i", "*", "a", "b"]);
    client.ok(&["XADD", "t", "1-1", "a", "b"]);
    client.ok(&["XCFGSET", "t", "IDMP-MAXSIZE", "7"]);
    let before = ["s", "t"].map(|key| told(&ours, key));
    for key in ["s", "t"] {
        let payload = client.ok(&["DUMP", key]);
        let payload = payload.bytes().unwrap_or_default();
        let mut real = real.client();
        real.ok(&[b"RESTORE", key.as_bytes(), b"0", payload]);
        let back = real.ok(&["DUMP", key]);
        let back = back.bytes().unwrap_or_default();
        client.ok(&[b"RESTORE", format!("{key}2").as_bytes(), b"0", back]);
    }
    assert_eq!(["s", "t"].map(|key| told(&real, key)), before);
    assert_eq!(["s2", "t2"].map(|key| told(&ours, key)), before);
    client.ok(&["SAVE"]);
    drop(client);
    ours.kill();
    ours.restart().unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(["s", "t"].map(|key| told(&ours, key)), before);
    let again = ours.client().ok(&["XADD", "s", "IDMP", "p", "i", "*", "a", "b"]);
    assert_eq!(again, id);
}

/// What is too old is forgotten, and the entry is added again.
#[test]
fn they_are_forgotten_in_time() {
    let peer = Peer::Redis86.start(&[]);
    let ours = Redwire::start(&[]);
    for server in peer.iter().chain([&ours]) {
        let mut client = server.client();
        let add = |client: &mut Client| client.ok(&["XADD", "s", "IDMP", "p", "i", "*", "a", "b"]);
        client.ok(&["XADD", "s", "IDMP", "q", "i", "*", "a", "b"]);
        client.ok(&["XCFGSET", "s", "IDMP-DURATION", "1"]);
        let first = add(&mut client);
        wait_until("the id is forgotten", SOON, || add(&mut client) != first);
        let told = told(server, "s");
        let of = |name: &str| told.iter().find(|(it, _)| it == name).map(|(_, value)| &**value);
        assert_eq!(of("iids-tracked"), Some(":1"));
        assert_eq!(of("pids-tracked"), Some(":1"));
        assert_eq!(of("iids-added"), Some(":3"));
    }
}
