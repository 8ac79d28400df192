//! Ids as arguments and in replies.

use std::str;

use redwire_resp::Encoder;

use crate::error::CommandError;
use crate::value::StreamId;

/// Bytes of an argument from which on it can be no id.
const LONGEST: usize = 128;

fn invalid() -> CommandError {
    CommandError::text("ERR Invalid stream ID specified as stream command argument")
}

/// An id of which nothing but its number in the millisecond may be left out, which then is 0.
pub(super) fn strict_id(arg: &[u8]) -> Result<StreamId, CommandError> {
    numbers(arg).and_then(|(ms, seq)| Some(StreamId { ms, seq: seq.or(0)? })).ok_or_else(invalid)
}

/// An id, or `-` or `+` for the first and the last that there is; `seq` where its number is left
/// out.
pub(super) fn loose_id(arg: &[u8], seq: u64) -> Result<StreamId, CommandError> {
    match arg {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => numbers(arg)
            .and_then(|(ms, given)| Some(StreamId { ms, seq: given.or(seq)? }))
            .ok_or_else(invalid),
    }
}

/// What stands for the id of a new entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewId {
    /// `*`: the next one.
    Next,
    /// `<ms>-*`: the next one within the millisecond.
    NextIn(u64),
    Given(StreamId),
}

impl NewId {
    pub(super) fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        match numbers(arg).ok_or_else(invalid)? {
            (ms, Seq::Star) => Ok(Self::NextIn(ms)),
            (ms, Seq::Given(seq)) => Ok(Self::Given(StreamId { ms, seq })),
            (ms, Seq::Missing) => Ok(Self::Given(StreamId { ms, seq: 0 })),
        }
    }
}

/// The first id of a range: `(` before it leaves it out.
pub(super) fn range_start(arg: &[u8]) -> Result<StreamId, CommandError> {
    match open_end(arg) {
        None => loose_id(arg, 0),
        Some(rest) => strict_id(rest)?
            .next()
            .ok_or(CommandError::text("ERR invalid start ID for the interval")),
    }
}

/// The last id of a range: `(` before it leaves it out.
pub(super) fn range_end(arg: &[u8]) -> Result<StreamId, CommandError> {
    match open_end(arg) {
        None => loose_id(arg, u64::MAX),
        Some(rest) => numbers(rest)
            .and_then(|(ms, seq)| Some(StreamId { ms, seq: seq.or(u64::MAX)? }))
            .ok_or_else(invalid)?
            .previous()
            .ok_or(CommandError::text("ERR invalid end ID for the interval")),
    }
}

fn open_end(arg: &[u8]) -> Option<&[u8]> {
    arg.strip_prefix(b"(").filter(|rest| !rest.is_empty())
}

/// The number in the millisecond as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seq {
    Missing,
    Star,
    Given(u64),
}

impl Seq {
    fn or(self, default: u64) -> Option<u64> {
        match self {
            Self::Missing => Some(default),
            Self::Star => None,
            Self::Given(seq) => Some(seq),
        }
    }
}

/// The parts of `<ms>` or `<ms>-<seq>`. What is behind a NUL is not seen, as servers have it.
fn numbers(arg: &[u8]) -> Option<(u64, Seq)> {
    if arg.len() >= LONGEST {
        return None;
    }
    let arg = arg.split(|byte| *byte == 0).next()?;
    match arg.iter().position(|byte| *byte == b'-') {
        None => Some((number(arg)?, Seq::Missing)),
        Some(dash) => {
            let seq = &arg[dash + 1..];
            let ms = number(&arg[..dash])?;
            Some((ms, if seq == b"*" { Seq::Star } else { Seq::Given(number(seq)?) }))
        }
    }
}

/// A number as C's `strtoull` reads it, which servers fall back on: blanks and a sign may stand
/// before it, and a negative one counts down from 2^64, unless it is the plain form of one.
fn number(arg: &[u8]) -> Option<u64> {
    let digits = arg.trim_ascii_start();
    let (negative, digits) = match digits.first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
    if negative && redwire_resp::parse_i64(arg).is_some() {
        return None;
    }
    Some(if negative { number.wrapping_neg() } else { number })
}

pub(super) fn write_id(reply: &mut Encoder<'_>, id: StreamId) {
    reply.bulk(id.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_as_servers_read_them() {
        let id = |ms, seq| Some(StreamId { ms, seq });
        for (text, expected) in [
            ("5", id(5, 0)),
            ("5-3", id(5, 3)),
            ("007-+3", id(7, 3)),
            (" 5-3", id(5, 3)),
            ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            ("18446744073709551616", None),
            ("5-03\0x", id(5, 3)),
            ("5--3", None),
            ("5--03", id(5, u64::MAX - 2)),
            ("-", None),
            ("+", None),
            ("5-", None),
            ("-5", None),
            ("5-*", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(strict_id(text.as_bytes()).ok(), expected, "{text:?}");
        }
        assert_eq!(strict_id(&[b'0'; 127]).ok(), id(0, 0));
        assert!(strict_id(&[b'0'; 128]).is_err());
        assert_eq!(NewId::parse(b"5-*"), Ok(NewId::NextIn(5)));
        assert_eq!(range_start(b"(5").ok(), id(5, 1));
        assert_eq!(range_end(b"5").ok(), id(5, u64::MAX));
        assert_eq!(range_end(b"(5").ok(), id(5, u64::MAX - 1));
        assert_eq!(range_start(b"-").ok(), Some(StreamId::MIN));
        for wrong in [&b"(-"[..], b"(", b"(18446744073709551615-18446744073709551615"] {
            assert!(range_start(wrong).is_err());
        }
        assert!(range_end(b"(0-0").is_err());
    }
}
