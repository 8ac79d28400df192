//! Requests: the decoder against its naive twin, the wire's rules one by one, and each limit.

mod naive;
#[path = "../support/pieces.rs"]
mod pieces;

use naive::{Event, Naive};
use pieces::pieces;
use proptest::collection::vec;
use proptest::prelude::*;
use redwire_resp::{
    Limits, Mode, Request, RequestBatch, RequestBuf, RequestDecoder, RequestError, encode_request,
};

/// What the decoder under test says about bytes that arrive in these pieces.
fn events(mode: Mode, limits: &Limits, authenticated: bool, pieces: &[&[u8]]) -> Vec<Event> {
    events_ahead(mode, limits, authenticated, pieces, (0, 0))
}

/// The same of one that decodes so many requests ahead, and runs so many of them before it looks anew.
fn events_ahead(
    mode: Mode,
    limits: &Limits,
    authenticated: bool,
    pieces: &[&[u8]],
    (most, run): (usize, usize),
) -> Vec<Event> {
    let event = |request: Request<'_>| Event::Request(request.iter().map(<[u8]>::to_vec).collect());
    let mut batch = RequestBatch::default();
    let mut decoder = RequestDecoder::new(mode, limits.clone());
    decoder.set_authenticated(authenticated);
    let (mut events, mut received, mut used) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        received.extend_from_slice(piece);
        loop {
            decoder.decode_ahead(&received[used..], &mut batch, most);
            let unread = &received[used..];
            for (request, len) in (0..run).map_while(|index| batch.get(index, unread)) {
                events.push(event(request));
                decoder.skip(len);
                used += len;
            }
            match decoder.decode(&received[used..]) {
                Ok(decoded) => {
                    used += decoded.used;
                    let Some(request) = decoded.request else { break };
                    events.push(event(request));
                }
                Err(error) => {
                    assert_eq!(decoder.decode(b"PING\r\n").err(), Some(error), "errors stick");
                    events.push(Event::Fails(error));
                    return events;
                }
            }
            assert_eq!(decoder.offset(), used as u64);
        }
    }
    events.push(Event::Waits(used));
    events
}

/// Limits that short inputs reach.
fn small_limits() -> Limits {
    let mut limits = Limits::default();
    (limits.bulk_len, limits.args) = (40, 12);
    (limits.inline_len, limits.header_len) = (30, 9);
    (limits.unauthenticated_args, limits.unauthenticated_bulk_len) = (3, 12);
    limits
}

/// Bytes of which a decoder makes something: requests, inline lines, and scraps of both.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let request = vec(vec(any::<u8>(), 0..14), 1..5).prop_map(|args| {
        let mut out = Vec::new();
        encode_request(&mut out, args);
        out
    });
    // Requests that differ in nothing but the bytes of their arguments.
    let pipeline = (vec(0..14usize, 1..10), vec(any::<u8>(), 2..6)).prop_map(|(lens, fills)| {
        let mut out = Vec::new();
        for fill in fills {
            encode_request(&mut out, lens.iter().map(|len| vec![fill; *len]));
        }
        out
    });
    let line = "[a-c \t\"'\\\\xnrtb0A\x0b]{0,12}\r?\n".prop_map(String::into_bytes);
    let scraps: &[&[u8]] = &[
        b"*",
        b"$",
        b"\r\n",
        b"\r",
        b"\n",
        b"0",
        b"1",
        b"2",
        b"3",
        b"10",
        b"-",
        b"-1",
        b"+1",
        b"\0",
        b"*1\r\n",
        b"*2\r\n",
        b"$1\r\n",
        b"$3\r\n",
        b"$0\r\n\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"abc\r\n",
        b"abcXX",
        b"\"",
        b"' '",
        b"\\x4",
        b"0000000000",
        b"        ",
        b"$13\r\n",
        b"*4\r\n",
    ];
    let scrap = prop::sample::select(scraps).prop_map(<[u8]>::to_vec);
    let part = prop_oneof![3 => request, 2 => pipeline, 2 => line, 6 => scrap];
    let mutation = (any::<prop::sample::Index>(), any::<u8>());
    (vec(part, 0..8), prop::option::weighted(0.4, mutation)).prop_map(|(parts, mutation)| {
        let mut bytes = parts.concat();
        if let (Some((at, byte)), false) = (mutation, bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn agrees_with_its_naive_twin(
        bytes in traffic(),
        cuts in vec(any::<usize>(), 0..5),
        strict in any::<bool>(),
        authenticated in any::<bool>(),
        small in any::<bool>(),
    ) {
        let mode = if strict { Mode::Strict } else { Mode::Compatible };
        let limits = if small { small_limits() } else { Limits::default() };
        let pieces = pieces(&bytes, &cuts);
        let naive = Naive { mode, limits: limits.clone(), authenticated };
        let expected = naive.events(&pieces);
        prop_assert_eq!(&events(mode, &limits, authenticated, &pieces), &expected);
        // In strict mode not even the limits depend on how the bytes arrive.
        if strict || !small {
            prop_assert_eq!(events(mode, &limits, authenticated, &[&bytes]), expected);
        }
    }

    #[test]
    fn what_is_decoded_ahead_is_what_is_decoded_in_its_turn(
        bytes in traffic(),
        cuts in vec(any::<usize>(), 0..5),
        strict in any::<bool>(),
        authenticated in any::<bool>(),
        ahead in (0..10usize, 0..10usize),
    ) {
        let mode = if strict { Mode::Strict } else { Mode::Compatible };
        let (limits, pieces) = (small_limits(), pieces(&bytes, &cuts));
        let seen = events_ahead(mode, &limits, authenticated, &pieces, ahead);
        prop_assert_eq!(seen, events(mode, &limits, authenticated, &pieces));
    }

    #[test]
    fn what_is_encoded_is_decoded(
        requests in vec(vec(vec(any::<u8>(), 0..1200), 1..12), 1..4),
        cuts in vec(any::<usize>(), 0..5),
    ) {
        let mut bytes = Vec::new();
        for args in &requests {
            let before = bytes.len();
            encode_request(&mut bytes, args);
            // An owned request is the same one, and encodes to the same.
            let owned = RequestBuf::from_args(args);
            let mut again = Vec::new();
            encode_request(&mut again, owned.as_request());
            prop_assert_eq!(&again, &bytes[before..]);
            prop_assert_eq!(RequestBuf::from(owned.as_request()), owned);
        }
        let mut expected: Vec<_> = requests.into_iter().map(Event::Request).collect();
        expected.push(Event::Waits(bytes.len()));
        for mode in [Mode::Strict, Mode::Compatible] {
            let events = events(mode, &Limits::default(), true, &pieces(&bytes, &cuts));
            prop_assert_eq!(&events, &expected);
        }
    }
}

/// In a pipeline of requests that look alike, each byte of the second counts as if it came alone.
#[test]
fn what_a_decoder_remembers_of_requests_changes_nothing() {
    for lens in [&[4][..], &[3, 0], &[3, 16, 64], &[3, 1, 100, 2], &[12, 3], &[3; 8], &[3; 9]] {
        let mut request = Vec::new();
        encode_request(&mut request, lens.iter().map(|len| vec![b'x'; *len]));
        for at in 0..request.len() {
            for byte in *b"\0\r\n019$*x-" {
                let mut bytes = request.repeat(4);
                bytes[request.len() + at] = byte;
                for mode in [Mode::Strict, Mode::Compatible] {
                    let limits = Limits::default();
                    let naive = Naive { mode, limits: limits.clone(), authenticated: true };
                    let got = events(mode, &limits, true, &[&bytes]);
                    assert_eq!(got, naive.events(&[&bytes]), "{lens:?} {at} {byte}");
                }
            }
        }
    }
}

/// A request that is known by its looks is not allowed for that.
#[test]
fn limits_that_change_hold_for_requests_that_look_alike() -> Result<(), RequestError> {
    let request = b"*2\r\n$3\r\nGET\r\n$5\r\nabcde\r\n";
    let twice = |decoder: &mut RequestDecoder| {
        decoder.decode(request)?;
        decoder.decode(request).map(|decoded| decoded.used)
    };
    let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    assert_eq!(twice(&mut decoder)?, request.len());
    decoder.limits_mut().bulk_len = 4;
    assert_eq!(decoder.decode(request).err(), Some(RequestError::InvalidLength { at: 61 }));

    let mut limits = Limits::default();
    limits.unauthenticated_args = 1;
    let mut decoder = RequestDecoder::new(Mode::Compatible, limits);
    decoder.set_authenticated(true);
    assert_eq!(twice(&mut decoder)?, request.len());
    decoder.set_authenticated(false);
    let refused = decoder.decode(request).err();
    assert_eq!(refused, Some(RequestError::UnauthenticatedCount { at: 48 }));
    Ok(())
}

#[test]
fn every_split_gives_the_same_events() {
    let inputs: [&[u8]; 4] = [
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\n*0\r\nPING 'a b'\n*-5\r\n*1\r\n$12\r\nABCDEFGHIJKL\r\n*",
        b"*1\r\n$4\r\nPING\r\n*1\r\n:4\r\n",
        b" \r\nSET \"\\x41\\n\" 'it\\'s'\r\nSET \"unbalanced\r\n",
        b"*3\r\n$0\r\n\r\n$1\r\n*\r\n$2\r\n\r\n\r\nrest",
    ];
    for (bytes, mode) in
        inputs.iter().flat_map(|bytes| [(bytes, Mode::Strict), (bytes, Mode::Compatible)])
    {
        let whole = events(mode, &Limits::default(), false, &[bytes]);
        for low in 0..=bytes.len() {
            for high in low..=bytes.len() {
                let pieces = [&bytes[..low], &bytes[low..high], &bytes[high..]];
                assert_eq!(events(mode, &Limits::default(), false, &pieces), whole, "{low} {high}");
            }
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(events(mode, &Limits::default(), false, &single), whole);
    }
}

/// What Redis makes of `bytes`, as `-text` for an error.
fn compatible(bytes: &[u8], authenticated: bool) -> Vec<String> {
    let events = events(Mode::Compatible, &Limits::default(), authenticated, &[bytes]);
    let show = |event| match event {
        Event::Request(args) => {
            args.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join("|")
        }
        Event::Waits(used) => format!("waits behind {used}"),
        Event::Fails(error) => format!("-{error}"),
    };
    events.into_iter().map(show).collect()
}

/// Each rule of the server (`processMultibulkBuffer`, `processInlineBuffer`, `sdssplitargs`), with
/// what Redis 7.0 and 8.0 answered to these very bytes.
#[test]
fn follows_the_rules_of_real_servers() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"+PING\r\n", &["+PING", "waits behind 7"]),
        (b"*1\rX$4\rYPINGZZ", &["PING", "waits behind 14"]),
        (b"*1\r", &["waits behind 0"]),
        (b"*0\r\n*-1\r\n*-9223372036854775808\r\nPING\r\n", &["PING", "waits behind 38"]),
        (b"*01\r\n", &["-invalid multibulk length"]),
        (b"*+1\r\n", &["-invalid multibulk length"]),
        (b"*-0\r\n", &["-invalid multibulk length"]),
        (b"* 1\r\n", &["-invalid multibulk length"]),
        (b"*\r\n", &["-invalid multibulk length"]),
        (b"*2147483648\r\n", &["-invalid multibulk length"]),
        (b"*9223372036854775808\r\n", &["-invalid multibulk length"]),
        (b"*2147483647\r\n", &["waits behind 0"]),
        (b"*1\r\nPING\r\n", &["-expected '$', got 'P'"]),
        (b"*1\r\nPING", &["waits behind 0"]),
        (b"*1\r\n\r\n", &["-expected '$', got ' '"]),
        (b"*1\r\n\n\r\n", &["-expected '$', got ' '"]),
        (b"*1\r\n$-1\r\n", &["-invalid bulk length"]),
        (b"*1\r\n$\r\n", &["-invalid bulk length"]),
        (b"*1\r\n$04\r\n", &["-invalid bulk length"]),
        (b"*1\r\n$536870913\r\n", &["-invalid bulk length"]),
        (b"*1\r\n$536870912\r\n", &["waits behind 0"]),
        (b"*1\r\n$9223372036854775807\r\n", &["-invalid bulk length"]),
        (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", &["ECHO|", "waits behind 20"]),
        (b"*1\0\r\n$4\r\nPING\r\n", &["waits behind 0"]),
        (b"PI\0NG\r\nPING\r\n", &["waits behind 0"]),
        (b"PING\nPING\r\n\r\n \t\r\n", &["PING", "PING", "waits behind 17"]),
        (b"\"\\x41\\n\\q\" 'it\\'s\\n' a\"b\"\n", &["A\\nq|it\\'s\\\\n|ab", "waits behind 26"]),
        (b"\"\\x4g\\\"\"\x0bA\x0bB\x0c\n", &["x4g\\\"|A\\x0bB\\x0c", "waits behind 14"]),
        (b"PING \"\" ''\r\n", &["PING||", "waits behind 12"]),
        (b"PING\r\rX\r\n", &["PING|X", "waits behind 9"]),
        (b"PING \"a\"b\r\n", &["-unbalanced quotes in request"]),
        (b"PING 'a\r\n", &["-unbalanced quotes in request"]),
        (b"PING \"a\\\"\r\n", &["-unbalanced quotes in request"]),
    ];
    for (bytes, expected) in cases {
        assert_eq!(compatible(bytes, true), *expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn limits_unauthenticated_clients() {
    let line = |kind: char, number: u64| format!("{kind}{number}\r\n").into_bytes();
    let with_length = |len| [b"*1\r\n".to_vec(), line('$', len)].concat();
    assert_eq!(compatible(&line('*', 10), false), ["waits behind 0"]);
    assert_eq!(compatible(&line('*', 11), false), ["-unauthenticated multibulk length"]);
    assert_eq!(compatible(&line('*', 11), true), ["waits behind 0"]);
    assert_eq!(compatible(&line('*', 1 << 40), false), ["-invalid multibulk length"]);
    assert_eq!(compatible(&with_length(16_384), false), ["waits behind 0"]);
    assert_eq!(compatible(&with_length(16_385), false), ["-unauthenticated bulk length"]);
    assert_eq!(compatible(&with_length(16_385), true), ["waits behind 0"]);
    assert_eq!(compatible(&with_length(1 << 40), false), ["-invalid bulk length"]);
}

#[test]
fn authentication_counts_from_the_next_request_on() -> Result<(), RequestError> {
    let mut bytes = b"AUTH secret\r\n".to_vec();
    encode_request(&mut bytes, vec!["x"; 11]);
    let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    let used = decoder.decode(&bytes)?.used;
    assert!(decoder.is_inline());
    decoder.set_authenticated(true);
    assert_eq!(decoder.decode(&bytes[used..])?.request.map(|request| request.len()), Some(11));
    assert!(!decoder.is_inline());
    Ok(())
}

#[test]
fn limits_lines() {
    let long = |kind: u8, len: usize| [&[kind][..], &vec![b'1'; len - 1]].concat();
    let argument = |len| [b"*1\r\n".to_vec(), long(b'$', len)].concat();
    for (fits, breaks, error) in [
        (long(b'*', 65_536), long(b'*', 65_537), "-too big mbulk count string"),
        (argument(65_536), argument(65_537), "-too big bulk count string"),
        (long(b'P', 65_536), long(b'P', 65_537), "-too big inline request"),
    ] {
        assert_eq!(compatible(&fits, true), ["waits behind 0"]);
        assert_eq!(compatible(&breaks, true), [error]);
    }
    // A hidden end is no end.
    let hidden = [&b"*\0\r\n"[..], &[b' '; 65_536]].concat();
    assert_eq!(compatible(&hidden, true), ["-too big mbulk count string"]);
    // A line whose end came with it may be longer, though not in strict mode.
    let line = [&long(b'P', 70_000)[..], b"\r\n"].concat();
    assert_eq!(compatible(&line, true).len(), 2);
    let strict = events(Mode::Strict, &Limits::default(), true, &[&line]);
    assert_eq!(strict, [Event::Fails(RequestError::TooBigInline { at: 0 })]);
}

#[test]
fn strict_mode_wants_line_endings() {
    let cases: &[(&[u8], u64)] = &[
        (b"*1\rX$4\r\nPING\r\n", 2),
        (b"*1\r\n$4\rXPING\r\n", 6),
        (b"*1\r\n$4\r\nPINGXX", 12),
        (b"*1\r\n$4\r\nPING\rX", 12),
        (b"PING\n*1\r\n$1\r\nAB\r\n", 14),
    ];
    for &(bytes, at) in cases {
        let events = events(Mode::Strict, &Limits::default(), true, &[bytes]);
        assert_eq!(events.last(), Some(&Event::Fails(RequestError::ExpectedCrLf { at })));
    }
}

#[test]
fn errors_say_where() {
    let bytes = b"PING\r\n*2\r\n$4\r\nECHO\r\n!";
    let error = RequestError::ExpectedDollar { at: 20, got: b'!' };
    for pieces in [vec![&bytes[..], b"\r\n"], bytes.chunks(3).chain([&b"\r\n"[..]]).collect()] {
        let events = events(Mode::Compatible, &Limits::default(), false, &pieces);
        assert_eq!(events[1..], [Event::Fails(error)]);
    }
    assert_eq!(error.offset(), 20);
    assert_eq!(error.reply(), b"-ERR Protocol error: expected '$', got '!'\r\n");
}

#[test]
fn tells_how_much_is_wanted() -> Result<(), RequestError> {
    let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    decoder.set_authenticated(true);
    let mut bytes = b"*2\r\n$4\r\nECHO\r\n$100".to_vec();
    decoder.decode(&bytes)?;
    assert_eq!(decoder.wanted(), 0);
    bytes.extend_from_slice(b"000\r\nx");
    decoder.decode(&bytes)?;
    assert_eq!(decoder.wanted(), 100_001);
    bytes.resize(bytes.len() + 100_000, b'x');
    decoder.decode(&bytes)?;
    assert_eq!(decoder.wanted(), 1);
    bytes.push(b'x');
    let decoded = decoder.decode(&bytes)?;
    assert_eq!(decoded.request.and_then(|request| request.arg(1)).map(<[u8]>::len), Some(100_000));
    assert_eq!(decoder.wanted(), 0);
    Ok(())
}

#[test]
fn a_request_gives_its_arguments() {
    let owned = RequestBuf::from_args([&b"SET"[..], b"k\xff", b""]);
    let request = owned.as_request();
    assert_eq!(
        (request.len(), request.name(), request.arg(1)),
        (3, &b"SET"[..], Some(&b"k\xff"[..]))
    );
    assert_eq!((&request[2], request.arg(3)), (&b""[..], None));
    assert_eq!(format!("{request:?}"), r#"["SET", "k\xff", ""]"#);
    assert_eq!(request.iter().rev().map(<[u8]>::len).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(request.iter().nth(1), Some(&b"k\xff"[..]));
    assert_eq!(request.iter().len(), 3);
    let empty = RequestBuf::new();
    assert!(empty.is_empty() && empty.as_request().is_empty());
    assert_eq!(empty.as_request().name(), b"");
}

#[test]
fn limits_the_bytes_of_a_request() {
    let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*1\r\n$4\r\nPING\r\n";
    let first = 31;
    for (request_len, error) in [
        (first, None),
        (first - 1, Some(RequestError::TooBigRequest { at: 20 })),
        (19, Some(RequestError::TooBigRequest { at: 13 })),
        (0, Some(RequestError::TooBigRequest { at: 4 })),
    ] {
        let mut limits = Limits::default();
        limits.request_len = request_len;
        for piece in 1..=bytes.len() {
            let mut decoder = RequestDecoder::new(Mode::Strict, limits.clone());
            let (mut used, mut seen, mut end) = (0, None, 0);
            while end < bytes.len() && seen.is_none() {
                end = (end + piece).min(bytes.len());
                loop {
                    match decoder.decode(&bytes[used..end]) {
                        Ok(decoded) => {
                            used += decoded.used;
                            if decoded.request.is_none() {
                                break;
                            }
                        }
                        Err(error) => {
                            seen = Some(error);
                            break;
                        }
                    }
                }
            }
            assert_eq!(seen, error, "limit {request_len}, pieces of {piece}");
        }
    }
    // The length tells, before the bytes are there.
    let mut limits = Limits::default();
    limits.request_len = 1000;
    let mut decoder = RequestDecoder::new(Mode::Compatible, limits);
    let error = decoder.decode(b"*1\r\n$1000\r\n").expect_err("too long");
    assert_eq!(error, RequestError::TooBigRequest { at: 4 });
}
