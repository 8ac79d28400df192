//! A sequence that was checked, and its elements from both ends.

use std::{iter::FusedIterator, marker::PhantomData};

use super::{Cursor, Format, UNCOUNTED, count};
use crate::packed::{Broken, Needle, Value};

/// A [listpack](crate::listpack) or [ziplist](crate::ziplist) in bytes of someone else's, checked once
/// as a whole: reading it cannot fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct View<'a, F: Format> {
    bytes: &'a [u8],
    format: PhantomData<F>,
}

impl<'a, F: Format> View<'a, F> {
    /// Checks the one that `bytes` are, all of it; takes a walk over its elements.
    ///
    /// # Errors
    ///
    /// As [`Cursor::new`] and [`Cursor::next`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut cursor = Cursor::<F>::new(bytes)?;
        while cursor.next(bytes)?.is_some() {}
        Ok(Self::trusted(bytes))
    }

    /// One that was checked, or built here.
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes, format: PhantomData }
    }

    /// All bytes, header and end among them.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many elements it has. The header says it up to 65534; a walk counts more than that.
    #[must_use]
    pub fn len(&self) -> usize {
        match count::<F>(self.bytes) {
            UNCOUNTED => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == F::HEADER + 1
    }

    /// The elements; from the end with [`rev`](Iterator::rev).
    #[must_use]
    pub fn iter(&self) -> Iter<'a, F> {
        Iter::at(self.bytes, F::HEADER)
    }

    /// Element `index`, by a walk from the end that is nearer. From the end count with
    /// [`nth_back`](DoubleEndedIterator::nth_back) of [`iter`](Self::iter).
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        let count = count::<F>(self.bytes);
        if count == UNCOUNTED || index < usize::from(count / 2) {
            return self.iter().nth(index);
        }
        self.iter().nth_back(usize::from(count).checked_sub(index + 1)?)
    }

    /// The elements from the first one on that stands for `bytes`; after one that does not, `skip`
    /// others are passed unseen: 1 looks at the fields of a hash and not at their values.
    #[must_use]
    pub fn find(&self, bytes: &[u8], skip: usize) -> Option<Iter<'a, F>> {
        let mut rest = self.iter();
        rest.find_bytes(bytes, skip).then_some(rest)
    }
}

impl<'a, F: Format> IntoIterator for View<'a, F> {
    type Item = Value<'a>;
    type IntoIter = Iter<'a, F>;

    fn into_iter(self) -> Iter<'a, F> {
        self.iter()
    }
}

/// The elements of a [`View`], from both ends.
#[derive(Debug, Clone)]
pub struct Iter<'a, F: Format> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
    format: PhantomData<F>,
}

impl<'a, F: Format> Iter<'a, F> {
    /// Those from `front` on, where an element or the end is.
    pub(super) fn at(bytes: &'a [u8], front: usize) -> Self {
        Self { bytes, front, back: bytes.len() - 1, format: PhantomData }
    }

    /// Offset of the next element.
    pub(super) const fn position(&self) -> usize {
        self.front
    }

    /// Passes elements until the next one stands for `bytes`, see [`View::find`]; false at the end.
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

impl<'a, F: Format> Iterator for Iter<'a, F> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (value, next) = F::checked_element(self.bytes, self.front)?;
        self.front = next;
        Some(value)
    }

    /// An element takes two bytes at least.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let bytes = self.back - self.front;
        (usize::from(bytes > 0), Some(bytes / 2))
    }
}

impl<F: Format> DoubleEndedIterator for Iter<'_, F> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let at = F::step_back(self.bytes, self.back)?;
        let (value, _) = F::checked_element(self.bytes, at)?;
        self.back = at;
        Some(value)
    }
}

impl<F: Format> FusedIterator for Iter<'_, F> {}
