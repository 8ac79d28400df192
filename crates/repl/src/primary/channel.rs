//! Full syncs over two connections: the RDB on one, the stream on the other, in both vendors' ways.
//!
//! A replica of Redis 8.0 or later is told `+RDBCHANNELSYNC` and our number of its connection,
//! which waits (`Stage::Parked`) until its other connection, which names that number, is due for
//! its snapshot: then the stream flows on the first, and the RDB on the other. A replica of Valkey
//! 8.0 or later is told `+DUALCHANNELSYNC`, and is no replica yet: its other connection is told by
//! `$ENDOFF` where its RDB belongs, and keeps the stream from there until the first one asks for it
//! by the number of the other (`set-rdb-client-id`).

use std::time::Instant;

use bytes::Bytes;

use super::link::{Link, Peer, Stage};
use super::{Decision, DisconnectReason, FullResyncReason, Primary, ReplicaId};
use crate::{Cursor, Offset};

impl Link {
    /// Whether this is the RDB's connection of a replica that speaks as Valkey's do.
    pub(super) fn is_valkey_channel(&self) -> bool {
        self.peer.rdb_channel && self.peer.main.is_none()
    }

    /// Whether the two are connections of one replica.
    fn belongs_to(&self, other: &Link) -> bool {
        let names = |this: &Peer, id| this.main == Some(id) || this.rdb_client == Some(id);
        names(&self.peer, other.id) || names(&other.peer, self.id)
    }

    /// Whether it is to bring an RDB that it has not brought.
    fn lacks_rdb(&self) -> bool {
        self.peer.rdb_channel && matches!(self.stage, Stage::Waiting { .. } | Stage::Eof { .. })
    }
}

impl Primary {
    /// A full resync is due: whether it is to have two connections, and what the replica is told.
    pub(super) fn offer_channel(
        &mut self,
        id: ReplicaId,
        reason: &FullResyncReason,
        now: Instant,
    ) -> Option<Decision> {
        let peer = self.peers.get(&id)?;
        let wanted = self.config.two_connections && self.config.diskless;
        if !wanted || !peer.capa_eof || peer.rdb_only {
            return None;
        }
        let reason = reason.clone();
        if peer.capa_rdb_channel {
            self.attach(id, Stage::Parked, now);
            let reply = Bytes::from(format!("+RDBCHANNELSYNC {}\r\n", id.0));
            return Some(Decision::RdbChannel { reply, reason, is_replica: true });
        }
        peer.capa_dual_channel.then_some(Decision::RdbChannel {
            reply: Bytes::from_static(b"+DUALCHANNELSYNC\r\n"),
            reason,
            is_replica: false,
        })
    }

    /// Whether the RDB's connection names one that does not wait for it.
    pub(super) fn names_nobody(&self, id: ReplicaId) -> bool {
        let main = self.peers.get(&id).filter(|peer| peer.rdb_channel).and_then(|peer| peer.main);
        let waits = |main| self.link(main).is_some_and(|link| link.stage == Stage::Parked);
        main.is_some_and(|main| !waits(main))
    }

    /// Whether it is the RDB's connection of a replica whose other connection is a link, too.
    pub(super) fn is_second(&self, link: &Link) -> bool {
        link.peer.rdb_channel && self.links.iter().any(|other| other.belongs_to(link))
    }

    /// Whether this is the RDB's connection of a replica that takes the stream on another one
    /// meanwhile, so that none of it is held here.
    #[must_use]
    pub fn streams_beside(&self, id: ReplicaId) -> bool {
        self.link(id).is_some_and(|link| link.peer.rdb_only)
    }

    /// How many connections of an RDB have heard where it belongs in the stream, and keep that for
    /// another one which has yet to ask for it (`replicas_waiting_psync` in Valkey's INFO).
    #[must_use]
    pub fn waiting_psync(&self) -> usize {
        let waits = |link: &&Link| link.is_valkey_channel() && link.cursor.is_some();
        self.links.iter().filter(waits).count()
    }

    /// The snapshot for the RDB's connection `id` is taken at `offset`: the stream begins on the
    /// other one.
    pub(super) fn stream_beside(&mut self, id: ReplicaId, offset: Offset, now: Instant) {
        let Some(main) = self.link(id).and_then(|link| link.peer.main) else { return };
        let Some(link) = self.links.iter_mut().find(|link| link.id == main) else { return };
        link.cursor = self.backlog.as_mut().and_then(|backlog| backlog.cursor_at(offset));
        link.stage = Stage::Beside;
        link.heard = now;
    }

    /// The stream that was kept for this connection since the snapshot of its other one, if that is
    /// what it asks for.
    pub(super) fn kept_stream(
        &mut self,
        id: ReplicaId,
        replid: &[u8],
        asked: i64,
    ) -> Option<Cursor> {
        let rdb = self.peers.get(&id)?.rdb_client?;
        let ours = replid.eq_ignore_ascii_case(self.history.replid().as_bytes());
        let at = Offset::from_next_byte(asked).filter(|_| ours)?;
        let link = self.links.iter_mut().find(|link| link.id == rdb && link.is_valkey_channel())?;
        link.cursor.take_if(|cursor| cursor.offset() == at)
    }

    /// The other connection of the replica asks for nothing any more once its RDB is sent.
    pub(super) fn end_pinned(&mut self, main: ReplicaId, now: Instant) {
        let rdb = self.link(main).and_then(|link| link.peer.rdb_client);
        if let Some(rdb) = rdb
            && self.link(rdb).is_some_and(|link| link.stage == Stage::Pinned)
        {
            self.disconnect(rdb, DisconnectReason::RdbOnly, now);
        }
    }

    /// This link is gone: what becomes of its other connection, neither of which is of use without
    /// the other until the data set is whole.
    pub(super) fn leave_channel(&mut self, gone: &Link, now: Instant) {
        let Some(other) = self.links.iter().find(|link| link.belongs_to(gone)) else { return };
        if gone.lacks_rdb() || other.lacks_rdb() {
            self.disconnect(other.id, DisconnectReason::OtherConnectionLost, now);
        }
    }
}
