//! Odd and hostile requests: redwire answers a real server's bytes, and closes or keeps the
//! connection as the real server does.

use std::time::Duration;

use redwire_testkit::{Peer, Redwire, Server, printable, request};

/// How a case's bytes reach the server.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Whole,
    /// In two pieces, cut in the middle.
    Halves,
    /// Byte by byte, for short cases.
    Bytes,
}

/// Sent after a case. Whether it is answered shows if the connection lived, and where the server
/// took the request to end.
const PROBE: &[u8] = b"\r\nPING\r\n";

/// How long a server may take to close a connection that its client has finished.
const PATIENCE: Duration = Duration::from_secs(15);

/// Everything that a server answers to `bytes` and then to `probe`, until it has closed.
fn answer(server: &Server, bytes: &[u8], probe: &[u8], delivery: Delivery) -> String {
    let mut client = server.client();
    let piece = match delivery {
        Delivery::Whole => bytes.len(),
        Delivery::Halves => bytes.len().div_ceil(2),
        Delivery::Bytes => 1,
    };
    for piece in bytes.chunks(piece.max(1)).chain([probe]) {
        // The server may have closed already; what it had answered is still to be read.
        if client.try_send(piece).is_err() {
            break;
        }
    }
    client.finish_sending();
    let answer = client.read_to_end(PATIENCE).unwrap_or_else(|answer| {
        let (case, answer) = (printable(&[bytes]), printable(&[answer]));
        panic!("{server:?} does not close after \"{case}\" ({delivery:?}) and its end: {answer}")
    });
    masked(&answer.escape_ascii().to_string())
}

/// Hides what HELLO says of the server itself: its version and the number of the connection.
fn masked(answer: &str) -> String {
    let mut parts = answer.split(r"$7\r\nversion\r\n");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once(r"$4\r\nmode").map_or(part, |(_, rest)| rest);
        masked.push_str("(version, protocol, id)");
        masked.push_str(rest);
    }
    masked
}

fn compare(real: &Server, ours: &Server, cases: &[Vec<u8>], probe: &[u8]) {
    let mut differing = Vec::new();
    for case in cases {
        let short = case.len() <= 200;
        let deliveries = [Delivery::Whole, Delivery::Halves, Delivery::Bytes];
        for delivery in &deliveries[..if short { 3 } else { 2 }] {
            let [expected, got] = [real, ours].map(|s| answer(s, case, probe, *delivery));
            if expected != got {
                let [expected, got] = from_difference(&expected, &got);
                differing.push(format!(
                    "\"{}\" ({delivery:?})\n  real: {expected}\n  ours: {got}",
                    printable(&[case])
                ));
                break;
            }
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

/// Both answers from a little before the first byte that differs, cut to a line.
fn from_difference<'a>(a: &'a str, b: &'a str) -> [String; 2] {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let cut = |text: &'a str| text.chars().skip(same.saturating_sub(60)).take(200).collect();
    [cut(a), cut(b)]
}

fn framing() -> Vec<Vec<u8>> {
    let texts: &[&str] = &[
        "*1\r\n$4\r\nPING\r\n",
        "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*-5\r\n",
        "*-2147483648\r\n",
        "*\r\n",
        "*x\r\n",
        "*1x\r\n",
        "* 1\r\n",
        "*+1\r\n",
        "*01\r\n",
        "*-0\r\n",
        "*1.0\r\n",
        "*2147483648\r\n",
        "*9223372036854775808\r\n",
        "*99999999999999999999999\r\n",
        "*\0\r\n",
        "*1\r\nPING\r\n",
        "*1\r\n:4\r\n",
        "*1\r\n\r\n",
        "*1\r\n\n",
        "*1\r\n\0\r\n",
        "*1\r\n*1\r\n",
        "*1\r\n$\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n$-5\r\n",
        "*1\r\n$4x\r\nPING\r\n",
        "*1\r\n$ 4\r\nPING\r\n",
        "*1\r\n$+4\r\nPING\r\n",
        "*1\r\n$04\r\nPING\r\n",
        "*1\r\n$536870913\r\n",
        "*1\r\n$9223372036854775807\r\n",
        "*1\r\n$99999999999999999999\r\n",
        "*1\r\n$0\r\n\r\n",
        "*1\r\n$4\r\nPINGXX",
        "*1\rX$4\rYPING\r\n",
        "*1\r$4\rPING\r\n",
        "*1\n$4\nPING\n",
        "*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n",
        "*2\r\n$4\r\nECHO\r\n$5\r\na\0b\r\n\r\n",
        "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
        "*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\nshort\r\n",
        "*1\r\n$7\r\nUNKNOWN\r\n",
        "*1\r\n$4\r\nECHO\r\n",
        "*3\r\n$4\r\nECHO\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
        "\0\r\n",
        "\r\n\r\n\r\n",
        "\n",
        "\r",
        "\r\n*1\r\n$4\r\nping\r\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn inline() -> Vec<Vec<u8>> {
    let texts: &[&str] = &[
        "PING\r\n",
        "PING\n",
        "PING\r\r\n",
        "  PING  \r\n",
        "\tPING\r\n",
        "ping hello\r\n",
        "ECHO \"a b\"\r\n",
        "ECHO 'a b'\r\n",
        "ECHO \"a\\x41\\n\\r\\t\\b\\a\\c\\\"\"\r\n",
        "ECHO 'it\\'s'\r\n",
        "ECHO 'a\\n'\r\n",
        "ECHO \"a\r\n",
        "ECHO 'a\r\n",
        "ECHO \"a\"b\r\n",
        "ECHO 'a'b\r\n",
        "ECHO a\"b\"\r\n",
        "ECHO a'b'\r\n",
        "ECHO \"\"\r\n",
        "ECHO ''\r\n",
        "ECHO \"\\x4\"\r\n",
        "ECHO \"\\xzz\"\r\n",
        "ECHO \"\\\r\n",
        "ECHO \"a\\\"\r\n",
        "ECHO a\x0bb\r\n",
        "ECHO\x0ba\r\n",
        "ECHO a\tb\r\n",
        "+PING\r\n",
        "$4\r\nPING\r\n",
        "-ERR x\r\n",
        ":1\r\n",
        "GET / HTTP/1.0\r\n",
        "\"PING\"\r\n",
        "'PING'\r\n",
        "unknown a b c\r\n",
        "PING\0\r\n",
        "ECHO \u{fc}\r\n",
        "UNKNOWN\x01\x02 \"a\\x00b\" c\r\n",
        "QUIT\r\nPING\r\n",
        "quit now\r\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn long_ones() -> Vec<Vec<u8>> {
    vec![
        request(&["ECHO".as_bytes(), &[b'x'; 100_000]]),
        request(&["PING"; 2000]),
        request(&["ECHO".repeat(100)]),
        request(&[&"unknown".repeat(40), &"argument".repeat(40), "b", "c"]),
        b"*1\r\n$4\r\nPING\r\n".repeat(3000),
        b"PING\r\n".repeat(3000),
        [&b"ECHO \""[..], &b"\\x41".repeat(2000), b"\"\r\n"].concat(),
        [&b"*1024000\r\n"[..], &b"$1\r\na\r\n".repeat(20)].concat(),
    ]
}

/// Headers and lines without an end, around the limit of 64 KiB.
fn endless() -> Vec<Vec<u8>> {
    let mut cases = Vec::new();
    for start in ["*", "*1\r\n$", "", "GET ", "\"", "*1\r\n$4\r\nPING\r\n*"] {
        for len in [60_000, 65_535, 65_536, 65_537, 65_538, 80_000, 200_000] {
            cases.push([start.as_bytes(), &vec![b'1'; len][..]].concat());
        }
    }
    cases
}

/// Requests that are well formed but wrong, one by one on a connection each.
fn commands() -> Vec<Vec<u8>> {
    let lines: &[&str] = &[
        "PING a b",
        "GET",
        "GET a b",
        "SET k",
        "SET k v EX",
        "SET k v EX 0",
        "SET k v EX x",
        "SET k v NX XX",
        "SET k v EX 10 PX 10",
        "SET k v BOGUS",
        "SETEX k 0 v",
        "SETEX k -1 v",
        "SELECT 16",
        "SELECT -1",
        "SELECT x",
        "SELECT 99999999999999999999",
        "HSET h f",
        "HSET h f v g",
        "LPUSH l",
        "LINSERT l IN a b",
        "LRANGE l a b",
        "LRANGE l 0",
        "SADD s",
        "ZADD z",
        "ZADD z 1",
        "ZADD z x a",
        "ZADD z 1 a 2",
        "ZADD z NX XX 1 a",
        "ZADD z INCR 1 a 2 b",
        "ZADD z nan a",
        "ZINCRBY z x a",
        "ZRANGE z 0 x",
        "ZRANGEBYSCORE z x y",
        "ZRANGEBYSCORE z (1 [2",
        "ZRANGEBYLEX z a b",
        "ZUNIONSTORE d 0 z",
        "ZUNIONSTORE d 2 z",
        "ZUNIONSTORE d x z",
        "ZUNIONSTORE d 1 z WEIGHTS x",
        "ZUNIONSTORE d 1 z AGGREGATE AVG",
        "EXPIRE k x",
        "EXPIRE k 9223372036854775807",
        "PEXPIREAT k -9223372036854775808",
        "EXEC",
        "DISCARD",
        "MULTI a",
        "WATCH",
        "INCRBY k x",
        "INCRBY k 9223372036854775808",
        "INCRBYFLOAT k x",
        "INCRBYFLOAT k inf",
        "SETRANGE k -1 v",
        "SETRANGE k 536870912 v",
        "SETRANGE k x v",
        "GETRANGE k 0",
        "MSET a",
        "MSET a b c",
        "SPOP s -1",
        "SPOP s x",
        "SPOP s 1 2",
        "LSET nolist 0 v",
        "RENAME none other",
        "DEBUG",
        "DEBUG BOGUS",
        "CONFIG",
        "CONFIG BOGUS",
        "CONFIG GET",
        "CONFIG SET",
        "CONFIG SET bogus 1",
        "CLIENT",
        "CLIENT BOGUS",
        "CLIENT SETNAME \"a b\"",
        "CLIENT REPLY BOGUS",
        "HELLO 4",
        "HELLO x",
        "HELLO 2 BOGUS",
        "AUTH",
        "AUTH a",
        "AUTH a b",
        "AUTH a b c",
        "MONITOR a",
        "OBJECT",
        "OBJECT BOGUS",
        "MOVE k 0",
        "MOVE k 99",
        "MOVE k x",
        "REPLICAOF a",
        "REPLICAOF a x",
        "REPLICAOF a 99999",
        "WAIT x 0",
        "WAIT 0 x",
        "WAIT 0 -1",
        "SLOWLOG BOGUS",
        "SHUTDOWN BOGUS",
        "SHUTDOWN SAVE NOSAVE",
        "FLUSHALL BOGUS",
        "FLUSHDB ASYNC SYNC",
        "KEYS",
        "DBSIZE a",
        "TYPE",
        "RESET a",
        "ECHO",
        "TIME a",
        "LASTSAVE a",
        "ROLE a",
        "BGSAVE BOGUS",
        "SAVE a",
        "COMMAND BOGUS",
        "PSYNC",
        "REPLCONF a",
        "REPLCONF bogus 1",
        "UNWATCH a",
        "REPLCONF listening-port x",
    ];
    lines.iter().map(|line| format!("{line}\r\n").into_bytes()).collect()
}

/// Sequences on one connection: transactions that fail, WATCH, RESP3, RESET.
fn sequences() -> Vec<Vec<u8>> {
    let sequences: &[&[&str]] = &[
        &["MULTI", "SET k v", "GET k", "EXEC"],
        &["MULTI", "SET k", "GET k", "EXEC"],
        &["MULTI", "BOGUS", "EXEC", "EXEC"],
        &["MULTI", "MULTI", "WATCH a", "DISCARD", "DISCARD"],
        &["MULTI", "SET s v", "LPUSH s a", "INCR s", "DEL s", "EXEC"],
        &["DEL w", "WATCH w", "SET w 1", "MULTI", "GET w", "EXEC", "GET w"],
        &["WATCH w", "UNWATCH", "SET w 2", "MULTI", "GET w", "EXEC"],
        &["WATCH w", "MULTI", "DISCARD", "SET w 3", "MULTI", "GET w", "EXEC"],
        &[
            "SET k v",
            "LPUSH k a",
            "HGET k f",
            "SADD k a",
            "ZADD k 1 a",
            "INCR k",
            "APPEND k w",
            "DEL k",
        ],
        &[
            "SET n 9223372036854775807",
            "INCR n",
            "INCRBY n 1",
            "DECRBY n -9223372036854775808",
            "DEL n",
        ],
        &["HSET h f x", "HINCRBY h f 1", "HINCRBYFLOAT h f 1", "DEL h"],
        &[
            "HELLO 3",
            "GET none",
            "HGETALL none",
            "ZRANGE none 0 -1",
            "SMEMBERS none",
            "RPOP none",
            "SPOP none",
        ],
        &[
            "HELLO 3",
            "ZADD z 1.5 a inf b",
            "ZSCORE z a",
            "ZSCORE z b",
            "ZRANGE z 0 -1 WITHSCORES",
            "ZPOPMIN z",
            "ZPOPMAX z 1",
            "ZINCRBY z 1 c",
            "DEL z",
        ],
        &[
            "HELLO 3",
            "HSET h f v",
            "HGETALL h",
            "HMGET h f g",
            "DEL h",
            "SADD s a",
            "SMEMBERS s",
            "SPOP s 1",
        ],
        &["HELLO 3", "CONFIG GET databases", "DEBUG BOGUS", "BOGUS", "RESET", "GET none"],
        &[
            "HELLO 3",
            "MULTI",
            "GET none",
            "HGETALL none",
            "EXEC",
            "WATCH w",
            "SET w 5",
            "MULTI",
            "EXEC",
        ],
        &[
            "ZADD z 1.5 a inf b",
            "ZSCORE z a",
            "ZRANGE z 0 -1 WITHSCORES",
            "ZADD z INCR 1 b",
            "ZADD z NX INCR 1 b",
            "DEL z",
        ],
        &["SELECT 3", "SET k v", "RESET", "EXISTS k", "SELECT 3", "DEL k"],
        &["CLIENT SETNAME me", "CLIENT GETNAME", "RESET", "CLIENT GETNAME"],
        &[
            "CLIENT REPLY SKIP",
            "PING",
            "PING",
            "CLIENT REPLY OFF",
            "PING",
            "CLIENT REPLY ON",
            "PING",
        ],
        &[
            "EXPIRE none 1",
            "SET k v",
            "EXPIRE k -1",
            "EXISTS k",
            "PERSIST k",
            "TTL k",
            "SET k v EX 100",
            "TTL k",
            "DEL k",
        ],
        &["ROLE", "WAIT 0 0", "REPLCONF ACK 0", "PING"],
    ];
    let lines = |sequence: &[&str]| sequence.iter().map(|line| format!("{line}\r\n")).collect();
    sequences.iter().map(|sequence| String::into_bytes(lines(sequence))).collect()
}

/// Replies of every RESP3 type, and what RESP2 makes of each.
fn typed() -> Vec<Vec<u8>> {
    let commands = "FLUSHALL|HSET h a 1|HGETALL h|HRANDFIELD h 1 WITHVALUES|HGET h zz|HMGET h a b|\
         ZADD z 1.5 a 2 b inf c|ZRANGE z 0 -1 WITHSCORES|ZRANGE z 0 -1|ZSCORE z a|ZMSCORE z a zz|\
         ZADD z INCR 1 a|ZINCRBY z 1 a|ZPOPMIN z|ZPOPMIN z 2|ZADD z 1.5 a|\
         ZRANDMEMBER z 1 WITHSCORES|ZMPOP 1 z MIN COUNT 2|ZUNION 1 z WITHSCORES|ZRANK z zz|\
         SADD s a|SMEMBERS s|SINTER s s|SUNION s s|SPOP s 1|SPOP s|CONFIG GET maxmemory|\
         DEBUG PROTOCOL string|DEBUG PROTOCOL integer|DEBUG PROTOCOL double|DEBUG PROTOCOL null|\
         DEBUG PROTOCOL array|DEBUG PROTOCOL set|DEBUG PROTOCOL map|DEBUG PROTOCOL attrib|\
         DEBUG PROTOCOL push|DEBUG PROTOCOL verbatim|DEBUG PROTOCOL true|DEBUG PROTOCOL false|\
         DEBUG PROTOCOL bignum|GET none|LPOP none|LPOP none 2|RPUSH l a|LMPOP 1 l LEFT|\
         LMPOP 1 none LEFT|GEOADD g 13.36 38.11 p|GEOPOS g p q|GEODIST g p p|GEODIST g p q|\
         LCS none other|LCS none other IDX|INCRBYFLOAT f 1.5|OBJECT ENCODING f|PUBSUB NUMSUB a|\
         SUBSCRIBE ch|PING|UNSUBSCRIBE|UNSUBSCRIBE|PING|MULTI|GET none|HGETALL h|EXEC|MULTI|\
         NOTHING|EXEC|FLUSHALL";
    let lines: String = commands.split('|').map(|line| format!("{line}\r\n")).collect();
    ["HELLO 2\r\n", "HELLO 3\r\n"].map(|hello| format!("{hello}{lines}").into_bytes()).to_vec()
}

fn compare_with(peer: Peer, args: &[&str], cases: &[Vec<u8>]) {
    let Some(real) = peer.start(args) else { return };
    compare(&real, &Redwire::start(args), cases, PROBE);
}

/// The servers whose rules for requests are redwire's: what they answer to commands has changed, how
/// they read has not. (Valkey 9 wants every LF.)
const READ_ALIKE: [Peer; 2] = [Peer::Redis70, Peer::Redis80];

fn compare_reading(args: &[&str], cases: &[Vec<u8>]) {
    for peer in READ_ALIKE {
        compare_with(peer, args, cases);
    }
}

#[test]
fn frames() {
    compare_reading(&[], &framing());
}

#[test]
fn inline_requests() {
    compare_reading(&[], &inline());
}

#[test]
fn long_requests() {
    compare_reading(&[], &long_ones());
}

#[test]
fn endless_lines() {
    for peer in READ_ALIKE {
        let Some(real) = peer.start(&[]) else { continue };
        // Without a probe: which limit is hit first would depend on how its line end arrives.
        compare(&real, &Redwire::start(&[]), &endless(), b"");
    }
}

#[test]
fn wrong_commands() {
    compare_with(Peer::Redis70, &[], &commands());
}

#[test]
fn sequences_of_commands() {
    compare_with(Peer::Redis70, &[], &sequences());
}

#[test]
fn types_in_both_protocols() {
    compare_with(Peer::Redis70, &[], &typed());
}

#[test]
fn before_authentication() {
    let mut cases = framing();
    cases.extend(inline());
    cases.extend([
        request(&["PING"; 10]),
        request(&["PING"; 11]),
        request(&["ECHO".as_bytes(), &[b'x'; 16_384]]),
        request(&["ECHO".as_bytes(), &[b'x'; 16_385]]),
        b"*11\r\n".to_vec(),
        b"*1\r\n$16385\r\n".to_vec(),
        [&b"*10\r\n"[..], &[&b"$16384\r\n"[..], &[b'x'; 16_384], b"\r\n"].concat().repeat(10)]
            .concat(),
    ]);
    compare_reading(&["--requirepass", "secret"], &cases);
}

#[test]
fn commands_before_authentication() {
    let cases = [
        b"GET k\r\nMULTI\r\nEXEC\r\nRESET\r\nHELLO 3\r\nCOMMAND\r\nQUIT\r\n".to_vec(),
        b"AUTH wrong\r\nAUTH default wrong\r\nAUTH nobody secret\r\nGET k\r\n".to_vec(),
        b"AUTH secret\r\nGET k\r\nRESET\r\nGET k\r\nAUTH default secret\r\nGET k\r\n".to_vec(),
        b"HELLO 2 AUTH default wrong\r\nGET k\r\n".to_vec(),
        b"PSYNC ? -1\r\nSYNC\r\nREPLCONF capa eof\r\nMONITOR\r\n".to_vec(),
    ];
    compare_with(Peer::Redis70, &["--requirepass", "secret"], &cases);
}
