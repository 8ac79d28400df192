//! Numbers in strings: `INCR` and its kin, `INCRBYFLOAT`.

use redwire_resp::Request;

use crate::Value;
use crate::commands::options::integer;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::float80::Float80;
use crate::value::Str;

pub(super) fn incr(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    add(context, &request[1], 1)
}

pub(super) fn decr(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    add(context, &request[1], -1)
}

pub(super) fn incrby(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    add(context, &request[1], integer(&request[2])?)
}

pub(super) fn decrby(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let decrement = integer(&request[2])?.checked_neg();
    let increment = decrement.ok_or_else(|| CommandError::text("ERR decrement would overflow"))?;
    add(context, &request[1], increment)
}

fn add(context: &mut Context<'_>, key: &[u8], increment: i64) -> CommandResult {
    let sum = match context.data.add_integer(key, increment)? {
        Some(sum) => sum,
        None => {
            context.data.put_integer(key, increment);
            increment
        }
    };
    context.data.changed(key, EventClass::String, "incrby");
    context.reply.integer(sum);
    Ok(())
}

pub(super) fn incrbyfloat(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let string = context.data.peek_as::<Str>(key)?;
    let current = string.as_ref().map(|string| string.as_bytes());
    let current = Float80::parse(current.as_deref().unwrap_or(b"0"));
    let terms = current.zip(Float80::parse(&request[2]));
    let (current, increment) = terms.ok_or(CommandError::NotFloat)?;
    let sum = current
        .checked_add(increment)
        .ok_or_else(|| CommandError::text("ERR increment would produce NaN or Infinity"))?;
    let sum = sum.to_string();
    let expires = context.data.expires(key).flatten();
    context.data.put_changed(key, Value::String(Str::text(sum.as_bytes())), expires);
    context.data.changed(key, EventClass::String, "incrbyfloat");
    context.data.effect([b"SET".as_slice(), key, sum.as_bytes(), b"KEEPTTL"]);
    context.reply.bulk(sum.as_bytes());
    Ok(())
}
