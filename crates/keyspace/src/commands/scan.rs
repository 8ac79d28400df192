//! What `SCAN`, `HSCAN`, `SSCAN` and `ZSCAN` share: the cursor and the options.

use redwire_resp::{Encoder, Request};

use super::options;
use crate::error::CommandError;
use crate::glob;

/// How many elements a call looks at unless told otherwise.
const COUNT_DEFAULT: usize = 10;

/// The options behind the cursor.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// How many elements to look at; at least 1.
    pub(super) count: usize,
    /// `TYPE`, which only `SCAN` takes.
    pub(super) type_name: Option<&'a [u8]>,
    /// Names alone, without what belongs to them.
    pub(super) bare: bool,
}

/// An option that not all of the commands take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanOption {
    /// `TYPE`, with its argument.
    Type,
    /// What asks for names alone: `NOVALUES` (Redis 7.4), `NOSCORES` (Valkey 9).
    Bare(&'static str),
}

impl<'a> ScanOptions<'a> {
    /// Reads `request` from argument `first` on.
    pub(super) fn parse(
        request: Request<'a>,
        first: usize,
        own: &[ScanOption],
    ) -> Result<Self, CommandError> {
        let mut options =
            Self { pattern: None, count: COUNT_DEFAULT, type_name: None, bare: false };
        let is_bare = |arg| {
            let is =
                |it: &ScanOption| matches!(it, ScanOption::Bare(name) if options::is(arg, name));
            own.iter().any(is)
        };
        let mut args = request.iter().skip(first);
        while let Some(option) = args.next() {
            if is_bare(option) {
                options.bare = true;
                continue;
            }
            let value = args.next().ok_or(CommandError::Syntax)?;
            if options::is(option, "count") {
                let count = options::integer(value)?;
                options.count = usize::try_from(count).unwrap_or(0);
                if options.count == 0 {
                    return Err(CommandError::Syntax);
                }
            } else if options::is(option, "match") {
                options.pattern = Some(value).filter(|pattern| *pattern != b"*");
            } else if own.contains(&ScanOption::Type) && options::is(option, "type") {
                options.type_name = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    /// How many elements to look at in a collection of `len`: all up to `whole`, as servers do with
    /// what they keep in one piece.
    pub(super) fn count_of(&self, len: usize, whole: usize) -> usize {
        if len <= whole { len } else { self.count }
    }

    /// Whether `MATCH` lets `name` through.
    pub(super) fn lets_through(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }
}

/// A cursor, as C's `strtoul` reads it: nothing at all is 0, and a negative one wraps.
pub(super) fn cursor(arg: &[u8]) -> Result<u64, CommandError> {
    let (negative, digits) = match arg {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let invalid = || CommandError::text("ERR invalid cursor");
    if digits.is_empty() && !arg.is_empty() {
        return Err(invalid());
    }
    let magnitude = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    let magnitude = magnitude.ok_or_else(invalid)?;
    Ok(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// The head of a scan's reply: the next cursor and the number of strings that follow.
pub(super) fn write_head(reply: &mut Encoder<'_>, cursor: u64, strings: usize) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    reply.array(strings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_what_strtoul_takes() {
        for (arg, expected) in [
            ("", Some(0)),
            ("0", Some(0)),
            ("+7", Some(7)),
            ("-0", Some(0)),
            ("-1", Some(u64::MAX)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            (" 1", None),
            ("1 ", None),
            ("+", None),
            ("x", None),
        ] {
            assert_eq!(cursor(arg.as_bytes()).ok(), expected, "{arg:?}");
        }
    }
}
