//! [`Entropy`]: the random numbers that the libraries are given.

use std::fmt;

/// Where random numbers come from: seeded by the system, or by a number for a test.
pub(crate) struct Entropy {
    state: [u64; 2],
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entropy").finish_non_exhaustive()
    }
}

impl Entropy {
    /// Seeded by the operating system.
    pub(crate) fn of_system() -> Result<Self, getrandom::Error> {
        Ok(Self { state: [getrandom::u64()?, getrandom::u64()?] })
    }

    /// 64 random bits: SplitMix64 over a state that nobody can guess.
    pub(crate) fn number(&mut self) -> u64 {
        self.state[0] = self.state[0].wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state[0] ^ self.state[1];
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Twenty random bytes: what an id or a marker is made of. From the system, as markers must
    /// not be told from one another; from the own state where the system has none to give.
    pub(crate) fn bytes(&mut self) -> [u8; 20] {
        let mut bytes = [0; 20];
        if getrandom::fill(&mut bytes).is_err() {
            for chunk in bytes.chunks_mut(8) {
                let number = self.number().to_le_bytes();
                chunk.copy_from_slice(&number[..chunk.len()]);
            }
        }
        bytes
    }

    /// Forty random hex digits.
    pub(crate) fn hex_id(&mut self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Another source, independent of this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self { state: [self.number(), self.number()] }
    }
}
