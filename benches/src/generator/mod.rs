//! A lean load generator: one thread, requests built beforehand, replies counted by walking their
//! frames. redis-benchmark is itself the limit from a pipeline of 16 on; this is not.
//!
//! It is a closed loop: each connection sends a batch and waits for all its replies before it sends
//! the next.

mod batches;
mod connection;
mod frames;
mod paced;
pub mod workload;

use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use redwire_testkit::Server;

pub use batches::Batches;
use connection::Connection;
pub use frames::{Expect, Frames};
pub use paced::{Latencies, paced};

use crate::Outcome;
use crate::process::{CpuTime, thread_time};

/// Connections of every run.
pub const CONNECTIONS: usize = 50;
/// No run waits longer for the next reply.
const PATIENCE: Duration = Duration::from_secs(30);
/// Replies are read into one buffer of this many bytes for all connections.
const READ_BUFFER: usize = 256 * 1024;

/// How much a run shall be.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// Every batch once, in order.
    Once,
    /// Batches over and over: `warm_up` uncounted, then `time` counted.
    For {
        /// How long to run before the clock starts.
        warm_up: Duration,
        /// How long to count.
        time: Duration,
    },
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Commands answered in the time counted.
    pub commands: u64,
    /// That time, in seconds.
    pub seconds: f64,
    /// The server's processor time in it.
    pub server: CpuTime,
    /// The share of that time in which the generator's thread was busy, 0 to 1. Near 1 it is the
    /// generator that was measured.
    pub generator_busy: f64,
}

impl Sample {
    /// Thousands of commands a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.commands as f64 / self.seconds / 1e3
    }

    /// The server's processor time for a command, in nanoseconds: user and system.
    #[must_use]
    pub fn cpu(&self) -> (f64, f64) {
        let each = 1e9 / self.commands as f64;
        (self.server.user * each, self.server.system * each)
    }
}

/// The state of the clocks at one moment.
struct Mark {
    at: Instant,
    server: CpuTime,
    generator: Duration,
    commands: u64,
}

/// Sends batches to a server over [`CONNECTIONS`] connections.
///
/// # Errors
/// Those of sockets; a reply that is an error or not what the batches expect, with its text; no
/// reply for 30 seconds.
pub fn run(server: &Server, batches: &Batches, extent: Extent) -> Outcome<Sample> {
    let mut run = Run::connect(server, batches)?;
    let mark = |run: &Run<'_>| -> Outcome<Mark> {
        let server = CpuTime::of(server.pid())?;
        Ok(Mark { at: Instant::now(), server, generator: thread_time(), commands: run.answered })
    };
    let (from, to) = match extent {
        Extent::Once => {
            let from = mark(&run)?;
            run.until(None, Some(batches.len()))?;
            (from, mark(&run)?)
        }
        Extent::For { warm_up, time } => {
            run.until(Some(Instant::now() + warm_up), None)?;
            let from = mark(&run)?;
            run.until(Some(from.at + time), None)?;
            let to = mark(&run)?;
            run.until(None, Some(run.sent))?;
            (from, to)
        }
    };
    let seconds = (to.at - from.at).as_secs_f64();
    Ok(Sample {
        commands: to.commands - from.commands,
        seconds,
        server: to.server - from.server,
        generator_busy: (to.generator - from.generator).as_secs_f64() / seconds,
    })
}

/// A run under way.
struct Run<'a> {
    batches: &'a Batches,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    /// Batches sent so far, and so the number of the next.
    sent: usize,
    /// Commands answered so far.
    answered: u64,
}

impl<'a> Run<'a> {
    fn connect(server: &Server, batches: &'a Batches) -> Outcome<Run<'a>> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for index in 0..CONNECTIONS {
            let mut connection = Connection::open(server.port())?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(connection.stream(), Token(index), interest)?;
            connections.push(connection);
        }
        let (events, buffer) = (Events::with_capacity(CONNECTIONS), vec![0; READ_BUFFER]);
        Ok(Run { batches, poll, events, connections, buffer, sent: 0, answered: 0 })
    }

    /// Goes on until the time has come, or until no batch is under way and `last` are sent.
    fn until(&mut self, end: Option<Instant>, last: Option<usize>) -> Outcome<()> {
        for index in 0..self.connections.len() {
            self.send_next(index, last)?;
        }
        loop {
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            if last.is_some_and(|last| self.sent >= last)
                && self.connections.iter().all(Connection::is_idle)
            {
                return Ok(());
            }
            self.turn(last)?;
        }
    }

    /// Waits for events and handles them.
    fn turn(&mut self, last: Option<usize>) -> Outcome<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        self.poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err("no reply for 30 seconds".into());
        }
        for event in &events {
            let index = event.token().0;
            let connection = &mut self.connections[index];
            if event.is_writable() {
                connection.flush(self.batches)?;
            }
            if event.is_readable() && !connection.is_idle() {
                self.answered += connection.receive(self.batches.expect(), &mut self.buffer)?;
                self.send_next(index, last)?;
            }
        }
        self.events = events;
        Ok(())
    }

    /// Gives an idle connection the next batch, if there is one.
    fn send_next(&mut self, index: usize, last: Option<usize>) -> Outcome<()> {
        let connection = &mut self.connections[index];
        if connection.is_idle() && last.is_none_or(|last| self.sent < last) {
            connection.send(self.batches, self.sent % self.batches.len())?;
            self.sent += 1;
        }
        Ok(())
    }
}
