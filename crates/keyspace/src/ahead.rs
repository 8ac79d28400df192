//! [`Ahead`]: the keys of requests that are about to run, brought into the cache together.

use std::hint::black_box;

use redwire_resp::Request;

use crate::command::{Command, Keys};
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
/// let noted = requests.each_ref().map(|request| {
///     keyspace.note_ahead(&mut ahead, &session, request.as_request())
/// });
/// keyspace.touch(&mut ahead);
/// for (request, noted) in requests.iter().zip(noted) {
///     let (request, now) = (request.as_request(), UnixMs(0));
///     keyspace.execute_noted(&mut NoHost, &mut session, request, noted, now, &mut out);
/// }
/// assert_eq!(out, b"+OK\r\n+OK\r\n");
/// ```
#[derive(Debug, Default)]
pub struct Ahead {
    db: u32,
    places: Vec<Place>,
}

/// What was found out about one request when it was [noted](Keyspace::note_ahead): its command, and
/// where its first key stands. It holds for that request only, and spares
/// [`Keyspace::execute_noted`] from finding it out again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noted {
    pub(crate) command: Option<&'static Command>,
    /// With the number of the data set whose tables it is a place in.
    pub(crate) place: Option<(Place, u32)>,
}

impl Ahead {
    /// Whether it takes no more keys before they are touched.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.places.len() >= KEYS_MAX
    }

    /// How many keys it has: less than two have nothing to wait for together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Forgets its keys, untouched.
    pub fn clear(&mut self) {
        self.places.clear();
    }
}

impl Keyspace {
    /// Notes the keys of a request that `session` is about to run, as far as `ahead` takes them, and
    /// answers what it found out.
    pub fn note_ahead(&self, ahead: &mut Ahead, session: &Session, request: Request<'_>) -> Noted {
        // A host's own commands have no keys here.
        let Some(command) = self.table.find(request.name(), |_| None) else {
            return Noted::default();
        };
        let mut noted = Noted { command: Some(command), place: None };
        if ahead.db != session.db {
            ahead.places.clear();
            ahead.db = session.db;
        }
        let Some(database) = self.data.databases.get(session.db as usize) else { return noted };
        let room = KEYS_MAX - ahead.places.len();
        let first = ahead.places.len();
        let place = |key: &[u8]| {
            let place = database.place(key);
            database.touch_table(place);
            place
        };
        // Most commands have one key.
        if let Keys { first: 1, last: 1, .. } = command.keys {
            ahead.places.extend(request.arg(1).filter(|_| room > 0).map(place));
        } else {
            let keys = command.keys.positions(request.len()).take(room);
            ahead.places.extend(keys.filter_map(|at| request.arg(at)).map(place));
        }
        if command.keys.first == 1 {
            noted.place = ahead.places.get(first).map(|place| (*place, self.generation));
        }
        noted
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
            let entries = &entries[..ahead.places.len()];
            entries.iter().flatten().for_each(Near::touch_way);
            for entry in entries.iter().flatten() {
                entry.touch();
                touched += 1;
            }
        }
        ahead.clear();
        black_box(touched)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redwire_resp::RequestBuf;

    use super::*;
    use crate::{Dataset, NoHost, Settings, UnixMs};

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

    /// Requests of one connection that bear on where keys are, and whose keys they are.
    fn requests() -> impl Strategy<Value = Vec<Vec<String>>> {
        let request =
            (0..15_usize, 0..4_u8, 0..4_u8, 0..3_u8).prop_map(|(kind, key, other, db)| {
                let words = match kind {
                    0 => format!("SELECT {db}"),
                    1 => format!("SWAPDB 0 {db}"),
                    2 => format!("MOVE k{key} {db}"),
                    3 => format!("RENAME k{key} k{other}"),
                    4 => format!("COPY k{key} k{other} DB {db} REPLACE"),
                    5 => "FLUSHDB".to_owned(),
                    6 => format!("INCR k{key}"),
                    7 => format!("MGET k{key} k{other}"),
                    8 => format!("APPEND k{key} {other}"),
                    9 => format!("DEL k{key}"),
                    10 => format!("PEXPIRE k{key} {db}"),
                    _ => format!("SET k{key} v{other}"),
                };
                words.split(' ').map(str::to_owned).collect()
            });
        proptest::collection::vec(request, 1..40)
    }

    proptest! {
        #[test]
        fn what_was_found_out_ahead_changes_nothing(
            requests in requests(),
            batch in 1..9_usize,
            replaced in 0..8_u8,
        ) {
            let (mut ours, mut twin) = (Keyspace::new(Settings::default(), 7), Keyspace::new(Settings::default(), 7));
            let (mut session, mut other) = (Session::new(1), Session::new(1));
            let mut ahead = Ahead::default();
            for (turn, batch) in requests.chunks(batch).enumerate() {
                let requests: Vec<_> = batch.iter().map(RequestBuf::from_args).collect();
                let noted: Vec<_> = requests
                    .iter()
                    .map(|request| ours.note_ahead(&mut ahead, &session, request.as_request()))
                    .collect();
                ours.touch(&mut ahead);
                if turn == usize::from(replaced) {
                    // Its keys are hashed otherwise.
                    ours.replace_data(Dataset::new(16, 8));
                    twin.replace_data(Dataset::new(16, 8));
                }
                for (request, noted) in requests.iter().zip(noted) {
                    let (mut reply, mut expected) = (Vec::new(), Vec::new());
                    let (request, now) = (request.as_request(), UnixMs(turn as u64));
                    ours.execute_noted(&mut NoHost, &mut session, request, noted, now, &mut reply);
                    twin.execute(&mut NoHost, &mut other, request, now, &mut expected);
                    prop_assert_eq!(reply.escape_ascii().to_string(), expected.escape_ascii().to_string());
                }
            }
            let effects = |keyspace: &mut Keyspace| {
                let effects = keyspace.effects().iter();
                effects.map(|(db, bytes)| (db, bytes.to_vec())).collect::<Vec<_>>()
            };
            prop_assert_eq!(effects(&mut ours), effects(&mut twin));
        }
    }
}
