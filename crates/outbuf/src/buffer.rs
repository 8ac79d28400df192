//! A client's queue of reply bytes.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// Reply bytes on their way to a socket: shared chunks that are never copied, and an owned tail
/// that encoders append to.
#[derive(Debug, Default)]
pub struct OutputBuffer {
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    queued: usize,
    tail: Vec<u8>,
    /// Bytes of `tail` that are written already.
    tail_sent: usize,
}

impl OutputBuffer {
    /// An empty queue that holds no memory.
    pub fn new() -> OutputBuffer {
        OutputBuffer::default()
    }

    /// The owned end of the queue, for encoders to append to. What it holds already must stay.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Copies `bytes` to the end of the queue.
    pub fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Puts a shared chunk at the end of the queue, without copying unless it is small.
    pub fn push_shared(&mut self, bytes: Bytes) {
        let mut tail = Bytes::from(std::mem::take(&mut self.tail));
        tail.advance(std::mem::take(&mut self.tail_sent));
        for chunk in [tail, bytes].into_iter().filter(|chunk| !chunk.is_empty()) {
            self.queued += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// The unsent bytes as slices, in order; none is empty. `IoSlice::new` on the first few gives
    /// a vectored write.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let tail = &self.tail[self.tail_sent..];
        self.chunks.iter().map(|chunk| &chunk[..]).chain((!tail.is_empty()).then_some(tail))
    }

    /// `n` bytes were written: they leave the queue.
    ///
    /// # Panics
    /// When `n` is more than [`len`](OutputBuffer::len).
    pub fn advance(&mut self, mut n: usize) {
        assert!(n <= self.len(), "advanced beyond the end of the queue");
        while let Some(front) = self.chunks.front_mut().filter(|_| n > 0) {
            let step = n.min(front.len());
            front.advance(step);
            self.queued -= step;
            n -= step;
            if front.is_empty() {
                self.chunks.pop_front();
            }
        }
        self.tail_sent += n;
        if self.tail_sent == self.tail.len() {
            self.tail.clear();
            self.tail_sent = 0;
        }
    }

    /// Unsent bytes.
    pub fn len(&self) -> usize {
        self.queued + self.tail.len() - self.tail_sent
    }

    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all unsent bytes and the memory they took.
    pub fn clear(&mut self) {
        *self = OutputBuffer::new();
    }

    /// Memory that counts against the limits (`omem` in CLIENT LIST): queued chunks and the
    /// tail beyond its resident 16 KiB, reserved or filled.
    pub fn omem(&self) -> u64 {
        (self.queued + self.tail.capacity()) as u64
    }
}
