//! [`Side`]: the connection of the RDB, in a full sync over two connections.
//!
//! Where the RDB and the stream behind it share a connection, the primary keeps all that is written
//! until the RDB is through, and cuts the replica at its limit. Here the RDB comes on a connection
//! that wants nothing else, and the stream on another one, from the snapshot on: in the way that the
//! primary offers (Redis' RDB channel, Valkey's dual channel), or with primaries that know nothing
//! of it by `REPLCONF rdb-only 1` here and a `PSYNC` for what follows there. The stream goes to disk
//! on this side until the data set is whole. It must not fall behind, so the RDB waits when it does.
//!
//! The disk has an end (`repl-replica-buffer-disk`, or that of the disk itself). Then the stream is
//! not read any more until the data set is whole and what was kept of it is run: meanwhile it is the
//! primary that holds it, and its limits judge it, as over one connection. It is so as well while the
//! disk takes longer than the stream comes. One that hangs hangs nothing else: a thread waits for it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Registry, Token};
use redwire_repl::{Offset, Replica, ReplicaConfig, ReplicaEvent, ReplicaPhase};
use redwire_resp::encode_request;

use crate::net::Stream;
use crate::persist::{Disk, Spool, Spooled};

/// Bytes of stream that the primary may hold for us before the RDB waits, and below which it goes
/// on: below the soft limit of a stock primary, 64 MiB.
const LAG_MAX: u64 = 48 << 20;
const LAG_LOW: u64 = 32 << 20;

/// How long the disk may do nothing of what it was asked for before that is said.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the primary is asked how far it is.
const ASK_PERIOD: Duration = Duration::from_millis(100);

/// The connection of the RDB, and what of the stream has come meanwhile.
#[derive(Debug)]
pub(crate) struct Side {
    pub(super) machine: Replica,
    stream: Stream,
    connected: bool,
    pub(super) input: Vec<u8>,
    output: Vec<u8>,
    /// Where the RDB belongs in the stream, once that is known.
    pub(super) from: Option<Offset>,
    meter: Meter,
    pub(super) kept: Kept,
    /// Whether the RDB waits for the stream.
    paused: bool,
    /// More may be read without waiting for the socket to say so.
    pub(super) readable: bool,
}

/// The stream that has come while the data set did.
#[derive(Debug)]
pub(crate) struct Kept {
    spool: Spool,
    /// Bytes of it so far.
    len: u64,
    /// Bytes of it that were taken.
    taken: u64,
}

impl Kept {
    fn new(folder: &Path, disk: &Disk) -> Self {
        Self { spool: Spool::new(folder, disk), len: 0, taken: 0 }
    }

    /// Bytes that are kept now.
    pub(super) fn unread(&self) -> u64 {
        self.len - self.taken
    }

    /// Why no more is to be kept, if so; `limit` is how many bytes the disk is to take.
    pub(super) fn fullness(&self, limit: u64) -> Option<&'static str> {
        if self.spool.is_beyond_disk() {
            return Some("the disk does not take the stream that came meanwhile");
        }
        let over = self.spool.on_disk() > limit;
        over.then_some("the stream that came meanwhile exceeds repl-replica-buffer-disk")
    }

    /// What the disk has been asked for in vain for a while, if so.
    pub(super) fn hangs(&self, now: Instant) -> Option<&'static str> {
        if self.spool.silent_for(now) < PATIENCE {
            return None;
        }
        if !self.spool.is_ready() {
            return Some("the disk takes too long to give back the stream that came meanwhile");
        }
        let behind = self.spool.is_behind();
        behind.then_some("the disk takes too long to take the stream that came meanwhile")
    }

    /// What the disk said when it took no more.
    pub(super) fn disk_error(&self) -> Option<String> {
        self.spool.disk_error()
    }

    /// Bytes that take memory.
    pub(super) fn in_memory(&self) -> usize {
        self.spool.in_memory()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.len += bytes.len() as u64;
            self.spool.append(Bytes::copy_from_slice(bytes));
        }
    }

    /// Takes what the disk has done.
    ///
    /// # Errors
    ///
    /// When what comes next cannot be read back, or was not within `limit`.
    pub(super) fn poll(&mut self, limit: Duration, now: Instant) -> io::Result<()> {
        self.spool.poll(now)?;
        let silent = self.spool.silent_for(now);
        if !self.spool.is_ready() && silent >= limit {
            let text = format!("the disk has not answered for {} seconds", silent.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        Ok(())
    }

    /// Whether [`Kept::next`] has something, and be it that there is no more.
    pub(super) fn is_ready(&self) -> bool {
        self.spool.is_ready()
    }

    /// Whether no more is to be kept until the disk has taken some.
    pub(super) fn is_behind(&self) -> bool {
        self.spool.is_behind()
    }

    /// The next bytes, or that they have to be waited for, or that they are all.
    pub(super) fn next(&mut self, now: Instant) -> io::Result<Spooled> {
        let next = self.spool.next(now)?;
        if let Spooled::Bytes(bytes) = &next {
            self.taken += bytes.len() as u64;
        }
        Ok(next)
    }
}

impl Side {
    /// Opens the connection; what of the stream exceeds memory goes to the folder on the disk.
    pub(super) fn open(
        address: SocketAddr,
        config: ReplicaConfig,
        (folder, disk): (&Path, &Disk),
        (registry, token): (&Registry, Token),
        now: Instant,
    ) -> io::Result<Self> {
        let meter = Meter::open(address, &config, now)?;
        let mut machine = Replica::new(config, 0, now);
        machine.handle_timeout(now);
        while machine.poll_event().is_some() {}
        let mut stream = Stream::connect(address)?;
        stream.register(registry, token)?;
        Ok(Self {
            machine,
            stream,
            connected: false,
            input: Vec::new(),
            output: Vec::new(),
            from: None,
            meter,
            kept: Kept::new(folder, disk),
            paused: false,
            readable: false,
        })
    }

    pub(super) fn close(mut self, registry: &Registry) -> Kept {
        // Closing it takes it out of the poll as well.
        let _ = self.stream.deregister(registry);
        self.kept
    }

    /// The socket has something to say.
    pub(super) fn handle_ready(&mut self, now: Instant) -> Result<(), String> {
        if !self.connected {
            if let Some(error) = self.stream.connect_error().map_err(|it| it.to_string())? {
                return Err(format!("Error condition on socket for the RDB: {error}"));
            }
            self.connected = true;
            self.machine.handle_connected(now);
        }
        self.readable = true;
        Ok(())
    }

    /// Deadlines, what is to be sent, and whether the RDB is to wait: it does not unless the stream
    /// flows (`streams`) on the other connection.
    pub(super) fn drive(&mut self, streams: bool, now: Instant) -> Result<(), String> {
        self.machine.handle_timeout(now);
        if self.paused {
            // It is we who do not read.
            self.machine.heard(now);
        }
        if let Some(ReplicaEvent::Disconnect { reason }) = self.machine.poll_event() {
            return Err(reason.to_string());
        }
        self.flush();
        let Some(from) = self.from.filter(|_| streams) else {
            self.paused = false;
            return Ok(());
        };
        self.meter.drive(now);
        let reached = from.get() + self.kept.len;
        let lag = self.meter.offset.saturating_sub(reached);
        self.paused = lag > if self.paused { LAG_LOW } else { LAG_MAX };
        Ok(())
    }

    /// Reads once, unless the RDB waits: 0 at the end of the connection.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if !self.connected || self.paused || !self.readable {
            return Ok(None);
        }
        let count = self.stream.read(buffer)?;
        match count {
            Some(count) => self.input.extend_from_slice(&buffer[..count]),
            None => self.readable = false,
        }
        Ok(count)
    }

    /// Whether a turn has something to do for it.
    pub(super) fn is_busy(&self) -> bool {
        self.readable && !self.paused
    }

    /// While the RDB comes nothing is said: the primary closes the connection behind it, and what it
    /// has not read then makes its kernel drop what is still on the way to us. That it sends is sign
    /// enough for it that we live. A connection that is gone shows when it is read.
    fn flush(&mut self) {
        while self.machine.poll_transmit(&mut self.output) {}
        if self.machine.phase() == ReplicaPhase::Sync {
            self.output.clear();
        }
        if write_all(&mut self.stream, &mut self.output, self.connected).is_err() {
            self.output.clear();
        }
    }
}

/// A client of the primary that asks how far it is.
#[derive(Debug)]
struct Meter {
    stream: Stream,
    output: Vec<u8>,
    input: Vec<u8>,
    ask_at: Instant,
    /// The primary's offset, as it said last; 0 before.
    offset: u64,
}

impl Meter {
    fn open(address: SocketAddr, config: &ReplicaConfig, now: Instant) -> io::Result<Self> {
        let mut output = Vec::new();
        if let Some(password) = &config.masterauth {
            match &config.masteruser {
                Some(user) => encode_request(&mut output, [b"AUTH", &user[..], password]),
                None => encode_request(&mut output, [b"AUTH", &password[..]]),
            }
        }
        let stream = Stream::connect(address)?;
        Ok(Self { stream, output, input: Vec::new(), ask_at: now, offset: 0 })
    }

    /// Without it the RDB is read as fast as it comes, so its failures are no one else's.
    fn drive(&mut self, now: Instant) {
        if self.ask_at <= now {
            self.ask_at = now + ASK_PERIOD;
            encode_request(&mut self.output, ["ROLE"]);
        }
        let mut buffer = [0; 4096];
        if write_all(&mut self.stream, &mut self.output, true).is_err() {
            self.output.clear();
        }
        while let Ok(Some(count @ 1..)) = self.stream.read(&mut buffer) {
            self.input.extend_from_slice(&buffer[..count]);
        }
        // The offset is the first integer of the reply, behind the word "master" or four words.
        const WORD: &[u8] = b"\r\nmaster\r\n:";
        let found = self.input.windows(WORD.len()).rposition(|bytes| bytes == WORD);
        let Some(at) = found.map(|at| at + WORD.len()) else { return };
        let rest = &self.input[at..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\r') else { return };
        let offset = redwire_resp::parse_i64(&rest[..end]);
        self.offset = offset.and_then(|n| u64::try_from(n).ok()).unwrap_or(self.offset);
        self.input.drain(..at + end);
    }
}

/// Writes what the socket takes.
fn write_all(stream: &mut Stream, output: &mut Vec<u8>, connected: bool) -> io::Result<()> {
    while connected && !output.is_empty() {
        match stream.write(&[IoSlice::new(output)]) {
            Ok(Some(count)) => drop(output.drain(..count)),
            Ok(None) => break,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    /// What is kept on a disk, and what says that the disk has done something.
    fn kept(folder: &Path) -> (Kept, Receiver<()>) {
        let (disk, woken) = Disk::for_test();
        (Kept::new(folder, &disk), woken)
    }

    /// In portions, until it is full or has all; how many were kept.
    fn fill(
        (kept, woken): (&mut Kept, &Receiver<()>),
        limit: u64,
    ) -> (usize, Option<&'static str>) {
        let now = crate::clock::now();
        for number in 0..40 {
            let on_disk = kept.spool.on_disk();
            kept.append(&vec![number as u8; 1 << 20]);
            if kept.spool.on_disk() > on_disk {
                woken.recv().expect("the thread");
            }
            kept.poll(Duration::MAX, now).expect("nothing to read");
            if let Some(reason) = kept.fullness(limit) {
                return (number + 1, Some(reason));
            }
        }
        (40, None)
    }

    #[test]
    fn what_is_kept_has_a_limit() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let now = crate::clock::now();
        for (limit, expected) in [(u64::MAX, 40), (10 << 20, 19), (0, 9)] {
            let (mut kept, woken) = kept(folder.path());
            let (count, reason) = fill((&mut kept, &woken), limit);
            let of_setting = reason.is_some_and(|reason| reason.contains("exceeds repl-replica"));
            assert_eq!((count, of_setting), (expected, limit != u64::MAX), "{limit}");
            // What came before that is all there.
            let mut all = Vec::new();
            loop {
                match kept.next(now)? {
                    Spooled::Bytes(bytes) => all.extend_from_slice(&bytes),
                    Spooled::Wait => woken.recv().expect("the thread"),
                    Spooled::End => break,
                }
            }
            let expected: Vec<u8> = (0..count).flat_map(|n| vec![n as u8; 1 << 20]).collect();
            assert!(all == expected, "{} bytes", all.len());
            assert_eq!(kept.unread(), 0);
        }
        Ok(())
    }

    #[test]
    fn a_disk_that_takes_nothing_is_full_soon() {
        let (mut kept, woken) = kept(Path::new("/nonexistent"));
        let (count, reason) = fill((&mut kept, &woken), u64::MAX);
        assert_eq!(count, 9);
        assert!(reason.is_some_and(|reason| reason.contains("the disk does not take")));
    }

    /// A disk that hangs is full after a while, and not asked for ever for what it has.
    #[test]
    fn a_disk_that_hangs_is_given_up() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (disk, woken) = Disk::for_test();
        let mut kept = Kept::new(folder.path(), &disk);
        let start = crate::clock::now();
        (0..9).for_each(|_| kept.append(&vec![1; 1 << 20]));
        woken.recv().expect("the thread");
        disk.set_delay(Duration::from_secs(1000));
        while !kept.is_behind() {
            kept.poll(Duration::MAX, start)?;
            kept.append(&vec![2; 1 << 20]);
        }
        let limit = Duration::from_secs(60);
        for (seconds, full) in [(0, false), (4, false), (5, true), (100, true)] {
            let now = start + Duration::from_secs(seconds);
            // Nothing is to be read yet.
            kept.poll(limit, now)?;
            assert_eq!(kept.hangs(now).is_some(), full, "{seconds}");
            assert_eq!(kept.fullness(u64::MAX), None);
        }
        for _ in 0..8 {
            assert!(matches!(kept.next(start)?, Spooled::Bytes(_)));
        }
        let now = start + Duration::from_secs(100);
        assert_eq!(kept.next(now)?, Spooled::Wait);
        let error = kept.poll(limit, now).expect_err("it is silent");
        assert_eq!(error.to_string(), "the disk has not answered for 100 seconds");
        disk.set_delay(Duration::ZERO);
        Ok(())
    }
}
