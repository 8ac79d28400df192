//! Building a listpack from its elements in their order.

use super::{
    END, HEADER, ListpackBuf, UNCOUNTED,
    element::{push, size_of},
};
use crate::packed::Value;

/// Builds a listpack by appending, the same bytes that a server makes by appending.
#[derive(Debug, Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    count: u64,
}

impl Builder {
    /// Most bytes that a listpack can have, which its header sets.
    pub const MAX_BYTES: u64 = u32::MAX as u64;

    /// An empty listpack.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![0; HEADER], count: 0 }
    }

    /// An empty listpack with room for so many bytes in all.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut all = Vec::with_capacity(bytes.max(HEADER));
        all.resize(HEADER, 0);
        Self { bytes: all, count: 0 }
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.count = 0;
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

    /// How many bytes [`push`](Self::push) of a value will add.
    #[must_use]
    pub fn cost(value: Value<'_>) -> usize {
        size_of(value)
    }

    /// Appends an element. The caller keeps the whole within [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn push(&mut self, value: Value<'_>) {
        push(&mut self.bytes, value);
        self.count += 1;
    }

    /// Appends bytes, as an integer where they are one.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.push(Value::of(bytes));
    }

    /// The whole listpack; [`clear`](Self::clear) begins the next one.
    pub fn finish(&mut self) -> &[u8] {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEADER].copy_from_slice(&count.to_le_bytes());
        &self.bytes
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Builder> for ListpackBuf {
    fn from(mut builder: Builder) -> Self {
        builder.finish();
        Self::trusted(builder.bytes)
    }
}
