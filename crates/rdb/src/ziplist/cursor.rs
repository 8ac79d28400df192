//! Reading a ziplist forwards, checked as it goes.

use super::{END, HEADER, UNCOUNTED, element::element};
use crate::{
    Fault,
    packed::{Broken, Value, array},
};

/// A place between two elements of a ziplist, which it does not borrow: every call must be given
/// the bytes that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: usize,
    seen: u64,
    /// Length of the element before.
    previous: usize,
}

impl Cursor {
    /// Checks header and end of a ziplist and stands before its first element.
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
        Ok(Self { at: HEADER, seen: 0, previous: 0 })
    }

    /// Offset of the next element, for [`value_at`].
    #[must_use]
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
    /// [`Broken`] for an unknown encoding, an element that passes the end or whose length in
    /// front of the next is another, and at the end when the header has another count or offset
    /// of the last element.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Value<'a>>, Broken> {
        if self.at + 1 == bytes.len() {
            self.check_header(bytes)?;
            return Ok(None);
        }
        let found = element(bytes, self.at)?;
        if found.previous != self.previous {
            return Err(Broken::new(self.at, Fault::PackedBackLen));
        }
        self.previous = found.next - self.at;
        self.at = found.next;
        self.seen += 1;
        Ok(Some(found.value))
    }

    fn check_header(&self, bytes: &[u8]) -> Result<(), Broken> {
        let tail = array(bytes, 4).map(u32::from_le_bytes).unwrap_or_default();
        if tail as usize != self.at - self.previous {
            return Err(Broken::new(4, Fault::PackedTail));
        }
        let counted = array(bytes, 8).map(u16::from_le_bytes).unwrap_or_default();
        if counted != UNCOUNTED && u64::from(counted) != self.seen {
            return Err(Broken::new(8, Fault::PackedCount));
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
    element(bytes, at).map(|found| found.value)
}
