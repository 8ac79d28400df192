//! [`Str`]: a string value, kept as an integer, as immutable bytes or as a buffer that grows.

use std::borrow::Cow;
use std::sync::Arc;

use redwire_resp::parse_i64;

use crate::Blob;

/// The longest string that `OBJECT ENCODING` calls `embstr`.
const EMBSTR_MAX: usize = 44;

/// A string value.
#[derive(Debug, Clone)]
pub struct Str(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Integer(i64),
    Fixed(Blob),
    /// What `APPEND`, `SETRANGE` and `SETBIT` left: a buffer with room to grow.
    Grown(Arc<Vec<u8>>),
}

impl Str {
    /// A string of `bytes`; what is the decimal form of an `i64` is kept as that number.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        StrRef::new(bytes).to_str()
    }

    /// The string of `value`'s decimal form.
    #[must_use]
    pub fn from_integer(value: i64) -> Self {
        Self(Repr::Integer(value))
    }

    /// A string of `bytes` that is not kept as a number though it may spell one, as
    /// `INCRBYFLOAT` leaves it.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        Self(Repr::Fixed(Blob::from(bytes)))
    }

    /// The string to read.
    #[must_use]
    #[inline]
    pub fn view(&self) -> StrRef<'_> {
        StrRef(match &self.0 {
            Repr::Integer(integer) => ReprRef::Integer(*integer),
            Repr::Fixed(blob) => ReprRef::Fixed(blob),
            Repr::Grown(buffer) => ReprRef::Grown(buffer),
        })
    }

    /// Bytes held outside the handle, of allocations without their own cost.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Integer(_) => 0,
            Repr::Fixed(blob) => blob.heap_bytes(),
            Repr::Grown(buffer) => {
                size_of::<Vec<u8>>() + 2 * size_of::<usize>() + buffer.capacity()
            }
        }
    }

    /// The bytes, as `GET` answers them.
    #[must_use]
    pub fn as_bytes(&self) -> Cow<'_, [u8]> {
        self.view().as_bytes()
    }

    /// The number that the bytes spell, if they spell one exactly as Redis prints it.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        self.view().as_integer()
    }

    /// How many bytes (`STRLEN`).
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes to change in place; the first call turns the string into a growing buffer.
    pub fn make_mut(&mut self) -> &mut Vec<u8> {
        if !matches!(self.0, Repr::Grown(_)) {
            self.0 = Repr::Grown(Arc::new(self.as_bytes().into_owned()));
        }
        match &mut self.0 {
            Repr::Grown(buffer) => Arc::make_mut(buffer),
            Repr::Integer(_) | Repr::Fixed(_) => unreachable!("made a buffer above"),
        }
    }

    /// What `OBJECT ENCODING` answers.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        self.view().encoding()
    }
}

/// A string value to read, wherever its bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrRef<'a>(ReprRef<'a>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReprRef<'a> {
    Integer(i64),
    Fixed(&'a [u8]),
    Grown(&'a [u8]),
}

impl<'a> StrRef<'a> {
    /// What [`Str::new`] makes of `bytes`, without a copy of them.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        parse_i64(bytes).map_or(Self::text(bytes), Self::from_integer)
    }

    /// The string of `value`'s decimal form.
    pub(crate) fn from_integer(value: i64) -> Self {
        Self(ReprRef::Integer(value))
    }

    /// A string of bytes that is not kept as a number.
    pub(crate) fn text(bytes: &'a [u8]) -> Self {
        Self(ReprRef::Fixed(bytes))
    }

    /// A string of its own: a copy of the bytes.
    #[must_use]
    pub fn to_str(self) -> Str {
        Str(match self.0 {
            ReprRef::Integer(integer) => Repr::Integer(integer),
            ReprRef::Fixed(bytes) => Repr::Fixed(Blob::from(bytes)),
            ReprRef::Grown(bytes) => Repr::Grown(Arc::new(bytes.to_vec())),
        })
    }

    /// Whether it is a buffer that grows.
    pub(crate) fn is_grown(self) -> bool {
        matches!(self.0, ReprRef::Grown(_))
    }

    /// The first and the last byte that are kept as such, which for a number are none.
    pub(crate) fn ends(self) -> Option<(u8, u8)> {
        match self.0 {
            ReprRef::Integer(_) => None,
            ReprRef::Fixed(bytes) | ReprRef::Grown(bytes) => {
                Some((*bytes.first()?, *bytes.last()?))
            }
        }
    }

    /// The bytes, as `GET` answers them.
    #[must_use]
    pub fn as_bytes(self) -> Cow<'a, [u8]> {
        match self.0 {
            ReprRef::Integer(integer) => {
                Cow::Owned(itoa::Buffer::new().format(integer).as_bytes().to_vec())
            }
            ReprRef::Fixed(bytes) | ReprRef::Grown(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// The number that the bytes spell, if they spell one exactly as Redis prints it.
    #[must_use]
    pub fn as_integer(self) -> Option<i64> {
        match self.0 {
            ReprRef::Integer(integer) => Some(integer),
            ReprRef::Fixed(bytes) | ReprRef::Grown(bytes) => parse_i64(bytes),
        }
    }

    /// The number that the string is kept as, if it is.
    #[must_use]
    pub fn stored_integer(self) -> Option<i64> {
        match self.0 {
            ReprRef::Integer(integer) => Some(integer),
            ReprRef::Fixed(_) | ReprRef::Grown(_) => None,
        }
    }

    /// How many bytes (`STRLEN`).
    #[must_use]
    pub fn len(self) -> usize {
        match self.0 {
            ReprRef::Integer(integer) => itoa::Buffer::new().format(integer).len(),
            ReprRef::Fixed(bytes) | ReprRef::Grown(bytes) => bytes.len(),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What `OBJECT ENCODING` answers.
    #[must_use]
    pub fn encoding(self) -> &'static str {
        match self.0 {
            ReprRef::Integer(_) => "int",
            ReprRef::Fixed(bytes) if bytes.len() <= EMBSTR_MAX => "embstr",
            ReprRef::Fixed(_) | ReprRef::Grown(_) => "raw",
        }
    }
}

/// A growing buffer, whatever it spells.
impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Repr::Grown(Arc::new(bytes)))
    }
}

impl Default for Str {
    fn default() -> Self {
        Self(Repr::Fixed(Blob::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_decimals_become_integers() {
        for (bytes, encoding) in [
            ("0", "int"),
            ("-1", "int"),
            ("9223372036854775807", "int"),
            ("9223372036854775808", "embstr"),
            ("007", "embstr"),
            ("+1", "embstr"),
            ("-0", "embstr"),
            (" 1", "embstr"),
            ("", "embstr"),
        ] {
            let string = Str::new(bytes.as_bytes());
            assert_eq!(string.encoding(), encoding, "{bytes:?}");
            assert_eq!(&*string.as_bytes(), bytes.as_bytes());
            assert_eq!(string.len(), bytes.len());
        }
    }

    #[test]
    fn a_change_leaves_a_clone_alone() {
        let mut string = Str::new(b"12");
        let before = string.clone();
        string.make_mut().push(b'3');
        let grown = string.clone();
        string.make_mut().push(b'4');
        assert_eq!(&*before.as_bytes(), b"12");
        assert_eq!(&*grown.as_bytes(), b"123");
        assert_eq!(&*string.as_bytes(), b"1234");
        assert_eq!(string.as_integer(), Some(1234));
    }
}
