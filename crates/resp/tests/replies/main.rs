//! Replies: the decoder against its naive twin, round trips, limits and hostile input.

mod elements;
mod naive;
#[path = "../support/pieces.rs"]
mod pieces;
#[cfg(feature = "serde")]
mod serde;

use naive::Stop;
use pieces::pieces;
use proptest::collection::vec;
use proptest::prelude::*;
use redwire_resp::{
    Attributed, Encoder, Protocol, ReplyDecoder, ReplyError, ReplyLimits, TapeDecoder, Token, Value,
};

/// The replies in bytes that arrive in these pieces, and how it ends.
fn replies(limits: &ReplyLimits, pieces: &[&[u8]]) -> (Vec<Value>, Result<usize, ReplyError>) {
    let mut decoder = ReplyDecoder::new(limits.clone());
    let (mut values, mut received, mut used) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        received.extend_from_slice(piece);
        loop {
            match decoder.decode(&received[used..]) {
                Ok(None) => break,
                Ok(Some((value, len))) => {
                    values.push(value);
                    used += len;
                    assert_eq!(decoder.offset(), used as u64);
                }
                Err(error) => {
                    assert_eq!(decoder.decode(b"+OK\r\n"), Err(error), "errors stick");
                    return (values, Err(error));
                }
            }
        }
    }
    (values, Ok(used))
}

/// The raw bytes of a reply, and its tokens, shown.
type ShownTape = (Vec<u8>, String);

/// The raw bytes and the tokens, shown, of each reply in bytes that arrive in these pieces, each read
/// in a buffer of its own, and how it ends.
fn tapes(pieces: &[&[u8]]) -> (Vec<ShownTape>, Result<usize, ReplyError>) {
    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    let (mut tapes, mut received, mut used) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        received.extend_from_slice(piece);
        loop {
            let moved = received[used..].to_vec();
            match decoder.decode(&moved) {
                Ok(None) => break,
                Ok(Some(tape)) => {
                    used += tape.raw().len();
                    assert_eq!(tape.tokens().len(), tape.tokens().count());
                    tapes.push((tape.raw().to_vec(), format!("{tape:?}")));
                }
                Err(error) => return (tapes, Err(error)),
            }
        }
    }
    (tapes, Ok(used))
}

fn default_replies(bytes: &[u8]) -> (Vec<Value>, Result<usize, ReplyError>) {
    replies(&ReplyLimits::default(), &[bytes])
}

fn encoded(value: &Value, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Encoder::new(&mut out, protocol));
    out
}

fn one(bytes: &[u8]) -> Value {
    match default_replies(bytes) {
        (mut values, Ok(used)) if values.len() == 1 && used == bytes.len() => values.remove(0),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

/// Any value, as [`Value::encode`] writes it unchanged: lines hold no line ends.
fn value() -> impl Strategy<Value = Value> {
    let bytes = || vec(any::<u8>(), 0..20);
    let line = || "[ -~]{0,12}".prop_map(String::into_bytes);
    let double = any::<f64>().prop_filter("equal to itself", |value| !value.is_nan());
    let leaf = prop_oneof![
        Just(Value::Null),
        line().prop_map(Value::Simple),
        line().prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        bytes().prop_map(Value::Bulk),
        double.prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
        "[+-]?[0-9]{1,30}".prop_map(|digits| Value::BigNumber(digits.into_bytes())),
        bytes().prop_map(Value::BulkError),
        (any::<[u8; 3]>(), bytes()).prop_map(|(format, text)| Value::Verbatim { format, text }),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let values = || vec(inner.clone(), 0..5);
        let pairs = || vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            values().prop_map(|values| Value::Array(values.into())),
            values().prop_map(|values| Value::Set(values.into())),
            values().prop_map(|values| Value::Push(values.into())),
            pairs().prop_map(|pairs| Value::Map(pairs.into())),
            (pairs(), inner.clone()).prop_map(|(attributes, value)| {
                Value::Attributed(Attributed::new(attributes, value))
            }),
        ]
    })
}

/// Bytes of which a decoder makes something.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let scraps: &[&[u8]] = &[
        b"+OK\r\n",
        b"-ERR\r\n",
        b":1\r\n",
        b":+7\r\n",
        b":-0\r\n",
        b"$3\r\nabc\r\n",
        b"$0\r\n\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"*2\r\n",
        b"*0\r\n",
        b"*1\r\n",
        b"_\r\n",
        b"#t\r\n",
        b"#f\r\n",
        b",1.5\r\n",
        b",inf\r\n",
        b",0x1\r\n",
        b"(12\r\n",
        b"!3\r\nERR\r\n",
        b"=4\r\ntxt:\r\n",
        b"=3\r\ntxt\r\n",
        b"=5\r\ntxtxx\r\n",
        b"%1\r\n",
        b"~2\r\n",
        b">1\r\n",
        b"|1\r\n",
        b"|0\r\n",
        b"$?\r\n",
        b";2\r\nab\r\n",
        b";0\r\n",
        b"*?\r\n",
        b"~?\r\n",
        b"%?\r\n",
        b"|?\r\n",
        b">?\r\n",
        b".\r\n",
        b".",
        b"\r",
        b"\n",
        b"\r\n",
        b"*",
        b"$",
        b"1",
        b"9",
        b"-",
        b"\0",
        b"*-2\r\n",
        b"$-2\r\n",
        b"%-1\r\n",
        b":\r\n",
        b"_x\r\n",
        b"abc",
    ];
    let scrap = prop::sample::select(scraps).prop_map(<[u8]>::to_vec);
    let reply = value().prop_map(|value| encoded(&value, Protocol::Resp3));
    let mutation = (any::<prop::sample::Index>(), any::<u8>());
    let parts = vec(prop_oneof![1 => reply, 5 => scrap], 0..9);
    (parts, prop::option::weighted(0.3, mutation)).prop_map(|(parts, mutation)| {
        let mut bytes = parts.concat();
        if let (Some((at, byte)), false) = (mutation, bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// The same, NaN or not.
fn shown(values: &[Value]) -> String {
    format!("{values:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn agrees_with_its_naive_twin(bytes in traffic(), cuts in vec(any::<usize>(), 0..5)) {
        let (values, end) = default_replies(&bytes);
        let (mut expected, mut used) = (Vec::new(), 0);
        let stop = loop {
            match naive::decode(&bytes[used..]) {
                Ok((value, len)) => {
                    expected.push(value);
                    used += len;
                }
                Err(stop) => break stop,
            }
        };
        prop_assert_eq!(shown(&values), shown(&expected));
        match end {
            Ok(end) => prop_assert_eq!((end, Stop::Incomplete), (used, stop)),
            Err(_) => prop_assert_eq!(stop, Stop::Malformed),
        }
        let split = replies(&ReplyLimits::default(), &pieces(&bytes, &cuts));
        prop_assert_eq!((shown(&split.0), split.1), (shown(&values), end));
    }

    #[test]
    fn tapes_agree_with_values(bytes in traffic(), cuts in vec(any::<usize>(), 0..5)) {
        let (values, end) = default_replies(&bytes);
        let (whole, whole_end) = tapes(&[&bytes]);
        prop_assert_eq!((whole.len(), whole_end), (values.len(), end));
        // The raw bytes are the stream, reply by reply, and decode to the same.
        let raw: Vec<_> = whole.iter().flat_map(|(raw, _)| raw.iter().copied()).collect();
        prop_assert!(bytes.starts_with(&raw));
        for ((raw, _), value) in whole.iter().zip(&values) {
            prop_assert_eq!(shown(&[one(raw)]), shown(std::slice::from_ref(value)));
        }
        prop_assert_eq!(tapes(&pieces(&bytes, &cuts)), (whole, whole_end));
    }

    #[test]
    fn what_is_encoded_is_decoded(value in value(), cuts in vec(any::<usize>(), 0..5)) {
        let bytes = encoded(&value, Protocol::Resp3);
        let (mut values, end) = replies(&ReplyLimits::default(), &pieces(&bytes, &cuts));
        prop_assert_eq!(end, Ok(bytes.len()));
        prop_assert_eq!(values.pop(), Some(value));
        prop_assert!(values.is_empty());
    }

    #[test]
    fn resp2_is_one_whole_reply_too(value in value()) {
        let bytes = encoded(&value, Protocol::Resp2);
        let (values, end) = default_replies(&bytes);
        prop_assert_eq!((values.len(), end), (1, Ok(bytes.len())));
    }
}

#[test]
fn every_split_gives_the_same_replies() {
    let bytes: &[u8] = b"*3\r\n$5\r\nhello\r\n%1\r\n+k\r\n,1.5\r\n|1\r\n+a\r\n:1\r\n$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n\
        *?\r\n_\r\n~?\r\n.\r\n.\r\n-ERR no\r\n";
    let whole = default_replies(bytes);
    assert_eq!((whole.0.len(), whole.1), (3, Ok(bytes.len())));
    for low in 0..=bytes.len() {
        for high in low..=bytes.len() {
            let pieces = [&bytes[..low], &bytes[low..high], &bytes[high..]];
            assert_eq!(replies(&ReplyLimits::default(), &pieces), whole, "{low} {high}");
        }
    }
}

#[test]
fn reads_every_type() {
    let text = |text: &str| text.as_bytes().to_vec();
    let cases: &[(&[u8], Value)] = &[
        (b"+OK\r\n", Value::Simple(text("OK"))),
        (b"+\xff\r\n", Value::Simple(vec![0xff])),
        (b"-ERR x\r\n", Value::Error(text("ERR x"))),
        (b":-12\r\n", Value::Integer(-12)),
        (b":+12\r\n", Value::Integer(12)),
        (b"$2\r\n\r\n\r\n", Value::Bulk(text("\r\n"))),
        (b"$-1\r\n", Value::Null),
        (b"*-1\r\n", Value::Null),
        (b"_\r\n", Value::Null),
        (b",inf\r\n", Value::Double(f64::INFINITY)),
        (b",-1e3\r\n", Value::Double(-1000.0)),
        (b"#f\r\n", Value::Boolean(false)),
        (
            b"(-123456789012345678901234567890\r\n",
            Value::BigNumber(text("-123456789012345678901234567890")),
        ),
        (b"!5\r\nERR\r\n\r\n", Value::BulkError(text("ERR\r\n"))),
        (b"=6\r\ntxt:hi\r\n", Value::Verbatim { format: *b"txt", text: text("hi") }),
        (b"$?\r\n;0\r\n", Value::Bulk(Vec::new())),
        (b"*?\r\n:1\r\n.\r\n", Value::Array(vec![Value::Integer(1)].into())),
        (b"%?\r\n.\r\n", Value::Map(Vec::new().into())),
        (b">1\r\n:1\r\n", Value::Push(vec![Value::Integer(1)].into())),
        // Pairs keep their order and their duplicates, and any value may be a key.
        (
            b"%2\r\n*0\r\n:1\r\n*0\r\n:2\r\n",
            Value::Map(
                [1, 2]
                    .map(|i| (Value::Array(Vec::new().into()), Value::Integer(i)))
                    .to_vec()
                    .into(),
            ),
        ),
    ];
    for (bytes, value) in cases {
        assert_eq!(&one(bytes), value);
    }
    assert!(matches!(one(b",nan\r\n"), Value::Double(value) if value.is_nan()));
    let attributed = one(b"|1\r\n+ttl\r\n:9\r\n$1\r\nx\r\n");
    let Value::Attributed(attributed) = attributed else { panic!("{attributed:?}") };
    assert_eq!(attributed.value().as_bytes(), Some(&b"x"[..]));
    let (attributes, _) = attributed.into_parts();
    assert_eq!(attributes, [(Value::Simple(text("ttl")), Value::Integer(9))]);
}

#[test]
fn tapes_show_every_type() {
    let bytes: &[u8] =
        b"*8\r\n%?\r\n+k\r\n:-7\r\n.\r\n|1\r\n+ttl\r\n:9\r\n$1\r\nx\r\n$?\r\n;2\r\nab\r\n\
        ;1\r\nc\r\n;0\r\n~1\r\n_\r\n>0\r\n=6\r\ntxt:hi\r\n!1\r\ne\r\n,1.5\r\n";
    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    let tape = decoder.decode(bytes).expect("well-formed").expect("whole");
    assert_eq!(tape.raw(), bytes);
    let tokens: Vec<_> = tape.tokens().collect();
    let expected = [
        Token::Array(8),
        Token::Map(1),
        Token::Simple(b"k"),
        Token::Integer(-7),
        Token::Attribute(1),
        Token::Simple(b"ttl"),
        Token::Integer(9),
        Token::Bulk(b"x"),
        Token::Streamed(2),
        Token::Chunk(b"ab"),
        Token::Chunk(b"c"),
        Token::Set(1),
        Token::Null,
        Token::Push(0),
        Token::Verbatim { format: *b"txt", text: b"hi" },
        Token::BulkError(b"e"),
        Token::Double(1.5),
    ];
    assert_eq!(tokens, expected);
}

#[test]
fn malformed_replies_say_where() {
    let invalid = |at, what| ReplyError::Invalid { at, what };
    let cases: &[(&[u8], ReplyError)] = &[
        (b"\r\n", ReplyError::UnknownType { at: 0, got: b'\r' }),
        (b"*1\r\n?\r\n", ReplyError::UnknownType { at: 4, got: b'?' }),
        (b":1\n", ReplyError::ExpectedCrLf { at: 2 }),
        (b":1\rX", ReplyError::ExpectedCrLf { at: 2 }),
        (b"$3\r\nabcXX", ReplyError::ExpectedCrLf { at: 7 }),
        (b"+OK\r\n:x\r\n", invalid(5, "integer")),
        (b":9223372036854775808\r\n", invalid(0, "integer")),
        (b"$-2\r\n", invalid(0, "bulk length")),
        (b"$01\r\n", invalid(0, "bulk length")),
        (b"$+1\r\n", invalid(0, "bulk length")),
        (b"$9223372036854775808\r\n", invalid(0, "bulk length")),
        (b"=3\r\n", invalid(0, "bulk length")),
        (b"=4\r\ntxtx\r\n", invalid(4, "verbatim string")),
        (b"*-2\r\n", invalid(0, "element count")),
        (b"%-1\r\n", invalid(0, "element count")),
        (b">?\r\n", invalid(0, "element count")),
        (b"*1\r\n.\r\n", invalid(4, "end of a streamed aggregate")),
        (b"%?\r\n:1\r\n.\r\n", invalid(8, "end of a streamed aggregate")),
        (b".\r\n", invalid(0, "end of a streamed aggregate")),
        (b";1\r\n", invalid(0, "chunk outside a string")),
        (b"$?\r\n+x\r\n", invalid(4, "chunk of a streamed string")),
        (b"_x\r\n", invalid(0, "null")),
        (b"#x\r\n", invalid(0, "boolean")),
        (b",1x\r\n", invalid(0, "double")),
        (b",0x10\r\n", invalid(0, "double")),
        (b"(1.5\r\n", invalid(0, "big number")),
    ];
    for &(bytes, error) in cases {
        assert_eq!(default_replies(bytes).1, Err(error), "{}", bytes.escape_ascii());
    }
    assert_eq!(cases[1].1.offset(), 4);
    assert_eq!(cases[1].1.to_string(), "unknown reply type byte 0x3f at offset 4");
}

#[test]
fn limits_depth() {
    let mut limits = ReplyLimits::default();
    limits.depth = 2;
    let nested = |depth: usize| [&b"*1\r\n".repeat(depth)[..], b":1\r\n"].concat();
    assert_eq!(replies(&limits, &[&nested(2)]).1, Ok(12));
    assert_eq!(replies(&limits, &[&nested(3)]).1, Err(ReplyError::TooDeep { at: 8 }));
    // What is empty has no depth.
    assert_eq!(replies(&limits, &[b"*1\r\n*1\r\n*0\r\n"]).1, Ok(12));
    let attributes = b"|0\r\n".repeat(3);
    assert_eq!(replies(&limits, &[&attributes]).1, Err(ReplyError::TooDeep { at: 8 }));
}

#[test]
fn limits_elements() {
    let mut limits = ReplyLimits::default();
    limits.elements = 4;
    assert_eq!(replies(&limits, &[b"*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n"]).1, Ok(20));
    assert_eq!(replies(&limits, &[b"*5\r\n"]).1, Err(ReplyError::TooManyElements { at: 0 }));
    assert_eq!(replies(&limits, &[b"%3\r\n"]).1, Err(ReplyError::TooManyElements { at: 0 }));
    assert_eq!(replies(&limits, &[b"*2\r\n*3\r\n"]).1, Err(ReplyError::TooManyElements { at: 4 }));
    let streamed = [&b"*?\r\n"[..], &b":1\r\n".repeat(5)].concat();
    assert!(matches!(replies(&limits, &[&streamed]).1, Err(ReplyError::TooManyElements { .. })));
    // Each reply counts anew.
    assert_eq!(replies(&limits, &[&b"*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n".repeat(3)]).1, Ok(60));
    for huge in ["*4294967297\r\n", "*9223372036854775807\r\n", "%9223372036854775807\r\n"] {
        let error = Err(ReplyError::TooManyElements { at: 0 });
        assert_eq!(default_replies(huge.as_bytes()).1, error);
    }
    assert_eq!(default_replies(b"*4294967296\r\n:1\r\n").1, Ok(0));
}

#[test]
fn limits_strings_and_lines() {
    let mut limits = ReplyLimits::default();
    (limits.bulk_len, limits.line_len) = (4, 6);
    let too_long = |at| Err(ReplyError::BulkTooLong { at });
    assert_eq!(replies(&limits, &[b"$4\r\nabcd\r\n"]).1, Ok(10));
    assert_eq!(replies(&limits, &[b"$5\r\n"]).1, too_long(0));
    assert_eq!(replies(&limits, &[b"!5\r\n"]).1, too_long(0));
    assert_eq!(replies(&limits, &[b"$?\r\n;3\r\nabc\r\n;2\r\n"]).1, too_long(13));
    for fits in [&b"+abcde\r\n"[..], b"-abcde\r\n"] {
        assert_eq!(replies(&limits, &[fits]).1, Ok(8));
    }
    for line in [&b"+abcdef"[..], b"+abcdef\r\n", b"-abcdef\r\n"] {
        assert_eq!(replies(&limits, &[line]).1, Err(ReplyError::LineTooLong { at: 0 }));
    }
    assert_eq!(default_replies(b"$9223372036854775807\r\n").1, too_long(0));
    limits.bulk_len = u64::MAX;
    limits.line_len = 100;
    assert_eq!(replies(&limits, &[b"$9223372036854775807\r\n"]).1, too_long(0));
}

#[test]
fn nesting_of_a_million_needs_no_stack() {
    let mut limits = ReplyLimits::default();
    limits.depth = usize::MAX;
    let nested = |opening: &[u8], depth| [&opening.repeat(depth)[..], b":1\r\n"].concat();
    for bytes in [
        nested(b"*1\r\n", 1_000_000),
        nested(b"|0\r\n", 100_000),
        nested(b"%1\r\n:1\r\n", 100_000),
        nested(b"*1\r\n~1\r\n%1\r\n:1\r\n|1\r\n:1\r\n:2\r\n", 50_000),
        [&b"%1\r\n".repeat(100_000)[..], &b":1\r\n".repeat(100_001)].concat(),
    ] {
        let (values, end) = replies(&limits, &[&bytes]);
        assert_eq!((values.len(), end), (1, Ok(bytes.len())));
        assert_eq!(encoded(&values[0], Protocol::Resp3), bytes);
        drop(values);
        // Nor does what is dropped half way.
        assert_eq!(replies(&limits, &[&bytes[..bytes.len() - 1]]).1, Ok(0));
    }
    let bytes = b"*1\r\n".repeat(1_000_000);
    assert_eq!(default_replies(&bytes).1, Err(ReplyError::TooDeep { at: 512 }));
}

#[test]
fn tells_how_much_is_wanted() {
    let mut decoder = ReplyDecoder::new(ReplyLimits::default());
    let mut bytes = b"*2\r\n$100".to_vec();
    assert_eq!((decoder.decode(&bytes), decoder.wanted()), (Ok(None), 0));
    bytes.extend_from_slice(b"\r\nx");
    assert_eq!((decoder.decode(&bytes), decoder.wanted()), (Ok(None), 101));
    bytes.resize(bytes.len() + 99, b'x');
    bytes.extend_from_slice(b"\r\n:1");
    assert_eq!((decoder.decode(&bytes), decoder.wanted()), (Ok(None), 0));
    bytes.extend_from_slice(b"\r\n");
    assert!(matches!(decoder.decode(&bytes), Ok(Some((_, used))) if used == bytes.len()));
}
