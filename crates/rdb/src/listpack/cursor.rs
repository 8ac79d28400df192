//! What only listpacks are asked for: a stream's nodes are walked by numbers, and checked but once.

use super::{
    Builder, Cursor,
    element::{checked_element, end_of_checked, size_of},
};
use crate::packed::Value;

impl Cursor {
    /// Takes the next element if it is a number up to 127, as most are of what a stream's node says of
    /// its entries; else nothing.
    #[inline]
    pub(crate) fn small_int(&mut self, bytes: &[u8]) -> Option<i64> {
        // Behind it is its length, and at least the end mark.
        let &[int @ 0..=0x7f, 1, _] = bytes.get(self.at..self.at + 3)? else { return None };
        self.at += 2;
        self.seen += 1;
        Some(int.into())
    }

    /// The next element of a listpack that was checked; `None` at the end.
    #[inline]
    pub(crate) fn next_checked<'a>(&mut self, bytes: &'a [u8]) -> Option<Value<'a>> {
        let (value, next) = checked_element(bytes, self.at)?;
        self.at = next;
        self.seen += 1;
        Some(value)
    }

    /// Passes `count` elements, or all that there are, of a listpack that was checked.
    #[inline]
    pub(crate) fn skip_checked(&mut self, bytes: &[u8], count: u64) {
        for _ in 0..count {
            let Some(next) = end_of_checked(bytes, self.at) else { return };
            self.at = next;
            self.seen += 1;
        }
    }
}

impl Builder {
    /// How many bytes [`push`](Self::push) of a value will add.
    #[must_use]
    pub fn cost(value: Value<'_>) -> usize {
        size_of(value)
    }
}
