//! [`Unsynced`]: what of the backlog's segments was written, and may not be on the medium yet.
//!
//! A crash of the process loses nothing that was written: it is the kernel's. One of the machine, or
//! of its power, loses what was not synced; what is left is found to be torn by its checksums and
//! cut off there, so syncing decides how much is lost and nothing else.

use std::fs::File;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::config::BacklogFsync;
use crate::log::warning;

/// Time between two syncs by `everysec`.
const PERIOD: Duration = Duration::from_secs(1);

/// Files that were written, oldest first, each once. `K` names one, `F` is its handle.
#[derive(Debug)]
pub(super) struct Unsynced<K, F> {
    files: Vec<(K, F)>,
    /// When the oldest was written, or the last attempt to sync them was put off.
    since: Option<Instant>,
}

impl<K: PartialEq, F> Unsynced<K, F> {
    pub(super) fn new() -> Self {
        Self { files: Vec::new(), since: None }
    }

    /// The file was written to.
    pub(super) fn note(&mut self, key: K, file: F, now: Instant) {
        self.since.get_or_insert(now);
        if !self.files.iter().any(|(known, _)| *known == key) {
            self.files.push((key, file));
        }
    }

    /// The file is removed.
    pub(super) fn forget(&mut self, key: &K) {
        self.files.retain(|(known, _)| known != key);
    }

    /// When they are to be synced: `None` while nothing is, or by `no`.
    pub(super) fn due(&self, policy: BacklogFsync) -> Option<Instant> {
        let since = self.since.filter(|_| !self.files.is_empty())?;
        match policy {
            BacklogFsync::No => None,
            // By `always` it is what was left of another policy.
            BacklogFsync::EverySec | BacklogFsync::Always => Some(since + PERIOD),
        }
    }

    /// All of them, to be synced now.
    pub(super) fn take(&mut self) -> Vec<(K, F)> {
        self.since = None;
        mem::take(&mut self.files)
    }

    /// They could not be synced yet: they are tried again after a while, before all others.
    pub(super) fn put_back(&mut self, files: Vec<(K, F)>, now: Instant) {
        let later = mem::replace(&mut self.files, files);
        self.since = Some(now);
        for (key, file) in later {
            self.note(key, file, now);
        }
    }
}

/// Syncs files in order. An error is the first there was; the others are synced all the same.
pub(super) fn sync_all<'a>(files: impl IntoIterator<Item = &'a File>) -> io::Result<()> {
    files.into_iter().map(File::sync_data).fold(Ok(()), Result::and)
}

/// A thread that syncs, so that the one that writes need not wait for it. It ends with this handle,
/// when all that it was given is done.
#[derive(Debug)]
pub(super) struct Syncer {
    batches: Option<SyncSender<Vec<Arc<File>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(super) fn start() -> io::Result<Self> {
        // A batch waits at most: behind it the files are kept together for the next.
        let (batches, receiver) = sync_channel::<Vec<Arc<File>>>(1);
        let thread = std::thread::Builder::new().name("backlog-sync".into()).spawn(move || {
            let mut failing = false;
            for batch in receiver {
                let result = sync_all(batch.iter().map(AsRef::as_ref));
                if let Err(error) = &result
                    && !failing
                {
                    warning!("Can't sync the backlog's segments: {error}");
                }
                failing = result.is_err();
            }
        })?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Gives it a batch, or that back when it is busy and another waits already.
    pub(super) fn offer(&self, batch: Vec<Arc<File>>) -> Result<(), Vec<Arc<File>>> {
        let Some(batches) = &self.batches else { return Err(batch) };
        batches.try_send(batch).map_err(|refused| match refused {
            TrySendError::Full(batch) | TrySendError::Disconnected(batch) => batch,
        })
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Write(u8),
        Remove(u8),
        Wait(u16),
        /// The medium is busy.
        Refuse,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (0..5u8).prop_map(Op::Write),
            1 => (0..5u8).prop_map(Op::Remove),
            4 => (0..700u16).prop_map(Op::Wait),
            1 => Just(Op::Refuse),
        ]
    }

    proptest! {
        /// A machine that loses power at any moment has what was written up to a second before, but
        /// for what a busy medium put off; and files reach it in the order in which they were written.
        #[test]
        fn everysec_leaves_a_second_unsynced(ops in prop::collection::vec(op(), 0..80)) {
            #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
            let mut now = Instant::now();
            let mut unsynced = Unsynced::new();
            // The twin: each file's oldest write that is not synced, in order.
            let mut dirty: Vec<(u8, Instant)> = Vec::new();
            let (mut refuse, mut excused) = (false, now);
            for op in ops {
                match op {
                    Op::Write(file) => {
                        unsynced.note(file, file, now);
                        if !dirty.iter().any(|(known, _)| *known == file) {
                            dirty.push((file, now));
                        }
                    }
                    Op::Remove(file) => {
                        unsynced.forget(&file);
                        dirty.retain(|(known, _)| *known != file);
                    }
                    Op::Wait(millis) => now += Duration::from_millis(millis.into()),
                    Op::Refuse => refuse = true,
                }
                prop_assert_eq!(unsynced.due(BacklogFsync::No), None);
                prop_assert_eq!(unsynced.due(BacklogFsync::Always).is_some(), !dirty.is_empty());
                if unsynced.due(BacklogFsync::EverySec).is_some_and(|due| due <= now) {
                    let batch = unsynced.take();
                    let order: Vec<u8> = batch.iter().map(|(file, _)| *file).collect();
                    let expected: Vec<u8> = dirty.iter().map(|(file, _)| *file).collect();
                    prop_assert_eq!(order, expected);
                    if mem::take(&mut refuse) {
                        unsynced.put_back(batch, now);
                        excused = now;
                    } else {
                        dirty.clear();
                    }
                }
                for (file, since) in &dirty {
                    let age = now.saturating_duration_since((*since).max(excused));
                    prop_assert!(age < PERIOD, "{file} for {age:?}");
                }
            }
        }
    }

    #[test]
    fn a_thread_syncs_what_it_is_given_before_it_ends() -> io::Result<()> {
        let file = Arc::new(tempfile::tempfile()?);
        let syncer = Syncer::start()?;
        assert!(syncer.offer(vec![file.clone()]).is_ok());
        drop(syncer);
        assert_eq!(Arc::strong_count(&file), 1);
        Ok(())
    }
}
