//! Fields that expire, in virtual time: a primary, and what a client of its replica sees, against a
//! naive twin that drops what is due before each command; and their way through a file.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use redwire_keyspace::{
    Dataset, Keyspace, LoadStats, Loader, NoHost, Role, ScoreText, Session, Settings, UnixMs,
};
use redwire_rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, Error, Event, Version};
use redwire_resp::{Limits, Mode, RequestBuf, RequestDecoder};

const START: u64 = 1_700_000_000_000;

/// Fields by name, with their values and moments.
type Fields = BTreeMap<u8, (i64, Option<u64>)>;

#[derive(Debug, Clone)]
enum Step {
    Run(u8, Command),
    /// Milliseconds go by.
    Pass(u64),
    /// The primary deletes some of what is due.
    Expire(usize),
}

#[derive(Debug, Clone)]
enum Command {
    Set(Vec<(u8, i64)>),
    SetNx(u8, i64),
    IncrBy(u8, i64),
    Del(Vec<u8>),
    GetDel(Vec<u8>),
    /// `HSETEX` of some fields from one on, with a condition.
    SetEx(u8, u8, SetExpiry, &'static str),
    /// `HPEXPIRE`, with a condition.
    Expire(Vec<u8>, u64, &'static str),
    Persist(Vec<u8>),
    GetEx(Vec<u8>, Option<u64>),
    Ttl(Vec<u8>),
    GetMany(Vec<u8>),
    Draw,
    Delete,
    CopyTo(u8),
    RenameTo(u8),
}

#[derive(Debug, Clone, Copy)]
enum SetExpiry {
    None,
    Keep,
    Ms(u64),
}

fn field() -> impl Strategy<Value = u8> {
    prop_oneof![6 => 0_u8..6, 1 => 0_u8..250]
}

fn command() -> impl Strategy<Value = Command> {
    let some = || vec(field(), 1..5);
    let ms = || prop_oneof![1 => Just(0_u64), 8 => 1_u64..60, 1 => Just(5000)];
    let set_expiry = prop_oneof![
        1 => Just(SetExpiry::None),
        1 => Just(SetExpiry::Keep),
        3 => ms().prop_map(SetExpiry::Ms),
    ];
    // Many at once, so that more are due than a command deletes on sight.
    let span = prop_oneof![3 => 1_u8..4, 2 => 60_u8..200];
    let met = proptest::sample::select(vec!["", "", "", "FNX", "FXX"]);
    let condition = proptest::sample::select(vec!["", "", "NX", "XX", "GT", "LT"]);
    prop_oneof![
        3 => vec((field(), -9_i64..9), 1..5).prop_map(Command::Set),
        1 => (field(), -9_i64..9).prop_map(|(field, value)| Command::SetNx(field, value)),
        2 => (field(), -9_i64..9).prop_map(|(field, by)| Command::IncrBy(field, by)),
        1 => some().prop_map(Command::Del),
        1 => some().prop_map(Command::GetDel),
        4 => (0_u8..40, span, set_expiry, met)
            .prop_map(|(from, span, expiry, met)| Command::SetEx(from, span, expiry, met)),
        4 => (some(), ms(), condition).prop_map(|(fields, ms, it)| Command::Expire(fields, ms, it)),
        1 => some().prop_map(Command::Persist),
        2 => (some(), proptest::option::of(ms())).prop_map(|(fields, ms)| Command::GetEx(fields, ms)),
        1 => some().prop_map(Command::Ttl),
        1 => some().prop_map(Command::GetMany),
        1 => Just(Command::Draw),
        1 => Just(Command::Delete),
        1 => (0_u8..3).prop_map(Command::CopyTo),
        1 => (0_u8..3).prop_map(Command::RenameTo),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u8..3, command()).prop_map(|(key, command)| Step::Run(key, command)),
        3 => (1_u64..40).prop_map(Step::Pass),
        1 => (1_usize..80).prop_map(Step::Expire),
    ]
}

/// The words of a command on `key`.
fn request(key: u8, command: &Command) -> String {
    let list = |fields: &[u8]| {
        fields.iter().fold(format!("FIELDS {}", fields.len()), |list, it| format!("{list} {it}"))
    };
    let plain = |fields: &[u8]| fields.iter().map(|it| format!(" {it}")).collect::<String>();
    match command {
        Command::Set(pairs) => {
            let pairs = pairs.iter().map(|(field, value)| format!(" {field} {value}"));
            format!("HSET k{key}{}", pairs.collect::<String>())
        }
        Command::SetNx(field, value) => format!("HSETNX k{key} {field} {value}"),
        Command::IncrBy(field, by) => format!("HINCRBY k{key} {field} {by}"),
        Command::Del(fields) => format!("HDEL k{key}{}", plain(fields)),
        Command::GetDel(fields) => format!("HGETDEL k{key} {}", list(fields)),
        Command::SetEx(from, span, expiry, met) => {
            let expiry = match expiry {
                SetExpiry::None => String::new(),
                SetExpiry::Keep => "KEEPTTL".into(),
                SetExpiry::Ms(ms) => format!("PX {ms}"),
            };
            let mut line = format!("HSETEX k{key} {met} {expiry} FIELDS {span}");
            for field in *from..from + span {
                write!(line, " {field} {field}").unwrap();
            }
            line
        }
        Command::Expire(fields, ms, condition) => {
            format!("HPEXPIRE k{key} {ms} {condition} {}", list(fields))
        }
        Command::Persist(fields) => format!("HPERSIST k{key} {}", list(fields)),
        Command::GetEx(fields, Some(ms)) => format!("HGETEX k{key} PX {ms} {}", list(fields)),
        Command::GetEx(fields, None) => format!("HGETEX k{key} PERSIST {}", list(fields)),
        Command::Ttl(fields) => format!("HPTTL k{key} {}", list(fields)),
        Command::GetMany(fields) => format!("HMGET k{key}{}", plain(fields)),
        Command::Draw => format!("HRANDFIELD k{key} 1000"),
        Command::Delete => format!("DEL k{key}"),
        Command::CopyTo(other) => format!("COPY k{key} k{other} REPLACE"),
        Command::RenameTo(other) => format!("RENAME k{key} k{other}"),
    }
}

/// The naive twin: keys with fields.
#[derive(Debug, Default)]
struct Twin {
    keys: BTreeMap<u8, Fields>,
}

fn bulk(value: Option<i64>) -> String {
    value.map_or("$-1".into(), |value| format!("${} {value}", value.to_string().len()))
}

fn array(items: Vec<String>) -> String {
    format!("*{}{}", items.len(), items.iter().map(|item| format!(" {item}")).collect::<String>())
}

impl Twin {
    /// Drops what is due, and keys without fields.
    fn settle(&mut self, now: u64) {
        for fields in self.keys.values_mut() {
            fields.retain(|_, (_, at)| at.is_none_or(|at| now <= at));
        }
        self.keys.retain(|_, fields| !fields.is_empty());
    }

    /// The reply to a command; `None` where the twin cannot tell all of it.
    fn run(&mut self, key: u8, command: &Command, now: u64) -> Option<String> {
        self.settle(now);
        let is_over = |ms: &u64| *ms == 0;
        let fields = self.keys.entry(key).or_default();
        let reply = match command {
            Command::Set(pairs) => {
                let before = fields.len();
                fields.extend(pairs.iter().map(|(field, value)| (*field, (*value, None))));
                format!(":{}", fields.len() - before)
            }
            Command::SetNx(field, value) => {
                let is_new = !fields.contains_key(field);
                fields.entry(*field).or_insert((*value, None));
                format!(":{}", u8::from(is_new))
            }
            Command::IncrBy(field, by) => {
                let (value, _) = fields.entry(*field).or_insert((0, None));
                *value += by;
                format!(":{value}")
            }
            Command::Del(names) => {
                format!(":{}", names.iter().filter(|name| fields.remove(name).is_some()).count())
            }
            Command::GetDel(names) => {
                array(names.iter().map(|it| bulk(fields.remove(it).map(|it| it.0))).collect())
            }
            Command::SetEx(from, span, expiry, met) => {
                let there = (*from..from + span).filter(|name| fields.contains_key(name)).count();
                let wanted = match *met {
                    "FNX" => there == 0,
                    "FXX" => there == usize::from(*span),
                    _ => true,
                };
                if wanted {
                    set_ex(fields, *from..from + span, *expiry, now);
                }
                format!(":{}", u8::from(wanted))
            }
            Command::Expire(names, ms, condition) => {
                let answer = |name| format!(":{}", expire(fields, name, now, *ms, condition));
                array(names.iter().copied().map(answer).collect())
            }
            Command::Persist(names) => {
                let persist = |name: &u8| match fields.get_mut(name) {
                    Some((_, at)) => format!(":{}", if at.take().is_some() { 1 } else { -1 }),
                    None => ":-2".to_owned(),
                };
                array(names.iter().map(persist).collect())
            }
            Command::GetEx(names, ms) => {
                let get = |name: &u8| {
                    let value = fields.get(name).map(|it| it.0);
                    if ms.as_ref().is_some_and(is_over) {
                        fields.remove(name);
                    } else if let Some((_, at)) = fields.get_mut(name) {
                        *at = ms.map(|ms| now + ms);
                    }
                    bulk(value)
                };
                array(names.iter().map(get).collect())
            }
            Command::Ttl(names) => {
                let ttl = |name: &u8| match fields.get(name) {
                    Some((_, Some(at))) => format!(":{}", at - now),
                    Some(_) => ":-1".to_owned(),
                    None => ":-2".to_owned(),
                };
                array(names.iter().map(ttl).collect())
            }
            Command::GetMany(names) => {
                array(names.iter().map(|it| bulk(fields.get(it).map(|it| it.0))).collect())
            }
            Command::Draw => return None,
            Command::Delete => {
                let was_there = !fields.is_empty();
                fields.clear();
                format!(":{}", u8::from(was_there))
            }
            Command::CopyTo(_) | Command::RenameTo(_) => return self.move_to(key, command),
        };
        self.settle(now);
        Some(reply)
    }

    fn move_to(&mut self, key: u8, command: &Command) -> Option<String> {
        let fields = self.keys.get(&key).cloned().unwrap_or_default();
        let reply = match command {
            Command::CopyTo(other) if *other == key => {
                "-ERR source and destination objects are the same".into()
            }
            Command::CopyTo(other) if !fields.is_empty() => {
                self.keys.insert(*other, fields);
                ":1".into()
            }
            Command::CopyTo(_) => ":0".to_owned(),
            Command::RenameTo(_) if fields.is_empty() => "-ERR no such key".to_owned(),
            Command::RenameTo(other) => {
                self.keys.remove(&key);
                self.keys.insert(*other, fields);
                "+OK".to_owned()
            }
            _ => return None,
        };
        self.keys.retain(|_, fields| !fields.is_empty());
        Some(reply)
    }
}

fn set_ex(fields: &mut Fields, names: std::ops::Range<u8>, expiry: SetExpiry, now: u64) {
    for name in names {
        let at = match expiry {
            SetExpiry::None => None,
            SetExpiry::Keep => fields.get(&name).and_then(|it| it.1),
            SetExpiry::Ms(ms) => Some(now + ms),
        };
        fields.insert(name, (i64::from(name), at));
        if matches!(expiry, SetExpiry::Ms(0)) {
            fields.remove(&name);
        }
    }
}

/// What `HPEXPIRE` answers for a field.
fn expire(fields: &mut Fields, name: u8, now: u64, ms: u64, condition: &str) -> i64 {
    let Some((_, at)) = fields.get_mut(&name) else { return -2 };
    let allowed = match condition {
        "NX" => at.is_none(),
        "XX" => at.is_some(),
        "GT" => at.is_some_and(|at| now + ms > at),
        "LT" => at.is_none_or(|at| now + ms < at),
        _ => true,
    };
    match (allowed, ms) {
        (false, _) => 0,
        (true, 0) => {
            fields.remove(&name);
            2
        }
        (true, _) => {
            *at = Some(now + ms);
            1
        }
    }
}

struct Server {
    keyspace: Keyspace,
    session: Session,
    now: u64,
}

impl Server {
    fn new(role: Role) -> Self {
        let mut keyspace = Keyspace::new(Settings::default(), 1);
        keyspace.set_role(role);
        Self { keyspace, session: Session::new(1), now: START }
    }

    fn run(&mut self, line: &str) -> String {
        let request = RequestBuf::from_args(line.split(' ').filter(|word| !word.is_empty()));
        let mut out = Vec::new();
        let now = UnixMs(self.now);
        self.keyspace.execute(&mut NoHost, &mut self.session, request.as_request(), now, &mut out);
        String::from_utf8_lossy(&out).trim_end().replace("\r\n", " ")
    }

    /// Applies what a primary has for its replicas.
    fn follow(&mut self, primary: &mut Keyspace) {
        let mut link = Session::of_primary(2);
        for (_, bytes) in primary.effects().iter() {
            let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
            decoder.set_authenticated(true);
            let request = decoder.decode(bytes).unwrap().request.unwrap();
            let mut out = Vec::new();
            let now = UnixMs(self.now);
            self.keyspace.execute(&mut NoHost, &mut link, request, now, &mut out);
            assert_ne!(out[0], b'-', "{request:?}: {}", String::from_utf8_lossy(&out));
        }
        primary.effects().clear();
        self.keyspace.effects().clear();
    }

    /// Compares all that a client can read of `key` with what the twin has.
    fn check(&mut self, key: u8, fields: Option<&Fields>) -> Result<(), TestCaseError> {
        let none = Fields::new();
        let fields = fields.unwrap_or(&none);
        let names: Vec<String> = fields.keys().map(u8::to_string).collect();
        let values: Vec<String> = fields.values().map(|it| it.0.to_string()).collect();
        let pairs = || names.iter().zip(&values).flat_map(|(name, value)| [name, value]);
        let sorted = |words: Vec<String>, size: usize| {
            let mut chunks: Vec<_> = words.chunks(size).map(<[String]>::to_vec).collect();
            chunks.sort();
            chunks.concat()
        };
        let mut read = |line: &str, size: usize| {
            let reply = self.run(&format!("{line} k{key}"));
            sorted(strings(&reply), size)
        };
        let all: Vec<String> = pairs().cloned().collect();
        prop_assert_eq!(read("HGETALL", 2), sorted(all.clone(), 2));
        prop_assert_eq!(read("HKEYS", 1), sorted(names.clone(), 1));
        prop_assert_eq!(read("HVALS", 1), sorted(values.clone(), 1));
        prop_assert_eq!(self.run(&format!("HLEN k{key}")), format!(":{}", fields.len()));
        let there = u8::from(!fields.is_empty());
        prop_assert_eq!(self.run(&format!("EXISTS k{key}")), format!(":{there}"));
        let draw = strings(&self.run(&format!("HRANDFIELD k{key} 1000 WITHVALUES")));
        prop_assert_eq!(sorted(draw, 2), sorted(all.clone(), 2));
        let scan = strings(&self.run(&format!("HSCAN k{key} 0 COUNT 1000")));
        prop_assert_eq!(sorted(scan[1..].to_vec(), 2), sorted(all, 2));
        Ok(())
    }
}

/// The strings in a reply, without its structure.
fn strings(reply: &str) -> Vec<String> {
    reply.split(' ').filter(|word| !word.starts_with(['*', '$'])).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn agrees_with_its_twin(steps in vec(step(), 1..60)) {
        let mut primary = Server::new(Role::Primary);
        let mut replica = Server::new(Role::Replica { read_only: true });
        let mut twin = Twin::default();
        for step in &steps {
            match step {
                Step::Run(key, command) => {
                    let reply = primary.run(&request(*key, command));
                    let wanted = twin.run(*key, command, primary.now);
                    prop_assert_eq!(wanted.unwrap_or(reply.clone()), reply, "{:?}", command);
                }
                Step::Pass(ms) => primary.now += ms,
                Step::Expire(limit) => {
                    primary.keyspace.expire_due(UnixMs(primary.now), *limit);
                }
            }
            replica.now = primary.now;
            replica.follow(&mut primary.keyspace);
            twin.settle(primary.now);
            for key in 0..3 {
                replica.check(key, twin.keys.get(&key))?;
            }
        }
        for key in 0..3 {
            primary.check(key, twin.keys.get(&key))?;
        }
        while primary.keyspace.expire_due(UnixMs(primary.now), 7) > 0 {}
        let expire = |fields: &&Fields| fields.values().any(|(_, at)| at.is_some());
        let hashes = twin.keys.values().filter(expire).count();
        prop_assert_eq!(primary.keyspace.data().field_expiring(0), hashes);
        prop_assert_eq!(primary.keyspace.data().len(0), twin.keys.len());
        replica.follow(&mut primary.keyspace);
        prop_assert_eq!(replica.keyspace.data().len(0), twin.keys.len());
        prop_assert_eq!(replica.keyspace.data().field_expiring(0), hashes);
    }
}

/// A primary has decided already: what is still here has expired there, conditions were met, and an
/// expiry in the past waits for its `HDEL`.
#[test]
fn a_primarys_words_are_taken_as_they_come() {
    let mut replica = Server::new(Role::Replica { read_only: true });
    let mut check = |lines: &[&str], reads: &[(&str, &str)]| {
        replica.session = Session::of_primary(2);
        for line in lines {
            let reply = replica.run(line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
        }
        replica.session = Session::new(1);
        for (line, reply) in reads {
            assert_eq!(replica.run(line), *reply, "{line} after {lines:?}");
        }
    };
    let (past, soon) = (START - 1, START + 5000);
    let expire = |at: u64, options: &str| format!("HPEXPIREAT h {at} {options} FIELDS 2 a b");
    check(&["HSET h a 1 b 2 c 3", &expire(past, "")], &[("HGETALL h", "*2 $1 c $1 3")]);
    check(&["HSETNX h a 5"], &[("HMGET h a c", "*2 $1 5 $1 3"), ("HLEN h", ":2")]);
    check(&["HSETEX h FNX FIELDS 1 b 6"], &[("HGET h b", "$1 6"), ("HTTL h FIELDS 1 b", "*1 :-1")]);
    check(&["HSETEX h FXX FIELDS 1 d 7"], &[("HGET h d", "$1 7")]);
    // As a Valkey passes them on.
    let set = format!("HSETEX h EX 10 PXAT {soon} FIELDS 1 a 1");
    check(&[&set, "HSETEX h KEEPTTL KEEPTTL FIELDS 1 a 2"], &[("HPTTL h FIELDS 1 a", "*1 :5000")]);
    check(&[&expire(soon + 5, "XX XX GT")], &[("HPTTL h FIELDS 2 a b", "*2 :5005 :-1")]);
    let latest = "HPEXPIREAT h 9223372036854775807 FIELDS 1 c";
    check(&[latest], &[("HPEXPIRETIME h FIELDS 1 c", "*1 :9223372036854775807")]);
    check(&["HGETDEL h FIELDS 2 a d", "HDEL h b c"], &[("EXISTS h", ":0")]);
}

/// The bytes of a file of `target`.
fn saved(keyspace: &mut Keyspace, target: Version) -> Result<Vec<u8>, Error> {
    keyspace.begin_snapshot();
    let mut items = Vec::new();
    assert!(keyspace.walk_snapshot(usize::MAX, &mut items));
    let options = EncodeOptions { target, compress: false, ..EncodeOptions::default() };
    let mut encoder = Encoder::new(options);
    let mut file = Vec::new();
    encoder.start(&mut file);
    let (mut out, mut written) = (Vec::new(), 0);
    encoder.select_db(&mut out, 0, items.len() as u64, 0);
    for item in items {
        item.encode(&mut encoder, &mut out, &mut |out| {
            written += 1;
            file.append(out);
        })?;
    }
    file.append(&mut out);
    encoder.end(&mut file);
    assert!(written > 0, "a large hash comes in pieces");
    Ok(file)
}

fn loaded(file: &[u8], now: Option<u64>) -> (Dataset, LoadStats) {
    let mut loader = Loader::new(Dataset::new(16, 1), now.map(UnixMs));
    let mut decoder = Decoder::new(DecodeOptions::default());
    let mut used = 0;
    loop {
        let decoded = decoder.decode(&file[used..]).unwrap();
        used += decoded.used;
        match decoded.event.unwrap() {
            Event::End { .. } => break,
            event => loader.handle(&event).unwrap(),
        }
    }
    let stats = loader.stats();
    (loader.finish(), stats)
}

#[test]
fn files_hold_what_expires() {
    let mut server = Server::new(Role::Primary);
    server.run("HSETEX small PX 100 FIELDS 2 a 1 b 2");
    server.run("HSET small c 3");
    server.run("HSETEX short PX 100 FIELDS 2 a 1 b 2");
    let value = "v".repeat(300);
    for n in 0..3000 {
        let option = if n % 3 == 0 { "KEEPTTL" } else { "PX 5000" };
        server.run(&format!("HSETEX large {option} FIELDS 1 field:{n} {value}"));
    }
    let digest = |data: &Dataset| data.digest(ScoreText::Shortest);
    let refused = saved(&mut server.keyspace, Version::REDIS_7_2).unwrap_err().to_string();
    assert!(["small", "short", "large"].iter().any(|key| refused.contains(key)), "{refused}");
    for target in [Version::REDIS_7_4, Version::VALKEY_9] {
        let file = saved(&mut server.keyspace, target).unwrap();
        // A replica takes all as it is; a primary leaves out what has expired.
        let (data, stats) = loaded(&file, None);
        assert_eq!(digest(&data), digest(server.keyspace.data()));
        assert_eq!((stats.keys, stats.expired, stats.expired_fields), (3, 0, 0));
        assert_eq!(data.field_expiring(0), 3);
        let (data, stats) = loaded(&file, Some(START + 101));
        assert_eq!((stats.keys, stats.expired, stats.expired_fields), (2, 1, 4));
        assert_eq!((data.len(0), data.field_expiring(0)), (2, 1));
        let mut reader = Server::new(Role::Primary);
        reader.keyspace.replace_data(data);
        reader.now = START + 101;
        assert_eq!(reader.run("HPTTL large FIELDS 2 field:0 field:1"), "*2 :-1 :4899");
        assert_eq!(reader.run("HGETALL small"), "*2 $1 c $1 3");
    }
}
