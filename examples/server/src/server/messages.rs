//! What connections are sent that they did not ask for at that moment: messages of channels.

use bytes::Bytes;
use redwire_outbuf::ClientsLimit;
use redwire_resp::Protocol;

use super::Server;
use super::limits::update;
use crate::net::ClientId;

impl Server {
    /// Sends a message, which is in RESP3. A large one is one piece of memory for all.
    pub(super) fn deliver(&mut self, to: &[ClientId], message: Vec<u8>) {
        let resp3 = Bytes::from(message);
        let mut resp2 = None;
        for id in to {
            let Some(client) = self.clients.get_mut(id).filter(|client| !client.closing) else {
                continue;
            };
            let message = match client.session.protocol {
                Protocol::Resp2 => resp2.get_or_insert_with(|| as_resp2(&resp3)),
                Protocol::Resp3 => &resp3,
            };
            client.output.push_shared(message.clone());
            self.unsent.push(*id);
            self.unasked(*id);
        }
    }

    /// Shows a command to those who said `MONITOR`.
    pub(super) fn feed_monitors(&mut self, line: Vec<u8>) {
        let line = Bytes::from(line);
        for id in self.monitors.clone() {
            if let Some(client) = self.clients.get_mut(&id).filter(|client| !client.closing) {
                client.output.push_shared(line.clone());
                self.unsent.push(id);
                self.unasked(id);
            }
        }
    }

    /// A client was sent what it had not asked for: one request can bring many clients that much,
    /// so that their limits are not left to the end of the turn.
    fn unasked(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.output.omem() == 0 {
            return;
        }
        if self.core.config.maxmemory_clients != ClientsLimit::None {
            update(client, &mut self.core);
            self.evict_clients();
        }
        self.check_output_limit(id);
    }

    /// Publishes what happened to keys other than by a client's command.
    pub(super) fn publish_key_events(&mut self) {
        if !self.keyspace.events().is_empty() {
            self.core.publish_key_events(self.keyspace.events().take());
            self.run_actions();
        }
    }
}

/// A push as the array that RESP2 has in its place.
fn as_resp2(message: &[u8]) -> Bytes {
    let mut array = message.to_vec();
    if let Some(kind) = array.first_mut() {
        *kind = b'*';
    }
    array.into()
}
