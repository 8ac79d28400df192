//! [`Tracking`]: which client caches which keys (`CLIENT TRACKING`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

use redwire_keyspace::{Command, Flags, Origin, Session, Touched};
use redwire_resp::Request;

use crate::core::{Action, Core};
use crate::net::ClientId;

/// The clients that cache keys, and what they are to be told.
#[derive(Debug, Default)]
pub(crate) struct Tracking {
    clients: HashMap<ClientId, Mode>,
    table: Table,
    /// Who wants to know of all keys that begin so (`BCAST`).
    prefixes: BTreeMap<Vec<u8>, BTreeSet<ClientId>>,
    /// The keys of each prefix that were changed by the command that runs, and who changed them.
    changed: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Option<ClientId>>>,
    /// Where to go on with the keys that are one too many.
    next_evicted: usize,
}

/// How a client wants to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) kind: Kind,
    /// Not of what it changes itself.
    pub(crate) noloop: bool,
    /// Who is told in its place.
    pub(crate) redirect: Option<ClientId>,
    /// The one that was to be told in its place is gone.
    pub(crate) broken: bool,
    /// `CLIENT CACHING` was called, and holds for the next command.
    pub(crate) caching: bool,
}

/// Which keys a client wants to be told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Those that it has read.
    #[default]
    Read,
    /// Those that it reads behind `CLIENT CACHING YES`.
    OptIn,
    /// Those that it reads, but behind `CLIENT CACHING NO`.
    OptOut,
    /// Those that begin with its prefixes, read or not.
    Broadcast,
}

impl Mode {
    /// Whether the keys of the command that has just run are to be remembered.
    fn remembers(&self) -> bool {
        match self.kind {
            Kind::Read => true,
            Kind::OptIn => self.caching,
            Kind::OptOut => !self.caching,
            Kind::Broadcast => false,
        }
    }
}

/// The keys that clients have read, with those clients. Keys are told apart by name only, as in
/// Redis: that of one database is that of all.
///
/// Clients that are gone stay in it until their keys are changed: their numbers are not used
/// again.
#[derive(Debug, Default)]
struct Table {
    keys: HashMap<Arc<[u8]>, Readers>,
    /// All keys, to drop one that is too many.
    order: Vec<Arc<[u8]>>,
    /// How many pairs of a key and a client there are.
    items: usize,
}

#[derive(Debug)]
struct Readers {
    clients: BTreeSet<ClientId>,
    /// Position in `order`.
    at: usize,
}

impl Table {
    fn add(&mut self, key: &[u8], client: ClientId) {
        if let Some(readers) = self.keys.get_mut(key) {
            self.items += usize::from(readers.clients.insert(client));
            return;
        }
        let key: Arc<[u8]> = key.into();
        let readers = Readers { clients: BTreeSet::from([client]), at: self.order.len() };
        self.order.push(key.clone());
        self.keys.insert(key, readers);
        self.items += 1;
    }

    /// Takes a key out, and answers who has read it.
    fn remove(&mut self, key: &[u8]) -> BTreeSet<ClientId> {
        let Some(Readers { clients, at }) = self.keys.remove(key) else { return BTreeSet::new() };
        self.order.swap_remove(at);
        if let Some(moved) = self.order.get(at).and_then(|moved| self.keys.get_mut(moved)) {
            moved.at = at;
        }
        self.items -= clients.len();
        clients
    }
}

impl Tracking {
    /// How a client wants to be told, if it does.
    pub(crate) fn mode(&self, client: ClientId) -> Option<&Mode> {
        self.clients.get(&client)
    }

    pub(crate) fn mode_mut(&mut self, client: ClientId) -> Option<&mut Mode> {
        self.clients.get_mut(&client)
    }

    /// The prefixes of a client.
    pub(crate) fn prefixes_of(&self, client: ClientId) -> impl Iterator<Item = &[u8]> {
        let of_client = self.prefixes.iter().filter(move |(_, ids)| ids.contains(&client));
        of_client.map(|(prefix, _)| prefix.as_slice())
    }

    /// Begins, or goes on with other options; the prefixes add to those that there are.
    pub(crate) fn begin(&mut self, client: ClientId, mode: Mode, prefixes: &[&[u8]]) {
        if mode.kind == Kind::Broadcast {
            let all: &[&[u8]] = if prefixes.is_empty() { &[b""] } else { prefixes };
            for prefix in all {
                self.prefixes.entry(prefix.to_vec()).or_default().insert(client);
            }
        }
        self.clients.insert(client, mode);
    }

    /// Ends it for a client, if it had begun.
    pub(crate) fn end(&mut self, client: ClientId) {
        let Some(mode) = self.clients.remove(&client) else { return };
        if mode.kind == Kind::Broadcast {
            self.prefixes.retain(|_, clients| {
                clients.remove(&client);
                !clients.is_empty()
            });
        }
        if self.clients.is_empty() {
            *self = Self::default();
        }
    }

    /// Whether any client caches anything.
    pub(crate) fn is_on(&self) -> bool {
        !self.clients.is_empty()
    }

    /// How many clients cache, keys are remembered, pairs of key and client, prefixes.
    pub(crate) fn counts(&self) -> [usize; 4] {
        let table = &self.table;
        [self.clients.len(), table.keys.len(), table.items, self.prefixes.len()]
    }

    /// A key was changed, by `client` if by anybody.
    fn key_changed(&mut self, key: &[u8], client: Option<ClientId>, actions: &mut Vec<Action>) {
        for prefix in self.prefixes.keys().filter(|prefix| key.starts_with(prefix)) {
            let keys = self.changed.entry(prefix.clone()).or_default();
            keys.insert(key.to_vec(), client);
        }
        for reader in self.table.remove(key) {
            let mode = self.clients.get(&reader).filter(|mode| mode.kind != Kind::Broadcast);
            if mode.is_some_and(|mode| !mode.noloop || Some(reader) != client) {
                actions.push(Action::Invalidate(reader, Some(vec![key.to_vec()])));
            }
        }
    }

    /// All keys were changed.
    fn all_changed(&mut self, actions: &mut Vec<Action>) {
        self.table = Table::default();
        actions.extend(self.clients.keys().map(|client| Action::Invalidate(*client, None)));
    }

    /// Has those told who want to know of all keys that begin with a prefix.
    fn broadcast(&mut self, actions: &mut Vec<Action>) {
        for (prefix, keys) in mem::take(&mut self.changed) {
            for client in self.prefixes.get(&prefix).into_iter().flatten() {
                let noloop = self.clients.get(client).is_some_and(|mode| mode.noloop);
                let concerns = |by: &Option<ClientId>| !noloop || *by != Some(*client);
                let keys = keys.iter().filter(|(_, by)| concerns(by));
                let keys: Vec<Vec<u8>> = keys.map(|(key, _)| key.clone()).collect();
                if !keys.is_empty() {
                    actions.push(Action::Invalidate(*client, Some(keys)));
                }
            }
        }
    }

    /// Forgets keys beyond `max`, unless that is 0: who has read them is told that they changed.
    fn limit(&mut self, max: usize, actions: &mut Vec<Action>) {
        while max > 0 && self.table.order.len() > max {
            self.next_evicted = (self.next_evicted + 1) % self.table.order.len();
            let key = self.table.order[self.next_evicted].clone();
            for reader in self.table.remove(&key) {
                actions.push(Action::Invalidate(reader, Some(vec![key.to_vec()])));
            }
        }
    }
}

impl Core {
    /// Keys were changed, by the command of a session or by nobody: caches are told.
    pub(crate) fn keys_touched(&mut self, session: Option<&Session>, touched: Vec<Touched>) {
        let client = session.filter(|it| it.origin() == Origin::Client).map(Session::id);
        for touched in touched {
            match touched {
                Touched::Key(key) => {
                    self.tracking.key_changed(&key, client, &mut self.actions);
                }
                Touched::Expired(key) => {
                    self.tracking.key_changed(&key, None, &mut self.actions);
                }
                _ => self.tracking.all_changed(&mut self.actions),
            }
        }
        if session.is_none() {
            self.tracking.broadcast(&mut self.actions);
        }
    }

    /// A command has run: what it read is in a cache now. What it, or the transaction that it
    /// ends, changed is broadcast.
    pub(crate) fn track(&mut self, session: &Session, command: &Command, request: Request<'_>) {
        if !session.executing_transaction() {
            self.tracking.broadcast(&mut self.actions);
        }
        let Some(mode) = self.tracking.clients.get_mut(&session.id()) else { return };
        if command.flags.has(Flags::READONLY)
            && mode.remembers()
            && let Some(keys) = command.keys.of(request)
        {
            keys.iter().for_each(|key| self.tracking.table.add(key, session.id()));
            let max = usize::try_from(self.config.tracking_table_max_keys).unwrap_or(usize::MAX);
            self.tracking.limit(max, &mut self.actions);
        }
        let Some(mode) = self.tracking.clients.get_mut(&session.id()) else { return };
        // What CLIENT CACHING said holds for one command, or one transaction.
        if command.name != "client" && !session.in_transaction() && !session.executing_transaction()
        {
            mode.caching = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Pseudo-random numbers below `bound`.
    fn numbers() -> impl FnMut(u64) -> u64 {
        let mut state = 7_u64;
        move |bound| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % bound
        }
    }

    /// Who was told of what, all in one list.
    fn told(actions: &mut Vec<Action>) -> BTreeSet<(ClientId, Vec<u8>)> {
        let told = actions.drain(..).flat_map(|action| match action {
            Action::Invalidate(client, Some(keys)) => {
                keys.into_iter().map(|key| (client, key)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn the_table_is_a_set_of_pairs() {
        let (mut tracking, mut naive) = (Tracking::default(), BTreeSet::new());
        (0..5).for_each(|client| tracking.begin(client, Mode::default(), &[]));
        let (mut below, mut actions) = (numbers(), Vec::new());
        for _ in 0..20_000 {
            let (client, key) = (below(5), below(40).to_string().into_bytes());
            match below(4) {
                0 => {
                    tracking.key_changed(&key, Some(client), &mut actions);
                    let gone: BTreeSet<_> =
                        naive.iter().filter(|(_, other)| *other == key).cloned().collect();
                    naive.retain(|(_, other)| *other != key);
                    assert_eq!(told(&mut actions), gone);
                }
                1 => {
                    let max = 20;
                    tracking.limit(max, &mut actions);
                    told(&mut actions).iter().for_each(|pair| assert!(naive.remove(pair)));
                    assert!(tracking.table.keys.len() <= max);
                }
                _ => {
                    tracking.table.add(&key, client);
                    naive.insert((client, key));
                }
            }
            let keys: BTreeSet<_> = naive.iter().map(|(_, key)| key).collect();
            assert_eq!(tracking.counts(), [5, keys.len(), naive.len(), 0]);
            assert_eq!(tracking.table.order.len(), keys.len());
        }
    }

    #[test]
    fn prefixes_and_noloop() {
        let mut tracking = Tracking::default();
        let mode = |noloop| Mode { kind: Kind::Broadcast, noloop, ..Mode::default() };
        tracking.begin(1, mode(false), &[b"a", b"b"]);
        tracking.begin(2, mode(true), &[]);
        let mut actions = Vec::new();
        for (key, by) in [("a1", None), ("b1", Some(2)), ("c1", Some(1)), ("a1", Some(1))] {
            tracking.key_changed(key.as_bytes(), by, &mut actions);
        }
        tracking.broadcast(&mut actions);
        let pairs = [(1, "a1"), (1, "b1"), (2, "a1"), (2, "c1")];
        assert_eq!(told(&mut actions), pairs.map(|(id, key)| (id, key.into())).into());
        tracking.broadcast(&mut actions);
        assert!(actions.is_empty());
        tracking.end(1);
        assert_eq!(tracking.counts(), [1, 0, 0, 1]);
        tracking.end(2);
        assert_eq!(tracking.counts(), [0; 4]);
    }
}
