//! What writes leave for replicas makes a replica equal, whatever the replica's clock and its
//! random source.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use redwire_keyspace::{
    Consumer, Keyspace, NoHost, Role, ScoreText, Session, Settings, StreamId, UnixMs, ValueRef,
};
use redwire_resp::{Limits, Mode, RequestBuf, RequestDecoder};

const DATABASES: u32 = 3;
const START: u64 = 1_700_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// A command, by its words.
    Run(String),
    /// Milliseconds go by on the primary.
    Pass(u64),
    /// The primary looks for what is due to expire.
    Expire,
    /// Who writes is a source of imports from now on, or is none any more.
    Turn,
}

fn any_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(words).prop_map(str::to_owned)
}

/// Few keys, most of them used for one type each, so that most commands find what they want.
fn key(of_type: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        10 => (0..4).prop_map(move |n| format!("{of_type}{n}")),
        1 => any_of(&["string0", "list0", "set0", "hash0", "zset0", "stream0", "other"]),
    ]
}

fn any_key() -> impl Strategy<Value = String> {
    any_of(&[
        "string0", "string1", "list0", "list1", "set0", "hash0", "zset0", "zset1", "stream0",
        "other",
    ])
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (-20..20).prop_map(|n: i32| n.to_string()),
        any_of(&["0.1", "1.5", "-2.75", "1e3", "3.0e-2", "x", "9223372036854775807", "inf"]),
    ]
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..8).prop_map(|n| format!("m{n}")),
        (0..8).prop_map(|n: i32| n.to_string()),
        Just("a-member-that-is-longer-than-a-handle".to_owned()),
    ]
}

/// The words of `strategies`, put together in a line.
macro_rules! line {
    ($name:expr $(, $word:expr)* $(,)?) => {
        ($name, $($word,)* Just(())).prop_map(words).boxed()
    };
}

/// A tuple of words, the last one empty, as a line.
trait Words {
    fn words(self) -> String;
}

macro_rules! words {
    ($($name:ident)+) => {
        impl<$($name: AsRef<str>),+> Words for ($($name,)+ ()) {
            #[allow(non_snake_case, reason = "names of types serve for values")]
            fn words(self) -> String {
                let ($($name,)+ ()) = &self;
                let words: &[&str] = &[$($name.as_ref()),+];
                words.join(" ")
            }
        }
    };
}

words!(A);
words!(A B);
words!(A B C);
words!(A B C D);
words!(A B C D E);
words!(A B C D E F);

fn words(line: impl Words) -> String {
    line.words()
}

fn string_command() -> impl Strategy<Value = String> {
    let key = || key("string");
    let ms = || any_of(&["1", "50", "100", "1000", "0", "-5"]);
    prop_oneof![
        line!(any_of(&["SET", "GETSET", "SETNX", "APPEND"]), key(), member()),
        line!(any_of(&["INCR", "DECR", "GETDEL", "STRLEN"]), key()),
        line!(any_of(&["INCRBY", "DECRBY", "INCRBYFLOAT"]), key(), number()),
        line!(Just("SET"), key(), number(), any_of(&["NX", "XX", "GET", "KEEPTTL", "XX GET"])),
        line!(Just("SET"), key(), number(), any_of(&["PX", "NX PX", "GET EX", "EX"]), ms()),
        line!(Just("PSETEX"), key(), ms(), member()),
        line!(Just("GETEX"), key(), any_of(&["PERSIST", "PX 70", "EX 1", "PXAT 5", "EXAT 99"])),
        line!(Just("SETRANGE"), key(), any_of(&["0", "3", "30"]), member()),
        line!(any_of(&["MSET", "MSETNX"]), key(), number(), key(), member()),
        line!(Just("SETBIT"), key(), any_of(&["0", "9", "77"]), any_of(&["0", "1"])),
        line!(any_of(&["BITOP AND", "BITOP XOR"]), key(), key(), key()),
        line!(Just("BITFIELD"), key(), any_of(&["SET u8 3 9", "OVERFLOW FAIL INCRBY i3 40 7"])),
    ]
}

fn list_command() -> impl Strategy<Value = String> {
    let key = || key("list");
    let ends = || any_of(&["LEFT RIGHT", "RIGHT LEFT", "LEFT LEFT", "RIGHT RIGHT"]);
    let place = || any_of(&["0", "1", "-1", "5", "-7"]);
    prop_oneof![
        line!(any_of(&["LPUSH", "RPUSH", "RPUSHX"]), key(), member(), member(), member()),
        line!(any_of(&["LPOP", "RPOP"]), key()),
        line!(any_of(&["LPOP", "RPOP"]), key(), any_of(&["2", "9"])),
        line!(any_of(&["LTRIM", "LREM", "LSET"]), key(), place(), place()),
        line!(Just("LINSERT"), key(), any_of(&["BEFORE", "AFTER"]), member(), member()),
        line!(Just("LMOVE"), key(), key(), ends()),
        line!(Just("RPOPLPUSH"), key(), key()),
        line!(Just("LMPOP 2"), key(), key(), any_of(&["LEFT", "RIGHT COUNT 3"])),
    ]
}

fn set_command() -> impl Strategy<Value = String> {
    let key = || key("set");
    prop_oneof![
        3 => line!(any_of(&["SADD", "SREM"]), key(), member(), member(), member()),
        1 => line!(Just("SPOP"), key()),
        1 => line!(Just("SPOP"), key(), any_of(&["0", "1", "2", "7", "100"])),
        1 => line!(Just("SMOVE"), key(), key(), member()),
        1 => line!(any_of(&["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), key(), key(), key()),
    ]
}

fn hash_command() -> impl Strategy<Value = String> {
    let key = || key("hash");
    prop_oneof![
        line!(any_of(&["HSET", "HMSET"]), key(), member(), number(), member(), member()),
        line!(any_of(&["HINCRBY", "HINCRBYFLOAT"]), key(), member(), number()),
        line!(Just("HSETNX"), key(), member(), member()),
        line!(Just("HDEL"), key(), member(), member()),
    ]
}

/// Commands on fields that expire, and on keys with such fields.
fn field_expiry_command() -> impl Strategy<Value = String> {
    let key = || any_of(&["hash0", "hash0", "hash0", "hash1", "string0"]);
    let ms = || any_of(&["1", "50", "100", "1000", "0"]);
    let two = || Just("FIELDS 2");
    let set = || {
        any_of(&["EX 1", "PX 60", "PX 0", "PXAT 5", "KEEPTTL", "FNX", "FXX PX 90", "FXX KEEPTTL"])
    };
    prop_oneof![
        3 => line!(Just("HPEXPIRE"), key(), ms(), two(), member(), member()),
        2 => line!(Just("HPEXPIRE"), key(), any_of(&["70 NX", "70 XX", "200 GT", "20 LT", "0 LT"]), two(), member(), member()),
        1 => line!(any_of(&["HEXPIRE", "HEXPIREAT"]), key(), any_of(&["1", "1700000001"]), two(), member(), member()),
        2 => line!(any_of(&["HPERSIST", "HGETDEL", "HTTL"]), key(), two(), member(), member()),
        3 => line!(Just("HGETEX"), key(), any_of(&["PX 60", "PX 0", "PERSIST", "EXAT 99", ""]), two(), member(), member()),
        2 => line!(Just("HSETEX"), key(), set(), Just("FIELDS 1"), member(), number()),
        1 => line!(Just("HSETEX"), key(), any_of(&["PX 30", "KEEPTTL"]), two(), any_of(&["m1 7 m2 8", "3 1 m4 9"])),
        1 => line!(any_of(&["HGETALL", "HLEN", "EXISTS", "TYPE"]), key()),
    ]
}

fn zset_command() -> impl Strategy<Value = String> {
    let key = || key("zset");
    let flags = || any_of(&["NX", "XX", "GT", "LT", "XX GT CH", "INCR", "XX INCR"]);
    prop_oneof![
        2 => line!(Just("ZADD"), key(), number(), member(), number(), member()),
        1 => line!(Just("ZADD"), key(), flags(), number(), member()),
        1 => line!(Just("ZINCRBY"), key(), number(), member()),
        1 => line!(any_of(&["ZREM", "ZPOPMIN", "ZPOPMAX"]), key()),
        1 => line!(any_of(&["ZPOPMIN", "ZPOPMAX"]), key(), any_of(&["1", "3"])),
        1 => line!(Just("ZREM"), key(), member(), member()),
        1 => line!(Just("ZMPOP 2"), key(), key(), any_of(&["MIN", "MAX COUNT 2"])),
        1 => line!(any_of(&["ZREMRANGEBYRANK", "ZREMRANGEBYSCORE"]), key(), number(), number()),
        1 => line!(any_of(&["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"]), key(), Just("2"), key(), key()),
        1 => line!(Just("ZRANGESTORE"), key(), key(), Just("0"), any_of(&["1", "-1"])),
    ]
}

fn stream_command() -> impl Strategy<Value = String> {
    let key = || any_of(&["stream0", "stream0", "stream1", "string0"]);
    let id = || any_of(&["1700000000000-0", "1700000000050-0", "1700000000000-1", "0", "9-9"]);
    let consumer = || any_of(&["ann", "bob"]);
    let trim = || any_of(&["", "MAXLEN ~ 2", "MAXLEN 3", "MINID ~ 1700000000040", "NOMKSTREAM"]);
    let from = || any_of(&[">", ">", ">", "0"]);
    prop_oneof![
        9 => line!(Just("XADD"), key(), trim(), any_of(&["*", "*", "*", "1700000000050-*"]), member(), member()),
        2 => line!(Just("XGROUP CREATE"), key(), any_of(&["g 0", "h $"]), Just("MKSTREAM")),
        3 => line!(Just("XREADGROUP GROUP g"), consumer(), any_of(&["", "COUNT 1", "NOACK"]), Just("STREAMS"), key(), from()),
        1 => line!(Just("XCLAIM"), key(), any_of(&["g ann 0", "g bob 0"]), id(), id(), any_of(&["", "FORCE", "LASTID 1700000000000-1"])),
        1 => line!(Just("XAUTOCLAIM"), key(), Just("g"), consumer(), any_of(&["0 0", "40 0 COUNT 1"])),
        1 => line!(Just("XACK"), key(), Just("g"), id(), id()),
        1 => line!(Just("XDEL"), key(), id(), id()),
        1 => line!(Just("XTRIM"), key(), any_of(&["MAXLEN ~ 0", "MINID ~ 1800000000000", "MAXLEN 1"])),
        1 => line!(Just("XGROUP"), any_of(&["DELCONSUMER", "CREATECONSUMER"]), key(), Just("g"), consumer()),
        1 => line!(Just("XGROUP SETID"), key(), Just("g"), id()),
    ]
}

fn generic_command() -> impl Strategy<Value = String> {
    let key = any_key;
    let ms = || any_of(&["1", "50", "100", "1000", "0", "-5"]);
    let db = || any_of(&["0", "1", "2"]);
    prop_oneof![
        2 => line!(any_of(&["DEL", "UNLINK"]), key(), key()),
        3 => line!(Just("PEXPIRE"), key(), ms()),
        1 => line!(Just("PEXPIRE"), key(), ms(), any_of(&["NX", "XX", "GT", "LT"])),
        1 => line!(Just("EXPIRE"), key(), any_of(&["1", "-1"])),
        1 => line!(any_of(&["PERSIST", "TTL", "EXISTS", "TYPE"]), key()),
        2 => line!(any_of(&["RENAME", "RENAMENX"]), key(), key()),
        2 => line!(Just("COPY"), key(), key(), any_of(&["", "REPLACE", "DB 1", "DB 2 REPLACE"])),
        1 => line!(Just("MOVE"), key(), db()),
        1 => line!(Just("SORT"), key(), Just("ALPHA STORE"), key()),
        2 => line!(Just("SELECT"), db()),
        1 => any_of(&["SWAPDB 0 1", "SWAPDB 1 2", "FLUSHDB", "FLUSHALL", "SCAN 0", "RANDOMKEY"]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => string_command().prop_map(Step::Run),
        4 => list_command().prop_map(Step::Run),
        4 => set_command().prop_map(Step::Run),
        4 => hash_command().prop_map(Step::Run),
        5 => field_expiry_command().prop_map(Step::Run),
        5 => zset_command().prop_map(Step::Run),
        5 => stream_command().prop_map(Step::Run),
        4 => generic_command().prop_map(Step::Run),
        2 => any_of(&["MULTI", "EXEC", "EXEC", "DISCARD"]).prop_map(Step::Run),
        2 => (1_u64..120).prop_map(Step::Pass),
        1 => Just(Step::Expire),
        1 => Just(Step::Turn),
    ]
}

struct Server {
    keyspace: Keyspace,
    session: Session,
    now: u64,
}

impl Server {
    fn new(seed: u64, role: Role, session: Session) -> Self {
        let mut settings = Settings::default();
        settings.databases = DATABASES;
        let mut keyspace = Keyspace::new(settings, seed);
        keyspace.set_role(role);
        Self { keyspace, session, now: START }
    }

    fn run(&mut self, line: &str) -> Vec<u8> {
        self.execute(&RequestBuf::from_args(line.split(' ').filter(|word| !word.is_empty())))
    }

    fn execute(&mut self, request: &RequestBuf) -> Vec<u8> {
        let mut out = Vec::new();
        let (request, now) = (request.as_request(), UnixMs(self.now));
        self.keyspace.execute(&mut NoHost, &mut self.session, request, now, &mut out);
        out
    }

    /// Every field that expires, sorted.
    fn field_expiries(&self) -> Vec<(u32, String, String)> {
        let mut expiries = Vec::new();
        for db in 0..DATABASES {
            for (key, value) in self.keyspace.data().iter(db) {
                let ValueRef::Hash(hash) = value else { continue };
                let fields = hash.iter_expiring().filter(|(_, at)| at.is_some());
                expiries.extend(fields.map(|(field, at)| {
                    (
                        db,
                        format!("{:?}", key.escape_ascii().to_string()),
                        format!("{:?} {at:?}", field.name),
                    )
                }));
            }
        }
        expiries.sort();
        expiries
    }

    /// Every key with its expiry, sorted.
    fn expiries(&mut self) -> Vec<(u32, String, Vec<u8>)> {
        let mut expiries = Vec::new();
        // Long before anything expires, so that nothing does on the way.
        self.now = 0;
        let mut reader = Session::new(2);
        std::mem::swap(&mut self.session, &mut reader);
        for db in 0..DATABASES {
            self.session.db = db;
            let data = self.keyspace.data();
            let keys: Vec<String> =
                data.iter(db).map(|(key, _)| String::from_utf8_lossy(key).into()).collect();
            for key in keys {
                let expiry = self.run(&format!("PEXPIRETIME {key}"));
                expiries.push((db, key, expiry));
            }
        }
        expiries.sort();
        expiries
    }
}

/// Every group: how far it is, and what is pending with whom. When that was delivered is by the
/// clock, and reading it again tells nobody.
fn groups(server: &Server) -> Vec<String> {
    let mut all = Vec::new();
    for (db, (key, value)) in
        (0..DATABASES).flat_map(|db| server.keyspace.data().iter(db).map(move |it| (db, it)))
    {
        let ValueRef::Stream(stream) = value else { continue };
        for group in stream.groups() {
            let pending = group.pending_from(StreamId::MIN);
            let pending: Vec<_> =
                pending.map(|it| format!("{} {:?}", it.id, it.consumer)).collect();
            let consumers: Vec<_> = group.consumers().map(Consumer::name).collect();
            let (name, last_id) = (group.name(), group.last_id);
            all.push(format!("{db} {key:?} {name:?} {last_id} {pending:?} {consumers:?}"));
        }
    }
    all.sort();
    all
}

/// The commands in effects, with the database of each.
fn decode(effects: &[(u32, Vec<u8>)]) -> Vec<(u32, RequestBuf)> {
    let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    decoder.set_authenticated(true);
    let mut requests = Vec::new();
    for (db, bytes) in effects {
        let decoded = decoder.decode(bytes).unwrap();
        assert_eq!(decoded.used, bytes.len(), "one effect is one command");
        requests.push((*db, RequestBuf::from(decoded.request.unwrap())));
    }
    requests
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_replica_ends_as_its_primary(
        steps in proptest::collection::vec(step(), 1..150),
        clock in prop_oneof![Just(START), Just(0), Just(START * 2)],
        imports: bool,
    ) {
        let mut primary = Server::new(1, Role::Primary, Session::new(1));
        primary.keyspace.settings_mut().import_mode = imports;
        let mut replica =
            Server::new(2, Role::Replica { read_only: true }, Session::of_primary(1));
        replica.now = clock;
        let mut selected = 0;
        for step in &steps {
            match step {
                Step::Run(line) => {
                    primary.run(line);
                }
                Step::Pass(ms) => primary.now += ms,
                Step::Expire => {
                    let expired = primary.keyspace.expire_due(UnixMs(primary.now), 3);
                    prop_assert!(expired == 0 || !imports);
                }
                Step::Turn => primary.session.import_source ^= true,
            }
            let effects: Vec<(u32, Vec<u8>)> =
                primary.keyspace.effects().iter().map(|(db, it)| (db, it.to_vec())).collect();
            primary.keyspace.effects().clear();
            for (db, request) in decode(&effects) {
                // As a link does it: in a transaction the SELECT is queued with the rest.
                if selected != db {
                    replica.run(&format!("SELECT {db}"));
                    selected = db;
                }
                let reply = replica.execute(&request);
                prop_assert!(reply[0] != b'-', "{request:?}: {}", String::from_utf8_lossy(&reply));
            }
            prop_assert!(!replica.session.in_transaction());
        }
        let digest = |server: &Server| server.keyspace.data().digest(ScoreText::Shortest);
        prop_assert_eq!(digest(&primary), digest(&replica));
        prop_assert_eq!(groups(&primary), groups(&replica));
        prop_assert_eq!(primary.field_expiries(), replica.field_expiries());
        prop_assert_eq!(primary.expiries(), replica.expiries());
    }
}

/// The strategies are of use only if what they make mostly does something.
#[test]
fn most_commands_leave_effects() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut primary = Server::new(1, Role::Primary, Session::new(1));
    let (mut effective, mut refused) = (0, 0);
    for _ in 0..2000 {
        if let Step::Run(line) = step().new_tree(&mut runner).unwrap().current() {
            refused += usize::from(primary.run(&line).starts_with(b"-"));
        }
        effective += usize::from(!primary.keyspace.effects().is_empty());
        primary.keyspace.effects().clear();
    }
    assert!(effective > 500, "only {effective} of 2000 steps left effects, {refused} were refused");
}
