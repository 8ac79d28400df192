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
            Repr::Fixed(blob) => ReprRef::Shared(blob),
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
#[derive(Debug, Clone, Copy)]
pub struct StrRef<'a>(ReprRef<'a>);

#[derive(Debug, Clone, Copy)]
enum ReprRef<'a> {
    Integer(i64),
    Fixed(&'a [u8]),
    /// As `Fixed`, in memory that a string of its own can share.
    Shared(&'a Blob),
    Grown(&'a Arc<Vec<u8>>),
}

impl<'a> ReprRef<'a> {
    /// The number, or the bytes, that the string is kept as.
    #[inline]
    fn kept(self) -> Result<i64, &'a [u8]> {
        match self {
            ReprRef::Integer(integer) => Ok(integer),
            ReprRef::Fixed(bytes) => Err(bytes),
            ReprRef::Shared(blob) => Err(blob),
            ReprRef::Grown(buffer) => Err(buffer),
        }
    }
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

    /// A string of its own: a copy of a short one that lies beside its key, otherwise it shares the
    /// bytes.
    #[must_use]
    pub fn to_str(self) -> Str {
        Str(match self.0 {
            ReprRef::Integer(integer) => Repr::Integer(integer),
            ReprRef::Fixed(bytes) => Repr::Fixed(Blob::from(bytes)),
            ReprRef::Shared(blob) => Repr::Fixed(blob.clone()),
            ReprRef::Grown(buffer) => Repr::Grown(buffer.clone()),
        })
    }

    /// Whether it is a buffer that grows.
    pub(crate) fn is_grown(self) -> bool {
        matches!(self.0, ReprRef::Grown(_))
    }

    /// The first and the last byte that are kept as such, which for a number are none.
    pub(crate) fn ends(self) -> Option<(u8, u8)> {
        let bytes = self.0.kept().err()?;
        Some((*bytes.first()?, *bytes.last()?))
    }

    /// The number, or the bytes, that it is kept as.
    #[inline]
    pub(crate) fn kept(self) -> Result<i64, &'a [u8]> {
        self.0.kept()
    }

    /// The bytes, as `GET` answers them.
    #[must_use]
    pub fn as_bytes(self) -> Cow<'a, [u8]> {
        match self.0.kept() {
            Ok(integer) => Cow::Owned(itoa::Buffer::new().format(integer).as_bytes().to_vec()),
            Err(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// The number that the bytes spell, if they spell one exactly as Redis prints it.
    #[must_use]
    pub fn as_integer(self) -> Option<i64> {
        self.0.kept().map_or_else(parse_i64, Some)
    }

    /// The number that the string is kept as, if it is.
    #[must_use]
    pub fn stored_integer(self) -> Option<i64> {
        self.0.kept().ok()
    }

    /// How many bytes (`STRLEN`).
    #[must_use]
    pub fn len(self) -> usize {
        match self.0.kept() {
            Ok(integer) => itoa::Buffer::new().format(integer).len(),
            Err(bytes) => bytes.len(),
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
        match self.0.kept() {
            Ok(_) => "int",
            Err(bytes) if bytes.len() <= EMBSTR_MAX && !self.is_grown() => "embstr",
            Err(_) => "raw",
        }
    }
}

/// Of the same bytes, kept in the same way.
impl PartialEq for StrRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.is_grown() == other.is_grown() && self.0.kept() == other.0.kept()
    }
}

impl Eq for StrRef<'_> {}

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

    /// As a snapshot takes a value: however long it is, in constant time and memory.
    #[test]
    fn a_string_of_its_own_shares_long_bytes() {
        for string in [Str::new(&[b'x'; 1000]), Str::from(vec![b'x'; 1000])] {
            let own = string.view().to_str();
            assert_eq!(own.as_bytes().as_ptr(), string.as_bytes().as_ptr());
            assert_eq!(own.encoding(), string.encoding());
        }
    }
}
