//! `DEBUG`.

use redwire_keyspace::{CommandResult, Context};
use redwire_resp::Request;

use crate::core::Core;

pub(super) fn debug(
    _core: &mut Core,
    _context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    Err(super::unknown_subcommand("DEBUG", request))
}
