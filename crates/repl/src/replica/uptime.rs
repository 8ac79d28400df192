//! [`Uptime`]: since when a link is up or down, and what it took to get there.

use std::time::{Duration, Instant};

/// Since when the link is up or down, and how often it was tried to get it up.
///
/// The link is up while the stream flows onto a data set that is whole. What goes before the first time is
/// no outage. Names of INFO are those of Redis, from 8.6 on where it is not
/// `master_link_down_since_seconds`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uptime {
    /// How long the link is up (`master_link_up_since_seconds`); `None` when it is down.
    pub up_for: Option<Duration>,
    /// How long it is down (`master_link_down_since_seconds`); `None` (-1 there) when it is up, and when it
    /// was not yet.
    pub down_for: Option<Duration>,
    /// How long it was down in all outages, this one included (`total_disconnect_time_sec`).
    pub down_total: Duration,
    /// Connections that were tried since it broke last, or since the start
    /// (`master_current_sync_attempts`).
    pub attempts: u64,
    /// Connections that were tried since the start (`master_total_sync_attempts`).
    pub attempts_total: u64,
}

/// What an [`Uptime`] is told from.
#[derive(Debug, Default)]
pub(super) struct Clock {
    link: Link,
    /// Of outages that are over.
    down_total: Duration,
    attempts: u64,
    attempts_total: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Link {
    /// It was not up yet.
    #[default]
    New,
    Up {
        since: Instant,
    },
    Down {
        since: Instant,
    },
}

impl Clock {
    /// A connection is tried.
    pub(super) fn attempt(&mut self) {
        self.attempts += 1;
        self.attempts_total += 1;
    }

    pub(super) fn up(&mut self, now: Instant) {
        if !matches!(self.link, Link::Up { .. }) {
            self.down_total = self.read(now).down_total;
            self.link = Link::Up { since: now };
        }
    }

    pub(super) fn down(&mut self, now: Instant) {
        if matches!(self.link, Link::Up { .. }) {
            (self.link, self.attempts) = (Link::Down { since: now }, 0);
        }
    }

    pub(super) fn read(&self, now: Instant) -> Uptime {
        let lasts = |since| Some(now.saturating_duration_since(since));
        let (up_for, down_for) = match self.link {
            Link::New => (None, None),
            Link::Up { since } => (lasts(since), None),
            Link::Down { since } => (None, lasts(since)),
        };
        Uptime {
            up_for,
            down_for,
            down_total: self.down_total + down_for.unwrap_or_default(),
            attempts: self.attempts,
            attempts_total: self.attempts_total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    fn outages_and_attempts_are_counted() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        let mut clock = Clock::default();
        // (up, down, all that it was down, attempts, all of them) at a moment.
        let read = |clock: &Clock, now: u64| {
            let Uptime { up_for, down_for, down_total, attempts, attempts_total } =
                clock.read(at(now));
            let total = down_total.as_secs();
            (seconds(up_for), seconds(down_for), total, attempts, attempts_total)
        };
        assert_eq!(read(&clock, 1), (None, None, 0, 0, 0));
        clock.attempt();
        clock.attempt();
        clock.down(at(2));
        assert_eq!(read(&clock, 3), (None, None, 0, 2, 2));
        clock.up(at(4));
        clock.up(at(5));
        assert_eq!(read(&clock, 7), (Some(3), None, 0, 2, 2));
        clock.down(at(10));
        clock.attempt();
        clock.down(at(12));
        assert_eq!(read(&clock, 13), (None, Some(3), 3, 1, 3));
        clock.attempt();
        clock.up(at(15));
        assert_eq!(read(&clock, 16), (Some(1), None, 5, 2, 4));
        clock.down(at(20));
        assert_eq!(read(&clock, 22), (None, Some(2), 7, 0, 4));
    }
}
