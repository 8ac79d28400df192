//! Both ends of replication: the link to this node's primary, and the links to its replicas.

mod admission;
mod disk_wait;
mod empty_primary;
mod outgoing;
pub(crate) mod rdb_version;
mod replay;
mod side;
mod upstream;

pub(crate) use admission::Admission;
pub(crate) use disk_wait::DiskWait;
pub(crate) use outgoing::{Outgoing, Outgoings, SendError, Sent};
pub(crate) use replay::{Replay, Replayed};
pub(crate) use upstream::{Received, Upstream};
