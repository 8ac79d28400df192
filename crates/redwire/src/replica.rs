//! A live, read-only copy of a master inside your process.
//!
//! [`LiveReplica`] keeps what a [`follow`](crate::follow) hands out in a [`Keyspace`]; the program asks
//! it by commands, or looks at values where they are. [`blocking::Live`](crate::blocking::Live) has the
//! connection around it:
//!
//! ```no_run
//! use redwire::blocking::Live;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut copy = Live::new("redis://127.0.0.1:6379".parse()?);
//! loop {
//!     copy.changed()?; // waits for what comes, and applies it
//!     if copy.is_current() {
//!         println!("{:?}", copy.query(&["GET", "greeting"]));
//!     }
//! }
//! # }
//! ```

use redwire_keyspace::{
    Dataset, Keyspace, LoadError, Loader, NoHost, Role, Session, Settings, UnixMs,
};
use redwire_resp::{Request, RequestBuf};

use crate::follow::Item;

/// A live, read-only copy of a master, with the 16 databases of a server by default: the data, without
/// the link that it comes by.
///
/// ```
/// use redwire::follow::Item;
/// use redwire::keyspace::UnixMs;
/// use redwire::replica::LiveReplica;
/// use redwire::resp::RequestBuf;
///
/// let mut copy = LiveReplica::new(7);
/// let set = RequestBuf::from_args(["SET", "greeting", "hello"]);
/// let (request, position) = (set.as_request(), None);
/// copy.apply(Item::Command { db: 0, request, in_transaction: false, position }, UnixMs(0))?;
/// assert_eq!(copy.query(&["GET", "greeting"], UnixMs(0)), b"$5\r\nhello\r\n");
/// # Ok::<(), redwire::replica::Error>(())
/// ```
#[derive(Debug)]
pub struct LiveReplica {
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
    /// A copy without data. `seed` comes from a random source.
    pub fn new(seed: u64) -> LiveReplica {
        let mut keyspace = Keyspace::new(Settings::default(), seed);
        keyspace.set_role(Role::Replica { read_only: true });
        LiveReplica {
            keyspace,
            session: Session::of_primary(0),
            reader: Session::new(1),
            loader: None,
            is_current: false,
            seed,
            reply: Vec::new(),
        }
    }

    /// Whether the data is a whole snapshot and all that came behind it, with a link that stands.
    /// Otherwise it is what was last known, or nothing.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// The data.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// Runs a command that reads and answers its reply in RESP2; one that writes is refused. The
    /// database stays as `SELECT` left it.
    pub fn query<A: AsRef<[u8]>>(&mut self, request: &[A], now: UnixMs) -> Vec<u8> {
        let request = RequestBuf::from_args(request);
        let mut reply = Vec::new();
        if !request.is_empty() {
            let request = request.as_request();
            self.keyspace.execute(&mut NoHost, &mut self.reader, request, now, &mut reply);
        }
        reply
    }

    /// The link is gone. The data stays, and is gone on with from there if the master can.
    pub fn handle_disconnected(&mut self) {
        self.is_current = false;
        self.loader = None;
    }

    /// Takes what a [`Follower`](crate::follow::Follower) handed out. The commands of a transaction
    /// are applied one by one: query when its last is.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Close the link, call
    /// [`handle_disconnected`](LiveReplica::handle_disconnected), and begin anew with a snapshot.
    pub fn apply(&mut self, item: Item<'_>, now: UnixMs) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(copy: &mut LiveReplica, db: u32, words: &[&str]) -> Result<(), Error> {
        let request = RequestBuf::from_args(words);
        let request = request.as_request();
        let item = Item::Command { db, request, in_transaction: false, position: None };
        copy.apply(item, UnixMs(1000))
    }

    #[test]
    fn what_cannot_be_run_is_an_error_and_not_a_difference() {
        let mut copy = LiveReplica::new(1);
        assert_eq!(run(&mut copy, 3, &["SET", "k", "v"]), Ok(()));
        assert_eq!(copy.keyspace().data().len(3), 1);
        assert_eq!(run(&mut copy, 0, &["publish", "channel", "message"]), Ok(()));
        let error = run(&mut copy, 0, &["NEWCOMMAND", "k"]).unwrap_err();
        assert!(matches!(&error, Error::Command { name, .. } if name == "NEWCOMMAND"), "{error}");
        let error = run(&mut copy, 16, &["SET", "k", "v"]).unwrap_err();
        assert_eq!(error, LoadError::Database { db: 16, databases: 16 }.into());
        assert_eq!(run(&mut copy, 3, &["DEL", "k"]), Ok(()));
    }

    #[test]
    fn the_old_data_is_there_until_the_new_is_whole() {
        let mut copy = LiveReplica::new(1);
        run(&mut copy, 0, &["SET", "old", "v"]).unwrap();
        let start = Item::SnapshotStart { len: None, history_gone: false };
        copy.apply(start, UnixMs(0)).unwrap();
        assert!(!copy.is_current);
        assert_eq!(copy.keyspace().data().len(0), 1);
        copy.apply(Item::SnapshotEnd { position: None }, UnixMs(0)).unwrap();
        assert!(copy.is_current);
        assert_eq!(copy.keyspace().data().len(0), 0);
    }
}
