//! The replica's clock: attempts, acknowledgements, keep-alives, a primary that fell silent.

use std::time::{Duration, Instant};

use super::{Replica, ReplicaEvent, State};
use crate::Error;

/// How often an ACK is sent without being asked for.
pub(super) const ACK_PERIOD: Duration = Duration::from_secs(1);
/// How often an empty line is sent while the data set comes and is loaded.
pub(super) const NEWLINE_PERIOD: Duration = Duration::from_secs(1);

impl Replica {
    /// When [`handle_timeout`](Replica::handle_timeout) wants to be called. `None` only after an
    /// error, until the connection is closed. Changes with every call that takes `now`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let silence = self.silence_end();
        match self.state {
            State::Waiting { until } => Some(until),
            State::Failed(_) => None,
            State::Streaming if self.loading => Some(self.next_newline.min(silence)),
            State::Streaming => Some(self.next_ack.min(silence)),
            State::Parked(_) => Some(self.next_newline),
            State::Rdb(_) | State::Marker(_) | State::Whole(_) => {
                Some(self.next_newline.min(silence))
            }
            _ => Some(silence),
        }
    }

    /// ACKs, keep-alives, silence of the primary, the next attempt. Early or twice it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match self.state {
            State::Waiting { .. } => {
                self.state = State::Connecting { since: now };
                self.clock.attempt();
                self.events.push_back(ReplicaEvent::Connect);
            }
            // It is the other connection that is waited for, by its own clock.
            State::Parked(_) => self.say_newline(now),
            _ if self.silence_end() <= now => self.give_up(),
            State::Streaming if self.loading => self.say_newline(now),
            State::Streaming => self.ack_now(now),
            State::Rdb(_) | State::Marker(_) | State::Whole(_) => self.say_newline(now),
            _ => {}
        }
    }

    fn say_newline(&mut self, now: Instant) {
        self.next_newline = now + NEWLINE_PERIOD;
        self.out.push(b'\n');
    }

    fn silence_end(&self) -> Instant {
        let since = match self.state {
            State::Connecting { since } => since,
            _ => self.last_io,
        };
        since + self.config.timeout
    }

    fn give_up(&mut self) {
        let what = match self.state {
            State::Connecting { .. } => "connecting to the primary",
            State::Payload { .. } | State::Rdb(_) | State::Marker(_) | State::Whole(_) => {
                "receiving bulk data from the primary"
            }
            State::Streaming => "no data nor PING received from the primary",
            _ => "waiting for a reply of the primary's handshake",
        };
        let error = Error::Timeout { what };
        self.state = State::Failed(error.clone());
        self.events.push_back(ReplicaEvent::Disconnect { reason: error });
    }
}
