//! [`Topics`]: who listens to what.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::ClientId;

/// Channels, or patterns, with those who listen to them; neither side of it is ever empty.
#[derive(Debug, Default)]
pub(super) struct Topics {
    by_topic: BTreeMap<Vec<u8>, BTreeSet<ClientId>>,
    by_client: BTreeMap<ClientId, BTreeSet<Vec<u8>>>,
}

impl Topics {
    pub(super) fn add(&mut self, client: ClientId, topic: &[u8]) {
        self.by_topic.entry(topic.to_vec()).or_default().insert(client);
        self.by_client.entry(client).or_default().insert(topic.to_vec());
    }

    pub(super) fn remove(&mut self, client: ClientId, topic: &[u8]) {
        if let Some(topics) = self.by_client.get_mut(&client) {
            topics.remove(topic);
            if topics.is_empty() {
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
        self.by_client.get(&client).into_iter().flatten().cloned().collect()
    }

    /// To how many topics a client listens.
    pub(super) fn count(&self, client: ClientId) -> usize {
        self.by_client.get(&client).map_or(0, BTreeSet::len)
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
                    let topic = id as u8;
                    let listeners = pairs.iter().filter(|(_, known)| *known == topic);
                    let listeners = listeners.map(|(client, _)| *client);
                    prop_assert!(topics.listeners(&[topic]).eq(listeners));
                }
            }
        }
    }
}
