//! Commands on HyperLogLogs, which are strings.

use redwire_resp::Request;

use super::options::is;
use crate::command::{Command, Flags, Keys};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::keyspace::Role;
use crate::value::hyperloglog::{self, Corrupted, REGISTERS};
use crate::value::{Kind as _, Str};

const GROW: Flags = Flags::WRITE.with(Flags::DENYOOM);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("pfadd", -2, GROW.with(Flags::FAST), Keys::ONE, pfadd),
    Command::data("pfcount", -2, Flags::READONLY, Keys::ALL, pfcount),
    Command::data("pfmerge", -2, GROW, Keys::ALL, pfmerge),
    Command::data("pfdebug", 3, GROW.with(Flags::ADMIN), Keys::span(2, 2, 1), pfdebug),
];

impl From<Corrupted> for CommandError {
    fn from(_: Corrupted) -> Self {
        Self::text("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// The bytes of the HyperLogLog at `key`, if there is one.
fn read(data: &mut Data<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, CommandError> {
    let Some(string) = data.read::<Str>(key)? else { return Ok(None) };
    let bytes = string.as_bytes();
    if !hyperloglog::is_valid(&bytes) {
        return Err(CommandError::text("WRONGTYPE Key is not a valid HyperLogLog string value."));
    }
    Ok(Some(bytes.into_owned()))
}

/// Puts the changed bytes back, the key's expiry kept.
fn write(data: &mut Data<'_>, key: &[u8], bytes: Vec<u8>) {
    let expires = data.expires(key).flatten();
    data.put(key, Str::from(bytes).into_value(), expires);
}

fn pfadd(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let found = read(&mut context.data, key)?;
    let mut changes = usize::from(found.is_none());
    let mut bytes = found.unwrap_or_else(hyperloglog::empty);
    for element in request.iter().skip(2) {
        changes += usize::from(hyperloglog::add(&mut bytes, element)?);
    }
    if changes > 0 {
        hyperloglog::invalidate(&mut bytes);
        write(&mut context.data, key, bytes);
        context.data.changed(key, EventClass::String, "pfadd");
        context.data.changed_more(changes - 1);
    }
    context.reply.integer(i64::from(changes > 0));
    Ok(())
}

/// The highest value of each register in all of `keys`, and whether one of them is dense.
fn merged<'a>(
    data: &mut Data<'_>,
    keys: impl Iterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, bool), CommandError> {
    let (mut max, mut dense) = (vec![0; REGISTERS], false);
    for key in keys {
        let Some(bytes) = read(data, key)? else { continue };
        dense |= hyperloglog::is_dense(&bytes);
        for (max, value) in max.iter_mut().zip(hyperloglog::registers(&bytes)?) {
            *max = value.max(*max);
        }
    }
    Ok((max, dense))
}

/// Redis keeps the count of one key in its bytes, so that replicas must be told, too.
fn pfcount(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let count = if request.len() > 2 {
        hyperloglog::estimate(&merged(&mut context.data, request.iter().skip(1))?.0)
    } else {
        match read(&mut context.data, key)? {
            None => 0,
            Some(bytes) => match hyperloglog::cached(&bytes) {
                Some(count) => count,
                None => count_and_keep(&mut context.data, key, bytes)?,
            },
        }
    };
    context.reply.integer(count as i64);
    Ok(())
}

fn count_and_keep(
    data: &mut Data<'_>,
    key: &[u8],
    mut bytes: Vec<u8>,
) -> Result<u64, CommandError> {
    let count = hyperloglog::estimate(&hyperloglog::registers(&bytes)?);
    // A replica's value is what its primary makes of it.
    if data.keyspace.role == Role::Primary || data.is_replicated() {
        hyperloglog::cache(&mut bytes, count);
        write(data, key, bytes);
        data.changed_more(1);
        data.keyspace.key_touched(data.db, key);
    }
    Ok(count)
}

fn pfmerge(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let (max, dense) = merged(&mut context.data, request.iter().skip(1))?;
    let mut bytes = read(&mut context.data, key)?.unwrap_or_else(hyperloglog::empty);
    if dense {
        hyperloglog::make_dense(&mut bytes)?;
    }
    for (register, value) in max.into_iter().enumerate().filter(|(_, value)| *value > 0) {
        hyperloglog::raise(&mut bytes, register, value)?;
    }
    hyperloglog::invalidate(&mut bytes);
    write(&mut context.data, key, bytes);
    context.data.changed(key, EventClass::String, "pfadd");
    context.reply.ok();
    Ok(())
}

fn pfdebug(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (subcommand, key) = (&request[1], &request[2]);
    let Some(mut bytes) = read(&mut context.data, key)? else {
        return Err(CommandError::text("ERR The specified key does not exist"));
    };
    match () {
        () if is(subcommand, "GETREG") => {
            let was_dense = hyperloglog::is_dense(&bytes);
            hyperloglog::make_dense(&mut bytes)?;
            let values = hyperloglog::registers(&bytes)?;
            if !was_dense {
                write(&mut context.data, key, bytes);
                context.data.changed_more(1);
            }
            context.reply.array(values.len());
            values.iter().for_each(|value| context.reply.integer(i64::from(*value)));
        }
        () if is(subcommand, "ENCODING") => {
            let dense = hyperloglog::is_dense(&bytes);
            context.reply.simple(if dense { "dense" } else { "sparse" });
        }
        () if is(subcommand, "TODENSE") => {
            let was_dense = hyperloglog::is_dense(&bytes);
            if !was_dense {
                hyperloglog::make_dense(&mut bytes)?;
                write(&mut context.data, key, bytes);
                context.data.changed_more(1);
            }
            context.reply.integer(i64::from(!was_dense));
        }
        () => {
            let subcommand = String::from_utf8_lossy(subcommand);
            return Err(CommandError::text(format!(
                "ERR Unknown PFDEBUG subcommand '{subcommand}'"
            )));
        }
    }
    Ok(())
}
