//! Eviction: which keys go when memory is short (`maxmemory-policy`).

/// Which keys are deleted when memory is short, by the names of `maxmemory-policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// None: writes that may need memory are refused instead.
    #[default]
    Noeviction,
    /// Of all keys those that were not used for longest.
    AllkeysLru,
    /// Of all keys those that are used least often.
    AllkeysLfu,
    /// Of all keys those that were not changed for longest (Redis 8.6).
    AllkeysLrm,
    /// Of all keys any.
    AllkeysRandom,
    /// Of the keys that expire those that were not used for longest.
    VolatileLru,
    /// Of the keys that expire those that are used least often.
    VolatileLfu,
    /// Of the keys that expire those that were not changed for longest (Redis 8.6).
    VolatileLrm,
    /// Of the keys that expire any.
    VolatileRandom,
    /// Of the keys that expire those that would do so first.
    VolatileTtl,
}

impl EvictionPolicy {
    /// Every policy.
    pub const ALL: [Self; 10] = [
        Self::VolatileLru,
        Self::VolatileLfu,
        Self::VolatileLrm,
        Self::VolatileRandom,
        Self::VolatileTtl,
        Self::AllkeysLru,
        Self::AllkeysLfu,
        Self::AllkeysLrm,
        Self::AllkeysRandom,
        Self::Noeviction,
    ];

    /// The value of `maxmemory-policy`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Noeviction => "noeviction",
            Self::AllkeysLru => "allkeys-lru",
            Self::AllkeysLfu => "allkeys-lfu",
            Self::AllkeysLrm => "allkeys-lrm",
            Self::AllkeysRandom => "allkeys-random",
            Self::VolatileLru => "volatile-lru",
            Self::VolatileLfu => "volatile-lfu",
            Self::VolatileLrm => "volatile-lrm",
            Self::VolatileRandom => "volatile-random",
            Self::VolatileTtl => "volatile-ttl",
        }
    }

    /// Whether uses of keys are counted, rather than dated.
    #[must_use]
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::AllkeysLfu | Self::VolatileLfu)
    }

    /// Whether only changes of keys count as their use.
    #[must_use]
    pub fn is_lrm(self) -> bool {
        matches!(self, Self::AllkeysLrm | Self::VolatileLrm)
    }

    /// Whether it goes by the time of the last use or change.
    pub(crate) fn is_by_time(self) -> bool {
        self.is_lrm() || matches!(self, Self::AllkeysLru | Self::VolatileLru)
    }

    /// Whether only keys that expire are evicted.
    #[must_use]
    pub fn is_volatile(self) -> bool {
        use EvictionPolicy as P;
        matches!(
            self,
            P::VolatileLru | P::VolatileLfu | P::VolatileLrm | P::VolatileRandom | P::VolatileTtl
        )
    }
}
