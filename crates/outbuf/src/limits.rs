//! How much a client may leave unread: `client-output-buffer-limit`.

use std::fmt;
use std::time::{Duration, Instant};

/// What a client is, as far as its output buffer is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It gets replies to its commands, or everybody's commands (MONITOR: Redis 7.0 judges it by
    /// this class).
    Normal,
    /// It gets the replication stream.
    Replica,
    /// It is subscribed to a channel or pattern.
    PubSub,
}

impl Class {
    /// All classes, in the order of the config file.
    pub const ALL: [Class; 3] = [Class::Normal, Class::Replica, Class::PubSub];

    /// The word of the config file; `slave` is its old spelling for `replica`, which CONFIG GET
    /// prints to this day.
    pub fn name(self) -> &'static str {
        match self {
            Class::Normal => "normal",
            Class::Replica => "slave",
            Class::PubSub => "pubsub",
        }
    }
}

/// The limits of one class; 0 bytes means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassLimits {
    /// Bytes that close the client at once.
    pub hard: u64,
    /// Bytes that close the client when it holds them for `soft_time` without a break.
    pub soft: u64,
    /// How long the soft limit may be exceeded.
    pub soft_time: Duration,
}

/// Why a client is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The hard limit was reached.
    Hard {
        /// Bytes that were held.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The soft limit was exceeded for longer than its time.
    Soft {
        /// Bytes that were held.
        bytes: u64,
        /// The limit.
        limit: u64,
        /// How long they were held.
        held: Duration,
    },
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Hard { bytes, limit } => {
                write!(f, "{bytes} bytes reach the hard limit of {limit}")
            }
            CloseReason::Soft { bytes, limit, held } => {
                let held = held.as_secs();
                write!(f, "{bytes} bytes reach the soft limit of {limit} since {held} seconds")
            }
        }
    }
}

/// The answer of [`Limits::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The client may stay.
    Keep,
    /// The client is to be closed; no more output should be queued for it.
    Close(CloseReason),
}

/// Since when a client exceeds its soft limit. One for each client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitState {
    over_soft_since: Option<Instant>,
}

/// The limits of all classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    classes: [ClassLimits; 3],
    replica_floor: u64,
}

impl Default for Limits {
    /// Redis' defaults: `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`.
    fn default() -> Limits {
        let soft_time = Duration::from_secs(60);
        Limits {
            classes: [
                ClassLimits::default(),
                ClassLimits { hard: 256 << 20, soft: 64 << 20, soft_time },
                ClassLimits { hard: 32 << 20, soft: 8 << 20, soft_time },
            ],
            replica_floor: 1 << 20,
        }
    }
}

impl Limits {
    /// The limits of a class.
    pub fn class(&self, class: Class) -> ClassLimits {
        self.classes[class as usize]
    }

    /// Sets the limits of a class; the next [`check`](Limits::check) goes by them.
    pub fn set_class(&mut self, class: Class, limits: ClassLimits) {
        self.classes[class as usize] = limits;
    }

    /// A hard limit of replicas below this many bytes counts as this (Redis: `repl-backlog-size`,
    /// since whoever is let in by a partial resync would be closed at once). Default 1 MiB.
    pub fn set_replica_floor(&mut self, bytes: u64) {
        self.replica_floor = bytes;
    }

    /// Whether a client of `class` that holds `bytes` may stay. Ask whenever its output grew, and
    /// from time to time (each second, say) while it holds any.
    pub fn check(&self, state: &mut LimitState, class: Class, bytes: u64, now: Instant) -> Verdict {
        let limits = self.class(class);
        let reached = |limit: u64| limit != 0 && bytes >= limit;
        let hard = match class {
            Class::Replica if limits.hard != 0 => limits.hard.max(self.replica_floor),
            _ => limits.hard,
        };
        if reached(hard) {
            return Verdict::Close(CloseReason::Hard { bytes, limit: hard });
        }
        if !reached(limits.soft) {
            state.over_soft_since = None;
            return Verdict::Keep;
        }
        let since = *state.over_soft_since.get_or_insert(now);
        let held = now.saturating_duration_since(since);
        if held > limits.soft_time {
            return Verdict::Close(CloseReason::Soft { bytes, limit: limits.soft, held });
        }
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    fn start() -> Instant {
        Instant::now()
    }

    fn limits() -> Limits {
        let mut limits = Limits::default();
        let class = ClassLimits { hard: 1000, soft: 500, soft_time: 10 * SECOND };
        limits.set_class(Class::PubSub, class);
        limits
    }

    #[test]
    fn the_defaults_are_those_of_redis() {
        let limits = Limits::default();
        let expected = [(0, 0, 0), (268_435_456, 67_108_864, 60), (33_554_432, 8_388_608, 60)];
        for (class, expected) in Class::ALL.into_iter().zip(expected) {
            let ClassLimits { hard, soft, soft_time } = limits.class(class);
            assert_eq!((hard, soft, soft_time.as_secs()), expected, "{}", class.name());
        }
    }

    #[test]
    fn the_hard_limit_closes_as_soon_as_it_is_reached() {
        let (limits, mut state, now) = (limits(), LimitState::default(), start());
        assert_eq!(limits.check(&mut state, Class::PubSub, 999, now), Verdict::Keep);
        let reason = CloseReason::Hard { bytes: 1000, limit: 1000 };
        assert_eq!(limits.check(&mut state, Class::PubSub, 1000, now), Verdict::Close(reason));
    }

    #[test]
    fn the_soft_limit_closes_after_its_time_without_a_break() {
        let (limits, mut state, now) = (limits(), LimitState::default(), start());
        let mut check =
            |bytes, seconds| limits.check(&mut state, Class::PubSub, bytes, now + seconds * SECOND);
        assert_eq!(check(500, 0), Verdict::Keep);
        assert_eq!(check(900, 10), Verdict::Keep);
        assert_eq!(check(499, 10), Verdict::Keep);
        assert_eq!(check(500, 11), Verdict::Keep, "the time begins anew");
        assert_eq!(check(500, 21), Verdict::Keep);
        let reason = CloseReason::Soft { bytes: 500, limit: 500, held: 11 * SECOND };
        assert_eq!(check(500, 22), Verdict::Close(reason));
    }

    #[test]
    fn a_soft_limit_without_time_closes_at_the_second_look() {
        let (mut limits, mut state, now) = (limits(), LimitState::default(), start());
        let class = ClassLimits { hard: 0, soft: 500, soft_time: Duration::ZERO };
        limits.set_class(Class::PubSub, class);
        assert_eq!(limits.check(&mut state, Class::PubSub, u64::MAX, now), Verdict::Keep);
        let verdict = limits.check(&mut state, Class::PubSub, u64::MAX, now + SECOND / 1000);
        assert!(matches!(verdict, Verdict::Close(CloseReason::Soft { .. })));
    }

    #[test]
    fn no_limit_is_no_limit() {
        let (limits, mut state, now) = (limits(), LimitState::default(), start());
        for seconds in 0..100 {
            let later = now + seconds * SECOND;
            assert_eq!(limits.check(&mut state, Class::Normal, u64::MAX, later), Verdict::Keep);
        }
    }

    #[test]
    fn replicas_may_have_at_least_the_backlog() {
        let (mut limits, mut state, now) = (limits(), LimitState::default(), start());
        let class = ClassLimits { hard: 1000, soft: 0, soft_time: Duration::ZERO };
        limits.set_class(Class::Replica, class);
        let floor = 1 << 20;
        assert_eq!(limits.check(&mut state, Class::Replica, floor - 1, now), Verdict::Keep);
        let reason = CloseReason::Hard { bytes: floor, limit: floor };
        assert_eq!(limits.check(&mut state, Class::Replica, floor, now), Verdict::Close(reason));
        limits.set_replica_floor(0);
        let reason = CloseReason::Hard { bytes: 1000, limit: 1000 };
        assert_eq!(limits.check(&mut state, Class::Replica, 1000, now), Verdict::Close(reason));
        limits.set_class(Class::Replica, ClassLimits { hard: 0, ..class });
        assert_eq!(limits.check(&mut state, Class::Replica, u64::MAX, now), Verdict::Keep);
    }

    #[test]
    fn reasons_say_how_much_was_held() {
        let hard = CloseReason::Hard { bytes: 1001, limit: 1000 };
        assert_eq!(hard.to_string(), "1001 bytes reach the hard limit of 1000");
        let soft = CloseReason::Soft { bytes: 600, limit: 500, held: 11 * SECOND };
        assert_eq!(soft.to_string(), "600 bytes reach the soft limit of 500 since 11 seconds");
    }
}
