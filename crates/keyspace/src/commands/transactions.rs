//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.

use redwire_resp::Request;

use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::session::Transaction;

const CONTROL: Flags = Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST);
const AT_ONCE: Flags = CONTROL.with(Flags::IMMEDIATE);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("multi", 1, AT_ONCE, Keys::NONE, multi),
    Command::exec(),
    Command::data("discard", 1, AT_ONCE, Keys::NONE, discard),
    Command::data("watch", -2, AT_ONCE, Keys::ALL, watch),
    Command::data("unwatch", 1, CONTROL, Keys::NONE, unwatch),
];

fn multi(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    if context.session.in_transaction() {
        return Err(CommandError::text("ERR MULTI calls can not be nested"));
    }
    context.session.transaction = Some(Transaction::default());
    context.reply.ok();
    Ok(())
}

fn discard(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    if !context.session.in_transaction() {
        return Err(CommandError::text("ERR DISCARD without MULTI"));
    }
    context.data.keyspace.forget(context.session);
    context.reply.ok();
    Ok(())
}

fn watch(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if context.session.in_transaction() {
        return Err(CommandError::text("ERR WATCH inside MULTI is not allowed"));
    }
    let db = context.session.db;
    for key in request.iter().skip(1) {
        let watched =
            context.session.watching.iter().any(|it| it.db == db && it.key.as_slice() == key);
        if !watched {
            let expires = context.data.expires(key).flatten();
            let key = context.data.keyspace.watches.watch(db, key, expires);
            context.session.watched_bytes += key.key.len();
            context.session.watching.push(key);
        }
    }
    context.reply.ok();
    Ok(())
}

fn unwatch(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    context.data.keyspace.unwatch(context.session);
    context.reply.ok();
    Ok(())
}
