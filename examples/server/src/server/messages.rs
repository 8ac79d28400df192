//! What connections are sent that they did not ask for at that moment: messages of channels, and of keys to
//! forget.

use bytes::Bytes;
use redwire_outbuf::ClientsLimit;
use redwire_resp::{Encoder, Protocol};

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

    /// Tells a client that caches keys which of them it has to forget, or the one that it named in
    /// its place.
    pub(super) fn invalidate(&mut self, id: ClientId, keys: Option<Vec<Vec<u8>>>) {
        let Some(mode) = self.core.tracking.mode_mut(id) else { return };
        let redirect = mode.redirect;
        if let Some(target) = redirect
            && self.clients.get(&target).is_none_or(|client| client.closing)
        {
            mode.broken = true;
            let told = self.clients.get(&id).map(|client| client.session.protocol);
            if told == Some(Protocol::Resp3) {
                self.push_to(id, |reply| {
                    reply.push(2);
                    reply.bulk(b"tracking-redir-broken");
                    reply.integer(target as i64);
                });
            }
            return;
        }
        let target = redirect.unwrap_or(id);
        let Some(client) = self.clients.get(&target) else { return };
        let resp3 = client.session.protocol == Protocol::Resp3;
        // In RESP2 only one who listens can be told, and it is as if the keys had been published.
        let listens = redirect.is_some() && client.session.subscribed;
        if !resp3 && !listens {
            return;
        }
        self.push_to(target, |reply| {
            if resp3 {
                reply.push(2);
                reply.bulk(b"invalidate");
            } else {
                reply.array(3);
                reply.bulk(b"message");
                reply.bulk(b"__redis__:invalidate");
            }
            match &keys {
                Some(keys) => {
                    reply.array(keys.len());
                    keys.iter().for_each(|key| reply.bulk(key));
                }
                None => reply.null(),
            }
        });
    }

    /// Appends to a connection's output what it did not ask for.
    fn push_to(&mut self, id: ClientId, write: impl FnOnce(&mut Encoder<'_>)) {
        let Some(client) = self.clients.get_mut(&id).filter(|client| !client.closing) else {
            return;
        };
        let protocol = client.session.protocol;
        write(&mut Encoder::new(client.output.tail(), protocol));
        self.unsent.push(id);
        self.unasked(id);
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

    /// Publishes what happened to keys other than by a client's command, and tells caches.
    pub(super) fn publish_key_events(&mut self) {
        if !self.keyspace.touches().is_empty() {
            let touched = self.keyspace.touches().take();
            self.core.keys_touched(None, touched);
            self.run_actions();
        }
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
