//! [`Listener`]: sockets that take connections in.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Config;
use crate::net::Stream;

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Listens wherever `config` says. An optional address (`-::1`) that is not there is passed over.
///
/// # Errors
///
/// A line that says which address failed and why, as Redis words it.
pub(crate) fn listen_all(config: &Config) -> Result<Vec<Listener>, String> {
    let mut listeners = Vec::new();
    if config.port != 0 {
        for bind in &config.bind {
            match listen(&bind.host, config.port, config.tcp_backlog) {
                Ok(listener) => listeners.push(Listener::Tcp(listener)),
                Err(error) if bind.optional && is_absent(&error) => {}
                Err(error) => {
                    return Err(format!(
                        "Could not create server TCP listening socket {}:{}: bind: {error}",
                        bind.host, config.port
                    ));
                }
            }
        }
        if listeners.is_empty() && !config.bind.is_empty() {
            return Err(format!("Failed listening on port {} (TCP), aborting.", config.port));
        }
    }
    if let Some(path) = &config.unixsocket {
        let listener = listen_unix(path, config.unixsocketperm)
            .map_err(|error| format!("Failed opening Unix socket: bind: {error}"))?;
        listeners.push(Listener::Unix(listener, path.clone()));
    }
    Ok(listeners)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn listen(host: &str, port: u16, backlog: u32) -> io::Result<TcpListener> {
    let host = match host {
        "*" => "0.0.0.0",
        "::*" => "::",
        host => host,
    };
    let missing = || io::Error::new(io::ErrorKind::AddrNotAvailable, "no such address");
    let address: SocketAddr = (host, port).to_socket_addrs()?.next().ok_or_else(missing)?;
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into()))
}

fn listen_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    // What a crash left behind would stand in the way.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    if mode != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(listener)
}

impl Listener {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
            Self::Unix(listener, _) => listener.register(registry, token, Interest::READABLE),
        }
    }

    /// The next connection, if one is waiting.
    pub(crate) fn accept(&self) -> io::Result<Option<Stream>> {
        let accepted = match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Self::Unix(listener, path) => {
                listener.accept().map(|(stream, _)| Stream::Unix(stream, path.clone()))
            }
        };
        match accepted {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Gone already is as good.
            let _ = std::fs::remove_file(path);
        }
    }
}
