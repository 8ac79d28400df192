//! The walk of a snapshot: every key as it was when the snapshot began, a slice at a time.
//!
//! Nothing is paid while no snapshot runs. While one does, the walk visits the entries slot by slot
//! and stamps each with the snapshot's epoch; a write that comes to an entry first hands over the
//! entry as it was (a clone in constant time) and stamps it too; entries born later carry the epoch
//! from the start. So each key that was there is handed over exactly once, in no set order, and a
//! later write copies only the chunk of the value that it touches.

use crate::database::{Database, EntryMut, EntryRef};
use crate::keyspace::Garbage;
use crate::slot::SLOTS;
use crate::usage::Meter;
use crate::{Blob, KeyUsage, Keyspace, Settings, UnixMs, Value};

/// A key of a snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotItem {
    /// The number of its database.
    pub db: u32,
    /// The key.
    pub key: Blob,
    /// When it expires.
    pub expires: Option<UnixMs>,
    /// When or how often it was used, if keys are evicted by that.
    pub usage: Option<KeyUsage>,
    /// Its value, sharing its insides with the live one until that changes.
    pub value: Value,
}

/// The state of the snapshot under way.
#[derive(Debug)]
pub(crate) struct Walk {
    epoch: u32,
    gauge: Gauge,
    /// How far the walk is in each of the databases; nothing once they are others altogether.
    places: Vec<Place>,
    /// Entries that a write came to before the walk did.
    captured: Vec<SnapshotItem>,
    /// Databases that were emptied before the walk was through with them.
    retired: Vec<(Place, Database)>,
}

/// What tells how much use was made of a key, as of when the snapshot began.
#[derive(Debug)]
struct Gauge {
    meter: Meter,
    settings: Settings,
}

impl Gauge {
    fn item(&self, db: u32, entry: EntryRef<'_>) -> SnapshotItem {
        SnapshotItem {
            db,
            key: Blob::from(entry.key),
            expires: entry.expires(),
            usage: self.meter.usage(entry.clock(), &self.settings),
            value: entry.value.to_value(),
        }
    }
}

/// How far the walk is in one database.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The number that the database had when the snapshot began.
    db: u32,
    cursor: Cursor,
}

/// A place between two buckets of a database's tables.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    slot: usize,
    bucket: usize,
}

impl Walk {
    fn new(epoch: u32, databases: u32, gauge: Gauge) -> Self {
        let places = (0..databases).map(|db| Place { db, cursor: Cursor::default() }).collect();
        Self { epoch, gauge, places, captured: Vec::new(), retired: Vec::new() }
    }

    /// The data set is replaced as a whole: what is left to hand over is all in `databases`, the
    /// old ones, and nothing of the new ones belongs to this snapshot. Answers those that the walk
    /// does not need.
    pub(crate) fn detach(&mut self, databases: Vec<Database>) -> Vec<Database> {
        let retire = |(db, database)| self.retire(db as u32, database);
        let walked = databases.into_iter().enumerate().filter_map(retire).collect();
        self.places.clear();
        walked
    }

    /// Hands over `entry` as it is, unless the snapshot has it already.
    pub(crate) fn capture(&mut self, db: u32, entry: &mut EntryMut<'_>) {
        if entry.view().epoch == self.epoch {
            return;
        }
        if let Some(place) = self.places.get(db as usize) {
            entry.set_epoch(self.epoch);
            self.captured.push(self.gauge.item(place.db, entry.view()));
        }
    }

    /// The table of `slot` was rebuilt, its entries moved: the walk starts again there, and skips
    /// what carries the epoch.
    pub(crate) fn table_rebuilt(&mut self, db: u32, slot: usize) {
        if let Some(place) = self.places.get_mut(db as usize)
            && place.cursor.slot == slot
        {
            place.cursor.bucket = 0;
        }
    }

    /// Keeps a database that is being emptied until its keys are handed over; answers it if they
    /// are already.
    pub(crate) fn retire(&mut self, db: u32, database: Database) -> Option<Database> {
        match self.places.get(db as usize) {
            Some(place) if !place.cursor.is_at_end() => self.retired.push((*place, database)),
            _ => return Some(database),
        }
        None
    }

    /// Two databases were exchanged.
    pub(crate) fn swap(&mut self, first: u32, second: u32) {
        if !self.places.is_empty() {
            self.places.swap(first as usize, second as usize);
        }
    }

    /// Does up to `steps` steps; answers whether all is handed over. Retired databases that are
    /// done with go to `garbage`.
    fn walk(
        &mut self,
        databases: &mut [Database],
        mut steps: usize,
        items: &mut Vec<SnapshotItem>,
        garbage: &mut Vec<Garbage>,
    ) -> bool {
        items.append(&mut self.captured);
        while let Some((place, database)) = self.retired.last_mut() {
            steps = place.walk(database, self.epoch, &self.gauge, steps, items);
            if !place.cursor.is_at_end() {
                return false;
            }
            garbage.extend(self.retired.pop().map(|(_, database)| Garbage::database(database)));
        }
        for (place, database) in self.places.iter_mut().zip(databases) {
            steps = place.walk(database, self.epoch, &self.gauge, steps, items);
            if !place.cursor.is_at_end() {
                return false;
            }
        }
        true
    }
}

impl Cursor {
    fn is_at_end(self) -> bool {
        self.slot >= SLOTS
    }
}

impl Place {
    /// Walks to the end of `database` or of `steps`; answers how many are left.
    fn walk(
        &mut self,
        database: &mut Database,
        epoch: u32,
        gauge: &Gauge,
        mut steps: usize,
        items: &mut Vec<SnapshotItem>,
    ) -> usize {
        let Self { db, cursor } = self;
        if database.is_empty() {
            cursor.slot = SLOTS;
        }
        while !cursor.is_at_end() && steps > 0 {
            steps -= 1;
            if cursor.bucket >= database.buckets(cursor.slot) {
                *cursor = Cursor { slot: cursor.slot + 1, bucket: 0 };
                continue;
            }
            if let Some(mut entry) = database.at_mut(cursor.slot, cursor.bucket)
                && entry.view().epoch != epoch
            {
                entry.set_epoch(epoch);
                items.push(gauge.item(*db, entry.view()));
            }
            cursor.bucket += 1;
        }
        steps
    }
}

/// The last epoch: the next one is the first again.
const EPOCH_MAX: u32 = (1 << 24) - 1;

impl Keyspace {
    /// Begins a snapshot of the data set as it is now, in constant time.
    ///
    /// Answers false, and does nothing, while another one is under way: one walk is to feed all
    /// who wait.
    pub fn begin_snapshot(&mut self) -> bool {
        if self.walk.is_some() {
            return false;
        }
        // Entries have 24 bits for it; 0 is of those that no snapshot has. When it comes round, none
        // has the number yet: each snapshot that was not given up has stamped every entry.
        self.epoch = self.epoch % EPOCH_MAX + 1;
        let gauge = Gauge { meter: self.meter, settings: self.settings.clone() };
        self.walk = Some(Walk::new(self.epoch, self.data.database_count(), gauge));
        true
    }

    /// Whether a snapshot is under way.
    #[must_use]
    pub fn snapshot_running(&self) -> bool {
        self.walk.is_some()
    }

    /// Walks on for `budget` steps and appends what was met to `items`, after what writes came to
    /// first; answers whether the snapshot is complete.
    ///
    /// A step is a bucket of a table, so a call takes time in proportion to `budget` (some 100 ns
    /// a step) whatever the size of the data. Without a snapshot under way it answers true.
    pub fn walk_snapshot(&mut self, budget: usize, items: &mut Vec<SnapshotItem>) -> bool {
        let Some(walk) = &mut self.walk else { return true };
        let complete = walk.walk(&mut self.data.databases, budget, items, &mut self.garbage);
        if complete {
            self.walk = None;
        }
        complete
    }

    /// Gives up the snapshot under way, if one is.
    pub fn abort_snapshot(&mut self) {
        let retired = self.walk.take().into_iter().flat_map(|walk| walk.retired);
        self.garbage.extend(retired.map(|(_, database)| Garbage::database(database)));
    }
}

#[cfg(test)]
mod tests;
