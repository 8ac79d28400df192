//! [`Value`]: a key's value, whole.

use std::fmt;

use super::collect::{Collected, Place};
use crate::{Dialect, Error, Kind, stream::StreamPart};

/// A key's value, whole. What the file has as it is stays where it stands; integers, and what was
/// compressed, lie in the memory of the [`Entries`](super::Entries).
///
/// Collections are iterators, to be cloned at will: a clone is two or three words.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Type 0; integers as decimal digits, here and below.
    String(&'a [u8]),
    /// Types 1, 10, 14 and 18: elements, head first.
    List(Elements<'a>),
    /// Types 2, 11 and 20: members in the order of the file.
    Set(Elements<'a>),
    /// Types 3, 5, 12 and 17: members with their scores in the order of the file, which for large
    /// ones is often descending.
    Zset(Members<'a>),
    /// Types 4, 9, 13, 16, and with expiries 22 to 25: fields with their values and expiries in the order of the
    /// file.
    Hash(Fields<'a>),
    /// Types 15, 19, 21 and 26.
    Stream(StreamBytes<'a>),
    /// What [`Event::Opaque`](crate::Event::Opaque) delivers: a module's value (type 7), one of a type of
    /// Redis 8.8 (27, 28 and 33), and each value where [`DecodeOptions::opaque_values`] says so.
    ///
    /// [`DecodeOptions::opaque_values`]: crate::DecodeOptions::opaque_values
    Opaque {
        /// The dialect of the file, in which `type_byte` is to be understood.
        dialect: Dialect,
        /// The value's type.
        type_byte: u8,
        /// The bytes after the key, as they stand in the file.
        body: &'a [u8],
    },
}

impl<'a> Value<'a> {
    /// How many elements, members or fields it has; `None` for what is no collection, and for a
    /// stream, whose entries are not counted before they are read.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::List(elements) | Self::Set(elements) => Some(elements.len()),
            Self::Zset(members) => Some(members.len()),
            Self::Hash(fields) => Some(fields.len()),
            Self::String(_) | Self::Stream(_) | Self::Opaque { .. } => None,
        }
    }

    /// True for a collection without elements, which servers drop when they load a file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// What was collected of a value of `kind`.
    pub(super) fn of(kind: Kind, dialect: Dialect, type_byte: u8, parts: Parts<'a>) -> Self {
        let first = || parts.places().first().map_or(&b""[..], |&place| parts.get(place));
        match kind {
            Kind::String => Self::String(first()),
            Kind::List => Self::List(Elements { parts }),
            Kind::Set => Self::Set(Elements { parts }),
            Kind::Zset => Self::Zset(Members { parts }),
            Kind::Hash => Self::Hash(Fields { parts }),
            Kind::Stream => Self::Stream(StreamBytes { type_byte, body: first() }),
            Kind::Opaque => Self::Opaque { dialect, type_byte, body: first() },
        }
    }
}

/// A stream as its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamBytes<'a> {
    /// Its type: 15, 19, 21 or 26.
    pub type_byte: u8,
    /// The bytes after the key, as they stand in the file.
    pub body: &'a [u8],
}

impl StreamBytes<'_> {
    /// Hands each part to `take`.
    ///
    /// # Errors
    ///
    /// As [`parts_of`](crate::stream::parts_of): none for what [`Entries`](super::Entries)
    /// delivered, which were read once.
    pub fn parts(&self, take: impl FnMut(&StreamPart<'_>)) -> Result<(), Error> {
        crate::stream::parts_of(self.type_byte, self.body, take)
    }
}

/// Where the parts of a collection lie, from `front` to before `back`.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    unread: &'a [u8],
    collected: &'a Collected,
    front: usize,
    back: usize,
}

impl<'a> Parts<'a> {
    /// All of `collected` that are `each` places wide.
    pub(super) fn new(collected: &'a Collected, unread: &'a [u8], each: usize) -> Self {
        Self { unread, collected, front: 0, back: collected.places.len() / each }
    }

    fn places(&self) -> &'a [Place] {
        &self.collected.places
    }

    #[inline]
    fn get(&self, place: Place) -> &'a [u8] {
        self.collected.get(self.unread, place)
    }

    #[inline]
    fn at(&self, index: usize) -> &'a [u8] {
        self.places().get(index).map_or(b"", |&place| self.get(place))
    }

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let at = self.front;
        (at < self.back).then(|| {
            self.front += 1;
            at
        })
    }

    #[inline]
    fn next_back(&mut self) -> Option<usize> {
        (self.front < self.back).then(|| {
            self.back -= 1;
            self.back
        })
    }
}

/// Makes an iterator over parts, from both ends, of a function that finds the part at an index.
macro_rules! iterator {
    ($(#[$doc:meta])* $name:ident, $item:ty, |$parts:ident, $index:ident| $at:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name<'a> {
            parts: Parts<'a>,
        }

        impl<'a> $name<'a> {
            #[inline]
            fn at($parts: &Parts<'a>, $index: usize) -> $item {
                $at
            }
        }

        impl<'a> Iterator for $name<'a> {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                self.parts.next().map(|index| Self::at(&self.parts, index))
            }

            #[inline]
            fn size_hint(&self) -> (usize, Option<usize>) {
                let len = self.parts.back - self.parts.front;
                (len, Some(len))
            }

            #[inline]
            fn nth(&mut self, n: usize) -> Option<Self::Item> {
                self.parts.front = self.parts.front.saturating_add(n).min(self.parts.back);
                self.next()
            }
        }

        impl DoubleEndedIterator for $name<'_> {
            #[inline]
            fn next_back(&mut self) -> Option<Self::Item> {
                self.parts.next_back().map(|index| Self::at(&self.parts, index))
            }
        }

        impl ExactSizeIterator for $name<'_> {}

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    };
}

iterator!(
    /// The elements of a list or the members of a set.
    Elements, &'a [u8], |parts, index| parts.at(index)
);
iterator!(
    /// The members of a sorted set with their scores, none of them NaN.
    Members, (&'a [u8], f64), |parts, index| {
        (parts.at(index), parts.collected.scores.get(index).copied().unwrap_or_default())
    }
);
iterator!(
    /// The fields of a hash: name, value, and when the field expires, in ms since the Unix epoch.
    Fields, (&'a [u8], &'a [u8], Option<u64>), |parts, index| {
        let expires_ms = parts.collected.expiries.get(index).copied().flatten();
        (parts.at(2 * index), parts.at(2 * index + 1), expires_ms)
    }
);
