//! A ziplist that was checked, and its elements from both ends.

use std::iter::FusedIterator;

use super::{
    Cursor, HEADER, UNCOUNTED,
    element::{checked_element, previous_at},
};
use crate::packed::{Broken, Needle, Value, array};

/// A ziplist in bytes of someone else's, checked once as a whole: reading it cannot fail.
///
/// ```
/// use redwire_rdb::{packed::Value, ziplist::Ziplist};
///
/// // What Redis 6.2 keeps of `RPUSH list one 2`.
/// let bytes = b"\x12\0\0\0\x0f\0\0\0\x02\0\0\x03one\x05\xf3\xff";
/// let list = Ziplist::new(bytes)?;
/// assert_eq!(list.iter().rev().collect::<Vec<_>>(), [Value::Int(2), Value::Str(b"one")]);
/// # Ok::<(), redwire_rdb::packed::Broken>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ziplist<'a> {
    bytes: &'a [u8],
}

impl<'a> Ziplist<'a> {
    /// Checks the ziplist that `bytes` are, all of it; takes a walk over its elements.
    ///
    /// # Errors
    ///
    /// As [`Cursor::new`] and [`Cursor::next`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut cursor = Cursor::new(bytes)?;
        while cursor.next(bytes)?.is_some() {}
        Ok(Self { bytes })
    }

    /// One that was checked, or built here.
    pub(super) const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// All bytes, header and end among them.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many elements it has. The header says it up to 65534; a walk counts more than that.
    #[must_use]
    pub fn len(&self) -> usize {
        match count(self.bytes) {
            UNCOUNTED => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == super::EMPTY_BYTES
    }

    /// The elements; from the end with [`rev`](Iterator::rev).
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter::from(self.bytes, HEADER)
    }

    /// Element `index`, by a walk from the end that is nearer. From the end count with
    /// [`nth_back`](DoubleEndedIterator::nth_back) of [`iter`](Self::iter).
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        let count = count(self.bytes);
        if count == UNCOUNTED || index < usize::from(count / 2) {
            return self.iter().nth(index);
        }
        self.iter().nth_back(usize::from(count).checked_sub(index + 1)?)
    }

    /// The elements from the first one on that stands for `bytes`; after one that does not, `skip`
    /// others are passed unseen: 1 looks at the fields of a hash and not at their values.
    #[must_use]
    pub fn find(&self, bytes: &[u8], skip: usize) -> Option<Iter<'a>> {
        let mut rest = self.iter();
        rest.find_bytes(bytes, skip).then_some(rest)
    }
}

impl<'a> IntoIterator for Ziplist<'a> {
    type Item = Value<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// How many elements the header of a checked ziplist counts.
pub(super) fn count(bytes: &[u8]) -> u16 {
    array(bytes, 8).map_or(0, u16::from_le_bytes)
}

/// Offset of the last element; of the first, where one would be, when there is none.
pub(super) fn tail(bytes: &[u8]) -> usize {
    array(bytes, 4).map_or(0, u32::from_le_bytes) as usize
}

/// Where the element begins that ends at `end`.
pub(super) fn step_back(bytes: &[u8], end: usize) -> Option<usize> {
    if end == HEADER {
        return None;
    }
    if end + 1 == bytes.len() {
        return Some(tail(bytes));
    }
    end.checked_sub(previous_at(bytes, end)?.0)
}

/// The elements of a [`Ziplist`], from both ends.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
}

impl<'a> Iter<'a> {
    /// Those from `front` on, where an element or the end is.
    pub(super) fn from(bytes: &'a [u8], front: usize) -> Self {
        Self { bytes, front, back: bytes.len() - 1 }
    }

    /// Offset of the next element.
    pub(super) const fn position(&self) -> usize {
        self.front
    }

    /// Passes elements until the next one stands for `bytes`, see [`Ziplist::find`]; false at the
    /// end.
    pub(super) fn find_bytes(&mut self, bytes: &[u8], skip: usize) -> bool {
        let needle = Needle::new(bytes);
        loop {
            let mut ahead = self.clone();
            match ahead.next() {
                Some(value) if needle.is(value) => return true,
                Some(_) => {}
                None => return false,
            }
            for _ in 0..skip {
                ahead.next();
            }
            *self = ahead;
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (value, next) = checked_element(self.bytes, self.front)?;
        self.front = next;
        Some(value)
    }

    /// An element takes two bytes at least.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let bytes = self.back - self.front;
        (usize::from(bytes > 0), Some(bytes / 2))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let at = step_back(self.bytes, self.back)?;
        let (value, _) = checked_element(self.bytes, at)?;
        self.back = at;
        Some(value)
    }
}

impl FusedIterator for Iter<'_> {}
