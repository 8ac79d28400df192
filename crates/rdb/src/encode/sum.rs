//! The checksum of what is written.

use crate::crc64::Crc64;

/// A running checksum that gathers small pieces, because it is slow at a few bytes at a time.
#[derive(Debug)]
pub(crate) struct Sum {
    crc: Crc64,
    /// The last pieces, not in the checksum yet.
    gathered: Vec<u8>,
}

const GATHERED: usize = 4 << 10;
/// Pieces from this size on are not copied.
const LARGE: usize = 512;

impl Sum {
    pub(crate) fn new() -> Self {
        Self { crc: Crc64::new(), gathered: Vec::with_capacity(GATHERED) }
    }

    #[inline]
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if bytes.len() >= LARGE || self.gathered.len() + bytes.len() > GATHERED {
            self.flush();
        }
        if bytes.len() >= LARGE {
            self.crc.update(bytes);
        } else {
            self.gathered.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self) {
        self.crc.update(&self.gathered);
        self.gathered.clear();
    }

    /// The checksum of all pieces; begins again.
    pub(crate) fn take(&mut self) -> u64 {
        self.flush();
        std::mem::take(&mut self.crc).value()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::crc64;

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same(lens in vec(prop_oneof![0..90usize, 0..5000usize], 0..60)) {
            let mut sum = Sum::new();
            let mut whole = Vec::new();
            for len in lens {
                let piece: Vec<u8> = (0..len).map(|at| (at * 7 + len) as u8).collect();
                sum.update(&piece);
                whole.extend_from_slice(&piece);
            }
            prop_assert_eq!(sum.take(), crc64::checksum(&whole));
        }
    }
}
