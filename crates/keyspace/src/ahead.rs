//! [`Ahead`]: the keys of requests that are about to run, brought into the cache before their turn.

use redwire_resp::Request;

use crate::command::{Command, Keys};
use crate::database::{Database, Near, Place};
use crate::{Keyspace, Session};

/// The keys of one request that are noted, at most.
const KEYS_MAX: usize = 64;

/// How many keys before its turn a key is brought in, at least. Memory answers within the time that two or
/// three commands take, but to a few questions at a time.
const LEAD: usize = 16;

/// How many keys are brought in together, at least.
const STRIDE: usize = 4;

/// The keys of requests that are about to run, in the order in which they will.
///
/// A look-up of a key that is in no cache waits for memory several times, one after the other:
/// the slot's table, its index, the way to the entry, the entry. Those of different keys need not wait
/// for each other, but commands that run one by one make them. So a server that has several
/// requests notes them here first, of one connection or of more. Then [`Keyspace::bring_in`] goes some
/// keys ahead of them as they run, or [`Keyspace::execute_quick`] does so itself: each step of the way for several keys, and the next one not before
/// others have had theirs. Of a key that is not there it is the place where it would be put. Nothing but time
/// depends on it: requests may be left out, those noted need not run, and others may run in between.
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
/// for (request, noted) in requests.iter().zip(noted) {
///     let (request, now) = (request.as_request(), UnixMs(0));
///     keyspace.bring_in(&mut ahead, noted.end());
///     keyspace.execute_noted(&mut NoHost, &mut session, request, noted, now, &mut out);
/// }
/// assert_eq!(out, b"+OK\r\n+OK\r\n");
/// ```
#[derive(Debug, Default)]
pub struct Ahead {
    keys: Vec<Key>,
    /// How many keys have had the line of their index asked for that they are found by,
    indexed: usize,
    /// how many what lies between there and the entry,
    led: usize,
    /// and how many the entry.
    entries: usize,
    /// How often it was cleared.
    round: u32,
}

/// A key of a request, and what was found out of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    hash: u64,
    db: u32,
    slot: u16,
    /// The entry that it leads to, found on the way there.
    near: Option<Near>,
}

impl Key {
    #[inline]
    pub(crate) fn place(&self) -> Place {
        Place::from_parts(self.slot, self.hash)
    }

    /// The entry that was found there, if any was looked for.
    #[inline]
    pub(crate) fn near(&self) -> Option<Near> {
        self.near
    }
}

/// What was found out about one request when it was [noted](Keyspace::note_ahead): its command, and
/// where its keys stand. It holds for that request only, and spares
/// [`Keyspace::execute_noted`] from finding it out again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noted {
    pub(crate) command: Option<&'static Command>,
    /// Of the first key, if there is one; in the parts of a [`Place`], which takes more room.
    hash: u64,
    slot: u16,
    has_place: bool,
    is_quick: bool,
    /// Of the data set whose tables it is a place in.
    generation: u32,
    /// Where its keys stand in the [`Ahead`], and how often that was cleared before.
    start: u32,
    end: u32,
    round: u32,
}

impl Noted {
    /// Where the first key stands in the data set of this number.
    #[inline]
    pub(crate) fn place(&self, generation: u32) -> Option<Place> {
        let known = self.has_place && self.generation == generation;
        known.then(|| Place::from_parts(self.slot, self.hash))
    }

    /// How many keys were noted up to its last one: those that are to be
    /// [brought in](Keyspace::bring_in) before it runs.
    #[must_use]
    #[inline]
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// Whether it may run in one go with others ([`Keyspace::execute_quick`]): its command is quick
    /// whatever its arguments, about the data only, and has its reply at once.
    #[must_use]
    #[inline]
    pub fn is_quick(&self) -> bool {
        self.is_quick
    }

    /// Its command, if that may run in one go with others.
    #[inline]
    pub(crate) fn quick_command(&self) -> Option<&'static Command> {
        self.command.filter(|_| self.is_quick)
    }
}

impl Ahead {
    /// How many keys were noted since it was empty.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many of its keys were brought in, or are on their way.
    #[must_use]
    pub fn brought_in(&self) -> usize {
        self.entries
    }

    /// Forgets its keys.
    pub fn clear(&mut self) {
        self.keys.clear();
        (self.indexed, self.led, self.entries) = (0, 0, 0);
        self.round = self.round.wrapping_add(1);
    }

    fn push(&mut self, db: u32, place: Place) {
        let (slot, hash) = place.into_parts();
        self.keys.push(Key { hash, db, slot, near: None });
    }

    /// The keys of a request that it noted, if it is to run in database `db` of the data set of this
    /// number as it was noted for.
    #[inline]
    pub(crate) fn keys_of(&self, noted: &Noted, db: u32, generation: u32) -> &[Key] {
        let keys = self.keys.get(noted.start as usize..noted.end as usize).unwrap_or_default();
        let hold = (noted.generation, noted.round) == (generation, self.round);
        if hold && keys.first().is_some_and(|key| key.db == db) { keys } else { &[] }
    }
}

/// Requests that follow each other, and what was found out of them.
#[derive(Debug)]
pub struct Upcoming<'a, I> {
    /// Where they were [noted](Keyspace::note_ahead), and which was not cleared since.
    pub ahead: &'a mut Ahead,
    /// They, and what was answered for each.
    pub requests: I,
}

impl Keyspace {
    /// Notes the keys of a request that `session` is about to run, behind those that `ahead` has, and
    /// answers what it found out. Of many keys it notes the first 64.
    pub fn note_ahead(&self, ahead: &mut Ahead, session: &Session, request: Request<'_>) -> Noted {
        // A host's own commands have no keys here.
        let Some(command) = self.table.find(request.name(), |_| None) else {
            return Noted::default();
        };
        let end = ahead.keys.len() as u32;
        let mut noted = Noted {
            command: Some(command),
            is_quick: command.is_quick(),
            generation: self.generation,
            start: end,
            end,
            round: ahead.round,
            ..Noted::default()
        };
        let Some(database) = self.data.databases.get(session.db as usize) else { return noted };
        let mut note = |at: usize, key: &[u8]| {
            let place = database.place(key);
            database.prefetch_table(place);
            ahead.push(session.db, place);
            if at == 1 {
                (noted.slot, noted.hash) = place.into_parts();
                noted.has_place = true;
            }
        };
        // Most commands have one key.
        if let Keys { first: 1, last: 1, .. } = command.keys {
            if let Some(key) = request.arg(1) {
                note(1, key);
            }
        } else {
            let keys = command.keys.positions(request.len()).take(KEYS_MAX);
            keys.for_each(|at| {
                if let Some(key) = request.arg(at) {
                    note(at, key);
                }
            });
        }
        noted.end = ahead.keys.len() as u32;
        noted
    }

    /// Has what the keys in `ahead` lead to brought in, up to some keys behind the first `end`: those of the
    /// request whose turn it is, and of all before it. Answers how many entries it came to, which may be too
    /// many, because keys are told apart only by some bits of their hashes.
    #[inline]
    pub fn bring_in(&self, ahead: &mut Ahead, end: usize) -> usize {
        let is_near = ahead.entries < ahead.keys.len().min(end + LEAD);
        if is_near { self.bring_in_more(ahead, end + LEAD + STRIDE) } else { 0 }
    }

    /// Has keys up to the one at `end` brought in, and those behind them prepared.
    fn bring_in_more(&self, ahead: &mut Ahead, end: usize) -> usize {
        let Ahead { keys, indexed, led, entries, .. } = ahead;
        self.step(keys, indexed, end + 2 * STRIDE, |database, key| {
            database.prefetch_index(key.place());
        });
        self.step(keys, led, end + STRIDE, |database, key| {
            key.near = database.prefetch_way(key.place());
        });
        let mut count = 0;
        self.step(keys, entries, end, |database, key| {
            database.touch(key.place(), key.near);
            count += usize::from(key.near.is_some());
        });
        count
    }

    /// Does one step for the keys from the one at `done` up to `end`.
    #[inline]
    fn step(
        &self,
        keys: &mut [Key],
        done: &mut usize,
        end: usize,
        mut step: impl FnMut(&Database, &mut Key),
    ) {
        let (first, end) = (*done, end.min(keys.len()));
        *done = end.max(first);
        for key in keys.get_mut(first..end).unwrap_or_default() {
            if let Some(database) = self.data.databases.get(key.db as usize) {
                step(database, key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use redwire_resp::RequestBuf;

    use super::*;
    use crate::{CommandError, Dataset, Host, NoHost, Ran, Settings, UnixMs};

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

    /// How many entries it comes to, if it is only asked for those in front.
    fn entries(keyspace: &Keyspace, mut ahead: Ahead) -> usize {
        let mut count = 0;
        for end in 0..=ahead.len() {
            count += keyspace.bring_in(&mut ahead, end);
            assert!(ahead.brought_in() >= ahead.len().min(end + LEAD));
        }
        assert_eq!(ahead.brought_in(), ahead.len());
        count
    }

    #[test]
    fn comes_to_the_keys_that_are_there() {
        let (mut keyspace, mut session) = (Keyspace::new(Settings::default(), 7), Session::new(1));
        let came_to = |keyspace: &Keyspace, session: &Session, args: &[&str]| {
            entries(keyspace, note(keyspace, session, args))
        };
        assert_eq!(came_to(&keyspace, &session, &["MGET", "a", "b"]), 0);
        let long = "x".repeat(100);
        run(&mut keyspace, &mut session, &["MSET", "a", "1", "b", &long]);
        run(&mut keyspace, &mut session, &["RPUSH", "c", "1"]);
        assert_eq!(came_to(&keyspace, &session, &["mget", "a", "b", "c"]), 3);
        assert_eq!(came_to(&keyspace, &session, &["SET", "a", "b"]), 1);
        for keyless in [&["GET"][..], &["PING"], &["NO-SUCH", "a"], &["ECHO", "a"]] {
            assert_eq!(came_to(&keyspace, &session, keyless), 0, "{keyless:?}");
        }
        let mut ahead = note(&keyspace, &session, &["GET", "a"]);
        run(&mut keyspace, &mut session, &["SELECT", "1"]);
        assert_eq!(came_to(&keyspace, &session, &["MGET", "a", "b"]), 0);
        // Each key is looked for in the database that it was noted for.
        keyspace.note_ahead(&mut ahead, &session, RequestBuf::from_args(["GET", "a"]).as_request());
        assert_eq!(entries(&keyspace, ahead), 1);
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
            let mut ahead = Ahead::default();
            let requests = requests.each_ref().map(|request| {
                let request = request.as_request();
                (request, keyspace.note_ahead(&mut ahead, &session, request))
            });
            let (mut told, mut out) = (Told::default(), Vec::new());
            let quick = Upcoming { ahead: &mut ahead, requests };
            let ran =
                keyspace.execute_quick(&mut told, &mut session, quick, UnixMs(0), &mut out, 1000);
            (ran, out)
        };
        assert_eq!(run_all(&mut keyspace), (2, b":1\r\n:1\r\n".to_vec()));
        keyspace.events().want([crate::EventClass::List]);
        assert_eq!(run_all(&mut keyspace), (0, Vec::new()));
    }

    #[test]
    fn goes_ahead_by_little_and_of_one_request_takes_so_many_keys() {
        let (mut keyspace, mut session) = (Keyspace::new(Settings::default(), 7), Session::new(1));
        run(&mut keyspace, &mut session, &["SET", "a", "1"]);
        let mut args = vec!["MGET"];
        args.resize(1 + KEYS_MAX + 1, "a");
        let mut ahead = note(&keyspace, &session, &args);
        assert_eq!(ahead.len(), KEYS_MAX);
        assert_eq!(keyspace.bring_in(&mut ahead, 0), LEAD + STRIDE);
        for end in 0..STRIDE {
            assert_eq!(keyspace.bring_in(&mut ahead, end), 0, "{end}");
        }
        assert_eq!(keyspace.bring_in(&mut ahead, STRIDE + 1), STRIDE + 1);
        assert_eq!(keyspace.bring_in(&mut ahead, KEYS_MAX), KEYS_MAX - LEAD - 2 * STRIDE - 1);
        assert_eq!(keyspace.bring_in(&mut ahead, KEYS_MAX), 0);
        assert_eq!(ahead.brought_in(), KEYS_MAX);
        ahead.clear();
        assert!(ahead.is_empty());
        assert_eq!(ahead.brought_in(), 0);
    }

    #[test]
    fn what_was_noted_holds_until_it_is_cleared_and_for_its_database() {
        let (mut keyspace, session) = (Keyspace::new(Settings::default(), 7), Session::new(1));
        let request = RequestBuf::from_args(["MGET", "a", "b"]);
        let mut ahead = Ahead::default();
        let noted = keyspace.note_ahead(&mut ahead, &session, request.as_request());
        let count = |ahead: &Ahead, keyspace: &Keyspace, db| {
            ahead.keys_of(&noted, db, keyspace.generation).len()
        };
        assert_eq!([0, 1].map(|db| count(&ahead, &keyspace, db)), [2, 0]);
        keyspace.flush(3);
        assert_eq!(count(&ahead, &keyspace, 0), 0);
        keyspace.generation -= 1;
        ahead.clear();
        assert_eq!(count(&ahead, &keyspace, 0), 0);
        keyspace.note_ahead(&mut ahead, &session, request.as_request());
        assert_eq!(count(&ahead, &keyspace, 0), 0);
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

        fn ran(&mut self, _: &Session, ran: &[Ran], last: &Command, _: Option<&CommandError>) {
            assert!(ran.iter().any(|ran| ran.command.name == last.name));
            for &Ran { command, count } in ran {
                assert!(count > 0);
                *self.ran.entry(command.name).or_default() += count;
            }
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
                let mut ahead = Ahead::default();
                let noted: Vec<_> = requests
                    .iter()
                    .map(|request| ours.note_ahead(&mut ahead, &session, request.as_request()))
                    .collect();
                let now = UnixMs(turn as u64);
                let mut next = 0;
                while next < requests.len() {
                    let rest = requests[next..].iter().map(RequestBuf::as_request);
                    let requests_noted = rest.zip(noted[next..].iter().copied());
                    let rest = Upcoming { ahead: &mut ahead, requests: requests_noted };
                    let most = replies.len() + most;
                    let ran = ours.execute_quick(&mut told, &mut session, rest, now, &mut replies, most);
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
                ahead.clear();
                let noted: Vec<_> = requests
                    .iter()
                    .enumerate()
                    .map(|(index, request)| {
                        let (session, _) = &sessions[whose(index)];
                        ours.note_ahead(&mut ahead, session, request.as_request())
                    })
                    .collect();
                if turn == usize::from(replaced) {
                    // Its keys are hashed otherwise.
                    ours.replace_data(Dataset::new(16, 8));
                    twin.replace_data(Dataset::new(16, 8));
                }
                for (index, (request, noted)) in requests.iter().zip(noted).enumerate() {
                    let (session, other) = &mut sessions[whose(index)];
                    let (mut reply, mut expected) = (Vec::new(), Vec::new());
                    let (request, now) = (request.as_request(), UnixMs(turn as u64));
                    ours.bring_in(&mut ahead, index + 1);
                    ours.execute_noted(&mut NoHost, session, request, noted, now, &mut reply);
                    twin.execute(&mut NoHost, other, request, now, &mut expected);
                    prop_assert_eq!(reply.escape_ascii().to_string(), expected.escape_ascii().to_string());
                }
            }
            prop_assert_eq!(effects_of(&mut ours), effects_of(&mut twin));
        }
    }
}
