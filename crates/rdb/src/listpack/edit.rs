//! Editing a listpack.

use super::{HEADER, Listpack, ListpackBuf, ListpackFormat, element::Encoded};
use crate::packed::{
    TooLarge, Value, open_gap,
    sequence::{UNCOUNTED, count, note, note_change},
};

impl ListpackBuf {
    /// Appends all elements of another.
    ///
    /// # Errors
    ///
    /// As [`push_front`](Self::push_front).
    pub fn append(&mut self, other: Listpack<'_>) -> Result<(), TooLarge> {
        let more = &other.as_bytes()[HEADER..];
        TooLarge::check(self.end() + more.len(), Self::MAX_BYTES)?;
        let counts = [&self.bytes, other.as_bytes()].map(count::<ListpackFormat>);
        let counted = if counts.contains(&UNCOUNTED) {
            UNCOUNTED
        } else {
            counts[0].saturating_add(counts[1])
        };
        self.bytes.truncate(self.end());
        self.bytes.extend_from_slice(more);
        note::<ListpackFormat>(&mut self.bytes, counted);
        Ok(())
    }

    /// Puts `value`, or nothing, in place of what stands from `start` to `end`; `change` is how many
    /// elements are more, or less, by that.
    pub(super) fn splice(
        &mut self,
        start: usize,
        end: usize,
        value: Option<Value<'_>>,
        change: i64,
    ) -> Result<(), TooLarge> {
        let encoded = value.map(Encoded::of);
        let size = encoded.as_ref().map_or(0, Encoded::size);
        TooLarge::check(self.bytes.len() - (end - start) + size, Self::MAX_BYTES)?;
        open_gap(&mut self.bytes, start, end - start, size);
        if let Some(encoded) = encoded {
            encoded.fill(&mut self.bytes[start..start + size]);
        }
        note_change::<ListpackFormat>(&mut self.bytes, change);
        Ok(())
    }
}
