//! [`follow`](crate::follow) and [`replica`](crate::replica) on tokio: connections, timers and
//! reconnection around the same machines, as [`blocking`](crate::blocking) has them for threads.
//!
//! A task reads each connection, so that a master that is followed slowly neither keeps our stream
//! nor takes us for dead: what waits is kept here, in memory and beyond that on disk, within
//! [`SpoolLimits`]. What a future is dropped in the midst of is not lost: the next call goes on
//! with it.
//!
//! ```no_run
//! use redwire::follow::Item;
//! use redwire::resp::RequestBuf;
//! use redwire::tokio::Follow;
//!
//! # async fn queue(_db: u32, _request: &RequestBuf) {}
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut master = Follow::new("redis://127.0.0.1:6379".parse()?);
//! loop {
//!     let change = master.next(|item| match item {
//!         Item::Command { db, request, .. } => Some((db, RequestBuf::from(request))),
//!         _ => None,
//!     });
//!     match change.await {
//!         Ok(Some((db, request))) => queue(db, &request).await,
//!         Ok(None) => {}
//!         Err(error) => eprintln!("{error}; connecting again"),
//!     }
//! }
//! # }
//! ```

mod reader;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use ::tokio::task::{spawn_blocking, yield_now};
use redwire_keyspace::Keyspace;
use redwire_repl::{ReplicaConfig, ReplicaStatus};

use crate::follow::{Item, Position, default_config};
use crate::replica::LiveReplica;
use crate::session::{Next, Session, Which, seed, unix_ms};
use crate::{Address, SpoolLimits, SpoolStatus};
use reader::{Signal, Wire, now};

/// Follows a master, and hands out its snapshot and every change behind it.
///
/// However slowly items are taken, the master's stream is read and answered, as long as the runtime
/// turns, and waits here within [`SpoolLimits`]. A snapshot waits with the master, which sends it on a
/// connection of its own ([`default_config`]). When a link ends, the next call opens another and goes
/// on where it stopped, if the master still can.
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
        let (main, rdb, signal) = Default::default();
        Follow { address, session, main, rdb, signal }
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

    /// Waits for the next item, hands it to `take`, and answers what that made of it. `take` is not
    /// called by a future that is dropped before it is ready, so no item is lost with one.
    ///
    /// # Errors
    ///
    /// When no connection came about, or when it ended: the kinds are those of the socket,
    /// `UnexpectedEof` when the master closed it, `TimedOut` when it was silent, and `InvalidData`
    /// with a [`repl::Error`](redwire_repl::Error) when it refuses us or its data is damaged. That
    /// is for the log: the next call connects again, after the machine's back-off.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its drivers for I/O and time.
    pub async fn next<T>(&mut self, take: impl FnOnce(Item<'_>) -> T) -> io::Result<T> {
        let mut take = Some(take);
        self.drive(|session, at| session.step_once(at, &mut take)).await
    }

    /// Steps until one comes to something. Nothing is waited for behind that.
    async fn drive<T>(
        &mut self,
        mut step: impl FnMut(&mut Session, Instant) -> io::Result<Next<T>>,
    ) -> io::Result<T> {
        loop {
            let at = now();
            if self.session.wants_tending(at) {
                self.tend(at)?;
                // Those who read have their turn, too.
                yield_now().await;
            }
            match step(&mut self.session, at)? {
                Next::Item(item) => return Ok(item),
                Next::Fetch(inbox) => {
                    // It goes on, and rings, if we are dropped.
                    spawn_blocking(move || inbox.fetch()).await.map_err(io::Error::other)?;
                }
                Next::Tend => self.tend(at)?,
                Next::Wait => {
                    self.tend(at)?;
                    self.signal.wait(self.session.poll_timeout()).await;
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
            if let Some(out) = self.session.poll_transmit(which) {
                if which == Which::Main { &self.main } else { &self.rdb }.send(&out);
            }
        }
        Ok(())
    }
}

/// A live, read-only copy of a master: a [`LiveReplica`] with its link.
///
/// ```no_run
/// use redwire::tokio::Live;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut copy = Live::new("redis://127.0.0.1:6379".parse()?);
/// loop {
///     copy.changed().await?; // waits for what comes, and applies it
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

    /// Waits until something has come, and applies what is there: a transaction whole, and nothing
    /// at all when the future is dropped before it is ready.
    ///
    /// # Errors
    ///
    /// Those of [`Follow::next`], and `InvalidData` with a [`replica::Error`](crate::replica::Error)
    /// when what came cannot be kept or run here; a whole snapshot is asked for then. The data stays
    /// as it was, the next call connects again.
    pub async fn changed(&mut self) -> io::Result<()> {
        let copy = &mut self.copy;
        let changed = self.follow.drive(|session, _| session.apply_to(copy, now)).await;
        if changed.is_err() {
            self.copy.handle_disconnected();
        }
        changed
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
