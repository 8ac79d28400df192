//! The walk of a snapshot: every key as it was when the snapshot began, a slice at a time.
//!
//! Nothing is paid while no snapshot runs. While one does, the walk visits the entries slot by slot
//! and stamps each with the snapshot's epoch; a write that comes to an entry first hands over the
//! entry as it was (a clone in constant time) and stamps it too; entries born later carry the epoch
//! from the start. So each key that was there is handed over exactly once, in no set order, and a
//! later write copies only the chunk of the value that it touches.

use std::cmp::Ordering;

use crate::database::{Database, Entry};
use crate::slot::SLOTS;
use crate::{Blob, Keyspace, UnixMs, Value};

/// A key of a snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotItem {
    /// The number of its database.
    pub db: u32,
    /// The key.
    pub key: Blob,
    /// When it expires.
    pub expires: Option<UnixMs>,
    /// Its value, sharing its insides with the live one until that changes.
    pub value: Value,
}

/// The state of the snapshot under way.
#[derive(Debug)]
pub(crate) struct Walk {
    epoch: u32,
    /// The database that the walk is in, and where.
    db: usize,
    cursor: Cursor,
    /// Entries that a write came to before the walk did.
    captured: Vec<SnapshotItem>,
    /// Databases that were emptied before the walk was through with them.
    retired: Vec<(u32, Database, Cursor)>,
}

/// A place between two buckets of a database's tables.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    slot: usize,
    bucket: usize,
}

impl Walk {
    fn new(epoch: u32) -> Self {
        Self { epoch, db: 0, cursor: Cursor::default(), captured: Vec::new(), retired: Vec::new() }
    }

    /// The data set is replaced as a whole: what is left to hand over is all in `databases`, the
    /// old ones, and nothing of the new ones belongs to this snapshot.
    pub(crate) fn detach(&mut self, databases: Vec<Database>) {
        for (db, database) in databases.into_iter().enumerate() {
            self.retire(db as u32, database);
        }
        self.db = usize::MAX;
    }

    /// Hands over `entry` as it is, unless the snapshot has it already.
    pub(crate) fn capture(&mut self, db: u32, entry: &mut Entry) {
        if entry.epoch != self.epoch && self.db != usize::MAX {
            entry.epoch = self.epoch;
            self.captured.push(item(db, entry));
        }
    }

    /// The table of `slot` was rebuilt, its entries moved: the walk starts again there, and skips
    /// what carries the epoch.
    pub(crate) fn table_rebuilt(&mut self, db: u32, slot: usize) {
        if self.db == db as usize && self.cursor.slot == slot {
            self.cursor.bucket = 0;
        }
    }

    /// Keeps a database that is being emptied until its keys are handed over.
    pub(crate) fn retire(&mut self, db: u32, database: Database) {
        let cursor = match (db as usize).cmp(&self.db) {
            Ordering::Less => return,
            Ordering::Equal => self.cursor,
            Ordering::Greater => Cursor::default(),
        };
        self.retired.push((db, database, cursor));
    }

    /// Does up to `steps` steps; answers whether all is handed over.
    fn walk(
        &mut self,
        databases: &mut [Database],
        mut steps: usize,
        items: &mut Vec<SnapshotItem>,
    ) -> bool {
        items.append(&mut self.captured);
        while let Some((db, database, cursor)) = self.retired.last_mut() {
            steps = cursor.walk(*db, database, self.epoch, steps, items);
            if cursor.slot < SLOTS {
                return false;
            }
            self.retired.pop();
        }
        while let Some(database) = databases.get_mut(self.db) {
            steps = self.cursor.walk(self.db as u32, database, self.epoch, steps, items);
            if self.cursor.slot < SLOTS {
                return false;
            }
            self.db += 1;
            self.cursor = Cursor::default();
        }
        true
    }
}

impl Cursor {
    /// Walks to the end of `database` or of `steps`; answers how many are left.
    fn walk(
        &mut self,
        db: u32,
        database: &mut Database,
        epoch: u32,
        mut steps: usize,
        items: &mut Vec<SnapshotItem>,
    ) -> usize {
        if database.is_empty() {
            self.slot = SLOTS;
        }
        while self.slot < SLOTS && steps > 0 {
            steps -= 1;
            let table = database.slot_table(self.slot);
            let Some(table) = table.filter(|table| self.bucket < table.num_buckets()) else {
                *self = Self { slot: self.slot + 1, bucket: 0 };
                continue;
            };
            if let Some(entry) = table.get_bucket_mut(self.bucket)
                && entry.epoch != epoch
            {
                entry.epoch = epoch;
                items.push(item(db, entry));
            }
            self.bucket += 1;
        }
        steps
    }
}

fn item(db: u32, entry: &Entry) -> SnapshotItem {
    SnapshotItem {
        db,
        key: entry.key.clone(),
        expires: entry.expires(),
        value: entry.value.clone(),
    }
}

impl Keyspace {
    /// Begins a snapshot of the data set as it is now, in constant time.
    ///
    /// Answers false, and does nothing, while another one is under way: one walk is to feed all
    /// who wait.
    pub fn begin_snapshot(&mut self) -> bool {
        if self.walk.is_some() {
            return false;
        }
        self.epoch = self.epoch.wrapping_add(1);
        self.walk = Some(Walk::new(self.epoch));
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
        let complete = walk.walk(&mut self.data.databases, budget, items);
        if complete {
            self.walk = None;
        }
        complete
    }

    /// Gives up the snapshot under way, if one is.
    pub fn abort_snapshot(&mut self) {
        self.walk = None;
    }
}
