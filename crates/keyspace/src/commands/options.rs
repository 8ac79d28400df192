//! Reading of arguments that many commands share.

use std::borrow::Cow;
use std::time::Duration;

use redwire_resp::{Encoder, parse_f64, parse_i64};

use crate::UnixMs;
use crate::error::CommandError;

/// A 64-bit signed integer.
pub(super) fn integer(arg: &[u8]) -> Result<i64, CommandError> {
    parse_i64(arg).ok_or(CommandError::NotInteger)
}

/// A 32-bit signed integer.
pub(super) fn integer32(arg: &[u8]) -> Result<i32, CommandError> {
    i32::try_from(integer(arg)?).map_err(|_| {
        CommandError::text(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        )
    })
}

/// The number of one of `databases` databases.
pub(super) fn database(arg: &[u8], databases: u32) -> Result<u32, CommandError> {
    let db = u32::try_from(integer32(arg)?).ok().filter(|db| *db < databases);
    db.ok_or(CommandError::DbOutOfRange)
}

/// A floating-point number, not NaN.
pub(super) fn float(arg: &[u8]) -> Result<f64, CommandError> {
    parse_f64(arg).ok_or(CommandError::NotFloat)
}

/// A count that must not be negative.
pub(super) fn count(arg: &[u8]) -> Result<usize, CommandError> {
    let count = integer(arg).map_err(|_| CommandError::MustBePositive)?;
    usize::try_from(count).map_err(|_| CommandError::MustBePositive)
}

/// Whether `arg` is the option `name`, in whatever case.
pub(super) fn is(arg: &[u8], name: &str) -> bool {
    arg.eq_ignore_ascii_case(name.as_bytes())
}

/// What an error quotes of an argument: a NUL ends it, as it ends a C string.
pub(super) fn quoted(arg: &[u8]) -> Cow<'_, str> {
    let end = arg.iter().position(|byte| *byte == 0).unwrap_or(arg.len());
    String::from_utf8_lossy(&arg[..end])
}

/// The error for a subcommand of `command` that is none.
pub(super) fn unknown_subcommand(command: &str, subcommand: &[u8]) -> CommandError {
    const QUOTED_MAX: usize = 128;
    let quoted = quoted(&subcommand[..subcommand.len().min(QUOTED_MAX)]);
    CommandError::text(format!("ERR unknown subcommand '{quoted}'. Try {command} HELP."))
}

/// The reply to `HELP`.
pub(super) fn write_help(reply: &mut Encoder<'_>, lines: &[&str]) {
    reply.array(lines.len());
    for line in lines {
        reply.simple(line);
    }
}

/// The elements from `start` to `stop` of `len`, both from the end when negative and both within,
/// as `LRANGE` counts: `None` when there are none.
pub(super) fn range(start: i64, stop: i64, len: usize) -> Option<std::ops::Range<usize>> {
    let len = len as i64;
    let from_end = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = from_end(start).max(0);
    let stop = from_end(stop).min(len - 1);
    (start <= stop && start < len).then(|| start as usize..stop as usize + 1)
}

/// The unit of an expiry argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

/// What an expiry argument counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Now,
    Epoch,
}

/// The moment that an expiry argument names, in ms; it may lie in the past, even before 1970.
///
/// A number that cannot be a moment is [`CommandError::InvalidExpire`] of `command`.
pub(super) fn moment(
    arg: &[u8],
    unit: Unit,
    base: Base,
    now: UnixMs,
    command: &'static str,
) -> Result<i64, CommandError> {
    let number = integer(arg)?;
    let invalid = CommandError::InvalidExpire(command);
    let ms = match unit {
        Unit::Seconds => number.checked_mul(1000).ok_or(invalid.clone())?,
        Unit::Milliseconds => number,
    };
    match base {
        Base::Now => ms.checked_add(now.0 as i64).ok_or(invalid),
        Base::Epoch => Ok(ms),
    }
}

/// How long a command waits at most, in seconds with a fraction; `None` without an end, for 0.
pub(super) fn timeout_seconds(arg: &[u8], now: UnixMs) -> Result<Option<Duration>, CommandError> {
    let seconds =
        parse_f64(arg).ok_or(CommandError::text("ERR timeout is not a float or out of range"))?;
    let ms = (seconds * 1000.0).ceil();
    // The largest is 2^63 as a double, one more than there is.
    if ms >= i64::MAX as f64 {
        return Err(TIMEOUT_TOO_LONG);
    }
    timeout(ms as i64, now)
}

/// How long a command waits at most, in milliseconds; `None` without an end, for 0.
pub(super) fn timeout_millis(arg: &[u8], now: UnixMs) -> Result<Option<Duration>, CommandError> {
    let ms = parse_i64(arg);
    timeout(ms.ok_or(CommandError::text("ERR timeout is not an integer or out of range"))?, now)
}

const TIMEOUT_TOO_LONG: CommandError =
    CommandError::Text(Cow::Borrowed("ERR timeout is out of range"));

fn timeout(ms: i64, now: UnixMs) -> Result<Option<Duration>, CommandError> {
    let ms = u64::try_from(ms).map_err(|_| CommandError::text("ERR timeout is negative"))?;
    if ms > (i64::MAX as u64).saturating_sub(now.0) {
        return Err(TIMEOUT_TOO_LONG);
    }
    Ok((ms > 0).then(|| Duration::from_millis(ms)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_pick_what_a_filter_picks(start in -12_i64..12, stop in -12_i64..12, len in 0_usize..8) {
            let absolute = |index: i64| if index < 0 { index + len as i64 } else { index };
            let naive: Vec<usize> = (0..len)
                .filter(|i| absolute(start) <= *i as i64 && *i as i64 <= absolute(stop))
                .collect();
            let range: Vec<usize> = range(start, stop, len).into_iter().flatten().collect();
            prop_assert_eq!(range, naive);
        }
    }
}
