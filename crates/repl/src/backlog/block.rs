//! Blocks of the backlog: open for appending, then closed for ever.

use bytes::{Bytes, BytesMut};

use crate::Offset;

/// A stretch of the stream. The last block of a backlog is open, all others are closed.
#[derive(Debug)]
pub(super) struct Block {
    /// Place of the first byte.
    start: Offset,
    data: Data,
    /// Cursors whose next byte lies in this block. They keep it and all later ones in memory.
    pub(super) pins: usize,
}

#[derive(Debug)]
enum Data {
    Open(BytesMut),
    /// Shared with whoever still sends it, and never changed.
    Closed(Bytes),
}

impl Block {
    /// An empty open block; `memory` comes from [`Block::recycle`] or is new.
    pub(super) fn open(start: Offset, memory: BytesMut) -> Block {
        Block { start, data: Data::Open(memory), pins: 0 }
    }

    /// Closes the block without copying.
    pub(super) fn close(&mut self) {
        if let Data::Open(memory) = &mut self.data {
            self.data = Data::Closed(std::mem::take(memory).freeze());
        }
    }

    /// Takes as much of `bytes` as there is room for, and says how much that was.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let Data::Open(memory) = &mut self.data else { return 0 };
        let n = bytes.len().min(memory.capacity() - memory.len());
        memory.extend_from_slice(&bytes[..n]);
        n
    }

    pub(super) fn start(&self) -> Offset {
        self.start
    }

    pub(super) fn end(&self) -> Offset {
        self.start.checked_add(self.len()).expect("invariant: the backlog checks its end")
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes().len() as u64
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Open(memory) => memory,
            Data::Closed(bytes) => bytes,
        }
    }

    /// The bytes from `skip` on: shared when the block is closed, else a copy.
    pub(super) fn share(&self, skip: usize, max: usize) -> Bytes {
        let end = skip.saturating_add(max).min(self.bytes().len());
        match &self.data {
            Data::Open(memory) => Bytes::copy_from_slice(&memory[skip..end]),
            Data::Closed(bytes) => bytes.slice(skip..end),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        match &self.data {
            Data::Open(memory) => memory.capacity(),
            Data::Closed(bytes) => bytes.len(),
        }
    }

    /// The block's memory for another one, unless someone outside still shares it. It is warm, and
    /// the kernel need not hand out and clear new pages.
    pub(super) fn recycle(self) -> Option<BytesMut> {
        let mut memory = match self.data {
            Data::Open(memory) => memory,
            Data::Closed(bytes) => bytes.try_into_mut().ok()?,
        };
        memory.clear();
        Some(memory)
    }
}
