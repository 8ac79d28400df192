//! What commands do with databases as wholes.

use redwire_rdb::Thresholds;

use crate::context::Data;
use crate::{Blob, Keyspace};

impl Data<'_> {
    /// The number of the database that this is about.
    pub(crate) fn db(&self) -> u32 {
        self.db
    }

    /// How many databases there are.
    pub(crate) fn database_count(&self) -> u32 {
        self.keyspace.data.database_count()
    }

    /// Does something in database `db`, which is there, and comes back.
    pub(crate) fn in_database<T>(&mut self, db: u32, does: impl FnOnce(&mut Self) -> T) -> T {
        let home = std::mem::replace(&mut self.db, db);
        let answer = does(self);
        self.db = home;
        answer
    }

    /// How many keys the database has, those among them whose time is over but that are still
    /// there.
    pub(crate) fn len(&self) -> usize {
        self.keyspace.data.len(self.db)
    }

    /// The keys that the session sees, in no set order.
    pub(crate) fn live_keys(&self) -> impl Iterator<Item = &[u8]> {
        let now = self.sight();
        let entries = self.keyspace.data.databases[self.db as usize].iter();
        let live = entries.filter(move |entry| !now.is_some_and(|now| entry.is_over(now)));
        live.map(|entry| entry.key)
    }

    /// Some `count` keys from `cursor` on, with the cursor to go on from: see
    /// [`Database::scan`](crate::database::Database::scan).
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<Blob>) {
        self.keyspace.data.databases[self.db as usize].scan(cursor, count)
    }

    /// A key drawn at random, each as likely as the other, whether its time is over or not.
    pub(crate) fn random_key(&mut self) -> Option<Blob> {
        let Keyspace { data, random, .. } = &mut *self.keyspace;
        data.databases[self.db as usize].random_key(|bound| random.below(bound)).map(Blob::from)
    }

    /// Up to which sizes collections are compact.
    pub(crate) fn thresholds(&self) -> &Thresholds {
        &self.keyspace.settings.thresholds
    }

    /// Empties the database; answers how many keys it had.
    pub(crate) fn flush(&mut self) -> usize {
        self.keyspace.flush(self.db)
    }

    /// Exchanges two databases that are there: what is selected stays selected by its number.
    pub(crate) fn swap_databases(&mut self, first: u32, second: u32) {
        self.keyspace.swap(first, second);
    }
}
