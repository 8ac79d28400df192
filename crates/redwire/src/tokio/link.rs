//! [`Link`]: the connection to a master, as a [`Follower`] wants it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Instant;

use ::tokio::net::TcpStream;
use ::tokio::time;
use redwire_repl::ReplicaEvent;

use crate::Address;
use crate::follow::{Follower, Item};

/// Bytes of one read: no more is read ahead of what is taken.
const READ: usize = 64 << 10;
/// Memory of an input that is kept when it is empty, in bytes.
const KEPT: usize = 4 * READ;

/// The connection to a master.
///
/// All that lasts is here and in the machine, nothing in a future: one that is dropped loses
/// nothing.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) address: Address,
    socket: Option<Socket>,
    /// The machine has asked for a connection, and had no answer yet.
    wanted: bool,
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
        Link { address, socket: None, wanted: false }
    }

    /// Connects, reads and writes until [`try_next`](Link::try_next) may find something. An error
    /// has closed the connection; called again, this opens the next one when it is time.
    pub(super) async fn ready(&mut self, follower: &mut Follower) -> io::Result<()> {
        loop {
            if let Err(error) = self.turn(follower).await {
                self.close(follower);
                return Err(error);
            }
            if self.socket.as_ref().is_some_and(|socket| socket.fresh) {
                return Ok(());
            }
        }
    }

    /// Hands the next item of what was read to `take`, and answers what that made of it. An error
    /// has closed the connection.
    pub(super) fn try_next<T>(
        &mut self,
        follower: &mut Follower,
        mut take: impl FnMut(Item<'_>) -> T,
    ) -> io::Result<Option<T>> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        while socket.fresh {
            let progress = match follower.handle_input(&socket.input[socket.taken..], now()) {
                Ok(progress) => progress,
                Err(error) => {
                    self.close(follower);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            };
            socket.fresh = progress.goes_on();
            socket.taken += progress.used;
            if let Some(item) = progress.item {
                return Ok(Some(take(item)));
            }
        }
        Ok(None)
    }

    /// Acknowledges and keeps alive, and reads nothing. Ends only by an error, which has closed the
    /// connection.
    pub(super) async fn keep_alive(&mut self, follower: &mut Follower) -> io::Error {
        loop {
            // It is we who do not read.
            follower.heard(now());
            if let Err(error) = self.drive(follower) {
                self.close(follower);
                return error;
            }
            let until = follower.poll_timeout().filter(|_| self.socket.is_some());
            wait(until, |cx| {
                self.socket.as_ref().map_or(Poll::Pending, |socket| socket.poll_writable(cx))
            })
            .await;
        }
    }

    /// Bytes that were read, and not taken.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.socket.as_ref().map_or(0, |socket| socket.input.len() - socket.taken)
    }

    pub(super) fn close(&mut self, follower: &mut Follower) {
        self.socket = None;
        self.wanted = false;
        follower.handle_disconnected(now());
    }

    async fn turn(&mut self, follower: &mut Follower) -> io::Result<()> {
        // What has come is read before the clock: silence is the master's only when nothing has.
        if let Some(socket) = &mut self.socket
            && (socket.fresh || socket.read()?)
        {
            follower.heard(now());
        }
        self.drive(follower)?;
        if self.wanted {
            return self.connect(follower).await;
        }
        match &self.socket {
            Some(socket) if socket.fresh => {}
            Some(socket) => wait(follower.poll_timeout(), |cx| socket.poll_ready(cx)).await,
            None => wait(follower.poll_timeout(), |_| Poll::Pending).await,
        }
        Ok(())
    }

    /// Lets the machine look at the clock, and does what it wants then.
    fn drive(&mut self, follower: &mut Follower) -> io::Result<()> {
        follower.handle_timeout(now());
        while let Some(event) = follower.poll_event() {
            match event {
                ReplicaEvent::Disconnect { reason } => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
                }
                _ => self.wanted = true,
            }
        }
        let Some(socket) = &mut self.socket else { return Ok(()) };
        while follower.poll_transmit(&mut socket.output) {}
        socket.write()
    }

    async fn connect(&mut self, follower: &mut Follower) -> io::Result<()> {
        let place = (self.address.host.as_str(), self.address.port);
        let mut connecting = pin!(TcpStream::connect(place));
        let mut result = None;
        wait(follower.poll_timeout(), |cx| {
            connecting.as_mut().poll(cx).map(|connected| result = Some(connected))
        })
        .await;
        // Without a result it is the machine's patience that has ended: it says so next.
        let Some(result) = result else { return Ok(()) };
        let stream = result?;
        stream.set_nodelay(true)?;
        self.wanted = false;
        let (input, output) = (Vec::new(), Vec::new());
        self.socket = Some(Socket { stream, input, taken: 0, fresh: false, output });
        follower.handle_connected(now());
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
