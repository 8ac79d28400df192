//! `MONITOR`.

use redwire_keyspace::{Command, CommandResult, Context, Flags, Session};
use redwire_resp::Request;

use crate::core::{Action, Core};

/// Tells monitors of a command that is about to run.
pub(crate) fn feed(core: &mut Core, session: &Session, command: &Command, request: Request<'_>) {
    if command.flags.has(Flags::SKIP_MONITOR) || command.flags.has(Flags::ADMIN) {
        return;
    }
    let _ = (session, request);
    core.actions.push(Action::FeedMonitors(Vec::new()));
}

pub(super) fn monitor(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    core.actions.push(Action::Monitor(context.session.id()));
    context.reply.ok();
    Ok(())
}
