//! Connections that wait for something before their next command: keys (`BLPOP`, `XREAD BLOCK`
//! ...), and replicas (`WAIT`, `WAITAOF`).

use std::mem;
use std::time::{Duration, Instant};

use redwire_keyspace::WaitEnd;
use redwire_resp::Encoder;

use super::Server;
use super::limits::update;
use super::requests::{guarded, note_reply};
use crate::core::Unblocked;
use crate::host::write_waitaof;
use crate::net::{Blocked, Client, ClientId, ReplicaWait};

/// What `CLIENT UNBLOCK ERROR` has a waiting client told.
const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/// What all who wait are told when this node becomes a replica.
const DEMOTED: &str = "UNBLOCKED force unblock from blocking operation, instance state changed \
                       (master -> replica?)";

impl Server {
    /// Runs the commands that wait for keys which came to be, in the order in which they wait.
    pub(super) fn serve_woken(&mut self) {
        // In a pause nothing is written: who was woken has the turn when it ends.
        // Nor while keys are on their way to another server, which they may write to.
        while !self.core.is_paused()
            && self.core.migrations.is_idle()
            && let Some(id) = self.keyspace.poll_woken(self.core.unix_ms)
        {
            self.resume(id);
            self.run_actions();
        }
    }

    /// Runs the command of a connection again that waits for a key.
    fn resume(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (keyspace, core) = (&mut self.keyspace, &mut self.core);
        let out = client.output.tail();
        let (mark, now) = (out.len(), core.unix_ms);
        let session = &mut client.session;
        let name = client.last_command;
        let resumed =
            guarded(core, out, |_| name, |core, out| keyspace.resume(core, session, now, out));
        client.closing |= resumed.is_none();
        if resumed.unwrap_or(true) {
            note_reply(core, &mut client.replies, None, out, mark);
            self.unblocked(id);
        }
        self.core.last_command = None;
        self.core.pass_on(&mut self.keyspace);
    }

    /// A connection waits no more, and has its reply.
    fn unblocked(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.blocked = None;
        client.wait_memory = 0;
        update(client, &mut self.core);
        self.resumed.push(id);
        self.unsent.push(id);
    }

    /// Runs what came behind the commands that have waited.
    pub(super) fn run_resumed(&mut self) {
        for id in mem::take(&mut self.resumed) {
            self.client_may_go_on(id, true, false);
            self.run_input(id);
        }
    }

    /// When the first wait is over.
    pub(super) fn next_end_of_wait(&self) -> Option<Instant> {
        let clients = self.blocked.iter().filter_map(|id| self.clients.get(id));
        let deadlines = clients.filter_map(|client| replica_wait(client)?.deadline);
        let of_keys = [self.keyspace.next_deadline(), self.next_age()].into_iter().flatten();
        deadlines.chain(of_keys).min()
    }

    /// When pending entries come of age that a client waits for.
    fn next_age(&self) -> Option<Instant> {
        let left = self.keyspace.next_age()?.0.saturating_sub(self.core.unix_ms.0);
        self.core.now.checked_add(Duration::from_millis(left))
    }

    /// Runs the commands of clients that wait for pending entries which have come of age.
    pub(super) fn serve_aged(&mut self) {
        self.keyspace.wake_aged(self.core.unix_ms);
        self.serve_woken();
    }

    /// Answers the clients whose `WAIT` or `WAITAOF` is over, and those whose time is.
    pub(super) fn end_waits(&mut self) {
        let now = self.core.now;
        while let Some(id) = self.keyspace.poll_timed_out(now) {
            self.end_key_wait(id, WaitEnd::TimedOut);
        }
        for id in mem::take(&mut self.blocked) {
            let Some(wait) = self.clients.get(&id).and_then(replica_wait) else { continue };
            let done = self.core.replicas_that_have(wait);
            let over = wait.deadline.is_some_and(|deadline| now >= deadline);
            if done >= wait.replicas || over {
                self.end_replica_wait(id, wait);
            } else {
                self.blocked.push(id);
            }
        }
    }

    fn end_key_wait(&mut self, id: ClientId, why: WaitEnd<'_>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let out = client.output.tail();
        let mark = out.len();
        self.keyspace.end_wait(&mut client.session, why, out);
        note_reply(&mut self.core, &mut client.replies, None, out, mark);
        self.unblocked(id);
    }

    fn end_replica_wait(&mut self, id: ClientId, wait: ReplicaWait) {
        let done = self.core.replicas_that_have(wait);
        self.end_wait_with(id, |reply| {
            if wait.on_disk {
                write_waitaof(reply, done);
            } else {
                reply.integer(done as i64);
            }
        });
    }

    pub(super) fn end_wait_with(&mut self, id: ClientId, write: impl FnOnce(&mut Encoder<'_>)) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let protocol = client.session.protocol;
        let out = client.output.tail();
        let mark = out.len();
        write(&mut Encoder::new(out, protocol));
        note_reply(&mut self.core, &mut client.replies, None, out, mark);
        self.unblocked(id);
    }

    /// Ends a wait as `CLIENT UNBLOCK` asks for.
    pub(super) fn give_up(&mut self, id: ClientId, how: Unblocked) {
        match (self.clients.get(&id).and_then(|client| client.blocked), how) {
            (None | Some(Blocked::Migration), _) => {}
            (Some(Blocked::Key { .. }), Unblocked::TimedOut) => {
                self.end_key_wait(id, WaitEnd::TimedOut);
            }
            (Some(Blocked::Replicas(wait)), Unblocked::TimedOut) => self.end_replica_wait(id, wait),
            (Some(_), Unblocked::WithError) => self.end_with_error(id, UNBLOCKED),
        }
    }

    fn end_with_error(&mut self, id: ClientId, text: &str) {
        match self.clients.get(&id).and_then(|client| client.blocked) {
            None => {}
            Some(Blocked::Key { .. }) => self.end_key_wait(id, WaitEnd::Error(text)),
            Some(Blocked::Replicas(_) | Blocked::Migration) => {
                self.end_wait_with(id, |reply| reply.error(text));
            }
        }
    }

    /// Ends all waits, and the connections: what they wait for is another node's from now on.
    pub(super) fn unblock_all(&mut self) {
        let waiting = self.clients.values().filter(|client| client.blocked.is_some());
        for id in waiting.map(|client| client.id).collect::<Vec<_>>() {
            let goes_on = self.core.redirectable.contains_key(&id);
            match self.core.redirection().filter(|_| goes_on) {
                Some(text) => self.end_with_error(id, &text),
                None => {
                    self.end_with_error(id, DEMOTED);
                    self.close_after_replies(id);
                }
            }
        }
    }
}

/// What a connection waits for, if it is replicas.
fn replica_wait(client: &Client) -> Option<ReplicaWait> {
    match client.blocked {
        Some(Blocked::Replicas(wait)) => Some(wait),
        Some(Blocked::Key { .. } | Blocked::Migration) | None => None,
    }
}
