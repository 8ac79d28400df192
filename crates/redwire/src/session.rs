//! [`Session`]: a [`Follower`] with what came on its connections. The runners differ in how they
//! read, wait and connect; the rest is here.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use redwire_keyspace::UnixMs;
use redwire_repl::{ReplicaConfig, ReplicaEvent, ReplicaStatus};

use crate::Address;
use crate::follow::{Follower, Item, Position};
use crate::inbox::{Bell, CHUNK, Inbox, Taken, Wire};
use crate::replica::LiveReplica;
use crate::spool::{SpoolLimits, SpoolStatus};

/// How often a link is looked after while it has something to take all the time.
const TEND: Duration = Duration::from_millis(100);
/// Most items that a copy applies before it answers: it may be asked between them.
pub(crate) const TURN: usize = 10_000;
/// Memory of an input that is kept when it is empty, in bytes.
const KEPT: usize = 4 * CHUNK;

/// A connection of a [`Session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Main,
    /// That of the snapshot, if it has one of its own.
    Rdb,
}

/// What a [`Session::step`] came to.
#[derive(Debug)]
pub(crate) enum Next<T> {
    Item(T),
    /// Look after the link, and go on.
    Tend,
    /// Nothing is there: look after the link, and wait until a bell rings.
    Wait,
    /// This one's [`Inbox::fetch`] is to be called.
    Fetch(Arc<Inbox>),
}

/// A follower with its connections, which others read.
#[derive(Debug)]
pub(crate) struct Session {
    follower: Follower,
    limits: SpoolLimits,
    main: Option<Input>,
    rdb: Option<Input>,
    /// The connection that is to be opened.
    wanted: Option<Which>,
    /// What is to be sent on the link.
    out: Vec<u8>,
    tended: Instant,
}

/// What came on a connection and is not taken.
#[derive(Debug)]
struct Input {
    inbox: Arc<Inbox>,
    unread: Vec<u8>,
    /// Bytes of them that are done with.
    taken: usize,
    /// The machine may find more in them.
    fresh: bool,
}

impl Session {
    /// The address' login stands in for that of `config` if it has any.
    pub(crate) fn new(address: &Address, mut config: ReplicaConfig, now: Instant) -> Session {
        if address.password.is_some() {
            config.masteruser.clone_from(&address.user);
            config.masterauth.clone_from(&address.password);
        }
        Session {
            follower: Follower::new(config, seed(), now),
            limits: SpoolLimits::default(),
            main: None,
            rdb: None,
            wanted: None,
            out: Vec::new(),
            tended: now,
        }
    }

    pub(crate) fn resume_from(&mut self, position: Position) {
        self.follower.resume_from(position);
    }

    /// Of the connections that are opened from now on.
    pub(crate) fn set_limits(&mut self, limits: SpoolLimits) {
        self.limits = limits;
    }

    pub(crate) fn position(&self) -> Option<Position> {
        self.follower.position()
    }

    pub(crate) fn is_inside_transaction(&self) -> bool {
        self.follower.is_inside_transaction()
    }

    pub(crate) fn status(&self, now: Instant) -> ReplicaStatus {
        self.follower.status(now)
    }

    /// What waits of both connections.
    pub(crate) fn spool(&self) -> SpoolStatus {
        let mut all = SpoolStatus::default();
        for input in self.main.iter().chain(&self.rdb) {
            let status = input.inbox.status();
            all.memory += status.memory + input.unread.len() - input.taken;
            all.disk += status.disk;
            all.trouble = all.trouble.or(status.trouble);
        }
        all
    }

    /// Until when may be waited.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.follower.poll_timeout()
    }

    /// Whether the link is to be looked after though there is something to take.
    pub(crate) fn wants_tending(&self, now: Instant) -> bool {
        let waits = self.wanted.is_some() || !self.out.is_empty();
        waits || now.saturating_duration_since(self.tended) >= TEND
    }

    /// Looks after the link: silence, acknowledgements, attempts to connect. Then ask for
    /// [`poll_connect`](Session::poll_connect), and [`transmit`](Session::transmit).
    pub(crate) fn tend(&mut self, now: Instant) -> io::Result<()> {
        self.tended = now;
        if self.main.as_ref().is_some_and(|main| main.inbox.tend(now)) {
            self.follower.heard(now);
        }
        if self.rdb.as_ref().is_some_and(|rdb| rdb.inbox.tend(now)) {
            self.follower.rdb_heard(now);
        }
        self.follower.handle_timeout(now);
        while let Some(event) = self.follower.poll_event() {
            match event {
                ReplicaEvent::Disconnect { reason } => {
                    self.close(now);
                    return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
                }
                _ => self.wanted = Some(Which::Main),
            }
        }
        Ok(())
    }

    /// The connection that is to be opened by [`open`](Session::open).
    pub(crate) fn poll_connect(&mut self) -> Option<Which> {
        self.wanted.take()
    }

    /// The inbox for what a connection is going to bring.
    pub(crate) fn open(
        &mut self,
        which: Which,
        now: Instant,
        wire: Arc<dyn Wire>,
        to_taker: Arc<dyn Bell>,
    ) -> Arc<Inbox> {
        // A stream must not wait with the master, a snapshot had better.
        let waits_there = which == Which::Rdb;
        let inbox = Inbox::new(self.limits.clone(), waits_there, now, wire, to_taker);
        let input = Input { inbox: inbox.clone(), unread: Vec::new(), taken: 0, fresh: false };
        match which {
            Which::Main => self.main = Some(input),
            Which::Rdb => self.rdb = Some(input),
        }
        inbox
    }

    /// Sends what the master is to get. An error has closed the connections.
    pub(crate) fn transmit(&mut self, now: Instant) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.out);
        let _ = self.follower.poll_transmit(&mut out);
        let mut sent = send(self.main.as_ref(), &out);
        out.clear();
        if sent.is_ok() && self.follower.poll_rdb_transmit(&mut out) {
            sent = send(self.rdb.as_ref(), &out);
        }
        if sent.is_err() {
            self.close(now);
        }
        sent
    }

    /// Hands the next item of what came to `take`, which is called once at most. An error has closed
    /// the connections.
    fn step<T>(&mut self, now: Instant, take: impl FnMut(Item<'_>) -> T) -> io::Result<Next<T>> {
        let next = self.try_step(now, take);
        if next.is_err() {
            self.close(now);
            if self.follower.asks_anew() {
                return Ok(Next::Tend);
            }
        }
        next
    }

    /// Hands the next item of what came to `take`, which is called once at most.
    pub(crate) fn step_once<T>(
        &mut self,
        now: Instant,
        take: &mut Option<impl FnOnce(Item<'_>) -> T>,
    ) -> io::Result<Next<T>> {
        let next = self.step(now, |item| take.take().map(|take| take(item)))?;
        Ok(match next {
            Next::Item(taken) => taken.map_or(Next::Wait, Next::Item),
            Next::Tend => Next::Tend,
            Next::Wait => Next::Wait,
            Next::Fetch(inbox) => Next::Fetch(inbox),
        })
    }

    /// Applies what came to `copy`, a transaction whole.
    pub(crate) fn apply_to(
        &mut self,
        copy: &mut LiveReplica,
        now: impl Fn() -> Instant,
    ) -> io::Result<Next<()>> {
        let mut applied = 0;
        while applied < TURN || self.is_inside_transaction() {
            match self.step(now(), |item| copy.apply(item, unix_ms()))? {
                Next::Item(Ok(())) => applied += 1,
                Next::Item(Err(error)) => {
                    self.close(now());
                    // What it was about is missing here, and would stay so.
                    self.follower.forget();
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
                _ if applied > 0 && !self.is_inside_transaction() => break,
                Next::Tend => return Ok(Next::Tend),
                Next::Wait => return Ok(Next::Wait),
                Next::Fetch(inbox) => return Ok(Next::Fetch(inbox)),
            }
        }
        Ok(Next::Item(()))
    }

    /// Ends the connections; the next attempt is after the machine's back-off.
    pub(crate) fn close(&mut self, now: Instant) {
        (self.main, self.rdb, self.wanted) = (None, None, None);
        self.out.clear();
        self.follower.handle_disconnected(now);
    }

    fn try_step<T>(
        &mut self,
        now: Instant,
        mut take: impl FnMut(Item<'_>) -> T,
    ) -> io::Result<Next<T>> {
        loop {
            // A stream waits where it is for its snapshot; what comes before it does not.
            if self.follower.has_rdb_link() && !self.follower.keeps_stream() {
                self.refill(Which::Main, now)?;
            }
            if !self.follower.keeps_stream() && self.has_input(Which::Main) {
                if let Some(taken) = self.take(Which::Main, now, &mut take)? {
                    return Ok(Next::Item(taken));
                }
            } else if self.has_input(Which::Rdb) {
                if let Some(taken) = self.take(Which::Rdb, now, &mut take)? {
                    return Ok(Next::Item(taken));
                }
            } else if let Some(wait) = self.refill_either(now)? {
                return Ok(wait);
            }
            if self.wants_tending(now) {
                return Ok(Next::Tend);
            }
        }
    }

    fn input(&mut self, which: Which) -> Option<&mut Input> {
        match which {
            Which::Main => self.main.as_mut(),
            Which::Rdb => self.rdb.as_mut(),
        }
    }

    fn has_input(&mut self, which: Which) -> bool {
        self.input(which).is_some_and(|input| input.fresh)
    }

    /// Shows the machine what came on a connection.
    fn take<T>(
        &mut self,
        which: Which,
        now: Instant,
        take: impl FnOnce(Item<'_>) -> T,
    ) -> io::Result<Option<T>> {
        let had_rdb = self.follower.has_rdb_link();
        let awaited_stream = self.follower.awaits_stream();
        let input = match which {
            Which::Main => &mut self.main,
            Which::Rdb => &mut self.rdb,
        };
        let Some(input) = input else { return Ok(None) };
        let unread = &input.unread[input.taken..];
        let progress = match which {
            Which::Main => self.follower.handle_input(unread, now),
            Which::Rdb => self.follower.handle_rdb_input(unread, now),
        };
        let progress = progress.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        input.fresh = progress.goes_on();
        input.taken += progress.used;
        let taken = progress.item.map(take);
        if self.follower.poll_rdb_connect() {
            self.wanted = Some(Which::Rdb);
        }
        if awaited_stream && !self.follower.awaits_stream() {
            self.rdb.iter_mut().for_each(|rdb| rdb.fresh = true);
        }
        let _ = self.follower.poll_transmit(&mut self.out);
        if which == Which::Rdb && had_rdb && !self.follower.has_rdb_link() {
            self.rdb = None;
            // What the link brought meanwhile can be taken now.
            self.main.iter_mut().for_each(|main| main.fresh = true);
        }
        Ok(taken)
    }

    /// Takes what has come out of the inboxes; answers what is to be waited for, if nothing has.
    fn refill_either<T>(&mut self, now: Instant) -> io::Result<Option<Next<T>>> {
        for which in [Which::Main, Which::Rdb] {
            match self.refill(which, now)? {
                Taken::Nothing => {}
                Taken::OnDisk => {
                    let inbox = self.input(which).map(|input| input.inbox.clone());
                    return Ok(inbox.map(Next::Fetch));
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(Next::Wait))
    }

    fn refill(&mut self, which: Which, now: Instant) -> io::Result<Taken> {
        let waits = match which {
            Which::Main => {
                self.follower.keeps_stream() || self.follower.has_rdb_link() && self.is_ahead()
            }
            Which::Rdb => self.follower.awaits_stream(),
        };
        let Some(input) = self.input(which).filter(|_| !waits) else { return Ok(Taken::Nothing) };
        let taken = input.refill();
        match (&taken, which) {
            (Taken::Connected, Which::Main) => self.follower.handle_connected(now),
            (Taken::Connected, Which::Rdb) => self.follower.handle_rdb_connected(now),
            _ => {}
        }
        if let Taken::End(reason) = taken {
            return Err(reason);
        }
        let _ = self.follower.poll_transmit(&mut self.out);
        Ok(taken)
    }

    /// Whether the link has brought more than the answers that come before a stream.
    fn is_ahead(&self) -> bool {
        self.main.as_ref().is_some_and(|main| main.unread.len() >= CHUNK)
    }
}

impl Input {
    fn refill(&mut self) -> Taken {
        self.unread.drain(..std::mem::take(&mut self.taken));
        if self.unread.is_empty() {
            self.unread.shrink_to(KEPT);
        }
        let taken = self.inbox.take(&mut self.unread, CHUNK);
        self.fresh |= matches!(taken, Taken::Bytes);
        taken
    }
}

/// Whoever reads learns that nobody takes any more.
impl Drop for Input {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

fn send(input: Option<&Input>, bytes: &[u8]) -> io::Result<()> {
    let input = input.filter(|_| !bytes.is_empty());
    input.map_or(Ok(()), |input| input.inbox.send(bytes))
}

/// A random number.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// The time of day, by which keys expire.
#[expect(clippy::disallowed_methods, reason = "runners tell the time")]
pub(crate) fn unix_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
