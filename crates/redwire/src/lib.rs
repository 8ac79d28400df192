#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
pub mod blocking;
mod face;
pub mod follow;
mod inbox;
pub mod replica;
mod session;
mod spool;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use address::{Address, NotAnAddress};
pub use spool::{SPOOL_DISK, SPOOL_MEMORY, SpoolLimits, SpoolStatus};

/// Redis' data types and commands, with snapshots that need no fork.
pub use redwire_keyspace as keyspace;
/// A client's queue of reply bytes and its limits.
pub use redwire_outbuf as outbuf;
/// RDB files and `DUMP` payloads.
pub use redwire_rdb as rdb;
/// Backlog, history and both ends of `PSYNC`.
pub use redwire_repl as repl;
/// RESP requests and replies.
pub use redwire_resp as resp;
