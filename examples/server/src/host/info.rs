//! `INFO` and `TIME`.

use redwire_keyspace::{CommandResult, Context};
use redwire_resp::Request;

use crate::core::Core;

/// What is counted for `INFO stats`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Connections accepted.
    pub(crate) connections: u64,
    /// Connections refused for `maxclients`.
    pub(crate) rejected: u64,
    /// Commands run.
    pub(crate) commands: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Full syncs given to replicas.
    pub(crate) sync_full: u64,
    /// Partial syncs given.
    pub(crate) sync_partial_ok: u64,
    /// Partial syncs that were asked for and could not be given.
    pub(crate) sync_partial_err: u64,
    /// Commands of the primary's stream that this replica could not run.
    pub(crate) refused_by_replica: u64,
    /// Clients closed for their output buffer.
    pub(crate) output_buffer_closed: u64,
    /// Clients closed for their query buffer.
    pub(crate) query_buffer_closed: u64,
    /// Connections closed for a panic in a command: bugs of ours.
    pub(crate) panics: u64,
}

pub(super) fn info(
    _core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    context.reply.bulk(b"");
    Ok(())
}

pub(super) fn time(
    _core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let now = crate::clock::since_epoch();
    context.reply.array(2);
    context.reply.bulk(now.as_secs().to_string().as_bytes());
    context.reply.bulk(now.subsec_micros().to_string().as_bytes());
    Ok(())
}
pub(super) const REDIS_VERSION: &str = "7.0.15";
pub(super) fn resident_memory() -> u64 {
    0
}
