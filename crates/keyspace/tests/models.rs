//! Strings, expiries and scans against simple models, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use redwire_keyspace::{Keyspace, NoHost, Role, Session, Settings, UnixMs};
use redwire_resp::RequestBuf;

struct Server {
    keyspace: Keyspace,
    session: Session,
    now: u64,
}

impl Server {
    fn new() -> Self {
        let keyspace = Keyspace::new(Settings::default(), 1);
        Self { keyspace, session: Session::new(1), now: 1_700_000_000_000 }
    }

    fn call<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> Vec<u8> {
        let request = RequestBuf::from_args(args);
        let (request, now) = (request.as_request(), UnixMs(self.now));
        let mut out = Vec::new();
        self.keyspace.execute(&mut NoHost, &mut self.session, request, now, &mut out);
        out
    }

    /// The integer reply to a request of words.
    fn integer(&mut self, line: &str) -> i64 {
        let reply = self.call(line.split(' '));
        let text = String::from_utf8(reply).unwrap();
        text.strip_prefix(':').unwrap().trim_end().parse().unwrap()
    }

    /// The reply of one bulk string, or null, to a request of words.
    fn bulk(&mut self, line: &str) -> Option<Vec<u8>> {
        bulks(&self.call(line.split(' '))).pop()
    }
}

/// The bulk strings in a reply, whatever they are nested in.
fn bulks(mut reply: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while !reply.is_empty() {
        let end = reply.iter().position(|byte| *byte == b'\r').unwrap();
        let (head, rest) = (&reply[..end], &reply[end + 2..]);
        reply = rest;
        if head[0] == b'$' && head != b"$-1" {
            let len: usize = String::from_utf8_lossy(&head[1..]).parse().unwrap();
            found.push(rest[..len].to_vec());
            reply = &rest[len + 2..];
        }
    }
    found
}

#[derive(Debug, Clone)]
enum Edit {
    Append(Vec<u8>),
    SetRange(usize, Vec<u8>),
    SetBit(usize, bool),
    Set(Vec<u8>),
}

fn edit() -> impl Strategy<Value = Edit> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        bytes().prop_map(Edit::Append),
        (0_usize..80, bytes()).prop_map(|(at, part)| Edit::SetRange(at, part)),
        (0_usize..640, any::<bool>()).prop_map(|(at, bit)| Edit::SetBit(at, bit)),
        "-?[1-9][0-9]{0,18}".prop_map(|number| Edit::Set(number.into_bytes())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_string_is_a_vec(edits in proptest::collection::vec(edit(), 0..40), start in 0_usize..90, len in 0_usize..90) {
        let mut server = Server::new();
        let mut twin: Vec<u8> = Vec::new();
        for edit in edits {
            match edit {
                Edit::Append(tail) => {
                    server.call([b"APPEND", b"k".as_slice(), &tail]);
                    twin.extend(tail);
                }
                Edit::SetRange(at, part) => {
                    server.call([b"SETRANGE", b"k".as_slice(), at.to_string().as_bytes(), &part]);
                    if !part.is_empty() {
                        twin.resize(twin.len().max(at + part.len()), 0);
                        twin[at..at + part.len()].copy_from_slice(&part);
                    }
                }
                Edit::SetBit(at, bit) => {
                    server.integer(&format!("SETBIT k {at} {}", u8::from(bit)));
                    twin.resize(twin.len().max(at / 8 + 1), 0);
                    let mask = 0x80 >> (at % 8);
                    twin[at / 8] = if bit { twin[at / 8] | mask } else { twin[at / 8] & !mask };
                }
                Edit::Set(bytes) => {
                    server.call([b"SET", b"k".as_slice(), &bytes]);
                    twin = bytes;
                }
            }
            prop_assert_eq!(server.integer("STRLEN k"), twin.len() as i64);
        }
        prop_assert_eq!(server.bulk("GET k").unwrap_or_default(), twin.clone());
        let end = start + len;
        let part = server.bulk(&format!("GETRANGE k {start} {end}")).unwrap();
        prop_assert_eq!(&part, twin.get(start..twin.len().min(end + 1)).unwrap_or_default());
        let ones: u32 = twin.iter().map(|byte| byte.count_ones()).sum();
        prop_assert_eq!(server.integer("BITCOUNT k"), i64::from(ones));
    }
}

#[derive(Debug, Clone)]
enum Timed {
    Set(u8),
    SetFor(u8, u64),
    Expire(u8, i64),
    Persist(u8),
    Delete(u8),
    Pass(u64),
    ExpireDue,
    Look(u8),
}

fn timed() -> impl Strategy<Value = Timed> {
    prop_oneof![
        (0_u8..6).prop_map(Timed::Set),
        (0_u8..6, 1_u64..50).prop_map(|(key, ms)| Timed::SetFor(key, ms)),
        (0_u8..6, -3_i64..50).prop_map(|(key, ms)| Timed::Expire(key, ms)),
        (0_u8..6).prop_map(Timed::Persist),
        (0_u8..6).prop_map(Timed::Delete),
        (0_u64..20).prop_map(Timed::Pass),
        Just(Timed::ExpireDue),
        (0_u8..6).prop_map(Timed::Look),
    ]
}

proptest! {
    /// Keys with the last moment at which they are there.
    #[test]
    fn keys_live_as_long_as_they_are_told(steps in proptest::collection::vec(timed(), 0..60)) {
        let mut server = Server::new();
        let mut model: BTreeMap<u8, Option<u64>> = BTreeMap::new();
        for step in steps {
            model.retain(|_, last| last.is_none_or(|last| server.now <= last));
            match step {
                Timed::Set(key) => {
                    server.call(["SET".into(), key.to_string(), "v".into()]);
                    model.insert(key, None);
                }
                Timed::SetFor(key, ms) => {
                    server.call(["PSETEX".into(), key.to_string(), ms.to_string(), "v".into()]);
                    model.insert(key, Some(server.now + ms));
                }
                Timed::Expire(key, ms) => {
                    let found = server.integer(&format!("PEXPIRE {key} {ms}"));
                    prop_assert_eq!(found, i64::from(model.contains_key(&key)));
                    if found == 1 && ms <= 0 {
                        model.remove(&key);
                    } else if found == 1 {
                        model.insert(key, Some(server.now.checked_add_signed(ms).unwrap()));
                    }
                }
                Timed::Persist(key) => {
                    let expired = model.get_mut(&key).and_then(Option::take).is_some();
                    prop_assert_eq!(server.integer(&format!("PERSIST {key}")), i64::from(expired));
                }
                Timed::Delete(key) => {
                    let found = model.remove(&key).is_some();
                    prop_assert_eq!(server.integer(&format!("DEL {key}")), i64::from(found));
                }
                Timed::Pass(ms) => server.now += ms,
                Timed::ExpireDue => {
                    let now = UnixMs(server.now);
                    server.keyspace.expire_due(now, usize::MAX);
                    prop_assert_eq!(server.keyspace.data().len(0), model.len());
                }
                Timed::Look(key) => {
                    let left = match model.get(&key) {
                        None => -2,
                        Some(None) => -1,
                        Some(Some(last)) => (last - server.now) as i64,
                    };
                    prop_assert_eq!(server.integer(&format!("PTTL {key}")), left);
                }
            }
        }
        model.retain(|_, last| last.is_none_or(|last| server.now <= last));
        let expected: BTreeSet<Vec<u8>> =
            model.keys().map(|key| key.to_string().into_bytes()).collect();
        let found: BTreeSet<Vec<u8>> = bulks(&server.call(["KEYS", "*"])).into_iter().collect();
        prop_assert_eq!(found, expected);
    }
}

/// A replica hides what is over, and deletes it when its primary says so.
#[test]
fn a_replica_waits_for_its_primary() {
    let mut server = Server::new();
    server.keyspace.set_role(Role::Replica { read_only: true });
    let client = std::mem::replace(&mut server.session, Session::of_primary(2));
    server.call(["SET", "k", "v", "PX", "100"]);
    server.now += 101;
    let primary = std::mem::replace(&mut server.session, client);
    assert_eq!(server.bulk("GET k"), None);
    assert_eq!(server.integer("EXISTS k"), 0);
    assert_eq!(server.integer("TTL k"), -2);
    assert_eq!(server.call(["KEYS", "*"]), b"*0\r\n");
    assert_eq!(server.call(["SCAN", "0"]), b"*2\r\n$1\r\n0\r\n*0\r\n");
    assert_eq!(server.call(["RANDOMKEY"]), b"$-1\r\n");
    assert_eq!(server.integer("DBSIZE"), 1);
    assert_eq!(server.keyspace.expire_due(UnixMs(server.now), usize::MAX), 0);
    server.session = primary;
    assert_eq!(server.integer("EXISTS k"), 1);
    assert_eq!(server.integer("APPEND k w"), 2);
    assert_eq!(server.integer("PEXPIREAT k 5"), 1);
    assert_eq!(server.integer("DEL k"), 1);
    assert_eq!(server.integer("DBSIZE"), 0);
}

#[derive(Debug, Clone)]
enum Between {
    Add(u16),
    Delete(u16),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What is there during the whole of a scan is told at least once, what never was is not.
    #[test]
    fn a_scan_misses_nothing_that_stays(
        lasting in proptest::collection::btree_set(0_u16..500, 0..150),
        one_slot in any::<bool>(),
        count in prop_oneof![Just(1_usize), 1_usize..40, Just(1000)],
        steps in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![
                    (1000_u16..1400).prop_map(Between::Add),
                    (1000_u16..1400).prop_map(Between::Delete),
                ],
                0..40,
            ),
            1..10,
        ),
    ) {
        let name = |n: u16| if one_slot { format!("{{tag}}{n}") } else { format!("key{n}") };
        let mut server = Server::new();
        for n in &lasting {
            server.call(["SET".into(), name(*n), "v".into()]);
        }
        let mut steps = steps.into_iter().cycle();
        let mut cursor = "0".to_owned();
        let mut seen = BTreeSet::new();
        for calls in 0.. {
            prop_assert!(calls < 5000, "the scan does not end");
            let reply = server.call(["SCAN".into(), cursor, "COUNT".into(), count.to_string()]);
            let mut strings = bulks(&reply).into_iter();
            cursor = String::from_utf8(strings.next().unwrap()).unwrap();
            let keys: Vec<Vec<u8>> = strings.collect();
            // A slot is told in one piece while it is small, so a few more than asked for may come.
            prop_assert!(keys.len() <= 3 * count + 64, "{} keys for COUNT {count}", keys.len());
            seen.extend(keys);
            if cursor == "0" {
                break;
            }
            for between in steps.next().unwrap() {
                match between {
                    Between::Add(n) => server.call(["SET".into(), name(n), "v".into()]),
                    Between::Delete(n) => server.call(["DEL".into(), name(n)]),
                };
            }
        }
        for n in &lasting {
            prop_assert!(seen.contains(name(*n).as_bytes()), "{n} is missing");
        }
        prop_assert!((0..500).filter(|n| !lasting.contains(n)).all(|n| !seen.contains(name(n).as_bytes())));
    }
}

#[test]
fn a_scan_of_few_keys_is_one_call() {
    let mut server = Server::new();
    server.call(["MSET", "a", "1", "b", "2", "c", "3"]);
    let found = bulks(&server.call(["SCAN", "0"]));
    assert_eq!(found[0], b"0");
    assert_eq!(found.len(), 4);
    // Cursors that no scan answered end it.
    for cursor in ["16384", "18446744073709551615", "16383"] {
        server.call(["SCAN", cursor]);
    }
}

#[test]
fn random_keys_are_drawn_evenly() {
    let mut server = Server::new();
    for n in 0..10 {
        server.call([
            "SET".into(),
            if n < 5 { format!("{{t}}{n}") } else { n.to_string() },
            "v".into(),
        ]);
    }
    let mut drawn: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for _ in 0..2000 {
        *drawn.entry(server.bulk("RANDOMKEY").unwrap()).or_default() += 1;
    }
    assert_eq!(drawn.len(), 10);
    assert!(drawn.values().all(|count| (120..280).contains(count)), "{drawn:?}");
}
