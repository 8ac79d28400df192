//! A live, read-only copy of a master inside your process.
//!
//! [`LiveReplica`] follows a master as [`follow`](crate::follow) does and keeps what comes in a
//! [`Keyspace`]; the program asks it by commands, or looks at values where they are.
//!
//! ```no_run
//! use std::net::TcpStream;
//! use std::time::Instant;
//!
//! use redwire::keyspace::UnixMs;
//! use redwire::replica::LiveReplica;
//!
//! # #[allow(clippy::disallowed_methods)] // a program reads the clock
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # fn unix_ms() -> UnixMs { UnixMs(0) }
//! let mut link = TcpStream::connect("127.0.0.1:6379")?;
//! let mut copy = LiveReplica::new(redwire::follow::default_config(), 7, Instant::now());
//! copy.handle_connected(Instant::now());
//! loop {
//!     copy.pump(&mut link, Instant::now, unix_ms())?; // waits for what comes, and applies it
//!     if copy.is_current() {
//!         println!("{:?}", copy.query(&["GET", "greeting"], unix_ms()));
//!     }
//! }
//! # }
//! ```

use std::io::{self, Read, Write};
use std::time::Instant;

use redwire_keyspace::{
    Dataset, Keyspace, LoadError, Loader, NoHost, Role, Session, Settings, UnixMs,
};
use redwire_repl::{ReplicaConfig, ReplicaEvent};
use redwire_resp::{Request, RequestBuf};

use crate::follow::{Follower, Item, Position};

/// A live, read-only copy of a master, with the 16 databases of a server by default.
///
/// Every command is applied whole, and a transaction whole, before `handle_input` or `pump`
/// returns: a query sees no half of it.
#[derive(Debug)]
pub struct LiveReplica {
    follower: Follower,
    copy: Copy,
    unread: Vec<u8>,
}

/// The data that has come.
#[derive(Debug)]
pub(crate) struct Copy {
    keyspace: Keyspace,
    /// What the master's commands run in.
    session: Session,
    /// What queries run in.
    reader: Session,
    /// The data set that is coming; the old one is there until it is whole.
    loader: Option<Loader>,
    is_current: bool,
    seed: u64,
    reply: Vec<u8>,
}

/// Why the copy can no longer be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The link broke its protocol, or its data is damaged.
    #[error(transparent)]
    Link(#[from] redwire_repl::Error),
    /// The data has what this keyspace cannot hold.
    #[error("the data cannot be kept: {0}")]
    Snapshot(#[from] LoadError),
    /// A command of the master cannot be run here: the copy would differ from then on.
    #[error("the master's command {name} cannot be run here: {reply}")]
    Command {
        /// The command.
        name: String,
        /// The error that it gave.
        reply: String,
    },
}

impl LiveReplica {
    /// A copy without data that wants to connect at once. `seed` comes from a random source.
    pub fn new(config: ReplicaConfig, seed: u64, now: Instant) -> LiveReplica {
        LiveReplica {
            follower: Follower::new(config, seed, now),
            copy: Copy::new(seed),
            unread: Vec::new(),
        }
    }

    /// Whether the data is a whole snapshot and all that came behind it, with a link that stands.
    /// Otherwise it is what was last known, or nothing.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.copy.is_current
    }

    /// The place in the master's stream that the data is at.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.follower.position()
    }

    /// The data.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace {
        &self.copy.keyspace
    }

    /// Runs a command that reads and answers its reply in RESP2; one that writes is refused. The
    /// database stays as `SELECT` left it.
    pub fn query<A: AsRef<[u8]>>(&mut self, request: &[A], now: UnixMs) -> Vec<u8> {
        let request = RequestBuf::from_args(request);
        let (keyspace, reader) = (&mut self.copy.keyspace, &mut self.copy.reader);
        let mut reply = Vec::new();
        if !request.is_empty() {
            keyspace.execute(&mut NoHost, reader, request.as_request(), now, &mut reply);
        }
        reply
    }

    /// The connection stands: a handshake begins.
    pub fn handle_connected(&mut self, now: Instant) {
        self.unread.clear();
        self.follower.handle_connected(now);
    }

    /// The connection is gone. The data stays, and the next connection goes on from it if the
    /// master can.
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.copy.stop();
        self.unread.clear();
        self.follower.handle_disconnected(now);
    }

    /// See [`Follower::poll_event`].
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ReplicaEvent> {
        self.follower.poll_event()
    }

    /// Appends to `out` what the master is to get; whether there was anything.
    #[must_use]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        self.follower.poll_transmit(out)
    }

    /// See [`Follower::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.follower.poll_timeout()
    }

    /// Acknowledgements, keep-alives, the next attempt to connect.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.follower.handle_timeout(now);
    }

    /// The machine of the link and the data, for a runner that keeps the input itself.
    #[cfg(feature = "tokio")]
    pub(crate) fn parts(&mut self) -> (&mut Follower, &mut Copy) {
        (&mut self.follower, &mut self.copy)
    }

    /// Takes bytes of the link in, and applies what is whole in them.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Close the connection and call
    /// [`handle_disconnected`](LiveReplica::handle_disconnected).
    pub fn handle_input(&mut self, bytes: &[u8], now: Instant, unix: UnixMs) -> Result<(), Error> {
        self.unread.extend_from_slice(bytes);
        let mut at = 0;
        let result = loop {
            let progress = match self.follower.handle_input(&self.unread[at..], now) {
                Ok(progress) => progress,
                Err(error) => break Err(error.into()),
            };
            let goes_on = progress.goes_on();
            at += progress.used;
            let applied = progress.item.map_or(Ok(()), |item| self.copy.apply(item, unix));
            if applied.is_err() || !goes_on {
                break applied;
            }
        };
        self.unread.drain(..at);
        result
    }

    /// Reads once and applies what is there then; writes what the master is to get. For a `link`
    /// that blocks.
    ///
    /// # Errors
    ///
    /// Those of the link, `UnexpectedEof` at its end, `InvalidData` with an [`Error`].
    pub fn pump(
        &mut self,
        link: &mut (impl Read + Write),
        now: impl Fn() -> Instant,
        unix: UnixMs,
    ) -> io::Result<()> {
        self.send(link)?;
        let mut buffer = vec![0; READ];
        let count = link.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.handle_input(&buffer[..count], now(), unix)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.handle_timeout(now());
        self.send(link)
    }

    fn send(&mut self, link: &mut impl Write) -> io::Result<()> {
        let mut out = Vec::new();
        if self.poll_transmit(&mut out) { link.write_all(&out) } else { Ok(()) }
    }
}

impl Copy {
    fn new(seed: u64) -> Copy {
        let mut keyspace = Keyspace::new(Settings::default(), seed);
        keyspace.set_role(Role::Replica { read_only: true });
        Copy {
            keyspace,
            session: Session::of_primary(0),
            reader: Session::new(1),
            loader: None,
            is_current: false,
            seed,
            reply: Vec::new(),
        }
    }

    /// The link is gone; the data stays.
    pub(crate) fn stop(&mut self) {
        self.is_current = false;
        self.loader = None;
    }

    pub(crate) fn apply(&mut self, item: Item<'_>, now: UnixMs) -> Result<(), Error> {
        match item {
            Item::SnapshotStart { .. } => {
                self.is_current = false;
                let data = Dataset::new(self.keyspace.data().database_count(), self.seed);
                let loader = Loader::new(data, None).dating(now, self.keyspace.settings());
                self.loader = Some(loader);
            }
            Item::Snapshot { event, .. } => {
                if let Some(loader) = &mut self.loader {
                    loader.handle(&event)?;
                }
            }
            Item::SnapshotEnd { .. } => {
                if let Some(loader) = self.loader.take() {
                    self.keyspace.replace_data(loader.finish());
                }
                self.is_current = true;
            }
            Item::Resumed { .. } => self.is_current = true,
            Item::Command { db, request, .. } => return self.run(db, request, now),
        }
        Ok(())
    }

    fn run(&mut self, db: u32, request: Request<'_>, now: UnixMs) -> Result<(), Error> {
        let name = request.name();
        if PASSED_OVER.iter().any(|passed| name.eq_ignore_ascii_case(passed.as_bytes())) {
            return Ok(());
        }
        let databases = self.keyspace.data().database_count();
        if db >= databases {
            return Err(LoadError::Database { db, databases }.into());
        }
        self.session.db = db;
        self.reply.clear();
        self.keyspace.execute(&mut NoHost, &mut self.session, request, now, &mut self.reply);
        // What the command let go of: there is no other thread to drop it on.
        drop(self.keyspace.take_garbage());
        match self.reply.strip_prefix(b"-") {
            None => Ok(()),
            Some(error) => {
                let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
                Err(Error::Command { name: text(name), reply: text(error.trim_ascii_end()) })
            }
        }
    }
}

/// Commands of the stream that are not about data.
const PASSED_OVER: [&str; 4] = ["publish", "spublish", "script", "function"];
/// Bytes of one read.
const READ: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(copy: &mut Copy, db: u32, words: &[&str]) -> Result<(), Error> {
        let request = RequestBuf::from_args(words);
        let request = request.as_request();
        let item = Item::Command { db, request, in_transaction: false, position: None };
        copy.apply(item, UnixMs(1000))
    }

    #[test]
    fn what_cannot_be_run_is_an_error_and_not_a_difference() {
        let mut copy = Copy::new(1);
        assert_eq!(run(&mut copy, 3, &["SET", "k", "v"]), Ok(()));
        assert_eq!(copy.keyspace.data().len(3), 1);
        assert_eq!(run(&mut copy, 0, &["publish", "channel", "message"]), Ok(()));
        let error = run(&mut copy, 0, &["NEWCOMMAND", "k"]).unwrap_err();
        assert!(matches!(&error, Error::Command { name, .. } if name == "NEWCOMMAND"), "{error}");
        let error = run(&mut copy, 16, &["SET", "k", "v"]).unwrap_err();
        assert_eq!(error, LoadError::Database { db: 16, databases: 16 }.into());
        assert_eq!(run(&mut copy, 3, &["DEL", "k"]), Ok(()));
    }

    #[test]
    fn the_old_data_is_there_until_the_new_is_whole() {
        let mut copy = Copy::new(1);
        run(&mut copy, 0, &["SET", "old", "v"]).unwrap();
        let start = Item::SnapshotStart { len: None, history_gone: false };
        copy.apply(start, UnixMs(0)).unwrap();
        assert!(!copy.is_current);
        assert_eq!(copy.keyspace.data().len(0), 1);
        copy.apply(Item::SnapshotEnd { position: None }, UnixMs(0)).unwrap();
        assert!(copy.is_current);
        assert_eq!(copy.keyspace.data().len(0), 0);
    }
}
