//! `CLIENT IMPORT-SOURCE` (Valkey 8.1): a connection that brings data here, for which keys whose time is
//! over are still there while `import-mode` is on. The keyspace knows what that means.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::Request;

use super::super::is;
use super::{on_or_off, own};
use crate::core::Core;

pub(super) fn import_source(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    // As in Valkey whatever is not OFF is refused so.
    if !core.config.import_mode && !is(&request[2], "off") {
        return Err(CommandError::text("ERR Server is not in import mode"));
    }
    let on = on_or_off(&request[2])?;
    if let Some(client) = own(core, context) {
        client.import_source = on;
    }
    context.session.import_source = on;
    context.reply.ok();
    Ok(())
}
