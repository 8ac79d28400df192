//! `CLIENT KILL`.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::Request;

use super::filter::Filter;
use super::{ClientInfo, shown};
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
    let close = |client: &ClientInfo| match client.id {
        _ if client.is_primary => Action::DropUpstream,
        id if id == caller => Action::CloseAfterReplies(id),
        id => Action::Close(id),
    };
    let matching = shown(core).filter(|client| filter.matches(core, client, caller));
    let actions: Vec<_> = matching.map(|client| close(&client)).collect();
    let killed = actions.len();
    core.actions.extend(actions);
    match (by_address, killed) {
        (false, killed) => context.reply.integer(killed as i64),
        (true, 0) => return Err(CommandError::text("ERR No such client")),
        (true, _) => context.reply.ok(),
    }
    Ok(())
}
