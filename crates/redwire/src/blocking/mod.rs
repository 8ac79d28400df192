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

use crate::face::{follow_face, live_face};
use crate::follow::{Item, Position, default_config};
use crate::replica::LiveReplica;
use crate::session::{Next, Session, seed, unix_ms};
use crate::{Address, SpoolLimits, SpoolStatus};
use reader::{Line, Signal, now};

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
    /// Rung by whoever reads.
    signal: Arc<Signal>,
}

impl Follow {
    follow_face!();

    /// Waits for the next item, hands it to `take`, and answers what that made of it.
    ///
    /// # Errors
    ///
    /// When no connection came about, or when it ended: the kinds are those of the socket,
    /// `UnexpectedEof` when the master closed it, `TimedOut` when it was silent, and `InvalidData`
    /// with a [`repl::Error`](redwire_repl::Error) when it refuses us or its data is damaged. Those
    /// of the disk name a spool file that could not be read back: what it held is asked for anew. That
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
    live_face!();

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
}
