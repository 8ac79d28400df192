//! Any commands with any arguments: no panic, one reply each, effects that make a copy equal, and a
//! snapshot that holds the data as it was when it began.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use redwire_keyspace::{
    Keyspace, NoHost, Role, ScoreText, Session, Settings, SnapshotItem, UnixMs, Value,
};
use redwire_resp::{Limits, Mode, ReplyDecoder, ReplyLimits, RequestBuf, RequestDecoder};

/// Words that commands are made of; a byte picks one, in the first place or in any other.
const NAMES: &[&str] = &[
    "append",
    "bitcount",
    "bitfield",
    "bitop",
    "bitpos",
    "copy",
    "decrby",
    "del",
    "discard",
    "dump",
    "exec",
    "exists",
    "expire",
    "expireat",
    "flushall",
    "flushdb",
    "get",
    "getdel",
    "getex",
    "getrange",
    "getset",
    "hdel",
    "hget",
    "hgetall",
    "hincrby",
    "hincrbyfloat",
    "hmget",
    "hrandfield",
    "hscan",
    "hset",
    "hsetnx",
    "incr",
    "incrby",
    "incrbyfloat",
    "keys",
    "lindex",
    "linsert",
    "lmove",
    "lmpop",
    "lpop",
    "lpos",
    "lpush",
    "lpushx",
    "lrange",
    "lrem",
    "lset",
    "ltrim",
    "mget",
    "move",
    "mset",
    "msetnx",
    "multi",
    "object",
    "persist",
    "pexpire",
    "ping",
    "psetex",
    "randomkey",
    "rename",
    "renamenx",
    "restore",
    "rpop",
    "rpush",
    "sadd",
    "scan",
    "scard",
    "sdiffstore",
    "select",
    "set",
    "setbit",
    "setex",
    "setnx",
    "setrange",
    "sinter",
    "sintercard",
    "sinterstore",
    "smembers",
    "smove",
    "spop",
    "srandmember",
    "srem",
    "sscan",
    "strlen",
    "sunionstore",
    "swapdb",
    "touch",
    "ttl",
    "type",
    "unlink",
    "unwatch",
    "watch",
    "zadd",
    "zcount",
    "zdiffstore",
    "zincrby",
    "zinter",
    "zinterstore",
    "zlexcount",
    "zmpop",
    "zpopmax",
    "zpopmin",
    "zrandmember",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrangestore",
    "zrank",
    "zrem",
    "zremrangebylex",
    "zremrangebyrank",
    "zremrangebyscore",
    "zrevrange",
    "zscan",
    "zscore",
    "zunion",
    "zunionstore",
];

const WORDS: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "x",
    "",
    "0",
    "1",
    "2",
    "-1",
    "-2",
    "3.5",
    "1e3",
    "inf",
    "-inf",
    "nan",
    "100",
    "1000",
    "-100000",
    "9223372036854775807",
    "-9223372036854775808",
    "[a",
    "(b",
    "+",
    "-",
    "(1",
    "*",
    "[a-c]*",
    "nx",
    "xx",
    "gt",
    "lt",
    "ch",
    "incr",
    "ex",
    "px",
    "exat",
    "pxat",
    "keepttl",
    "get",
    "persist",
    "left",
    "right",
    "before",
    "after",
    "limit",
    "withscores",
    "withvalues",
    "byscore",
    "bylex",
    "rev",
    "weights",
    "aggregate",
    "max",
    "sum",
    "match",
    "count",
    "replace",
    "and",
    "not",
    "u8",
    "i64",
    "overflow",
    "fail",
    "encoding",
    "min",
    "a-member-that-does-not-fit-into-a-handle",
    "0x10",
    "007",
    "\u{0}\u{1}",
];

type Contents = BTreeMap<(u32, Vec<u8>), (Option<UnixMs>, String)>;

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.databases = 3;
    settings.max_string_len = 4096;
    settings
}

/// What a value is, in words that do not depend on how it is kept.
fn describe(value: &Value) -> String {
    match value {
        Value::String(string) => format!("{:?}", string.as_bytes()),
        other => format!("{} of {}", other.type_name(), other.element_count()),
    }
}

fn contents(items: &[SnapshotItem]) -> Contents {
    let mut contents = Contents::new();
    for item in items {
        let place = (item.db, item.key.to_vec());
        let twice = contents.insert(place, (item.expires, describe(&item.value)));
        assert!(twice.is_none(), "a key comes once");
    }
    contents
}

/// The whole of `keyspace`, by a snapshot of its own.
fn snapshot(keyspace: &mut Keyspace) -> Vec<SnapshotItem> {
    let mut items = Vec::new();
    assert!(keyspace.begin_snapshot());
    while !keyspace.walk_snapshot(1 << 16, &mut items) {}
    items
}

fn word(words: &[&'static str], byte: u8) -> &'static str {
    words[usize::from(byte) % words.len()]
}

/// Applies what `primary` left for its replicas.
fn replicate(primary: &mut Keyspace, copy: &mut Keyspace, link: &mut Session, now: UnixMs) {
    let mut decoder = RequestDecoder::new(Mode::Strict, Limits::default());
    decoder.set_authenticated(true);
    let mut reply = Vec::new();
    for (db, bytes) in primary.effects().iter() {
        if !link.in_transaction() {
            link.db = db;
        }
        let decoded = decoder.decode(bytes).expect("an effect is a request");
        let request = decoded.request.expect("a whole one");
        // Inside of a transaction the database is chosen when the effects are fed; here each effect
        // runs by itself, which ends in the same data.
        if !matches!(request.name(), b"MULTI" | b"EXEC") {
            reply.clear();
            copy.execute(&mut NoHost, link, request, now, &mut reply);
            assert!(!reply.starts_with(b"-"), "{request:?}: {}", reply.escape_ascii());
        }
    }
    primary.effects().clear();
}

fuzz_target!(|data: &[u8]| {
    let mut primary = Keyspace::new(settings(), 1);
    let mut copy = Keyspace::new(settings(), 2);
    copy.set_role(Role::Replica { read_only: true });
    let (mut session, mut link) = (Session::new(1), Session::of_primary(2));
    let mut now = UnixMs(1_700_000_000_000);
    let (mut out, mut items, mut frozen) = (Vec::new(), Vec::new(), None);
    let mut bytes = data.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            250.. => now = UnixMs(now.0 + u64::from(byte - 249) * 1000),
            249 => {
                primary.expire_due(now, 100);
            }
            248 if frozen.is_none() => {
                frozen = Some(contents(&snapshot(&mut primary)));
                assert!(primary.begin_snapshot());
            }
            _ => {
                let count = usize::from(bytes.next().unwrap_or(0) % 8);
                let args = bytes.by_ref().take(count).map(|byte| word(WORDS, byte));
                let request: Vec<&str> = [word(NAMES, byte)].into_iter().chain(args).collect();
                let request = RequestBuf::from_args(&request);
                out.clear();
                let request = request.as_request();
                primary.execute(&mut NoHost, &mut session, request, now, &mut out);
                let mut decoder = ReplyDecoder::new(ReplyLimits::default());
                let reply = decoder.decode(&out).expect("a reply");
                assert_eq!(reply.map(|(_, used)| used), Some(out.len()), "one reply, whole");
            }
        }
        replicate(&mut primary, &mut copy, &mut link, now);
        if frozen.is_some() && primary.walk_snapshot(3, &mut items) {
            assert_eq!(Some(contents(&std::mem::take(&mut items))), frozen.take());
        }
    }
    if let Some(frozen) = frozen {
        while !primary.walk_snapshot(1 << 16, &mut items) {}
        assert_eq!(contents(&items), frozen);
    }
    let digest = |keyspace: &Keyspace| keyspace.data().digest(ScoreText::default());
    assert_eq!(digest(&primary), digest(&copy), "effects make a copy equal");
});
