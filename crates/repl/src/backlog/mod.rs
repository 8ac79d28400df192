//! The shared buffer of the replication stream.

use crate::Offset;

/// The last stretch of a replication stream, kept for replica links and for partial resyncs.
#[derive(Debug)]
pub struct Backlog {
    first: Offset,
    data: Vec<u8>,
    size: u64,
}

/// A link's place in a [`Backlog`]. What lies behind it stays in memory until it is moved by
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
        Backlog { first: at, data: Vec::new(), size }
    }

    /// Copies `bytes` to the end of the stream.
    ///
    /// # Panics
    /// When the stream would outgrow [`Offset::MAX`] (9 exabytes).
    pub fn append(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    /// The place of the oldest byte at hand. INFO's `repl_backlog_first_byte_offset` is its
    /// [`next_byte`](Offset::next_byte).
    pub fn first(&self) -> Offset {
        self.first
    }

    /// The end of the stream.
    pub fn end(&self) -> Offset {
        self.first.checked_add(self.data.len() as u64).expect("invariant: append checks the end")
    }

    /// Bytes at hand (INFO `repl_backlog_histlen`).
    pub fn len(&self) -> u64 {
        self.data.len() as u64
    }

    /// Whether no byte is at hand.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The window, in bytes (`repl-backlog-size`).
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Changes the window; a smaller one frees at once what no cursor needs.
    pub fn resize(&mut self, size: u64) {
        self.size = size;
    }

    /// Memory that the blocks take, in bytes, filled or not.
    pub fn allocated(&self) -> u64 {
        self.data.capacity() as u64
    }

    /// Bytes that are held beyond the window: what slow cursors pin, and less than a block of rounding.
    pub fn beyond_window(&self) -> u64 {
        self.len().saturating_sub(self.size)
    }

    /// Bytes beyond the window that this cursor alone would pin.
    pub fn pinned_by(&self, cursor: &Cursor) -> u64 {
        self.unread(cursor).saturating_sub(self.size)
    }

    /// A cursor at `at`; `None` when that place is not at hand, or not written yet.
    pub fn cursor_at(&mut self, at: Offset) -> Option<Cursor> {
        (self.first <= at && at <= self.end()).then_some(Cursor { at })
    }

    /// Bytes between the cursor and the end of the stream.
    pub fn unread(&self, cursor: &Cursor) -> u64 {
        self.end().checked_since(cursor.at).unwrap_or(0)
    }

    /// The bytes behind the cursor up to the end, as the slices that lie in memory; none is empty.
    pub fn chunks<'a>(&'a self, cursor: &Cursor) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let skip = cursor.at.checked_since(self.first).unwrap_or(0) as usize;
        Some(&self.data[skip..]).filter(|chunk| !chunk.is_empty()).into_iter()
    }

    /// Moves the cursor over `n` bytes that were read, and frees blocks that nobody needs any more.
    ///
    /// # Panics
    /// When `n` is more than [`unread`](Backlog::unread).
    pub fn advance(&mut self, cursor: &mut Cursor, n: u64) {
        assert!(n <= self.unread(cursor), "advanced beyond the end of the stream");
        cursor.at = cursor.at.checked_add(n).expect("invariant: not beyond the end");
    }

    /// Gives a cursor back, and frees blocks that nobody needs any more.
    pub fn release(&mut self, cursor: Cursor) {
        drop(cursor);
    }
}
