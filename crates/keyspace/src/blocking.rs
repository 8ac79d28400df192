//! Commands that wait for keys (`BLPOP`, `XREAD BLOCK` ...): what the caller does about them.

use std::time::Instant;

use redwire_resp::Encoder;

use crate::context::Context;
use crate::waits::Wish;
use crate::{Keyspace, Session, UnixMs};

/// Why a session's wait ends without what it waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd<'a> {
    /// Its time is over: the reply is nil.
    TimedOut,
    /// The reply is an error of this text, which begins with its code.
    Error(&'a str),
}

/// # Waiting for keys
///
/// A session that [may wait](Session::may_wait) is left without a reply by a command that has
/// nothing to answer yet: [`Session::is_waiting`] says so. The caller keeps the session's further
/// requests back, counts its time by [`start_wait`](Keyspace::start_wait), and after each command,
/// `EXEC` or expiry runs those whose turn has come:
///
/// ```
/// use redwire_keyspace::{Keyspace, NoHost, Session, Settings, UnixMs, WaitEnd};
/// use redwire_resp::RequestBuf;
/// use std::time::{Duration, Instant};
///
/// let mut keyspace = Keyspace::new(Settings::default(), 42);
/// let [mut waiter, mut pusher] = [1, 2].map(Session::new);
/// waiter.may_wait = true;
/// let (began, mut out) = (Instant::now(), Vec::new());
///
/// let pop = RequestBuf::from_args(["BLPOP", "jobs", "5"]);
/// keyspace.execute(&mut NoHost, &mut waiter, pop.as_request(), UnixMs(0), &mut out);
/// assert!(out.is_empty() && waiter.is_waiting());
/// keyspace.start_wait(&waiter, began);
///
/// let push = RequestBuf::from_args(["RPUSH", "jobs", "one", "two"]);
/// keyspace.execute(&mut NoHost, &mut pusher, push.as_request(), UnixMs(1), &mut out);
/// out.clear();
/// while let Some(id) = keyspace.poll_woken(UnixMs(1)) {
///     assert_eq!(id, waiter.id());
///     assert!(keyspace.resume(&mut NoHost, &mut waiter, UnixMs(1), &mut out));
/// }
/// assert_eq!(out, b"*2\r\n$4\r\njobs\r\n$3\r\none\r\n");
///
/// // Nobody pushes: the caller sleeps until the deadline, and says that it has come.
/// let pop = RequestBuf::from_args(["BLPOP", "nothing", "5"]);
/// keyspace.execute(&mut NoHost, &mut waiter, pop.as_request(), UnixMs(2), &mut out);
/// keyspace.start_wait(&waiter, began);
/// let deadline = keyspace.next_deadline().unwrap();
/// assert_eq!(deadline, began + Duration::from_secs(5));
/// out.clear();
/// while let Some(id) = keyspace.poll_timed_out(deadline) {
///     assert_eq!(id, waiter.id());
///     keyspace.end_wait(&mut waiter, WaitEnd::TimedOut, &mut out);
/// }
/// assert_eq!(out, b"*-1\r\n");
/// ```
impl Keyspace {
    /// Counts the time of a wait that has just begun from `now` on; without it the wait has no
    /// end. Answers when it is over, if it ever is.
    pub fn start_wait(&mut self, session: &Session, now: Instant) -> Option<Instant> {
        self.waits.start_clock(session.id(), now)
    }

    /// The number of the session whose command is to be run again next
    /// ([`resume`](Keyspace::resume)), if any is.
    ///
    /// A key that came to be, or has another value, wakes those who wait for it in the order in
    /// which they began to, as long as there is something for them. Ask again after each, and
    /// after whatever else runs commands.
    #[must_use]
    pub fn poll_woken(&mut self, now: UnixMs) -> Option<u64> {
        let data = &self.data;
        self.waits.next(|db, key| {
            let entry = data.databases.get(db as usize)?.find(key)?;
            let there = !entry.expires().is_some_and(|at| now.is_past(at));
            there.then_some(entry.value)
        })
    }

    /// Whether [`poll_woken`](Keyspace::poll_woken) is to be asked: it may have a session to name.
    #[must_use]
    pub fn has_woken(&self) -> bool {
        self.waits.is_ready()
    }

    /// When the first pending entry of a stream comes of age that a session waits for
    /// (`XREADGROUP` with `BLOCK` and `CLAIM`): then [`wake_aged`](Keyspace::wake_aged) is due.
    #[must_use]
    pub fn next_age(&self) -> Option<UnixMs> {
        self.waits.next_age()
    }

    /// Has those sessions named by [`poll_woken`](Keyspace::poll_woken) whose pending entries have
    /// come of age. Early, or twice, it does nothing.
    pub fn wake_aged(&mut self, now: UnixMs) {
        self.waits.signal_aged(now);
    }

    /// When the first wait is over, to be asked after every call that may begin or end one.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waits.next_deadline()
    }

    /// The number of a session whose time is over, to be told by
    /// [`end_wait`](Keyspace::end_wait); asked again without that, the answer is the same.
    #[must_use]
    pub fn poll_timed_out(&self, now: Instant) -> Option<u64> {
        self.waits.due(now)
    }

    /// Ends the wait of `session`, if it waits, and writes its reply.
    pub fn end_wait(&mut self, session: &mut Session, why: WaitEnd<'_>, out: &mut Vec<u8>) {
        session.waiting = false;
        if self.waits.end(session.id()).is_none() {
            return;
        }
        let mut reply = Encoder::new(out, session.protocol);
        match why {
            WaitEnd::TimedOut => reply.null_array(),
            WaitEnd::Error(text) => reply.error(text),
        }
    }

    /// Bytes that a session's wait takes; 0 if it does not wait.
    #[must_use]
    pub fn wait_memory(&self, session: &Session) -> usize {
        self.waits.get(session.id()).map_or(0, crate::waits::Wait::memory)
    }

    /// How many keys are waited for (`total_blocking_keys`), and how many of them by sessions that
    /// are also woken when the key is gone (`total_blocking_keys_on_nokey`). Takes time in
    /// proportion to them.
    #[must_use]
    pub fn waited_keys(&self) -> (usize, usize) {
        self.waits.keys()
    }
}

impl Context<'_> {
    /// Has the session wait for what it wishes, if it may; else the command has to answer at once.
    #[must_use]
    pub(crate) fn wait(&mut self, wish: Wish) -> bool {
        let may = self.session.may_wait && !self.session.executing;
        if may {
            // One that waits already keeps its place.
            self.data.keyspace.waits.set_age(self.session.id(), wish.age);
            self.session.wish = Some(Box::new(wish));
        }
        may
    }
}
