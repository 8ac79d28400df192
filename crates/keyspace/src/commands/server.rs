//! Commands about databases as wholes.

use redwire_resp::Request;

use super::options::{integer32, is};
use crate::command::{Command, Flags, Keys};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("dbsize", 1, Flags::READONLY.with(Flags::FAST), Keys::NONE, dbsize),
    Command::data("flushdb", -1, Flags::WRITE, Keys::NONE, flushdb),
    Command::data("flushall", -1, Flags::WRITE, Keys::NONE, flushall),
    Command::data("swapdb", 3, Flags::WRITE.with(Flags::FAST), Keys::NONE, swapdb),
];

fn dbsize(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let keys = context.data.len();
    context.reply.integer(keys as i64);
    Ok(())
}

fn flushdb(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    check_flush(request)?;
    let deleted = context.data.flush();
    finish_flush(context, deleted);
    Ok(())
}

fn flushall(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    check_flush(request)?;
    let databases = 0..context.data.database_count();
    let deleted = databases.map(|db| context.data.in_database(db, Data::flush)).sum();
    finish_flush(context, deleted);
    Ok(())
}

/// `ASYNC` and `SYNC` come to the same: the caller decides where large things are dropped.
fn check_flush(request: Request<'_>) -> CommandResult {
    let known = match request.arg(1) {
        None => true,
        Some(option) => request.len() == 2 && (is(option, "ASYNC") || is(option, "SYNC")),
    };
    if known { Ok(()) } else { Err(CommandError::Syntax) }
}

/// Replicas are told even if nothing was there: a replica may have what its primary has not.
fn finish_flush(context: &mut Context<'_>, deleted: usize) {
    context.data.changed_more(deleted);
    context.data.force_effect();
    context.reply.ok();
}

fn swapdb(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let databases = context.data.database_count();
    let number =
        |arg: &[u8], error: &'static str| integer32(arg).map_err(|_| CommandError::text(error));
    let first = number(&request[1], "ERR invalid first DB index")?;
    let second = number(&request[2], "ERR invalid second DB index")?;
    let in_range = |db: i32| u32::try_from(db).ok().filter(|db| *db < databases);
    let (first, second) =
        in_range(first).zip(in_range(second)).ok_or(CommandError::DbOutOfRange)?;
    context.data.swap_databases(first, second);
    context.reply.ok();
    Ok(())
}
