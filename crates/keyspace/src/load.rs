//! [`Loader`]: builds a [`Dataset`] from the events of an RDB decoder.

use redwire_rdb::Event;

use crate::build::{BuildError, Builder};
use crate::database::Entry;
use crate::usage::Meter;
use crate::value::StrRef;
use crate::{Blob, Dataset, KeyUsage, Settings, UnixMs, Value};

/// Builds a data set from what [`redwire_rdb::Decoder`] finds, event by event.
#[derive(Debug)]
pub struct Loader {
    data: Dataset,
    db: u32,
    drop_expired: Option<UnixMs>,
    pending: Option<Pending>,
    /// Of the key under way, unless that is stored already.
    value: Builder,
    /// The value of the key under way is in its place.
    is_stored: bool,
    meter: Meter,
    settings: Settings,
    stats: LoadStats,
}

/// The key under way.
#[derive(Debug)]
struct Pending {
    key: Blob,
    expires: Option<UnixMs>,
    usage: Option<KeyUsage>,
}

/// What a load came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadStats {
    /// Keys that are in the data set.
    pub keys: u64,
    /// Keys left out because they had expired, or each of their fields had.
    pub expired: u64,
    /// Fields of hashes left out because they had expired.
    pub expired_fields: u64,
    /// Keys left out because their collection had no element, as servers do.
    pub empty: u64,
}

/// Why a file that decodes well still is no data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file selects a database that this keyspace does not have.
    #[error("database {db} is out of range, there are {databases}")]
    Database {
        /// The number in the file.
        db: u32,
        /// How many there are.
        databases: u32,
    },
    /// A key comes twice.
    #[error("key {key:?} comes twice in database {db}")]
    DuplicateKey {
        /// The number of the database.
        db: u32,
        /// The key.
        key: Blob,
    },
    /// A set, hash or sorted set has an element twice.
    #[error("key {key:?} of database {db} has an element twice")]
    DuplicateElement {
        /// The number of the database.
        db: u32,
        /// The key.
        key: Blob,
    },
    /// The bytes of a stream do not hold together.
    #[error("key {key:?} of database {db} is no stream, though its type says so")]
    Stream {
        /// The number of the database.
        db: u32,
        /// The key.
        key: Blob,
    },
    /// Events that no decoder gives in this order.
    #[error("a value outside of a key")]
    OutOfPlace,
}

impl Loader {
    /// A loader into `data`, usually an empty one.
    ///
    /// Keys and fields that expired by `drop_expired` are left out, as a primary does when it starts; a
    /// replica gives `None`, and its primary will tell.
    #[must_use]
    pub fn new(data: Dataset, drop_expired: Option<UnixMs>) -> Self {
        let meter = Meter { now: drop_expired.unwrap_or(UnixMs(0)), still: false };
        let (settings, stats) = (Settings::default(), LoadStats::default());
        let (pending, value, is_stored) = (None, Builder::default(), false);
        Self { data, db: 0, drop_expired, pending, value, is_stored, meter, settings, stats }
    }

    /// Dates keys by what the file says of their use (opcodes 248 and 249), seen from the moment `now`;
    /// of a key of which it says nothing that the policy of `settings` goes by, as used now.
    #[must_use]
    pub fn dating(mut self, now: UnixMs, settings: &Settings) -> Self {
        self.meter.now = now;
        self.settings = settings.clone();
        self
    }

    /// Takes one event in. Events about the file as a whole are passed over.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]; the loader is of no use afterwards.
    pub fn handle(&mut self, event: &Event<'_>) -> Result<(), LoadError> {
        match *event {
            Event::Start(version) => {
                self.data.origin = Some(version);
                Ok(())
            }
            Event::SelectDb(db) => self.select(db),
            Event::Function(code) => {
                self.data.functions.push(Blob::from(code));
                Ok(())
            }
            Event::Key(header) => {
                if self.pending.is_some() || self.is_stored {
                    return Err(LoadError::OutOfPlace);
                }
                self.value.begin(&header);
                self.pending = Some(Pending {
                    key: Blob::from(header.key),
                    expires: header.expire_ms.map(UnixMs),
                    usage: header.freq.map(KeyUsage::Frequency).or(header.idle.map(KeyUsage::Idle)),
                });
                Ok(())
            }
            Event::String(bytes) if self.store_string(bytes)? => Ok(()),
            Event::String(_)
            | Event::Opaque { .. }
            | Event::Element(_)
            | Event::Scored(..)
            | Event::Field { .. } => self.part(event),
            Event::KeyEnd { .. } if self.is_stored => {
                self.is_stored = false;
                Ok(())
            }
            Event::KeyEnd { empty } => self.key_end(empty),
            _ => Ok(()),
        }
    }

    /// What it came to so far.
    #[must_use]
    pub fn stats(&self) -> LoadStats {
        self.stats
    }

    /// The data set, once the decoder has said [`Event::End`].
    #[must_use]
    pub fn finish(self) -> Dataset {
        self.data
    }

    fn select(&mut self, db: u32) -> Result<(), LoadError> {
        let databases = self.data.database_count();
        if db >= databases {
            return Err(LoadError::Database { db, databases });
        }
        self.db = db;
        Ok(())
    }

    /// Takes in a part of the value under way.
    fn part(&mut self, event: &Event<'_>) -> Result<(), LoadError> {
        let db = self.db;
        let Pending { key, .. } = self.pending.as_mut().ok_or(LoadError::OutOfPlace)?;
        self.value.handle(event).map_err(|error| load_error(error, db, key))
    }

    /// Stores the value of a string key that never expires at once, without a string of its own for it;
    /// answers whether the key under way is one.
    fn store_string(&mut self, bytes: &[u8]) -> Result<bool, LoadError> {
        let is_plain = |key: &mut Pending| key.expires.is_none() && self.value.is_string();
        let Some(Pending { key, usage, .. }) = self.pending.take_if(is_plain) else {
            return Ok(false);
        };
        let db = self.db;
        let database = &mut self.data.databases[db as usize];
        let place = database.place(&key);
        if database.find_at(place, &key).is_some() {
            return Err(LoadError::DuplicateKey { db, key });
        }
        let clock = self.meter.known(usage, &self.settings);
        database.insert_string_at(place, &key, StrRef::new(bytes), 0, clock);
        self.stats.keys += 1;
        self.is_stored = true;
        Ok(true)
    }

    fn key_end(&mut self, empty: bool) -> Result<(), LoadError> {
        let Pending { key, expires, usage } = self.pending.take().ok_or(LoadError::OutOfPlace)?;
        let db = self.db;
        let is_expired = self.drop_expired.zip(expires).is_some_and(|(now, at)| now.is_past(at));
        if empty || is_expired {
            // What came is of no use.
            self.value = Builder::default();
        }
        if empty {
            self.stats.empty += 1;
            return Ok(());
        }
        if is_expired {
            self.stats.expired += 1;
            return Ok(());
        }
        let database = &mut self.data.databases[db as usize];
        let place = database.place(&key);
        if database.find_at(place, &key).is_some() {
            return Err(LoadError::DuplicateKey { db, key });
        }
        let value = self.value.finish(&self.settings.thresholds);
        let mut value = value.map_err(|error| load_error(error, db, &key))?;
        if let (Some(now), Value::Hash(hash)) = (self.drop_expired, &mut value) {
            self.stats.expired_fields += hash.expire(now, usize::MAX).len() as u64;
            if hash.is_empty() {
                self.stats.expired += 1;
                return Ok(());
            }
        }
        let mut entry = Entry::of(key, value, expires, 0);
        entry.set_clock(self.meter.known(usage, &self.settings));
        database.insert_at(place, entry);
        self.stats.keys += 1;
        Ok(())
    }
}

fn load_error(error: BuildError, db: u32, key: &Blob) -> LoadError {
    match error {
        BuildError::OutOfPlace => LoadError::OutOfPlace,
        BuildError::Duplicate => LoadError::DuplicateElement { db, key: key.clone() },
        BuildError::Stream => LoadError::Stream { db, key: key.clone() },
    }
}
