//! A server as input: we attach as a replica, take the RDB of a full sync, and leave.

use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use redwire::{Address, follow::default_config};
use redwire_repl::{RdbChannel, Replica, ReplicaConfig, ReplicaEvent, Step};
use redwire_tools::Failure;

use crate::clock;

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

/// Opens `redis://[user:password@]host[:port]`. Answers the reader, and the name to show, without
/// the password.
pub(crate) fn open(address: &str) -> Result<(Box<dyn Read>, String), Failure> {
    let Address { host, port, user, password, .. } =
        address.parse().map_err(|error| Failure::Usage(format!("not an address: {error}")))?;
    let shown = Address { host: host.clone(), port, user: None, password: None, db: None };
    let shown = shown.to_string();
    let stream = TcpStream::connect((host.as_str(), port)).map_err(Failure::io(&*shown))?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(Failure::io(&*shown))?;
    let config = ReplicaConfig {
        masteruser: user,
        masterauth: password,
        // The RDB is all that is wanted: a master that knows how keeps no stream for us.
        rdb_channel: Some(RdbChannel::Plain),
        ..default_config()
    };
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
                    // Whether the file ends where its length does, its decoder says.
                    let _ = self.replica.rdb_taken(taken, now);
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
