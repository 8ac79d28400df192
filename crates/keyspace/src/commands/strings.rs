//! Strings: `GET`, `SET` and their kin, counters, ranges.

mod compare;
mod counters;
mod lcs;
mod msetex;
mod ranges;
mod set;

use redwire_resp::{Encoder, Request};

use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::{Kind, Str, StrRef};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const WRITE: Flags = Flags::WRITE.with(Flags::DENYOOM);
const WRITE_FAST: Flags = WRITE.with(Flags::FAST);
/// Needs no memory.
const SHRINK_FAST: Flags = Flags::WRITE.with(Flags::FAST);

/// As many keys as is said, a value behind each.
const MSETEX_KEYS: Keys = Keys::NONE.counted_pairs_at(1);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("get", 2, READ_FAST, Keys::ONE, get),
    Command::data("set", -3, WRITE.with(Flags::QUICK), Keys::ONE, set::set),
    Command::data("setnx", 3, WRITE_FAST, Keys::ONE, set::setnx),
    Command::data("setex", 4, WRITE, Keys::ONE, set::setex),
    Command::data("psetex", 4, WRITE, Keys::ONE, set::psetex),
    Command::data("getset", 3, WRITE_FAST, Keys::ONE, set::getset),
    Command::data("getdel", 2, SHRINK_FAST, Keys::ONE, getdel),
    Command::data("getex", -2, SHRINK_FAST, Keys::ONE, set::getex),
    Command::data("mget", -2, READ_FAST, Keys::ALL, mget),
    Command::data("mset", -3, WRITE, Keys::PAIRS, mset),
    Command::data("msetnx", -3, WRITE, Keys::PAIRS, msetnx),
    Command::data("strlen", 2, READ_FAST, Keys::ONE, strlen),
    Command::data("append", 3, WRITE_FAST, Keys::ONE, ranges::append),
    Command::data("setrange", 4, WRITE, Keys::ONE, ranges::setrange),
    Command::data("getrange", 4, READ, Keys::ONE, ranges::getrange),
    Command::data("substr", 4, READ, Keys::ONE, ranges::getrange),
    Command::data("lcs", -3, READ, Keys::TWO, lcs::lcs),
    Command::data("incr", 2, WRITE_FAST, Keys::ONE, counters::incr),
    Command::data("decr", 2, WRITE_FAST, Keys::ONE, counters::decr),
    Command::data("incrby", 3, WRITE_FAST, Keys::ONE, counters::incrby),
    Command::data("decrby", 3, WRITE_FAST, Keys::ONE, counters::decrby),
    Command::data("incrbyfloat", 3, WRITE_FAST, Keys::ONE, counters::incrbyfloat),
    Command::data("digest", 2, READ_FAST, Keys::ONE, compare::digest),
    Command::data("delex", -2, SHRINK_FAST, Keys::ONE, compare::delex),
    Command::data("delifeq", 3, SHRINK_FAST, Keys::ONE, compare::delifeq),
    Command::data("msetex", -4, WRITE.with(Flags::MOVABLE_KEYS), MSETEX_KEYS, msetex::msetex),
];

fn get(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_value(context, &request[1])
}

fn getdel(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    reply_value(context, key)?;
    if context.data.delete(key) {
        context.data.changed(key, EventClass::Generic, "del");
        context.data.effect([b"DEL".as_slice(), key]);
    }
    Ok(())
}

fn mget(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    context.reply.array(request.len() - 1);
    for (nth, key) in request.iter().skip(1).enumerate() {
        context.data.turn_to(nth, key);
        let string = context.data.find(key).and_then(Str::of);
        write_string(&mut context.reply, string);
    }
    Ok(())
}

fn mset(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    check_pairs(request, "mset")?;
    set_pairs(context, request);
    context.reply.ok();
    Ok(())
}

fn msetnx(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    check_pairs(request, "msetnx")?;
    let taken = request.iter().skip(1).step_by(2).any(|key| context.data.peek(key).is_some());
    if !taken {
        set_pairs(context, request);
    }
    context.reply.integer(i64::from(!taken));
    Ok(())
}

fn check_pairs(request: Request<'_>, command: &'static str) -> CommandResult {
    if request.len().is_multiple_of(2) { Err(CommandError::Arity(command.into())) } else { Ok(()) }
}

fn set_pairs(context: &mut Context<'_>, request: Request<'_>) {
    for at in (1..request.len()).step_by(2) {
        let key = &request[at];
        context.data.put_string(key, &request[at + 1], None);
        context.data.changed(key, EventClass::String, "set");
    }
}

fn strlen(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let len = context.data.read::<Str>(&request[1])?.map_or(0, StrRef::len);
    context.reply.integer(len as i64);
    Ok(())
}

/// Answers the string at `key`, or null.
fn reply_value(context: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let string = context.data.read::<Str>(key)?;
    write_string(&mut context.reply, string);
    Ok(())
}

#[inline]
fn write_string(reply: &mut Encoder<'_>, string: Option<StrRef<'_>>) {
    match string {
        None => reply.null(),
        Some(string) => match string.kept() {
            Ok(integer) => reply.bulk_integer(integer),
            Err(bytes) => reply.bulk(bytes),
        },
    }
}
