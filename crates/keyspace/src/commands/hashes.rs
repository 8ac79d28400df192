//! Commands on hashes.
//!
//! Those about fields that expire answer as Redis 8.0 does. Valkey 9 has the same commands with other
//! error texts, deletes with the event `hexpired` where a moment in the past is given (`hdel` here),
//! rounds `HEXPIRETIME` down, and tells its replicas other words for the same.

mod expiry;
mod fields;
mod getset;

use redwire_resp::{Request, parse_i64};

use super::draw::Draw;
use super::options;
use super::scan::{self, ScanOption, ScanOptions};
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::float80::{self, FloatError};
use crate::value::Live;
use crate::{Blob, Hash};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.with(Flags::FAST);
const GROW_FAST: Flags = WRITE_FAST.with(Flags::DENYOOM);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("hset", -4, GROW_FAST, Keys::ONE, hset),
    Command::data("hmset", -4, GROW_FAST, Keys::ONE, hmset),
    Command::data("hsetnx", 4, GROW_FAST, Keys::ONE, hsetnx),
    Command::data("hget", 3, READ_FAST, Keys::ONE, hget),
    Command::data("hmget", -3, READ_FAST, Keys::ONE, hmget),
    Command::data("hgetall", 2, READ, Keys::ONE, hgetall),
    Command::data("hkeys", 2, READ, Keys::ONE, hkeys),
    Command::data("hvals", 2, READ, Keys::ONE, hvals),
    Command::data("hdel", -3, WRITE_FAST, Keys::ONE, hdel),
    Command::data("hlen", 2, READ_FAST, Keys::ONE, hlen),
    Command::data("hexists", 3, READ_FAST, Keys::ONE, hexists),
    Command::data("hstrlen", 3, READ_FAST, Keys::ONE, hstrlen),
    Command::data("hincrby", 4, GROW_FAST, Keys::ONE, hincrby),
    Command::data("hincrbyfloat", 4, GROW_FAST, Keys::ONE, hincrbyfloat),
    Command::data("hrandfield", -2, READ, Keys::ONE, hrandfield),
    Command::data("hscan", -3, READ, Keys::ONE, hscan),
    Command::data("hexpire", -6, WRITE_FAST, Keys::ONE, expiry::hexpire),
    Command::data("hpexpire", -6, WRITE_FAST, Keys::ONE, expiry::hpexpire),
    Command::data("hexpireat", -6, WRITE_FAST, Keys::ONE, expiry::hexpireat),
    Command::data("hpexpireat", -6, WRITE_FAST, Keys::ONE, expiry::hpexpireat),
    Command::data("hpersist", -5, WRITE_FAST, Keys::ONE, expiry::hpersist),
    Command::data("httl", -5, READ_FAST, Keys::ONE, expiry::httl),
    Command::data("hpttl", -5, READ_FAST, Keys::ONE, expiry::hpttl),
    Command::data("hexpiretime", -5, READ_FAST, Keys::ONE, expiry::hexpiretime),
    Command::data("hpexpiretime", -5, READ_FAST, Keys::ONE, expiry::hpexpiretime),
    Command::data("hgetex", -5, WRITE_FAST, Keys::ONE, getset::hgetex),
    Command::data("hsetex", -6, GROW_FAST, Keys::ONE, getset::hsetex),
    Command::data("hgetdel", -5, WRITE_FAST, Keys::ONE, getset::hgetdel),
];

fn hset(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let created = set_fields(context, request, "hset")?;
    context.reply.integer(created as i64);
    Ok(())
}

fn hmset(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_fields(context, request, "hmset")?;
    context.reply.ok();
    Ok(())
}

/// Sets the fields of the request; answers how many are new.
fn set_fields(
    context: &mut Context<'_>,
    request: Request<'_>,
    command: &'static str,
) -> Result<usize, CommandError> {
    if request.len() % 2 == 1 {
        return Err(CommandError::Arity(command.into()));
    }
    let key = &request[1];
    context.data.expire_named(key, request.iter().skip(2).step_by(2));
    let small = context.data.small();
    let hash = context.data.write_or_new::<Hash>(key)?;
    let mut args = request.iter().skip(2);
    let mut created = 0;
    while let (Some(field), Some(value)) = (args.next(), args.next()) {
        created += usize::from(small.set_field(hash, field, value, false));
    }
    context.data.changed(key, EventClass::Hash, "hset");
    context.data.changed_more((request.len() - 2) / 2 - 1);
    Ok(created)
}

fn hsetnx(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, field, value) = (&request[1], &request[2], &request[3]);
    context.data.expire_named(key, [field].into_iter());
    // Where the primary set it, a field that is still here has expired there.
    let was_new = context.data.is_replicated();
    let hash = context.data.write_or_new::<Hash>(key)?;
    let is_new = was_new || !hash.contains(field);
    if is_new {
        hash.set(field, value);
        context.data.changed(key, EventClass::Hash, "hset");
    }
    context.reply.integer(i64::from(is_new));
    Ok(())
}

fn hget(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    match hash.and_then(|hash| hash.get(&request[2])) {
        Some(value) => context.reply.bulk(value),
        None => context.reply.null(),
    }
    Ok(())
}

fn hmget(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    context.reply.array(request.len() - 2);
    for field in request.iter().skip(2) {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => context.reply.bulk(value),
            None => context.reply.null(),
        }
    }
    Ok(())
}

fn hgetall(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    context.reply.map(hash.map_or(0, |hash| hash.len()));
    for field in hash.into_iter().flat_map(Live::iter) {
        context.reply.bulk(field.name);
        context.reply.bulk(field.value);
    }
    Ok(())
}

fn hkeys(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    context.reply.array(hash.map_or(0, |hash| hash.len()));
    for field in hash.into_iter().flat_map(Live::iter) {
        context.reply.bulk(field.name);
    }
    Ok(())
}

fn hvals(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    context.reply.array(hash.map_or(0, |hash| hash.len()));
    for field in hash.into_iter().flat_map(Live::iter) {
        context.reply.bulk(field.value);
    }
    Ok(())
}

fn hdel(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    context.data.expire_named(key, request.iter().skip(2));
    let (small, mut deleted) = (context.data.small(), 0);
    if let Some(hash) = context.data.write::<Hash>(key)? {
        let gone = |field: &&[u8]| small.remove_field(hash, field).is_some();
        deleted = request.iter().skip(2).filter(gone).count();
    }
    if deleted > 0 {
        context.data.changed(key, EventClass::Hash, "hdel");
        context.data.changed_more(deleted - 1);
        context.data.delete_if_gone::<Hash>(key);
    }
    context.reply.integer(deleted as i64);
    Ok(())
}

fn hlen(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    context.reply.integer(hash.map_or(0, |hash| hash.len()) as i64);
    Ok(())
}

fn hexists(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    let exists = hash.is_some_and(|hash| hash.get(&request[2]).is_some());
    context.reply.integer(i64::from(exists));
    Ok(())
}

fn hstrlen(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    let value = hash.and_then(|hash| hash.get(&request[2]));
    context.reply.integer(value.map_or(0, <[u8]>::len) as i64);
    Ok(())
}

fn hincrby(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, field) = (&request[1], &request[2]);
    let increment = options::integer(&request[3])?;
    context.data.expire_named(key, [field].into_iter());
    let hash = context.data.write_or_new::<Hash>(key)?;
    let current = match hash.get(field) {
        Some(value) => parse_i64(value).ok_or(CommandError::HashNotInteger)?,
        None => 0,
    };
    let sum = current.checked_add(increment).ok_or(CommandError::Overflow)?;
    hash.replace(field, itoa::Buffer::new().format(sum).as_bytes());
    context.data.changed(key, EventClass::Hash, "hincrby");
    context.reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, field) = (&request[1], &request[2]);
    context.data.expire_named(key, [field].into_iter());
    // A key of another type counts as a missing one at first: a bad increment is told before it.
    let hash = context.data.write::<Hash>(key).ok().flatten();
    let current = hash.and_then(|hash| hash.get(field).map(Blob::from));
    let current = current.as_deref().unwrap_or(b"0");
    let sum = float80::add_decimal(current, &request[3]).map_err(|error| match error {
        FloatError::Increment => CommandError::NotFloat,
        FloatError::InfiniteIncrement => CommandError::text("ERR value is NaN or Infinity"),
        FloatError::Current => CommandError::HashNotFloat,
        FloatError::OutOfRange => CommandError::text("ERR increment would produce NaN or Infinity"),
    })?;
    let small = context.data.small();
    let hash = context.data.write_or_new::<Hash>(key)?;
    small.set_field(hash, field, sum.as_bytes(), true);
    let expires = hash.expires(field).is_some();
    context.data.changed(key, EventClass::Hash, "hincrbyfloat");
    if expires {
        // Not HSET, as Redis 8.0 has it: its replicas lose the expiry.
        let args = [b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", field, sum.as_bytes()];
        context.data.effect(args);
    } else {
        context.data.effect([b"HSET", key, field, sum.as_bytes()]);
    }
    context.reply.bulk(sum.as_bytes());
    Ok(())
}

fn hrandfield(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let draw = Draw::parse(request, Some("withvalues"))?;
    let hash = context.data.read_hash(&request[1])?.map(|hash| hash.positions());
    let hash = hash.unwrap_or_default();
    draw.write(context, hash.len(), |reply, position| {
        let Some(field) = hash.get(position) else { return };
        reply.bulk(field.name);
        if draw.pairs {
            reply.bulk(field.value);
        }
    })
}

fn hscan(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let cursor = scan::cursor(&request[2])?;
    let whole = context.data.keyspace.settings.thresholds.hash_max_listpack_entries;
    let Some(hash) = context.data.read_hash(&request[1])? else {
        scan::write_head(&mut context.reply, 0, 0);
        return Ok(());
    };
    let options = ScanOptions::parse(request, 3, &[ScanOption::Bare("novalues")])?;
    let (next, mut fields) = hash.scan(cursor, options.count_of(hash.stored_len(), whole));
    fields.retain(|field| options.lets_through(field.name));
    let each = if options.bare { 1 } else { 2 };
    scan::write_head(&mut context.reply, next, fields.len() * each);
    for field in fields {
        context.reply.bulk(field.name);
        if !options.bare {
            context.reply.bulk(field.value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
