//! `MSETEX` (Redis 8.4, Valkey 9.1): several keys at once, under a condition and with an expiry.

use redwire_resp::Request;

use crate::commands::expiry::Expiry;
use crate::commands::options::{integer, is};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Str;
use crate::{UnixMs, Value};

/// The arguments behind keys and values.
#[derive(Default)]
struct Options<'a> {
    /// All keys must be there (`XX`), or none (`NX`).
    present: Option<bool>,
    keep_ttl: bool,
    expiry: Option<Expiry<'a>>,
}

impl<'a> Options<'a> {
    fn parse(request: Request<'a>, at: usize) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut args = request.iter().skip(at);
        while let Some(arg) = args.next() {
            if is(arg, "NX") && options.present != Some(true) {
                options.present = Some(false);
            } else if is(arg, "XX") && options.present != Some(false) {
                options.present = Some(true);
            } else if is(arg, "KEEPTTL") && options.expiry.is_none() {
                options.keep_ttl = true;
            } else if !options.keep_ttl {
                options.expiry = Some(Expiry::parse(options.expiry, arg, &mut args)?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
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
    let pairs = || (0..count).map(|pair| (&request[2 + pair * 2], &request[3 + pair * 2]));
    let expiry = options.expiry;
    let expires = expiry.map(|it| it.moment(context.data.now(), "msetex")).transpose()?;
    if let Some(present) = options.present
        && pairs().any(|(key, _)| context.data.peek(key).is_some() != present)
    {
        context.reply.integer(0);
        return Ok(());
    }
    for (key, value) in pairs() {
        let kept = if options.keep_ttl { context.data.expires(key).flatten() } else { None };
        context.data.put(key, Value::String(Str::new(value)), expires.or(kept));
        context.data.changed(key, EventClass::String, "set");
        tell_set(context, key, value, expires, options.keep_ttl);
    }
    context.reply.integer(1);
    Ok(())
}

/// Tells replicas of a key, in words that every version knows.
fn tell_set(
    context: &mut Context<'_>,
    key: &[u8],
    value: &[u8],
    expires: Option<UnixMs>,
    keep_ttl: bool,
) {
    let words = [b"SET".as_slice(), key, value];
    match expires {
        Some(at) => {
            context.data.notify(key, EventClass::Generic, "expire");
            let at = at.0.to_string();
            context
                .data
                .effect(words.into_iter().chain([&b"PXAT"[..], at.as_bytes()]).collect::<Vec<_>>());
        }
        None if keep_ttl => {
            context.data.effect(words.into_iter().chain([&b"KEEPTTL"[..]]).collect::<Vec<_>>());
        }
        None => context.data.effect(words),
    }
}
