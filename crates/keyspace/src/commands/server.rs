//! Commands about a connection's database and about databases as a whole.

use redwire_resp::Request;

use super::options::is;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

const QUICK: Flags = Flags::LOADING.with(Flags::STALE).with(Flags::FAST);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("ping", -1, QUICK, Keys::NONE, ping),
    Command::data("echo", 2, QUICK, Keys::NONE, echo),
    Command::data("select", 2, QUICK, Keys::NONE, select),
    Command::data("dbsize", 1, Flags::READONLY.with(Flags::FAST), Keys::NONE, dbsize),
    Command::data("flushdb", -1, Flags::WRITE, Keys::NONE, flushdb),
    Command::data("flushall", -1, Flags::WRITE, Keys::NONE, flushall),
];

fn ping(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    match request.arg(1) {
        _ if request.len() > 2 => return Err(CommandError::Arity("ping".into())),
        None => context.reply.simple("PONG"),
        Some(text) => context.reply.bulk(text),
    }
    Ok(())
}

fn echo(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    context.reply.bulk(&request[1]);
    Ok(())
}

fn select(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let invalid = || CommandError::text("ERR invalid DB index");
    let db = redwire_resp::parse_i64(&request[1]).ok_or_else(invalid)?;
    let databases = context.data.keyspace.data.database_count();
    let db = u32::try_from(db).ok().filter(|db| *db < databases);
    context.session.db = db.ok_or(CommandError::DbOutOfRange)?;
    context.reply.ok();
    Ok(())
}

fn dbsize(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let len = context.data.keyspace.data.len(context.data.db);
    context.reply.integer(len as i64);
    Ok(())
}

fn flushdb(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    flush(context, request, |context| vec![context.data.db])
}

fn flushall(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    flush(context, request, |context| (0..context.data.keyspace.data.database_count()).collect())
}

/// Empties databases. Nothing waits for the memory to be freed, so `SYNC` and `ASYNC` are one.
fn flush(
    context: &mut Context<'_>,
    request: Request<'_>,
    databases: fn(&Context<'_>) -> Vec<u32>,
) -> CommandResult {
    match request.arg(1) {
        None => {}
        Some(mode) if request.len() == 2 && (is(mode, "sync") || is(mode, "async")) => {}
        Some(_) => return Err(CommandError::Syntax),
    }
    let mut removed = 0;
    for db in databases(context) {
        removed += context.data.keyspace.flush(db);
    }
    // A replica may hold what is not here any more, so it is told in any case.
    context.data.changed_more(removed);
    context.data.force_effect();
    context.reply.ok();
    Ok(())
}
