//! The second connection of a full sync over two: the RDB comes on it, the stream on the first.

use std::time::Instant;

use redwire_repl::{Error, RdbChannel, Replica, ReplicaConfig, ReplicaPhase, Step, TwoConnections};

use super::{Follower, Progress};

/// Full syncs over two connections that break off one after the other before one connection is
/// tried: the master may not let us.
const ATTEMPTS: u32 = 2;

/// The machine of the RDB's connection.
#[derive(Debug)]
pub(super) struct RdbLink {
    pub(super) replica: Replica,
    /// The caller was not told to connect.
    wanted: bool,
    /// It said where the RDB belongs: the stream was asked for.
    attached: bool,
}

/// What a full sync is to come over.
#[derive(Debug)]
pub(super) struct Ways {
    mode: TwoConnections,
    /// Full syncs over two that broke off since one was whole, or one over one connection broke off.
    failed: u32,
}

impl Ways {
    pub(super) fn new(config: &ReplicaConfig) -> Ways {
        Ways { mode: config.two_connections, failed: 0 }
    }

    fn next(&self) -> TwoConnections {
        if self.failed < ATTEMPTS { self.mode } else { TwoConnections::No }
    }
}

/// Full syncs over two connections ([`ReplicaConfig::two_connections`]), so that a master need not
/// keep the stream while its snapshot is taken slowly, and does not cut the link for it.
impl Follower {
    /// Whether a second connection to the master is to be opened; true once. Then call
    /// [`handle_rdb_connected`](Follower::handle_rdb_connected), or
    /// [`handle_disconnected`](Follower::handle_disconnected) when that failed. Changes with
    /// [`handle_input`](Follower::handle_input).
    #[must_use]
    pub fn poll_rdb_connect(&mut self) -> bool {
        self.rdb_link.as_mut().is_some_and(|link| std::mem::take(&mut link.wanted))
    }

    /// Whether the data set comes on a second connection: when that is gone before
    /// [`SnapshotEnd`](super::Item::SnapshotEnd), both are to be closed; after it, it is.
    ///
    /// Meanwhile keep what the first one brings, unread by
    /// [`handle_input`](Follower::handle_input) except for its first answers, and go on reading it:
    /// the master keeps what is not read, and cuts the link by its limit. Call
    /// [`heard`](Follower::heard) for what is read and not shown.
    #[must_use]
    pub fn has_rdb_link(&self) -> bool {
        self.rdb_link.is_some()
    }

    /// Whether what the first connection brings is the stream, which waits for the data set: there
    /// is no use in showing it before.
    #[must_use]
    pub fn keeps_stream(&self) -> bool {
        self.rdb_link.is_some() && self.replica.is_streaming()
    }

    /// Whether the data set is held back until the stream behind it is sure to come: whoever takes
    /// it may be slow, and a master does not remember for long.
    pub(crate) fn awaits_stream(&self) -> bool {
        let attached = self.rdb_link.as_ref().is_some_and(|link| link.attached);
        attached && !self.replica.is_streaming()
    }

    /// The second connection stands.
    pub fn handle_rdb_connected(&mut self, now: Instant) {
        if let Some(link) = &mut self.rdb_link {
            link.replica.handle_connected(now);
        }
    }

    /// As [`heard`](Follower::heard), of the second connection.
    pub fn rdb_heard(&mut self, now: Instant) {
        if let Some(link) = &mut self.rdb_link {
            link.replica.heard(now);
        }
    }

    /// Appends to `out` what the master is to get on the second connection; whether there was
    /// anything.
    #[must_use]
    pub fn poll_rdb_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(link) = &mut self.rdb_link else { return false };
        if link.replica.phase() == ReplicaPhase::Sync {
            // The master closes the connection behind the RDB, and what it has not read then makes
            // its kernel drop what is still on the way.
            let _ = link.replica.poll_transmit(&mut Vec::new());
            return false;
        }
        link.replica.poll_transmit(out)
    }

    /// As [`handle_input`](Follower::handle_input), for what the second connection brought. It takes
    /// nothing of the data set before the first one has brought `+CONTINUE`: call again then.
    ///
    /// # Errors
    ///
    /// As there. Close both connections and call
    /// [`handle_disconnected`](Follower::handle_disconnected).
    pub fn handle_rdb_input<'a>(
        &'a mut self,
        unread: &'a [u8],
        now: Instant,
    ) -> Result<Progress<'a>, Error> {
        if self.is_at_rdb() {
            return self.rdb_step(unread, now);
        }
        if self.awaits_stream() {
            return Ok(Progress { used: 0, item: None });
        }
        let Some(link) = &mut self.rdb_link else { return Ok(Progress { used: 0, item: None }) };
        let progress = link.replica.handle_input(unread, now)?;
        let used = progress.used;
        let item = match progress.step {
            Some(Step::FullResync { replid: None, .. }) => {
                return Err(link.replica.fail("the master knows no PSYNC"));
            }
            Some(Step::FullResync { .. }) => {
                link.attached = true;
                self.replica.attach(&link.replica, now);
                None
            }
            Some(Step::RdbStart { len }) => Some(self.begin_snapshot(len)),
            Some(Step::Rdb(bytes)) => {
                self.offer_rdb(bytes.len());
                return self.rdb_step(unread, now);
            }
            Some(Step::Loaded { replid, offset }) => {
                self.rdb_link = None;
                self.ways.failed = 0;
                self.replica.channel_loaded(now);
                Some(self.end_snapshot(replid, offset))
            }
            _ => None,
        };
        Ok(Progress { used, item })
    }

    /// The master's answer: the data set is to come on another connection.
    pub(super) fn part(&mut self, channel: RdbChannel, now: Instant) {
        let config = ReplicaConfig {
            two_connections: TwoConnections::No,
            rdb_channel: Some(channel),
            ..self.replica.config().clone()
        };
        let mut replica = Replica::new(config, 0, now);
        // It is opened by the caller, at once.
        replica.handle_timeout(now);
        while replica.poll_event().is_some() {}
        self.rdb_link = Some(RdbLink { replica, wanted: true, attached: false });
    }

    /// What was asked to go on is to come whole: asks for it anew where it could have come over two
    /// connections.
    pub(super) fn ask_for_two(&mut self) -> Option<Error> {
        let always = self.replica.config().two_connections == TwoConnections::Always;
        (always && self.replica.asked_to_go_on()).then(|| {
            self.asks_anew = true;
            self.replica.ask_for_all(true);
            self.replica.fail("the history is gone, and all is asked for over two connections")
        })
    }

    /// Whether the link's error is no news to anybody: it is opened anew to ask in another way.
    pub(crate) fn asks_anew(&self) -> bool {
        self.asks_anew
    }

    /// Both connections are gone: chooses the way of the next full sync.
    pub(super) fn drop_rdb_link(&mut self, in_snapshot: bool) {
        if self.rdb_link.take().is_some() {
            self.ways.failed += 1;
        } else if in_snapshot {
            self.ways.failed = 0;
        }
        let config = self.replica.config();
        let two_connections = self.ways.next();
        if config.two_connections != two_connections {
            self.replica.set_config(ReplicaConfig { two_connections, ..config.clone() });
        }
    }
}
