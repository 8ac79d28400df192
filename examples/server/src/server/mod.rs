//! The event loop: one thread that runs every command, in batches.
//!
//! A turn takes what the poll reports, runs all requests that have arrived, lets the snapshot and
//! a load go on for a slice, and writes what there is to write. Nothing in a turn waits: files,
//! encoding and the freeing of large values happen on other threads.
//!
//! Files are read or written on this thread, so that a disk which hangs holds all up, only at the start
//! (`dump.rdb`, the stream behind it), at the end, and for who asks for it, as in Redis: `SAVE`,
//! `DEBUG RELOAD`, `CONFIG REWRITE`, `CONFIG SET dir`, `ACL SAVE`, `ACL LOAD`. (`INFO` reads `/proc`, which
//! is no disk.) The name of a primary is looked up on it, too.

mod blocking;
mod clients;
mod failover;
mod limits;
mod lookahead;
mod messages;
mod migrations;
mod replicas;
mod requests;
mod segments;
mod shutdown;
mod timers;
mod upstream;

use std::collections::HashMap;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use mio::{Events, Interest, Poll, Token, Waker};
use redwire_keyspace::{Keyspace, Role};

use self::lookahead::Turns;
use crate::background::Background;
use crate::config::Config;
use crate::core::{Core, settings};
use crate::entropy::Entropy;
use crate::log::{notice, warning};
use crate::net::{Client, ClientId, Listener, listen_all};
use crate::persist::{FileLoad, Segments};
use crate::replication::{Outgoings, Replay, Replayed, Upstream};
use crate::saves::Running;
use crate::signals::Signals;

/// Bytes that are read from a socket at a time.
const READ_BUFFER: usize = 64 << 10;

const SIGNALS: Token = Token(64);
const WAKER: Token = Token(65);
const UPSTREAM: Token = Token(66);
/// The link's second socket, in a full sync over two.
const UPSTREAM_SIDE: Token = Token(67);
/// Clients have the tokens from here on, by their number.
const FIRST_CLIENT: usize = 1024;

/// The server.
#[derive(Debug)]
pub(crate) struct Server {
    poll: Poll,
    listeners: Vec<Listener>,
    signals: Signals,
    core: Core,
    keyspace: Keyspace,
    /// By numbers that it gave out itself: nobody can make them fall together.
    clients: HashMap<ClientId, Client, FixedState>,
    /// Connections that may have more to read than was read of them.
    readable: Vec<ClientId>,
    /// Connections that have something to be sent.
    unsent: Vec<ClientId>,
    /// Connections that wait for replicas (those that wait for keys are the keyspace's).
    blocked: Vec<ClientId>,
    /// Connections whose wait is over: what came behind its command is run in this turn.
    resumed: Vec<ClientId>,
    /// Connections whose writes a pause of clients, a failover or the disk holds up.
    postponed: Vec<ClientId>,
    /// Connections whose next request writes to keys on their way to another server.
    held: Vec<ClientId>,
    /// Connections that sent `MONITOR`.
    monitors: Vec<ClientId>,
    /// Connections that sent `PSYNC` or `SYNC`.
    replicas: Vec<ClientId>,
    /// The connection to be looked after next, or the first behind it.
    next_look: ClientId,
    outgoings: Outgoings,
    load: Option<FileLoad>,
    /// The stream that is run on the data of the file.
    replay: Option<Replay>,
    segments: Segments,
    /// When the disk is to be tried again, after it took no segment.
    store_again_at: Option<Instant>,
    background: Background,
    buffer: Vec<u8>,
    turns: Turns,
    /// Of one connection whose turn comes in another way than by what it sends.
    single_turn: Turns,
    next_tick: Instant,
    /// More keys have expired than one turn deletes.
    expiry_behind: bool,
    /// A connection could not be accepted, for want of file descriptors say.
    accept_again: bool,
    exit: Option<ExitCode>,
}

impl Server {
    /// Listens, and gets ready to load `dump.rdb`.
    ///
    /// # Errors
    ///
    /// A line for the log that says what stands in the way.
    pub(crate) fn start(config: Config, signals: Signals) -> Result<Self, String> {
        let describe = |error: io::Error| format!("Failed to set up the event loop: {error}");
        let poll = Poll::new().map_err(describe)?;
        let mut entropy = Entropy::of_system().map_err(|error| error.to_string())?;
        let mut listeners = listen_all(&config)?;
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(index)).map_err(describe)?;
        }
        let mut signals = signals;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE).map_err(describe)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(describe)?);
        let mut keyspace = Keyspace::new(settings(&config), entropy.number());
        let mut core = Core::new(config, entropy, waker);
        core.load_users()?;
        if core.is_replica() {
            let read_only = core.config.replica_read_only;
            keyspace.set_role(Role::Replica { read_only });
        }
        core.apply_config(&mut keyspace);
        let next_tick = core.now;
        let background = Background::start(core.freeing.clone());
        let fsync = core.config.repl_backlog_fsync;
        let segments = Segments::new(core.config.segments_path(), core.waker.clone(), fsync);
        let mut server = Self {
            poll,
            listeners,
            signals,
            core,
            keyspace,
            clients: HashMap::default(),
            readable: Vec::new(),
            unsent: Vec::new(),
            blocked: Vec::new(),
            resumed: Vec::new(),
            postponed: Vec::new(),
            held: Vec::new(),
            monitors: Vec::new(),
            replicas: Vec::new(),
            next_look: 0,
            outgoings: Outgoings::default(),
            load: None,
            replay: None,
            segments,
            store_again_at: None,
            background,
            buffer: vec![0; READ_BUFFER],
            turns: Turns::default(),
            single_turn: Turns::default(),
            next_tick,
            expiry_behind: false,
            accept_again: false,
            exit: None,
        };
        server.begin_load()?;
        Ok(server)
    }

    /// Serves until it is told to end.
    pub(crate) fn run(mut self) -> ExitCode {
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = self.poll_timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                warning!("Waiting for events failed: {error}");
                return ExitCode::FAILURE;
            }
            self.core.now = crate::clock::now();
            self.core.unix_ms = crate::clock::unix_ms();
            for event in &events {
                self.handle_event(event);
            }
            self.turn();
            let took = crate::clock::now().saturating_duration_since(self.core.now);
            self.core.counters.turns += 1;
            self.core.counters.active += took;
            if let Some(exit) = self.exit {
                return exit;
            }
        }
    }

    fn turn(&mut self) {
        self.step_load();
        // Asked behind the load, which may have given the stream its place.
        let feeding = self.core.primary.is_feeding();
        self.keyspace.effects().want(feeding);
        self.read_upstream();
        self.read_clients();
        self.tick();
        self.run_resumed();
        self.step_snapshot();
        self.take_segments();
        self.drive_failover();
        self.drive_primary();
        self.write_clients();
        self.judge_replicas();
        self.ask_segments();
        self.wait_for_disk();
        self.evict_clients();
        self.background.drop_later(self.keyspace.take_garbage());
    }

    fn handle_event(&mut self, event: &mio::event::Event) {
        match event.token() {
            SIGNALS => self.handle_signals(),
            UPSTREAM => self.upstream_ready(),
            UPSTREAM_SIDE => self.upstream_side_ready(),
            Token(listener) if listener < self.listeners.len() => self.accept(listener),
            Token(token) if token >= FIRST_CLIENT => {
                let id = (token - FIRST_CLIENT) as ClientId;
                self.client_ready(id, event);
            }
            // What `WAKER` woke the loop for is looked at in every turn.
            _ => {}
        }
    }

    /// How long the poll may wait: not at all while there is work, else until the next deadline.
    fn poll_timeout(&mut self) -> Option<Duration> {
        let upstream_readable = self.core.upstream.as_ref().is_some_and(Upstream::is_busy);
        let walking = self.core.saves.running.as_ref().is_some_and(Running::is_walking);
        let busy = !self.readable.is_empty()
            || !self.unsent.is_empty()
            || !self.resumed.is_empty()
            || !(self.postponed.is_empty() || self.core.is_paused())
            || self.load.is_some()
            || self.replay.is_some()
            || self.expiry_behind
            || self.core.eviction.behind
            || upstream_readable
            || walking;
        if busy {
            return Some(Duration::ZERO);
        }
        let deadlines = [
            Some(self.next_tick),
            self.core.primary.poll_timeout(),
            self.core.upstream.as_ref().and_then(Upstream::poll_timeout),
            self.next_end_of_wait(),
            self.core.pause.map(|pause| pause.until),
            self.core.disk_wait.deadline(),
        ];
        let next = deadlines.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(crate::clock::now()))
    }

    /// Begins to load `dump.rdb`, or declares the server ready when there is none.
    fn begin_load(&mut self) -> Result<(), String> {
        match self.core.open_dump() {
            Ok(Some(load)) => {
                self.core.loading = Some(crate::core::Loading {
                    began: self.core.now,
                    began_unix: crate::clock::since_epoch(),
                    total: load.total,
                    read: 0,
                });
                self.load = Some(load);
            }
            Ok(None) => {
                // The stream alone says nothing of the data that it began with.
                self.segments.find();
                self.segments.retain(&[]);
                self.ready(None);
            }
            Err(failure) => {
                let path = self.core.config.rdb_path();
                return Err(format!(
                    "Fatal error loading the DB from {}: {failure}. Exiting.",
                    path.display()
                ));
            }
        }
        Ok(())
    }

    /// Loads the next slice of `dump.rdb`.
    fn step_load(&mut self) {
        self.step_replay();
        let Some(load) = &mut self.load else { return };
        match load.step() {
            Ok(false) => {
                if let Some(loading) = &mut self.core.loading {
                    loading.read = load.read;
                }
            }
            Ok(true) => self.end_load(),
            Err(failure) => {
                warning!(
                    "Short read or bad data loading DB from {}: {failure}",
                    load.path().display()
                );
                warning!("Fatal error loading the DB, check server logs. Exiting.");
                self.exit = Some(ExitCode::FAILURE);
            }
        }
    }

    fn end_load(&mut self) {
        let (Some(load), Some(loading)) = (self.load.take(), self.core.loading.take()) else {
            return;
        };
        let stats = load.stats();
        self.core.saves.last_load = stats;
        let (data, notes) = load.finish();
        self.keyspace.replace_data(data);
        self.core.saves.in_line_with_file(&self.keyspace);
        notice!(
            "Done loading RDB, keys loaded: {}, keys expired: {}, empty keys skipped: {}.",
            stats.keys,
            stats.expired,
            stats.empty
        );
        let took = crate::clock::now().saturating_duration_since(loading.began);
        notice!("DB loaded from disk: {:.3} seconds", took.as_secs_f64());
        let Some((replid, offset)) = notes.replid.zip(notes.offset) else {
            self.segments.find();
            self.segments.retain(&[]);
            return self.ready(None);
        };
        let db = notes.stream_db.unwrap_or(0);
        if let Some(replay) = Replay::open(&mut self.segments, replid, offset, db) {
            self.core.loading = Some(loading);
            self.replay = Some(replay);
            // It is run as it came, expiries included.
            self.keyspace.set_role(Role::Replica { read_only: true });
            return;
        }
        self.segments.retain(&[]);
        if self.core.is_replica() {
            self.core.primary.adopt(replid, offset, Some(db), self.core.now);
        } else {
            // Replicas of the stream that the file belongs to may go on from there.
            self.core.primary.restore(replid, offset, self.core.now);
        }
        self.ready(Some((replid, offset)));
    }

    /// Runs a slice of the stream that was kept on disk.
    fn step_replay(&mut self) {
        let Some(replay) = &mut self.replay else { return };
        if replay.step(&self.segments, &mut self.core, &mut self.keyspace)
            && let Some(replay) = self.replay.take()
        {
            self.end_replay(replay.finish());
        }
    }

    fn end_replay(&mut self, Replayed { chain, db, commands }: Replayed) {
        self.core.loading = None;
        let follows = self.core.is_replica();
        if !follows {
            self.keyspace.set_role(Role::Primary);
        }
        let offset = chain.end().get();
        notice!("Replication stream on disk run on the data: {commands} commands, up to {offset}");
        let ids: Vec<_> = chain.segments().iter().map(|segment| segment.id).collect();
        self.segments.retain(&ids);
        self.core.primary.recover(&chain, db, follows, self.core.now);
        self.ready(Some((chain.history().replid(), chain.end())));
    }

    /// The data is there: clients may come, and the primary may be followed from `history` on.
    fn ready(&mut self, history: Option<(redwire_repl::ReplId, redwire_repl::Offset)>) {
        if let Some(endpoint) = self.core.config.replicaof.clone() {
            let upstream = Upstream::new(endpoint, &mut self.core, history);
            self.core.upstream = Some(upstream);
            self.follow_stream_source();
        }
        notice!("Ready to accept connections");
    }
}
