//! Places in a replication stream.

use std::fmt;

/// A place in a replication stream: how many bytes of the stream lie before it.
///
/// It is Redis' `master_repl_offset`: a replica that has applied `Offset(n)` sends
/// `REPLCONF ACK n` and asks for the next byte by `PSYNC <replid> n+1`.
///
/// Invariant: it fits the signed 64-bit numbers of the wire. What others name is checked against
/// [`Offset::MAX_NAMED`], so that any stream has room for 4 exabytes of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

impl Offset {
    /// The start of a stream.
    pub const ZERO: Offset = Offset(0);
    /// The greatest offset that is made from a number of a peer or a file.
    pub const MAX_NAMED: Offset = Offset(1 << 62);

    /// The greatest offset that adding up can reach.
    const MAX: u64 = i64::MAX as u64 - 1;
    /// A place that no stream reaches.
    pub(crate) const NEVER: Offset = Offset(u64::MAX);

    /// The place behind `bytes` bytes; `None` beyond [`Offset::MAX_NAMED`].
    pub const fn new(bytes: u64) -> Option<Offset> {
        if bytes <= Offset::MAX_NAMED.0 { Some(Offset(bytes)) } else { None }
    }

    /// How many bytes of the stream lie before this place.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place `n` bytes further on; `None` beyond what the wire can name (`i64::MAX - 1`).
    pub const fn checked_add(self, n: u64) -> Option<Offset> {
        match self.0.checked_add(n) {
            Some(sum) if sum <= Offset::MAX => Some(Offset(sum)),
            _ => None,
        }
    }

    /// The bytes from `earlier` to here; `None` when `earlier` lies behind this place.
    pub const fn checked_since(self, earlier: Offset) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }

    /// The number that PSYNC names this place by: the 1-based number of the next byte.
    pub const fn next_byte(self) -> u64 {
        self.0 + 1
    }

    /// The place that PSYNC's offset argument names; `None` for numbers below 1 and beyond
    /// [`Offset::MAX_NAMED`].
    pub const fn from_next_byte(number: i64) -> Option<Offset> {
        if number < 1 { None } else { Offset::new(number as u64 - 1) }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_ends_where_the_wire_does() {
        let top = Offset(Offset::MAX);
        assert_eq!(top.checked_add(0), Some(top));
        assert_eq!(top.checked_add(1), None);
        assert_eq!(top.checked_add(u64::MAX), None);
        assert_eq!(top.next_byte(), i64::MAX as u64);
        assert_eq!(Offset::ZERO.checked_since(top), None);
        assert_eq!(top.checked_since(Offset::ZERO), Some(Offset::MAX));
    }

    #[test]
    fn named_offsets_leave_room_for_a_stream() {
        assert_eq!(Offset::from_next_byte(0), None);
        assert_eq!(Offset::from_next_byte(i64::MIN), None);
        assert_eq!(Offset::from_next_byte(1), Some(Offset::ZERO));
        assert_eq!(Offset::from_next_byte(i64::MAX), None);
        assert_eq!(Offset::new(1 << 62), Some(Offset::MAX_NAMED));
        assert_eq!(Offset::new((1 << 62) + 1), None);
    }
}
