//! [`FieldExpiries`]: the hashes of a database that have fields that expire; and how fields go.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::EventClass;
use crate::value::Kind as _;
use crate::{Blob, Hash, Keyspace, UnixMs, ValueRef};

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

    #[inline]
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

impl Keyspace {
    /// Deletes fields of the hash at `key` whose time is over, some `limit` of them at most, and
    /// tells replicas; with the last field goes the key. Answers how many it deleted.
    pub(crate) fn expire_fields(
        &mut self,
        db: u32,
        key: &[u8],
        now: UnixMs,
        limit: usize,
    ) -> usize {
        let Some(entry) = self.data.find(db, key) else { return 0 };
        let ValueRef::Hash(hash) = entry.value else { return 0 };
        if hash.len() > limit && hash.is_over(now) {
            return self.expire_whole_hash(db, key);
        }
        let Some(hash) =
            self.entry_mut(db, key).and_then(|entry| Hash::of_mut(&mut entry.into_whole().value))
        else {
            return 0;
        };
        let names = hash.expire(now, limit);
        self.fields_expired(db, key, &names);
        names.len()
    }

    /// Deletes a hash with many fields whose time is over all at once, in constant time.
    fn expire_whole_hash(&mut self, db: u32, key: &[u8]) -> usize {
        let Some(entry) = self.remove(db, key) else { return 0 };
        let count = entry.value.element_count();
        self.watches.touch(db, key);
        self.effects.push(db, [b"DEL".as_slice(), key]);
        self.events.push(EventClass::Hash, "hexpired", db, key);
        self.events.push(EventClass::Generic, "del", db, key);
        self.stats.expired_fields += count as u64;
        self.discard(entry.value);
        count
    }

    /// Tells replicas and others of fields that were taken out because their time was over, and
    /// deletes the key if no field is left.
    pub(crate) fn fields_expired(&mut self, db: u32, key: &[u8], names: &[Blob]) {
        if names.is_empty() {
            return;
        }
        let args = [b"HDEL".as_slice(), key].into_iter().chain(names.iter().map(Blob::as_slice));
        self.effects.push(db, args.collect::<Vec<_>>());
        self.watches.touch(db, key);
        self.events.push(EventClass::Hash, "hexpired", db, key);
        self.stats.expired_fields += names.len() as u64;
        let entry = self.data.find(db, key);
        if entry.and_then(|entry| Hash::of(entry.value)).is_some_and(Hash::is_empty) {
            self.remove(db, key);
            self.events.push(EventClass::Generic, "del", db, key);
        }
        self.data.databases[db as usize].hash_changed(key);
    }
}
