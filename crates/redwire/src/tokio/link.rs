//! [`Link`]: the connection to a master, as a [`Follower`] wants it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::tokio::net::TcpStream;
use ::tokio::task::yield_now;
use ::tokio::time;
use redwire_repl::ReplicaEvent;

use crate::Address;
use crate::follow::{Follower, Item};

/// Bytes of one read: no more is read ahead of what is taken.
const READ: usize = 64 << 10;
/// Memory of an input that is kept when it is empty, in bytes.
const KEPT: usize = 4 * READ;

/// Reads of the stream in a turn, while it waits for the data set: the master is not to have to keep
/// it.
const KEEP_READS: usize = 16;
/// How often that stream is read, while the snapshot is taken from what was read before.
const KEEP_PERIOD: Duration = Duration::from_millis(1);

/// The connection to a master, and the second one of a full sync over two.
///
/// All that lasts is here and in the machine, nothing in a future: one that is dropped loses
/// nothing.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) address: Address,
    /// Most bytes of stream that wait for a data set.
    pub(super) stream_buffer: usize,
    main: Option<Socket>,
    rdb: Option<Socket>,
    /// The machine has asked for a connection, and had no answer yet.
    wanted: Option<Which>,
    /// When the stream that waits was read last.
    kept_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Main,
    Rdb,
}

/// A connection, with what came and what is to go.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    input: Vec<u8>,
    /// Bytes of the input that are done with.
    taken: usize,
    /// The machine may find more in the input.
    fresh: bool,
    output: Vec<u8>,
}

impl Link {
    pub(super) fn new(address: Address) -> Link {
        let stream_buffer = super::STREAM_BUFFER;
        Link { address, stream_buffer, main: None, rdb: None, wanted: None, kept_at: now() }
    }

    /// Connects, reads and writes until [`try_next`](Link::try_next) may find something. An error
    /// has closed the connections; called again, this opens the next one when it is time.
    pub(super) async fn ready(&mut self, follower: &mut Follower) -> io::Result<()> {
        loop {
            if let Err(error) = self.turn(follower).await {
                self.close(follower);
                return Err(error);
            }
            if self.is_fresh() {
                return Ok(());
            }
        }
    }

    /// Hands the next item of what was read to `take`, and answers what that made of it. An error
    /// has closed the connections.
    pub(super) fn try_next<T>(
        &mut self,
        follower: &mut Follower,
        mut take: impl FnMut(Item<'_>) -> T,
    ) -> io::Result<Option<T>> {
        let mut taken = None;
        while taken.is_none() && self.is_fresh() {
            if let Err(error) = self.step(follower, |item| taken = Some(take(item))) {
                self.close(follower);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        Ok(taken)
    }

    /// Shows the machine what came: of the link, or else of the RDB.
    fn step(
        &mut self,
        follower: &mut Follower,
        take: impl FnOnce(Item<'_>),
    ) -> Result<(), redwire_repl::Error> {
        let had_rdb_link = follower.has_rdb_link();
        if let Some(socket) = self.main.as_mut().filter(|socket| socket.fresh) {
            let progress = follower.handle_input(&socket.input[socket.taken..], now())?;
            socket.fresh = progress.goes_on();
            socket.taken += progress.used;
            let _: Option<()> = progress.item.map(take);
            if follower.poll_rdb_connect() {
                self.wanted = Some(Which::Rdb);
            }
        } else if let Some(socket) = &mut self.rdb {
            let kept = follower.keeps_stream();
            let progress = follower.handle_rdb_input(&socket.input[socket.taken..], now())?;
            socket.fresh = progress.goes_on();
            socket.taken += progress.used;
            let _: Option<()> = progress.item.map(take);
            if had_rdb_link && !follower.has_rdb_link() {
                self.rdb = None;
            }
            // What the link brought meanwhile is looked at when it can be taken.
            if (self.rdb.is_none() || kept != follower.keeps_stream())
                && let Some(main) = &mut self.main
            {
                main.fresh = true;
            }
        }
        Ok(())
    }

    /// Acknowledges and keeps alive, and reads nothing but a stream that waits for its data set.
    /// Ends only by an error, which has closed the connections.
    pub(super) async fn keep_alive(&mut self, follower: &mut Follower) -> io::Error {
        loop {
            // It is we who do not read.
            follower.heard(now());
            follower.rdb_heard(now());
            let result = self.read_stream(follower).and_then(|_| self.drive(follower));
            if let Err(error) = result {
                self.close(follower);
                return error;
            }
            let reads = self.may_read_stream(follower);
            let until = follower.poll_timeout().filter(|_| self.main.is_some());
            wait(until, |cx| {
                let main = self.main.as_ref().map_or(Poll::Pending, |socket| {
                    if reads { socket.poll_ready(cx) } else { socket.poll_writable(cx) }
                });
                let rdb = self.rdb.as_ref().map_or(Poll::Pending, |it| it.poll_writable(cx));
                if rdb.is_ready() { rdb } else { main }
            })
            .await;
        }
    }

    /// Bytes that were read, and not taken.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let held = |socket: &Socket| socket.input.len() - socket.taken;
        self.main.iter().chain(&self.rdb).map(held).sum()
    }

    pub(super) fn close(&mut self, follower: &mut Follower) {
        (self.main, self.rdb, self.wanted) = (None, None, None);
        follower.handle_disconnected(now());
    }

    fn is_fresh(&self) -> bool {
        self.main.iter().chain(&self.rdb).any(|socket| socket.fresh)
    }

    async fn turn(&mut self, follower: &mut Follower) -> io::Result<()> {
        // What has come is read before the clock: silence is the master's only when nothing has.
        if self.is_fresh() {
            follower.heard(now());
            follower.rdb_heard(now());
            if follower.keeps_stream() && self.kept_at + KEEP_PERIOD <= now() {
                yield_now().await;
                self.read_stream(follower)?;
            }
        } else {
            // Others have their turn, and the runtime looks which sockets have something.
            yield_now().await;
            self.read(follower)?;
        }
        self.drive(follower)?;
        if let Some(which) = self.wanted {
            return self.connect(which, follower).await;
        }
        if self.is_fresh() {
            return Ok(());
        }
        let reads_main = !follower.keeps_stream() || self.may_read_stream(follower);
        wait(follower.poll_timeout(), |cx| {
            let main = self.main.as_ref().map_or(Poll::Pending, |socket| {
                if reads_main { socket.poll_ready(cx) } else { socket.poll_writable(cx) }
            });
            let rdb = self.rdb.as_ref().map_or(Poll::Pending, |socket| socket.poll_ready(cx));
            if rdb.is_ready() { rdb } else { main }
        })
        .await;
        Ok(())
    }

    /// Reads what is there, so much of it in a turn.
    fn read(&mut self, follower: &mut Follower) -> io::Result<()> {
        let main = match &mut self.main {
            Some(socket) if !follower.keeps_stream() => socket.read()?,
            _ => self.read_stream(follower)?,
        };
        // What is in the buffer up to its bound is no silence either.
        if main || (follower.keeps_stream() && !self.may_read_stream(follower)) {
            follower.heard(now());
        }
        if self.rdb.as_mut().map_or(Ok(false), Socket::read)? {
            follower.rdb_heard(now());
        }
        Ok(())
    }

    /// Reads of a stream that waits for its data set.
    fn read_stream(&mut self, follower: &mut Follower) -> io::Result<bool> {
        let mut any = false;
        self.kept_at = now();
        for _ in 0..KEEP_READS {
            if !self.may_read_stream(follower) {
                break;
            }
            let Some(socket) = &mut self.main else { break };
            if !socket.read()? {
                break;
            }
            // Until it can be taken.
            socket.fresh = false;
            any = true;
        }
        Ok(any)
    }

    fn may_read_stream(&self, follower: &Follower) -> bool {
        let room = |socket: &Socket| socket.input.len() - socket.taken < self.stream_buffer;
        follower.keeps_stream() && self.main.as_ref().is_some_and(room)
    }

    /// Lets the machine look at the clock, and does what it wants then.
    fn drive(&mut self, follower: &mut Follower) -> io::Result<()> {
        follower.handle_timeout(now());
        while let Some(event) = follower.poll_event() {
            match event {
                ReplicaEvent::Disconnect { reason } => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
                }
                _ => self.wanted = Some(Which::Main),
            }
        }
        if let Some(socket) = &mut self.main {
            while follower.poll_transmit(&mut socket.output) {}
            socket.write()?;
        }
        if let Some(socket) = &mut self.rdb {
            while follower.poll_rdb_transmit(&mut socket.output) {}
            socket.write()?;
        }
        Ok(())
    }

    async fn connect(&mut self, which: Which, follower: &mut Follower) -> io::Result<()> {
        let place = (self.address.host.as_str(), self.address.port);
        let mut connecting = pin!(TcpStream::connect(place));
        let mut result = None;
        wait(follower.poll_timeout(), |cx| {
            connecting.as_mut().poll(cx).map(|connected| result = Some(connected))
        })
        .await;
        // Without a result the machine's clock wants to be looked at: its patience may have ended.
        let Some(result) = result else { return Ok(()) };
        let stream = result?;
        stream.set_nodelay(true)?;
        self.wanted = None;
        let (input, output) = (Vec::new(), Vec::new());
        let socket = Some(Socket { stream, input, taken: 0, fresh: false, output });
        match which {
            Which::Main => {
                self.main = socket;
                follower.handle_connected(now());
            }
            Which::Rdb => {
                self.rdb = socket;
                follower.handle_rdb_connected(now());
            }
        }
        Ok(())
    }
}

impl Socket {
    /// Reads once, if there is anything; whether there was.
    fn read(&mut self) -> io::Result<bool> {
        self.input.drain(..std::mem::take(&mut self.taken));
        if self.input.is_empty() {
            self.input.shrink_to(KEPT);
        }
        let start = self.input.len();
        self.input.resize(start + READ, 0);
        let read = self.stream.try_read(&mut self.input[start..]);
        self.input.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                self.fresh = true;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes as much of the output as the socket takes.
    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.try_write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ready when there is something to read, or room for what is to be written.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        // What is wrong with the socket shows when it is read.
        if self.stream.poll_read_ready(cx).is_ready() {
            Poll::Ready(())
        } else {
            self.poll_writable(cx)
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.output.is_empty() {
            Poll::Pending
        } else {
            self.stream.poll_write_ready(cx).map(drop)
        }
    }
}

pub(super) fn now() -> Instant {
    time::Instant::now().into_std()
}

/// Waits for what `poll` polls, until `until` at most.
async fn wait(until: Option<Instant>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    let mut timer = pin!(until.map(|until| time::sleep_until(until.into())));
    poll_fn(|cx| {
        if poll(cx).is_ready() {
            return Poll::Ready(());
        }
        timer.as_mut().as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx))
    })
    .await;
}
