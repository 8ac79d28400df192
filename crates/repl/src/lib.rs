#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod admission;
mod backlog;
mod error;
mod history;
mod offset;
mod primary;
mod replica;

pub use admission::{Outlook, RateMeter, SyncForecast, SyncPlan};
pub use backlog::{
    Backlog, Chain, Cursor, DamagedSegment, Fetch, FoundSegment, Segment, SegmentId, SpillConfig,
    SpillStats, Store,
};
pub use error::Error;
pub use history::{History, ReplId};
pub use offset::Offset;
pub use primary::{
    Decision, DisconnectReason, Entropy, Framing, FullResyncReason, LinkKind, LinkState, Primary,
    PrimaryConfig, PrimaryEvent, RdbFilter, ReplconfReply, ReplicaId, ReplicaView, SnapshotInfo,
    SnapshotRequest, Upstream,
};
pub use replica::{
    Progress, RdbChannel, Replica, ReplicaConfig, ReplicaEvent, ReplicaPhase, ReplicaStatus, Step,
    TwoConnections, Uptime,
};
