//! The backlog's second storey: what exceeds memory goes to segments on disk.

use bytes::Bytes;

use super::block::Block;
use super::disk::Disk;
use super::{
    Backlog, Chain, Cursor, DamagedSegment, Fetch, SegmentId, SpillConfig, SpillStats, Store,
};
use crate::{History, Offset};

/// Keeping what exceeds memory on disk. The caller does the I/O: it takes what
/// [`poll_store`](Backlog::poll_store), [`poll_fetch`](Backlog::poll_fetch) and
/// [`poll_discard`](Backlog::poll_discard) ask for, does it in the order in which it was asked, on
/// whatever thread it likes, and tells how each ended.
///
/// ```
/// use redwire_repl::{Backlog, History, Offset, ReplId, SpillConfig};
///
/// let mut backlog = Backlog::new(Offset::ZERO, 16 << 10);
/// let config = SpillConfig { memory: 64 << 10, segment_size: 32 << 10, ..SpillConfig::default() };
/// backlog.spill(Some(config), &History::new(ReplId::NONE));
/// let mut link = backlog.cursor_at(Offset::ZERO).unwrap();
/// let mut files = std::collections::HashMap::new();
/// for _ in 0..100 {
///     backlog.append(&[7; 10_000]);
///     while let Some(store) = backlog.poll_store() {
///         let file: &mut Vec<u8> = files.entry(store.id).or_default();
///         file.truncate(store.position as usize);
///         store.bytes.iter().for_each(|bytes| file.extend_from_slice(bytes));
///         backlog.stored(store.id);
///     }
/// }
/// assert!(backlog.allocated() <= 96 << 10);
/// // The link reads: first from disk.
/// let mut read = 0;
/// while backlog.unread(&link) > 0 {
///     let n: usize = backlog.chunks(&link).map(<[u8]>::len).sum();
///     backlog.advance(&mut link, n as u64);
///     read += n;
///     backlog.request(&link);
///     while let Some(fetch) = backlog.poll_fetch() {
///         backlog.fetched(fetch.id, &files[&fetch.id][..fetch.len as usize]).unwrap();
///     }
/// }
/// assert_eq!(read, 1_000_000);
/// # backlog.release(link);
/// ```
impl Backlog {
    /// Begins to use the disk, or changes how, or ends it (`None`): then all segments are dropped,
    /// and cursors whose bytes were there are lost. `history` is of the stream as it is now.
    pub fn spill(&mut self, config: Option<SpillConfig>, history: &History) -> Vec<SegmentId> {
        let mut discards = Vec::new();
        match (config, &mut self.disk) {
            (Some(config), Some(disk)) => disk.config = config,
            (Some(config), None) => self.disk = Some(Disk::new(config, *history)),
            (None, disk) => discards = disk.take().map(Disk::into_discards).unwrap_or_default(),
        }
        self.trim();
        discards
    }

    /// A backlog that goes on where `chain` ends, with its segments on disk.
    pub fn recover(chain: &Chain, size: u64, config: SpillConfig) -> Backlog {
        let mut backlog = Backlog::new(chain.end(), size);
        backlog.disk = Some(Disk::recovered(config, chain));
        backlog.trim();
        backlog
    }

    /// The settings of [`spill`](Backlog::spill).
    pub fn spill_config(&self) -> Option<&SpillConfig> {
        self.disk.as_ref().map(|disk| &disk.config)
    }

    /// Figures of what is on disk.
    pub fn spill_stats(&self) -> SpillStats {
        self.disk.as_ref().map_or_else(SpillStats::default, Disk::stats)
    }

    /// The stream goes on under other ids from its end: what is stored next says so.
    pub fn rename(&mut self, history: &History) {
        if let Some(disk) = &mut self.disk {
            disk.rename(*history);
        }
    }

    /// Bytes to be written to a file, one request at a time. Changes with every `&mut self` call.
    #[must_use]
    pub fn poll_store(&mut self) -> Option<Store> {
        let disk = self.disk.as_ref()?;
        let held = self.blocks() + disk.loaded_bytes();
        let due = disk.config.eager || held > disk.config.memory / 2;
        if !due || !disk.is_idle() {
            return None;
        }
        let from = disk.end().unwrap_or_else(|| self.memory_first());
        let chunks = self.unstored(from, disk.room(), disk.config.eager);
        let disk = self.disk.as_mut()?;
        if chunks.is_empty() && !(disk.config.eager && disk.is_unnamed()) {
            return None;
        }
        Some(disk.store(from, chunks))
    }

    /// What was handed out for this segment is written, so that a crash of the process does not
    /// lose it.
    pub fn stored(&mut self, id: SegmentId) {
        let first = self.memory_first();
        if let Some(disk) = &mut self.disk {
            disk.finish_store(id, first);
            self.trim();
        }
    }

    /// What was handed out for this segment could not be written. It stays in memory, and no more
    /// is handed out until [`retry_store`](Backlog::retry_store).
    pub fn store_failed(&mut self, id: SegmentId) {
        if let Some(disk) = &mut self.disk {
            disk.fail_store(id);
            self.trim();
        }
    }

    /// Tries again to store, after a failure.
    pub fn retry_store(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.retry();
        }
    }

    /// The cursor's link could be written to: has what it needs read back, if that is on disk.
    pub fn request(&mut self, cursor: &Cursor) {
        let first = self.memory_first();
        if cursor.at < first
            && let Some(disk) = &mut self.disk
        {
            disk.want(cursor.at, first);
        }
    }

    /// A segment to be read. Changes with [`request`](Backlog::request).
    #[must_use]
    pub fn poll_fetch(&mut self) -> Option<Fetch> {
        self.disk.as_mut()?.poll_fetch()
    }

    /// The bytes of a segment that [`poll_fetch`](Backlog::poll_fetch) asked for.
    ///
    /// # Errors
    /// When they are not what was stored. Then the history up to its end is dropped: see
    /// [`is_lost`](Backlog::is_lost).
    pub fn fetched(&mut self, id: SegmentId, file: &[u8]) -> Result<(), DamagedSegment> {
        let result = self.disk.as_mut().map_or(Ok(()), |disk| disk.fetched(id, file));
        self.trim();
        result
    }

    /// A segment that [`poll_fetch`](Backlog::poll_fetch) asked for cannot be read: the history up
    /// to its end is dropped.
    pub fn fetch_failed(&mut self, id: SegmentId) {
        if let Some(disk) = &mut self.disk {
            disk.fail_fetch(id);
        }
    }

    /// A segment whose file is to be removed.
    #[must_use]
    pub fn poll_discard(&mut self) -> Option<SegmentId> {
        self.disk.as_mut()?.poll_discard()
    }

    /// Whether what the cursor would read next was dropped: the limit of the disk was reached, or a
    /// segment could not be read. The link is of no use any more.
    pub fn is_lost(&self, cursor: &Cursor) -> bool {
        cursor.at < self.first()
    }

    /// Bytes behind the cursor that only memory holds: its share of what a limit of memory judges.
    /// All that is unread when nothing is spilled.
    pub fn unstored_behind(&self, cursor: &Cursor) -> u64 {
        let stored = self.disk.as_ref().and_then(Disk::end).unwrap_or(Offset::ZERO);
        self.end.checked_since(stored.max(cursor.at)).unwrap_or(0)
    }

    /// Whether memory is full of stream that somebody needs and the disk has yet to take: what is
    /// written before the store under way is done goes beyond the budget. Who lets writes wait
    /// that long keeps it. Never while the disk fails, for which there is nothing to wait.
    ///
    /// Segments that were read back leave the stream a quarter of the budget at least.
    pub fn is_full(&self) -> bool {
        let Some(disk) = self.disk.as_ref().filter(|disk| !disk.is_failing()) else { return false };
        let (blocks, budget) = (self.blocks(), disk.config.memory);
        let most = || budget.saturating_sub(disk.loaded_bytes()).max(budget / 4);
        let unstored = |block: &Block<Bytes>| disk.end().is_none_or(|end| end < block.end());
        blocks > budget / 4 && self.closed.front().is_some_and(unstored) && blocks > most()
    }

    /// Drops this backlog for another one: the segments whose files are to be removed.
    pub fn into_discards(self) -> Vec<SegmentId> {
        self.disk.map(Disk::into_discards).unwrap_or_default()
    }

    /// The place up to which readers may read: what is not stored yet waits for that, unless the
    /// disk has failed or is far behind.
    pub(super) fn readable_to(&self) -> Offset {
        let Some(disk) = self.disk.as_ref().filter(|disk| disk.config.eager) else {
            return self.end;
        };
        let stored = disk.end().unwrap_or_else(|| self.memory_first());
        let behind = self.end.checked_since(stored).unwrap_or(0);
        if disk.is_failing() || behind > disk.config.memory / 4 { self.end } else { stored }
    }

    /// Whether memory holds more than it should.
    pub(super) fn is_short(&self, disk: &Disk) -> bool {
        self.blocks() + disk.loaded_bytes() > disk.config.memory
    }

    /// Drops segments that are not needed or not allowed any more.
    pub(super) fn trim_disk(&mut self) {
        let first = self.memory_first();
        let window = Offset::new(self.end.get().saturating_sub(self.size)).unwrap_or(self.end);
        let needed = self.pins.first().map_or(window, |first| first.min(window));
        let Some(disk) = &mut self.disk else { return };
        // Blocks were freed before they could be stored: what lies before the gap leads nowhere.
        if disk.end().is_some_and(|end| end < first) {
            disk.clear();
        }
        // What is still in memory may be asked for, and must be on disk when memory drops it.
        disk.trim(needed.min(first));
    }

    /// Bytes of memory in blocks.
    fn blocks(&self) -> u64 {
        self.closed_bytes + self.open.capacity() as u64
    }

    /// At most `max` bytes from `from` on; the block that is open only when `all`.
    fn unstored(&self, from: Offset, max: u64, all: bool) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        let (mut at, mut left) = (from, usize::try_from(max).unwrap_or(usize::MAX));
        while left > 0 && at < self.end {
            let chunk = match self.closed_at(at) {
                Some((block, skip)) => block.share(skip, left),
                None if !all => break,
                None => {
                    let rest = self.chunk(at).unwrap_or_default();
                    Bytes::copy_from_slice(&rest[..rest.len().min(left)])
                }
            };
            if chunk.is_empty() {
                break;
            }
            left -= chunk.len();
            at = at.checked_add(chunk.len() as u64).expect("invariant: before the end");
            chunks.push(chunk);
        }
        chunks
    }
}
