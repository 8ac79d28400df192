//! An intset that was checked.

use std::iter::FusedIterator;

use super::{Cursor, HEADER, read};
use crate::packed::{Broken, array};

/// An intset in bytes of someone else's, checked once as a whole: reading it cannot fail.
///
/// ```
/// use redwire_rdb::intset::Intset;
///
/// // SADD key 7 -1 300
/// let set = Intset::new(b"\x02\0\0\0\x03\0\0\0\xff\xff\x07\0\x2c\x01")?;
/// assert!(set.contains(7) && !set.contains(8));
/// assert_eq!(set.iter().rev().collect::<Vec<_>>(), [300, 7, -1]);
/// # Ok::<(), redwire_rdb::packed::Broken>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Intset<'a> {
    bytes: &'a [u8],
}

impl<'a> Intset<'a> {
    /// Checks the intset that `bytes` are, all of it.
    ///
    /// # Errors
    ///
    /// As [`Cursor::new`] and [`Cursor::next`]: no members is an error, too.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut cursor = Cursor::new(bytes)?;
        while cursor.next(bytes)?.is_some() {}
        Ok(Self { bytes })
    }

    /// One that was checked, or built here; it may be empty.
    pub(super) const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// All bytes, header among them.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes of a member: 2, 4 or 8.
    #[must_use]
    pub fn width(&self) -> usize {
        array(self.bytes, 0).map_or(0, u32::from_le_bytes) as usize
    }

    /// How many members it has.
    #[must_use]
    pub fn len(&self) -> usize {
        array(self.bytes, 4).map_or(0, u32::from_le_bytes) as usize
    }

    /// Whether it has no members, as one can be that is being edited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Member `index`, counted from the least.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<i64> {
        let width = self.width();
        read(self.bytes, index.checked_mul(width)?.checked_add(HEADER)?, width)
    }

    /// Whether `member` is one, by binary search.
    #[must_use]
    pub fn contains(&self, member: i64) -> bool {
        self.position(member).is_ok()
    }

    /// The index of `member`, or `Err` with the index that it would have.
    ///
    /// # Errors
    ///
    /// Where it belongs, when it is no member.
    pub fn position(&self, member: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle) {
                Some(found) if found == member => return Ok(middle),
                Some(found) if found < member => low = middle + 1,
                _ => high = middle,
            }
        }
        Err(low)
    }

    /// The members, ascending; descending with [`rev`](Iterator::rev).
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { set: *self, front: 0, back: self.len() }
    }
}

impl<'a> IntoIterator for Intset<'a> {
    type Item = i64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The members of an [`Intset`], from both ends.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    set: Intset<'a>,
    front: usize,
    back: usize,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        self.nth(0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<i64> {
        let at = self.front.saturating_add(n).min(self.back);
        self.front = (at + 1).min(self.back);
        if at < self.back { self.set.get(at) } else { None }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        self.nth_back(0)
    }

    #[inline]
    fn nth_back(&mut self, n: usize) -> Option<i64> {
        let behind = self.back.saturating_sub(n).max(self.front);
        self.back = behind.saturating_sub(1).max(self.front);
        if behind > self.front { self.set.get(behind - 1) } else { None }
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}
