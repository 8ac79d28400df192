//! How much clients may hold: each of output, all together of memory.

use std::time::Duration;

use redwire_outbuf::{Class, CloseReason, Verdict};
use redwire_repl::ReplicaId;

use super::Server;
use crate::core::Core;
use crate::log::{notice, warning};
use crate::net::{Client, ClientId, Standing};

impl Server {
    /// Closes a connection whose peer takes its replies too slowly.
    pub(super) fn check_output_limit(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if let Verdict::Close(reason) = output_verdict(client, &self.core) {
            update(client, &mut self.core);
            self.close_over_limit(id, reason);
        }
    }

    /// Does so, for this reason; what `CLIENT LIST` has of it is up to date.
    pub(super) fn close_over_limit(&mut self, id: ClientId, reason: CloseReason) {
        self.core.counters.output_buffer_closed += 1;
        warning!(
            "Client {} scheduled to be closed ASAP for overcoming of output buffer limits \
             ({reason}).",
            self.describe(id)
        );
        self.close(id, "output buffer limit");
    }

    /// Closes replicas that hold too much of the stream, and finds out how far it may grow before
    /// that can be said of another one: they are judged as it grows, and not when it is sent, since
    /// one that takes nothing is sent nothing.
    pub(super) fn judge_replicas(&mut self) {
        for id in self.replicas.clone() {
            self.check_output_limit(id);
        }
        let core = &mut self.core;
        let replicas = self.replicas.iter().filter_map(|id| self.clients.get(id));
        let held = replicas.map(|client| held(client, core));
        let room = held.map(|held| core.limits.room(Class::Replica, held)).min();
        let end = core.primary.offset().get();
        core.judge_replicas_at = end.saturating_add(room.unwrap_or(u64::MAX));
    }

    /// Closes the clients with the most memory until all others together have less than
    /// `maxmemory-clients`.
    pub(super) fn evict_clients(&mut self) {
        let config = &self.core.config;
        let Some(limit) = config.maxmemory_clients.bytes(config.maxmemory) else { return };
        while let Some(id) = self.core.ledger.to_evict(limit) {
            notice!("Evicting client: {}", self.describe(id));
            self.core.counters.evicted_clients += 1;
            self.close(id, "evicted");
        }
    }

    /// Looks at some of the connections, so that all have had their turn within a second: closes
    /// those that are idle, or hold too much output for too long, and frees memory that is kept
    /// for nothing.
    pub(super) fn look_after_clients(&mut self) {
        let count = self.clients.len().div_ceil(self.core.config.hz.max(1) as usize).max(5);
        let ids: Vec<ClientId> =
            self.core.clients.range(self.next_look..).map(|(id, _)| *id).take(count).collect();
        self.next_look = if ids.len() < count { 0 } else { ids[count - 1] + 1 };
        for id in ids {
            self.check_output_limit(id);
            let Some(client) = self.clients.get_mut(&id) else { continue };
            let idle = self.core.now.saturating_duration_since(client.last_interaction);
            if idle > KEPT_FOR && client.output.is_empty() {
                client.output.shrink();
            }
            note_buffers(client, &mut self.core);
            update(client, &mut self.core);
            let may_idle = client.standing != Standing::Client
                || client.is_held_up()
                || client.session.subscribed;
            let timeout = self.core.config.timeout;
            if !timeout.is_zero() && idle > timeout && !may_idle {
                self.close(id, "Closing idle client");
            }
        }
    }

    fn describe(&self, id: ClientId) -> String {
        let info = self.core.clients.get(&id);
        info.map_or_else(String::new, |info| info.line(&self.core))
    }
}

/// Idle time after which memory for a client's next replies is freed.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// Whether a connection may hold as much output as it does.
pub(super) fn output_verdict(client: &mut Client, core: &Core) -> Verdict {
    let (bytes, class) = (held(client, core), client.class());
    core.limits.check(&mut client.limits, class, bytes, core.now)
}

/// Bytes that a connection has yet to be sent, as its limits count them.
pub(super) fn held(client: &Client, core: &Core) -> u64 {
    let stream = match client.standing {
        Standing::Replica => core.primary.in_memory(ReplicaId(client.id)),
        Standing::Client | Standing::Monitor => 0,
    };
    client.output.omem() + stream
}

/// Brings up to date what `CLIENT LIST` and the ledger have of a connection.
pub(super) fn update(client: &Client, core: &mut Core) {
    let Some(info) = core.clients.get_mut(&client.id) else { return };
    info.update(client);
    core.ledger.set_class(&client.account, client.class());
    core.ledger.set(&client.account, info.usage.total());
}

/// Takes note of how large a connection's buffers are, before it is written to: their peaks are remembered.
pub(super) fn note_buffers(client: &mut Client, core: &mut Core) {
    client.peak.note(client.output.tail_len(), core.now);
    let since_start = core.now.saturating_duration_since(core.started);
    core.recent.note(client.input.capacity() as u64, client.output.omem(), since_start);
}
