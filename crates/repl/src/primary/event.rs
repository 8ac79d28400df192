//! What the primary tells its caller.

use std::fmt;

use super::ReplicaId;
use crate::ReplId;

/// What happened at the primary; [`Primary::poll_event`](crate::Primary::poll_event).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrimaryEvent {
    /// Close this connection. It is no replica any more; what it says is not to be read.
    Disconnect {
        /// Whose connection.
        id: ReplicaId,
        /// For the log.
        reason: DisconnectReason,
        /// Whether what is queued for the connection is to be sent first.
        flush: bool,
    },
    /// The full sync of a replica is over ("Synchronization with replica ... succeeded").
    Online {
        /// Which replica.
        id: ReplicaId,
    },
    /// Nobody waits for the running snapshot any more: it need not be finished.
    SnapshotAbandoned,
    /// The first replica came: a backlog was made ("Replication backlog created, my new
    /// replication IDs are ...").
    BacklogCreated {
        /// The id, new unless this node follows a primary.
        replid: ReplId,
    },
    /// `repl-backlog-ttl` ran out: the backlog is gone, and with it the id ("Replication backlog
    /// freed after ... seconds without connected replicas.").
    BacklogFreed {
        /// The new id.
        replid: ReplId,
    },
}

/// Why a replica is disconnected; `Display` is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// It did not acknowledge for `repl-timeout`.
    StreamTimeout,
    /// It took nothing of its RDB for `repl-timeout`.
    TransferTimeout,
    /// It acknowledged what was never written.
    AckFromTheFuture,
    /// Its snapshot could not be written.
    SnapshotFailed,
    /// It wanted only an RDB and has it: send what is queued before closing.
    RdbOnly,
    /// The other connection of its full sync is gone.
    OtherConnectionLost,
    /// What it has yet to be sent was dropped: the disk's limit was reached, or a segment of the
    /// backlog could not be read.
    HistoryLost,
    /// Our replication id changed: it will learn the new one when it comes again.
    HistoryChanged,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DisconnectReason::StreamTimeout => "timed out (streaming sync)",
            DisconnectReason::TransferTimeout => "timed out (full sync)",
            DisconnectReason::AckFromTheFuture => "it acknowledged more than was written",
            DisconnectReason::SnapshotFailed => "SYNC failed: no snapshot could be made",
            DisconnectReason::RdbOnly => "RDB transfer completed, it wanted nothing more",
            DisconnectReason::OtherConnectionLost => "the other connection of its sync is gone",
            DisconnectReason::HistoryLost => "the backlog does not reach back to it any more",
            DisconnectReason::HistoryChanged => "the replication ID changed",
        })
    }
}
