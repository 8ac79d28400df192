//! Which RDB version a replica gets.
//!
//! Versions are the numbers of RDB files: up to 79 those of Redis, and of Valkey before 9.0; from
//! 80 on Valkey's own.

use super::link::{Link, Peer};
use super::{Primary, ReplicaId};

/// What Valkey 8 reads, and the newest that both vendors do.
const COMMON: u16 = 11;
/// What Redis 8.0 reads.
const REDIS_8: u16 = 12;
/// What Valkey 9 reads, and the first of its own.
const VALKEY_9: u16 = 80;

/// The first number of the Valkey versions from which on RDB versions are Valkey's own.
pub(super) const VALKEY_9_MAJOR: u32 = 9;

impl Peer {
    /// The first number of the Valkey version that it said it is; a Redis says none.
    pub(super) fn major(&self) -> Option<u32> {
        self.version.as_deref()?.split('.').next()?.parse().ok()
    }

    /// The newest version that it is known to read: Valkey's replicas say what they are, and
    /// those of Redis 8.0 and later give themselves away by what they can do.
    fn rdb_version(&self) -> Option<u16> {
        if self.distrusted {
            return None;
        }
        match self.major() {
            Some(VALKEY_9_MAJOR..) => Some(VALKEY_9),
            Some(8) => Some(COMMON),
            None if self.capa_rdb_channel => Some(REDIS_8),
            // Valkey 8 leaves its version out on the RDB's connection.
            None if self.rdb_channel && self.main.is_none() => Some(COMMON),
            _ => None,
        }
    }
}

impl Primary {
    /// A replica broke its link off while it loaded an RDB of the version that it seemed to read
    /// ([`loads_version`](Primary::loads_version)): its next snapshot is made as for one that said
    /// nothing of itself. Call before its PSYNC or SYNC.
    pub fn distrust(&mut self, id: ReplicaId) {
        self.peers.entry(id).or_default().distrusted = true;
    }

    /// The version of the RDB that this replica is being sent or is loading, where it got a newer
    /// one than it had to ([`SnapshotRequest::rdb_version`](super::SnapshotRequest::rdb_version)).
    #[must_use]
    pub fn loads_version(&self, id: ReplicaId) -> Option<u16> {
        let link = self.link(id)?;
        link.is_loading().then_some(link.rdb_version).flatten()
    }

    /// Whether this replica is being sent an RDB or is loading one.
    #[must_use]
    pub fn is_loading(&self, id: ReplicaId) -> bool {
        self.link(id).is_some_and(Link::is_loading)
    }

    /// The newest version that all of them are known to read.
    pub(super) fn common_version(&self, replicas: &[ReplicaId]) -> Option<u16> {
        let versions = replicas.iter().map(|&id| self.link(id).and_then(|it| self.version_of(it)));
        versions.reduce(|a, b| Some(common(a?, b?))).flatten()
    }

    /// Whether the replica reads an RDB that was made for others, by `version` or the oldest.
    pub(super) fn reads(&self, link: &Link, version: Option<u16>) -> bool {
        version.is_none_or(|version| {
            self.version_of(link).is_some_and(|own| common(own, version) == version)
        })
    }

    /// Of two connections it may be the other one that said it.
    fn version_of(&self, link: &Link) -> Option<u16> {
        let main = link.peer.main.and_then(|main| self.link(main));
        main.map_or(&link.peer, |main| &main.peer).rdb_version()
    }
}

/// The newest version that is read where these are.
fn common(a: u16, b: u16) -> u16 {
    let mixed = (a < VALKEY_9) != (b < VALKEY_9);
    if mixed { a.min(b).min(COMMON) } else { a.min(b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_common() {
        for (a, b, expected) in [(80, 80, 80), (80, 12, 11), (12, 11, 11), (9, 80, 9), (12, 12, 12)]
        {
            assert_eq!((common(a, b), common(b, a)), (expected, expected));
        }
    }

    #[test]
    fn what_replicas_say_of_themselves() {
        let said = |version: Option<&str>, capa_rdb_channel| {
            let version = version.map(str::to_owned);
            Peer { version, capa_rdb_channel, ..Peer::default() }.rdb_version()
        };
        assert_eq!(said(Some("9.1.2"), false), Some(80));
        assert_eq!(said(Some("10.0.0"), true), Some(80));
        assert_eq!(said(Some("8.1.1"), false), Some(11));
        assert_eq!(said(Some("7.2.0"), false), None);
        assert_eq!(said(None, true), Some(12));
        assert_eq!(said(None, false), None);
    }
}
