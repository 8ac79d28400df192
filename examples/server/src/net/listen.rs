//! [`Listener`]: sockets that take connections in.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{BindAddress, Config};
use crate::net::Stream;

/// A listening socket, and where the configuration says that it is to be.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp { socket: TcpListener, host: String, port: u16 },
    Unix(UnixListener, PathBuf),
}

/// Listens wherever `config` says. An optional address (`-::1`) that is not there is passed over.
///
/// # Errors
///
/// A line that says which address failed and why, as Redis words it.
pub(crate) fn listen_all(config: &Config) -> Result<Vec<Listener>, String> {
    let mut listeners = listen_tcp(config, &config.bind)?;
    if config.port != 0 && listeners.is_empty() && !config.bind.is_empty() {
        return Err(format!("Failed listening on port {} (TCP), aborting.", config.port));
    }
    if let Some(path) = &config.unixsocket {
        let listener = listen_unix(path, config.unixsocketperm)
            .map_err(|error| format!("Failed opening Unix socket: bind: {error}"))?;
        listeners.push(Listener::Unix(listener, path.clone()));
    }
    Ok(listeners)
}

/// Listens where `new` says and `old` did not (`CONFIG SET` of `port` and `bind`).
///
/// An address that cannot be had while the old ones are, such as `*` in the place of one of its
/// own, is refused.
///
/// # Errors
///
/// A line for the log.
pub(crate) fn listen_added(old: &Config, new: &Config) -> Result<Vec<Listener>, String> {
    let had = |bind: &BindAddress| {
        old.port == new.port && old.bind.iter().any(|known| known.host == bind.host)
    };
    let added: Vec<BindAddress> = new.bind.iter().filter(|bind| !had(bind)).cloned().collect();
    listen_tcp(new, &added)
}

fn listen_tcp(config: &Config, addresses: &[BindAddress]) -> Result<Vec<Listener>, String> {
    let port = config.port;
    let mut listeners = Vec::new();
    for bind in addresses.iter().filter(|_| port != 0) {
        match listen(&bind.host, port, config.tcp_backlog) {
            Ok(socket) => listeners.push(Listener::Tcp { socket, host: bind.host.clone(), port }),
            Err(error) if bind.optional && is_absent(&error) => {}
            Err(error) => {
                return Err(format!(
                    "Could not create server TCP listening socket {}:{port}: bind: {error}",
                    bind.host
                ));
            }
        }
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
    /// Whether `config` says that this socket is to be.
    pub(crate) fn is_wanted(&self, config: &Config) -> bool {
        match self {
            Self::Tcp { host, port, .. } => {
                *port == config.port && config.bind.iter().any(|bind| bind.host == *host)
            }
            Self::Unix(_, path) => config.unixsocket.as_ref() == Some(path),
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp { socket, .. } => socket.register(registry, token, Interest::READABLE),
            Self::Unix(socket, _) => socket.register(registry, token, Interest::READABLE),
        }
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp { socket, .. } => socket.deregister(registry),
            Self::Unix(socket, _) => socket.deregister(registry),
        }
    }

    /// The next connection, if one is waiting.
    pub(crate) fn accept(&self) -> io::Result<Option<Stream>> {
        let accepted = match self {
            Self::Tcp { socket, .. } => socket.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Self::Unix(socket, path) => {
                socket.accept().map(|(stream, _)| Stream::Unix(stream, path.clone()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(port: u16, bind: &[&str]) -> Config {
        let bind = bind.iter().map(|host| BindAddress::required(host)).collect();
        Config { port, bind, ..Config::default() }
    }

    fn free_port() -> u16 {
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        socket.local_addr().unwrap().port()
    }

    #[test]
    fn only_what_was_added_is_opened_and_what_is_gone_is_known() {
        let (one, two) = (free_port(), free_port());
        let old = config(one, &["127.0.0.1", "127.0.0.2"]);
        let listeners = listen_all(&old).unwrap();
        let cases = [
            (config(one, &["127.0.0.2", "127.0.0.1"]), 0, 2),
            (config(one, &["127.0.0.1", "127.0.0.3"]), 1, 1),
            (config(two, &["127.0.0.1", "127.0.0.2"]), 2, 0),
            (config(0, &["127.0.0.1"]), 0, 0),
        ];
        for (new, added, kept) in cases {
            assert_eq!(listen_added(&old, &new).unwrap().len(), added, "{:?}", new.bind);
            let wanted = listeners.iter().filter(|listener| listener.is_wanted(&new));
            assert_eq!(wanted.count(), kept, "{:?}", new.bind);
        }
        assert!(listen_added(&old, &config(one, &["*"])).is_err(), "in the way of its own");
    }
}
