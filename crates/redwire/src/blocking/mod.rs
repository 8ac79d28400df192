//! [`follow`](crate::follow) and [`replica`](crate::replica) for threads: connections, a clock and
//! reconnection around the same machines.
//!
//! A thread reads each connection, so that a master that is followed slowly neither keeps our stream
//! nor takes us for dead: what waits is kept here, in memory and beyond that on disk, within
//! [`SpoolLimits`]. With a runtime there is `redwire::tokio`, behind the feature `tokio`.

mod reader;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redwire_keyspace::Keyspace;
use redwire_repl::{ReplicaConfig, ReplicaStatus};

use crate::follow::{Item, Position, default_config};
use crate::replica::LiveReplica;
use crate::session::{Next, Session, Which, seed, unix_ms};
use crate::{Address, SpoolLimits, SpoolStatus};
use reader::{Signal, Wire, now};

/// Follows a master, and hands out its snapshot and every change behind it.
///
/// However slowly items are taken, the master's stream is read and answered, and waits here within
/// [`SpoolLimits`]. A snapshot waits with the master, which sends it on a connection of its own
/// ([`default_config`]). When a link ends, the next call opens another and goes on where it stopped, if
/// the master still can.
///
/// ```no_run
/// use redwire::blocking::Follow;
/// use redwire::follow::Item;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut master = Follow::new("redis://127.0.0.1:6379".parse()?);
/// loop {
///     match master.next(|item| matches!(item, Item::SnapshotEnd { .. })) {
///         Ok(true) => println!("the snapshot is whole"),
///         Ok(false) => {}
///         Err(error) => eprintln!("{error}; connecting again"),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Follow {
    address: Address,
    session: Session,
    main: Arc<Wire>,
    rdb: Arc<Wire>,
    /// Rung by whoever reads.
    signal: Arc<Signal>,
}

impl Follow {
    /// Follows the server at `address` from the first call of [`next`](Follow::next) on, logged in
    /// as the address says.
    pub fn new(address: Address) -> Follow {
        Follow::with_config(address, default_config())
    }

    /// As [`new`](Follow::new), with other settings than [`default_config`]. The address' login
    /// stands in for theirs if it has one.
    pub fn with_config(address: Address, config: ReplicaConfig) -> Follow {
        let session = Session::new(&address, config, now());
        Follow {
            address,
            session,
            main: Arc::default(),
            rdb: Arc::default(),
            signal: Arc::default(),
        }
    }

    /// All up to `position` is known already: asks to go on from there. To be called before the
    /// first [`next`](Follow::next).
    pub fn resume_from(&mut self, position: Position) {
        self.session.resume_from(position);
    }

    /// How much may wait here, and where, on the connections that are opened from now on.
    pub fn set_spool(&mut self, limits: SpoolLimits) {
        self.session.set_limits(limits);
    }

    /// What waits here, of both connections.
    #[must_use]
    pub fn spool(&self) -> SpoolStatus {
        self.session.spool()
    }

    /// The place behind all items that were handed out; `None` inside of a snapshot or of a
    /// transaction, and before the first snapshot.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.session.position()
    }

    /// Whether commands of a transaction were handed out, and its last was not.
    #[must_use]
    pub fn is_inside_transaction(&self) -> bool {
        self.session.is_inside_transaction()
    }

    /// The link, as INFO shows it.
    #[must_use]
    pub fn status(&self) -> ReplicaStatus {
        self.session.status(now())
    }

    /// Waits for the next item, hands it to `take`, and answers what that made of it.
    ///
    /// # Errors
    ///
    /// When no connection came about, or when it ended: the kinds are those of the socket,
    /// `UnexpectedEof` when the master closed it, `TimedOut` when it was silent, and `InvalidData`
    /// with a [`repl::Error`](redwire_repl::Error) when it refuses us or its data is damaged. That
    /// is for the log: the next call connects again, after the machine's back-off.
    pub fn next<T>(&mut self, take: impl FnOnce(Item<'_>) -> T) -> io::Result<T> {
        let mut take = Some(take);
        loop {
            if let Some(taken) = self.drive(None, |session, at| session.step_once(at, &mut take))? {
                return Ok(taken);
            }
        }
    }

    /// As [`next`](Follow::next), but waits no longer than `limit` for an item, and answers `None`
    /// then.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn next_within<T>(
        &mut self,
        limit: Duration,
        take: impl FnOnce(Item<'_>) -> T,
    ) -> io::Result<Option<T>> {
        let mut take = Some(take);
        self.drive(Some(now() + limit), |session, at| session.step_once(at, &mut take))
    }

    /// Steps until one comes to something, or `until`.
    fn drive<T>(
        &mut self,
        until: Option<Instant>,
        mut step: impl FnMut(&mut Session, Instant) -> io::Result<Next<T>>,
    ) -> io::Result<Option<T>> {
        loop {
            let at = now();
            if self.session.wants_tending(at) {
                self.tend(at)?;
            }
            match step(&mut self.session, at)? {
                Next::Item(item) => return Ok(Some(item)),
                Next::Fetch(inbox) => inbox.fetch(),
                Next::Tend => self.tend(at)?,
                Next::Wait => {
                    self.tend(at)?;
                    if until.is_some_and(|until| until <= at) {
                        return Ok(None);
                    }
                    let machine = self.session.poll_timeout();
                    self.signal.wait(until.into_iter().chain(machine).min());
                }
            }
        }
    }

    fn tend(&mut self, at: Instant) -> io::Result<()> {
        self.session.tend(at)?;
        if let Some(which) = self.session.poll_connect() {
            let wire = Arc::<Wire>::default();
            let inbox = self.session.open(which, at, wire.clone(), self.signal.clone());
            reader::start(self.address.clone(), inbox, wire.clone());
            match which {
                Which::Main => self.main = wire,
                Which::Rdb => self.rdb = wire,
            }
        }
        for which in [Which::Main, Which::Rdb] {
            let Some(out) = self.session.poll_transmit(which) else { continue };
            let wire = if which == Which::Main { &self.main } else { &self.rdb };
            if let Err(error) = wire.send(&out) {
                self.session.close(at);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A live, read-only copy of a master: a [`LiveReplica`] with its link.
///
/// ```no_run
/// use redwire::blocking::Live;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut copy = Live::new("redis://127.0.0.1:6379".parse()?);
/// loop {
///     copy.changed()?; // waits for what comes, and applies it
///     if copy.is_current() {
///         println!("{:?}", copy.query(&["GET", "greeting"]));
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Live {
    follow: Follow,
    copy: LiveReplica,
}

impl Live {
    /// A copy without data of the server at `address`; see [`Follow::new`].
    pub fn new(address: Address) -> Live {
        Live::with_config(address, default_config())
    }

    /// See [`Follow::with_config`].
    pub fn with_config(address: Address, config: ReplicaConfig) -> Live {
        let copy = LiveReplica::new(seed());
        Live { follow: Follow::with_config(address, config), copy }
    }

    /// Waits until something has come, and applies what is there: a transaction whole.
    ///
    /// # Errors
    ///
    /// Those of [`Follow::next`], and `InvalidData` with a [`replica::Error`](crate::replica::Error)
    /// when what came cannot be kept or run here; a whole snapshot is asked for then. The data stays
    /// as it was, the next call connects again.
    pub fn changed(&mut self) -> io::Result<()> {
        let copy = &mut self.copy;
        let changed = self.follow.drive(None, |session, _| session.apply_to(copy, now));
        if changed.is_err() {
            self.copy.handle_disconnected();
        }
        changed.map(drop)
    }

    /// See [`Follow::set_spool`].
    pub fn set_spool(&mut self, limits: SpoolLimits) {
        self.follow.set_spool(limits);
    }

    /// See [`LiveReplica::is_current`].
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.copy.is_current()
    }

    /// The place in the master's stream that the data is at; see [`Follow::position`].
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.follow.position()
    }

    /// The data.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace {
        self.copy.keyspace()
    }

    /// See [`LiveReplica::query`].
    pub fn query<A: AsRef<[u8]>>(&mut self, request: &[A]) -> Vec<u8> {
        self.copy.query(request, unix_ms())
    }
}
