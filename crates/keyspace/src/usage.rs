//! When and how often keys are used: the 24 bits that each entry has for eviction.
//!
//! They mean one of two things, by the policy in force, as in Redis: the second in which the key was
//! used last (LRU), or in their upper 16 bits the minute in which it was counted last and in their
//! lower 8 a logarithmic count (LFU). A change of policy leaves them as they are, so what they say
//! takes some time to be right again.

use crate::keyspace::Random;
use crate::{Settings, UnixMs};

/// The bits of a clock.
const MASK: u32 = (1 << 24) - 1;

/// A clock that is ahead by up to this many seconds was set in the future (the time was set back, or a
/// snapshot looks at a key that was used since it began), and is not one that has gone round.
const AHEAD: u32 = 24 * 60 * 60;

/// What a new key's count of uses begins with, so that it has time to collect some before it is the
/// one that was used least.
const FIRST_COUNT: u32 = 5;

/// How much use was made of a key, as an RDB file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsage {
    /// Seconds since it was used last (opcode 248, `OBJECT IDLETIME`).
    Idle(u64),
    /// The logarithmic count of its uses (opcode 249, `OBJECT FREQ`).
    Frequency(u8),
}

/// Reads and sets the clocks of keys at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    pub(crate) now: UnixMs,
    /// Whether uses leave no trace (`CLIENT NO-TOUCH`).
    pub(crate) still: bool,
}

impl Default for Meter {
    fn default() -> Self {
        Self { now: UnixMs(0), still: false }
    }
}

impl Meter {
    /// The clock of a key that comes to be now.
    #[inline]
    pub(crate) fn fresh(self, settings: &Settings) -> u32 {
        if settings.eviction.is_lfu() { self.counted(FIRST_COUNT) } else { self.seconds() }
    }

    /// The clock of a key that is used now, whose clock was `clock`; `write` if it is changed.
    #[inline]
    pub(crate) fn used(
        self,
        clock: u32,
        write: bool,
        settings: &Settings,
        random: &mut Random,
    ) -> u32 {
        let policy = settings.eviction;
        if self.still || (policy.is_lrm() && !write) {
            clock
        } else if policy.is_lfu() {
            self.count_up(clock, settings, random)
        } else {
            self.seconds()
        }
    }

    /// The clock of a key of which this is known; of nothing, one that comes to be now.
    pub(crate) fn known(self, usage: Option<KeyUsage>, settings: &Settings) -> u32 {
        match usage {
            Some(KeyUsage::Frequency(count)) if settings.eviction.is_lfu() => {
                self.counted(u32::from(count))
            }
            Some(KeyUsage::Idle(seconds)) if !settings.eviction.is_lfu() => {
                let idle = seconds.min(u64::from(MASK - AHEAD)) as u32;
                self.seconds().wrapping_sub(idle) & MASK
            }
            _ => self.fresh(settings),
        }
    }

    /// What a file says of a key with this clock; nothing unless the policy goes by it.
    pub(crate) fn usage(self, clock: u32, settings: &Settings) -> Option<KeyUsage> {
        let policy = settings.eviction;
        if policy.is_lfu() {
            Some(KeyUsage::Frequency(self.frequency(clock, settings)))
        } else {
            policy.is_by_time().then(|| KeyUsage::Idle(self.idle(clock)))
        }
    }

    /// Seconds since the key was used.
    pub(crate) fn idle(self, clock: u32) -> u64 {
        let idle = self.seconds().wrapping_sub(clock) & MASK;
        if idle > MASK - AHEAD { 0 } else { u64::from(idle) }
    }

    /// The count of uses, less one for each `lfu-decay-time` minutes since it was counted.
    pub(crate) fn frequency(self, clock: u32, settings: &Settings) -> u8 {
        let minutes = self.minutes().wrapping_sub(clock >> 8) & (MASK >> 8);
        let lost = minutes.checked_div(settings.lfu_decay_time).unwrap_or(0);
        (clock & 0xff).saturating_sub(lost) as u8
    }

    /// Counts one more use, the less likely the more there were.
    fn count_up(self, clock: u32, settings: &Settings, random: &mut Random) -> u32 {
        let count = u32::from(self.frequency(clock, settings));
        let above = u64::from(count.saturating_sub(FIRST_COUNT));
        let odds = above * u64::from(settings.lfu_log_factor) + 1;
        let counts = count < 0xff && random.below(odds as usize) == 0;
        self.counted(count + u32::from(counts))
    }

    fn counted(self, count: u32) -> u32 {
        (self.minutes() << 8) | count
    }

    #[inline]
    fn seconds(self) -> u32 {
        (self.now.0 / 1000) as u32 & MASK
    }

    fn minutes(self) -> u32 {
        (self.now.0 / 60_000) as u32 & (MASK >> 8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::EvictionPolicy;

    fn settings(policy: EvictionPolicy) -> Settings {
        Settings { eviction: policy, ..Settings::default() }
    }

    fn at(seconds: u64) -> Meter {
        Meter { now: UnixMs(seconds * 1000), still: false }
    }

    #[test]
    fn counts_grow_with_the_logarithm_of_uses() {
        let settings = settings(EvictionPolicy::AllkeysLfu);
        let mut random = Random::new(7);
        let meter = at(1_700_000_000);
        let mut clock = meter.fresh(&settings);
        assert_eq!(meter.frequency(clock, &settings), 5);
        let mut counts = Vec::new();
        for uses in 1..=100_000 {
            clock = meter.used(clock, false, &settings, &mut random);
            if [100, 1000, 100_000].contains(&uses) {
                counts.push(meter.frequency(clock, &settings));
            }
        }
        // Redis' documentation has 10, 18 and 142 for a factor of 10.
        assert!(
            (8..=12).contains(&counts[0])
                && (15..=22).contains(&counts[1])
                && (130..=155).contains(&counts[2]),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn what_is_known_is_what_is_said(
            now in (1_u64 << 30)..(1 << 33),
            idle in 0..u64::from(MASK - AHEAD),
            count in any::<u8>(),
        ) {
            let (lru, lfu) = (settings(EvictionPolicy::AllkeysLru), settings(EvictionPolicy::VolatileLfu));
            let meter = at(now);
            for usage in [KeyUsage::Idle(idle), KeyUsage::Frequency(count)] {
                let settings = if usage == KeyUsage::Idle(idle) { &lru } else { &lfu };
                prop_assert_eq!(meter.usage(meter.known(Some(usage), settings), settings), Some(usage));
            }
            let none = settings(EvictionPolicy::Noeviction);
            prop_assert_eq!(meter.idle(meter.known(Some(KeyUsage::Idle(idle)), &none)), idle);
            prop_assert_eq!(meter.usage(meter.fresh(&none), &none), None);
        }

        #[test]
        fn time_goes_by(now in (1_u64 << 30)..(1 << 33), later in 0..200_000_u64, count in any::<u8>()) {
            let lfu = settings(EvictionPolicy::AllkeysLfu);
            let clock = at(now).known(Some(KeyUsage::Frequency(count)), &lfu);
            let minutes = (now + later) / 60 - now / 60;
            let left = u64::from(count).saturating_sub(minutes) as u8;
            prop_assert_eq!(at(now + later).frequency(clock, &lfu), left);
            let never = Settings { lfu_decay_time: 0, ..lfu };
            prop_assert_eq!(at(now + later).frequency(clock, &never), count);
            let clock = at(now).seconds();
            prop_assert_eq!(at(now + later).idle(clock), later);
            prop_assert_eq!(at(now.saturating_sub(later.min(u64::from(AHEAD) - 1))).idle(clock), 0);
        }
    }
}
