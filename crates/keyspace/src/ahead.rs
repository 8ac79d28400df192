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
    /// Of the first key, if there is one; in the parts of a [`Place`], which takes more room.
    hash: u64,
    slot: u16,
    has_place: bool,
    is_quick: bool,
    /// The number of the data set whose tables it is a place in.
    generation: u32,
}

impl Noted {
    fn of(command: &'static Command, place: Option<Place>, generation: u32) -> Self {
        let is_quick = command.is_quick();
        let (slot, hash) = place.map_or((0, 0), Place::into_parts);
        Self {
            command: Some(command),
            hash,
            slot,
            has_place: place.is_some(),
            is_quick,
            generation,
        }
    }

    /// Where the first key stands in the data set of this number.
    #[inline]
    pub(crate) fn place(&self, generation: u32) -> Option<Place> {
        let known = self.has_place && self.generation == generation;
        known.then(|| Place::from_parts(self.slot, self.hash))
    }

    /// Whether two requests one behind the other are of one command that may run in one go
    /// ([`Keyspace::execute_alike`]).
    #[must_use]
    #[inline]
    pub fn is_like(&self, next: &Self) -> bool {
        self.quick_command().zip(next.command).is_some_and(|(this, that)| std::ptr::eq(this, that))
    }

    /// Its command, if that may run in one go with others.
    #[inline]
    pub(crate) fn quick_command(&self) -> Option<&'static Command> {
        self.command.filter(|_| self.is_quick)
    }
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
        if ahead.db != session.db {
            ahead.places.clear();
            ahead.db = session.db;
        }
        let database = self.data.databases.get(session.db as usize);
        let Some(database) = database.filter(|_| !ahead.is_full()) else {
            return Noted::of(command, None, self.generation);
        };
        let place = |key: &[u8]| {
            let place = database.place(key);
            database.prefetch_table(place);
            place
        };
        // Most commands have one key.
        if let Keys { first: 1, last: 1, .. } = command.keys {
            let place = request.arg(1).map(place);
            ahead.places.extend(place);
            return Noted::of(command, place, self.generation);
        }
        let (first, room) = (ahead.places.len(), KEYS_MAX - ahead.places.len());
        let keys = command.keys.positions(request.len()).take(room);
        ahead.places.extend(keys.filter_map(|at| request.arg(at)).map(place));
        let begins = command.keys.first == 1;
        let place = ahead.places.get(first).filter(|_| begins).copied();
        Noted::of(command, place, self.generation)
    }

    /// Brings in what the keys in `ahead` lead to, and empties it; answers how many entries it came to,
    /// which may be too many, because keys are told apart only by some bits of their hashes.
    pub fn touch(&self, ahead: &mut Ahead) -> usize {
        let mut touched = 0;
        if let Some(database) = self.data.databases.get(ahead.db as usize) {
            // One pass for each step of the way, so that no key waits for another's.
            ahead.places.iter().for_each(|place| database.prefetch_index(*place));
            let mut entries: [Option<Near<'_>>; KEYS_MAX] = [None; KEYS_MAX];
            for (entry, place) in entries.iter_mut().zip(&ahead.places) {
                *entry = database.near(*place);
            }
            let entries = &entries[..ahead.places.len()];
            entries.iter().flatten().for_each(Near::prefetch_way);
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
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use redwire_resp::RequestBuf;

    use super::*;
    use crate::{CommandError, Dataset, Host, NoHost, Settings, UnixMs};

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

    /// Who waits, or is to be heard, is not passed by.
    #[test]
    fn many_at_once_end_early() {
        let mut keyspace = Keyspace::new(Settings::default(), 7);
        let (mut session, mut waiting) = (Session::new(1), Session::new(2));
        waiting.may_wait = true;
        run(&mut keyspace, &mut waiting, &["BLPOP", "b", "0"]);
        assert!(waiting.is_waiting());
        let requests = [["RPUSH", "a", "1"], ["RPUSH", "b", "1"], ["RPUSH", "b", "2"]]
            .map(RequestBuf::from_args);
        let mut run_all = |keyspace: &mut Keyspace| {
            let alike = requests.each_ref().map(|request| {
                let request = request.as_request();
                (request, keyspace.note_ahead(&mut Ahead::default(), &session, request))
            });
            let (mut told, mut out) = (Told::default(), Vec::new());
            let ran =
                keyspace.execute_alike(&mut told, &mut session, alike, UnixMs(0), &mut out, 1000);
            (ran, out)
        };
        assert_eq!(run_all(&mut keyspace), (2, b":1\r\n:1\r\n".to_vec()));
        keyspace.events().want([crate::EventClass::List]);
        assert_eq!(run_all(&mut keyspace), (0, Vec::new()));
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
            (0..24_usize, 0..4_u8, 0..4_u8, 0..3_u8).prop_map(|(kind, key, other, db)| {
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
                    11 => format!("LPUSH k{key} {other} {other}"),
                    12 => "MULTI".to_owned(),
                    13 | 14 => "EXEC".to_owned(),
                    15 => format!("SET k{key} v{other} GET PX 2"),
                    16..19 => format!("GET k{key}"),
                    // A wrong number of arguments, which only the server can see.
                    19 => "GET".to_owned(),
                    _ => format!("SET k{key} v{other}"),
                };
                words.split(' ').map(str::to_owned).collect()
            });
        proptest::collection::vec(request, 1..40)
    }

    fn effects_of(keyspace: &mut Keyspace) -> Vec<(u32, Vec<u8>)> {
        keyspace.effects().iter().map(|(db, bytes)| (db, bytes.to_vec())).collect()
    }

    /// What a host is told: of each name how many ran, and were answered by an error or refused.
    #[derive(Debug, Default, PartialEq)]
    struct Told {
        ran: BTreeMap<&'static str, u64>,
        failed: BTreeMap<&'static str, u64>,
    }

    impl Host for Told {
        fn begin_run(&mut self, _: &Session, _: &Command) -> bool {
            true
        }

        fn ran(&mut self, _: &Session, command: &Command, count: u64, _: Option<&CommandError>) {
            assert!(count > 0);
            *self.ran.entry(command.name).or_default() += count;
        }

        fn after(&mut self, _: &Session, command: &Command, _: Request<'_>) {
            *self.ran.entry(command.name).or_default() += 1;
        }

        fn failed(&mut self, _: &Session, command: &Command, _: Request<'_>, _: &CommandError) {
            *self.failed.entry(command.name).or_default() += 1;
        }

        fn rejected(&mut self, command: &Command, _: Request<'_>) {
            *self.failed.entry(command.name).or_default() += 1;
        }
    }

    proptest! {
        #[test]
        fn many_at_once_do_what_each_does(
            requests in requests(),
            batch in 1..12_usize,
            most in 1..60_usize,
        ) {
            let new = || Keyspace::new(Settings::default(), 7);
            let (mut ours, mut twin) = (new(), new());
            let (mut session, mut other) = (Session::new(1), Session::new(1));
            let (mut told, mut twin_told) = (Told::default(), Told::default());
            let (mut replies, mut expected) = (Vec::new(), Vec::new());
            for (turn, batch) in requests.chunks(batch).enumerate() {
                let requests: Vec<_> = batch.iter().map(RequestBuf::from_args).collect();
                let noted: Vec<_> = requests
                    .iter()
                    .map(|request| ours.note_ahead(&mut Ahead::default(), &session, request.as_request()))
                    .collect();
                let now = UnixMs(turn as u64);
                let mut next = 0;
                while next < requests.len() {
                    let rest = requests[next..].iter().map(RequestBuf::as_request);
                    let rest = rest.zip(noted[next..].iter().copied());
                    let most = replies.len() + most;
                    let ran = ours.execute_alike(&mut told, &mut session, rest, now, &mut replies, most);
                    next += ran;
                    if ran == 0 {
                        let request = requests[next].as_request();
                        ours.execute_noted(&mut told, &mut session, request, noted[next], now, &mut replies);
                        next += 1;
                    }
                }
                for request in &requests {
                    twin.execute(&mut twin_told, &mut other, request.as_request(), now, &mut expected);
                }
            }
            prop_assert_eq!(replies.escape_ascii().to_string(), expected.escape_ascii().to_string());
            prop_assert_eq!(effects_of(&mut ours), effects_of(&mut twin));
            prop_assert_eq!(ours.changes(), twin.changes());
            prop_assert_eq!(told, twin_told);
        }

        #[test]
        fn what_was_found_out_ahead_changes_nothing(
            requests in requests(),
            batch in 1..9_usize,
            replaced in 0..8_u8,
            whose in proptest::bits::u64::ANY,
        ) {
            let (mut ours, mut twin) = (Keyspace::new(Settings::default(), 7), Keyspace::new(Settings::default(), 7));
            let mut sessions = [1, 2].map(|id| (Session::new(id), Session::new(id)));
            // The requests of two connections are all noted before any runs.
            let whose = |index: usize| (whose >> (index % 64) & 1) as usize;
            let mut ahead = Ahead::default();
            for (turn, batch) in requests.chunks(batch).enumerate() {
                let requests: Vec<_> = batch.iter().map(RequestBuf::from_args).collect();
                let noted: Vec<_> = requests
                    .iter()
                    .enumerate()
                    .map(|(index, request)| {
                        let (session, _) = &sessions[whose(index)];
                        ours.note_ahead(&mut ahead, session, request.as_request())
                    })
                    .collect();
                ours.touch(&mut ahead);
                if turn == usize::from(replaced) {
                    // Its keys are hashed otherwise.
                    ours.replace_data(Dataset::new(16, 8));
                    twin.replace_data(Dataset::new(16, 8));
                }
                for (index, (request, noted)) in requests.iter().zip(noted).enumerate() {
                    let (session, other) = &mut sessions[whose(index)];
                    let (mut reply, mut expected) = (Vec::new(), Vec::new());
                    let (request, now) = (request.as_request(), UnixMs(turn as u64));
                    ours.execute_noted(&mut NoHost, session, request, noted, now, &mut reply);
                    twin.execute(&mut NoHost, other, request, now, &mut expected);
                    prop_assert_eq!(reply.escape_ascii().to_string(), expected.escape_ascii().to_string());
                }
            }
            prop_assert_eq!(effects_of(&mut ours), effects_of(&mut twin));
        }
    }
}
