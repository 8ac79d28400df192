//! The primary's end of replication.

mod channel;
mod config;
mod event;
mod link;
mod psync;
mod replconf;
mod snapshot;
mod spill;
mod timer;
mod version;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redwire_resp::encode_request;

use crate::{Backlog, History, Offset, ReplId, SegmentId};
use link::{Link, Peer};
use snapshot::Snapshot;

pub use config::PrimaryConfig;
pub use event::{DisconnectReason, PrimaryEvent};
pub use link::{LinkKind, LinkState, RdbFilter, ReplicaId, ReplicaView};
pub use psync::{Decision, FullResyncReason};
pub use replconf::ReplconfReply;
pub use snapshot::{Framing, SnapshotInfo, SnapshotRequest};

/// Twenty random bytes at each call: replication ids and end markers are made of them.
pub type Entropy = Box<dyn FnMut() -> [u8; 20] + Send>;

/// Where this node's own data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// From its clients: it is a primary, [`Primary::feed`] writes the stream.
    None,
    /// From a primary whose stream is passed on by [`Primary::feed_raw`].
    Connected,
    /// From a primary that is out of reach: PSYNC is answered `-NOMASTERLINK`.
    Lost,
}

/// The primary's end of replication: history, backlog and the state of each replica's link.
///
/// It is the caller that owns sockets, clock and data set: it hands in what clients say
/// ([`replconf`](Primary::replconf), [`psync`](Primary::psync)) and what is written
/// ([`feed`](Primary::feed)), and after each call takes what is to be sent
/// ([`poll_transmit`](Primary::poll_transmit), then [`stream`](Primary::stream)) and done
/// ([`poll_event`](Primary::poll_event), [`poll_snapshot`](Primary::poll_snapshot)).
///
/// A node that is a replica has one too: it keeps the id and offset that it would go on with, and
/// serves replicas of its own.
pub struct Primary {
    config: PrimaryConfig,
    entropy: Entropy,
    history: History,
    /// The end of the stream while there is no backlog.
    offset: Offset,
    backlog: Option<Backlog>,
    upstream: Upstream,
    /// The stream stands still, see [`Primary::hold_stream`].
    held: bool,
    /// The database that the stream is in; `None`: the next command needs a SELECT.
    selected: Option<u32>,
    /// Clients that said REPLCONF, and not yet PSYNC.
    peers: BTreeMap<ReplicaId, Peer>,
    /// Replicas in the order they came.
    links: Vec<Link>,
    requested: Option<(Framing, RdbFilter)>,
    snapshot: Option<Snapshot>,
    last_ping: Option<Instant>,
    last_newline: Option<Instant>,
    no_replicas_since: Option<Instant>,
    transmit: VecDeque<(ReplicaId, Bytes)>,
    events: VecDeque<PrimaryEvent>,
    /// Segments of backlogs that are gone.
    discards: VecDeque<SegmentId>,
}

impl fmt::Debug for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Primary")
            .field("history", &self.history)
            .field("offset", &self.offset())
            .field("upstream", &self.upstream)
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}

impl Primary {
    /// A primary without replicas, under a fresh id, at offset 0.
    pub fn new(config: PrimaryConfig, mut entropy: Entropy) -> Primary {
        let history = History::new(ReplId::from_random(entropy()));
        Primary {
            config,
            entropy,
            history,
            offset: Offset::ZERO,
            backlog: None,
            upstream: Upstream::None,
            held: false,
            selected: None,
            peers: BTreeMap::new(),
            links: Vec::new(),
            requested: None,
            snapshot: None,
            last_ping: None,
            last_newline: None,
            no_replicas_since: None,
            transmit: VecDeque::new(),
            events: VecDeque::new(),
            discards: VecDeque::new(),
        }
    }

    /// The settings.
    pub fn config(&self) -> &PrimaryConfig {
        &self.config
    }

    /// Changes the settings; the backlog is resized at once.
    pub fn set_config(&mut self, config: PrimaryConfig, now: Instant) {
        if let Some(backlog) = &mut self.backlog {
            if backlog.size() != config.backlog_size {
                backlog.resize(config.backlog_size);
            }
            if backlog.spill_config() != config.spill.as_ref() {
                self.discards.extend(backlog.spill(config.spill, &self.history));
            }
        }
        self.config = config;
        self.cut_lost_links(now);
    }

    /// The ids.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The end of the stream (INFO `master_repl_offset`).
    pub fn offset(&self) -> Offset {
        self.backlog.as_ref().map_or(self.offset, Backlog::end)
    }

    /// The backlog, once a replica has come.
    pub fn backlog(&self) -> Option<&Backlog> {
        self.backlog.as_ref()
    }

    // ---- the stream -------------------------------------------------------------------------

    /// Whether anybody may read the stream: when not, [`feed`](Primary::feed) drops its bytes and
    /// the caller need not encode them.
    pub fn is_feeding(&self) -> bool {
        self.backlog.is_some() && self.upstream == Upstream::None
    }

    /// Appends commands (one or more, RESP) that run in database `db`, behind a SELECT when the
    /// stream is in another one. Does nothing unless [`is_feeding`](Primary::is_feeding).
    pub fn feed(&mut self, db: u32, commands: &[u8]) {
        if !self.is_feeding() {
            return;
        }
        if self.selected != Some(db) {
            let mut select = Vec::with_capacity(32);
            encode_request(&mut select, ["SELECT", &db.to_string()]);
            self.append(&select);
            self.selected = Some(db);
        }
        self.append(commands);
    }

    /// Appends bytes as they are: the stream of our own primary, on its way to chained replicas.
    /// Say by [`set_stream_db`](Primary::set_stream_db) when a SELECT was among them.
    pub fn feed_raw(&mut self, bytes: &[u8]) {
        self.append(bytes);
    }

    /// The stream that is passed on by [`feed_raw`](Primary::feed_raw) is in this database now.
    pub fn set_stream_db(&mut self, db: u32) {
        self.selected = Some(db);
    }

    /// The database that the stream is in, if it has selected one (the RDB's aux
    /// `repl-stream-db`).
    #[must_use]
    pub fn stream_db(&self) -> Option<u32> {
        self.selected
    }

    /// Appends `REPLCONF GETACK *`: replicas answer with their offset at once (WAIT). Does nothing
    /// unless [`is_feeding`](Primary::is_feeding).
    pub fn request_acks(&mut self) {
        if self.is_feeding() {
            self.append(b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n");
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if let Some(backlog) = &mut self.backlog {
            backlog.append(bytes);
        }
    }

    // ---- links ------------------------------------------------------------------------------

    /// Whether this connection is a replica (it said PSYNC or SYNC).
    pub fn is_replica(&self, id: ReplicaId) -> bool {
        self.links.iter().any(|link| link.id == id)
    }

    /// An empty line came from this connection: a replica that loads says that it is alive.
    pub fn handle_newline(&mut self, id: ReplicaId, now: Instant) {
        if let Some(link) = self.link_mut(id) {
            link.heard = now;
        }
    }

    /// This connection is gone, and its id may be used again. To be called for every client; ids
    /// that were never heard of are fine.
    pub fn disconnected(&mut self, id: ReplicaId, now: Instant) {
        self.peers.remove(&id);
        self.remove_link(id, now);
        self.transmit.retain(|(to, _)| *to != id);
        self.events.retain(|event| match event {
            PrimaryEvent::Disconnect { id: whose, .. } | PrimaryEvent::Online { id: whose } => {
                *whose != id
            }
            _ => true,
        });
    }

    /// Bytes to append to a link's queue, ahead of its stream. Call until `None` after each call
    /// that takes `&mut self`.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<(ReplicaId, Bytes)> {
        self.transmit.pop_front()
    }

    /// What happened. Call until `None` after each call that takes `&mut self`.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<PrimaryEvent> {
        self.events.pop_front()
    }

    /// What the stream holds for this link now, as slices to write (none is empty); nothing until
    /// its stream flows, and where it goes on in a segment that was not read back: then
    /// [`request`](Primary::request) it. Tell [`sent`](Primary::sent) how much was written.
    pub fn stream(&self, id: ReplicaId) -> impl Iterator<Item = &[u8]> {
        let flowing = self.link(id).filter(|link| link.flows());
        let cursor = flowing.and_then(|link| link.cursor.as_ref());
        let chunks = cursor.zip(self.backlog.as_ref()).map(|(at, backlog)| backlog.chunks(at));
        chunks.into_iter().flatten()
    }

    /// Bytes that the backlog holds for this link, also while they do not flow yet: its share of
    /// the output-buffer accounting.
    pub fn unread(&self, id: ReplicaId) -> u64 {
        self.link(id).map_or(0, |link| link.unread(self.backlog.as_ref()))
    }

    /// `n` bytes of the link's [`stream`](Primary::stream) were written.
    ///
    /// # Panics
    /// When `n` is more than [`unread`](Primary::unread).
    pub fn sent(&mut self, id: ReplicaId, n: u64) {
        let link = self.links.iter_mut().find(|link| link.id == id);
        let cursor = link.and_then(|link| link.cursor.as_mut());
        if let Some((cursor, backlog)) = cursor.zip(self.backlog.as_mut()) {
            backlog.advance(cursor, n);
        }
    }

    fn link(&self, id: ReplicaId) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id)
    }

    fn link_mut(&mut self, id: ReplicaId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    fn disconnect(&mut self, id: ReplicaId, reason: DisconnectReason, now: Instant) {
        if self.remove_link(id, now) {
            let flush = reason == DisconnectReason::RdbOnly;
            self.events.push_back(PrimaryEvent::Disconnect { id, reason, flush });
        }
    }

    fn disconnect_all(&mut self, reason: DisconnectReason, now: Instant) {
        while let Some(link) = self.links.first() {
            self.disconnect(link.id, reason, now);
        }
    }

    fn remove_link(&mut self, id: ReplicaId, now: Instant) -> bool {
        let Some(index) = self.links.iter().position(|link| link.id == id) else { return false };
        let mut link = self.links.remove(index);
        let cursor = link.cursor.take();
        if let Some((cursor, backlog)) = cursor.zip(self.backlog.as_mut()) {
            backlog.release(cursor);
        }
        if self.links.is_empty() {
            self.no_replicas_since = Some(now);
        }
        self.leave_snapshot(id);
        self.leave_channel(&link, now);
        true
    }

    fn fresh_id(&mut self) -> ReplId {
        ReplId::from_random((self.entropy)())
    }
}

/// Changes of role.
impl Primary {
    /// Where our data comes from now. While it is not [`Upstream::None`] no pings are made, and
    /// [`feed`](Primary::feed) does nothing.
    pub fn set_upstream(&mut self, upstream: Upstream) {
        self.upstream = upstream;
    }

    /// The stream is to stand still (or may go on), so that a replica can come level with it and
    /// take over (`FAILOVER`): no pings are made, and PSYNC is answered `-NOMASTERLINK`. It is the
    /// caller that stops the writes.
    pub fn hold_stream(&mut self, held: bool) {
        self.held = held;
    }

    /// A data set was loaded at start whose RDB named its place in a stream (aux `repl-id` and
    /// `repl-offset`), and this node is a primary: replicas of that stream may go on from there.
    pub fn restore(&mut self, replid: ReplId, offset: Offset, now: Instant) {
        let fresh = self.fresh_id();
        self.restart(History::new(replid), offset, now);
        self.shift(fresh, offset);
    }

    /// We are a replica and got our primary's data set whole: its id and offset are ours, in
    /// database `stream_db` of its stream (the RDB's aux `repl-stream-db`; `None` is 0). Our own
    /// replicas are disconnected.
    pub fn adopt(&mut self, replid: ReplId, offset: Offset, stream_db: Option<u32>, now: Instant) {
        self.restart(History::new(replid), offset, now);
        self.selected = stream_db;
    }

    /// We are a replica and our primary answered `+CONTINUE <replid>`. When the id is another one
    /// we shift to it, and our own replicas are disconnected so that they learn it.
    pub fn adopt_id(&mut self, replid: ReplId, now: Instant) {
        if self.backlog.is_none() {
            self.new_backlog(self.offset);
        }
        if replid != self.history.replid() {
            self.shift(replid, self.offset());
            self.disconnect_all(DisconnectReason::HistoryChanged, now);
        }
    }

    /// We become a primary: fresh id, the old one is answered up to here, and our replicas are
    /// disconnected so that they learn it.
    pub fn promote(&mut self, now: Instant) {
        let (fresh, offset) = (self.fresh_id(), self.offset());
        self.shift(fresh, offset);
        self.upstream = Upstream::None;
        self.selected = None;
        self.disconnect_all(DisconnectReason::HistoryChanged, now);
        self.no_replicas_since = Some(now);
    }

    /// The stream goes on under a fresh id and without a past (`DEBUG CHANGE-REPL-ID`): whoever
    /// comes again by an older id needs a full sync. Replicas that are here stay.
    pub fn forget_past(&mut self) {
        self.history = History::new(self.fresh_id());
        self.rename_backlog();
    }

    fn restart(&mut self, history: History, offset: Offset, now: Instant) {
        self.disconnect_all(DisconnectReason::HistoryChanged, now);
        self.history = history;
        self.offset = offset;
        self.new_backlog(offset);
        self.selected = None;
        self.no_replicas_since = Some(now);
    }

    /// The stream goes on under another id.
    fn shift(&mut self, replid: ReplId, at: Offset) {
        self.history.shift(replid, at);
        self.rename_backlog();
    }

    fn rename_backlog(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            backlog.rename(&self.history);
        }
    }

    /// An empty backlog, in place of whatever was there; the history is to be set before.
    fn new_backlog(&mut self, at: Offset) {
        self.drop_backlog();
        let mut backlog = Backlog::new(at, self.config.backlog_size);
        if self.config.spill.is_some() {
            backlog.spill(self.config.spill, &self.history);
        }
        self.backlog = Some(backlog);
    }

    fn drop_backlog(&mut self) {
        let old = self.backlog.take().map(Backlog::into_discards);
        self.discards.extend(old.unwrap_or_default());
    }
}

/// What INFO, ROLE, WAIT and `min-replicas-to-write` ask.
impl Primary {
    /// All replicas in the order they came. Of a full sync over two connections it is the one of
    /// the stream that is shown, as soon as it is known.
    pub fn replicas(&self, now: Instant) -> impl Iterator<Item = ReplicaView<'_>> {
        let shown = self.links.iter().filter(|link| !self.is_second(link));
        shown.map(move |link| link.view(self.backlog.as_ref(), now))
    }

    /// The replica on this connection.
    pub fn replica(&self, id: ReplicaId, now: Instant) -> Option<ReplicaView<'_>> {
        Some(self.link(id)?.view(self.backlog.as_ref(), now))
    }

    /// The `listening-port` that this client announced, replica or not; 0 when it did not.
    pub fn announced_port(&self, id: ReplicaId) -> u16 {
        let peer = self.peers.get(&id).or(self.link(id).map(|link| &link.peer));
        peer.map_or(0, |peer| peer.port)
    }

    /// How many replicas have acknowledged `offset`.
    pub fn acked_by(&self, offset: Offset) -> usize {
        self.links.iter().filter(|link| link.is_online() && offset <= link.acked).count()
    }

    /// How many replicas have said that `offset` is safe on their disk (`REPLCONF ACK ... FACK`,
    /// WAITAOF).
    pub fn fsynced_by(&self, offset: Offset) -> usize {
        let safe = |link: &&Link| link.is_online() && link.fsynced >= Some(offset);
        self.links.iter().filter(safe).count()
    }

    /// How many replicas are online and spoke within `max_lag`.
    pub fn good_replicas(&self, max_lag: Duration, now: Instant) -> usize {
        let fresh = |link: &Link| now.saturating_duration_since(link.heard) <= max_lag;
        self.links.iter().filter(|link| link.is_online() && fresh(link)).count()
    }
}
