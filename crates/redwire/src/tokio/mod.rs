//! [`follow`](crate::follow) and [`replica`](crate::replica) on tokio: connections, timers and
//! reconnection around the same machines.
//!
//! It is here alone that this crate opens sockets and reads a clock, tokio's; no task is started.
//! What a future is dropped in the midst of is not lost: the next call goes on with it.
//!
//! ```no_run
//! use redwire::follow::{Item, default_config};
//! use redwire::resp::RequestBuf;
//! use redwire::tokio::Follow;
//!
//! # async fn queue(_db: u32, _request: &RequestBuf) {}
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut master = Follow::new("redis://127.0.0.1:6379".parse()?, default_config(), 7);
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

mod link;
#[cfg(test)]
mod tests;

use std::io;

use redwire_keyspace::{Keyspace, UnixMs};
use redwire_repl::{ReplicaConfig, ReplicaStatus};

use crate::Address;
use crate::follow::{Follower, Item, Position};
use crate::replica::LiveReplica;
use link::Link;

/// Most bytes of stream that are kept in memory while the data set comes on a connection of its own,
/// unless [`Follow::set_stream_buffer`] says otherwise: 256 MiB.
pub const STREAM_BUFFER: usize = 256 << 20;

/// Follows a master, and hands out its snapshot and every change behind it.
///
/// Nothing is read ahead but one read of 64 KiB: who takes items slowly slows the master's link
/// down. The master ends a link that is silent for its `repl-timeout` (60 s), or whose output it has
/// to keep too much of; then this one connects again and goes on where it stopped, if the master
/// still can. [`keep_alive`](Follow::keep_alive) beside slow work keeps it from the first.
///
/// A full sync that is taken slowly is cut by the master's output limit, and begins anew, for ever:
/// with [`TwoConnections::Always`](redwire_repl::TwoConnections::Always) in
/// [`ReplicaConfig::two_connections`] the snapshot comes on a connection of its own, at the pace of
/// whoever takes it, and the stream is kept here meanwhile, up to [`STREAM_BUFFER`].
#[derive(Debug)]
pub struct Follow {
    follower: Follower,
    link: Link,
}

impl Follow {
    /// Follows the server at `address` from the first call of [`next`](Follow::next) on. The
    /// address' user and password stand in for those of `config` if it has any; `seed`, from a
    /// random source, spreads the attempts to connect.
    pub fn new(address: Address, config: ReplicaConfig, seed: u64) -> Follow {
        let follower = Follower::new(login(&address, config), seed, link::now());
        Follow { follower, link: Link::new(address) }
    }

    /// All up to `position` is known already: asks to go on from there. To be called before the
    /// first [`next`](Follow::next).
    pub fn resume_from(&mut self, position: Position) {
        self.follower.resume_from(position);
    }

    /// Most bytes of stream that are kept in memory while the data set comes on a connection of its
    /// own; what is beyond them stays with the master. [`STREAM_BUFFER`] by default.
    pub fn set_stream_buffer(&mut self, bytes: usize) {
        self.link.stream_buffer = bytes;
    }

    /// The place behind all items that were handed out; `None` inside of a snapshot or of a
    /// transaction, and before the first snapshot.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.follower.position()
    }

    /// The link, as INFO shows it.
    #[must_use]
    pub fn status(&self) -> ReplicaStatus {
        self.follower.status(link::now())
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
    pub async fn next<T>(&mut self, take: impl FnOnce(Item<'_>) -> T) -> io::Result<T> {
        let mut take = Some(take);
        loop {
            self.link.ready(&mut self.follower).await?;
            let each = |item: Item<'_>| take.take().map(|take| take(item));
            if let Some(Some(taken)) = self.link.try_next(&mut self.follower, each)? {
                return Ok(taken);
            }
        }
    }

    /// Tells the master that we live, while nothing is taken from it; a branch of a `select!` whose
    /// other one is slow. Ends only by an error of the link, as [`next`](Follow::next) would.
    pub async fn keep_alive(&mut self) -> io::Error {
        self.link.keep_alive(&mut self.follower).await
    }
}

/// A live, read-only copy of a master: a [`LiveReplica`] with its link.
///
/// ```no_run
/// use redwire::follow::default_config;
/// use redwire::tokio::Live;
/// # use redwire::keyspace::UnixMs;
/// # fn unix_ms() -> UnixMs { UnixMs(0) }
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut copy = Live::new("redis://127.0.0.1:6379".parse()?, default_config(), 7);
/// loop {
///     copy.changed(unix_ms).await?; // waits for what comes, and applies it
///     if copy.is_current() {
///         println!("{:?}", copy.query(&["GET", "greeting"], unix_ms()));
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Live {
    copy: LiveReplica,
    link: Link,
}

impl Live {
    /// A copy without data of the server at `address`; see [`Follow::new`].
    pub fn new(address: Address, config: ReplicaConfig, seed: u64) -> Live {
        let copy = LiveReplica::new(login(&address, config), seed, link::now());
        Live { copy, link: Link::new(address) }
    }

    /// Waits until something has come, and applies all that is there: a transaction whole, and
    /// nothing at all when the future is dropped before it is ready. `unix` tells the time by which
    /// keys expire.
    ///
    /// # Errors
    ///
    /// Those of [`Follow::next`], and `InvalidData` with a [`replica::Error`](crate::replica::Error)
    /// when what came cannot be kept or run here. The data stays as it was, the next call connects
    /// again.
    pub async fn changed(&mut self, unix: impl Fn() -> UnixMs) -> io::Result<()> {
        let (follower, copy) = self.copy.parts();
        loop {
            if let Err(error) = self.link.ready(follower).await {
                copy.stop();
                return Err(error);
            }
            let mut any = false;
            loop {
                let applied = self.link.try_next(follower, |item| copy.apply(item, unix()));
                match applied {
                    Ok(Some(Ok(()))) => any = true,
                    Ok(None) if any => return Ok(()),
                    Ok(None) => break,
                    Ok(Some(Err(error))) => {
                        self.link.close(follower);
                        copy.stop();
                        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                    }
                    Err(error) => {
                        copy.stop();
                        return Err(error);
                    }
                }
            }
        }
    }

    /// See [`Follow::set_stream_buffer`].
    pub fn set_stream_buffer(&mut self, bytes: usize) {
        self.link.stream_buffer = bytes;
    }

    /// See [`Follow::keep_alive`].
    pub async fn keep_alive(&mut self) -> io::Error {
        let (follower, copy) = self.copy.parts();
        let error = self.link.keep_alive(follower).await;
        copy.stop();
        error
    }

    /// See [`LiveReplica::is_current`].
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.copy.is_current()
    }

    /// See [`LiveReplica::position`].
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.copy.position()
    }

    /// The data.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace {
        self.copy.keyspace()
    }

    /// See [`LiveReplica::query`].
    pub fn query<A: AsRef<[u8]>>(&mut self, request: &[A], now: UnixMs) -> Vec<u8> {
        self.copy.query(request, now)
    }
}

/// The settings with the address' login, if it has one.
fn login(address: &Address, mut config: ReplicaConfig) -> ReplicaConfig {
    if address.password.is_some() {
        config.masteruser.clone_from(&address.user);
        config.masterauth.clone_from(&address.password);
    }
    config
}
