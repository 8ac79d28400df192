//! [`Topics`]: who listens to what.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::ClientId;

/// Channels, or patterns, with those who listen to them; neither side of it is ever empty.
#[derive(Debug, Default)]
pub(super) struct Topics {
    by_topic: BTreeMap<Vec<u8>, BTreeSet<ClientId>>,
    by_client: BTreeMap<ClientId, Own>,
}

/// What one client listens to.
#[derive(Debug, Default)]
struct Own {
    topics: BTreeSet<Vec<u8>>,
    /// Bytes of their names.
    bytes: usize,
}

/// Bytes that the sets of both sides take for a topic of a client, beside its name: two
/// vectors of three words and a number, and what half empty leaves and the allocator add.
const PER_TOPIC: usize = 64;

impl Topics {
    pub(super) fn add(&mut self, client: ClientId, topic: &[u8]) {
        self.by_topic.entry(topic.to_vec()).or_default().insert(client);
        let own = self.by_client.entry(client).or_default();
        if own.topics.insert(topic.to_vec()) {
            own.bytes += topic.len();
        }
    }

    pub(super) fn remove(&mut self, client: ClientId, topic: &[u8]) {
        if let Some(own) = self.by_client.get_mut(&client) {
            if own.topics.remove(topic) {
                own.bytes -= topic.len();
            }
            if own.topics.is_empty() {
                self.by_client.remove(&client);
            }
        }
        if let Some(clients) = self.by_topic.get_mut(topic) {
            clients.remove(&client);
            if clients.is_empty() {
                self.by_topic.remove(topic);
            }
        }
    }

    /// Removes a client from all that it listens to.
    pub(super) fn forget(&mut self, client: ClientId) {
        for topic in self.of(client) {
            self.remove(client, &topic);
        }
    }

    /// What a client listens to.
    pub(super) fn of(&self, client: ClientId) -> Vec<Vec<u8>> {
        self.by_client
            .get(&client)
            .map_or_else(Vec::new, |own| own.topics.iter().cloned().collect())
    }

    /// To how many topics a client listens.
    pub(super) fn count(&self, client: ClientId) -> usize {
        self.by_client.get(&client).map_or(0, |own| own.topics.len())
    }

    /// About how many bytes a client's listening takes.
    pub(super) fn memory(&self, client: ClientId) -> usize {
        self.by_client.get(&client).map_or(0, |own| own.bytes + own.topics.len() * PER_TOPIC)
    }

    /// Who listens to a topic.
    pub(super) fn listeners(&self, topic: &[u8]) -> impl ExactSizeIterator<Item = ClientId> {
        const NOBODY: &BTreeSet<ClientId> = &BTreeSet::new();
        self.by_topic.get(topic).unwrap_or(NOBODY).iter().copied()
    }

    /// Every topic that somebody listens to.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.by_topic.keys().map(Vec::as_slice)
    }

    /// How many topics somebody listens to.
    pub(super) fn len(&self) -> usize {
        self.by_topic.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_set_of_pairs(
            steps in proptest::collection::vec((0_u8..4, 0_u64..4, 0_u8..4), 0..60),
        ) {
            let mut topics = Topics::default();
            let mut pairs = BTreeSet::new();
            for (step, client, topic) in steps {
                match step {
                    0 | 1 => {
                        topics.add(client, &[topic]);
                        pairs.insert((client, topic));
                    }
                    2 => {
                        topics.remove(client, &[topic]);
                        pairs.remove(&(client, topic));
                    }
                    _ => {
                        topics.forget(client);
                        pairs.retain(|(known, _)| *known != client);
                    }
                }
                let known: BTreeSet<u8> = pairs.iter().map(|(_, topic)| *topic).collect();
                prop_assert_eq!(topics.len(), known.len());
                prop_assert!(topics.iter().eq(known.iter().map(std::slice::from_ref)));
                for id in 0..4_u64 {
                    let of = pairs.iter().filter(|(client, _)| *client == id);
                    let of: Vec<Vec<u8>> = of.map(|(_, topic)| vec![*topic]).collect();
                    prop_assert_eq!(topics.count(id), of.len());
                    prop_assert_eq!(topics.of(id), of);
                    let bytes = pairs.iter().filter(|(client, _)| *client == id).count();
                    prop_assert_eq!(topics.memory(id), bytes * (1 + PER_TOPIC));
                    let topic = id as u8;
                    let listeners = pairs.iter().filter(|(_, known)| *known == topic);
                    let listeners = listeners.map(|(client, _)| *client);
                    prop_assert!(topics.listeners(&[topic]).eq(listeners));
                }
            }
        }
    }
}
