//! `MIGRATE`: keys that go to another server, beside the loop.
//!
//! [`transfer::Transfer`] says what goes over the connection and what came of it, and does no I/O. A thread for each
//! command carries the bytes ([`carry()`]); the loop gives it keys as they were ([`Parcel`]) and deletes
//! those that the other server has, once the thread is through. Until then writes to them wait
//! ([`Core::waits_for_migration`]), so that none is lost. In a transaction the loop carries them itself.

mod carry;
mod transfer;

use std::collections::HashMap;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use mio::Waker;
use redwire_keyspace::{Blob, Flags, Keyspace, Parcel, Session};
use redwire_resp::Request;

use self::carry::{Carried, carry};
use crate::core::Core;
use crate::log::warning;
use crate::net::ClientId;

/// A connection that is not used again for so long is closed, as in Redis.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// Connections that are kept at most, as in Redis.
const KEPT: usize = 64;

/// What a `MIGRATE` asks for.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) to: Address,
    /// The database there.
    pub(crate) db: i64,
    /// For each step: to connect, to write, to read.
    pub(crate) timeout: Duration,
    /// `COPY`: the keys stay here, too.
    pub(crate) copy: bool,
    pub(crate) replace: bool,
    /// User, if one was named, and password.
    pub(crate) login: Option<(Option<Vec<u8>>, Vec<u8>)>,
    /// The database here.
    pub(crate) from_db: u32,
    pub(crate) parcels: Vec<Parcel>,
}

/// Where it goes, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: Vec<u8>,
    pub(crate) port: Vec<u8>,
}

/// A connection, and the database that is selected there, if that is known.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    selected: Option<i64>,
}

/// What came of an order.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) order: Order,
    /// Which of its keys the other server has.
    pub(crate) taken: Vec<usize>,
    /// Or the error.
    pub(crate) result: Result<(), String>,
    /// It panicked, which is a bug of ours.
    panicked: bool,
    /// To be used again.
    connection: Option<Connection>,
}

/// The orders under way, and connections that may be used again.
#[derive(Debug)]
pub(crate) struct Migrations {
    under_way: HashMap<ClientId, Vec<Blob>>,
    kept: HashMap<Address, (Connection, Instant)>,
    outcomes: Receiver<(ClientId, Outcome)>,
    sender: Sender<(ClientId, Outcome)>,
    waker: Arc<Waker>,
}

impl Migrations {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        let (sender, outcomes) = channel();
        Self { under_way: HashMap::new(), kept: HashMap::new(), outcomes, sender, waker }
    }

    /// Has a thread carry an order out, for a client that waits for it.
    ///
    /// # Errors
    ///
    /// That the system has no thread.
    pub(crate) fn begin(&mut self, client: ClientId, order: Order) -> std::io::Result<()> {
        self.begin_by(carry, client, order)
    }

    /// As `carry` does it. Whatever becomes of that, the order comes to its end: keys that are under way
    /// for ever would be held for ever.
    fn begin_by(
        &mut self,
        carry: impl FnOnce(&Order, Option<Connection>) -> Carried + Send + 'static,
        client: ClientId,
        order: Order,
    ) -> std::io::Result<()> {
        let connection = self.kept_for(&order);
        let keys = order.parcels.iter().map(|parcel| parcel.key.clone()).collect();
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let thread = std::thread::Builder::new().name("migrate".into());
        thread.spawn(move || {
            // With the loop gone nobody wants to know.
            let _ = sender.send((client, outcome(carry, order, connection)));
            let _ = waker.wake();
        })?;
        self.under_way.insert(client, keys);
        Ok(())
    }

    /// Carries an order out while the loop waits, of a client in a transaction.
    pub(crate) fn carry_out(&mut self, order: Order) -> Outcome {
        let connection = self.kept_for(&order);
        let mut outcome = outcome(carry, order, connection);
        self.keep(&mut outcome, crate::clock::now());
        outcome
    }

    /// The next order that has come to its end, and whose it was.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<(ClientId, Outcome)> {
        let (client, mut outcome) = self.outcomes.try_recv().ok()?;
        self.under_way.remove(&client);
        self.keep(&mut outcome, now);
        Some((client, outcome))
    }

    /// The connection that an order may use again.
    fn kept_for(&mut self, order: &Order) -> Option<Connection> {
        self.kept.remove(&order.to).map(|(connection, _)| connection)
    }

    /// Keeps the connection of an order that has come to its end.
    fn keep(&mut self, outcome: &mut Outcome, now: Instant) {
        if let Some(connection) = outcome.connection.take() {
            if self.kept.len() >= KEPT {
                let oldest = self.kept.iter().min_by_key(|(_, (_, used))| *used);
                if let Some(address) = oldest.map(|(address, _)| address.clone()) {
                    self.kept.remove(&address);
                }
            }
            self.kept.insert(outcome.order.to.clone(), (connection, now));
        }
    }

    /// Closes connections that nobody has used for a while.
    pub(crate) fn close_unused(&mut self, now: Instant) {
        self.kept.retain(|_, (_, used)| now.saturating_duration_since(*used) < KEPT_FOR);
    }

    /// How many connections are kept (`migrate_cached_sockets`).
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    fn has(&self, key: &[u8]) -> bool {
        self.under_way.values().flatten().any(|it| **it == *key)
    }
}

fn outcome(
    carry: impl FnOnce(&Order, Option<Connection>) -> Carried,
    order: Order,
    connection: Option<Connection>,
) -> Outcome {
    let carried = catch_unwind(AssertUnwindSafe(|| carry(&order, connection)));
    let panicked = carried.is_err();
    // What the other server has of them is not known: they stay here, as after a timeout.
    let (taken, result, connection) =
        carried.unwrap_or_else(|_| (Vec::new(), Err("ERR internal error".into()), None));
    Outcome { order, taken, result, panicked, connection }
}

impl Core {
    /// Says so if what carried an order out panicked.
    pub(crate) fn note_migration(&mut self, outcome: &Outcome) {
        if outcome.panicked {
            self.counters.panics += 1;
            warning!("=== BUG === a MIGRATE panicked");
        }
    }

    /// Whether `request` may change a key that is on its way to another server, in whatever database:
    /// what it would do to the key would be gone with it.
    pub(crate) fn waits_for_migration(
        &self,
        keyspace: &Keyspace,
        session: &Session,
        request: Request<'_>,
    ) -> bool {
        if self.migrations.is_idle() {
            return false;
        }
        let Some(command) = keyspace.command(self, request) else { return false };
        if !session.would_write(command) {
            return false;
        }
        // What writes without keys of its own (FLUSHALL, SWAPDB, EXEC) may write to any.
        let is_about_keys = command.flags.has(Flags::WRITE);
        let keys = command.keys.of(request).filter(|keys| is_about_keys && !keys.is_empty());
        keys.is_none_or(|keys| keys.iter().any(|key| self.migrations.has(key)))
    }
}

#[cfg(test)]
mod tests {
    use mio::{Poll, Token};

    use super::*;

    #[test]
    fn a_thread_that_panics_lets_go_of_its_keys() {
        let poll = Poll::new().unwrap();
        let mut migrations =
            Migrations::new(Arc::new(Waker::new(poll.registry(), Token(0)).unwrap()));
        let order = Order {
            to: Address { host: b"127.0.0.1".to_vec(), port: b"1".to_vec() },
            db: 0,
            timeout: Duration::from_secs(1),
            copy: false,
            replace: false,
            login: None,
            from_db: 0,
            parcels: Vec::new(),
        };
        migrations.begin_by(|_, _| panic!("as a bug would"), 7, order).unwrap();
        assert!(!migrations.is_idle());
        let (client, outcome) = loop {
            if let Some(outcome) = migrations.poll(crate::clock::now()) {
                break outcome;
            }
            std::thread::yield_now();
        };
        assert!(migrations.is_idle() && outcome.panicked && outcome.taken.is_empty());
        assert_eq!((client, outcome.result), (7, Err("ERR internal error".into())));
    }
}
