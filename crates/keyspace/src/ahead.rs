//! [`Ahead`]: the keys of requests that are about to run, brought into the cache together.

use std::hint::black_box;

use redwire_resp::Request;

use crate::command::Keys;
use crate::database::{Near, Place};
use crate::{Keyspace, Session};

/// The keys that one batch touches, at most: what they bring in stays in the cache until it is used.
const KEYS_MAX: usize = 64;

/// The keys of requests that are about to run.
///
/// A look-up of a key that is in no cache waits for memory several times, one after the other:
/// the slot's table, its control bytes, the entry, the value. Those of different keys need not wait
/// for each other, but commands that run one by one make them. So a server that has several
/// requests of a client notes them here first and has [`Keyspace::touch`] read what they will need.
/// Nothing but time depends on it: requests may be left out, and those noted need not run.
///
/// ```
/// use redwire_keyspace::{Ahead, Keyspace, NoHost, Session, Settings, UnixMs};
/// use redwire_resp::RequestBuf;
///
/// let mut keyspace = Keyspace::new(Settings::default(), 42);
/// let mut session = Session::new(1);
/// let mut out = Vec::new();
/// let requests = [["SET", "a", "1"], ["SET", "b", "2"]].map(RequestBuf::from_args);
/// let mut ahead = Ahead::default();
/// for request in &requests {
///     keyspace.note_ahead(&mut ahead, &session, request.as_request());
/// }
/// keyspace.touch(&mut ahead);
/// for request in &requests {
///     keyspace.execute(&mut NoHost, &mut session, request.as_request(), UnixMs(0), &mut out);
/// }
/// assert_eq!(out, b"+OK\r\n+OK\r\n");
/// ```
#[derive(Debug, Default)]
pub struct Ahead {
    db: u32,
    places: Vec<Place>,
}

impl Ahead {
    /// Whether it takes no more keys before they are touched.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.places.len() >= KEYS_MAX
    }
}

impl Keyspace {
    /// Notes the keys of a request that `session` is about to run, as far as `ahead` takes them.
    pub fn note_ahead(&self, ahead: &mut Ahead, session: &Session, request: Request<'_>) {
        // A host's own commands have no keys here.
        let Some(command) = self.table.find(request.name(), |_| None) else { return };
        if ahead.db != session.db {
            ahead.places.clear();
            ahead.db = session.db;
        }
        let Some(database) = self.data.databases.get(session.db as usize) else { return };
        if ahead.is_full() {
            return;
        }
        // Most commands have one key.
        if let Keys { first: 1, last: 1, .. } = command.keys {
            ahead.places.extend(request.arg(1).map(|key| database.place(key)));
            return;
        }
        let room = KEYS_MAX - ahead.places.len();
        let keys = command.keys.positions(request.len()).take(room);
        ahead.places.extend(keys.filter_map(|at| request.arg(at)).map(|key| database.place(key)));
    }

    /// Reads what the keys in `ahead` lead to, and empties it; answers how many entries it came to,
    /// which may be too many, because keys are told apart only by some bits of their hashes.
    pub fn touch(&self, ahead: &mut Ahead) -> usize {
        let mut touched = 0;
        if let Some(database) = self.data.databases.get(ahead.db as usize) {
            // One pass for each step of the way, so that no read waits for another's.
            let mut entries: [Option<Near<'_>>; KEYS_MAX] = [None; KEYS_MAX];
            for (entry, place) in entries.iter_mut().zip(&ahead.places) {
                *entry = database.near(*place);
            }
            for entry in entries.iter().take(ahead.places.len()).flatten() {
                entry.touch();
                touched += 1;
            }
        }
        ahead.places.clear();
        black_box(touched)
    }
}

#[cfg(test)]
mod tests {
    use redwire_resp::RequestBuf;

    use super::*;
    use crate::{NoHost, Settings, UnixMs};

    fn note(keyspace: &Keyspace, session: &Session, args: &[&str]) -> Ahead {
        let mut ahead = Ahead::default();
        let request = RequestBuf::from_args(args);
        keyspace.note_ahead(&mut ahead, session, request.as_request());
        ahead
    }

    fn run(keyspace: &mut Keyspace, session: &mut Session, args: &[&str]) {
        let request = RequestBuf::from_args(args);
        keyspace.execute(&mut NoHost, session, request.as_request(), UnixMs(0), &mut Vec::new());
    }

    #[test]
    fn comes_to_the_keys_that_are_there() {
        let (mut keyspace, mut session) = (Keyspace::new(Settings::default(), 7), Session::new(1));
        assert_eq!(keyspace.touch(&mut note(&keyspace, &session, &["MGET", "a", "b"])), 0);
        let long = "x".repeat(100);
        run(&mut keyspace, &mut session, &["MSET", "a", "1", "b", &long]);
        run(&mut keyspace, &mut session, &["RPUSH", "c", "1"]);
        assert_eq!(keyspace.touch(&mut note(&keyspace, &session, &["mget", "a", "b", "c"])), 3);
        assert_eq!(keyspace.touch(&mut note(&keyspace, &session, &["SET", "a", "b"])), 1);
        for keyless in [&["GET"][..], &["PING"], &["NO-SUCH", "a"], &["ECHO", "a"]] {
            assert_eq!(keyspace.touch(&mut note(&keyspace, &session, keyless)), 0, "{keyless:?}");
        }
        let mut ahead = note(&keyspace, &session, &["GET", "a"]);
        run(&mut keyspace, &mut session, &["SELECT", "1"]);
        assert_eq!(keyspace.touch(&mut note(&keyspace, &session, &["MGET", "a", "b"])), 0);
        // Keys of another database are not mixed up with the earlier ones.
        keyspace.note_ahead(&mut ahead, &session, RequestBuf::from_args(["GET", "a"]).as_request());
        assert_eq!(keyspace.touch(&mut ahead), 0);
    }

    #[test]
    fn takes_so_many_keys_and_no_more() {
        let (mut keyspace, mut session) = (Keyspace::new(Settings::default(), 7), Session::new(1));
        run(&mut keyspace, &mut session, &["SET", "a", "1"]);
        let mut args = vec!["MGET"];
        args.resize(KEYS_MAX, "a");
        let mut ahead = note(&keyspace, &session, &args);
        assert!(!ahead.is_full());
        let one = RequestBuf::from_args(["GET", "a"]);
        keyspace.note_ahead(&mut ahead, &session, one.as_request());
        assert!(ahead.is_full());
        keyspace.note_ahead(&mut ahead, &session, one.as_request());
        assert_eq!(keyspace.touch(&mut ahead), KEYS_MAX);
        assert!(!ahead.is_full());
        assert_eq!(keyspace.touch(&mut ahead), 0);
    }
}
