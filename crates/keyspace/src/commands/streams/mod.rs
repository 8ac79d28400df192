//! Commands on streams.

use redwire_resp::{Encoder, Request};

use super::options::quoted;
use crate::command::{Command, Flags, Keys};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::{NodeLimits, Stream, StreamEntry};

mod add;
mod claim;
mod groups;
mod ids;
mod info;
mod pending;
mod producers;
mod range;
mod read;
mod refs;
mod tell;
#[cfg(test)]
mod tests;

use ids::{strict_id, write_id};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.with(Flags::FAST);
const GROW_FAST: Flags = WRITE_FAST.with(Flags::DENYOOM);
const BLOCKING: Flags = Flags::BLOCKING.with(Flags::MOVABLE_KEYS);
/// The key behind a subcommand.
const SECOND: Keys = Keys::span(2, 2, 1);
/// Keys and ids, half of each, behind `STREAMS`.
const READ_KEYS: Keys = Keys::NONE.half_after("STREAMS");

pub(super) static COMMANDS: &[Command] = &[
    Command::data("xadd", -5, GROW_FAST, Keys::ONE, add::xadd),
    Command::data("xtrim", -4, Flags::WRITE, Keys::ONE, add::xtrim),
    Command::data("xdel", -3, WRITE_FAST, Keys::ONE, xdel),
    Command::data("xlen", 2, READ_FAST, Keys::ONE, range::xlen),
    Command::data("xrange", -4, READ, Keys::ONE, range::xrange),
    Command::data("xrevrange", -4, READ, Keys::ONE, range::xrevrange),
    Command::data("xread", -4, READ.with(BLOCKING), READ_KEYS, read::xread),
    Command::data("xreadgroup", -7, Flags::WRITE.with(BLOCKING), READ_KEYS, read::xreadgroup),
    Command::data("xack", -4, WRITE_FAST, Keys::ONE, pending::xack),
    Command::data("xpending", -3, READ, Keys::ONE, pending::xpending),
    Command::data("xclaim", -6, WRITE_FAST, Keys::ONE, claim::xclaim),
    Command::data("xautoclaim", -6, WRITE_FAST, Keys::ONE, claim::xautoclaim),
    Command::data("xsetid", -3, GROW_FAST, Keys::ONE, add::xsetid),
    Command::data("xcfgset", -2, WRITE_FAST, Keys::ONE, producers::xcfgset),
    Command::data("xidmprecord", 5, GROW_FAST, Keys::ONE, producers::xidmprecord),
    Command::data(
        "xgroup",
        -2,
        Flags::WRITE.with(Flags::DENYOOM).with(Flags::CONTAINER),
        SECOND,
        groups::xgroup,
    ),
    Command::data("xdelex", -5, WRITE_FAST, Keys::ONE, refs::xdelex),
    Command::data("xackdel", -6, WRITE_FAST, Keys::ONE, refs::xackdel),
    Command::data("xinfo", -2, READ.with(Flags::CONTAINER), SECOND, info::xinfo),
];

fn xdel(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    if !context.data.check::<Stream>(key)? {
        context.reply.integer(0);
        return Ok(());
    }
    let ids: Vec<_> = request.iter().skip(2).map(strict_id).collect::<Result<_, _>>()?;
    let stream = context.data.write::<Stream>(key)?;
    let deleted =
        stream.map_or(0, |stream| ids.into_iter().filter(|id| stream.remove(*id)).count());
    if deleted > 0 {
        context.data.changed(key, EventClass::Stream, "xdel");
        context.data.changed_more(deleted - 1);
    }
    context.reply.integer(deleted as i64);
    Ok(())
}

impl Data<'_> {
    /// When a node of a stream takes no more.
    fn node_limits(&self) -> NodeLimits {
        let settings = &self.keyspace.settings;
        NodeLimits { bytes: settings.stream_node_bytes, entries: settings.stream_node_entries }
    }
}

/// The error for a group, or a key, that is not there.
fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::text(format!(
        "NOGROUP No such key '{}' or consumer group '{}'",
        quoted(key),
        quoted(group)
    ))
}

/// The error for a group that is not there, of a key that is.
fn no_group_of(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::text(format!(
        "NOGROUP No such consumer group '{}' for key name '{}'",
        quoted(group),
        quoted(key)
    ))
}

/// The error for a subcommand that takes other arguments.
fn wrong_subcommand(command: &str, subcommand: &[u8]) -> CommandError {
    let subcommand = &subcommand[..subcommand.len().min(128)];
    CommandError::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {command} HELP.",
        quoted(subcommand)
    ))
}

/// An entry: its id, and its fields with their values in one array.
fn write_entry(reply: &mut Encoder<'_>, entry: &StreamEntry<'_>) {
    reply.array(2);
    write_entry_parts(reply, entry);
}

/// What an entry is made of, without the array around it.
fn write_entry_parts(reply: &mut Encoder<'_>, entry: &StreamEntry<'_>) {
    write_id(reply, entry.id);
    let fields = entry.fields();
    reply.array(2 * fields.len());
    for value in fields.flat_map(|(name, value)| [name, value]) {
        match value {
            redwire_rdb::packed::Value::Str(bytes) => reply.bulk(bytes),
            redwire_rdb::packed::Value::Int(number) => reply.bulk_integer(number),
        }
    }
}

fn write_entries(reply: &mut Encoder<'_>, entries: &[StreamEntry<'_>]) {
    reply.array(entries.len());
    entries.iter().for_each(|entry| write_entry(reply, entry));
}
