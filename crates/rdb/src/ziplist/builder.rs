//! Building a ziplist from its elements in their order.

use super::{
    END, HEADER, UNCOUNTED, WIDE, ZiplistBuf,
    element::{payload_size, previous_size, push_payload},
};
use crate::packed::Value;

/// Builds a ziplist by appending, the same bytes that a server makes by appending.
#[derive(Debug, Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    count: u64,
    /// Length of the last element.
    previous: usize,
}

impl Builder {
    /// Most bytes that a ziplist can have, which its header sets.
    pub const MAX_BYTES: u64 = u32::MAX as u64;

    /// An empty ziplist.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![0; HEADER], count: 0, previous: 0 }
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.count = 0;
        self.previous = 0;
    }

    /// How many elements it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes [`finish`](Self::finish) will give.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len() + 1
    }

    /// How many bytes [`push`](Self::push) of a value will add behind an element of `previous`
    /// bytes (0 for the first), and so the `previous` of the next.
    #[must_use]
    pub fn cost(value: Value<'_>, previous: usize) -> usize {
        payload_size(value) + previous_size(previous)
    }

    /// Appends an element. The caller keeps the whole within [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn push(&mut self, value: Value<'_>) {
        let start = self.bytes.len();
        if self.previous < usize::from(WIDE) {
            self.bytes.push(self.previous as u8);
        } else {
            self.bytes.push(WIDE);
            self.bytes.extend_from_slice(&(self.previous as u32).to_le_bytes());
        }
        push_payload(&mut self.bytes, value);
        self.previous = self.bytes.len() - start;
        self.count += 1;
    }

    /// Appends bytes, as an integer where they are one.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.push(Value::of(bytes));
    }

    /// The whole ziplist; [`clear`](Self::clear) begins the next one.
    pub fn finish(&mut self) -> &[u8] {
        let tail = (self.bytes.len() - self.previous) as u32;
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..8].copy_from_slice(&tail.to_le_bytes());
        self.bytes[8..HEADER].copy_from_slice(&count.to_le_bytes());
        &self.bytes
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Builder> for ZiplistBuf {
    fn from(mut builder: Builder) -> Self {
        builder.finish();
        Self::trusted(builder.bytes)
    }
}
