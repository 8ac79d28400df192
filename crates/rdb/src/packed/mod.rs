//! What the packed forms ([`listpack`](crate::listpack), [`ziplist`](crate::ziplist),
//! [`zipmap`](crate::zipmap), [`intset`](crate::intset)) share: their values and their faults, and
//! of the first two all but their elements ([`sequence`]).
//!
//! A packed form is one piece of bytes that is a whole small collection. Servers keep in it, as an
//! integer, whatever prints as one; who reads it has [`Value`]s and turns them into bytes where those
//! are wanted.
//!
//! ```
//! use redwire_rdb::packed::Value;
//!
//! assert_eq!(Value::of(b"12"), Value::Int(12));
//! assert_eq!(Value::of(b"012"), Value::Str(b"012"));
//! assert_eq!(Value::Int(-7).to_vec(), b"-7");
//! ```

use crate::Fault;

pub mod sequence;

/// An element of a packed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Bytes as they stand.
    Str(&'a [u8]),
    /// An integer, which stands for its decimal digits.
    Int(i64),
}

impl<'a> Value<'a> {
    /// The value that servers store for these bytes: an integer where they are its canonical
    /// decimal digits.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        parse_int(bytes).map_or(Self::Str(bytes), Self::Int)
    }

    /// Appends the bytes that the value stands for.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Str(bytes) => out.extend_from_slice(bytes),
            Self::Int(int) => out.extend_from_slice(itoa::Buffer::new().format(*int).as_bytes()),
        }
    }

    /// The value as an owned string.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out);
        out
    }

    /// The value as a sorted set's score: `None` where it is no number or NaN.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        match self {
            Self::Str(bytes) => crate::score::parse(bytes),
            Self::Int(int) => Some(*int as f64),
        }
    }
}

/// A packed form that breaks its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at byte {at}")]
pub struct Broken {
    /// Offset within the packed bytes.
    pub at: usize,
    /// What is wrong.
    pub fault: Fault,
}

impl Broken {
    pub(crate) const fn new(at: usize, fault: Fault) -> Self {
        Self { at, fault }
    }
}

/// An edit that was refused because a packed form must not be so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("packed value would have more than {max} bytes")]
pub struct TooLarge {
    /// Most bytes that it may have.
    pub max: u64,
}

impl TooLarge {
    pub(crate) const fn check(len: usize, max: u64) -> Result<(), Self> {
        if len as u64 > max { Err(Self { max }) } else { Ok(()) }
    }
}

/// Bytes that are looked for among values.
pub(crate) struct Needle<'a> {
    bytes: &'a [u8],
    int: Option<i64>,
}

impl<'a> Needle<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, int: parse_int(bytes) }
    }

    /// Whether `value` stands for the bytes.
    #[inline]
    pub(crate) fn is(&self, value: Value<'_>) -> bool {
        match value {
            Value::Str(bytes) => bytes == self.bytes,
            Value::Int(int) => Some(int) == self.int,
        }
    }
}

/// Makes the `old` bytes at `at` `new` bytes long, moving what stands behind them. What is in the
/// gap is then to be written.
pub(crate) fn open_gap(bytes: &mut Vec<u8>, at: usize, old: usize, new: usize) {
    let len = bytes.len();
    if new > old {
        bytes.resize(len + (new - old), 0);
    }
    bytes.copy_within(at + old..len, at + new);
    bytes.truncate(len - old + new);
}

/// Reads canonical decimal digits: what prints as exactly these bytes, so neither `+1`, `01` nor
/// `-0`.
#[must_use]
pub fn parse_int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    match digits {
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        [b'0'] if !negative => return Some(0),
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits are below 10^19, which fits.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// `N` bytes at `at`, if they are there.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A little-endian integer of 3 bytes.
pub(crate) fn int24(bytes: [u8; 3]) -> i64 {
    i64::from(i32::from_le_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_integer_is_what_prints_the_same(text in "[-+]?[0-9]{0,21}") {
            let naive = text.parse::<i64>().ok().filter(|int| int.to_string() == text);
            prop_assert_eq!(parse_int(text.as_bytes()), naive);
        }

        #[test]
        fn every_integer_is_read(int: i64) {
            prop_assert_eq!(parse_int(int.to_string().as_bytes()), Some(int));
            prop_assert_eq!(Value::Int(int).to_vec(), int.to_string().into_bytes());
        }
    }

    #[test]
    fn integers_at_the_edges() {
        for int in [i64::MIN, i64::MIN + 1, i64::MAX, 0, -1] {
            assert_eq!(parse_int(int.to_string().as_bytes()), Some(int));
        }
        for text in ["9223372036854775808", "-9223372036854775809", "", "-", "-0", "00", "1 "] {
            assert_eq!(parse_int(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn three_bytes_keep_their_sign() {
        assert_eq!(int24([0xff, 0xff, 0xff]), -1);
        assert_eq!(int24([0xff, 0xff, 0x7f]), (1 << 23) - 1);
        assert_eq!(int24([0, 0, 0x80]), -(1 << 23));
    }
}
