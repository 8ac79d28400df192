//! Finds what comes twice when what came before is no longer in memory.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
};

use super::hash::Hash;

/// Fingerprints of what came so far: 128 bits of a hash whose seeds nobody outside knows. Two
/// different strings among a billion have the same with a probability of about 2^-69, so that no good
/// file is refused in practice, and no file can be made to be.
#[derive(Debug, Default)]
pub(crate) struct Prints {
    seen: HashSet<u128, BuildHasherDefault<Print>>,
    upper: Hash,
    lower: Hash,
}

/// A table of more than this is given back when the next value begins.
const KEPT_PRINTS: usize = 1 << 12;

impl Prints {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        if self.seen.capacity() > KEPT_PRINTS {
            self.seen = HashSet::default();
        }
        self.seen.clear();
    }

    /// Notes a string of a group, such as a key of a database; false when it came before.
    pub(crate) fn insert(&mut self, group: u32, bytes: &[u8]) -> bool {
        let half = |hash: &Hash| u128::from(hash.bytes(bytes) ^ hash.int(group.into()));
        self.seen.insert(half(&self.upper) << 64 | half(&self.lower))
    }
}

/// A fingerprint is a hash already.
#[derive(Debug, Default)]
struct Print(u64);

impl Hasher for Print {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Nothing but a `u128` is hashed with it.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_set_finds(items in vec((0..3u32, "[ab]{0,4}"), 0..200)) {
            let mut prints = Prints::default();
            let mut naive = HashSet::new();
            for (group, text) in &items {
                let fresh = prints.insert(*group, text.as_bytes());
                prop_assert_eq!(fresh, naive.insert((group, text)));
            }
            prints.clear();
            if let Some((group, text)) = items.first() {
                prop_assert!(prints.insert(*group, text.as_bytes()));
            }
        }
    }

    #[test]
    fn a_large_table_is_given_back() {
        let mut prints = Prints::default();
        for number in 0..2 * KEPT_PRINTS as u32 {
            assert!(prints.insert(number, b"same"));
        }
        prints.clear();
        assert_eq!(prints.seen.capacity(), 0);
    }
}
