//! [`Waits`]: sessions that wait for keys, in the order in which they began to.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::time::{Duration, Instant};

use redwire_resp::RequestBuf;

use crate::{Blob, UnixMs, ValueRef};

/// What a session waits for at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A list (`BLPOP` and its kin).
    List,
    /// A sorted set (`BZPOPMIN` and its kin).
    Zset,
    /// More of a stream (`XREAD`).
    Stream,
    /// More of a stream, or that its group is gone (`XREADGROUP`).
    Group,
}

impl Awaited {
    const COUNT: usize = 4;

    /// Those who are woken when the key has `value` now, or nothing.
    fn by(value: Option<ValueRef<'_>>) -> &'static [Self] {
        match value {
            Some(ValueRef::List(_)) => &[Self::List, Self::Group],
            Some(ValueRef::Zset(_)) => &[Self::Zset, Self::Group],
            Some(ValueRef::Stream(_)) => &[Self::Stream, Self::Group],
            _ => &[Self::Group],
        }
    }
}

/// What a command wants that has nothing to answer yet.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) awaited: Awaited,
    pub(crate) keys: Vec<Blob>,
    /// For how long at most; `None` without an end.
    pub(crate) timeout: Option<Duration>,
    /// What is run when a key is ready, if it is not the request as it came.
    pub(crate) request: Option<RequestBuf>,
    /// When pending entries come of age that it takes (`CLAIM`); `None` if it takes none.
    pub(crate) age: Option<Age>,
}

/// When the first of the pending entries comes of age that a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    At(UnixMs),
    /// There is none that will.
    Never,
}

/// A session that waits.
#[derive(Debug)]
pub(crate) struct Wait {
    order: u64,
    db: u32,
    awaited: Awaited,
    keys: Vec<Blob>,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    age: Option<Age>,
    pub(crate) request: RequestBuf,
}

impl Wait {
    /// Bytes that it takes.
    pub(crate) fn memory(&self) -> usize {
        let keys: usize = self.keys.iter().map(|key| size_of::<Blob>() + key.len()).sum();
        size_of::<Self>() + self.request.memory() + keys
    }
}

/// Who waits at one key, by the order in which they came, one queue for each kind.
#[derive(Debug, Default)]
struct Queues {
    sessions: [BTreeMap<u64, u64>; Awaited::COUNT],
    /// The key is in the list of those that are ready. Till it has its turn it stays here, even if
    /// nobody waits any more.
    ready: bool,
}

impl Queues {
    fn of(&mut self, awaited: Awaited) -> &mut BTreeMap<u64, u64> {
        &mut self.sessions[awaited as usize]
    }

    fn is_empty(&self) -> bool {
        self.sessions.iter().all(BTreeMap::is_empty)
    }

    fn wait_for_group(&self) -> bool {
        !self.sessions[Awaited::Group as usize].is_empty()
    }

    /// The next one behind `last` and before `end` that the value of the key wakes.
    fn next(&self, value: Option<ValueRef<'_>>, last: u64, end: u64) -> Option<(u64, u64)> {
        let behind = (Bound::Excluded(last), Bound::Excluded(end));
        let kinds = Awaited::by(value).iter();
        let firsts = kinds.filter_map(|kind| self.sessions[*kind as usize].range(behind).next());
        firsts.min().map(|(order, session)| (*order, *session))
    }
}

/// A key whose waiting sessions have their turn, one after the other.
#[derive(Debug)]
struct Serving {
    db: u32,
    key: Blob,
    /// The last one that had its turn.
    last: u64,
    /// Who comes from now on waits for the next time.
    end: u64,
}

/// The sessions that wait for keys: who waits where, in which order, until when.
///
/// To begin a wait, to end it and to find who is next takes time that grows with the number of
/// keys that one session names, and with the logarithm of the number of sessions that wait at
/// them. A write costs a look at an empty map while nobody waits, and a look-up of its key else.
///
/// A key that is made, replaced or, for groups, gone is *ready*, once, however often that happens
/// before its turn. In its turn the sessions at it are named in their order, each by
/// [`Waits::next`], as long as the key holds what they wait for: whoever runs their commands takes
/// it away from those behind. A session whose command finds nothing keeps its place.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    sessions: HashMap<u64, Wait>,
    keys: BTreeMap<u32, HashMap<Blob, Queues>>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// The sessions that wait for pending entries to come of age, those first whose are next.
    ages: BTreeSet<(Age, u64)>,
    ready: VecDeque<(u32, Blob)>,
    serving: Option<Serving>,
    /// How many began to wait so far.
    begun: u64,
}

impl Waits {
    /// Has `session` wait in database `db`, with `request` to be run when there is something.
    pub(crate) fn begin(&mut self, session: u64, db: u32, wish: Wish, request: RequestBuf) {
        self.end(session);
        self.begun += 1;
        let order = self.begun;
        let Wish { awaited, keys, timeout, request: other, age } = wish;
        for key in &keys {
            let queues = self.keys.entry(db).or_default().entry(key.clone()).or_default();
            queues.of(awaited).insert(order, session);
        }
        let request = other.unwrap_or(request);
        let wait = Wait { order, db, awaited, keys, timeout, deadline: None, age: None, request };
        self.sessions.insert(session, wait);
        self.set_age(session, age);
    }

    /// Notes anew when what `session` waits for comes of age, if it waits.
    pub(crate) fn set_age(&mut self, session: u64, age: Option<Age>) {
        let Some(wait) = self.sessions.get_mut(&session) else { return };
        if let Some(old) = std::mem::replace(&mut wait.age, age) {
            self.ages.remove(&(old, session));
        }
        self.ages.extend(age.map(|age| (age, session)));
    }

    /// When the next pending entries come of age that a session waits for.
    pub(crate) fn next_age(&self) -> Option<UnixMs> {
        match self.ages.first()?.0 {
            Age::At(at) => Some(at),
            Age::Never => None,
        }
    }

    /// Says that the keys of those sessions have something for whose entries have come of age.
    pub(crate) fn signal_aged(&mut self, now: UnixMs) {
        while self.next_age().is_some_and(|at| at <= now)
            && let Some((_, session)) = self.ages.pop_first()
            && let Some(wait) = self.sessions.get_mut(&session)
        {
            // Its command says when the next ones do.
            wait.age = None;
            let (db, keys) = (wait.db, wait.keys.clone());
            keys.iter().for_each(|key| self.signal(db, key));
        }
    }

    /// Says that pending entries of the stream at `key` come of age at other times.
    #[inline]
    pub(crate) fn signal_ages(&mut self, db: u32, key: &[u8]) {
        if !self.ages.is_empty() {
            self.signal_if(db, key, Queues::wait_for_group);
        }
    }

    /// Ends the wait of `session`, if it waits.
    pub(crate) fn end(&mut self, session: u64) -> Option<Wait> {
        let wait = self.sessions.remove(&session)?;
        if let Some(deadline) = wait.deadline {
            self.deadlines.remove(&(deadline, session));
        }
        if let Some(age) = wait.age {
            self.ages.remove(&(age, session));
        }
        let keys = self.keys.entry(wait.db).or_default();
        for key in &wait.keys {
            let Some(queues) = keys.get_mut(key) else { continue };
            queues.of(wait.awaited).remove(&wait.order);
            if queues.is_empty() && !queues.ready {
                keys.remove(key);
            }
        }
        Some(wait)
    }

    /// The wait of `session`.
    pub(crate) fn get(&self, session: u64) -> Option<&Wait> {
        self.sessions.get(&session)
    }

    /// Counts the time of `session`'s wait from `now` on; answers when it is over.
    pub(crate) fn start_clock(&mut self, session: u64, now: Instant) -> Option<Instant> {
        let wait = self.sessions.get_mut(&session)?;
        let deadline = wait.timeout.and_then(|timeout| now.checked_add(timeout));
        if let Some(old) = std::mem::replace(&mut wait.deadline, deadline) {
            self.deadlines.remove(&(old, session));
        }
        self.deadlines.extend(deadline.map(|deadline| (deadline, session)));
        deadline
    }

    /// When the first wait is over.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// A session whose time is over, those first whose time was over first.
    pub(crate) fn due(&self, now: Instant) -> Option<u64> {
        self.deadlines.first().filter(|(deadline, _)| *deadline <= now).map(|(_, session)| *session)
    }

    /// Says that `key` was made, or has another value.
    #[inline]
    pub(crate) fn signal(&mut self, db: u32, key: &[u8]) {
        if !self.sessions.is_empty() {
            self.signal_if(db, key, |_| true);
        }
    }

    /// Says that `key` is gone.
    #[inline]
    pub(crate) fn signal_gone(&mut self, db: u32, key: &[u8]) {
        if !self.sessions.is_empty() {
            self.signal_if(db, key, Queues::wait_for_group);
        }
    }

    #[cold]
    fn signal_if(&mut self, db: u32, key: &[u8], concerns: fn(&Queues) -> bool) {
        let queues = self.keys.get_mut(&db).and_then(|keys| keys.get_mut(key));
        let Some(queues) = queues.filter(|queues| !queues.ready && concerns(queues)) else {
            return;
        };
        queues.ready = true;
        self.ready.push_back((db, Blob::from(key)));
    }

    /// Says that the keys of database `db` for which `changed` holds have other values, or are
    /// gone.
    pub(crate) fn signal_where(&mut self, db: u32, changed: impl Fn(&[u8]) -> bool) {
        self.signal_all(db, |key, _| changed(key));
    }

    fn signal_all(&mut self, db: u32, concerned: impl Fn(&[u8], &Queues) -> bool) {
        let Some(keys) = self.keys.get_mut(&db) else { return };
        let mut ready: Vec<(u64, Blob)> = Vec::new();
        for (key, queues) in keys {
            if queues.ready || !concerned(key, queues) {
                continue;
            }
            queues.ready = true;
            let firsts = queues.sessions.iter().filter_map(|queue| queue.first_key_value());
            ready.extend(firsts.map(|(order, _)| *order).min().map(|first| (first, key.clone())));
        }
        // Who has waited longest comes first, not whom the table has first.
        ready.sort_unstable();
        self.ready.extend(ready.into_iter().map(|(_, key)| (db, key)));
    }

    /// Says that the keys of database `db` for which `gone` holds are gone.
    pub(crate) fn signal_gone_where(&mut self, db: u32, gone: impl Fn(&[u8]) -> bool) {
        self.signal_all(db, |key, queues| queues.wait_for_group() && gone(key));
    }

    /// Whether a key is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.serving.is_some() || !self.ready.is_empty()
    }

    /// The next session whose command is to be run again. `value` answers what a key holds now.
    pub(crate) fn next<'v>(
        &mut self,
        value: impl Fn(u32, &[u8]) -> Option<ValueRef<'v>>,
    ) -> Option<u64> {
        loop {
            let mut serving = self.serving.take().or_else(|| self.next_ready())?;
            let Serving { db, key, last, end } = &mut serving;
            let queues = self.keys.get(db).and_then(|keys| keys.get(key.as_slice()));
            let next = queues.and_then(|queues| queues.next(value(*db, key), *last, *end));
            if let Some((order, session)) = next {
                *last = order;
                self.serving = Some(serving);
                return Some(session);
            }
        }
    }

    fn next_ready(&mut self) -> Option<Serving> {
        let (db, key) = self.ready.pop_front()?;
        let keys = self.keys.entry(db).or_default();
        if let Some(queues) = keys.get_mut(&key) {
            queues.ready = false;
            if queues.is_empty() {
                keys.remove(&key);
            }
        }
        Some(Serving { db, key, last: 0, end: self.begun + 1 })
    }

    /// How many keys are waited for, and how many of them by sessions that want to know that they
    /// are gone (`total_blocking_keys`, `total_blocking_keys_on_nokey`).
    pub(crate) fn keys(&self) -> (usize, usize) {
        let all = || self.keys.values().flat_map(HashMap::values).filter(|it| !it.is_empty());
        (all().count(), all().filter(|queues| queues.wait_for_group()).count())
    }
}

#[cfg(test)]
mod tests;
