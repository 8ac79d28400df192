//! [`DiskWait`]: writes wait while the disk has yet to take what they would add to.
//!
//! What a replica has not read goes to disk beyond `repl-backlog-memory`. A disk that is slower than
//! the writes would have memory grow until `client-output-buffer-limit` cuts the replica, which then
//! needs another full sync. So clients' writes, and what is read of this node's own primary, wait for
//! the store under way, as they do in servers whose AOF waits for an fsync. A disk that hangs is not
//! waited for: from then on the limit holds, until it takes something again.

use std::time::{Duration, Instant};

use redwire_repl::Primary;

use crate::core::Core;

/// How long writes wait for one store.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether writes wait for the disk, and how long they have.
#[derive(Debug, Default)]
pub(crate) struct DiskWait {
    since: Option<Instant>,
    /// The store under way has taken too long.
    given_up: bool,
    waited: Duration,
}

impl DiskWait {
    /// How long writes have waited in all.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// When the disk is given up, unless it has done something by then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }

    /// A store is done. Whether the disk had been given up.
    pub(crate) fn stored(&mut self, now: Instant) -> bool {
        self.end(now);
        std::mem::take(&mut self.given_up)
    }

    /// Looks at the primary machine again. Whether the disk is given up by that.
    pub(crate) fn update(&mut self, primary: &Primary, now: Instant) -> bool {
        if self.given_up || !primary.backlog_is_full() {
            self.end(now);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        self.given_up = now.saturating_duration_since(since) >= PATIENCE;
        if self.given_up {
            self.end(now);
        }
        self.given_up
    }

    fn end(&mut self, now: Instant) {
        let waited = self.since.take().map(|since| now.saturating_duration_since(since));
        self.waited += waited.unwrap_or_default();
    }
}

impl Core {
    /// Whether writes wait for the disk.
    pub(crate) fn waits_for_disk(&self) -> bool {
        self.primary.backlog_is_full() && !self.disk_wait.given_up
    }
}
