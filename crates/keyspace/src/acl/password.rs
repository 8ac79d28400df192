//! [`PasswordHash`]: what is kept of a password.

use sha2::{Digest as _, Sha256};

const LEN: usize = 32;

/// The SHA-256 of a password. Two are compared in a time that does not tell how much of them agrees.
#[derive(Debug, Clone, Copy)]
pub(super) struct PasswordHash([u8; LEN]);

impl PasswordHash {
    pub(super) fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// Reads 64 hexadecimal digits in lower case.
    pub(super) fn from_hex(hex: &[u8]) -> Option<Self> {
        let (pairs, []) = hex.as_chunks::<2>() else { return None };
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        bytes?.try_into().ok().map(Self)
    }

    pub(super) fn to_hex(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        // `black_box` keeps the fold from becoming a comparison that ends early.
        let differing = self.0.iter().zip(&other.0).fold(0, |acc, (a, b)| acc | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

impl Eq for PasswordHash {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_sha_256_in_hexadecimal() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(PasswordHash::of(b"").to_hex(), empty);
        assert_eq!(PasswordHash::from_hex(empty.as_bytes()), Some(PasswordHash::of(b"")));
        let upper = empty.to_uppercase();
        for wrong in ["", &empty[1..], &upper, &format!("{empty}00")] {
            assert_eq!(PasswordHash::from_hex(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn hashes_that_differ_in_one_bit_differ() {
        let hash = PasswordHash::of(b"secret");
        for bit in 0..LEN * 8 {
            let mut other = hash;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(hash, other);
        }
    }
}
