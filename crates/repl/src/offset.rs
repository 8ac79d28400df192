//! Places in a replication stream.

use std::fmt;

/// A place in a replication stream: how many bytes of the stream lie before it.
///
/// It is Redis' `master_repl_offset`: a replica that has applied `Offset(n)` sends
/// `REPLCONF ACK n` and asks for the next byte by `PSYNC <replid> n+1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

impl Offset {
    /// The start of a stream.
    pub const ZERO: Offset = Offset(0);
    /// The greatest offset: Redis holds offsets as signed 64-bit numbers.
    pub const MAX: Offset = Offset(i64::MAX as u64 - 1);

    /// The place behind `bytes` bytes; `None` beyond [`Offset::MAX`].
    pub const fn new(bytes: u64) -> Option<Offset> {
        if bytes <= Offset::MAX.0 { Some(Offset(bytes)) } else { None }
    }

    /// How many bytes of the stream lie before this place.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place `n` bytes further on; `None` beyond [`Offset::MAX`].
    pub const fn checked_add(self, n: u64) -> Option<Offset> {
        match self.0.checked_add(n) {
            Some(sum) => Offset::new(sum),
            None => None,
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
    /// [`Offset::MAX`].
    pub const fn from_next_byte(number: i64) -> Option<Offset> {
        if number < 1 { None } else { Offset::new(number as u64 - 1) }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
