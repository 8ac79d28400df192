//! How long to wait before the next attempt.

use std::time::Duration;

use super::ReplicaConfig;

/// Attempts that failed in a row, and the dice.
#[derive(Debug)]
pub(super) struct Backoff {
    failed: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Backoff {
        Backoff { failed: 0, random: seed }
    }

    /// The connection lasted: the next attempt is a first one.
    pub(super) fn reset(&mut self) {
        self.failed = 0;
    }

    /// The wait before the next attempt: at random below the minimum after the first failure, so
    /// that the replicas of a restarted primary do not come all at once; then doubled each time,
    /// less up to a half by chance.
    pub(super) fn next(&mut self, config: &ReplicaConfig) -> Duration {
        let failed = self.failed;
        self.failed = failed.saturating_add(1);
        let share = self.share();
        if failed == 0 {
            return config.backoff_min.mul_f64(share);
        }
        let doubled = 1u32.checked_shl(failed - 1).and_then(|n| config.backoff_min.checked_mul(n));
        let longest = doubled.map_or(config.backoff_max, |wait| wait.min(config.backoff_max));
        longest.mul_f64(1.0 - share / 2.0)
    }

    /// A number from 0 to below 1 (SplitMix64).
    fn share(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_double_up_to_the_longest_and_begin_anew(seed: u64) {
            let config = ReplicaConfig::default();
            let mut backoff = Backoff::new(seed);
            for _ in 0..2 {
                prop_assert!(backoff.next(&config) < config.backoff_min);
                for doubled in [1, 2, 4, 8, 16, 32, 32, 32] {
                    let longest = config.backoff_min * doubled;
                    let wait = backoff.next(&config);
                    prop_assert!(longest / 2 <= wait && wait <= longest, "{wait:?}");
                }
                (0..1000).for_each(|_| assert!(backoff.next(&config) <= config.backoff_max));
                backoff.reset();
            }
        }
    }
}
