//! [`Two`]: whether a full sync is to have two connections.

use std::path::PathBuf;

use redwire_repl as repl;

use crate::config::TwoConnections;
use crate::core::Core;
use crate::persist::Disk;

/// Attempts with two connections before one is tried again: the primary may not let us.
const SIDE_ATTEMPTS: u32 = 4;

/// As many of them by `repl-two-connections auto`.
const AUTO_ATTEMPTS: u32 = 2;

/// When a full sync is to have two connections.
#[derive(Debug)]
pub(super) struct Two {
    pub(super) mode: TwoConnections,
    /// Folder for what exceeds memory.
    pub(super) folder: PathBuf,
    pub(super) disk: Disk,
    /// Bytes of stream that the disk is to take at most.
    pub(super) disk_limit: u64,
    /// Attempts with two that came to nothing, one after the other.
    pub(super) failures: u32,
}

impl Two {
    pub(super) fn new(core: &Core) -> Self {
        let config = &core.config;
        Self {
            mode: config.repl_two_connections,
            folder: config.dir.clone(),
            disk: core.disk.clone(),
            disk_limit: config.repl_replica_buffer_disk,
            failures: 0,
        }
    }

    pub(super) fn wanted(&self) -> bool {
        match self.mode {
            TwoConnections::No => false,
            TwoConnections::Auto => self.failures < AUTO_ATTEMPTS,
            TwoConnections::Yes => self.failures < SIDE_ATTEMPTS,
        }
    }

    pub(super) fn for_machine(&self) -> repl::TwoConnections {
        if self.wanted() { repl::TwoConnections::Always } else { repl::TwoConnections::No }
    }
}
