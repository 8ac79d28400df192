//! A snapshot is the data as they were when it began, whatever happens while it is walked.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use redwire_keyspace::{Keyspace, NoHost, Session, Settings, SnapshotItem, UnixMs, key_slot};
use redwire_resp::RequestBuf;

const DATABASES: u32 = 4;

#[derive(Debug, Clone)]
enum Step {
    /// A command, by its words.
    Run(String),
    /// Milliseconds go by, and what is due expires.
    Pass(u64),
    /// A piece of the walk.
    Walk(usize),
    /// Another snapshot begins, if none is under way.
    Begin,
    /// The data set is replaced by one with a few keys.
    Replace(u64),
}

/// Keys: some in slots of their own, many in one slot so that its table is rebuilt as it grows.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![(0..12).prop_map(|n| format!("k{n}")), (0..40).prop_map(|n| format!("{{t}}{n}"))]
}

fn command() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (key(), any::<u8>()).prop_map(|(key, value)| format!("SET {key} {value}")),
        2 => (key(), 1..300).prop_map(|(key, ms)| format!("SET {key} v PX {ms}")),
        3 => (key(), any::<u8>()).prop_map(|(key, tail)| format!("APPEND {key} {tail}")),
        4 => (key(), any::<u8>()).prop_map(|(key, value)| format!("HSET {key} f{value} {value}")),
        3 => (key(), any::<u8>()).prop_map(|(key, field)| format!("HDEL {key} f{field}")),
        3 => (key(), any::<u8>(), 1..300)
            .prop_map(|(key, field, ms)| format!("HPEXPIRE {key} {ms} FIELDS 1 f{field}")),
        2 => (key(), any::<u8>(), 1..300)
            .prop_map(|(key, field, ms)| format!("HSETEX {key} PX {ms} FIELDS 1 f{field} new")),
        1 => (key(), any::<u8>()).prop_map(|(key, field)| format!("HPERSIST {key} FIELDS 1 f{field}")),
        4 => (key(), any::<u8>()).prop_map(|(key, item)| format!("RPUSH {key} {item}")),
        2 => key().prop_map(|key| format!("LPOP {key}")),
        4 => key().prop_map(|key| format!("DEL {key}")),
        2 => (key(), key()).prop_map(|(from, to)| format!("RENAME {from} {to}")),
        2 => (key(), key(), 0..DATABASES)
            .prop_map(|(from, to, db)| format!("COPY {from} {to} DB {db} REPLACE")),
        2 => (key(), 0..DATABASES).prop_map(|(key, db)| format!("MOVE {key} {db}")),
        2 => (key(), 1..300).prop_map(|(key, ms)| format!("PEXPIRE {key} {ms}")),
        1 => key().prop_map(|key| format!("PERSIST {key}")),
        2 => (0..DATABASES).prop_map(|db| format!("SELECT {db}")),
        1 => Just("FLUSHDB".to_owned()),
        1 => Just("FLUSHALL".to_owned()),
        1 => (0..DATABASES, 0..DATABASES).prop_map(|(a, b)| format!("SWAPDB {a} {b}")),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => command().prop_map(Step::Run),
        2 => (1_u64..100).prop_map(Step::Pass),
        4 => (1_usize..20_000).prop_map(Step::Walk),
        2 => Just(Step::Begin),
        1 => any::<u64>().prop_map(Step::Replace),
    ]
}

/// A key's database, name, expiry and value, the last as text.
type Entries = BTreeMap<(u32, String), (Option<i64>, String)>;

struct Server {
    keyspace: Keyspace,
    session: Session,
    now: UnixMs,
}

impl Server {
    fn new(seed: u64) -> Self {
        let mut settings = Settings::default();
        settings.databases = DATABASES;
        let keyspace = Keyspace::new(settings, seed);
        Self { keyspace, session: Session::new(1), now: UnixMs(1_700_000_000_000) }
    }

    fn run(&mut self, line: &str) -> Vec<u8> {
        let request = RequestBuf::from_args(line.split(' '));
        let mut out = Vec::new();
        let request = request.as_request();
        self.keyspace.execute(&mut NoHost, &mut self.session, request, self.now, &mut out);
        out
    }

    fn expire(&mut self) {
        self.keyspace.expire_due(self.now, usize::MAX);
    }

    /// What there is now.
    fn entries(&mut self) -> Entries {
        self.expire();
        let selected = self.session.db;
        let mut entries = Entries::new();
        for db in 0..DATABASES {
            self.session.db = db;
            let data = self.keyspace.data();
            let keys: Vec<(String, String)> = data
                .iter(db)
                .map(|(key, value)| {
                    (String::from_utf8_lossy(key).into(), format!("{:?}", value.to_value()))
                })
                .collect();
            for (key, value) in keys {
                let reply = self.run(&format!("PEXPIRETIME {key}"));
                let reply = String::from_utf8_lossy(&reply[1..reply.len() - 2]).into_owned();
                let expires = reply.parse().ok().filter(|at| *at >= 0);
                entries.insert((db, key), (expires, value));
            }
        }
        self.session.db = selected;
        entries
    }
}

/// Adds what a walk answered; a key must not come twice.
fn collect(items: Vec<SnapshotItem>, into: &mut Entries) -> Result<(), TestCaseError> {
    for item in items {
        let key = String::from_utf8_lossy(&item.key).into_owned();
        let expires = item.expires.map(|at| at.0 as i64);
        let old = into.insert((item.db, key.clone()), (expires, format!("{:?}", item.value)));
        prop_assert!(old.is_none(), "{key} of database {} comes twice", item.db);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_snapshot_is_the_data_as_it_began(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 1..250),
    ) {
        let mut server = Server::new(seed);
        let (mut expected, mut seen) = (Entries::new(), Entries::new());
        for step in steps.into_iter().chain([Step::Walk(usize::MAX), Step::Begin, Step::Walk(usize::MAX)]) {
            match step {
                Step::Run(line) => {
                    server.run(&line);
                }
                Step::Pass(ms) => {
                    server.now.0 += ms;
                    server.expire();
                }
                Step::Walk(budget) => {
                    let running = server.keyspace.snapshot_running();
                    let mut items = Vec::new();
                    let complete = server.keyspace.walk_snapshot(budget, &mut items);
                    collect(items, &mut seen)?;
                    if running && complete {
                        prop_assert_eq!(&seen, &expected);
                    }
                }
                Step::Begin => {
                    let now = server.entries();
                    if server.keyspace.begin_snapshot() {
                        (expected, seen) = (now, Entries::new());
                    }
                }
                Step::Replace(seed) => {
                    let mut other = Server::new(seed);
                    for n in 0..seed % 30 {
                        other.run(&format!("SELECT {}", n % u64::from(DATABASES)));
                        other.run(&format!("SET {{t}}{n} other"));
                    }
                    server.keyspace.replace_data(other.keyspace.data().clone());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// All keys are in the first slot, whose table grows, and moves its entries, while the walk is
    /// in it.
    #[test]
    fn a_table_may_grow_under_the_walk(
        seed in any::<u64>(),
        keys in 1_usize..30,
        pieces in proptest::collection::vec((1_usize..12, 0_usize..12), 1..12),
    ) {
        let tag = (0..).map(|n| format!("{{{n}}}")).find(|tag| key_slot(tag.as_bytes()) == 0);
        let tag = tag.unwrap();
        let mut server = Server::new(seed);
        for n in 0..keys {
            server.run(&format!("SET {tag}{n} {n}"));
        }
        let (expected, mut seen) = (server.entries(), Entries::new());
        server.keyspace.begin_snapshot();
        let mut items = Vec::new();
        let mut next = keys;
        for (budget, added) in pieces {
            server.keyspace.walk_snapshot(budget, &mut items);
            for _ in 0..added {
                server.run(&format!("SET {tag}{next} {next}"));
                next += 1;
            }
        }
        prop_assert!(server.keyspace.walk_snapshot(usize::MAX, &mut items));
        collect(items, &mut seen)?;
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn a_walk_does_no_more_than_it_is_told() {
    let mut server = Server::new(7);
    for n in 0..1000 {
        server.run(&format!("SET key{n} {n}"));
    }
    assert!(server.keyspace.begin_snapshot());
    assert!(!server.keyspace.begin_snapshot());
    let mut items = Vec::new();
    while !server.keyspace.walk_snapshot(100, &mut items) {
        assert!(items.len() <= 100);
        items.clear();
    }
    assert!(!server.keyspace.snapshot_running());
    assert!(server.keyspace.walk_snapshot(100, &mut items));
}

#[test]
fn a_snapshot_that_is_given_up_leaves_nothing_behind() {
    let mut server = Server::new(7);
    server.run("SET a 1");
    server.keyspace.begin_snapshot();
    server.run("SET a 2");
    server.run("FLUSHALL");
    server.run("SET b 3");
    server.keyspace.abort_snapshot();
    let mut items = Vec::new();
    assert!(server.keyspace.walk_snapshot(usize::MAX, &mut items) && items.is_empty());
    server.keyspace.begin_snapshot();
    assert!(server.keyspace.walk_snapshot(usize::MAX, &mut items));
    let keys: Vec<&[u8]> = items.iter().map(|item| item.key.as_slice()).collect();
    assert_eq!(keys, [b"b"]);
}
