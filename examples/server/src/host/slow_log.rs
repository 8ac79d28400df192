//! `SLOWLOG`.

use std::collections::VecDeque;
use std::time::Duration;

use redwire_keyspace::{CommandResult, Context, UnixMs};
use redwire_resp::Request;

use super::ClientInfo;
use crate::core::Core;

/// The commands that took longest lately.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: u64,
    max_len: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
}

impl SlowLog {
    pub(crate) fn resize(&mut self, max_len: u64) {
        self.max_len = max_len;
    }

    pub(crate) fn add(
        &mut self,
        _request: Request<'_>,
        _took: Duration,
        _now: UnixMs,
        _client: Option<&ClientInfo>,
    ) {
        self.entries.push_front(Entry { id: self.next_id });
        self.next_id += 1;
        self.entries.truncate(self.max_len as usize);
    }
}

pub(super) fn slowlog(
    _core: &mut Core,
    _context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    Err(super::unknown_subcommand("SLOWLOG", request))
}
