//! [`FieldExpiries`]: the hashes of a database that have fields that expire.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Blob, UnixMs};

/// Every key whose hash has fields that expire, with the moment of the first of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldExpiries {
    by_key: BTreeMap<Blob, UnixMs>,
    /// The same, earliest first.
    by_moment: BTreeSet<(UnixMs, Blob)>,
}

impl FieldExpiries {
    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.by_key.contains_key(key)
    }

    /// The key with the field that expires first.
    pub(crate) fn first(&self) -> Option<(UnixMs, &Blob)> {
        self.by_moment.first().map(|(at, key)| (*at, key))
    }

    /// Notes when the first field at `key` expires; `None` when none does, or the key is gone.
    pub(crate) fn set(&mut self, key: &[u8], first: Option<UnixMs>) {
        let before = self.by_key.get(key).copied();
        if before == first {
            return;
        }
        let key = Blob::from(key);
        if let Some(at) = before {
            self.by_moment.remove(&(at, key.clone()));
        }
        match first {
            Some(at) => {
                self.by_moment.insert((at, key.clone()));
                self.by_key.insert(key, at);
            }
            None => {
                self.by_key.remove(&key);
            }
        }
    }
}
