//! [`Session`]: what the keyspace knows of one connection.

use std::collections::BTreeSet;
use std::sync::Arc;

use redwire_resp::{Protocol, RequestBuf};

use crate::acl::User;
use crate::command::{Command, Flags, Run};
use crate::waits::Wish;
use crate::watch::WatchedKey;

/// Whose commands a session carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client, bound by read-only, authentication and memory rules.
    Client,
    /// The primary of this node: its writes are applied as they come, and expired keys are still
    /// there for it until it deletes them.
    Primary,
}

/// A connection's state as commands see it: database, protocol, transaction, watched keys.
///
/// The caller keeps one for each connection and hands it to every
/// [`execute`](crate::Keyspace::execute); before dropping it, it calls
/// [`Keyspace::forget`](crate::Keyspace::forget), so that its watched keys are let go.
#[derive(Debug)]
pub struct Session {
    id: u64,
    origin: Origin,
    /// The selected database (`SELECT`).
    pub db: u32,
    /// The protocol of replies (`HELLO`).
    pub protocol: Protocol,
    /// Whether commands that need authentication may run.
    pub authenticated: bool,
    /// Whose rights bound it; `None`: it may do everything. Whoever changes a user gives the new one
    /// to the sessions that are his.
    pub user: Option<Arc<User>>,
    /// Whether it listens to channels or patterns, which the host keeps: then `PING` in RESP2
    /// answers in the form of a message.
    pub subscribed: bool,
    /// Whether its commands may wait for what is not there yet (`BLPOP`). They answer at once, as
    /// if the time were over, unless this is set: whoever sets it has to
    /// [`resume`](crate::Keyspace::resume) them.
    pub may_wait: bool,
    /// Whether its commands count as no use of keys (`CLIENT NO-TOUCH`): but for `TOUCH`, they leave
    /// idle times and frequencies as they are.
    pub no_touch: bool,
    /// Whether it brings data to be imported (`CLIENT IMPORT-SOURCE`): while
    /// [`Settings::import_mode`](crate::Settings::import_mode) is on, keys whose time is over are there
    /// for it.
    pub import_source: bool,
    /// What the running command wants to wait for.
    pub(crate) wish: Option<Box<Wish>>,
    pub(crate) waiting: bool,
    /// The running command has waited, and was run before.
    pub(crate) resuming: bool,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) executing: bool,
    pub(crate) watching: BTreeSet<WatchedKey>,
    /// Bytes of the names of watched keys.
    pub(crate) watched_bytes: usize,
}

/// The commands queued since `MULTI`.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) queue: Vec<(&'static Command, RequestBuf)>,
    /// Bytes that the requests in `queue` take.
    pub(crate) memory: usize,
    /// A command was refused while queueing, so `EXEC` answers `EXECABORT`.
    pub(crate) aborted: bool,
}

impl Session {
    /// A session of a client with the connection number `id` (`CLIENT ID`), in database 0, RESP2,
    /// authenticated.
    #[must_use]
    pub fn new(id: u64) -> Self {
        Self::with_origin(id, Origin::Client)
    }

    /// A session for the replication stream of this node's primary.
    #[must_use]
    pub fn of_primary(id: u64) -> Self {
        Self::with_origin(id, Origin::Primary)
    }

    fn with_origin(id: u64, origin: Origin) -> Self {
        Self {
            id,
            origin,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated: true,
            user: None,
            subscribed: false,
            may_wait: false,
            no_touch: false,
            import_source: false,
            wish: None,
            waiting: false,
            resuming: false,
            transaction: None,
            executing: false,
            watching: BTreeSet::new(),
            watched_bytes: 0,
        }
    }

    /// The connection's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A session of the same connection and origin, in the state in which one begins.
    ///
    /// Drops the transaction; call [`Keyspace::forget`](crate::Keyspace::forget) before if keys
    /// may be watched.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self::with_origin(self.id, self.origin)
    }

    /// Whether the running command is one of a transaction that `EXEC` runs.
    #[must_use]
    pub fn executing_transaction(&self) -> bool {
        self.executing
    }

    /// Whether its last command waits for a key and has not been answered: no other is to be run
    /// until it is.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Whether the running command has waited for a key and is run once more
    /// ([`Keyspace::resume`](crate::Keyspace::resume)).
    #[must_use]
    pub fn is_resuming(&self) -> bool {
        self.resuming
    }

    /// Whose commands these are.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether `MULTI` was called and neither `EXEC` nor `DISCARD` yet.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Whether there is nothing about it that a command has to heed: no transaction, no wait, no user
    /// whose rights are to be looked at.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        let Self { origin, user, transaction, executing, waiting, resuming, .. } = self;
        *origin == Origin::Client
            && user.is_none()
            && transaction.is_none()
            && !(*executing || *waiting || *resuming)
    }

    /// How many commands wait for `EXEC`; `None` outside of a transaction.
    #[must_use]
    pub fn queued(&self) -> Option<usize> {
        self.transaction.as_ref().map(|transaction| transaction.queue.len())
    }

    /// How many keys it watches.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.watching.len()
    }

    /// Bytes that its transaction and its watched keys take (`multi-mem` in `CLIENT LIST`). Takes
    /// constant time.
    #[must_use]
    pub fn transaction_memory(&self) -> usize {
        let queue = self.transaction.as_ref().map_or(0, |transaction| {
            let slots = transaction.queue.capacity() * size_of::<(&Command, RequestBuf)>();
            transaction.memory + slots
        });
        queue + self.watched_bytes + self.watching.len() * size_of::<WatchedKey>()
    }

    /// Whether `command` writes, or is the `EXEC` of a transaction that does.
    #[must_use]
    pub fn would_write(&self, command: &Command) -> bool {
        self.would_run(command, Flags::WRITE)
    }

    /// Whether `command` is not to run where memory is short: it may need more, or is the `EXEC` of a
    /// transaction that may, or would be queued.
    #[must_use]
    pub fn would_grow(&self, command: &Command) -> bool {
        let queued = self.in_transaction() && !command.flags.has(Flags::IMMEDIATE);
        queued || self.would_run(command, Flags::DENYOOM)
    }

    /// Whether `command`, or one of those that it runs if it is `EXEC`, has these flags.
    fn would_run(&self, command: &Command, flags: Flags) -> bool {
        let queued = self.transaction.as_ref().filter(|_| matches!(command.run, Run::Exec));
        command.flags.has(flags)
            || queued.is_some_and(|transaction| {
                transaction.queue.iter().any(|(command, _)| command.flags.has(flags))
            })
    }

    /// Makes `EXEC` answer `EXECABORT`, if a transaction is open.
    pub fn abort_transaction(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.aborted = true;
        }
    }
}
