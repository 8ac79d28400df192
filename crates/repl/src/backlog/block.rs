//! Blocks of the backlog: one open for appending, the others closed for ever.

use bytes::{Bytes, BytesMut};

use crate::Offset;

/// A stretch of the stream. `D` is what holds its bytes: [`BytesMut`] while it is open, then
/// [`Bytes`], shared with whoever still sends them.
#[derive(Debug)]
pub(super) struct Block<D> {
    /// Place of the first byte.
    start: Offset,
    data: D,
}

impl<D: AsRef<[u8]>> Block<D> {
    pub(super) fn start(&self) -> Offset {
        self.start
    }

    pub(super) fn end(&self) -> Offset {
        let len = self.bytes().len() as u64;
        self.start.checked_add(len).expect("invariant: the backlog checks its end")
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.data.as_ref()
    }
}

impl Block<BytesMut> {
    /// An empty block; `memory` comes from [`Block::recycle`] or is new.
    pub(super) fn new(start: Offset, memory: BytesMut) -> Self {
        Block { start, data: memory }
    }

    /// Takes as much of `bytes` as there is room for, and says how much that was.
    #[inline]
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.data.capacity() - self.data.len());
        self.data.extend_from_slice(&bytes[..n]);
        n
    }

    /// The block as it will be for ever; nothing is copied.
    pub(super) fn close(self) -> Block<Bytes> {
        Block { start: self.start, data: self.data.freeze() }
    }

    pub(super) fn capacity(&self) -> usize {
        self.data.capacity()
    }
}

impl Block<Bytes> {
    /// At most `max` bytes from `skip` on, shared.
    pub(super) fn share(&self, skip: usize, max: usize) -> Bytes {
        self.data.slice(skip..skip.saturating_add(max).min(self.data.len()))
    }

    /// The block's memory for another one, unless someone outside still shares it. It is warm, and
    /// the kernel need not hand out and clear new pages.
    pub(super) fn recycle(self) -> Option<BytesMut> {
        let mut memory = self.data.try_into_mut().ok()?;
        memory.clear();
        Some(memory)
    }
}
