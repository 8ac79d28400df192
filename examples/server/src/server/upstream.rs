//! The link to this node's primary, and the change of roles.

use redwire_keyspace::Role;

use super::{Server, UPSTREAM};
use crate::config::Endpoint;
use crate::log::{self, notice, warning};
use crate::replication::{Received, Upstream};

impl Server {
    pub(super) fn upstream_ready(&mut self) {
        if let Some(upstream) = &mut self.core.upstream {
            let received = upstream.handle_ready(self.poll.registry(), UPSTREAM, self.core.now);
            self.receive(received);
        }
    }

    pub(super) fn upstream_side_ready(&mut self) {
        if let Some(upstream) = &mut self.core.upstream {
            let received = upstream.side_ready(self.poll.registry(), self.core.now);
            self.receive(received);
        }
    }

    /// Gives the link its turn: deadlines, then what there is to read.
    pub(super) fn read_upstream(&mut self) {
        // The link runs commands with the rest of the core as their host, so it steps out of it.
        let Some(mut upstream) = self.core.upstream.take() else { return };
        let registry = self.poll.registry();
        let mut received = upstream.handle_timeout(registry, UPSTREAM, self.core.now);
        if upstream.is_busy() {
            received.extend(upstream.read_turn(
                registry,
                UPSTREAM,
                &mut self.core,
                &mut self.keyspace,
                &mut self.buffer,
            ));
        }
        self.core.upstream = Some(upstream);
        self.receive(received);
        self.publish_key_events();
        self.run_actions();
        self.serve_woken();
    }

    /// Ends the connection to the primary; the link opens another.
    pub(super) fn drop_upstream(&mut self) {
        let (registry, now) = (self.poll.registry(), self.core.now);
        if let Some(upstream) = &mut self.core.upstream {
            let received = upstream.disconnect(registry, "closed by CLIENT KILL".into(), now);
            self.receive(vec![received]);
        }
    }

    fn receive(&mut self, received: Vec<Received>) {
        for received in received {
            self.log_received(received);
        }
        self.follow_stream_source();
    }

    fn log_received(&mut self, received: Received) {
        let Some(upstream) = &self.core.upstream else { return };
        match received {
            Received::Connecting => notice!("Connecting to MASTER {}", upstream.endpoint),
            Received::Connected => {
                notice!("MASTER <-> REPLICA sync started");
                notice!("Non blocking connect for SYNC fired the event.");
            }
            Received::FullResync(Some(replid), offset) => {
                notice!("Full resync from master: {replid}:{}", offset.get());
            }
            Received::FullResync(None, _) => notice!("Retrying with SYNC..."),
            Received::Continued(replid) => {
                notice!("Successful partial resynchronization with master.");
                notice!("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
                self.core.primary.adopt_id(replid, self.core.now);
            }
            Received::RdbChannel(channel) => {
                notice!("Full sync over two connections ({channel:?}), opening that of the RDB");
            }
            Received::StreamWaits(reason) => {
                warning!(
                    "MASTER <-> REPLICA sync: {reason}. No more of it is read until there is room, \
                     or the data set is loaded: the master has to hold it"
                );
            }
            Received::SyncStarted(Some(len)) => {
                notice!("MASTER <-> REPLICA sync: receiving {len} bytes from master to parser");
            }
            Received::SyncStarted(None) => {
                notice!(
                    "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to parser"
                );
            }
            Received::Synced { keys } => {
                let took = upstream.load_took(self.core.now);
                notice!("MASTER <-> REPLICA sync: Loading DB in memory");
                notice!(
                    "Done loading RDB, keys loaded: {keys}, in {:.3} seconds",
                    took.as_secs_f64()
                );
                notice!("MASTER <-> REPLICA sync: Finished with success");
            }
            Received::Broken(reason) => warning!("{reason}"),
        }
    }

    /// Tells the primary machine whether the stream that it passes on is coming.
    pub(super) fn follow_stream_source(&mut self) {
        let source = self.core.stream_source();
        self.core.primary.set_upstream(source);
    }

    /// Follows `endpoint`, or nobody.
    pub(super) fn replica_of(&mut self, endpoint: Option<Endpoint>) {
        let now = self.core.now;
        let old = self.core.upstream.take();
        let was_replica = self.core.is_replica();
        if let Some(mut old) = old {
            self.core.down_before += old.status(now).uptime.down_total;
            old.disconnect(self.poll.registry(), "replication is reconfigured".into(), now);
        }
        let role = if endpoint.is_some() { log::Role::Replica } else { log::Role::Primary };
        log::set_role(role);
        self.core.config.replicaof.clone_from(&endpoint);
        match endpoint {
            Some(endpoint) => {
                self.unblock_all();
                let read_only = self.core.config.replica_read_only;
                self.keyspace.set_role(Role::Replica { read_only });
                let primary = &self.core.primary;
                let history = Some((primary.history().replid(), primary.offset()));
                let upstream = Upstream::new(endpoint, &mut self.core, history);
                self.core.upstream = Some(upstream);
            }
            None if was_replica => {
                self.keyspace.set_role(Role::Primary);
                self.core.primary.promote(now);
            }
            None => {}
        }
        self.follow_stream_source();
    }
}
