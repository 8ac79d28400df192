//! The shared buffer of the replication stream.

mod block;
mod chain;
mod disk;
mod pins;
mod segment;
mod spill;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::Offset;
use block::Block;
use disk::Disk;
use pins::Pins;

pub use chain::{Chain, FoundSegment};
pub use disk::{DamagedSegment, Fetch, SegmentId, SpillConfig, SpillStats, Store};
pub use segment::Segment;

/// Blocks are a sixteenth of the window, within these bounds (bytes).
const BLOCK_MIN: usize = 4 << 10;
const BLOCK_MAX: usize = 64 << 10;

/// The last stretch of a replication stream, kept once for all replica links and for partial
/// resyncs.
///
/// Appending copies into the open block at the end; a full block is closed and never changes.
/// A link is a [`Cursor`]: a hundred links at a hundred places cost a hundred cursors. A block is
/// freed (and its memory used again) when neither the window nor a cursor needs it.
///
/// ```
/// use redwire_repl::{Backlog, Offset};
///
/// let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
/// backlog.append(b"first");
/// let mut link = backlog.cursor_at(Offset::ZERO).unwrap();
/// backlog.append(b" second");
/// assert_eq!(backlog.chunks(&link).collect::<Vec<_>>().concat(), b"first second");
/// backlog.advance(&mut link, 6);
/// assert_eq!(backlog.unread(&link), 6);
/// backlog.release(link);
/// ```
///
/// By [`Backlog::spill`] it is given a second storey: what exceeds a budget of memory goes to
/// segments on disk, and is read back for the links that need it. The caller does the I/O.
#[derive(Debug)]
pub struct Backlog {
    /// In order and without gaps, the open one behind them.
    closed: VecDeque<Block<Bytes>>,
    /// Bytes in `closed`.
    closed_bytes: u64,
    open: Block<BytesMut>,
    end: Offset,
    /// The end of the stream from which on the oldest block is not needed.
    trim_at: Offset,
    size: u64,
    block_size: usize,
    spare: Option<BytesMut>,
    pins: Pins,
    disk: Option<Disk>,
}

/// A link's place in a [`Backlog`]. What lies behind it is kept until it is moved by
/// [`Backlog::advance`] or given back by [`Backlog::release`].
#[must_use = "a cursor that is dropped instead of released pins its blocks for ever"]
#[derive(Debug)]
pub struct Cursor {
    at: Offset,
}

impl Cursor {
    /// The place of the next byte to read.
    pub fn offset(&self) -> Offset {
        self.at
    }
}

impl Backlog {
    /// An empty backlog whose first byte will be the one behind `at`; `size` is the window that is
    /// kept when no cursor needs more, in bytes (`repl-backlog-size`).
    pub fn new(at: Offset, size: u64) -> Backlog {
        Backlog::with_blocks(at, size, block_size(size))
    }

    fn with_blocks(at: Offset, size: u64, block_size: usize) -> Backlog {
        Backlog {
            closed: VecDeque::new(),
            closed_bytes: 0,
            open: Block::new(at, BytesMut::with_capacity(block_size)),
            end: at,
            trim_at: Offset::NEVER,
            size,
            block_size,
            spare: None,
            pins: Pins::default(),
            disk: None,
        }
    }

    /// Copies `bytes` to the end of the stream.
    ///
    /// # Panics
    /// When the stream would outgrow an [`Offset`]: at least 4 exabytes after its start.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) {
        let end = self.end.checked_add(bytes.len() as u64);
        let end = end.expect("a stream is shorter than 4 exabytes");
        let used = self.open.fill(bytes);
        if used < bytes.len() {
            self.append_blocks(&bytes[used..]);
        }
        self.end = end;
        if self.trim_at <= end {
            self.trim();
        }
    }

    /// The place of the oldest byte at hand, in memory or on disk. INFO's
    /// `repl_backlog_first_byte_offset` is its [`next_byte`](Offset::next_byte).
    pub fn first(&self) -> Offset {
        let disk = self.disk.as_ref().and_then(Disk::first);
        disk.unwrap_or(self.memory_first()).min(self.memory_first())
    }

    /// The place of the oldest byte in memory.
    pub fn memory_first(&self) -> Offset {
        self.closed.front().map_or(self.open.start(), Block::start)
    }

    /// The end of the stream.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Bytes at hand (INFO `repl_backlog_histlen`): at least the window when that much was
    /// written, more when a cursor pins more, and up to a block of rounding.
    pub fn len(&self) -> u64 {
        self.end.checked_since(self.first()).expect("invariant: the end is behind the start")
    }

    /// Whether no byte is at hand.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The window, in bytes (`repl-backlog-size`).
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Changes the window; a smaller one frees at once what no cursor needs.
    pub fn resize(&mut self, size: u64) {
        self.size = size;
        self.block_size = block_size(size);
        self.spare = None;
        self.trim();
    }

    /// Memory that the blocks take, in bytes, filled or not, and what was read back from disk. What was handed out by
    /// [`share`](Backlog::share) and left the window since is not counted.
    pub fn allocated(&self) -> u64 {
        let spare = self.spare.as_ref().map_or(0, BytesMut::capacity);
        let loaded = self.disk.as_ref().map_or(0, Disk::loaded_bytes);
        self.closed_bytes + (self.open.capacity() + spare) as u64 + loaded
    }

    /// Bytes that are held beyond the window, in memory or on disk: what slow cursors pin, and up to a
    /// block of rounding.
    pub fn beyond_window(&self) -> u64 {
        self.len().saturating_sub(self.size)
    }

    /// Memory that is taken beyond what the window may take, in bytes: what of
    /// [`beyond_window`](Backlog::beyond_window) is not on disk, and up to two blocks.
    pub fn memory_beyond_window(&self) -> u64 {
        self.allocated().saturating_sub(self.size)
    }

    /// Bytes beyond the window that this cursor alone would pin.
    pub fn pinned_by(&self, cursor: &Cursor) -> u64 {
        self.unread(cursor).saturating_sub(self.size)
    }

    /// A cursor at `at`; `None` when that place is not at hand any more, or not written yet.
    pub fn cursor_at(&mut self, at: Offset) -> Option<Cursor> {
        if at < self.first() || self.end < at {
            return None;
        }
        self.pins.add(at);
        self.trim_at = self.trim_end();
        Some(Cursor { at })
    }

    /// Bytes between the cursor and the end of the stream.
    pub fn unread(&self, cursor: &Cursor) -> u64 {
        self.end.checked_since(cursor.at).unwrap_or(0)
    }

    /// The bytes behind the cursor up to the end, as the slices that lie in memory; none is empty.
    /// Ends early where the stream goes on in a segment that was not read back: see
    /// [`request`](Backlog::request), and where it is to be stored first
    /// ([`SpillConfig::eager`]).
    pub fn chunks<'a>(&'a self, cursor: &Cursor) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut at, to) = (cursor.at, self.readable_to());
        std::iter::from_fn(move || {
            let chunk = self.chunk(at)?;
            let left = usize::try_from(to.checked_since(at)?).unwrap_or(usize::MAX);
            let chunk = &chunk[..chunk.len().min(left)];
            at = at.checked_add(chunk.len() as u64)?;
            Some(chunk).filter(|chunk| !chunk.is_empty())
        })
    }

    /// The next bytes behind the cursor, at most `max`, for a reader on another thread: without
    /// copying, except from the block that is still open and from disk. Empty at the end of the
    /// stream, and where it is not in memory.
    pub fn share(&self, cursor: &Cursor, max: usize) -> Bytes {
        if let Some((block, skip)) = self.closed_at(cursor.at) {
            return block.share(skip, max);
        }
        let rest = self.chunk(cursor.at).unwrap_or_default();
        Bytes::copy_from_slice(&rest[..rest.len().min(max)])
    }

    /// What lies in one piece behind `at`. Takes O(log blocks).
    fn chunk(&self, at: Offset) -> Option<&[u8]> {
        if let Some((block, skip)) = self.closed_at(at) {
            return Some(&block.bytes()[skip..]);
        }
        if let Some(skip) = at.checked_since(self.open.start()) {
            let rest = self.open.bytes().get(usize::try_from(skip).ok()?..)?;
            return Some(rest).filter(|rest| !rest.is_empty());
        }
        let bytes = self.disk.as_ref()?.loaded(at)?;
        // What is in memory is read from there.
        let before_memory = self.memory_first().checked_since(at)?;
        Some(&bytes[..bytes.len().min(usize::try_from(before_memory).unwrap_or(usize::MAX))])
    }

    /// The closed block in which `at` lies, and how much of it lies before.
    fn closed_at(&self, at: Offset) -> Option<(&Block<Bytes>, usize)> {
        if at >= self.open.start() {
            return None;
        }
        let block = self.closed.get(self.closed.partition_point(|block| block.end() <= at))?;
        let skip = at.checked_since(block.start())?;
        Some((block, usize::try_from(skip).ok()?))
    }

    /// Moves the cursor over `n` bytes that were read, and frees blocks that nobody needs any more.
    ///
    /// # Panics
    /// When `n` is more than [`unread`](Backlog::unread).
    pub fn advance(&mut self, cursor: &mut Cursor, n: u64) {
        assert!(n <= self.unread(cursor), "advanced beyond the end of the stream");
        let to = cursor.at.checked_add(n).expect("invariant: not beyond the end");
        if self.pins.remove(cursor.at) {
            self.pins.add(to);
            self.left(cursor.at);
        }
        cursor.at = to;
    }

    /// Gives a cursor back, and frees blocks that nobody needs any more.
    pub fn release(&mut self, cursor: Cursor) {
        if self.pins.remove(cursor.at) {
            self.left(cursor.at);
        }
    }

    /// A cursor is not at `at` any more.
    fn left(&mut self, at: Offset) {
        if self.pins.first().is_none_or(|first| at < first) {
            self.trim();
        }
        if at < self.memory_first()
            && let Some(disk) = &mut self.disk
        {
            disk.left(at, &self.pins);
        }
    }

    #[cold]
    fn append_blocks(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // Before a new block is made, an old one may be done with.
            self.end = self.open.end();
            self.trim();
            let memory = self.spare.take();
            let memory = memory.unwrap_or_else(|| BytesMut::with_capacity(self.block_size));
            let full = std::mem::replace(&mut self.open, Block::new(self.end, memory));
            let full = full.close();
            self.closed_bytes += full.bytes().len() as u64;
            self.closed.push_back(full);
            self.trim_at = self.trim_end();
            let used = self.open.fill(bytes);
            bytes = &bytes[used..];
        }
    }

    /// Frees the oldest blocks while neither the window nor a cursor needs them, or disk has them
    /// and memory is short.
    fn trim(&mut self) {
        while self.may_free() {
            let Some(block) = self.closed.pop_front() else { break };
            self.closed_bytes -= block.bytes().len() as u64;
            let freed = block.recycle();
            self.spare = freed.filter(|memory| memory.capacity() == self.block_size);
        }
        self.trim_at = self.trim_end();
        self.trim_disk();
    }

    /// Whether the oldest block may go.
    fn may_free(&self) -> bool {
        let Some(block) = self.closed.front() else { return false };
        let unneeded = self.unneeded_at(block).is_some_and(|at| at <= self.end);
        match &self.disk {
            None => unneeded,
            Some(disk) => {
                let stored = disk.end().is_some_and(|end| block.end() <= end);
                let short = self.is_short(disk);
                if unneeded { stored || short || !disk.config.eager } else { stored && short }
            }
        }
    }

    /// The end of the stream from which on nobody needs the block; `None` when a cursor does.
    fn unneeded_at(&self, block: &Block<Bytes>) -> Option<Offset> {
        let pinned = self.pins.first().is_some_and(|first| first < block.end());
        if pinned { None } else { block.end().checked_add(self.size) }
    }

    /// What `trim_at` is to be. A block that waits for its store is freed when that is done.
    fn trim_end(&self) -> Offset {
        let at = self.closed.front().and_then(|block| self.unneeded_at(block));
        at.filter(|at| self.disk.is_none() || self.end < *at).unwrap_or(Offset::NEVER)
    }
}

fn block_size(window: u64) -> usize {
    let wanted = usize::try_from(window / 16).unwrap_or(usize::MAX);
    wanted.clamp(BLOCK_MIN, BLOCK_MAX)
}
