//! `MSETEX` (Redis 8.4, Valkey 9.1): several keys at once, under a condition and with an expiry.

use redwire_resp::Request;

use super::set::{Condition, Options, store, store_kept};
use crate::commands::options::integer;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

/// Whether all keys must be there (`XX`), or none (`NX`).
fn wanted(options: &Options<'_>) -> Result<Option<bool>, CommandError> {
    match options.condition {
        _ if options.get => Err(CommandError::Syntax),
        Condition::Compared(_) => Err(CommandError::Syntax),
        Condition::Always => Ok(None),
        Condition::Absent => Ok(Some(false)),
        Condition::Present => Ok(Some(true)),
    }
}

pub(super) fn msetex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let count = integer(&request[1]).ok().and_then(|count| i32::try_from(count).ok());
    let count = count.filter(|count| *count > 0);
    let count = count.ok_or(CommandError::text("ERR invalid numkeys value"))? as usize;
    if request.len() - 2 < count * 2 {
        return Err(CommandError::text("ERR wrong number of key-value pairs"));
    }
    let options = Options::parse(request, 2 + count * 2)?;
    let wanted = wanted(&options)?;
    let pairs = || (0..count).map(|pair| (&request[2 + pair * 2], &request[3 + pair * 2]));
    let expiry = options.expiry;
    let expires = expiry.map(|it| it.moment(context.data.now(), "msetex")).transpose()?;
    if let Some(wanted) = wanted
        && pairs().any(|(key, _)| context.data.peek(key).is_some() != wanted)
    {
        context.reply.integer(0);
        return Ok(());
    }
    // Replicas are told of each key, in words that every version knows.
    for (key, value) in pairs() {
        if options.keep_ttl {
            store_kept(context, key, value);
            context.data.effect([b"SET".as_slice(), key, value, b"KEEPTTL"]);
        } else {
            store(context, key, value, expires);
            if expires.is_none() {
                context.data.effect([b"SET".as_slice(), key, value]);
            }
        }
    }
    context.reply.integer(1);
    Ok(())
}
