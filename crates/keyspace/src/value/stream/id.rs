//! [`StreamId`]: the id of a stream's entry.

use std::fmt;

use crate::tree::Element;

/// The id of an entry: milliseconds since the Unix epoch, and a number within the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StreamId {
    /// Milliseconds since the Unix epoch, or whatever the user counts.
    pub ms: u64,
    /// The number within the millisecond.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The last id that there is.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    /// The id right after this one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => self.ms.checked_add(1).map(|ms| Self { ms, seq: 0 }),
        }
    }

    /// The id right before this one.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => self.ms.checked_sub(1).map(|ms| Self { ms, seq: u64::MAX }),
        }
    }

    /// The 16 bytes that stand for it in an RDB file, which order as ids do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// The id of [`to_bytes`](Self::to_bytes).
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        // The halves of 128 bits.
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }
}

/// The text of an id, without an allocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdText {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl IdText {
    /// Two numbers of 20 digits and what is between them.
    const MAX: usize = 41;

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl From<StreamId> for IdText {
    fn from(id: StreamId) -> Self {
        let mut text = Self { bytes: [0; Self::MAX], len: 0 };
        text.push(itoa::Buffer::new().format(id.ms).as_bytes());
        text.push(b"-");
        text.push(itoa::Buffer::new().format(id.seq).as_bytes());
        text
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl Element for StreamId {
    type Hint = Self;
    type Weight = ();

    fn hint(&self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_pass_the_ends_of_a_millisecond() {
        let id = |ms, seq| StreamId { ms, seq };
        for (before, after) in [(id(0, 0), id(0, 1)), (id(5, u64::MAX), id(6, 0))] {
            assert_eq!(before.next(), Some(after));
            assert_eq!(after.previous(), Some(before));
            assert!(before.to_bytes() < after.to_bytes());
            assert_eq!(StreamId::from_bytes(after.to_bytes()), after);
        }
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(id(12, 3).to_string(), "12-3");
    }

    #[test]
    fn both_texts_are_one() {
        for id in [StreamId::MIN, StreamId::MAX, StreamId { ms: 1_526_919_030_474, seq: 55 }] {
            assert_eq!(IdText::from(id).as_bytes(), id.to_string().as_bytes());
        }
    }
}
