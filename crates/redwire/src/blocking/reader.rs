//! The thread that opens a connection and reads it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Address;
use crate::inbox::{Bell, CHUNK, Inbox, TICK, Wire, closed};

/// How long each of an address' places may take to answer, and how long a write may.
const PATIENCE: Duration = Duration::from_secs(30);

/// A bell for threads.
#[derive(Debug, Default)]
pub(super) struct Signal {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell for Signal {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

impl Signal {
    /// Waits until it rings, or until `until`; not at all when it rang since the last time.
    pub(super) fn wait(&self, until: Option<Instant>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !std::mem::take(&mut *rung) {
            let left = until.map_or(TICK, |until| until.saturating_duration_since(now()));
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(rung, left);
            rung = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The writing side of a connection, for two: the session, and its reader when the session has no time.
#[derive(Debug, Default)]
pub(super) struct Line {
    stream: Mutex<Option<TcpStream>>,
    /// Rung when there is room in the inbox again.
    signal: Signal,
}

impl Bell for Line {
    fn ring(&self) {
        self.signal.ring();
    }

    fn close(&self) {
        if let Some(stream) = self.lock().take() {
            // That it is closed already is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.signal.ring();
    }
}

impl Wire for Line {
    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.lock().as_mut().map_or(Ok(()), |stream| stream.write_all(bytes))
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Option<TcpStream>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to `address` and reads into `inbox`, whose reader's bell `wire` is, until that is closed.
pub(super) fn start(address: Address, inbox: Arc<Inbox>, wire: Arc<Line>) {
    let for_thread = inbox.clone();
    let run = move || {
        let reason = match connect(&address) {
            Ok((stream, writing)) => {
                *wire.lock() = Some(writing);
                for_thread.connected();
                read(stream, &for_thread, &wire)
            }
            Err(error) => error,
        };
        for_thread.end(reason);
        wire.close();
    };
    let started = thread::Builder::new().name("redwire-reader".into()).spawn(run);
    if let Err(error) = started {
        inbox.end(error);
    }
}

/// A connection, and its writing side.
fn connect(address: &Address) -> io::Result<(TcpStream, TcpStream)> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for place in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TICK))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                let writing = stream.try_clone()?;
                return Ok((stream, writing));
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Reads until the connection ends, and answers why it did.
fn read(mut stream: TcpStream, inbox: &Inbox, wire: &Line) -> io::Error {
    let mut buffer = vec![0; CHUNK];
    // Bytes of the buffer that have yet to find room.
    let mut held = 0;
    let mut looked_at = now();
    loop {
        if inbox.is_closed() {
            return ErrorKind::ConnectionAborted.into();
        }
        if looked_at.elapsed() >= TICK {
            looked_at = now();
            if inbox.tick(looked_at)
                && let Err(error) = wire.send(b"\n")
            {
                return error;
            }
        }
        if held > 0 {
            if !inbox.push(&buffer[..held]) {
                wire.signal.wait(Some(looked_at + TICK));
                continue;
            }
            held = 0;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return closed(),
            Ok(count) => held = count,
            Err(error) if is_nothing(error.kind()) => {}
            Err(error) => return error,
        }
    }
}

fn is_nothing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[expect(clippy::disallowed_methods, reason = "this runner tells the time")]
pub(super) fn now() -> Instant {
    Instant::now()
}
