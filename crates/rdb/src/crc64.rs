//! The CRC-64 of files and payloads: polynomial of Jones, reflected, begun with 0, not inverted.
//!
//! It ends a file since version 5, over all bytes before it, opcode 255 among them, as u64 LE; 0
//! stands for none (`rdbchecksum no`). It ends a [`dump`](crate::dump) payload, where 0 is no
//! exception. It is neither CRC-64/XZ nor CRC-64/NVME.
//!
//! ```
//! use redwire_rdb::crc64::{Crc64, checksum};
//!
//! assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
//! let mut crc = Crc64::new();
//! crc.update(b"12345");
//! crc.update(b"6789");
//! assert_eq!(crc.value(), checksum(b"123456789"));
//! ```

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

/// A checksum of bytes that come in pieces.
#[derive(Clone)]
pub struct Crc64 {
    digest: Digest,
}

impl Crc64 {
    /// The checksum of no bytes.
    #[must_use]
    pub fn new() -> Self {
        Self { digest: Digest::new(CrcAlgorithm::Crc64Redis) }
    }

    /// Takes the next bytes in.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// The checksum of the bytes so far.
    #[inline]
    #[must_use]
    pub fn value(&self) -> u64 {
        self.digest.get_state()
    }

    /// Takes back the last bytes that went in, which must be these, at about a nanosecond a byte.
    pub fn rewind(&mut self, bytes: &[u8]) {
        let state = bytes.iter().rev().fold(self.value(), |state, byte| step_back(state, *byte));
        self.digest = Digest::new_with_init_state(CrcAlgorithm::Crc64Redis, state);
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crc64({:016x})", self.value())
    }
}

/// The checksum of `bytes`.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    let mut crc = Crc64::new();
    crc.update(bytes);
    crc.value()
}

/// The polynomial, reflected.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// For each byte: what it becomes when it is shifted out of the low end.
const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut state = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            state = if state & 1 == 1 { state >> 1 ^ POLYNOMIAL } else { state >> 1 };
            bit += 1;
        }
        table[byte] = state;
        byte += 1;
    }
    table
};

/// For the highest byte of a state: which entry of `TABLE` put it there. The highest bytes of the
/// entries are all different, which is why a byte can be taken back.
const INDEX_OF_HIGH: [u8; 256] = {
    let mut index = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        index[(TABLE[byte] >> 56) as usize] = byte as u8;
        byte += 1;
    }
    index
};

/// The state before `byte` went in.
fn step_back(state: u64, byte: u8) -> u64 {
    let index = INDEX_OF_HIGH[(state >> 56) as usize];
    (state ^ TABLE[usize::from(index)]) << 8 | u64::from(index ^ byte)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn naive(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |state: u64, byte| state >> 8 ^ TABLE[usize::from(state as u8 ^ byte)])
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same(bytes in vec(any::<u8>(), 0..700), cut: prop::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            let mut crc = Crc64::new();
            crc.update(&bytes[..cut]);
            crc.update(&bytes[cut..]);
            prop_assert_eq!(crc.value(), naive(&bytes));
            crc.rewind(&bytes[cut..]);
            prop_assert_eq!(crc.value(), naive(&bytes[..cut]));
            crc.update(&bytes[cut..]);
            prop_assert_eq!(crc.value(), naive(&bytes));
        }
    }

    #[test]
    fn check_value() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }
}
