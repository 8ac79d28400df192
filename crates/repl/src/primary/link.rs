//! One replica's link, as its primary sees it.

use std::fmt;
use std::time::Instant;

use crate::{Backlog, Cursor, Offset, ReplId};

/// The caller's name for the connection of a replica (or of any client that speaks REPLCONF).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u64);

/// What a replica wants in its RDB (`REPLCONF rdb-filter-only`, `REPLCONF rdb-no-compress`), and what
/// it reads (`REPLCONF version`). Those who differ in any of it get snapshots of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RdbFilter {
    /// Leave out the keys.
    pub no_data: bool,
    /// Leave out the functions.
    pub no_functions: bool,
    /// Leave out LZF compression.
    pub no_compression: bool,
    /// It said that it is a Valkey from 9.0 on, which has RDB versions of its own.
    pub valkey_9: bool,
}

/// How far a replica's link is; `Display` is the word in INFO's `slaveN:` lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Waits for a snapshot, for its end, or takes one of unknown length (`wait_bgsave`).
    WaitSnapshot,
    /// Receives the RDB of known length (`send_bulk`).
    SendBulk,
    /// Receives the RDB on another connection, and the stream on this one
    /// (`send_bulk_and_stream`).
    SendBulkAndStream,
    /// Has its data set (`online`).
    Online,
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LinkState::WaitSnapshot => "wait_bgsave",
            LinkState::SendBulk => "send_bulk",
            LinkState::SendBulkAndStream => "send_bulk_and_stream",
            LinkState::Online => "online",
        })
    }
}

/// What a replica's connection is for; `Display` is the word behind `type=` in the `slaveN:` lines
/// of Valkey's INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// For all of it (`replica`): so it is again once a full sync over two connections is over.
    Replica,
    /// For the RDB, where the stream is to come on another one (`rdb-channel`).
    RdbChannel,
    /// For the stream, while the RDB comes on another one or is being loaded (`main-channel`).
    MainChannel,
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LinkKind::Replica => "replica",
            LinkKind::RdbChannel => "rdb-channel",
            LinkKind::MainChannel => "main-channel",
        })
    }
}

/// A replica as INFO and ROLE show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView<'a> {
    /// Its connection.
    pub id: ReplicaId,
    /// `ip-address`, when it was announced; else the caller knows the peer's address.
    pub ip: Option<&'a str>,
    /// `listening-port`, 0 when it was not announced.
    pub port: u16,
    /// `version`, when it was announced (Valkey's replicas do).
    pub version: Option<&'a str>,
    /// How far it is.
    pub state: LinkState,
    /// What this connection of it is for.
    pub kind: LinkKind,
    /// Last acknowledged offset.
    pub acked: Offset,
    /// Last acknowledged fsynced offset (FACK), when it sends one.
    pub fsynced: Option<Offset>,
    /// Whole seconds since the last ACK; 0 when it is not online.
    pub lag: u64,
    /// Bytes of stream that it has yet to be sent.
    pub unread: u64,
}

/// What a client said of itself by REPLCONF.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) port: u16,
    pub(super) ip: Option<String>,
    pub(super) version: Option<String>,
    pub(super) capa_eof: bool,
    pub(super) capa_psync2: bool,
    pub(super) capa_rdb_channel: bool,
    pub(super) capa_dual_channel: bool,
    /// It broke off the load of an RDB that it seemed to read.
    pub(super) distrusted: bool,
    pub(super) rdb_only: bool,
    /// This connection is for the RDB of a replica whose stream is on another one.
    pub(super) rdb_channel: bool,
    /// The other connection, as Redis' replicas name it on that of the RDB.
    pub(super) main: Option<ReplicaId>,
    /// The connection of the RDB, as Valkey's replicas name it on the other one.
    pub(super) rdb_client: Option<ReplicaId>,
    pub(super) filter: RdbFilter,
}

/// A client that said PSYNC or SYNC.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: ReplicaId,
    pub(super) peer: Peer,
    pub(super) stage: Stage,
    /// Where its stream goes on. `None` until its snapshot, and for those who want only an RDB.
    pub(super) cursor: Option<Cursor>,
    /// It said SYNC: it never acknowledges.
    pub(super) old: bool,
    /// The version of its RDB, where that is not the oldest that holds the data.
    pub(super) rdb_version: Option<u16>,
    pub(super) acked: Offset,
    pub(super) fsynced: Option<Offset>,
    /// When it was last heard.
    pub(super) heard: Instant,
    /// When it last took bytes of its RDB.
    pub(super) took: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// For a snapshot to be taken.
    Waiting { since: Instant },
    /// For a snapshot to be taken for another connection, which carries the RDB. The stream is to
    /// flow on this one.
    Parked,
    /// The stream flows, and the RDB on another connection: until the first ACK.
    Beside,
    /// For the length of the snapshot that was taken.
    File,
    /// The RDB of known length is on its way.
    Bulk,
    /// The RDB is on its way, this marker will end it.
    Eof { marker: ReplId },
    /// The RDB is sent, and the stream is kept for the other connection, which has yet to ask.
    Pinned,
    /// It has its data set. Behind an end marker the stream flows from the first ACK on: until
    /// then the replica may still be loading, and not reading.
    Online { flows: bool },
}

impl Link {
    pub(super) fn new(id: ReplicaId, peer: Peer, stage: Stage, now: Instant) -> Link {
        Link {
            id,
            peer,
            stage,
            cursor: None,
            old: false,
            rdb_version: None,
            acked: Offset::ZERO,
            fsynced: None,
            heard: now,
            took: now,
        }
    }

    pub(super) fn state(&self) -> LinkState {
        match self.stage {
            Stage::Waiting { .. } | Stage::Parked | Stage::File | Stage::Eof { .. } => {
                LinkState::WaitSnapshot
            }
            Stage::Beside => LinkState::SendBulkAndStream,
            Stage::Bulk | Stage::Pinned => LinkState::SendBulk,
            Stage::Online { .. } => LinkState::Online,
        }
    }

    fn kind(&self) -> LinkKind {
        match self.stage {
            _ if self.peer.rdb_channel => LinkKind::RdbChannel,
            Stage::Parked | Stage::Beside => LinkKind::MainChannel,
            _ => LinkKind::Replica,
        }
    }

    pub(super) fn is_online(&self) -> bool {
        self.state() == LinkState::Online
    }

    /// Whether its RDB is on the way, or not known to be loaded.
    pub(super) fn is_loading(&self) -> bool {
        let sent = Stage::Online { flows: false };
        matches!(self.stage, Stage::Eof { .. } | Stage::Bulk | Stage::Beside | Stage::Pinned)
            || self.stage == sent
    }

    /// Whether its stream flows.
    pub(super) fn flows(&self) -> bool {
        matches!(self.stage, Stage::Online { flows: true } | Stage::Beside)
    }

    /// Whether it waits in silence, and is to be told now and then that we live.
    pub(super) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. } | Stage::File)
    }

    pub(super) fn unread(&self, backlog: Option<&Backlog>) -> u64 {
        match (&self.cursor, backlog) {
            (Some(cursor), Some(backlog)) => backlog.unread(cursor),
            _ => 0,
        }
    }

    pub(super) fn view(&self, backlog: Option<&Backlog>, now: Instant) -> ReplicaView<'_> {
        let silence = now.saturating_duration_since(self.heard).as_secs();
        ReplicaView {
            id: self.id,
            ip: self.peer.ip.as_deref(),
            port: self.peer.port,
            version: self.peer.version.as_deref(),
            state: self.state(),
            kind: self.kind(),
            acked: self.acked,
            fsynced: self.fsynced,
            lag: if self.is_online() { silence } else { 0 },
            unread: self.unread(backlog),
        }
    }
}
