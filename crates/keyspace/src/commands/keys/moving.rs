//! From one key or database to another: `RENAME`, `COPY`, `MOVE`.

use crate::ValueRef;
use redwire_resp::Request;

use crate::commands::options::{database, is};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;

pub(super) fn rename(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    move_key(context, request, true)?;
    context.reply.ok();
    Ok(())
}

pub(super) fn renamenx(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let moved = move_key(context, request, false)?;
    context.reply.integer(i64::from(moved));
    Ok(())
}

/// Gives a key another name; answers whether it did.
fn move_key(
    context: &mut Context<'_>,
    request: Request<'_>,
    replace: bool,
) -> Result<bool, CommandError> {
    let (from, to) = (&request[1], &request[2]);
    let data = &mut context.data;
    data.peek(from).ok_or(CommandError::NoSuchKey)?;
    if from == to || (!replace && data.peek(to).is_some()) {
        return Ok(false);
    }
    let old = data.old_type(to);
    data.delete(to);
    let clock = data.use_of(from).ok_or(CommandError::NoSuchKey)?;
    let (value, expires) = data.take(from).ok_or(CommandError::NoSuchKey)?;
    data.put(to, value, expires);
    data.set_clock(to, clock);
    data.changed(from, EventClass::Generic, "rename_from");
    data.touched(to, EventClass::Generic, "rename_to");
    data.overwritten(to, old);
    Ok(true)
}

pub(super) fn copy(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (from, to) = (&request[1], &request[2]);
    let data = &mut context.data;
    let (mut db, mut replace) = (data.db(), false);
    let mut args = request.iter().skip(3);
    while let Some(arg) = args.next() {
        if is(arg, "REPLACE") {
            replace = true;
        } else if is(arg, "DB") {
            let number = args.next().ok_or(CommandError::Syntax)?;
            db = database(number, data.database_count())?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if db == data.db() && from == to {
        return Err(same_object());
    }
    let expires = data.expires(from).flatten();
    let Some(value) = data.find(from).map(ValueRef::to_value) else {
        context.reply.integer(0);
        return Ok(());
    };
    let copied = data.in_database(db, |data| {
        let copied = replace || data.peek(to).is_none();
        if copied {
            let old = data.old_type(to);
            data.delete(to);
            data.put(to, value, expires);
            data.changed(to, EventClass::Generic, "copy_to");
            data.overwritten(to, old);
        }
        copied
    });
    context.reply.integer(i64::from(copied));
    Ok(())
}

pub(super) fn move_(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let data = &mut context.data;
    let db = database(&request[2], data.database_count())?;
    if db == data.db() {
        return Err(same_object());
    }
    let found = data.peek(key).is_some();
    let free = found && data.in_database(db, |data| data.peek(key).is_none());
    if free
        && let Some(clock) = data.use_of(key)
        && let Some((value, expires)) = data.take(key)
    {
        data.in_database(db, |data| {
            data.put(key, value, expires);
            data.set_clock(key, clock);
        });
        data.changed(key, EventClass::Generic, "move_from");
        data.in_database(db, |data| data.touched(key, EventClass::Generic, "move_to"));
    }
    context.reply.integer(i64::from(free));
    Ok(())
}

fn same_object() -> CommandError {
    CommandError::text("ERR source and destination objects are the same")
}
