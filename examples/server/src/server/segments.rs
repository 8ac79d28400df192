//! The backlog's segments: what the primary machine wants written, read and removed.

use std::time::Duration;

use super::Server;
use crate::log::{notice, warning};
use crate::persist::SegmentOutcome;

/// How long the disk is left alone after it took nothing.
const RETRY: Duration = Duration::from_secs(1);

impl Server {
    /// Tells the machine what the thread has done.
    pub(super) fn take_segments(&mut self) {
        let now = self.core.now;
        while let Some(outcome) = self.segments.poll() {
            self.take_outcome(outcome);
        }
        if self.store_again_at.is_some_and(|at| at <= now) {
            self.core.primary.retry_store();
        }
    }

    fn take_outcome(&mut self, outcome: SegmentOutcome) {
        let now = self.core.now;
        match outcome {
            SegmentOutcome::Stored(id, result) => {
                let failed_before = self.store_again_at.take().is_some();
                if self.core.disk_wait.stored(now) && result.is_ok() {
                    notice!("The backlog's segments are written again: writes wait for them");
                }
                match &result {
                    Ok(()) if failed_before => {
                        notice!("The backlog's segments can be written again");
                    }
                    Ok(()) => {}
                    Err(error) => {
                        self.store_again_at = Some(now + RETRY);
                        if !failed_before {
                            self.warn_of_failed_store(error);
                        }
                    }
                }
                self.core.primary.store_finished(id, result.is_ok(), now);
            }
            SegmentOutcome::Fetched(id, result) => {
                let unreadable = |error| warning!("Can't read segment {id} back: {error}");
                let file = result.map_err(unreadable).ok();
                if let Err(damage) = self.core.primary.fetched(id, file.as_deref(), now) {
                    warning!("{damage}");
                }
            }
        }
    }

    /// Has all of the stream written that is to survive this process.
    pub(super) fn finish_segments(&mut self) {
        let eager = self.core.primary.config().spill.is_some_and(|spill| spill.eager);
        loop {
            for outcome in self.segments.finish() {
                self.take_outcome(outcome);
            }
            let store = if eager { self.core.primary.poll_store() } else { None };
            let Some(store) = store else { return };
            self.segments.store(store);
        }
    }

    /// Tells the thread what is to be done.
    pub(super) fn ask_segments(&mut self) {
        self.segments.set_fsync(self.core.config.repl_backlog_fsync);
        self.segments.set_delay(self.core.segment_delay);
        let replicas = self.replicas.iter().filter_map(|id| self.clients.get(id));
        for replica in replicas.filter(|it| !it.write_blocked) {
            self.core.primary.request(redwire_repl::ReplicaId(replica.id));
        }
        while let Some(id) = self.core.primary.poll_discard() {
            self.segments.discard(id);
        }
        while let Some(store) = self.core.primary.poll_store() {
            self.segments.store(store);
        }
        while let Some(fetch) = self.core.primary.poll_fetch() {
            self.segments.fetch(fetch);
        }
    }

    /// Has writes wait while memory is full of stream that the disk has yet to take.
    pub(super) fn wait_for_disk(&mut self) {
        let core = &mut self.core;
        if core.disk_wait.update(&core.primary, core.now) {
            warning!(
                "The disk takes too long to write the backlog's segments in {}. Until it is done \
                 with one, writes do not wait for it, and client-output-buffer-limit holds for \
                 replicas that lag.",
                self.segments.folder().display()
            );
        }
        let waits = core.waits_for_disk();
        if let Some(upstream) = &mut core.upstream {
            upstream.hold(waits);
        }
    }

    /// Drops the stream on disk: what was not saved is to be lost (`SHUTDOWN NOSAVE`).
    pub(super) fn forget_segments(&mut self) {
        self.segments.finish();
        self.segments.retain(&[]);
    }

    fn warn_of_failed_store(&self, error: &std::io::Error) {
        warning!(
            "Can't write the backlog's segments in {}: {error}. Until it can, replicas that lag \
             are kept in memory, and client-output-buffer-limit holds for them.",
            self.segments.folder().display()
        );
    }
}
