//! `DEBUG OBJECT`: how a value is kept.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::Request;

use crate::core::Core;

/// Answers Redis' line. A value has no place of its own here: that field is zero. Nor are there those
/// that Redis adds about a quicklist's nodes.
pub(super) fn object(
    _core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let info = context.data.inspect(&request[2]);
    let info = info.map_err(|error| CommandError::text(format!("ERR {error}")))?;
    let info = info.ok_or(CommandError::NoSuchKey)?;
    context.reply.simple(format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        info.encoding, info.serialized_len, info.clock, info.idle
    ));
    Ok(())
}
