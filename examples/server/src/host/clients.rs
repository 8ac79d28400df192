//! `CLIENT`, and what is known of each connection.

use std::time::Instant;

use redwire_keyspace::{CommandResult, Context};
use redwire_resp::{Protocol, Request};

use crate::core::Core;
use crate::net::{ClientId, Standing};

/// A connection as `CLIENT LIST` shows it. The loop keeps the counts true after each turn.
#[derive(Debug, Clone)]
pub(crate) struct ClientInfo {
    pub(crate) id: ClientId,
    /// `ip:port` of the peer, or the path of the Unix socket.
    pub(crate) addr: String,
    /// `ip:port` at this end.
    pub(crate) laddr: String,
    pub(crate) name: Vec<u8>,
    pub(crate) lib_name: Vec<u8>,
    pub(crate) lib_ver: Vec<u8>,
    pub(crate) created: Instant,
    pub(crate) last_interaction: Instant,
    pub(crate) standing: Standing,
    pub(crate) is_local: bool,
    pub(crate) is_unix: bool,
    pub(crate) is_blocked: bool,
    pub(crate) is_closing: bool,
    pub(crate) db: u32,
    pub(crate) protocol: Protocol,
    /// Commands queued since `MULTI`, if it was called.
    pub(crate) queued: Option<usize>,
    pub(crate) watched: usize,
    /// Bytes of requests that are not complete.
    pub(crate) query_buffer: usize,
    /// Bytes of replies that wait, and the memory that they take.
    pub(crate) output_len: usize,
    pub(crate) output_memory: u64,
    /// The last command that it ran.
    pub(crate) last_command: &'static str,
}

impl ClientInfo {
    /// The IP address of the peer; empty over a Unix socket.
    pub(crate) fn peer_ip(&self) -> &str {
        if self.is_unix {
            return "";
        }
        self.addr.rsplit_once(':').map_or("", |(ip, _)| ip.trim_matches(['[', ']']))
    }
}

pub(super) fn client(
    _core: &mut Core,
    _context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    Err(super::unknown_subcommand("CLIENT", request))
}
pub(super) fn set_name(core: &mut Core, context: &Context<'_>, name: &[u8]) -> CommandResult {
    if let Some(i) = core.clients.get_mut(&context.session.id()) {
        i.name = name.to_vec();
    }
    Ok(())
}
impl ClientInfo {
    pub(crate) fn line(&self, _core: &Core) -> String {
        format!("id={} addr={}", self.id, self.addr)
    }
}
