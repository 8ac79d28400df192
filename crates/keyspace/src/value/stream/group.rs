//! [`Group`]: a consumer group, its consumers, and what they have not acknowledged.

use std::cmp::Ordering;

use super::StreamId;
use crate::tree::{Element, Entry, Iter, Tree};
use crate::{Blob, UnixMs};

/// A consumer group of a stream.
#[derive(Debug, Clone)]
pub struct Group {
    name: Blob,
    /// The last entry that was delivered.
    pub last_id: StreamId,
    /// How many entries were delivered since the stream began, where that is known.
    pub entries_read: Option<u64>,
    pending: Tree<Pending>,
    consumers: Tree<Consumer>,
}

/// An entry that was delivered and not acknowledged yet.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The entry, which may be deleted by now.
    pub id: StreamId,
    /// Whom it was delivered to last.
    pub consumer: Blob,
    /// When.
    pub delivered: UnixMs,
    /// How often.
    pub count: u64,
}

/// A consumer of a group.
#[derive(Debug, Clone)]
pub struct Consumer {
    name: Blob,
    /// When it last tried to read.
    pub seen: UnixMs,
    /// When it last got something.
    pub active: Option<UnixMs>,
    pending: Tree<StreamId>,
}

impl Consumer {
    pub(super) fn new(name: &[u8], seen: UnixMs, active: Option<UnixMs>) -> Self {
        Self { name: Blob::from(name), seen, active, pending: Tree::new() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Blob {
        &self.name
    }

    /// How many entries it has not acknowledged.
    #[must_use]
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The ids of the entries that it has not acknowledged, from `start` on.
    pub fn pending_from(&self, start: StreamId) -> Iter<'_, StreamId> {
        let from = self.pending.search_by(start, |id| id.cmp(&start));
        self.pending.range(from.unwrap_or_else(|gap| gap)..)
    }
}

impl Group {
    /// Bytes that it takes outside of its handle, about.
    pub(super) fn memory(&self) -> usize {
        let consumer = |it: &Consumer| it.pending.approx_bytes() + it.name.heap_bytes();
        let consumers: usize = self.consumers.iter().map(consumer).sum();
        self.pending.approx_bytes() + self.consumers.approx_bytes() + consumers
    }

    /// A group without consumers.
    #[must_use]
    pub fn new(name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            name: Blob::from(name),
            last_id,
            entries_read,
            pending: Tree::new(),
            consumers: Tree::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Blob {
        &self.name
    }

    /// How many entries nobody has acknowledged.
    #[must_use]
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The entries that nobody has acknowledged, from `start` on, in the order of their ids.
    pub fn pending_from(&self, start: StreamId) -> Iter<'_, Pending> {
        let from = self.pending.search_by(start, |pending| pending.id.cmp(&start));
        self.pending.range(from.unwrap_or_else(|gap| gap)..)
    }

    /// The pending entry of this id.
    #[must_use]
    pub fn pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.find_by(id, |pending| pending.id.cmp(&id))
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> Iter<'_, Consumer> {
        self.consumers.iter()
    }

    /// The consumer of this name.
    #[must_use]
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.find_by(name_hint(name), by_name(name))
    }

    pub(crate) fn consumer_mut(&mut self, name: &[u8]) -> Option<&mut Consumer> {
        self.consumers.get_mut_by(name_hint(name), by_name(name))
    }

    /// Notes that a consumer asks at `now`, and makes it if it is not there; answers whether it
    /// was made.
    pub(crate) fn see(&mut self, name: &[u8], now: UnixMs) -> bool {
        match self.consumers.entry(name_hint(name), by_name(name)) {
            Entry::Occupied(mut found) => {
                found.get_mut().seen = now;
                false
            }
            Entry::Vacant(place) => {
                place.insert(Consumer::new(name, now, None));
                true
            }
        }
    }

    pub(super) fn add_consumer(&mut self, consumer: Consumer) -> bool {
        let name = consumer.name.clone();
        self.consumers.insert_by(consumer, by_name(&name)).is_ok()
    }

    /// Makes an entry pending with this consumer, which must be there, whoever had it before.
    pub(crate) fn assign(&mut self, id: StreamId, to: &[u8], delivered: UnixMs, count: u64) {
        let name = Blob::from(to);
        let old = match self.pending.entry(id, |pending| pending.id.cmp(&id)) {
            Entry::Occupied(mut found) => {
                let pending = found.get_mut();
                (pending.delivered, pending.count) = (delivered, count);
                let old = std::mem::replace(&mut pending.consumer, name);
                (old.as_slice() != to).then_some(old)
            }
            Entry::Vacant(place) => {
                place.insert(Pending { id, consumer: name, delivered, count });
                None
            }
        };
        if let Some(old) = old.and_then(|old| self.consumer_mut(&old)) {
            old.pending.remove_by(id, |pending| pending.cmp(&id));
        }
        if let Some(consumer) = self.consumer_mut(to)
            && let Entry::Vacant(place) = consumer.pending.entry(id, |pending| pending.cmp(&id))
        {
            place.insert(id);
        }
    }

    /// Takes an entry off the pending ones; answers whether it was among them.
    pub(crate) fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove_by(id, |pending| pending.id.cmp(&id)) else {
            return false;
        };
        if let Some(consumer) = self.consumer_mut(&pending.consumer) {
            consumer.pending.remove_by(id, |pending| pending.cmp(&id));
        }
        true
    }

    /// Takes a consumer out with all that is pending with it; answers how many entries that were.
    pub(crate) fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove_by(name_hint(name), by_name(name))?;
        for id in &consumer.pending {
            self.pending.remove_by(*id, |pending| pending.id.cmp(id));
        }
        Some(consumer.pending.len())
    }
}

/// The first bytes of a name, which order as names do.
pub(super) fn name_hint(name: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = name.len().min(first.len());
    first[..len].copy_from_slice(&name[..len]);
    u64::from_be_bytes(first)
}

fn by_name(name: &[u8]) -> impl FnMut(&Consumer) -> Ordering + '_ {
    move |consumer| consumer.name.as_slice().cmp(name)
}

impl Element for Group {
    type Hint = u64;
    type Weight = ();

    fn hint(&self) -> u64 {
        name_hint(&self.name)
    }
}

impl Element for Consumer {
    type Hint = u64;
    type Weight = ();

    fn hint(&self) -> u64 {
        name_hint(&self.name)
    }
}

impl Element for Pending {
    type Hint = StreamId;
    type Weight = ();

    fn hint(&self) -> StreamId {
        self.id
    }
}
