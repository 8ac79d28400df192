//! Full resync: one snapshot for all who wait, and its way onto their links.

use std::time::Instant;

use bytes::Bytes;

use super::event::DisconnectReason;
use super::link::{Link, RdbFilter, Stage};
use super::{Primary, PrimaryEvent, ReplicaId, Upstream};
use crate::{Offset, ReplId};

/// How the RDB is put on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `$EOF:<marker>\r\n`, RDB of unknown length, marker: sent while it is made.
    Eof,
    /// `$<len>\r\n`, RDB: sent when its length is known.
    Length,
}

/// Replicas that wait for one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRequest {
    /// Who waits for it at this moment; [`SnapshotInfo::replicas`] is the list that counts.
    pub replicas: Vec<ReplicaId>,
    /// How it is framed for all of them: [`Framing::Length`] as soon as one cannot do without.
    pub framing: Framing,
    /// What it leaves out.
    pub filter: RdbFilter,
    /// The newest RDB version that all of them are known to read, by its number. `None` when one
    /// of them said nothing of itself, or is [distrusted](Primary::distrust): then it is best
    /// written in the oldest that holds the data.
    pub rdb_version: Option<u16>,
}

/// A snapshot's place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Who gets it.
    pub replicas: Vec<ReplicaId>,
    /// The RDB's aux field `repl-id`.
    pub replid: ReplId,
    /// The RDB's aux field `repl-offset`.
    pub offset: Offset,
    /// The RDB's aux field `repl-stream-db`.
    pub stream_db: u32,
    /// The version to write it in, as [`SnapshotRequest::rdb_version`].
    pub rdb_version: Option<u16>,
}

/// The snapshot that is written now.
#[derive(Debug)]
pub(super) struct Snapshot {
    framing: Framing,
    filter: RdbFilter,
    rdb_version: Option<u16>,
    offset: Offset,
    members: Vec<ReplicaId>,
}

impl Snapshot {
    /// Whether `id` was a member, and is no more.
    fn leave(&mut self, id: ReplicaId) -> bool {
        let before = self.members.len();
        self.members.retain(|member| *member != id);
        self.members.len() < before
    }
}

impl Primary {
    /// A snapshot that is due now. Take it and call [`snapshot_started`](Primary::snapshot_started)
    /// before anything more is fed, and not in the middle of a transaction. The request is answered
    /// again until then. Changes with `psync`, `sync`, `snapshot_finished`, `disconnected`, time.
    #[must_use]
    pub fn poll_snapshot(&mut self, now: Instant) -> Option<SnapshotRequest> {
        if self.snapshot.is_some() {
            return None;
        }
        if self.requested.is_none() {
            let (framing, filter, due) = self.next_group()?;
            self.requested = (due <= now).then_some((framing, filter));
        }
        let (framing, filter) = self.requested?;
        let replicas = self.group(framing, filter);
        if replicas.is_empty() {
            self.requested = None;
            return None;
        }
        let rdb_version = self.common_version(&replicas);
        Some(SnapshotRequest { replicas, framing, filter, rdb_version })
    }

    /// The requested snapshot is taken at this moment of the stream. Its replicas get
    /// `+FULLRESYNC` (and by [`Framing::Eof`] the header of the RDB) through
    /// [`poll_transmit`](Primary::poll_transmit), and what is fed from now on waits behind their
    /// RDB. `None` when nothing is requested, or those who wanted it are gone.
    pub fn snapshot_started(&mut self, now: Instant) -> Option<SnapshotInfo> {
        let (framing, filter) = self.requested.take()?;
        let replicas = self.group(framing, filter);
        if replicas.is_empty() {
            return None;
        }
        let rdb_version = self.common_version(&replicas);
        let stream_db = self.selected.unwrap_or(0);
        if self.upstream == Upstream::None {
            // The new replicas have not seen in which database the stream is.
            self.selected = None;
        }
        let (replid, offset) = (self.history.replid(), self.offset());
        let stage = match framing {
            Framing::Eof => Stage::Eof { marker: self.fresh_id() },
            Framing::Length => Stage::File,
        };
        for &id in &replicas {
            self.start_transfer(id, stage, (offset, stream_db), now);
            self.note_version(id, rdb_version);
            self.stream_beside(id, offset, now);
        }
        self.snapshot =
            Some(Snapshot { framing, filter, rdb_version, offset, members: replicas.clone() });
        Some(SnapshotInfo { replicas, replid, offset, stream_db, rdb_version })
    }

    /// The snapshot is written whole, `len` bytes, and the next one may be asked for. By
    /// [`Framing::Length`] the replicas that are returned get their header now; put the RDB on
    /// their links. By [`Framing::Eof`] none is returned: their RDB is on its way.
    pub fn snapshot_finished(&mut self, len: u64, now: Instant) -> Vec<ReplicaId> {
        let Some(snapshot) = self.snapshot.take_if(|s| s.framing == Framing::Length) else {
            self.snapshot = None;
            return Vec::new();
        };
        for link in self.links.iter_mut().filter(|link| snapshot.members.contains(&link.id)) {
            link.stage = Stage::Bulk;
            link.took = now;
            self.transmit.push_back((link.id, format!("${len}\r\n").into()));
        }
        snapshot.members
    }

    /// The snapshot did not come about: those who wait for it, or for its rest, are disconnected
    /// and will come again.
    pub fn snapshot_failed(&mut self, now: Instant) {
        let members = match (self.snapshot.take(), self.requested.take()) {
            (Some(snapshot), _) => snapshot.members,
            (None, Some((framing, filter))) => self.group(framing, filter),
            (None, None) => return,
        };
        for id in members {
            self.disconnect(id, DisconnectReason::SnapshotFailed, now);
        }
    }

    /// The link took some bytes of the RDB: it is alive.
    pub fn transfer_progress(&mut self, id: ReplicaId, now: Instant) {
        if let Some(link) = self.link_mut(id) {
            link.took = now;
        }
    }

    /// All bytes of the RDB are sent, or in the link's queue. The end marker follows ([`Framing::Eof`]),
    /// then the stream: at once, or after a marker from the replica's first ACK on.
    pub fn transfer_done(&mut self, id: ReplicaId, now: Instant) {
        let Some(link) = self.link_mut(id) else { return };
        let flows = match link.stage {
            Stage::Eof { .. } => false,
            Stage::Bulk => true,
            _ => return,
        };
        let (old, rdb_only) = (link.stage, link.peer.rdb_only);
        let pinned = rdb_only && link.cursor.is_some();
        link.stage = Stage::Online { flows };
        link.heard = now;
        if let Stage::Eof { marker } = old {
            self.transmit.push_back((id, Bytes::copy_from_slice(marker.as_bytes())));
        }
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.leave(id);
        }
        if pinned {
            if let Some(link) = self.link_mut(id) {
                link.stage = Stage::Pinned;
            }
        } else if rdb_only {
            self.disconnect(id, DisconnectReason::RdbOnly, now);
        } else {
            self.events.push_back(PrimaryEvent::Online { id });
        }
    }

    /// When the next snapshot is due, if one is waited for and may be asked for.
    pub(super) fn snapshot_due(&self) -> Option<Instant> {
        if self.snapshot.is_some() || self.requested.is_some() {
            return None;
        }
        self.next_group().map(|(_, _, due)| due)
    }

    /// A replica that comes while a snapshot is written to be sent by length may have it too.
    pub(super) fn join_snapshot(&mut self, id: ReplicaId, now: Instant) {
        let Some(link) = self.links.iter().find(|link| link.id == id) else { return };
        let Some(snapshot) = &self.snapshot else { return };
        let version = snapshot.rdb_version;
        let reads = self.reads(link, version);
        let Some(snapshot) = &mut self.snapshot else { return };
        let (Some(backlog), offset) = (&self.backlog, snapshot.offset) else { return };
        let able = snapshot.framing == Framing::Length && !link.peer.rdb_channel;
        let same = able && snapshot.filter == link.peer.filter;
        // The stream since the snapshot is still whole as long as somebody pins it.
        if same && reads && backlog.first() <= offset {
            snapshot.members.push(id);
            self.start_transfer(id, Stage::File, (offset, 0), now);
            self.note_version(id, version);
        }
    }

    /// This link is gone. A snapshot that nobody waits for is not worth its end.
    pub(super) fn leave_snapshot(&mut self, id: ReplicaId) {
        let Some(snapshot) = &mut self.snapshot else { return };
        if snapshot.leave(id) && snapshot.members.is_empty() {
            self.snapshot = None;
            self.events.push_back(PrimaryEvent::SnapshotAbandoned);
        }
    }

    /// Of two connections both are noted: it may be either that breaks.
    fn note_version(&mut self, id: ReplicaId, version: Option<u16>) {
        let main = self.link(id).and_then(|link| link.peer.main);
        for link in self.links.iter_mut().filter(|link| link.id == id || Some(link.id) == main) {
            link.rdb_version = version;
        }
    }

    fn start_transfer(
        &mut self,
        id: ReplicaId,
        stage: Stage,
        (offset, stream_db): (Offset, u32),
        now: Instant,
    ) {
        let replid = self.history.replid();
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        let mut head = String::new();
        if link.is_valkey_channel() {
            head = format!("$ENDOFF:{offset} {replid} {stream_db} {}\r\n", id.0);
        } else if !link.old {
            head = format!("+FULLRESYNC {replid} {offset}\r\n");
        }
        if let Stage::Eof { marker } = stage {
            head += &format!("$EOF:{marker}\r\n");
        }
        link.stage = stage;
        link.took = now;
        // Valkey's other connection comes for the stream when it has heard of the place.
        if !link.peer.rdb_only || link.is_valkey_channel() {
            link.cursor = self.backlog.as_mut().and_then(|backlog| backlog.cursor_at(offset));
        }
        if !head.is_empty() {
            self.transmit.push_back((id, head.into()));
        }
    }

    /// Framing, filter and time of the next snapshot: the one that the longest waiting replica
    /// wants.
    fn next_group(&self) -> Option<(Framing, RdbFilter, Instant)> {
        let (first, since) = self.waiting().next()?;
        let filter = first.peer.filter;
        let group = || self.waiting().filter(|(link, _)| link.peer.filter == filter);
        let marked = self.config.diskless && group().all(|(link, _)| link.peer.capa_eof);
        if !marked && !first.peer.rdb_channel {
            return Some((Framing::Length, filter, since));
        }
        let enough = self.config.diskless_max_replicas;
        let full = enough > 0 && group().count() >= enough;
        let due = if full { since } else { since + self.config.diskless_delay };
        Some((Framing::Eof, filter, due))
    }

    fn waiting(&self) -> impl Iterator<Item = (&Link, Instant)> {
        self.links.iter().filter_map(|link| match link.stage {
            Stage::Waiting { since } => Some((link, since)),
            _ => None,
        })
    }

    fn group(&self, framing: Framing, filter: RdbFilter) -> Vec<ReplicaId> {
        let able = |link: &Link| match framing {
            Framing::Length => !link.peer.rdb_channel,
            Framing::Eof => link.peer.capa_eof,
        };
        let fits = |link: &Link| able(link) && link.peer.filter == filter;
        self.waiting().filter(|(link, _)| fits(link)).map(|(link, _)| link.id).collect()
    }
}
