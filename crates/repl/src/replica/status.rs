//! The replica's link as INFO and ROLE show it.

use std::time::{Duration, Instant};

use super::transfer::Transfer;
use super::{Replica, State, Uptime};
use crate::Offset;

/// How far the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaPhase {
    /// Not connected; the next attempt is set (`connect`).
    Waiting,
    /// [`ReplicaEvent::Connect`](crate::ReplicaEvent::Connect) is out (`connecting`).
    Connecting,
    /// Connected, before the answer to PSYNC (`handshake`).
    Handshake,
    /// A data set comes (`sync`).
    Sync,
    /// The stream flows (`connected`).
    Connected,
}

impl ReplicaPhase {
    /// The word that ROLE uses.
    pub fn name(self) -> &'static str {
        match self {
            ReplicaPhase::Waiting => "connect",
            ReplicaPhase::Connecting => "connecting",
            ReplicaPhase::Handshake => "handshake",
            ReplicaPhase::Sync => "sync",
            ReplicaPhase::Connected => "connected",
        }
    }
}

/// The link as INFO shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// How far it is; `master_link_status` is up in [`ReplicaPhase::Connected`].
    pub phase: ReplicaPhase,
    /// Since the primary was last heard (`master_last_io_seconds_ago`); `None` (-1 there) unless
    /// the stream flows.
    pub last_io: Option<Duration>,
    /// Since when the link is up or down.
    pub uptime: Uptime,
    /// Announced length of the RDB (`master_sync_total_bytes`); `None` without one.
    pub sync_total: Option<u64>,
    /// Bytes of RDB taken (`master_sync_read_bytes`).
    pub sync_read: u64,
    /// Since bytes of the RDB last came (`master_sync_last_io_seconds_ago`); `None` outside of a
    /// full sync.
    pub sync_last_io: Option<Duration>,
    /// Received so far (`slave_read_repl_offset`).
    pub received: Offset,
    /// Applied so far (`slave_repl_offset`).
    pub applied: Offset,
}

impl Replica {
    /// The link as INFO and ROLE show it.
    pub fn status(&self, now: Instant) -> ReplicaStatus {
        let phase = self.phase();
        let since = |then: Instant| now.saturating_duration_since(then);
        let transfer = match &self.state {
            State::Rdb(transfer) | State::Marker(transfer) => Some(transfer),
            _ => None,
        };
        let io = |wanted: ReplicaPhase| (phase == wanted).then(|| since(self.last_io));
        let applied = self.history.map_or(Offset::ZERO, |(_, at)| at);
        let waiting = self.received.saturating_sub(self.position) + self.queued;
        let received = if phase == ReplicaPhase::Connected {
            applied.checked_add(waiting).unwrap_or(applied)
        } else {
            applied
        };
        ReplicaStatus {
            phase,
            last_io: io(ReplicaPhase::Connected),
            uptime: self.clock.read(now),
            sync_total: transfer.and_then(Transfer::announced_len),
            sync_read: transfer.map_or(0, |transfer| transfer.taken),
            sync_last_io: io(ReplicaPhase::Sync),
            received,
            applied,
        }
    }

    /// How far the link is.
    pub fn phase(&self) -> ReplicaPhase {
        match self.state {
            State::Waiting { .. } | State::Failed(_) => ReplicaPhase::Waiting,
            State::Connecting { .. } => ReplicaPhase::Connecting,
            State::Ping | State::Replies(_) | State::Probe(_) | State::Psync => {
                ReplicaPhase::Handshake
            }
            State::Streaming if self.loading => ReplicaPhase::Sync,
            State::Parked(_)
            | State::Payload { .. }
            | State::Rdb(_)
            | State::Marker(_)
            | State::Whole(_) => ReplicaPhase::Sync,
            State::Streaming => ReplicaPhase::Connected,
        }
    }
}
