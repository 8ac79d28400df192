//! A listpack that was checked, and its elements from both ends.

use std::borrow::Cow;
use std::iter::FusedIterator;

use super::{
    Cursor, HEADER, UNCOUNTED,
    edge::{converted, differs},
    element::{checked_element, step_back},
};
use crate::{
    Dialect, Version,
    packed::{Broken, Needle, Value, array},
};

/// A listpack in bytes of someone else's, checked once as a whole: reading it cannot fail.
///
/// ```
/// use redwire_rdb::{listpack::Listpack, packed::Value};
///
/// // What Redis 7.0 and later keep of `HSET user name ann age 41`, without its key.
/// let bytes = b"\x19\0\0\0\x04\0\x84name\x05\x83ann\x04\x83age\x04\x29\x01\xff";
/// let hash = Listpack::new(bytes)?;
/// assert_eq!(hash.len(), 4);
/// let mut from_age = hash.find(b"age", 1).expect("the field is there");
/// assert_eq!(from_age.nth(1), Some(Value::Int(41)));
/// assert_eq!(hash.iter().next_back(), Some(Value::Int(41)));
/// # Ok::<(), redwire_rdb::packed::Broken>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listpack<'a> {
    bytes: &'a [u8],
}

impl<'a> Listpack<'a> {
    /// Checks the listpack that `bytes` are, all of it; takes a walk over its elements.
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
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
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

    /// The bytes that servers of `target` read: their own, unless the length behind an element takes
    /// a byte more or less there, see the [module](super). Files for Valkey 9 are written as 9.1
    /// has it.
    #[must_use]
    pub fn for_target(&self, target: Version) -> Cow<'a, [u8]> {
        let narrow = target.dialect() == Dialect::Valkey;
        if differs(self.bytes, narrow) {
            converted(self.bytes, narrow).into()
        } else {
            self.bytes.into()
        }
    }

    /// The elements; from the end with [`rev`](Iterator::rev).
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { bytes: self.bytes, front: HEADER, back: self.bytes.len() - 1 }
    }

    /// Element `index`, by a walk from the end that is nearer. From the end count with
    /// [`nth_back`](DoubleEndedIterator::nth_back) of [`iter`](Self::iter).
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        let count = count(self.bytes);
        if count == UNCOUNTED || index < usize::from(count / 2) {
            return self.iter().nth(index);
        }
        self.iter().nth_back((usize::from(count)).checked_sub(index + 1)?)
    }

    /// The elements from the first one on that stands for `bytes`; after one that does not, `skip`
    /// others are passed unseen: 1 looks at the fields of a hash and not at their values.
    #[must_use]
    pub fn find(&self, bytes: &[u8], skip: usize) -> Option<Iter<'a>> {
        let mut rest = self.iter();
        rest.find_bytes(bytes, skip).then_some(rest)
    }
}

impl<'a> IntoIterator for Listpack<'a> {
    type Item = Value<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// How many elements the header of a checked listpack counts.
pub(super) fn count(bytes: &[u8]) -> u16 {
    array(bytes, 4).map_or(0, u16::from_le_bytes)
}

/// The elements of a [`Listpack`], from both ends.
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

    /// Passes elements until the next one stands for `bytes`, see [`Listpack::find`]; false at the
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
