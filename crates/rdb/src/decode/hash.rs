//! Hashes that no file can be made for: of a seed that nobody outside knows.

use std::hash::{BuildHasher, RandomState};

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes strings and numbers by multiplication, several times as fast as std's hasher.
///
/// The seed comes from `RandomState`, as in each of std's tables: no answer depends on it, only the
/// time that one takes, so a decoder is as repeatable as with a seed of its caller's.
#[derive(Debug)]
pub(crate) struct Hash {
    seed: u64,
}

impl Default for Hash {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0) | 1 }
    }
}

impl Hash {
    /// The hash of a number.
    #[inline]
    pub(crate) fn int(&self, int: i64) -> u64 {
        // One product is not enough: with some seeds a bit hardly changes from one number to the next.
        mix(mix(int as u64 ^ self.seed, self.seed.rotate_left(32)), MULTIPLIER)
    }

    /// The hash of a string.
    #[inline]
    pub(crate) fn bytes(&self, bytes: &[u8]) -> u64 {
        let key = self.seed ^ MULTIPLIER;
        let mut hash = mix(self.seed, bytes.len() as u64 ^ MULTIPLIER);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = mix(hash ^ u64::from_le_bytes(*word), key);
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        mix(hash ^ u64::from_le_bytes(last), key)
    }
}

/// Both halves of the product.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn strings_that_are_nearly_alike_have_their_own() {
        let hash = Hash::default();
        let mut seen = HashSet::new();
        let mut count = 0;
        for len in 0..40 {
            for place in 0..len {
                for byte in 0..=255 {
                    let mut bytes = vec![0; len];
                    bytes[place] = byte;
                    count += usize::from(byte > 0 || place == 0);
                    seen.insert(hash.bytes(&bytes));
                }
            }
        }
        assert_eq!(seen.len(), count);
    }

    /// Each bit is as often set as not, whatever the seed: here 200 of them, always the same.
    #[test]
    fn numbers_in_a_row_have_hashes_all_over() {
        for at in 1..200_u64 {
            let hash = Hash { seed: mix(at, MULTIPLIER).wrapping_mul(MULTIPLIER) | 1 };
            for bit in 0..64 {
                let set = (0..4096).filter(|int| hash.int(*int) >> bit & 1 == 1).count();
                assert!((1700..2400).contains(&set), "bit {bit} of {set}, seed {:x}", hash.seed);
            }
        }
    }
}
