//! [`Saves`]: when the data set was saved, and the snapshot under way.

use std::time::{Duration, Instant};

use redwire_keyspace::{Keyspace, LoadStats, SnapshotItem};
use redwire_repl::Framing;

use crate::config::SavePoint;
use crate::persist::{Job, JobEvent};

/// Steps of the walk in one turn of the loop: some 50 us.
const WALK_STEPS: usize = 512;

/// What was saved when, and what is being saved.
#[derive(Debug)]
pub(crate) struct Saves {
    /// The snapshot under way.
    pub(crate) running: Option<Running>,
    /// Time of the last good save, since 1970.
    pub(crate) last_save: Duration,
    /// Changes that the last good save holds.
    saved_changes: u64,
    /// When the last save was attempted, good or bad.
    last_attempt: Option<Instant>,
    /// How many saves have failed since the last good one.
    pub(crate) failures: u64,
    /// How long it took.
    pub(crate) last_took: Option<Duration>,
    /// A `BGSAVE SCHEDULE` waits for the snapshot under way.
    pub(crate) scheduled: bool,
    /// How many files were written.
    pub(crate) count: u64,
    /// What the last load came to, be it of a file or of a full sync.
    pub(crate) last_load: LoadStats,
}

/// A snapshot under way.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) job: Job,
    pub(crate) purpose: Purpose,
    pub(crate) began: Instant,
    /// Changes that it will hold.
    pub(crate) changes: u64,
    /// Keys that there were when it began, and those that the walk has handed over.
    pub(crate) keys: u64,
    pub(crate) keys_walked: u64,
    walked: bool,
    closed: bool,
    batch: Vec<SnapshotItem>,
}

/// What a snapshot is taken for.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// For `dump.rdb`.
    File,
    /// For replicas that wait.
    Replicas {
        /// How it is put on their links.
        framing: Framing,
    },
}

impl Saves {
    pub(crate) fn new(last_save: Duration) -> Self {
        Self {
            running: None,
            last_save,
            saved_changes: 0,
            last_attempt: None,
            failures: 0,
            last_took: None,
            scheduled: false,
            count: 0,
            last_load: LoadStats::default(),
        }
    }

    /// Whether the last background save failed.
    pub(crate) fn last_failed(&self) -> bool {
        self.failures > 0
    }

    /// Changes since the last good save.
    pub(crate) fn changes_since(&self, keyspace: &Keyspace) -> u64 {
        keyspace.changes().saturating_sub(self.saved_changes)
    }

    /// What is in the data set now is what the file has.
    pub(crate) fn in_line_with_file(&mut self, keyspace: &Keyspace) {
        self.saved_changes = keyspace.changes();
    }

    /// The save point that is reached, if one is.
    pub(crate) fn due(
        &self,
        points: &[SavePoint],
        keyspace: &Keyspace,
        now: Instant,
        since_epoch: Duration,
    ) -> Option<SavePoint> {
        // After a failure, a while passes before the next attempt.
        let retry = Duration::from_secs(5);
        let held_back = self.last_failed()
            && self.last_attempt.is_some_and(|at| now.saturating_duration_since(at) < retry);
        if held_back {
            return None;
        }
        let changes = self.changes_since(keyspace);
        let age = since_epoch.saturating_sub(self.last_save);
        let reached = |point: &&SavePoint| changes >= point.changes && age >= point.period;
        points.iter().find(reached).copied()
    }

    /// A save for `purpose` has begun.
    pub(crate) fn begin(&mut self, job: Job, purpose: Purpose, keyspace: &Keyspace, now: Instant) {
        self.last_attempt = Some(now);
        self.running = Some(Running {
            job,
            purpose,
            began: now,
            changes: keyspace.changes(),
            keys: if keyspace.snapshot_running() { key_count(keyspace) } else { 0 },
            keys_walked: 0,
            // Without keys to hand over there is no walk.
            walked: !keyspace.snapshot_running(),
            closed: false,
            batch: Vec::new(),
        });
    }

    /// A file was written whole, or was not.
    pub(crate) fn ended(&mut self, changes: Option<u64>, took: Duration, since_epoch: Duration) {
        self.last_took = Some(took);
        self.failures += 1;
        if let Some(changes) = changes {
            self.failures = 0;
            self.saved_changes = changes;
            self.last_save = since_epoch;
            self.count += 1;
        }
    }
}

impl Running {
    /// Walks a slice of the data set on; answers how the job ended, once it has.
    pub(crate) fn step(&mut self, keyspace: &mut Keyspace) -> Option<JobEvent> {
        // The thread wakes the loop whenever it takes a message.
        if !self.walked && self.job.has_room() {
            self.walked = keyspace.walk_snapshot(WALK_STEPS, &mut self.batch);
            self.keys_walked += self.batch.len() as u64;
            if !self.batch.is_empty() {
                self.job.offer(std::mem::take(&mut self.batch));
            }
        }
        self.close();
        self.job.poll()
    }

    /// Whether the next turn of the loop can go on with the walk without waiting for the job.
    pub(crate) fn is_walking(&self) -> bool {
        !self.closed && self.job.has_room()
    }

    /// Tells the job, once, that the walk is over, if it is.
    fn close(&mut self) {
        if self.walked && !self.closed {
            self.job.close();
            self.closed = true;
        }
    }

    /// Walks and waits to the end, as `SAVE` does.
    pub(crate) fn finish(mut self, keyspace: &mut Keyspace) -> JobEvent {
        while !self.walked {
            self.job.wait_for_room();
            self.walked = keyspace.walk_snapshot(WALK_STEPS, &mut self.batch);
            self.keys_walked += self.batch.len() as u64;
            self.job.offer(std::mem::take(&mut self.batch));
        }
        self.close();
        self.job.wait()
    }
}

/// Keys of all databases.
fn key_count(keyspace: &Keyspace) -> u64 {
    let data = keyspace.data();
    (0..data.database_count()).map(|db| data.len(db) as u64).sum()
}
