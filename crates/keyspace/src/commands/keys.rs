//! Keys of any type: whether they are there, deleting, moving, finding them.

mod dump;
mod moving;
mod object;
mod search;

pub(crate) use object::encoding_of;

use redwire_resp::Request;

use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::CommandResult;
use crate::events::EventClass;

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = WRITE.with(Flags::FAST);
const GROW: Flags = WRITE.with(Flags::DENYOOM);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("del", -2, WRITE, Keys::ALL, del),
    Command::data("unlink", -2, WRITE_FAST, Keys::ALL, del),
    Command::data("exists", -2, READ_FAST, Keys::ALL, exists),
    Command::data("touch", -2, READ_FAST, Keys::ALL, touch),
    Command::data("type", 2, READ_FAST, Keys::ONE, type_),
    Command::data("rename", 3, WRITE, Keys::TWO, moving::rename),
    Command::data("renamenx", 3, WRITE_FAST, Keys::TWO, moving::renamenx),
    Command::data("copy", -3, GROW, Keys::TWO, moving::copy),
    Command::data("move", 3, WRITE_FAST, Keys::ONE, moving::move_),
    Command::data("dump", 2, READ, Keys::ONE, dump::dump),
    Command::data("restore", -4, GROW, Keys::ONE, dump::restore),
    // Behind ASKING, for a slot on its way: all slots are here.
    Command::data("restore-asking", -4, GROW, Keys::ONE, dump::restore),
    Command::data("keys", 2, READ, Keys::NONE, search::keys),
    Command::data("scan", -2, READ, Keys::NONE, search::scan),
    Command::data("randomkey", 1, READ, Keys::NONE, search::randomkey),
    Command::data("object", -2, Flags::CONTAINER, Keys::span(2, 2, 1), object::object),
];

/// `DEL`, and `UNLINK`: what is large is never freed here anyway.
fn del(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let mut deleted = 0;
    for key in request.iter().skip(1) {
        if context.data.delete(key) {
            context.data.changed(key, EventClass::Generic, "del");
            deleted += 1;
        }
    }
    context.reply.integer(deleted);
    Ok(())
}

fn exists(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let found = request.iter().skip(1).filter(|key| context.data.look(key).is_some()).count();
    context.reply.integer(found as i64);
    Ok(())
}

/// `TOUCH`, which is a use of keys even by a client that leaves no trace else.
fn touch(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    context.data.leave_traces();
    let found = request.iter().skip(1).filter(|key| context.data.find(key).is_some()).count();
    context.reply.integer(found as i64);
    Ok(())
}

fn type_(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let entry = context.data.look(&request[1]);
    context.reply.simple(entry.map_or("none", |entry| entry.value.type_name()));
    Ok(())
}
