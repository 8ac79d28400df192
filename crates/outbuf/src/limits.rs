//! How much a client may leave unread: `client-output-buffer-limit`.

use std::fmt;
use std::time::{Duration, Instant};

use crate::Class;
use crate::error::Error;
use crate::memory::memory_size;

/// The limits of one class; 0 bytes means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassLimits {
    /// Bytes that close the client at once.
    pub hard: u64,
    /// Bytes that close the client when it holds them for `soft_time` without a break.
    pub soft: u64,
    /// How long the soft limit may be exceeded, in whole seconds.
    pub soft_time: Duration,
}

/// `<hard> <soft> <seconds>`, sizes in bytes.
impl fmt::Display for ClassLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.hard, self.soft, self.soft_time.as_secs())
    }
}

impl ClassLimits {
    /// Reads the three words behind a class, as servers do: sizes perhaps with a unit (`64mb`),
    /// seconds from 0 to 2^31 - 1.
    fn parse(hard: &[u8], soft: &[u8], seconds: &[u8]) -> Option<ClassLimits> {
        let seconds = str::from_utf8(seconds).ok()?.parse::<i32>().ok()?;
        let soft_time = Duration::from_secs(u64::try_from(seconds).ok()?);
        Some(ClassLimits { hard: memory_size(hard)?, soft: memory_size(soft)?, soft_time })
    }
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

/// As CONFIG GET prints it: `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (class, space) in Class::ALL.into_iter().zip(["", " ", " "]) {
            write!(f, "{space}{} {}", class.name(), self.class(class))?;
        }
        Ok(())
    }
}

impl Limits {
    /// Sets the classes that `words` name, as `client-output-buffer-limit` and CONFIG SET have it:
    /// a class, hard, soft and seconds, and perhaps more of the kind. A class that is not named
    /// keeps its limits, one that is named twice has the last. No words at all change nothing.
    ///
    /// ```
    /// use redwire_outbuf::Limits;
    ///
    /// let mut limits = Limits::default();
    /// limits.set_words(&"replica 512mb 128mb 60 normal 1gb 0 0".split(' ').collect::<Vec<_>>())?;
    /// assert_eq!(
    ///     limits.to_string(),
    ///     "normal 1073741824 0 0 slave 536870912 134217728 60 pubsub 33554432 8388608 60"
    /// );
    /// # Ok::<(), redwire_outbuf::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WordCount`], [`Error::UnknownClass`] and [`Error::ClassLimits`], each with the text
    /// of a server; then nothing is changed.
    pub fn set_words<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<(), Error> {
        let (groups, []) = words.as_chunks::<4>() else { return Err(Error::WordCount) };
        let mut limits = *self;
        for [class, hard, soft, seconds] in groups {
            let class = Class::from_name(class.as_ref()).ok_or(Error::UnknownClass)?;
            let given = ClassLimits::parse(hard.as_ref(), soft.as_ref(), seconds.as_ref());
            limits.set_class(class, given.ok_or(Error::ClassLimits)?);
        }
        *self = limits;
        Ok(())
    }

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

    /// How many bytes more a client of `class` that holds `bytes`, and was found good by a
    /// [`check`](Limits::check) at this moment, may be given before the next check can say anything
    /// else: for who judges many clients that grow together, and not at each byte. `u64::MAX` when
    /// there is no limit ahead.
    ///
    /// ```
    /// use redwire_outbuf::{Class, Limits};
    ///
    /// let mut limits = Limits::default();
    /// limits.set_words(&["replica", "256mb", "64mb", "60"])?;
    /// // Up to where the time of the soft limit begins, then up to the hard one.
    /// assert_eq!(limits.room(Class::Replica, 60 << 20), 4 << 20);
    /// assert_eq!(limits.room(Class::Replica, 64 << 20), 192 << 20);
    /// # Ok::<(), redwire_outbuf::Error>(())
    /// ```
    #[must_use]
    pub fn room(&self, class: Class, bytes: u64) -> u64 {
        let ahead = [self.class(class).soft, self.hard(class)].into_iter();
        let ahead = ahead.filter(|limit| bytes < *limit).min();
        ahead.map_or(u64::MAX, |limit| limit - bytes)
    }

    /// Whether a client of `class` that holds `bytes` may stay. Ask whenever its output grew, and
    /// from time to time (each second, say) while it holds any: servers do both, so that a client
    /// is cut when its soft time is over, or a limit was lowered, though it is sent no more.
    ///
    /// The soft limit closes at the end of the whole second that follows its time. Servers compare
    /// whole seconds of the wall clock, so they close somewhere in that second, never before it: a
    /// soft time of 0 stands a burst that is read at once. The time begins anew as soon as a check
    /// finds less than the soft limit.
    pub fn check(&self, state: &mut LimitState, class: Class, bytes: u64, now: Instant) -> Verdict {
        let limits = self.class(class);
        let reached = |limit: u64| limit != 0 && bytes >= limit;
        let hard = self.hard(class);
        if reached(hard) {
            return Verdict::Close(CloseReason::Hard { bytes, limit: hard });
        }
        if !reached(limits.soft) {
            state.over_soft_since = None;
            return Verdict::Keep;
        }
        let since = *state.over_soft_since.get_or_insert(now);
        let held = now.saturating_duration_since(since);
        if held.as_secs() > limits.soft_time.as_secs() {
            return Verdict::Close(CloseReason::Soft { bytes, limit: limits.soft, held });
        }
        Verdict::Keep
    }

    /// The hard limit that counts; 0 is none.
    fn hard(&self, class: Class) -> u64 {
        match (class, self.class(class).hard) {
            (Class::Replica, hard @ 1..) => hard.max(self.replica_floor),
            (_, hard) => hard,
        }
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
    fn a_soft_limit_without_time_closes_in_the_next_second() {
        let (mut limits, mut state, now) = (limits(), LimitState::default(), start());
        let class = ClassLimits { hard: 0, soft: 500, soft_time: Duration::ZERO };
        limits.set_class(Class::PubSub, class);
        assert_eq!(limits.check(&mut state, Class::PubSub, u64::MAX, now), Verdict::Keep);
        let mut check = |after| limits.check(&mut state, Class::PubSub, u64::MAX, now + after);
        assert_eq!(check(SECOND / 1000), Verdict::Keep);
        assert_eq!(check(SECOND * 999 / 1000), Verdict::Keep);
        assert!(matches!(check(SECOND), Verdict::Close(CloseReason::Soft { .. })));
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

    /// Within the room a check says what it said; the byte that fills it is where it may not.
    #[test]
    fn room_ends_at_the_next_limit() {
        let now = start();
        for (hard, soft) in [(0, 0), (1000, 0), (0, 500), (1000, 500), (500, 1000), (1, 1)] {
            let (mut limits, soft_time) = (Limits::default(), SECOND);
            limits.set_class(Class::Replica, ClassLimits { hard, soft, soft_time });
            limits.set_replica_floor(700);
            for bytes in 0..1200 {
                let after = |more: u64| {
                    let mut state = LimitState::default();
                    let verdict = limits.check(&mut state, Class::Replica, bytes + more, now);
                    (verdict == Verdict::Keep, state.over_soft_since.is_some())
                };
                let (keeps, over_soft) = after(0);
                if !keeps {
                    continue;
                }
                let found = (1..1200).find(|more| after(*more) != (keeps, over_soft));
                let room = limits.room(Class::Replica, bytes);
                assert_eq!(room, found.unwrap_or(u64::MAX), "{hard} {soft}: {bytes}");
            }
        }
    }

    #[test]
    fn a_lowered_limit_counts_from_the_next_look_on() {
        let (mut limits, mut state, now) = (limits(), LimitState::default(), start());
        assert_eq!(limits.check(&mut state, Class::PubSub, 499, now), Verdict::Keep);
        limits.set_words(&["pubsub", "400", "0", "0"]).unwrap();
        let reason = CloseReason::Hard { bytes: 499, limit: 400 };
        assert_eq!(limits.check(&mut state, Class::PubSub, 499, now), Verdict::Close(reason));
    }

    #[test]
    fn words_are_read_as_servers_read_them() {
        let rest = "slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        for (words, expected) in [
            ("normal 1mb 512kb 10", Ok("normal 1048576 524288 10")),
            ("NORMAL 1 2 3", Ok("normal 1 2 3")),
            ("normal 1kb 1k 010", Ok("normal 1024 1000 10")),
            ("normal 1b 2B +5", Ok("normal 1 2 5")),
            ("normal 1Gb 1g 0", Ok("normal 1073741824 1000000000 0")),
            ("normal 1mb 512kb 10 normal 3 2 1", Ok("normal 3 2 1")),
            ("slave 256mb 64mb 60", Ok("normal 0 0 0")),
            ("replica 256mb 64mb 60 pubsub 32mb 8mb 60", Ok("normal 0 0 0")),
            ("", Err(Error::WordCount)),
            ("normal 1 2", Err(Error::WordCount)),
            ("normal 1mb  0 0", Err(Error::WordCount)),
            ("bogus 1 2 3", Err(Error::UnknownClass)),
            ("master 1 2 3", Err(Error::UnknownClass)),
            ("normal -1 0 0", Err(Error::ClassLimits)),
            ("normal 0 0 -1", Err(Error::ClassLimits)),
            ("normal x 0 0", Err(Error::ClassLimits)),
            ("normal 1.5mb 0 0", Err(Error::ClassLimits)),
            ("normal 1tb 0 0", Err(Error::ClassLimits)),
            ("normal 0 0 5x", Err(Error::ClassLimits)),
            ("normal 0 0 3000000000", Err(Error::ClassLimits)),
            ("normal 1 2 3 bogus 1 2 3", Err(Error::UnknownClass)),
        ] {
            let mut limits = Limits::default();
            let words: Vec<&str> = words.split(' ').collect();
            let result = limits.set_words(&words);
            let expected = expected.map(|normal| format!("{normal} {rest}"));
            assert_eq!(result.map(|()| limits.to_string()), expected, "{words:?}");
        }
        let mut limits = Limits::default();
        assert_eq!(limits.set_words::<&str>(&[]), Ok(()));
        limits.set_words(&["normal", "1", "1", "x"]).unwrap_err();
        assert_eq!(limits, Limits::default(), "what is refused changes nothing");
    }

    #[test]
    fn what_is_printed_reads_back() {
        let mut limits = Limits::default();
        limits.set_words(&["normal", "7gb", "1k", "2147483647", "replica", "1", "2", "3"]).unwrap();
        let mut read = Limits::default();
        read.set_words(&limits.to_string().split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(read, limits);
    }

    #[test]
    fn reasons_say_how_much_was_held() {
        let hard = CloseReason::Hard { bytes: 1001, limit: 1000 };
        assert_eq!(hard.to_string(), "1001 bytes reach the hard limit of 1000");
        let soft = CloseReason::Soft { bytes: 600, limit: 500, held: 11 * SECOND };
        assert_eq!(soft.to_string(), "600 bytes reach the soft limit of 500 since 11 seconds");
    }
}
