//! What a hostile peer sends: each input ends as documented, and takes no memory ahead of its bytes.

use std::alloc::System;

use redwire_resp::{Limits, Mode, ReplyDecoder, ReplyLimits, RequestDecoder, TapeDecoder};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes of memory that may be asked for whatever has been received.
const AHEAD: usize = 64 << 10;

/// Bytes of memory for a line received, at most: the place of an argument or of a value is 16 bytes,
/// and a buffer of places that grows doubles. Beyond that, memory is that of the bytes received.
const LINE: usize = 32;

/// Bytes that arrive at once, when they do not arrive whole.
const PIECE: usize = 5;

const ENDS_LATE: &str = "count of a huge number of digits";

/// How an input ends that arrives in pieces: the error's text, or how many bytes are used and that
/// more are wanted. `decode` answers how many of the unread bytes it used, if any. After each piece
/// it looks at what was asked of the allocator.
fn end(
    name: &str,
    bytes: &[u8],
    piece: usize,
    mut decode: impl FnMut(&[u8]) -> Result<usize, String>,
) -> String {
    let region = Region::new(ALLOCATOR);
    let (mut used, mut lines, mut before) = (0, 0, 0);
    for received in (piece..bytes.len()).step_by(piece).chain([bytes.len()]) {
        lines += bytes[before..received].iter().filter(|byte| **byte == b'\n').count();
        before = received;
        let error = loop {
            match decode(&bytes[used..received]) {
                Ok(0) => break None,
                Ok(len) => used += len,
                Err(error) => break Some(error),
            }
        };
        let taken = region.change().bytes_allocated;
        let allowed = AHEAD + received + LINE * lines;
        assert!(taken <= allowed, "{name}: {taken} bytes, {received} received");
        if let Some(error) = error {
            return error;
        }
    }
    format!("waits behind {used}")
}

fn requests(name: &str, bytes: &[u8], piece: usize, mode: Mode, authenticated: bool) -> String {
    let mut decoder = RequestDecoder::new(mode, Limits::default());
    decoder.set_authenticated(authenticated);
    end(name, bytes, piece, |unread| {
        decoder.decode(unread).map(|decoded| decoded.used).map_err(|error| error.to_string())
    })
}

fn tapes(name: &str, bytes: &[u8], piece: usize) -> String {
    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    end(name, bytes, piece, |unread| {
        let tape = decoder.decode(unread).map_err(|error| error.to_string())?;
        Ok(tape.map_or(0, |tape| tape.raw().len()))
    })
}

fn values(name: &str, bytes: &[u8], piece: usize) -> String {
    let mut decoder = ReplyDecoder::new(ReplyLimits::default());
    end(name, bytes, piece, |unread| {
        let value = decoder.decode(unread).map_err(|error| error.to_string())?;
        Ok(value.map_or(0, |(_, used)| used))
    })
}

fn many(piece: &[u8], times: usize) -> Vec<u8> {
    piece.repeat(times)
}

fn with(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// One test, so that nobody else allocates meanwhile.
#[test]
fn each_ends_as_documented_within_its_memory() {
    let big = 1 << 20;
    let of_clients: Vec<(&str, Vec<u8>, &str)> = vec![
        ("count 2^31", b"*2147483648\r\n".to_vec(), "invalid multibulk length"),
        ("count 2^63", b"*9223372036854775808\r\n".to_vec(), "invalid multibulk length"),
        ("count 2^31 - 1", b"*2147483647\r\n$1\r\n".to_vec(), "waits behind 0"),
        ("count negative", b"*-9223372036854775808\r\n".to_vec(), "waits behind 23"),
        (
            "count below the least",
            b"*-9223372036854775809\r\n".to_vec(),
            "invalid multibulk length",
        ),
        ("count of words", b"*one\r\n".to_vec(), "invalid multibulk length"),
        (ENDS_LATE, with(&[b"*", &many(b"1", big), b"\r\n"]), "invalid multibulk length"),
        ("count line that never ends", many(b"*1", big), "too big mbulk count string"),
        ("count line without LF", b"*1\r$4\r\nPING\r\n".to_vec(), "expected '$', got '4'"),
        ("count line of a NUL", b"*1\0\r\n".to_vec(), "waits behind 0"),
        ("length 2^31", b"*1\r\n$2147483648\r\n".to_vec(), "invalid bulk length"),
        ("length 2^63", b"*1\r\n$9223372036854775808\r\n".to_vec(), "invalid bulk length"),
        ("length 2^63 - 1", b"*1\r\n$9223372036854775807\r\n".to_vec(), "invalid bulk length"),
        ("length over 512 MiB", b"*1\r\n$536870913\r\n".to_vec(), "invalid bulk length"),
        ("length 512 MiB and nothing", b"*1\r\n$536870912\r\n".to_vec(), "waits behind 0"),
        ("length negative", b"*1\r\n$-1\r\n".to_vec(), "invalid bulk length"),
        (
            "length line that never ends",
            with(&[b"*1\r\n$", &many(b"1", big)]),
            "too big bulk count string",
        ),
        ("length line of another kind", b"*1\r\n:4\r\nPING\r\n".to_vec(), "expected '$', got ':'"),
        ("nested", b"*1\r\n*1\r\n$4\r\nPING\r\n".to_vec(), "expected '$', got '*'"),
        ("nested a million deep", many(b"*1\r\n", 1_000_000), "expected '$', got '*'"),
        ("a million empty commands", many(b"*0\r\n", 1_000_000), "waits behind 4000000"),
        (
            "a million empty arguments",
            with(&[b"*1000001\r\n", &many(b"$0\r\n\r\n", 1_000_000)]),
            "waits behind 0",
        ),
        ("NULs", vec![0; big], "too big inline request"),
        ("inline that never ends", many(b"x", big), "too big inline request"),
        (
            "inline of a quote",
            with(&[b"SET \"", &many(b"\\x41", 1000), b"\n"]),
            "unbalanced quotes in request",
        ),
        (
            "inline of a text behind a quote",
            b"SET 'a'b\r\n".to_vec(),
            "unbalanced quotes in request",
        ),
        ("a megabyte of blank lines", many(b"\r\n", big), "waits behind 2097152"),
    ];
    for (name, bytes, expected) in &of_clients {
        for piece in [bytes.len(), PIECE] {
            let ended = requests(name, bytes, piece, Mode::Compatible, true);
            if piece == PIECE && *name == ENDS_LATE {
                // Its end is not there when the limit is reached.
                assert_eq!(ended, "too big mbulk count string");
            } else {
                assert_eq!(&ended, expected, "{name}");
            }
        }
    }
    let strict: Vec<(&str, &[u8], &str)> = vec![
        ("count line without LF", b"*1\rX$4\r\nPING\r\n", "invalid CRLF in request"),
        ("length line without LF", b"*1\r\n$4\rXPING\r\n", "invalid CRLF in request"),
        ("argument without CR LF", b"*1\r\n$4\r\nPINGXX", "invalid CRLF in request"),
    ];
    for (name, bytes, expected) in strict {
        for piece in [bytes.len(), 1] {
            assert_eq!(requests(name, bytes, piece, Mode::Strict, true), expected, "{name}");
        }
    }
    let stranger: Vec<(&str, &[u8], &str)> = vec![
        ("11 arguments of a stranger", b"*11\r\n", "unauthenticated multibulk length"),
        ("16385 bytes of a stranger", b"*1\r\n$16385\r\n", "unauthenticated bulk length"),
        ("16384 bytes of a stranger", b"*10\r\n$16384\r\n", "waits behind 0"),
    ];
    for (name, bytes, expected) in stranger {
        for piece in [bytes.len(), 1] {
            assert_eq!(requests(name, bytes, piece, Mode::Compatible, false), expected, "{name}");
        }
    }

    let replies: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nested a million deep", many(b"*1\r\n", 1_000_000), "nested too deeply at offset 512"),
        (
            "maps nested a million deep",
            many(b"%1\r\n_\r\n", 1_000_000),
            "nested too deeply at offset 896",
        ),
        (
            "streams nested a million deep",
            many(b"*?\r\n", 1_000_000),
            "nested too deeply at offset 512",
        ),
        (
            "attributes on attributes",
            many(b"|1\r\n_\r\n_\r\n", 1_000_000),
            "nested too deeply at offset 1280",
        ),
        ("count 2^31", b"*2147483648\r\n".to_vec(), "waits behind 0"),
        ("count over the limit", b"*4294967297\r\n".to_vec(), "too many elements at offset 0"),
        ("count 2^63", b"*9223372036854775808\r\n".to_vec(), "invalid element count at offset 0"),
        ("pairs 2^63 - 1", b"%9223372036854775807\r\n".to_vec(), "too many elements at offset 0"),
        ("count negative", b"*-2\r\n".to_vec(), "invalid element count at offset 0"),
        ("counts that add up", many(b"*1000000000\r\n", 9), "too many elements at offset 52"),
        ("length 2^31", b"$2147483648\r\n".to_vec(), "bulk string too long at offset 0"),
        ("length 2^63", b"$9223372036854775808\r\n".to_vec(), "invalid bulk length at offset 0"),
        ("length negative", b"$-2\r\n".to_vec(), "invalid bulk length at offset 0"),
        ("512 MiB and nothing", b"$536870912\r\n".to_vec(), "waits behind 0"),
        ("line that never ends", many(b"+x", big), "line too long at offset 0"),
        ("line without LF", b"+OK\rX".to_vec(), "expected CR LF at offset 3"),
        ("line without CR", b"+OK\n".to_vec(), "expected CR LF at offset 3"),
        ("bulk without CR LF", b"$2\r\nOKXX".to_vec(), "expected CR LF at offset 6"),
        ("NULs", vec![0; big], "line too long at offset 0"),
        ("a type of none", b"@1\r\n".to_vec(), "unknown reply type byte 0x40 at offset 0"),
        (
            "an integer too large",
            b":9223372036854775808\r\n".to_vec(),
            "invalid integer at offset 0",
        ),
        (
            "a streamed string without end",
            with(&[b"$?\r\n", &many(b";1\r\nx\r\n", 100_000)]),
            "waits behind 0",
        ),
        (
            "a chunk of nothing announced",
            b"$?\r\n;9999999999\r\n".to_vec(),
            "bulk string too long at offset 4",
        ),
        ("an end of nothing", b".\r\n".to_vec(), "invalid end of a streamed aggregate at offset 0"),
        ("a million nulls", with(&[b"*1000001\r\n", &many(b"_\r\n", 1_000_000)]), "waits behind 0"),
    ];
    for (name, bytes, expected) in &replies {
        for piece in [bytes.len(), PIECE] {
            assert_eq!(&tapes(name, bytes, piece), expected, "{name}");
            assert_eq!(&values(name, bytes, piece), expected, "{name}");
        }
    }
    let inputs = of_clients.len() + 6 + replies.len();
    assert!(inputs >= 44, "{inputs} inputs");
}
