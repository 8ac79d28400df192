//! redwire-resp at the client's end of real servers: it reads every type that they send, writes each
//! back to the byte, and makes of RESP3 what they send in RESP2.

use std::time::Duration;

use redwire_resp::{Encoder, Protocol, ReplyLimits, TapeDecoder, Value};
use redwire_testkit::{Peer, Redwire, Server};

/// Commands whose replies have the same shape in both protocols. A null array is not among them: the
/// null of RESP3 does not say which of RESP2's two it was.
const COMMANDS: &[&str] = &[
    "FLUSHALL",
    "HSET h a 1",
    "HGETALL h",
    "HGETALL none",
    "SADD s a",
    "SMEMBERS s",
    "SPOP s 0",
    "ZADD z 1.5 a inf b -inf c",
    "ZSCORE z a",
    "ZMSCORE z a b c none",
    "ZINCRBY z 0.25 a",
    "GET none",
    "BOGUS",
    "CONFIG GET maxmemory*",
    "COMMAND INFO get none",
    "ACL GETUSER default",
    "CLIENT TRACKINGINFO",
    "MULTI",
    "HGETALL h",
    "ZSCORE z b",
    "EXEC",
    "DEBUG PROTOCOL string",
    "DEBUG PROTOCOL integer",
    "DEBUG PROTOCOL double",
    "DEBUG PROTOCOL null",
    "DEBUG PROTOCOL array",
    "DEBUG PROTOCOL set",
    "DEBUG PROTOCOL map",
    "DEBUG PROTOCOL attrib",
    "DEBUG PROTOCOL verbatim",
    "DEBUG PROTOCOL true",
    "DEBUG PROTOCOL false",
    "DEBUG PROTOCOL bignum",
    // Last, because it is an error in RESP2.
    "DEBUG PROTOCOL push",
];

/// A reply as it came, and what it was read as.
type Read = (Vec<u8>, Value);

/// The replies to all commands, and the pushes, in a protocol.
fn replies(server: &Server, protocol: Protocol) -> (Vec<Read>, Vec<Read>) {
    let hello = if protocol == Protocol::Resp2 { "HELLO 2\r\n" } else { "HELLO 3\r\n" };
    let mut client = server.client();
    client.send(hello.as_bytes());
    client.send((COMMANDS.join("\r\n") + "\r\nQUIT\r\n").as_bytes());
    let bytes = client.read_to_end(Duration::from_secs(15)).expect("the server closes");

    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    let (mut read, mut used) = (Vec::new(), 0);
    while let Some(tape) = decoder.decode(&bytes[used..]).expect("well-formed") {
        used += tape.raw().len();
        read.push((tape.raw().to_vec(), tape.to_value()));
    }
    assert_eq!(used, bytes.len(), "{server:?}: {}", bytes.escape_ascii());
    let (pushes, mut replies): (Vec<_>, Vec<_>) =
        read.into_iter().partition(|(_, value)| matches!(value, Value::Push(_)));
    replies.remove(0); // HELLO's
    replies.pop(); // QUIT's
    assert_eq!(replies.len(), COMMANDS.len());
    (replies, pushes)
}

fn encoded(value: &Value, protocol: Protocol) -> String {
    let mut out = Vec::new();
    value.encode(&mut Encoder::new(&mut out, protocol));
    out.escape_ascii().to_string()
}

fn check(server: &Server) {
    let (resp2, no_pushes) = replies(server, Protocol::Resp2);
    let (resp3, pushes) = replies(server, Protocol::Resp3);
    assert_eq!((no_pushes.len(), pushes.len()), (0, 1));
    for (protocol, replies) in
        [(Protocol::Resp2, &resp2), (Protocol::Resp3, &resp3), (Protocol::Resp3, &pushes)]
    {
        for (raw, value) in replies {
            assert_eq!(encoded(value, protocol), raw.escape_ascii().to_string(), "{server:?}");
        }
    }
    for ((command, (raw, _)), (_, value)) in COMMANDS.iter().zip(&resp2).zip(&resp3) {
        if !command.ends_with("push") {
            let raw = raw.escape_ascii().to_string();
            assert_eq!(encoded(value, Protocol::Resp2), raw, "{server:?}: {command}");
        }
    }
    types(&resp3, &pushes[0].1);
}

/// What is sent on purpose, to show the types, is of these.
fn types(replies: &[Read], push: &Value) {
    let of = |name: &str| {
        let command = COMMANDS.iter().position(|command| *command == name).expect("in the list");
        replies[command].1.clone()
    };
    let integers = || [0, 1, 2].map(Value::Integer).to_vec();
    let flags = integers().into_iter().zip([false, true, false].map(Value::Boolean));
    let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
    let text = b"This is a verbatim\nstring".to_vec();
    let big = b"1234567999999999999999999999999999999".to_vec();
    for (name, value) in [
        ("HGETALL h", Value::Map(vec![(bulk("a"), bulk("1"))].into())),
        ("HGETALL none", Value::Map(Vec::new().into())),
        ("SMEMBERS s", Value::Set(vec![bulk("a")].into())),
        ("ZSCORE z a", Value::Double(1.5)),
        ("ZSCORE z b", Value::Simple(b"QUEUED".to_vec())),
        ("GET none", Value::Null),
        ("DEBUG PROTOCOL string", bulk("Hello World")),
        ("DEBUG PROTOCOL integer", Value::Integer(12345)),
        ("DEBUG PROTOCOL null", Value::Null),
        ("DEBUG PROTOCOL array", Value::Array(integers().into())),
        ("DEBUG PROTOCOL set", Value::Set(integers().into())),
        ("DEBUG PROTOCOL map", Value::Map(flags.collect::<Vec<_>>().into())),
        ("DEBUG PROTOCOL verbatim", Value::Verbatim { format: *b"txt", text }),
        ("DEBUG PROTOCOL true", Value::Boolean(true)),
        ("DEBUG PROTOCOL false", Value::Boolean(false)),
        ("DEBUG PROTOCOL bignum", Value::BigNumber(big)),
    ] {
        assert_eq!(of(name), value, "{name}");
    }
    let Value::Attributed(attributed) = of("DEBUG PROTOCOL attrib") else { panic!("no attribute") };
    assert_eq!(attributed.attributes()[0].0, bulk("key-popularity"));
    assert_eq!(push.as_values().map(|values| values[1].clone()), Some(Value::Integer(42)));
    assert!(of("BOGUS").as_error().is_some_and(|text| text.starts_with(b"ERR ")));
}

fn check_peer(peer: Peer) {
    if let Some(server) = peer.start(&[]) {
        check(&server);
    }
}

#[test]
fn of_redis_70() {
    check_peer(Peer::Redis70);
}

#[test]
fn of_redis_80() {
    check_peer(Peer::Redis80);
}

#[test]
fn of_redis_86() {
    check_peer(Peer::Redis86);
}

#[test]
fn of_valkey_81() {
    check_peer(Peer::Valkey81);
}

#[test]
fn of_valkey_91() {
    check_peer(Peer::Valkey91);
}

#[test]
fn of_redwire() {
    check(&Redwire::start(&[]));
}
