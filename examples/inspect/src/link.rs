//! A server as input: we attach as a replica, take the RDB of a full sync, and leave.

use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use redwire_repl::{Replica, ReplicaConfig, ReplicaEvent, Step};

use crate::{clock, failure::Failure};

/// The RDB of a full sync, as a reader. Bytes of the stream may follow it.
struct Link {
    stream: TcpStream,
    replica: Replica,
    /// Received, not taken by the machine yet.
    unread: Vec<u8>,
    /// Taken, not read by the caller yet.
    ready: Vec<u8>,
    given: usize,
}

/// Bytes of one read.
const CHUNK: usize = 256 << 10;
/// Silence that ends the attempt; a primary that forks sends a newline each ten seconds.
const TIMEOUT: Duration = Duration::from_secs(60);
const PORT: u16 = 6379;

/// Opens `[user:password@]host[:port][/]`. Answers the reader, and the name to show, without the
/// password.
pub(crate) fn open(address: &str) -> Result<(Box<dyn Read>, String), Failure> {
    let (login, place) = match address.trim_end_matches('/').rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, address.trim_end_matches('/')),
    };
    let shown = format!("redis://{place}");
    let (host, port) = host_and_port(place)
        .ok_or_else(|| Failure::Usage(format!("{shown}: expected redis://host:port")))?;
    let stream = TcpStream::connect((host, port)).map_err(Failure::io(&*shown))?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(Failure::io(&*shown))?;
    let mut config = ReplicaConfig { listening_port: 0, ..ReplicaConfig::default() };
    // A Valkey primary writes its own dialect, field expiries and all, only for one that reads it.
    config.version = Some("9.1.0".to_owned());
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or(("", login));
        config.masteruser = (!user.is_empty()).then(|| unescape(user));
        config.masterauth = Some(unescape(password));
    }
    let mut replica = Replica::new(config, 0, clock::now());
    replica.handle_timeout(clock::now());
    while let Some(event) = replica.poll_event() {
        if matches!(event, ReplicaEvent::Connect) {
            replica.handle_connected(clock::now());
        }
    }
    let link = Link { stream, replica, unread: Vec::new(), ready: Vec::new(), given: 0 };
    Ok((Box::new(link), shown))
}

/// Splits `host:port`, `[::1]:port` and both without the port.
fn host_and_port(place: &str) -> Option<(&str, u16)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(PORT), |port| port.parse().ok())?;
    (!host.is_empty()).then_some((host, port))
}

/// Undoes `%40` and the like.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) if *byte == b'%' => {
                out.push(code);
                rest = &tail[2..];
            }
            _ => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

impl Link {
    /// Sends what the machine wants sent, reads, and lets it take what came.
    fn step(&mut self) -> io::Result<bool> {
        loop {
            let mut out = Vec::new();
            if self.replica.poll_transmit(&mut out) {
                self.stream.write_all(&out)?;
            }
            let now = clock::now();
            let progress = self.replica.handle_input(&self.unread, now).map_err(refused)?;
            let used = progress.used;
            match progress.step {
                Some(Step::Rdb(bytes)) => {
                    let taken = bytes.len();
                    self.ready.extend_from_slice(bytes);
                    self.unread.drain(..taken);
                    self.replica.rdb_taken(taken, now);
                    return Ok(true);
                }
                None if used == 0 => break,
                _ => drop(self.unread.drain(..used)),
            }
        }
        let start = self.unread.len();
        self.unread.resize(start + CHUNK, 0);
        let read = self.stream.read(&mut self.unread[start..]);
        self.unread.truncate(start + *read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }
}

fn refused(error: redwire_repl::Error) -> io::Error {
    io::Error::other(error.to_string())
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            self.ready.clear();
            self.given = 0;
            if !self.step()? {
                return Ok(0);
            }
        }
        let n = buffer.len().min(self.ready.len() - self.given);
        buffer[..n].copy_from_slice(&self.ready[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(host_and_port("a:1"), Some(("a", 1)));
        assert_eq!(host_and_port("a"), Some(("a", 6379)));
        assert_eq!(host_and_port("[::1]:7"), Some(("::1", 7)));
        assert_eq!(host_and_port("a:x"), None);
        assert_eq!(host_and_port(""), None);
        assert_eq!(unescape("p%40ss%"), b"p@ss%");
    }
}
