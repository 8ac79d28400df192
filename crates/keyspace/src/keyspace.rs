//! [`Keyspace`]: the data set, and the one door through which values change.

use crate::command_table::CommandTable;
use crate::database::{Database, Entry, EntryMut, Found};
use crate::effects::Effects;
use crate::events::{EventClass, Events};
use crate::evict::Pool;
use crate::host::Ran;
use crate::session::{Origin, Session};
use crate::slot::key_slot;
use crate::snapshot::Walk;
use crate::usage::Meter;
use crate::value::StrRef;
use crate::waits::Waits;
use crate::watch::Watches;
use crate::{Blob, Dataset, Settings, Touched, Touches, UnixMs, Value};

/// A data set with Redis' commands over it.
///
/// It does no I/O, reads no clock and starts no thread: requests, the time and randomness come
/// from the caller, and replies, [`Effects`] and dropped values go back to it.
#[derive(Debug)]
pub struct Keyspace {
    pub(crate) data: Dataset,
    /// How often a database was put in the place of another.
    pub(crate) generation: u32,
    pub(crate) settings: Settings,
    pub(crate) table: &'static CommandTable,
    pub(crate) effects: Effects,
    pub(crate) events: Events,
    pub(crate) watches: Watches,
    pub(crate) waits: Waits,
    pub(crate) touches: Touches,
    pub(crate) walk: Option<Walk>,
    pub(crate) epoch: u32,
    pub(crate) dirty: u64,
    pub(crate) random: Random,
    pub(crate) meter: Meter,
    pub(crate) pool: Pool,
    pub(crate) role: Role,
    /// Keys whose time is over stay, unseen.
    pub(crate) expiry_paused: bool,
    pub(crate) garbage: Vec<Garbage>,
    /// The bytes of all of it.
    garbage_bytes: u64,
    pub(crate) stats: Stats,
    /// Of the requests that run in one go; kept for its memory.
    pub(crate) runs: Vec<Ran>,
}

/// Whether this node takes writes from clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Clients write here, and keys expire here.
    Primary,
    /// A copy of a primary: keys expire by the primary's word only.
    Replica {
        /// Whether clients' writes are refused (`replica-read-only`).
        read_only: bool,
    },
}

/// Counters for `INFO stats`.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Keys that reads found.
    pub keyspace_hits: u64,
    /// Keys that reads did not find.
    pub keyspace_misses: u64,
    /// Keys deleted because they expired.
    pub expired_keys: u64,
    /// Fields of hashes deleted because they expired (`expired_subkeys`).
    pub expired_fields: u64,
    /// Those of the two that [`Keyspace::expire_due`] deleted, and no command that came to them
    /// (`expired_keys_active`, `expired_subkeys_active`).
    pub expired_keys_active: u64,
    /// See there.
    pub expired_fields_active: u64,
    /// Keys deleted because memory was short.
    pub evicted_keys: u64,
}

/// Something large that the keyspace let go of, to be dropped where that hurts nobody.
#[derive(Debug)]
pub struct Garbage {
    _dropped: Dropped,
    bytes: usize,
}

impl Garbage {
    pub(crate) fn database(database: Database) -> Self {
        Self { _dropped: Dropped::Database(Box::new(database)), bytes: 0 }
    }

    /// Bytes that it will free, about; 0 where that is not known (databases).
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[derive(Debug)]
#[expect(dead_code, reason = "held only to be dropped elsewhere")]
enum Dropped {
    Value(Value),
    Database(Box<Database>),
    Dataset(Dataset),
}

/// What became of a string that was to be written the quick way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It stands in the place of another.
    Over,
    /// It is the value of a new key.
    New,
    /// Nothing.
    Not,
}

/// Values with more elements than this are handed out as [`Garbage`] (`lazyfree` in Redis: 64).
const GARBAGE_ELEMENTS: usize = 64;

/// Elements of it that tell how much a value takes.
const GARBAGE_SAMPLES: usize = 5;

impl Keyspace {
    /// An empty data set. `seed` comes from a random source: it keys the hash tables against
    /// chosen collisions and drives `SPOP`, `SRANDMEMBER`, `RANDOMKEY` and the like.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            data: Dataset::new(settings.databases, seed),
            generation: 0,
            settings,
            table: CommandTable::shared(),
            effects: Effects::default(),
            events: Events::default(),
            watches: Watches::default(),
            waits: Waits::default(),
            touches: Touches::default(),
            walk: None,
            epoch: 0,
            dirty: 0,
            random: Random::new(seed),
            meter: Meter::default(),
            pool: Pool::default(),
            role: Role::Primary,
            expiry_paused: false,
            garbage: Vec::new(),
            garbage_bytes: 0,
            stats: Stats::default(),
            runs: Vec::new(),
        }
    }

    /// The limits and thresholds in force, to be changed in place (`CONFIG SET`).
    pub fn settings_mut(&mut self) -> &mut Settings {
        self.pool.clear();
        &mut self.settings
    }

    /// The limits and thresholds in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The role of this node.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Makes this node a primary or a replica.
    pub fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    /// How many changes there were since the keyspace was made (`rdb_changes_since_last_save`
    /// is a difference of two of these).
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.dirty
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Zeroes the counters (`CONFIG RESETSTAT`).
    pub fn reset_stats(&mut self) {
        self.stats = Stats::default();
    }

    /// What writes left for replicas since the caller last cleared it.
    pub fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }

    /// Key events that someone asked for (`notify-keyspace-events`).
    pub fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    /// Keys that were changed, for caches that have to forget them.
    pub fn touches(&mut self) -> &mut Touches {
        &mut self.touches
    }

    /// A key was changed by a command: fails transactions that watch it, tells caches.
    pub(crate) fn key_touched(&mut self, db: u32, key: &[u8]) {
        self.watches.touch(db, key);
        self.touches.push(|| Touched::Key(Blob::from(key)));
    }

    /// What waits to be [taken](Keyspace::take_garbage).
    #[must_use]
    pub fn garbage(&self) -> &[Garbage] {
        &self.garbage
    }

    /// Bytes that what waits will free, as far as that is known ([`Garbage::bytes`]).
    #[must_use]
    pub fn garbage_bytes(&self) -> u64 {
        self.garbage_bytes
    }

    /// Large values that were let go of since the last call; drop them on another thread.
    pub fn take_garbage(&mut self) -> Vec<Garbage> {
        self.garbage_bytes = 0;
        std::mem::take(&mut self.garbage)
    }

    /// The data set, to read.
    #[must_use]
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// Puts `data` in the place of the data set: a full sync or a load is complete.
    ///
    /// A snapshot under way still gets the old keys. Watched keys count as changed, and sessions
    /// that wait for a key look at it again.
    pub fn replace_data(&mut self, data: Dataset) {
        let old = std::mem::replace(&mut self.data, data);
        self.generation = self.generation.wrapping_add(1);
        self.touches.push(|| Touched::All);
        for db in 0..old.databases.len() as u32 {
            let new = &self.data.databases;
            let changed = |key: &[u8]| {
                old.databases[db as usize].find(key).is_some()
                    || new.get(db as usize).is_some_and(|new| new.find(key).is_some())
            };
            self.watches.touch_where(db, changed);
            self.waits.signal_where(db, changed);
        }
        match &mut self.walk {
            Some(walk) => {
                let walked = walk.detach(old.databases);
                self.garbage.extend(walked.into_iter().map(Garbage::database));
            }
            None => self.garbage.push(Garbage { _dropped: Dropped::Dataset(old), bytes: 0 }),
        }
    }

    /// Lets go of what `session` holds here: its watched keys and its transaction, and its place
    /// among those who wait for keys.
    pub fn forget(&mut self, session: &mut Session) {
        session.transaction = None;
        if std::mem::take(&mut session.waiting) {
            self.waits.end(session.id());
        }
        self.unwatch(session);
    }

    /// Lets go of the keys that `session` watches.
    pub(crate) fn unwatch(&mut self, session: &mut Session) {
        session.watched_bytes = 0;
        for watched in std::mem::take(&mut session.watching) {
            self.watches.unwatch(watched);
        }
    }

    /// Keeps keys whose time is over in the data set, unseen, until this is taken back: a data set
    /// that does not change (`CLIENT PAUSE`).
    pub fn pause_expiry(&mut self, paused: bool) {
        self.expiry_paused = paused;
    }

    /// Whether keys whose time is over are deleted here, and not by the word of the primary or of a
    /// source of imports.
    pub(crate) fn deletes_expired(&self) -> bool {
        self.role == Role::Primary && !self.expiry_paused && !self.settings.import_mode
    }

    /// Whether a command deletes those that it comes to. While data are imported one that writes does,
    /// so that replicas find what it found.
    pub(crate) fn deletes_expired_for(&self, writes: bool) -> bool {
        self.deletes_expired() || (writes && self.imports() && !self.expiry_paused)
    }

    /// Whether data are imported here ([`Settings::import_mode`]).
    pub(crate) fn imports(&self) -> bool {
        self.settings.import_mode && self.role == Role::Primary
    }

    /// Whether keys whose time is over are there for a session: its primary's, or that of a source of
    /// imports.
    pub(crate) fn sees_past(&self, session: &Session) -> bool {
        session.origin() == Origin::Primary || (session.import_source && self.imports())
    }

    /// Deletes keys, and fields of hashes, that expired by `now`, some `limit` of them at most;
    /// answers how many it deleted. There may be more if it answers `limit` or more.
    ///
    /// On a replica it does nothing: the primary's `DEL` will come. Nor while expiry is paused or
    /// data are imported.
    pub fn expire_due(&mut self, now: UnixMs, limit: usize) -> usize {
        self.meter.now = now;
        if !self.deletes_expired() {
            return 0;
        }
        let (mut deleted, before) = (0, self.stats);
        for db in 0..self.data.databases.len() as u32 {
            while deleted < limit {
                let database = &self.data.databases[db as usize];
                let due = database.first_expiry().filter(|(at, _)| now.is_past(*at));
                let Some(key) = due.map(|(_, key)| key.clone()) else { break };
                self.expire(db, &key);
                deleted += 1;
            }
            while deleted < limit {
                let database = &self.data.databases[db as usize];
                let due = database.first_field_expiry().filter(|(at, _)| now.is_past(*at));
                let Some(key) = due.map(|(_, key)| key.clone()) else { break };
                let fields = self.expire_fields(db, &key, now, limit - deleted);
                debug_assert!(fields > 0, "the index is behind its hash");
                deleted += fields.max(1);
            }
        }
        let stats = &mut self.stats;
        stats.expired_keys_active += stats.expired_keys - before.expired_keys;
        stats.expired_fields_active += stats.expired_fields - before.expired_fields;
        deleted
    }

    /// Deletes a key whose time is over and tells replicas.
    pub(crate) fn expire(&mut self, db: u32, key: &[u8]) {
        self.remove(db, key);
        self.watches.touch(db, key);
        self.touches.push(|| Touched::Expired(Blob::from(key)));
        self.effects.push(db, [b"DEL".as_slice(), key]);
        self.events.push(EventClass::Expired, "expired", db, key);
        self.stats.expired_keys += 1;
    }

    // The door. Whatever changes a value, a key or an expiry goes through these.

    /// The entry of `key` to be changed; a snapshot under way gets it as it is first.
    pub(crate) fn entry_mut(&mut self, db: u32, key: &[u8]) -> Option<EntryMut<'_>> {
        let mut entry = self.data.databases[db as usize].find_mut(key)?;
        if let Some(walk) = &mut self.walk {
            walk.capture(db, &mut entry);
        }
        Some(entry)
    }

    /// The entry of `key` to be changed, which is a use of it.
    pub(crate) fn use_entry(&mut self, db: u32, key: &[u8]) -> Option<EntryMut<'_>> {
        let found = self.data.databases[db as usize].look_up(key)?;
        Some(self.use_found(db, found))
    }

    /// The entry that was found there, to be changed, which is a use of it.
    pub(crate) fn use_found(&mut self, db: u32, found: Found) -> EntryMut<'_> {
        let Self { data, walk, meter, settings, random, .. } = self;
        let mut entry = data.databases[db as usize].found_mut(found);
        if let Some(walk) = walk {
            walk.capture(db, &mut entry);
        }
        let clock = entry.clock();
        entry.set_clock(meter.used(clock, true, settings, random));
        entry
    }

    /// Adds a key that is not there.
    pub(crate) fn insert(&mut self, db: u32, key: &[u8], value: Value, expires: Option<UnixMs>) {
        let mut entry = Entry::new(key, value, expires, self.epoch);
        entry.set_clock(self.meter.fresh(&self.settings));
        let rebuilt = self.data.databases[db as usize].insert(entry);
        if let (Some(walk), Some(slot)) = (&mut self.walk, rebuilt) {
            walk.table_rebuilt(db, slot);
        }
        self.waits.signal(db, key);
    }

    /// Puts another value in the place of a key's value, and answers the old one, unless that was a
    /// short string; gives the value back when the key is not there. `expires` makes the new expiry of
    /// the old.
    pub(crate) fn overwrite(
        &mut self,
        db: u32,
        key: &[u8],
        value: Value,
        expires: impl FnOnce(Option<UnixMs>) -> Option<UnixMs>,
    ) -> Result<Option<Value>, Value> {
        if self.walk.is_some() {
            self.entry_mut(db, key);
        }
        self.waits.signal(db, key);
        let Self { data, settings, random, meter, .. } = self;
        let used = |clock| meter.used(clock, true, settings, random);
        data.databases[db as usize].overwrite(key, value, expires, used)
    }

    /// Makes a string that never expires the value of `key`, if no snapshot runs and there is nothing yet, or
    /// one that looks like it and never expires either. What it does not do [`overwrite`](Self::overwrite)
    /// and [`insert`](Self::insert) do.
    pub(crate) fn write_string(&mut self, db: u32, key: &[u8], string: StrRef<'_>) -> Written {
        if self.walk.is_some() {
            return Written::Not;
        }
        let Self { data, settings, random, meter, .. } = self;
        let database = &mut data.databases[db as usize];
        let used = |clock| meter.used(clock, true, settings, random);
        let written = match database.rewrite_string(key, string, used) {
            Some(true) => Written::Over,
            Some(false) => return Written::Not,
            None => {
                database.insert_string(key, string, self.epoch, meter.fresh(settings));
                Written::New
            }
        };
        self.waits.signal(db, key);
        written
    }

    /// Takes a key out, expired or not.
    pub(crate) fn remove(&mut self, db: u32, key: &[u8]) -> Option<Entry> {
        // The look-up of its own is only paid while a snapshot runs.
        if self.walk.is_some() {
            self.entry_mut(db, key);
        }
        self.waits.signal_gone(db, key);
        let removed = self.data.databases[db as usize].remove(key);
        if let Some(walk) = &mut self.walk {
            walk.table_rebuilt(db, usize::from(key_slot(key)));
        }
        removed
    }

    /// Sets or clears the expiry of a key; answers whether the key is there.
    pub(crate) fn set_expires(&mut self, db: u32, key: &[u8], expires: Option<UnixMs>) -> bool {
        if self.walk.is_some() {
            self.entry_mut(db, key);
        }
        self.data.databases[db as usize].set_expires(key, expires)
    }

    /// Empties a database; answers how many keys it had.
    pub(crate) fn flush(&mut self, db: u32) -> usize {
        let database = &mut self.data.databases[db as usize];
        let emptied = database.emptied();
        let old = std::mem::replace(database, emptied);
        self.generation = self.generation.wrapping_add(1);
        let count = old.len();
        self.touches.push(|| Touched::All);
        self.watches.touch_where(db, |key| old.find(key).is_some());
        self.waits.signal_gone_where(db, |key| old.find(key).is_some());
        let walked = match &mut self.walk {
            Some(walk) => walk.retire(db, old),
            None => Some(old),
        };
        self.garbage.extend(walked.map(Garbage::database));
        count
    }

    /// Exchanges two databases; every key that one of them has counts as changed in both.
    pub(crate) fn swap(&mut self, first: u32, second: u32) {
        self.dirty += 1;
        if first == second {
            return;
        }
        let databases = &mut self.data.databases;
        databases.swap(first as usize, second as usize);
        self.generation = self.generation.wrapping_add(1);
        for db in [first, second] {
            let changed = |key: &[u8]| {
                let has = |db: u32| databases[db as usize].find(key).is_some();
                has(first) || has(second)
            };
            self.watches.touch_where(db, changed);
            self.waits.signal_where(db, changed);
        }
        if let Some(walk) = &mut self.walk {
            walk.swap(first, second);
        }
    }

    /// Lets go of a value: at once if it is small, through [`Keyspace::take_garbage`] if not.
    pub(crate) fn discard(&mut self, value: Value) {
        if value.element_count() > GARBAGE_ELEMENTS {
            let bytes = value.memory(GARBAGE_SAMPLES);
            self.garbage_bytes += bytes as u64;
            self.garbage.push(Garbage { _dropped: Dropped::Value(value), bytes });
        }
    }
}

/// The pseudo-random numbers behind `SPOP` and the like: SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}
