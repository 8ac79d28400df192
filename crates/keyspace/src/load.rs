//! [`Loader`]: builds a [`Dataset`] from the events of an RDB decoder.

use redwire_rdb::{Event, Kind};

use crate::database::Entry;
use crate::value::Kind as _;
use crate::{Blob, Dataset, Hash, List, Opaque, Scored, Set, Str, UnixMs, Value, Zset};

/// Builds a data set from what [`redwire_rdb::Decoder`] finds, event by event.
#[derive(Debug)]
pub struct Loader {
    data: Dataset,
    db: u32,
    drop_expired: Option<UnixMs>,
    pending: Option<Pending>,
    stats: LoadStats,
}

/// The key under way.
#[derive(Debug)]
struct Pending {
    key: Blob,
    expires: Option<UnixMs>,
    gathered: Gathered,
}

/// What there is of its value. Members of what is ordered are put in order once all are there,
/// which is several times as fast as to look for the place of each.
#[derive(Debug)]
enum Gathered {
    Value(Value),
    Set(Vec<Blob>),
    Hash(Vec<(Blob, Blob)>),
    Zset(Vec<Scored>),
}

impl Gathered {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::String | Kind::Opaque => Self::Value(Value::String(Str::default())),
            Kind::List => Self::Value(Value::List(List::default())),
            Kind::Set => Self::Set(Vec::new()),
            Kind::Zset => Self::Zset(Vec::new()),
            Kind::Hash => Self::Hash(Vec::new()),
        }
    }

    /// The value; `None` if an element came twice.
    fn into_value(self) -> Option<Value> {
        let (gathered, value) = match self {
            Self::Value(value) => return Some(value),
            Self::Set(members) => {
                (members.len(), members.into_iter().collect::<Set>().into_value())
            }
            Self::Hash(fields) => (fields.len(), fields.into_iter().collect::<Hash>().into_value()),
            Self::Zset(scored) => (scored.len(), scored.into_iter().collect::<Zset>().into_value()),
        };
        (value.element_count() == gathered).then_some(value)
    }
}

/// What a load came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadStats {
    /// Keys that are in the data set.
    pub keys: u64,
    /// Keys left out because they had expired.
    pub expired: u64,
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
    /// A hash field carries an expiry of its own, which this keyspace cannot hold yet.
    #[error("key {key:?} of database {db} has a field that expires, which is not supported yet")]
    FieldExpiry {
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
    /// Keys that expired by `drop_expired` are left out, as a primary does when it starts; a
    /// replica gives `None`, and its primary will tell.
    #[must_use]
    pub fn new(data: Dataset, drop_expired: Option<UnixMs>) -> Self {
        Self { data, db: 0, drop_expired, pending: None, stats: LoadStats::default() }
    }

    /// Takes one event in. Events about the file as a whole are passed over.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]; the loader is of no use afterwards.
    pub fn handle(&mut self, event: &Event<'_>) -> Result<(), LoadError> {
        match *event {
            Event::SelectDb(db) => self.select(db),
            Event::Function(code) => {
                self.data.functions.push(Blob::from(code));
                Ok(())
            }
            Event::Key(header) => {
                self.pending = Some(Pending {
                    key: Blob::from(header.key),
                    expires: header.expire_ms.map(UnixMs),
                    gathered: Gathered::new(header.kind),
                });
                Ok(())
            }
            Event::String(bytes) => self.set_value(Value::String(Str::new(bytes))),
            Event::Opaque { type_byte, body } => {
                self.set_value(Value::Opaque(Opaque::new(type_byte, body)))
            }
            Event::Element(item) => self.element(item),
            Event::Scored(member, score) => self.scored(member, score),
            Event::Field { field, value, expires_ms } => {
                self.field(field, value, expires_ms.is_some())
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

    fn pending(&mut self) -> Result<&mut Pending, LoadError> {
        self.pending.as_mut().ok_or(LoadError::OutOfPlace)
    }

    fn set_value(&mut self, value: Value) -> Result<(), LoadError> {
        self.pending()?.gathered = Gathered::Value(value);
        Ok(())
    }

    fn element(&mut self, item: &[u8]) -> Result<(), LoadError> {
        match &mut self.pending()?.gathered {
            Gathered::Value(Value::List(list)) => list.push_back(item),
            Gathered::Set(members) => members.push(Blob::from(item)),
            _ => return Err(LoadError::OutOfPlace),
        }
        Ok(())
    }

    fn scored(&mut self, member: &[u8], score: f64) -> Result<(), LoadError> {
        let Gathered::Zset(scored) = &mut self.pending()?.gathered else {
            return Err(LoadError::OutOfPlace);
        };
        scored.push(Scored { score, member: Blob::from(member) });
        Ok(())
    }

    fn field(&mut self, name: &[u8], value: &[u8], expires: bool) -> Result<(), LoadError> {
        let db = self.db;
        let pending = self.pending()?;
        if expires {
            return Err(LoadError::FieldExpiry { db, key: pending.key.clone() });
        }
        let Gathered::Hash(fields) = &mut pending.gathered else {
            return Err(LoadError::OutOfPlace);
        };
        fields.push((Blob::from(name), Blob::from(value)));
        Ok(())
    }

    fn key_end(&mut self, empty: bool) -> Result<(), LoadError> {
        let pending = self.pending.take().ok_or(LoadError::OutOfPlace)?;
        let Pending { key, expires, gathered } = pending;
        if empty {
            self.stats.empty += 1;
            return Ok(());
        }
        if let (Some(now), Some(at)) = (self.drop_expired, expires)
            && now.is_past(at)
        {
            self.stats.expired += 1;
            return Ok(());
        }
        let db = self.db;
        let database = &mut self.data.databases[db as usize];
        if database.find(&key).is_some() {
            return Err(LoadError::DuplicateKey { db, key });
        }
        let Some(value) = gathered.into_value() else {
            return Err(LoadError::DuplicateElement { db, key });
        };
        database.insert(Entry::new(&key, value, expires, 0));
        self.stats.keys += 1;
        Ok(())
    }
}
