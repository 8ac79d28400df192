//! [`Log`]: what users were not allowed (`ACL LOG`).

use std::collections::VecDeque;

use super::Reason;
use crate::UnixMs;

/// How long an entry takes up what is alike, in ms.
const GROUPING_MS: u64 = 60_000;

/// The last denials, the newest first; those that are alike within a minute are one.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    next_id: u64,
}

/// A denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How often it came.
    pub count: u64,
    /// What was missing; `None` for a log-in that failed.
    pub reason: Option<Reason>,
    /// Where the command stood.
    pub context: Context,
    /// The command, key or channel that was denied.
    pub object: Vec<u8>,
    /// The user, or the name that somebody tried to log in by.
    pub username: Vec<u8>,
    /// The connection, as `CLIENT LIST` shows it.
    pub client_info: String,
    /// The number of the entry, the first one's being 0.
    pub id: u64,
    /// When it was made.
    pub created: UnixMs,
    /// When it came last.
    pub updated: UnixMs,
}

/// Where a command that was denied stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// It came by itself.
    Toplevel,
    /// In a transaction.
    Multi,
}

impl Context {
    /// The name in `ACL LOG`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Toplevel => "toplevel",
            Self::Multi => "multi",
        }
    }
}

impl Entry {
    /// An entry to be given to [`Log::add`], of a denial that came at `now`.
    #[must_use]
    pub fn new(
        reason: Option<Reason>,
        context: Context,
        object: &[u8],
        username: &[u8],
        now: UnixMs,
    ) -> Self {
        Self {
            count: 1,
            reason,
            context,
            object: object.to_vec(),
            username: username.to_vec(),
            client_info: String::new(),
            id: 0,
            created: now,
            updated: now,
        }
    }

    /// The name of the reason in `ACL LOG`.
    #[must_use]
    pub fn reason_name(&self) -> &'static str {
        match self.reason {
            Some(Reason::Command) => "command",
            Some(Reason::Key) => "key",
            Some(Reason::Channel) => "channel",
            None => "auth",
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.reason == other.reason
            && self.context == other.context
            && self.object == other.object
            && self.username == other.username
            && other.updated.0.abs_diff(self.updated.0) <= GROUPING_MS
    }
}

impl Log {
    /// How many entries behind the newest are looked through for one that is alike, as in Redis.
    const LOOKED_THROUGH: usize = 10;

    /// Adds a denial, and forgets what is older than `max_len` entries (`acllog-max-len`).
    pub fn add(&mut self, mut entry: Entry, max_len: usize) {
        let mut looked_through = self.entries.iter().take(Self::LOOKED_THROUGH);
        let alike = looked_through.position(|known| known.is_like(&entry));
        if let Some(known) = alike.and_then(|index| self.entries.remove(index)) {
            entry.count = known.count + 1;
            entry.id = known.id;
            entry.created = known.created;
        } else {
            entry.id = self.next_id;
            self.next_id += 1;
        }
        self.entries.push_front(entry);
        self.entries.truncate(max_len);
    }

    /// The entries, the newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets all entries (`ACL LOG RESET`).
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
