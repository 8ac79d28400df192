//! Commands about the connection.

use redwire_resp::{Protocol, Request};

use super::options::database;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE).with(Flags::FAST);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("ping", -1, Flags::FAST, Keys::NONE, ping),
    Command::data("echo", 2, ANYTIME, Keys::NONE, echo),
    Command::data("select", 2, ANYTIME, Keys::NONE, select),
];

fn ping(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let in_message = context.session.subscribed && context.reply.protocol() == Protocol::Resp2;
    match request.len() {
        1 | 2 if in_message => {
            context.reply.array(2);
            context.reply.bulk(b"pong");
            context.reply.bulk(request.arg(1).unwrap_or_default());
        }
        1 => context.reply.simple("PONG"),
        2 => context.reply.bulk(&request[1]),
        _ => return Err(CommandError::Arity("ping".into())),
    }
    Ok(())
}

fn echo(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    context.reply.bulk(&request[1]);
    Ok(())
}

fn select(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    context.session.db = database(&request[1], context.data.database_count())?;
    context.reply.ok();
    Ok(())
}
