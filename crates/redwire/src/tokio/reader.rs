//! The task that opens a connection, reads it and writes to it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use ::tokio::net::TcpStream;
use ::tokio::sync::Notify;
use ::tokio::task::{spawn_blocking, yield_now};
use ::tokio::time;

use crate::Address;
use crate::inbox::{Bell, CHUNK, Inbox, TICK, Wire, closed};

/// A bell for tasks.
#[derive(Debug, Default)]
pub(super) struct Signal(Notify);

impl Bell for Signal {
    fn ring(&self) {
        self.0.notify_one();
    }
}

impl Signal {
    /// Waits until it rings, or until `until`; not at all when it rang since the last time.
    pub(super) async fn wait(&self, until: Option<Instant>) {
        let mut rung = pin!(self.0.notified());
        let mut timer = pin!(until.map(|until| time::sleep_until(until.into())));
        poll_fn(|cx| {
            if rung.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            timer.as_mut().as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx))
        })
        .await;
    }
}

/// What is to be sent on a connection, and what wakes its task.
#[derive(Debug, Default)]
pub(super) struct Line {
    out: Mutex<Vec<u8>>,
    signal: Signal,
}

impl Bell for Line {
    fn ring(&self) {
        self.signal.ring();
    }
}

impl Wire for Line {
    /// Leaves them to the task.
    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.lock().extend_from_slice(bytes);
        self.signal.ring();
        Ok(())
    }
}

impl Line {
    /// Writes as much as the socket takes; whether that was all.
    fn flush(&self, stream: &TcpStream) -> io::Result<bool> {
        let mut out = self.lock();
        while !out.is_empty() {
            match stream.try_write(&out) {
                Ok(count) => drop(out.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to `address` and reads into `inbox`, whose reader's bell `wire` is, until that is closed.
pub(super) fn start(address: Address, inbox: Arc<Inbox>, wire: Arc<Line>) {
    ::tokio::spawn(async move {
        let reason = match connect(&address, &inbox, &wire).await {
            Ok(stream) => {
                inbox.connected();
                let mut reader = Reader::new(stream, inbox.clone(), wire);
                loop {
                    if let Err(reason) = reader.turn().await {
                        break reason;
                    }
                }
            }
            Err(error) => error,
        };
        inbox.end(reason);
    });
}

/// A connection, unless nobody wants it any more.
async fn connect(address: &Address, inbox: &Inbox, wire: &Line) -> io::Result<TcpStream> {
    let mut connecting = pin!(TcpStream::connect((address.host.as_str(), address.port)));
    loop {
        let mut given_up = pin!(wire.signal.wait(None));
        let connected = poll_fn(|cx| match connecting.as_mut().poll(cx) {
            Poll::Ready(connected) => Poll::Ready(Some(connected)),
            Poll::Pending => given_up.as_mut().poll(cx).map(|()| None),
        });
        if let Some(connected) = connected.await {
            let stream = connected?;
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
        if inbox.is_closed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

struct Reader {
    stream: TcpStream,
    inbox: Arc<Inbox>,
    wire: Arc<Line>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that have yet to find room.
    held: usize,
    looked_at: Instant,
}

impl Reader {
    fn new(stream: TcpStream, inbox: Arc<Inbox>, wire: Arc<Line>) -> Reader {
        Reader { stream, inbox, wire, buffer: vec![0; CHUNK], held: 0, looked_at: now() }
    }

    /// Reads and writes what can be, and waits for more; answers with an error how it ended.
    async fn turn(&mut self) -> io::Result<()> {
        if self.inbox.is_closed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if now().saturating_duration_since(self.looked_at) >= TICK {
            self.looked_at = now();
            if self.inbox.tick(self.looked_at) {
                self.wire.send(b"\n")?;
            }
        }
        let all_sent = self.wire.flush(&self.stream)?;
        if self.held > 0 && self.push().await? {
            self.held = 0;
        }
        if self.held == 0 {
            match self.stream.try_read(&mut self.buffer) {
                Ok(0) => return Err(closed()),
                Ok(count) => {
                    self.held = count;
                    if self.push().await? {
                        self.held = 0;
                    }
                    // Whoever takes has a turn.
                    yield_now().await;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.wait(all_sent).await;
        Ok(())
    }

    /// Keeps what is held, if there is room.
    async fn push(&mut self) -> io::Result<bool> {
        if !self.inbox.may_store(self.held) {
            return Ok(self.inbox.push(&self.buffer[..self.held]));
        }
        let (inbox, buffer, held) =
            (self.inbox.clone(), std::mem::take(&mut self.buffer), self.held);
        let pushed = spawn_blocking(move || (inbox.push(&buffer[..held]), buffer));
        let (kept, buffer) = pushed.await.map_err(io::Error::other)?;
        self.buffer = buffer;
        Ok(kept)
    }

    /// Until there is something to read, or room for what is to be sent or for what is held.
    async fn wait(&self, all_sent: bool) {
        let mut rung = pin!(self.wire.signal.wait(Some(self.looked_at + TICK)));
        poll_fn(|cx| {
            // What is wrong with the socket shows when it is read.
            let readable = self.held == 0 && self.stream.poll_read_ready(cx).is_ready();
            let writable = !all_sent && self.stream.poll_write_ready(cx).is_ready();
            if readable || writable { Poll::Ready(()) } else { rung.as_mut().poll(cx) }
        })
        .await;
    }
}

pub(super) fn now() -> Instant {
    time::Instant::now().into_std()
}
