//! Keys under `WATCH`: a version for each, raised when the key changes.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::{Blob, UnixMs};

/// The watched keys of all sessions.
///
/// A session remembers the versions that it saw and `EXEC` compares them, so a change costs a
/// look-up here only while anything is watched at all, and never a walk over sessions.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    keys: HashMap<(u32, Blob), Watched>,
}

#[derive(Debug)]
struct Watched {
    version: u64,
    sessions: usize,
}

/// A key that one session watches, as it was then.
#[derive(Debug)]
pub(crate) struct WatchedKey {
    pub(crate) db: u32,
    pub(crate) key: Blob,
    pub(crate) version: u64,
    /// When it expires, so that a key that expires unnoticed fails the transaction too.
    pub(crate) expires: Option<UnixMs>,
}

impl WatchedKey {
    /// A key that is not watched yet.
    pub(crate) fn new(db: u32, key: &[u8]) -> Self {
        Self { db, key: Blob::from(key), version: 0, expires: None }
    }

    fn place(&self) -> (u32, &Blob) {
        (self.db, &self.key)
    }
}

/// They are compared by what they are of, as a session watches a key once.
impl Ord for WatchedKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for WatchedKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WatchedKey {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for WatchedKey {}

impl Watches {
    /// Watches a key for a session more, which sees its version.
    pub(crate) fn watch(&mut self, key: &mut WatchedKey) {
        let place = (key.db, key.key.clone());
        let watched = self.keys.entry(place).or_insert(Watched { version: 0, sessions: 0 });
        watched.sessions += 1;
        key.version = watched.version;
    }

    pub(crate) fn unwatch(&mut self, watched: WatchedKey) {
        let place = (watched.db, watched.key);
        if let Some(state) = self.keys.get_mut(&place) {
            state.sessions -= 1;
            if state.sessions == 0 {
                self.keys.remove(&place);
            }
        }
    }

    /// Whether the key has not changed since.
    pub(crate) fn unchanged(&self, watched: &WatchedKey) -> bool {
        let place = (watched.db, watched.key.clone());
        self.keys.get(&place).is_some_and(|state| state.version == watched.version)
    }

    pub(crate) fn touch(&mut self, db: u32, key: &[u8]) {
        if self.keys.is_empty() {
            return;
        }
        if let Some(state) = self.keys.get_mut(&(db, Blob::from(key))) {
            state.version += 1;
        }
    }

    /// Touches the watched keys of one database for which `changed` holds.
    pub(crate) fn touch_where(&mut self, db: u32, changed: impl Fn(&[u8]) -> bool) {
        for ((place, key), state) in &mut self.keys {
            if *place == db && changed(key) {
                state.version += 1;
            }
        }
    }
}
