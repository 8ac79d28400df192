//! Eviction: which keys go when memory is short (`maxmemory-policy`).

use std::mem;

use crate::database::EntryRef;
use crate::events::EventClass;
use crate::keyspace::{Keyspace, Random, Role};
use crate::{Blob, Touched, UnixMs};

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

/// How many candidates are kept from one draw to the next, as in Redis.
const POOL: usize = 16;

/// Keys that were drawn and are good to evict, the best last.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    candidates: Vec<Candidate>,
    /// The database that random eviction looks at next.
    next_db: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    /// The higher, the less the key is needed.
    score: u64,
    db: u32,
    key: Blob,
}

impl Pool {
    /// Takes a key in, unless there are enough that are better.
    fn offer(&mut self, score: u64, db: u32, key: &[u8]) {
        let full = self.candidates.len() == POOL;
        if full && self.candidates[0].score >= score {
            return;
        }
        if self.candidates.iter().any(|it| it.db == db && *it.key == *key) {
            return;
        }
        if full {
            self.candidates.remove(0);
        }
        let at = self.candidates.partition_point(|it| it.score <= score);
        self.candidates.insert(at, Candidate { score, db, key: Blob::from(key) });
    }

    /// Forgets what was drawn: under another policy it means nothing.
    pub(crate) fn clear(&mut self) {
        self.candidates.clear();
    }
}

impl Keyspace {
    /// Evicts one key by the policy ([`Settings::eviction`](crate::Settings::eviction)), at the moment
    /// `now`; answers how many bytes it took, about, and `None` if there is none to evict, as is said while
    /// data are imported ([`Settings::import_mode`](crate::Settings::import_mode)).
    ///
    /// How much memory there is, and how much is too much, is for the caller to know: it calls this
    /// until there is room, or its time is over. Replicas are told `DEL`, unless this is one itself.
    /// Large values are left as [garbage](Keyspace::take_garbage).
    ///
    /// As in Redis, some keys are drawn at random, and the best among them and those left from the
    /// draws before goes: one that was used longest ago, or least often, or that expires first (which
    /// here is the very first).
    pub fn evict(&mut self, now: UnixMs) -> Option<usize> {
        use EvictionPolicy as P;
        self.meter.now = now;
        if self.imports() {
            return None;
        }
        let (db, key) = match self.settings.eviction {
            P::Noeviction => return None,
            P::AllkeysRandom | P::VolatileRandom => self.draw_any()?,
            P::VolatileTtl => self.first_to_expire()?,
            _ => self.draw_best()?,
        };
        let entry = self.remove(db, &key)?;
        let bytes = entry.view().memory(SAMPLES);
        self.watches.touch(db, &key);
        self.touches.push(|| Touched::Expired(key.clone()));
        if self.role == Role::Primary {
            self.effects.mute(false);
            self.effects.push(db, [b"DEL".as_slice(), &key]);
        }
        self.events.push(EventClass::Evicted, "evicted", db, &key);
        self.stats.evicted_keys += 1;
        self.discard(entry.value);
        Some(bytes)
    }

    /// How little the entry is needed, by the policy.
    fn score(&self, entry: EntryRef<'_>) -> u64 {
        if self.settings.eviction.is_lfu() {
            u64::from(u8::MAX - self.meter.frequency(entry.clock(), &self.settings))
        } else {
            self.meter.idle(entry.clock())
        }
    }

    /// The best of the pool, after it was filled up from every database.
    fn draw_best(&mut self) -> Option<(u32, Blob)> {
        loop {
            if !self.fill_pool() {
                self.pool.clear();
                return None;
            }
            while let Some(Candidate { score, db, key }) = self.pool.candidates.pop() {
                let volatile = self.settings.eviction.is_volatile();
                let entry = self.data.databases.get(db as usize).and_then(|it| it.find(&key));
                let stands = entry
                    .filter(|entry| !volatile || entry.expires().is_some())
                    // One that was used since it was drawn is judged anew when it is drawn again.
                    .is_some_and(|entry| self.score(entry) >= score);
                if stands {
                    return Some((db, key));
                }
            }
        }
    }

    /// Draws keys of every database; answers whether there were any.
    fn fill_pool(&mut self) -> bool {
        let samples = self.settings.eviction_samples.max(1) as usize;
        let volatile = self.settings.eviction.is_volatile();
        let (mut pool, mut random) = (mem::take(&mut self.pool), Random::new(self.random.next()));
        let mut any = false;
        for (db, database) in (0..).zip(&self.data.databases) {
            let mut below = |bound| random.below(bound);
            database.sample(samples, volatile, &mut below, &mut |entry| {
                any = true;
                pool.offer(self.score(entry), db, entry.key);
            });
        }
        self.pool = pool;
        any
    }

    /// Any key of the next database that has one.
    fn draw_any(&mut self) -> Option<(u32, Blob)> {
        let volatile = self.settings.eviction.is_volatile();
        let databases = self.data.database_count();
        for _ in 0..databases {
            let db = self.pool.next_db % databases;
            self.pool.next_db = db + 1;
            let Self { data, random, .. } = self;
            let mut drawn = None;
            let mut below = |bound| random.below(bound);
            data.databases[db as usize].sample(1, volatile, &mut below, &mut |entry| {
                drawn = Some(Blob::from(entry.key));
            });
            if let Some(key) = drawn {
                return Some((db, key));
            }
        }
        None
    }

    /// Of all databases the key that expires first.
    fn first_to_expire(&self) -> Option<(u32, Blob)> {
        let databases = (0..).zip(&self.data.databases);
        let firsts = databases.filter_map(|(db, it)| it.first_expiry().map(|first| (first, db)));
        firsts.min().map(|((_, key), db)| (db, key.clone()))
    }
}

/// Elements that tell how much a collection takes.
const SAMPLES: usize = 5;

#[cfg(test)]
mod tests;
