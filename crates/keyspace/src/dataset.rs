//! [`Dataset`]: all databases and function libraries; what a file or a full sync holds.

use redwire_rdb::Version;

use crate::database::{Database, EntryMut, EntryRef};
use crate::{Blob, ValueRef};

/// The data of a server: its databases and its function libraries.
///
/// A [`Loader`](crate::Loader) builds one beside the live one, on whatever thread, and
/// [`Keyspace::replace_data`](crate::Keyspace::replace_data) puts it in place when it is whole.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(crate) databases: Vec<Database>,
    /// The sources of function libraries, kept and passed on though they are not run.
    pub(crate) functions: Vec<Blob>,
    /// The version of the file that it came from.
    pub(crate) origin: Option<Version>,
}

impl Dataset {
    /// An empty data set of `databases` databases; `seed` keys the tables against chosen
    /// collisions.
    #[must_use]
    pub fn new(databases: u32, seed: u64) -> Self {
        let databases = (0..databases).map(|_| Database::new(seed)).collect();
        Self { databases, functions: Vec::new(), origin: None }
    }

    /// How many databases there are, empty ones included.
    #[must_use]
    pub fn database_count(&self) -> u32 {
        self.databases.len() as u32
    }

    /// How many keys database `db` has (`DBSIZE`); 0 for a number that is not there.
    #[must_use]
    pub fn len(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, Database::len)
    }

    /// Whether no database has a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.databases.iter().all(Database::is_empty)
    }

    /// How many keys of database `db` expire.
    #[must_use]
    pub fn expiring(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, Database::expiring)
    }

    /// How many hashes of database `db` have fields that expire (`subexpiry` in `INFO keyspace`).
    #[must_use]
    pub fn field_expiring(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, Database::field_expiring)
    }

    /// A hash with fields that expire, if there is one: its database and key. Not every server loads
    /// it.
    #[must_use]
    pub fn expiring_hash(&self) -> Option<(u32, &Blob)> {
        let first = |(db, database)| Some((db, Database::first_field_expiry(database)?.1));
        (0..).zip(&self.databases).find_map(first)
    }

    /// The sources of the function libraries (`FUNCTION LOAD`).
    pub fn functions(&self) -> impl Iterator<Item = &[u8]> {
        self.functions.iter().map(Blob::as_slice)
    }

    /// The RDB version of the file or full sync that it was loaded from; `None` if there was none.
    #[must_use]
    pub fn origin(&self) -> Option<Version> {
        self.origin
    }

    /// The RDB types of the values that not every version holds (streams, hashes whose fields expire,
    /// and what is kept as its bytes): those that a file's version must hold.
    pub fn needed_types(&self) -> impl Iterator<Item = u8> {
        self.databases.iter().flat_map(Database::needed_types)
    }

    /// Every key of database `db` with its value, in no set order.
    pub fn iter(&self, db: u32) -> impl Iterator<Item = (&[u8], ValueRef<'_>)> {
        let entries = self.databases.get(db as usize).into_iter().flat_map(Database::iter);
        entries.map(|entry| (entry.key, entry.value))
    }

    pub(crate) fn find_mut(&mut self, db: u32, key: &[u8]) -> Option<EntryMut<'_>> {
        self.databases[db as usize].find_mut(key)
    }

    pub(crate) fn find(&self, db: u32, key: &[u8]) -> Option<EntryRef<'_>> {
        self.databases[db as usize].find(key)
    }
}
