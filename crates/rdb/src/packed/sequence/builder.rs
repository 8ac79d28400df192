//! Building a sequence from its elements in their order.

use super::{Buf, END, Format, UNCOUNTED, note};
use crate::packed::Value;

/// Builds a [listpack](crate::listpack) or [ziplist](crate::ziplist) by appending, the same bytes that
/// a server makes by appending.
#[derive(Debug, Clone)]
pub struct Builder<F: Format> {
    bytes: Vec<u8>,
    count: u64,
    before: F::Before,
}

impl<F: Format> Builder<F> {
    /// Most bytes that one can have, which its header sets.
    pub const MAX_BYTES: u64 = u32::MAX as u64;

    /// One without elements.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// One without elements, with room for so many bytes in all.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut all = Vec::with_capacity(bytes.max(F::HEADER));
        all.resize(F::HEADER, 0);
        Self { bytes: all, count: 0, before: F::Before::default() }
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(F::HEADER);
        self.count = 0;
        self.before = F::Before::default();
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

    /// Appends an element. The caller keeps the whole within [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn push(&mut self, value: Value<'_>) {
        F::push(&mut self.bytes, value, &mut self.before);
        self.count += 1;
    }

    /// Appends bytes, as an integer where they are one.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.push(Value::of(bytes));
    }

    /// The whole of it; [`clear`](Self::clear) begins the next one.
    pub fn finish(&mut self) -> &[u8] {
        let end = self.bytes.len();
        self.bytes.push(END);
        F::note_tail(&mut self.bytes, end, self.before);
        note::<F>(&mut self.bytes, u16::try_from(self.count).unwrap_or(UNCOUNTED));
        &self.bytes
    }
}

impl<F: Format> Default for Builder<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Format> From<Builder<F>> for Buf<F> {
    fn from(mut builder: Builder<F>) -> Self {
        builder.finish();
        Self::trusted(builder.bytes)
    }
}
