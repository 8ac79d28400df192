//! Parts of a string: `APPEND`, `SETRANGE`, `GETRANGE`.

use std::ops::Range;

use redwire_resp::Request;

use crate::Value;
use crate::commands::options::integer;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Str;

pub(super) fn append(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, tail) = (&request[1], &request[2]);
    let limit = context.data.max_string_len();
    let len = match context.data.write::<Str>(key)? {
        None => {
            context.data.put(key, Value::String(Str::new(tail)), None);
            tail.len()
        }
        Some(string) => {
            let len = checked_len(string.len(), tail.len(), limit)?;
            string.make_mut().extend_from_slice(tail);
            len
        }
    };
    context.data.changed(key, EventClass::String, "append");
    context.reply.integer(len as i64);
    Ok(())
}

pub(super) fn setrange(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, part) = (&request[1], &request[3]);
    let offset = integer(&request[2])?;
    let offset =
        usize::try_from(offset).map_err(|_| CommandError::text("ERR offset is out of range"))?;
    let old_len = context.data.write::<Str>(key)?.map_or(0, |string| string.len());
    if part.is_empty() {
        context.reply.integer(old_len as i64);
        return Ok(());
    }
    let end = checked_len(offset, part.len(), context.data.max_string_len())?;
    let bytes = context.data.write_or_new::<Str>(key)?.make_mut();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(part);
    let len = bytes.len();
    context.data.changed(key, EventClass::String, "setrange");
    context.reply.integer(len as i64);
    Ok(())
}

/// The sum of two lengths, within `limit`.
fn checked_len(len: usize, more: usize, limit: usize) -> Result<usize, CommandError> {
    let sum = len.checked_add(more).filter(|sum| *sum <= limit);
    sum.ok_or(CommandError::StringTooLong)
}

pub(super) fn getrange(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (start, end) = (integer(&request[2])?, integer(&request[3])?);
    let Context { data, reply, .. } = context;
    match data.read::<Str>(&request[1])? {
        None => reply.bulk(b""),
        Some(string) => {
            let bytes = string.as_bytes();
            reply.bulk(&bytes[part(start, end, bytes.len())]);
        }
    }
    Ok(())
}

/// The bytes from `start` to `end` of `len`, as `GETRANGE` counts: an `end` before the string is
/// its first byte, unless both are from the end and the wrong way round.
fn part(start: i64, end: i64, len: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let len = len as i64;
    let from_end = |index: i64| if index < 0 { (index + len).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::part;

    proptest! {
        #[test]
        fn a_part_is_within_the_string(start in any::<i64>(), end in any::<i64>(), len in 0_usize..9) {
            let part = part(start, end, len);
            prop_assert!(part.start <= part.end && part.end <= len);
        }

        #[test]
        fn a_part_is_what_a_filter_picks(start in -12_i64..12, end in -12_i64..12, len in 0_usize..9) {
            let absolute = |index: i64| if index < 0 { index + len as i64 } else { index };
            let naive: Vec<usize> = (0..len)
                .filter(|i| absolute(start) <= *i as i64 && *i as i64 <= absolute(end).max(0))
                .collect();
            let wrong_way = start < 0 && end < 0 && start > end;
            let naive = if wrong_way { Vec::new() } else { naive };
            prop_assert_eq!(part(start, end, len).collect::<Vec<_>>(), naive);
        }
    }
}
