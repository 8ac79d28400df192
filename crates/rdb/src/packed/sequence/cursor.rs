//! Reading a sequence forwards, checked as it goes.

use super::{END, Format, UNCOUNTED, count};
use crate::{
    Fault,
    packed::{Broken, Value, array},
};

/// A place between two elements of a [listpack](crate::listpack) or [ziplist](crate::ziplist), which
/// it does not borrow: every call must be given the bytes that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor<F: Format> {
    pub(crate) at: usize,
    pub(crate) seen: u64,
    before: F::Before,
}

impl<F: Format> Cursor<F> {
    /// Checks header and end and stands before the first element.
    ///
    /// # Errors
    ///
    /// [`Broken`] when the header lies about the length or the end is missing.
    pub fn new(bytes: &[u8]) -> Result<Self, Broken> {
        let total = array(bytes, 0).map(u32::from_le_bytes);
        match total {
            Some(total) if bytes.len() > F::HEADER => {
                if total as usize != bytes.len() {
                    return Err(Broken::new(0, Fault::PackedSize));
                }
            }
            _ => return Err(Broken::new(0, Fault::PackedShort)),
        }
        if bytes.last() != Some(&END) {
            return Err(Broken::new(bytes.len() - 1, Fault::PackedEnd));
        }
        Ok(Self { at: F::HEADER, seen: 0, before: F::Before::default() })
    }

    /// Offset of the next element, for the module's `value_at`.
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
    /// [`Broken`] for an unknown encoding, an element that passes the end, or one whose length is
    /// another where it stands again: behind it in a listpack, in front of the next in a ziplist; and
    /// at the end when the header has another count or, in a ziplist, offset of the last element.
    #[inline]
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Value<'a>>, Broken> {
        if self.at + 1 == bytes.len() {
            self.check_header(bytes)?;
            return Ok(None);
        }
        let (value, next) = F::element(bytes, self.at, &mut self.before)?;
        self.at = next;
        self.seen += 1;
        Ok(Some(value))
    }

    fn check_header(&self, bytes: &[u8]) -> Result<(), Broken> {
        F::check_tail(bytes, self.at, self.before)?;
        let counted = count::<F>(bytes);
        if counted != UNCOUNTED && u64::from(counted) != self.seen {
            return Err(Broken::new(F::COUNT_AT, Fault::PackedCount));
        }
        Ok(())
    }
}
