//! `CLIENT KILL`.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::Request;

use super::filter::Filter;
use crate::core::{Action, Core};

pub(super) fn kill(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let caller = context.session.id();
    let by_address = request.len() == 3;
    let filter = if by_address {
        Filter::of_address(&request[2])
    } else {
        Filter::parse(core, request, true)?
    };
    let meant = core.clients.values().filter(|client| filter.matches(core, client, caller));
    let ids: Vec<_> = meant.map(|client| client.id).collect();
    let mut killed = ids.len() as i64;
    core.actions.extend(ids.into_iter().map(|id| match id == caller {
        true => Action::CloseAfterReplies(id),
        false => Action::Close(id),
    }));
    if filter.is_for_primary() && core.upstream.is_some() {
        killed += 1;
        core.actions.push(Action::DropUpstream);
    }
    match (by_address, killed) {
        (false, killed) => context.reply.integer(killed),
        (true, 0) => return Err(CommandError::text("ERR No such client")),
        (true, _) => context.reply.ok(),
    }
    Ok(())
}
