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

use crate::face::{follow_face, live_face};
use crate::follow::{Item, Position, default_config};
use crate::replica::LiveReplica;
use crate::session::{Next, Session, seed, unix_ms};
use crate::{Address, SpoolLimits, SpoolStatus};
use reader::{Line, Signal, now};

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
    /// Rung by whoever reads.
    signal: Arc<Signal>,
}

impl Follow {
    follow_face!();

    /// Waits for the next item, hands it to `take`, and answers what that made of it. `take` is not
    /// called by a future that is dropped before it is ready, so no item is lost with one.
    ///
    /// # Errors
    ///
    /// When no connection came about, or when it ended: the kinds are those of the socket,
    /// `UnexpectedEof` when the master closed it, `TimedOut` when it was silent, and `InvalidData`
    /// with a [`repl::Error`](redwire_repl::Error) when it refuses us or its data is damaged. Those
    /// of the disk name a spool file that could not be read back: what it held is asked for anew. That
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
    live_face!();

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
}
