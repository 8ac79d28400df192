//! What connections are sent that they did not ask for at that moment: messages of channels.

use redwire_resp::Protocol;

use super::Server;
use crate::net::ClientId;

impl Server {
    /// Sends a message, which is in RESP3.
    pub(super) fn deliver(&mut self, to: &[ClientId], message: &[u8]) {
        for id in to {
            let Some(client) = self.clients.get_mut(id).filter(|client| !client.closing) else {
                continue;
            };
            match (client.session.protocol, message) {
                (Protocol::Resp2, [_, rest @ ..]) => {
                    client.output.push(b"*");
                    client.output.push(rest);
                }
                (_, message) => client.output.push(message),
            }
            self.unsent.push(*id);
        }
    }

    /// Publishes what happened to keys other than by a client's command.
    pub(super) fn publish_key_events(&mut self) {
        if !self.keyspace.events().is_empty() {
            self.core.publish_key_events(self.keyspace.events().take());
            self.run_actions();
        }
    }
}
