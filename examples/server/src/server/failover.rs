//! A failover under way: this node hands over to a replica, or takes over from its primary.

use redwire_repl::{LinkState, ReplicaId};

use super::Server;
use crate::config::Endpoint;
use crate::host::Failover;
use crate::log::{notice, warning};
use crate::net::{ClientId, Standing};

/// What there is to do next.
enum Next {
    Wait,
    HandOver(Endpoint),
    Done,
    Abort(&'static str),
}

impl Server {
    /// Goes on with a failover when a replica is level, time is up, or the target has answered.
    pub(super) fn drive_failover(&mut self) {
        match self.next_of_failover() {
            Next::Wait => {}
            Next::HandOver(target) => {
                self.core.failover = Failover::InProgress;
                self.replica_of(Some(target));
                if let Some(upstream) = &mut self.core.upstream {
                    upstream.hand_over();
                }
            }
            Next::Done => {
                notice!("Failover is complete: this node follows the one that took over.");
                self.end_failover();
            }
            Next::Abort(reason) => self.abort_failover(reason),
        }
    }

    fn next_of_failover(&self) -> Next {
        let core = &self.core;
        match &core.failover {
            Failover::None => Next::Wait,
            Failover::InProgress => match &core.upstream {
                Some(upstream) if upstream.refuses_to_take_over() => {
                    Next::Abort("Failover target rejected psync request")
                }
                Some(upstream) if upstream.is_handing_over() => Next::Wait,
                // It has answered, or somebody said REPLICAOF meanwhile.
                _ => Next::Done,
            },
            Failover::WaitForSync { target, deadline, force } => {
                if deadline.is_some_and(|deadline| core.now >= deadline) {
                    return match target.clone().filter(|_| *force) {
                        Some(target) => {
                            notice!("Failover to {target} time out exceeded, failing over.");
                            Next::HandOver(target)
                        }
                        None => Next::Abort("Replica never caught up before timeout"),
                    };
                }
                let end = core.primary.offset();
                let level = core.primary.replicas(core.now).find(|view| {
                    let wanted = target.as_ref().is_none_or(|it| *it == core.endpoint_of(view));
                    view.state == LinkState::Online && view.acked == end && wanted
                });
                match level {
                    Some(view) => {
                        notice!("Failover target is synced, failing over.");
                        Next::HandOver(core.endpoint_of(&view))
                    }
                    None => Next::Wait,
                }
            }
        }
    }

    /// Gives a failover up; a node that follows the target already is a primary again.
    pub(super) fn abort_failover(&mut self, reason: &str) {
        warning!("Aborting failover: {reason}");
        if self.core.failover == Failover::InProgress {
            self.replica_of(None);
        }
        self.end_failover();
    }

    fn end_failover(&mut self) {
        self.core.failover = Failover::None;
        self.core.primary.hold_stream(false);
        self.keyspace.pause_expiry(self.core.pause.is_some());
    }

    /// This node's primary hands over to it (`PSYNC ... FAILOVER`).
    pub(super) fn take_over(&mut self, id: ClientId, replid: &[u8], offset: &[u8]) {
        notice!("Failover request received for replid {}.", replid.escape_ascii());
        self.replica_of(None);
        let name = self.core.replica_name(id);
        notice!("MASTER MODE enabled (failover request from '{name}')");
        let decision = self.core.primary.psync(ReplicaId(id), &[replid, offset], self.core.now);
        let answer = self.core.decided(id, decision, true);
        if let Some(client) = self.clients.get_mut(&id) {
            match answer {
                Ok(Some(reply)) => client.output.push(&reply),
                Ok(None) => {}
                Err(text) => client.output.push(format!("-{text}\r\n").as_bytes()),
            }
            if self.core.primary.is_replica(ReplicaId(id)) {
                self.set_standing(id, Standing::Replica);
            }
            self.unsent.push(id);
        }
    }
}
