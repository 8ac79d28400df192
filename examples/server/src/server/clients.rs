//! Connections: accepted, read, run, written, closed.

use std::mem;
use std::time::Duration;

use mio::Token;
use mio::event::Event;
use redwire_outbuf::{Class, Verdict};
use redwire_repl::ReplicaId;
use redwire_resp::Encoder;

use super::limits::{note_buffers, output_verdict, update};
use super::lookahead::{Looking, Turns};
use super::requests::{Paused, run_requests};
use super::{FIRST_CLIENT, Server};
use crate::core::Action;
use crate::host::{ClientInfo, bounds};
use crate::log::{notice, verbose, warning};
use crate::net::{Blocked, Client, ClientId, Standing, Stream};
use crate::replication::{SendError, Sent};

/// Bytes of requests that may wait for their end before authentication.
const UNAUTHENTICATED_QUERY_LIMIT: usize = 1 << 20;

/// Bytes of replies that are written at once rather than with all others at the end of the turn, so
/// that a thousand clients with large replies do not hold them all at the same time.
const MUCH_OUTPUT: usize = 64 << 10;

const PROTECTED_MODE: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password \
     is set for the default user. In this mode connections are only accepted from the loopback \
     interface. If you want to connect from external computers to Redis you may adopt one of the \
     following solutions: 1) Just disable protected mode sending the command 'CONFIG SET \
     protected-mode no' from the loopback interface by connecting to Redis from the same host the \
     server is running, however MAKE SURE Redis is not publicly accessible from internet if you do \
     so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable \
     the protected mode by editing the Redis configuration file, and setting the protected mode \
     option to 'no', and then restarting the server. 3) If you started the server manually just \
     for testing, restart it with the '--protected-mode no' option. 4) Setup an authentication \
     password for the default user. NOTE: You only need to do one of the above things in order for \
     the server to start accepting connections from the outside.\r\n";

impl Server {
    pub(super) fn accept(&mut self, listener: usize) {
        loop {
            match self.listeners[listener].accept() {
                Ok(Some(stream)) => self.welcome(stream),
                Ok(None) => return,
                Err(error) => {
                    warning!("Accepting client connection: {error}");
                    // Who waits in the queue is no event of its own: look again at the next tick.
                    self.accept_again = true;
                    return;
                }
            }
        }
    }

    /// Looks again for connections that could not be accepted.
    pub(super) fn accept_held_up(&mut self) {
        if mem::take(&mut self.accept_again) {
            for listener in 0..self.listeners.len() {
                self.accept(listener);
            }
        }
    }

    fn welcome(&mut self, mut stream: Stream) {
        let config = &self.core.config;
        let refusal = if self.clients.len() >= config.maxclients as usize {
            self.core.counters.rejected += 1;
            Some("-ERR max number of clients reached\r\n")
        } else if config.protected_mode && !stream.is_local() && self.core.needs_no_password() {
            Some(PROTECTED_MODE)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            // The peer is being turned away: whether it hears why is not for us to insist on.
            let _ = stream.write(&[std::io::IoSlice::new(refusal.as_bytes())]);
            return;
        }
        let id = self.core.new_client_id();
        let ready = stream.tune(self.core.config.tcp_keepalive).and_then(|()| {
            stream.register(self.poll.registry(), Token(FIRST_CLIENT + id as usize))
        });
        if let Err(error) = ready {
            verbose!("Error accepting a client connection: {error}");
            return;
        }
        self.core.counters.connections += 1;
        self.core.clients.insert(id, ClientInfo::new(id, &stream, self.core.now));
        verbose!("Accepted {}", stream.peer());
        let account = self.core.ledger.open(id, Class::Normal);
        let client = Client::new(id, stream, account, &self.core);
        if let Some(info) = self.core.clients.get_mut(&id) {
            info.logged_in = client.session.authenticated;
        }
        update(&client, &mut self.core);
        self.clients.insert(id, client);
    }

    pub(super) fn client_ready(&mut self, id: ClientId, event: &Event) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.ended |= event.is_read_closed() || event.is_error();
        if client.ended && client.is_held_up() {
            return self.close(id, "Client closed connection");
        }
        self.client_may_go_on(id, event.is_readable(), event.is_writable());
    }

    /// Has a connection read from and written to in this turn.
    pub(super) fn client_may_go_on(&mut self, id: ClientId, readable: bool, writable: bool) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if readable && !mem::replace(&mut client.queued, true) {
            self.readable.push(id);
        }
        if writable && mem::take(&mut client.write_blocked) {
            self.unsent.push(id);
        }
    }

    /// Reads from every connection that may have something, and runs it.
    pub(super) fn read_clients(&mut self) {
        let ids = mem::take(&mut self.readable);
        let mut turns = mem::take(&mut self.turns);
        let mut next = 0;
        while next < ids.len() {
            turns.begin();
            while !turns.is_full()
                && let Some(id) = ids.get(next)
            {
                next += 1;
                self.read_client(*id, &mut turns);
            }
            for index in 0..turns.len() {
                let (id, looking) = turns.turn(index);
                self.run_read_ahead(id, looking);
            }
        }
        self.turns = turns;
        keep_memory(ids, &mut self.readable);
    }

    /// Reads what a connection has sent, and gives it a turn to run it.
    fn read_client(&mut self, id: ClientId, turns: &mut Turns) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.queued = false;
        if client.closing || client.is_held_up() {
            return;
        }
        let count = match client.stream.read(&mut self.buffer) {
            Ok(None) => return,
            Ok(Some(0)) => return self.close(id, "Client closed connection"),
            Ok(Some(count)) => count,
            Err(error) => {
                verbose!("Reading from client: {error}");
                return self.close(id, "Reading from client failed");
            }
        };
        // A short read has emptied the socket, but for its end if that was announced with it.
        if count == self.buffer.len() || client.ended {
            client.queued = true;
            self.readable.push(id);
        }
        self.core.counters.bytes_in += count as u64;
        self.core.counters.reads += 1;
        client.traffic.bytes_in += count as u64;
        client.input.extend_from_slice(&self.buffer[..count]);
        client.last_interaction = self.core.now;
        let Client { decoder, input, session, .. } = client;
        turns.add(id, decoder, input, session, &self.keyspace);
    }

    /// Runs the requests that wait in a connection's input.
    pub(super) fn run_input(&mut self, id: ClientId) {
        let mut turns = mem::take(&mut self.single_turn);
        turns.begin();
        turns.add_unread(id);
        let (_, looking) = turns.turn(0);
        self.run_read_ahead(id, looking);
        self.single_turn = turns;
    }

    /// Does so with what was read ahead in that input.
    fn run_read_ahead(&mut self, id: ClientId, mut looking: Looking<'_>) {
        loop {
            let Some(client) = self.clients.get_mut(&id) else { return };
            self.core.stopwatch.begin_batch(crate::clock::nanos());
            let (core, keyspace) = (&mut self.core, &mut self.keyspace);
            let paused = run_requests(client, &mut looking, core, keyspace);
            let took = self.core.stopwatch.end_batch(crate::clock::nanos);
            self.core.counters.in_commands += Duration::from_nanos(took);
            match paused {
                Paused::Idle => break,
                Paused::Actions => {
                    self.run_actions();
                    self.serve_woken();
                    looking.begin();
                }
                Paused::OverLimit => return self.check_output_limit(id),
                Paused::Postponed => {
                    self.postponed.push(id);
                    break;
                }
                Paused::Held => {
                    self.held.push(id);
                    break;
                }
            }
        }
        self.after_turn(id);
    }

    /// Notes what a connection has come to, and closes it if it must not go on.
    fn after_turn(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let limit = if client.session.authenticated {
            self.core.config.client_query_buffer_limit as usize
        } else {
            UNAUTHENTICATED_QUERY_LIMIT
        };
        let too_much = client.input.len() > limit;
        if client.ended && client.is_held_up() {
            // Nobody waits for what it waits for.
            return self.close(id, "Client closed connection");
        }
        let much = client.output.len() >= MUCH_OUTPUT;
        note_buffers(client, &mut self.core);
        if client.has_output(&self.core.primary) || client.closing {
            // It is brought up to date when that was written, in this turn.
            self.unsent.push(id);
        } else {
            update(client, &mut self.core);
        }
        if too_much {
            self.core.counters.query_buffer_closed += 1;
            warning!("Closing client that reached max query buffer length: id={id}");
            self.close(id, "query buffer limit");
        } else if much {
            self.write_client(id);
        }
    }

    /// Does what commands left to be done.
    pub(super) fn run_actions(&mut self) {
        for action in mem::take(&mut self.core.actions) {
            match action {
                Action::CloseAfterReplies(id) => self.close_after_replies(id),
                Action::Close(id) => self.close(id, "closed by CLIENT KILL"),
                Action::DropUpstream => self.drop_upstream(),
                Action::Monitor(id) => self.set_standing(id, Standing::Monitor),
                Action::TakeOver { id, replid, offset } => self.take_over(id, &replid, &offset),
                Action::AbortFailover(reason) => self.abort_failover(reason),
                Action::BecameReplica(id) => {
                    self.set_standing(id, Standing::Replica);
                    self.judge_replicas();
                }
                Action::JudgeReplicas => self.judge_replicas(),
                Action::Reset(id) => self.set_standing(id, Standing::Client),
                Action::FeedMonitors(line) => self.feed_monitors(line),
                Action::Deliver { to, message } => self.deliver(&to, message),
                Action::Invalidate(id, keys) => self.invalidate(id, keys),
                Action::Block(id, wait) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.blocked = Some(Blocked::Replicas(wait));
                        self.blocked.push(id);
                    }
                }
                Action::Unblock(id, how) => self.give_up(id, how),
                Action::Protect(id, on) => {
                    if let Some(client) = self.clients.get(&id) {
                        self.core.ledger.protect(&client.account, on);
                    }
                }
                Action::Authenticated(id, authenticated) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.decoder.set_authenticated(authenticated);
                    }
                }
                Action::UsersChanged { by } => self.users_changed(by),
                Action::GiveBack => {
                    self.background.drop_later(self.keyspace.take_garbage());
                    self.background.give_back_later();
                }
                Action::Migrate(id, order) => self.begin_migration(id, *order),
                Action::ReplicaOf(endpoint) => self.replica_of(endpoint),
                Action::Reconfigured(added) => self.reconfigure(added),
                Action::Shutdown { by, save, force } => {
                    if !self.shutdown(save, force) {
                        self.answer(by, |reply| {
                            reply.error("ERR Errors trying to SHUTDOWN. Check logs.");
                        });
                    }
                }
            }
        }
    }

    /// Gives connections the rights that their users have now.
    fn users_changed(&mut self, by: ClientId) {
        let mut closed = Vec::new();
        for (id, client) in &mut self.clients {
            let Some(info) = self.core.clients.get(id) else { continue };
            let user = self.core.acl.user(&info.user);
            match user {
                Some(user) if !self.core.listens_unallowed(*id, user) => {
                    client.session.user = bounds(user);
                    client.session.authenticated = info.logged_in || self.core.acl.is_open();
                    client.decoder.set_authenticated(client.session.authenticated);
                }
                _ => closed.push(*id),
            }
        }
        for id in closed {
            if id == by {
                self.close_after_replies(id);
            } else {
                self.close(id, "its user's rights have changed");
            }
        }
    }

    /// Writes a reply to a connection whose command has run without one.
    pub(super) fn answer(&mut self, id: ClientId, write: impl FnOnce(&mut Encoder<'_>)) {
        if let Some(client) = self.clients.get_mut(&id) {
            let protocol = client.session.protocol;
            write(&mut Encoder::new(client.output.tail(), protocol));
            self.unsent.push(id);
        }
    }

    pub(super) fn set_standing(&mut self, id: ClientId, standing: Standing) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.standing = standing;
        self.leave_lists(id);
        match standing {
            Standing::Client => {}
            Standing::Monitor => self.monitors.push(id),
            Standing::Replica => self.replicas.push(id),
        }
        if standing != Standing::Client {
            self.core.listeners.push(id);
        }
        self.core.monitors = self.monitors.len();
    }

    /// Takes a connection out of the lists of those that are more than clients.
    fn leave_lists(&mut self, id: ClientId) {
        self.monitors.retain(|monitor| *monitor != id);
        self.replicas.retain(|replica| *replica != id);
        self.core.listeners.retain(|listener| *listener != id);
        self.core.monitors = self.monitors.len();
    }

    pub(super) fn close_after_replies(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.closing = true;
            self.unsent.push(id);
        }
    }

    /// Writes what every connection has to be sent, and closes those that are through.
    pub(super) fn write_clients(&mut self) {
        let mut ids = mem::take(&mut self.unsent);
        ids.sort_unstable();
        ids.dedup();
        for id in &ids {
            self.write_client(*id);
        }
        keep_memory(ids, &mut self.unsent);
    }

    fn write_client(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if !client.write_blocked
            && let Err(error) = client.flush(&mut self.core)
        {
            verbose!("Error writing to client: {error}");
            return self.close(id, "Error writing to client");
        }
        match self.outgoings.send(client, &mut self.core) {
            Ok(Sent::Nothing) => {}
            Ok(Sent::Some) => {
                self.core.primary.transfer_progress(ReplicaId(id), self.core.now);
            }
            Ok(Sent::All) => {
                self.core.primary.transfer_done(ReplicaId(id), self.core.now);
                // What the machine sends behind the snapshot is queued in the next turn.
                self.unsent.push(id);
            }
            Err(SendError::Unreadable(error)) => {
                warning!("Can't read the snapshot back for a replica: {error}");
                return self.close(id, "snapshot unreadable");
            }
            Err(SendError::Socket(error)) => {
                verbose!("Error writing to client: {error}");
                return self.close(id, "Error writing to client");
            }
        }
        let has_output = client.has_output(&self.core.primary) || self.outgoings.is_ready(id);
        update(client, &mut self.core);
        if client.closing && !has_output {
            return self.close(id, "its replies are sent");
        }
        if has_output && !client.write_blocked {
            self.unsent.push(id);
        }
        if let Verdict::Close(reason) = output_verdict(client, &self.core) {
            self.close_over_limit(id, reason);
        }
    }

    /// Ends a connection.
    pub(super) fn close(&mut self, id: ClientId, reason: &str) {
        let Some(mut client) = self.clients.remove(&id) else { return };
        verbose!("Closing client id={id}: {reason}");
        self.keyspace.forget(&mut client.session);
        self.core.replica_is_gone(id);
        if client.standing == Standing::Replica {
            notice!("Connection with replica {} lost.", self.core.replica_name(id));
        }
        self.core.clients.remove(&id);
        self.core.redirectable.remove(&id);
        self.core.pubsub.forget(id);
        self.core.tracking.end(id);
        self.keyspace.touches().want(self.core.tracking.is_on());
        self.core.ledger.close(client.account);
        if let Some(Blocked::Replicas(_)) = client.blocked {
            self.blocked.retain(|blocked| *blocked != id);
        }
        self.outgoings.remove(id);
        self.core.primary.disconnected(ReplicaId(id), self.core.now);
        // Closing the socket takes it out of the poll as well.
        let _ = client.stream.deregister(self.poll.registry());
        if client.standing != Standing::Client {
            self.leave_lists(id);
        }
    }
}

/// Uses the memory of a list that is done with for the next one, if that is empty.
fn keep_memory(mut done: Vec<ClientId>, next: &mut Vec<ClientId>) {
    if next.is_empty() {
        done.clear();
        *next = done;
    }
}
