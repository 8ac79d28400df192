//! `maxmemory`: keys are evicted before commands that find too much memory in use.

use std::time::{Duration, Instant};

use redwire_keyspace::{EvictionPolicy, Keyspace};
use redwire_outbuf::Class;
use redwire_repl::Backlog;

use crate::core::Core;
use crate::memory;

/// Keys that are evicted between two looks at the clock.
const BATCH: usize = 16;

/// What eviction has come to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Eviction {
    /// There is too much memory in use and nothing to evict: commands that may need more are refused.
    pub(crate) out_of_memory: bool,
    /// There was more to evict than the time was for: the loop goes on with it.
    pub(crate) behind: bool,
    /// Since when too much memory is in use, unless it is not.
    over_since: Option<Instant>,
    /// How long it was, before that.
    over_for: Duration,
}

impl Eviction {
    /// `CONFIG RESETSTAT`.
    pub(crate) fn reset_stats(&mut self) {
        self.over_for = Duration::ZERO;
    }

    /// How long too much memory was in use, and how long it is now by the moment `now`.
    pub(crate) fn exceeded(&self, now: Instant) -> (Duration, Duration) {
        let current =
            self.over_since.map_or(Duration::ZERO, |it| now.saturating_duration_since(it));
        (self.over_for + current, current)
    }
}

impl Core {
    /// Evicts keys if more memory is in use than `maxmemory` allows, and finds out whether commands
    /// that may need more are to be refused. What is beyond the time of one go is left to the next.
    pub(crate) fn make_room(&mut self, keyspace: &mut Keyspace) {
        let limit = self.config.maxmemory;
        let over = limit > 0 && memory::allocated() > limit && self.excess(keyspace) > 0;
        if over && self.evicts() {
            self.eviction.over_since.get_or_insert(self.now);
            let began = crate::clock::now();
            self.evict(keyspace, began);
            self.note_latency("eviction-cycle", began);
        } else if self.eviction.over_since.is_some() || self.eviction.behind {
            self.end_eviction();
        }
    }

    /// Bytes in use beyond `maxmemory`, without those that will be free in a moment, and those of
    /// replicas: evicting keys tells them so, and would make more of it.
    fn excess(&self, keyspace: &Keyspace) -> u64 {
        let freed = keyspace.garbage_bytes() + self.freeing.bytes();
        let counted = memory::allocated().saturating_sub(self.not_counted_for_eviction() + freed);
        counted.saturating_sub(self.config.maxmemory)
    }

    /// Bytes that are not judged by `maxmemory`: what replicas have still to be sent, beyond the
    /// backlog.
    pub(crate) fn not_counted_for_eviction(&self) -> u64 {
        let lagging = self.primary.backlog().map_or(0, Backlog::memory_beyond_window);
        lagging + self.ledger.total(Class::Replica)
    }

    /// Whether `maxmemory` is this node's business: a replica has what its primary has, and while
    /// clients are paused nothing changes.
    fn evicts(&self) -> bool {
        let ignores = self.is_replica() && self.config.replica_ignore_maxmemory;
        !ignores && self.pause.is_none() && self.loading.is_none()
    }

    fn evict(&mut self, keyspace: &mut Keyspace, began: Instant) {
        let slice = time_slice(self.config.maxmemory_eviction_tenacity);
        let evicts = self.config.maxmemory_policy != EvictionPolicy::Noeviction;
        let mut evicted = 0;
        while self.excess(keyspace) > 0 {
            if !evicts || keyspace.evict(self.unix_ms).is_none() {
                // A database that is just being freed may be all that is too much.
                self.eviction.behind = evicts && self.freeing.objects() > 0;
                self.eviction.out_of_memory = !self.eviction.behind;
                self.pass_on(keyspace);
                return;
            }
            evicted += 1;
            let out_of_time = |slice| crate::clock::now().saturating_duration_since(began) >= slice;
            if evicted % BATCH == 0 && slice.is_some_and(out_of_time) {
                self.eviction.behind = true;
                self.eviction.out_of_memory = false;
                self.pass_on(keyspace);
                return;
            }
        }
        self.pass_on(keyspace);
        self.end_eviction();
    }

    fn end_eviction(&mut self) {
        let since = self.eviction.over_since.take().unwrap_or(self.now);
        self.eviction.over_for += self.now.saturating_duration_since(since);
        self.eviction.behind = false;
        self.eviction.out_of_memory = false;
    }
}

/// How long eviction may hold clients up in one go, by `maxmemory-eviction-tenacity`: up to 10 in
/// steps of 50 us, then 15 % more with each, as long as it takes with 100.
fn time_slice(tenacity: u32) -> Option<Duration> {
    match tenacity {
        0..=10 => Some(Duration::from_micros(50) * tenacity),
        11..=99 => Some(Duration::from_micros(500).mul_f64(1.15_f64.powi(tenacity as i32 - 10))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_is_time() {
        let micros = |tenacity| time_slice(tenacity).map(|it| it.as_micros());
        assert_eq!(micros(0), Some(0));
        assert_eq!(micros(10), Some(500));
        assert_eq!(micros(11), Some(575));
        // Some two minutes.
        assert_eq!(micros(99).map(|it| it / 60_000_000), Some(2));
        assert_eq!(micros(100), None);
    }
}
