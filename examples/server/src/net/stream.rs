//! [`Stream`]: a connected socket that never blocks.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream, PathBuf),
}

impl Stream {
    /// Begins to connect to `address`; the socket becomes writable when that has come to an end.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// Sends small replies at once, and probes a silent peer after `keepalive` (zero: never).
    pub(crate) fn tune(&self, keepalive: Duration) -> io::Result<()> {
        let Self::Tcp(stream) = self else { return Ok(()) };
        stream.set_nodelay(true)?;
        if keepalive.is_zero() {
            return Ok(());
        }
        // Three probes within the interval, as Redis sets them.
        let interval = (keepalive / 3).max(Duration::from_secs(1));
        let probes =
            TcpKeepalive::new().with_time(keepalive).with_interval(interval).with_retries(3);
        SockRef::from(stream).set_tcp_keepalive(&probes)
    }

    /// The error of a connection attempt that has come to an end, if it failed.
    pub(crate) fn connect_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream, _) => stream.take_error(),
        }
    }

    /// Whether the peer is on this host.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()),
            Self::Unix(..) => true,
        }
    }

    /// The address of the peer as `CLIENT LIST` prints it.
    pub(crate) fn peer(&self) -> String {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map_or_else(|_| "?:0".into(), printed),
            Self::Unix(_, path) => format!("{}:0", path.display()),
        }
    }

    /// The address at this end.
    pub(crate) fn local(&self) -> String {
        match self {
            Self::Tcp(stream) => stream.local_addr().map_or_else(|_| "?:0".into(), printed),
            Self::Unix(_, path) => format!("{}:0", path.display()),
        }
    }

    /// The number of its descriptor.
    pub(crate) fn fd(&self) -> i32 {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream, _) => stream.as_raw_fd(),
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => stream.register(registry, token, both),
            Self::Unix(stream, _) => stream.register(registry, token, both),
        }
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Unix(stream, _) => stream.deregister(registry),
        }
    }

    /// Reads what is there: 0 at the end of the stream, `None` when nothing is there now.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        would_block(match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream, _) => stream.read(buffer),
        })
    }

    /// Writes what the socket takes; `None` when it takes nothing now.
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        would_block(match (self, slices) {
            // `send` is a shorter way through the kernel than `writev`.
            (Self::Tcp(stream), [slice]) => stream.write(slice),
            (Self::Unix(stream, _), [slice]) => stream.write(slice),
            (Self::Tcp(stream), slices) => stream.write_vectored(slices),
            (Self::Unix(stream, _), slices) => stream.write_vectored(slices),
        })
    }
}

fn printed(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}

fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}
