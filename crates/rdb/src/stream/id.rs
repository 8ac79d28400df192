//! [`StreamId`].

use std::fmt;

use crate::packed::parse_int;

/// The id of a stream's entry: `5-1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Milliseconds, mostly since the Unix epoch.
    pub ms: u64,
    /// Number among those of one millisecond.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: Self = Self::new(0, 0);
    /// The greatest id.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// The id of these parts.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Reads an id as files have it: both parts big-endian, so that bytes sort as ids do.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }

    /// The id as files have it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        ((self.ms as u128) << 64 | self.seq as u128).to_be_bytes()
    }

    /// Reads `ms-seq`, decimal digits without leading zeros; without `-seq` it is `ms-0`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|byte| *byte == b'-').unwrap_or(text.len());
        let (ms, seq) = (&text[..dash], text.get(dash + 1..).unwrap_or(b"0"));
        Some(Self::new(number(ms)?, number(seq)?))
    }
}

/// Digits of an unsigned number, in its canonical form.
fn number(digits: &[u8]) -> Option<u64> {
    match parse_int(digits) {
        Some(int) => u64::try_from(int).ok(),
        // Above what is signed.
        None if digits.first().is_some_and(|digit| matches!(digit, b'1'..=b'9')) => {
            std::str::from_utf8(digits).ok()?.parse().ok()
        }
        None => None,
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_what_prints_the_same(ms: u64, seq: u64, other: (u64, u64)) {
            let (id, other) = (StreamId::new(ms, seq), StreamId::new(other.0, other.1));
            prop_assert_eq!(StreamId::parse(id.to_string().as_bytes()), Some(id));
            prop_assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
            prop_assert_eq!(id.cmp(&other), id.to_bytes().cmp(&other.to_bytes()));
        }
    }

    #[test]
    fn what_is_no_id() {
        assert_eq!(StreamId::parse(b"7"), Some(StreamId::new(7, 0)));
        assert_eq!(StreamId::parse(b"18446744073709551615-0"), Some(StreamId::new(u64::MAX, 0)));
        for text in
            ["", "-", "1-", "-1", "1-2-3", "a-1", "1-b", "+1-1", "01-1", "18446744073709551616-0"]
        {
            assert_eq!(StreamId::parse(text.as_bytes()), None, "{text}");
        }
    }
}
