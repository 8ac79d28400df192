//! The primary's clock: pings, keep-alives, replicas that fell silent, the backlog's end.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::event::DisconnectReason;
use super::link::{Link, Stage};
use super::{Primary, PrimaryEvent, Upstream};

/// How often those who wait for an RDB get an empty line.
const NEWLINE_PERIOD: Duration = Duration::from_secs(1);

/// The keep-alive in the stream, lower case as Redis 7.0 and later send it.
const PING: &[u8] = b"*1\r\n$4\r\nping\r\n";

impl Primary {
    /// When [`handle_timeout`](Primary::handle_timeout) wants to be called, and
    /// [`poll_snapshot`](Primary::poll_snapshot) asked again. Changes with every `&mut self` call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let silence = self.links.iter().filter_map(|link| self.deadline(link)).map(|(at, _)| at);
        let timers = [self.snapshot_due(), self.newline_due(), self.ping_due(), self.backlog_end()];
        timers.into_iter().flatten().chain(silence).min()
    }

    /// Pings, keep-alives, timeouts, the backlog's end. Early or twice it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.cut_silent_links(now);
        if self.newline_due().is_some_and(|due| due <= now) {
            self.last_newline = Some(now);
            for link in self.links.iter().filter(|link| link.waits()) {
                self.transmit.push_back((link.id, Bytes::from_static(b"\n")));
            }
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.last_ping = Some(now);
            self.append(PING);
        }
        if self.backlog_end().is_some_and(|end| end <= now) {
            self.free_backlog();
        }
    }

    fn cut_silent_links(&mut self, now: Instant) {
        let late = |link: &Link| self.deadline(link).filter(|(at, _)| *at <= now);
        let cut: Vec<_> =
            self.links.iter().filter_map(|link| Some((link.id, late(link)?.1))).collect();
        for (id, reason) in cut {
            self.disconnect(id, reason, now);
        }
    }

    /// When the link will have been silent for too long.
    fn deadline(&self, link: &Link) -> Option<(Instant, DisconnectReason)> {
        let (last, reason) = match link.stage {
            Stage::Waiting { .. } | Stage::File => return None,
            Stage::Online { .. } if link.old => return None,
            Stage::Online { .. } | Stage::Parked | Stage::Beside => {
                (link.heard, DisconnectReason::StreamTimeout)
            }
            // A replica that empties its old data set reads nothing, but sends empty lines.
            Stage::Eof { .. } | Stage::Bulk | Stage::Pinned => {
                (link.took.max(link.heard), DisconnectReason::TransferTimeout)
            }
        };
        Some((last + self.config.timeout, reason))
    }

    fn newline_due(&self) -> Option<Instant> {
        let last = self.last_newline.filter(|_| self.links.iter().any(Link::waits))?;
        Some(last + NEWLINE_PERIOD)
    }

    /// The stream of another primary holds that one's pings, and must hold no others.
    fn ping_due(&self) -> Option<Instant> {
        let streams = self.links.iter().any(|link| link.cursor.is_some());
        let pings = streams && self.upstream == Upstream::None && !self.held;
        let last = self.last_ping.filter(|_| pings)?;
        Some(last + self.config.ping_period)
    }

    fn backlog_end(&self) -> Option<Instant> {
        let idle = self.backlog.is_some() && self.upstream == Upstream::None;
        let since = self.no_replicas_since.filter(|_| idle)?;
        Some(since + self.config.backlog_ttl?)
    }

    /// Writes are not counted without a backlog, so the id must not name what follows.
    fn free_backlog(&mut self) {
        self.offset = self.offset();
        self.drop_backlog();
        let replid = self.fresh_id();
        self.history.restart(replid);
        self.events.push_back(PrimaryEvent::BacklogFreed { replid });
    }
}
