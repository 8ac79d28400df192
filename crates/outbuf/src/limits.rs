//! How much a client may leave unread: `client-output-buffer-limit`.

use std::fmt;
use std::time::{Duration, Instant};

/// What a client is, as far as its output buffer is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It gets replies to its commands.
    Normal,
    /// It gets the replication stream, or the commands of all (MONITOR).
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

    /// Whether a client of `class` that holds `bytes` may stay. Ask whenever its output grew, and
    /// from time to time (each second, say) while it holds any.
    pub fn check(&self, state: &mut LimitState, class: Class, bytes: u64, now: Instant) -> Verdict {
        let limits = self.class(class);
        let reached = |limit: u64| limit != 0 && bytes >= limit;
        if reached(limits.hard) {
            return Verdict::Close(CloseReason::Hard { bytes, limit: limits.hard });
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
