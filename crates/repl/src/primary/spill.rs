//! The disk behind the backlog: what the caller is to write, read and remove.

use std::time::Instant;

use super::{DisconnectReason, Primary, ReplicaId};
use crate::{Backlog, Chain, DamagedSegment, Fetch, SegmentId, Store};

/// What exceeds memory goes to disk, if [`PrimaryConfig::spill`](crate::PrimaryConfig::spill) says
/// so; the caller does the I/O as [`Backlog`](crate::Backlog) describes it.
impl Primary {
    /// The data set that was loaded at start, with the stream of `chain` run on it, is what this
    /// node had when it ended: it goes on from there. A primary does so under a fresh id, since
    /// what it wrote behind the chain's end may have been sent, and the old id must not name other
    /// bytes; a node that `follows` another one keeps the id, and asks its primary for what comes
    /// next. `stream_db` is the database that the stream is in at its end.
    pub fn recover(&mut self, chain: &Chain, stream_db: u32, follows: bool, now: Instant) {
        self.restart(*chain.history(), chain.end(), now);
        if let Some(spill) = self.config.spill {
            // The new backlog has stored nothing yet that would have to be removed.
            self.backlog = Some(Backlog::recover(chain, self.config.backlog_size, spill));
        }
        if follows {
            self.selected = Some(stream_db);
        } else {
            let fresh = self.fresh_id();
            self.shift(fresh, chain.end());
        }
    }

    /// Bytes to be written to a file, one request at a time. Changes with every `&mut self` call.
    #[must_use]
    pub fn poll_store(&mut self) -> Option<Store> {
        self.backlog.as_mut()?.poll_store()
    }

    /// How the [`Store`] of this segment ended. After a failure no more is handed out until
    /// [`retry_store`](Primary::retry_store).
    pub fn store_finished(&mut self, id: SegmentId, ok: bool, now: Instant) {
        let Some(backlog) = &mut self.backlog else { return };
        if ok {
            backlog.stored(id);
        } else {
            backlog.store_failed(id);
        }
        self.cut_lost_links(now);
    }

    /// Tries again to store, after a failure.
    pub fn retry_store(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            backlog.retry_store();
        }
    }

    /// Whether memory is full of stream that the disk has yet to take, so that writes should wait
    /// for the store under way: see [`Backlog::is_full`].
    #[must_use]
    pub fn backlog_is_full(&self) -> bool {
        self.backlog.as_ref().is_some_and(Backlog::is_full)
    }

    /// This link could be written to: has what it needs read back, if that is on disk.
    pub fn request(&mut self, id: ReplicaId) {
        let link = self.links.iter().find(|link| link.id == id);
        let cursor = link.filter(|link| link.flows()).and_then(|link| link.cursor.as_ref());
        if let Some((cursor, backlog)) = cursor.zip(self.backlog.as_mut()) {
            backlog.request(cursor);
        }
    }

    /// A segment to be read. Changes with [`request`](Primary::request).
    #[must_use]
    pub fn poll_fetch(&mut self) -> Option<Fetch> {
        self.backlog.as_mut()?.poll_fetch()
    }

    /// The bytes of a segment that [`poll_fetch`](Primary::poll_fetch) asked for; `None` when it
    /// cannot be read. Links that need what is lost by that are disconnected.
    ///
    /// # Errors
    /// When they are not what was stored.
    pub fn fetched(
        &mut self,
        id: SegmentId,
        file: Option<&[u8]>,
        now: Instant,
    ) -> Result<(), DamagedSegment> {
        let Some(backlog) = &mut self.backlog else { return Ok(()) };
        let result = match file {
            Some(file) => backlog.fetched(id, file),
            None => {
                backlog.fetch_failed(id);
                Ok(())
            }
        };
        self.cut_lost_links(now);
        result
    }

    /// A segment whose file is to be removed.
    #[must_use]
    pub fn poll_discard(&mut self) -> Option<SegmentId> {
        self.discards.pop_front().or_else(|| self.backlog.as_mut()?.poll_discard())
    }

    /// Bytes of stream that only memory holds for this link: what a limit of its output buffer is
    /// to judge. All that is [`unread`](Primary::unread) when nothing is spilled.
    pub fn in_memory(&self, id: ReplicaId) -> u64 {
        let cursor = self.link(id).and_then(|link| link.cursor.as_ref());
        let held = cursor.zip(self.backlog.as_ref());
        held.map_or(0, |(cursor, backlog)| backlog.unstored_behind(cursor))
    }

    pub(super) fn cut_lost_links(&mut self, now: Instant) {
        let Some(backlog) = &self.backlog else { return };
        let lost = self.links.iter().filter_map(|link| {
            link.cursor.as_ref().filter(|cursor| backlog.is_lost(cursor)).map(|_| link.id)
        });
        for id in lost.collect::<Vec<_>>() {
            self.disconnect(id, DisconnectReason::HistoryLost, now);
        }
    }
}
