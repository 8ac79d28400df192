//! Commands on HyperLogLogs, which are strings.

use std::borrow::Cow;

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
    Command::data("pfselftest", 1, Flags::ADMIN, Keys::NONE, pfselftest),
];

impl From<Corrupted> for CommandError {
    fn from(_: Corrupted) -> Self {
        Self::text("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// Refuses a string that cannot be a HyperLogLog.
fn check(bytes: &[u8]) -> CommandResult {
    if hyperloglog::is_valid(bytes) {
        return Ok(());
    }
    Err(CommandError::text("WRONGTYPE Key is not a valid HyperLogLog string value."))
}

/// The bytes of the HyperLogLog at `key`, if there is one.
fn read<'d>(data: &'d mut Data<'_>, key: &[u8]) -> Result<Option<Cow<'d, [u8]>>, CommandError> {
    let Some(string) = data.read::<Str>(key)? else { return Ok(None) };
    let bytes = string.as_bytes();
    check(&bytes)?;
    Ok(Some(bytes))
}

/// The bytes of the HyperLogLog at `key` to change in place.
fn write<'d>(data: &'d mut Data<'_>, key: &[u8]) -> Result<Option<&'d mut Vec<u8>>, CommandError> {
    let Some(string) = data.write::<Str>(key)? else { return Ok(None) };
    check(&string.as_bytes())?;
    Ok(Some(string.make_mut()))
}

/// The same, of an empty one if there is none; and whether that is so.
fn write_or_new<'d>(
    data: &'d mut Data<'_>,
    key: &[u8],
) -> Result<(&'d mut Vec<u8>, bool), CommandError> {
    let is_new = !data.check::<Str>(key)?;
    if is_new {
        data.put(key, Str::from(hyperloglog::empty()).into_value(), None);
    }
    let bytes = write(data, key)?.ok_or(CommandError::WrongType)?;
    Ok((bytes, is_new))
}

fn pfadd(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let max_sparse = context.data.keyspace.settings.hll_sparse_bytes;
    let (bytes, is_new) = write_or_new(&mut context.data, key)?;
    let mut changes = usize::from(is_new);
    for element in request.iter().skip(2) {
        changes += usize::from(hyperloglog::add(bytes, element, max_sparse)?);
    }
    if changes > 0 {
        hyperloglog::invalidate(bytes);
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
                None => {
                    let count = hyperloglog::estimate(&hyperloglog::registers(&bytes)?);
                    keep_count(&mut context.data, key, count)?;
                    count
                }
            },
        }
    };
    context.reply.integer(count as i64);
    Ok(())
}

fn keep_count(data: &mut Data<'_>, key: &[u8], count: u64) -> CommandResult {
    // A replica's value is what its primary makes of it.
    if data.keyspace.role == Role::Primary || data.is_replicated() {
        if let Some(bytes) = write(data, key)? {
            hyperloglog::cache(bytes, count);
        }
        data.changed_more(1);
        data.keyspace.key_touched(data.db, key);
    }
    Ok(())
}

fn pfmerge(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let (max, dense) = merged(&mut context.data, request.iter().skip(1))?;
    let max_sparse = context.data.keyspace.settings.hll_sparse_bytes;
    let (bytes, _) = write_or_new(&mut context.data, key)?;
    if dense {
        hyperloglog::make_dense(bytes)?;
    }
    for (register, value) in max.into_iter().enumerate().filter(|(_, value)| *value > 0) {
        hyperloglog::raise(bytes, register, value, max_sparse)?;
    }
    hyperloglog::invalidate(bytes);
    context.data.changed(key, EventClass::String, "pfadd");
    context.reply.ok();
    Ok(())
}

fn pfdebug(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (subcommand, key) = (&request[1], &request[2]);
    let Some(bytes) = read(&mut context.data, key)? else {
        return Err(CommandError::text("ERR The specified key does not exist"));
    };
    match () {
        () if is(subcommand, "GETREG") => {
            let values = hyperloglog::registers(&bytes)?;
            pack(&mut context.data, key)?;
            context.reply.array(values.len());
            values.iter().for_each(|value| context.reply.integer(i64::from(*value)));
        }
        () if is(subcommand, "ENCODING") => {
            let dense = hyperloglog::is_dense(&bytes);
            context.reply.simple(if dense { "dense" } else { "sparse" });
        }
        () if is(subcommand, "TODENSE") => {
            let packed = pack(&mut context.data, key)?;
            context.reply.integer(i64::from(packed));
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

/// Makes a sparse HyperLogLog dense; answers whether it was sparse.
fn pack(data: &mut Data<'_>, key: &[u8]) -> Result<bool, CommandError> {
    let Some(bytes) = write(data, key)?.filter(|bytes| !hyperloglog::is_dense(bytes)) else {
        return Ok(false);
    };
    hyperloglog::make_dense(bytes)?;
    data.changed_more(1);
    Ok(true)
}

/// Counts numbers in both forms: their registers have to be the same, and counts as near as they are
/// said to be.
fn pfselftest(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    const COUNT: u32 = 5_000;
    /// Six times the standard error, and what 1 is of a small count.
    const ERROR: f64 = 0.0081 * 6.0;
    let failed = |what: &str| Err(CommandError::text(format!("TESTFAILED {what}")));
    let (mut sparse, mut dense) = (hyperloglog::empty(), hyperloglog::empty());
    hyperloglog::make_dense(&mut dense)?;
    for count in 1..=COUNT {
        let element = count.to_le_bytes();
        hyperloglog::add(&mut sparse, &element, usize::MAX)?;
        hyperloglog::add(&mut dense, &element, usize::MAX)?;
        if !count.is_power_of_two() && count != COUNT {
            continue;
        }
        let registers = hyperloglog::registers(&dense)?;
        if hyperloglog::registers(&sparse)? != registers {
            return failed(&format!("the forms differ at {count} elements"));
        }
        let estimate = hyperloglog::estimate(&registers);
        if estimate.abs_diff(u64::from(count)) as f64 > f64::from(count) * ERROR + 1.0 {
            return failed(&format!("{count} elements are counted as {estimate}"));
        }
    }
    context.reply.ok();
    Ok(())
}
