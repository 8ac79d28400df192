use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::TcpStream;

use super::{Batches, Expect, Frames};
use crate::Outcome;

/// A connection of the generator, with at most one batch under way.
pub(super) struct Connection {
    stream: TcpStream,
    batch: usize,
    /// Bytes of the batch that the socket has taken.
    written: usize,
    /// Whether the socket would not take the rest.
    blocked: bool,
    frames: Frames,
    /// Replies that are still to come.
    waiting: u64,
    /// The beginning of a reply of which the rest is to come.
    carried: Vec<u8>,
}

impl Connection {
    pub(super) fn open(port: u16) -> Outcome<Connection> {
        // Connected before it is made non-blocking, so that a refusal shows here.
        let stream = std::net::TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream: TcpStream::from_std(stream),
            batch: 0,
            written: 0,
            blocked: false,
            frames: Frames::default(),
            waiting: 0,
            carried: Vec::new(),
        })
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    pub(super) fn send(&mut self, batches: &Batches, batch: usize) -> Outcome<()> {
        (self.batch, self.written) = (batch, 0);
        self.waiting = batches.commands(batch) as u64;
        self.blocked = true;
        self.flush(batches)
    }

    /// Writes what the socket takes of the rest of the batch.
    pub(super) fn flush(&mut self, batches: &Batches) -> Outcome<()> {
        while self.blocked {
            let rest = &batches.bytes(self.batch)[self.written..];
            match self.stream.write(rest) {
                Ok(written) => {
                    self.written += written;
                    self.blocked = written < rest.len();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads replies, until the batch is answered or nothing more has come, and counts them.
    pub(super) fn receive(&mut self, expect: Expect, buffer: &mut [u8]) -> Outcome<u64> {
        let mut answered = 0;
        while self.waiting > 0 {
            let carried = self.carried.len();
            buffer[..carried].copy_from_slice(&self.carried);
            let read = match self.stream.read(&mut buffer[carried..]) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = &buffer[..carried + read];
            let (replies, used) = self.frames.walk(bytes, expect)?;
            self.carried.clear();
            self.carried.extend_from_slice(&bytes[used..]);
            self.waiting = self.waiting.checked_sub(replies).ok_or("more replies than requests")?;
            answered += replies;
        }
        Ok(answered)
    }
}
