//! The shared buffer of the replication stream.

mod block;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::Offset;
use block::Block;

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
#[derive(Debug)]
pub struct Backlog {
    /// In order and without gaps, the open one behind them.
    closed: VecDeque<Block<Bytes>>,
    open: Block<BytesMut>,
    /// Number of the first block, counted from the first block that ever was.
    front: u64,
    end: Offset,
    /// The end of the stream from which on the oldest block is not needed.
    trim_at: Offset,
    size: u64,
    block_size: usize,
    spare: Option<BytesMut>,
}

/// A link's place in a [`Backlog`]. What lies behind it stays in memory until it is moved by
/// [`Backlog::advance`] or given back by [`Backlog::release`].
#[must_use = "a cursor that is dropped instead of released pins its blocks for ever"]
#[derive(Debug)]
pub struct Cursor {
    at: Offset,
    /// Number of the block in which `at` lies (or at whose end).
    block: u64,
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
            open: Block::new(at, BytesMut::with_capacity(block_size)),
            front: 0,
            end: at,
            trim_at: Offset::NEVER,
            size,
            block_size,
            spare: None,
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

    /// The place of the oldest byte at hand. INFO's `repl_backlog_first_byte_offset` is its
    /// [`next_byte`](Offset::next_byte).
    pub fn first(&self) -> Offset {
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

    /// Memory that the blocks take, in bytes, filled or not. What was handed out by
    /// [`share`](Backlog::share) and left the window since is not counted.
    pub fn allocated(&self) -> u64 {
        let spare = self.spare.as_ref().map_or(0, BytesMut::capacity);
        let closed: usize = self.closed.iter().map(|block| block.bytes().len()).sum();
        (closed + self.open.capacity() + spare) as u64
    }

    /// Bytes that are held beyond the window: what slow cursors pin, and up to a block of rounding.
    pub fn beyond_window(&self) -> u64 {
        self.len().saturating_sub(self.size)
    }

    /// Bytes beyond the window that this cursor alone would pin.
    pub fn pinned_by(&self, cursor: &Cursor) -> u64 {
        self.unread(cursor).saturating_sub(self.size)
    }

    /// A cursor at `at`; `None` when that place is not at hand any more, or not written yet.
    /// Takes O(log blocks).
    pub fn cursor_at(&mut self, at: Offset) -> Option<Cursor> {
        if at < self.first() || self.end < at {
            return None;
        }
        let index = if self.open.start() <= at {
            self.closed.len()
        } else {
            self.closed.partition_point(|block| block.start() <= at).checked_sub(1)?
        };
        *self.pins(index) += 1;
        self.trim_at = self.trim_end();
        Some(Cursor { at, block: self.front + index as u64 })
    }

    /// Bytes between the cursor and the end of the stream.
    pub fn unread(&self, cursor: &Cursor) -> u64 {
        self.end.checked_since(cursor.at).unwrap_or(0)
    }

    /// The bytes behind the cursor up to the end, as the slices that lie in memory; none is empty.
    pub fn chunks<'a>(&'a self, cursor: &Cursor) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let index = self.index(cursor);
        let mut skip = index.map_or(0, |index| self.skip(index, cursor));
        let closed = self.closed.range(index.unwrap_or(self.closed.len())..).map(Block::bytes);
        let open = index.map(|_| self.open.bytes());
        closed
            .chain(open)
            .map(move |chunk| &chunk[std::mem::take(&mut skip)..])
            .filter(|chunk| !chunk.is_empty())
    }

    /// The next bytes behind the cursor, at most `max`, for a reader on another thread: without
    /// copying, except from the block that is still open. Empty at the end of the stream.
    pub fn share(&self, cursor: &Cursor, max: usize) -> Bytes {
        let Some(mut index) = self.index(cursor) else { return Bytes::new() };
        let mut skip = self.skip(index, cursor);
        if self.closed.get(index).is_some_and(|block| block.end() == cursor.at) {
            (index, skip) = (index + 1, 0);
        }
        match self.closed.get(index) {
            Some(block) => block.share(skip, max),
            None => {
                let rest = &self.open.bytes()[skip..];
                Bytes::copy_from_slice(&rest[..rest.len().min(max)])
            }
        }
    }

    /// Moves the cursor over `n` bytes that were read, and frees blocks that nobody needs any more.
    ///
    /// # Panics
    /// When `n` is more than [`unread`](Backlog::unread).
    pub fn advance(&mut self, cursor: &mut Cursor, n: u64) {
        assert!(n <= self.unread(cursor), "advanced beyond the end of the stream");
        cursor.at = cursor.at.checked_add(n).expect("invariant: not beyond the end");
        let Some(old) = self.index(cursor) else { return };
        let passed = self.closed.range(old..).take_while(|block| block.end() <= cursor.at).count();
        if passed > 0 {
            *self.pins(old) -= 1;
            *self.pins(old + passed) += 1;
            cursor.block += passed as u64;
            self.trim();
        }
    }

    /// Gives a cursor back, and frees blocks that nobody needs any more.
    pub fn release(&mut self, cursor: Cursor) {
        if let Some(index) = self.index(&cursor) {
            *self.pins(index) -= 1;
            self.trim();
        }
    }

    /// Where the cursor's block lies: behind the closed ones lies the open one. `None` only for a
    /// cursor of another backlog.
    fn index(&self, cursor: &Cursor) -> Option<usize> {
        let index = usize::try_from(cursor.block.checked_sub(self.front)?).ok()?;
        let closed = self.closed.get(index).map(|block| (block.start(), block.pins));
        let (start, pins) = closed.unwrap_or((self.open.start(), self.open.pins));
        let here = index <= self.closed.len() && pins > 0;
        let here = here && start <= cursor.at && cursor.at <= self.end;
        debug_assert!(here, "cursor of another backlog");
        here.then_some(index)
    }

    /// Bytes of block `index` that lie before the cursor.
    fn skip(&self, index: usize, cursor: &Cursor) -> usize {
        let block = self.closed.get(index).map(|block| (block.start(), block.bytes()));
        let (start, bytes) = block.unwrap_or((self.open.start(), self.open.bytes()));
        let skip = cursor.at.checked_since(start).unwrap_or(0);
        usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len())
    }

    fn pins(&mut self, index: usize) -> &mut usize {
        match self.closed.get_mut(index) {
            Some(block) => &mut block.pins,
            None => &mut self.open.pins,
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
            self.closed.push_back(full.close());
            self.trim_at = self.trim_end();
            let used = self.open.fill(bytes);
            bytes = &bytes[used..];
        }
    }

    /// Frees the oldest blocks while neither the window nor a cursor needs them.
    fn trim(&mut self) {
        loop {
            self.trim_at = self.trim_end();
            if self.end < self.trim_at {
                break;
            }
            self.front += 1;
            let freed = self.closed.pop_front().and_then(Block::recycle);
            self.spare = freed.filter(|memory| memory.capacity() == self.block_size);
        }
    }

    /// What `trim_at` is to be.
    fn trim_end(&self) -> Offset {
        let unpinned = self.closed.front().filter(|block| block.pins == 0);
        unpinned.and_then(|block| block.end().checked_add(self.size)).unwrap_or(Offset::NEVER)
    }
}

fn block_size(window: u64) -> usize {
    let wanted = usize::try_from(window / 16).unwrap_or(usize::MAX);
    wanted.clamp(BLOCK_MIN, BLOCK_MAX)
}
