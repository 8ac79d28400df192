//! Reading a listpack forwards, checked as it goes.

use super::{
    END, HEADER, UNCOUNTED,
    element::{checked_element, element, end_of_checked},
};
use crate::{
    Fault,
    packed::{Broken, Value, array},
};

/// A place between two elements of a listpack, which it does not borrow: every call must be
/// given the bytes that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: usize,
    seen: u64,
}

impl Cursor {
    /// Checks header and end of a listpack and stands before its first element.
    ///
    /// # Errors
    ///
    /// [`Broken`] when the header lies about the length or the end is missing.
    pub fn new(bytes: &[u8]) -> Result<Self, Broken> {
        let total = array(bytes, 0).map(u32::from_le_bytes);
        match total {
            Some(total) if bytes.len() > HEADER => {
                if total as usize != bytes.len() {
                    return Err(Broken::new(0, Fault::PackedSize));
                }
            }
            _ => return Err(Broken::new(0, Fault::PackedShort)),
        }
        if bytes.last() != Some(&END) {
            return Err(Broken::new(bytes.len() - 1, Fault::PackedEnd));
        }
        Ok(Self { at: HEADER, seen: 0 })
    }

    /// Offset of the next element, for [`value_at`].
    #[must_use]
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many elements it has passed.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes the next element; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Broken`] for an unknown encoding, an element that passes the end or whose length behind
    /// it is another, and at the end when the header counted differently.
    #[inline]
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Value<'a>>, Broken> {
        if self.at + 1 == bytes.len() {
            self.check_count(bytes)?;
            return Ok(None);
        }
        let (value, next) = element(bytes, self.at)?;
        self.at = next;
        self.seen += 1;
        Ok(Some(value))
    }

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

    fn check_count(&self, bytes: &[u8]) -> Result<(), Broken> {
        let counted = array(bytes, 4).map(u16::from_le_bytes).unwrap_or_default();
        if counted != UNCOUNTED && u64::from(counted) != self.seen {
            return Err(Broken::new(4, Fault::PackedCount));
        }
        Ok(())
    }
}

/// The element that begins at `at`, which a [`Cursor`] stood at.
///
/// # Errors
///
/// [`Broken`] when none begins there.
pub fn value_at(bytes: &[u8], at: usize) -> Result<Value<'_>, Broken> {
    element(bytes, at).map(|(value, _)| value)
}
