//! [`Spool`]: a queue of bytes whose excess lies on disk.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Disk, DiskFile, Pending};

/// Bytes that stay in memory; what comes beyond goes to disk.
const MEMORY_BUDGET: usize = 8 << 20;

/// Bytes on their way to disk, beyond which no more are to be appended until it has taken some.
const WRITING_MAX: usize = 4 << 20;

/// Bytes that are read back at once; as many more are read ahead.
const FETCH: usize = 256 << 10;

/// A queue of bytes that is filled and emptied by the loop. What exceeds memory is written to a file
/// without a name by the disk's thread, and read back by it: nothing here waits for a disk.
#[derive(Debug)]
pub(crate) struct Spool {
    limits: Limits,
    disk: Disk,
    file: Arc<DiskFile>,
    file_len: u64,
    pieces: VecDeque<Piece>,
    /// Number of the piece at the front; pieces are numbered from 0.
    front: u64,
    /// Numbers of the pieces that are being written, in order.
    writes: VecDeque<u64>,
    /// Bytes of pieces in memory, those of them that are being written included.
    in_memory: usize,
    writing: usize,
    /// What is ahead of the pieces: bytes that were read back, and behind them those that are being.
    fetched: Option<Bytes>,
    fetch: Option<Pending>,
    /// Why the disk is not asked to take more.
    error: Option<io::Error>,
    /// Since when the disk has done nothing of what it was asked for.
    silent_since: Option<Instant>,
}

/// In bytes.
#[derive(Debug, Clone, Copy)]
struct Limits {
    memory: usize,
    writing: usize,
}

#[derive(Debug)]
enum Piece {
    Memory(Bytes),
    /// On its way to disk, and in memory until it is there.
    Writing {
        bytes: Bytes,
        at: u64,
        write: Pending,
    },
    Disk {
        at: u64,
        len: usize,
    },
}

/// What comes next in a [`Spool`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Bytes(Bytes),
    /// It is being read back.
    Wait,
    /// All that was appended has come.
    End,
}

impl Spool {
    /// `folder` is for what exceeds memory.
    pub(crate) fn new(folder: &Path, disk: &Disk) -> Self {
        Self::with_limits(Limits { memory: MEMORY_BUDGET, writing: WRITING_MAX }, folder, disk)
    }

    fn with_limits(limits: Limits, folder: &Path, disk: &Disk) -> Self {
        Self {
            limits,
            disk: disk.clone(),
            file: DiskFile::unnamed(folder, disk),
            file_len: 0,
            pieces: VecDeque::new(),
            front: 0,
            writes: VecDeque::new(),
            in_memory: 0,
            writing: 0,
            fetched: None,
            fetch: None,
            error: None,
            silent_since: None,
        }
    }

    /// Adds bytes at the end. See [`Spool::is_behind`] and [`Spool::is_beyond_disk`] for when no more
    /// are to come.
    pub(crate) fn append(&mut self, bytes: Bytes) {
        let len = bytes.len();
        let fits = self.in_memory - self.writing + len <= self.limits.memory;
        self.in_memory += len;
        if fits || self.error.is_some() {
            return self.pieces.push_back(Piece::Memory(bytes));
        }
        let at = self.file_len;
        self.file_len += len as u64;
        self.writing += len;
        self.writes.push_back(self.front + self.pieces.len() as u64);
        let write = self.disk.write(&self.file, at, bytes.clone());
        self.pieces.push_back(Piece::Writing { bytes, at, write });
    }

    /// The next bytes.
    ///
    /// # Errors
    ///
    /// When they lie on disk and cannot be read back.
    pub(crate) fn next(&mut self, now: Instant) -> io::Result<Next> {
        self.poll(now)?;
        if let Some(bytes) = self.fetched.take() {
            return Ok(Next::Bytes(bytes));
        }
        if self.fetch.is_some() {
            return Ok(Next::Wait);
        }
        let Some(piece) = self.pieces.pop_front() else { return Ok(Next::End) };
        self.front += 1;
        let bytes = match piece {
            Piece::Memory(bytes) => bytes,
            Piece::Writing { bytes, .. } => {
                // It is the oldest, and nobody waits for its write any more.
                self.writes.pop_front();
                self.writing -= bytes.len();
                bytes
            }
            Piece::Disk { .. } => unreachable!("invariant: `poll` fetches one at the front"),
        };
        self.in_memory -= bytes.len();
        Ok(Next::Bytes(bytes))
    }

    /// Whether [`Spool::next`] may have more than that it has to be waited for. Changes with
    /// [`Spool::poll`].
    pub(crate) fn is_ready(&self) -> bool {
        self.fetched.is_some() || self.fetch.is_none()
    }

    /// Takes what the disk has done, and asks it for what comes next.
    ///
    /// # Errors
    ///
    /// When that cannot be read back.
    pub(crate) fn poll(&mut self, now: Instant) -> io::Result<()> {
        let mut silent = !self.take_writes();
        if self.fetched.is_none()
            && let Some(read) = self.fetch.as_ref().and_then(Pending::poll)
        {
            silent = false;
            self.fetch = None;
            self.fetched = Some(read?);
        }
        if self.fetch.is_none() {
            self.begin_fetch();
        }
        let fetches = self.fetch.as_ref().is_some_and(|fetch| !fetch.is_done());
        let since = self.silent_since.filter(|_| silent).unwrap_or(now);
        self.silent_since = (fetches || !self.writes.is_empty()).then_some(since);
        Ok(())
    }

    /// How long the disk has done nothing of what it was asked for.
    pub(crate) fn silent_for(&self, now: Instant) -> Duration {
        self.silent_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether so much is on its way to disk that no more is to be appended for now.
    pub(crate) fn is_behind(&self) -> bool {
        self.writing >= self.limits.writing
    }

    /// Whether the disk did not take what exceeded memory, so that it is kept there.
    pub(crate) fn is_beyond_disk(&self) -> bool {
        self.error.is_some() && self.in_memory > self.limits.memory
    }

    /// What the disk said when it took no more.
    pub(crate) fn disk_error(&self) -> Option<String> {
        self.error.as_ref().map(ToString::to_string)
    }

    /// Bytes that take memory.
    pub(crate) fn in_memory(&self) -> usize {
        let fetched = self.fetched.as_ref().map_or(0, Bytes::len);
        self.in_memory + fetched + self.fetch.as_ref().map_or(0, Pending::len)
    }

    /// Bytes that went to disk, read since or not.
    pub(crate) fn on_disk(&self) -> u64 {
        self.file_len
    }

    /// Takes note of what is written, or could not be; whether there was any.
    fn take_writes(&mut self) -> bool {
        let mut any = false;
        while let Some(number) = self.writes.front() {
            let piece = usize::try_from(number - self.front).ok();
            let Some(piece) = piece.and_then(|at| self.pieces.get_mut(at)) else { break };
            let Piece::Writing { bytes, at, write } = piece else { break };
            let Some(written) = write.poll() else { break };
            any = true;
            self.writes.pop_front();
            let len = bytes.len();
            self.writing -= len;
            *piece = match written {
                Ok(_) => {
                    self.in_memory -= len;
                    Piece::Disk { at: *at, len }
                }
                Err(error) => {
                    self.error.get_or_insert(error);
                    Piece::Memory(bytes.clone())
                }
            };
        }
        any
    }

    /// Asks for the pieces at the front, if they lie on disk: they do so side by side.
    fn begin_fetch(&mut self) {
        let Some(Piece::Disk { at, .. }) = self.pieces.front() else { return };
        let (from, mut len) = (*at, 0);
        while let Some(Piece::Disk { at, len: more }) = self.pieces.front()
            && *at == from + len as u64
            && (len == 0 || len + more <= FETCH)
        {
            len += more;
            self.pieces.pop_front();
            self.front += 1;
        }
        self.fetch = Some(self.disk.read(&self.file, from, len));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use proptest::prelude::*;

    use super::*;

    /// A spool on a disk that says when it has done something, and all that it was to hold.
    struct World {
        spool: Spool,
        disk: Disk,
        woken: Receiver<()>,
        appended: usize,
        taken: Vec<u8>,
        now: Instant,
        _folder: tempfile::TempDir,
    }

    /// Byte number `n`.
    fn byte(n: usize) -> u8 {
        (n / 7) as u8
    }

    /// Small ones, so that much can happen in little time.
    const LIMITS: Limits = Limits { memory: 8000, writing: 4000 };

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().to_owned();
            Self::at(&path, folder)
        }

        fn at(path: &Path, folder: tempfile::TempDir) -> Self {
            let (disk, woken) = Disk::for_test();
            let spool = Spool::with_limits(LIMITS, path, &disk);
            let now = crate::clock::now();
            Self { spool, disk, woken, appended: 0, taken: Vec::new(), now, _folder: folder }
        }

        fn append(&mut self, len: usize) {
            let bytes: Vec<u8> = (self.appended..self.appended + len).map(byte).collect();
            self.spool.append(bytes.into());
            self.appended += len;
        }

        /// Waits until all is written.
        fn settle(&mut self) {
            self.spool.poll(self.now).expect("readable");
            while !self.spool.writes.is_empty() {
                self.woken.recv().expect("the thread");
                self.spool.poll(self.now).expect("readable");
            }
        }

        /// Takes all that can be had without waiting; whether that was the end.
        fn take(&mut self, most: usize) -> bool {
            for _ in 0..most {
                match self.spool.next(self.now).expect("readable") {
                    Next::Bytes(bytes) => self.taken.extend_from_slice(&bytes),
                    Next::Wait => return false,
                    Next::End => return true,
                }
            }
            false
        }

        fn drain(&mut self) {
            while !self.take(usize::MAX) {
                self.woken.recv().expect("the thread");
            }
            let expected: Vec<u8> = (0..self.appended).map(byte).collect();
            assert!(self.taken == expected, "all of it, once, in order");
            assert_eq!((self.spool.in_memory(), self.spool.writing), (0, 0));
        }
    }

    proptest! {
        /// Whatever the order of things, what went in comes out once and in order, and memory is
        /// bounded as long as who appends heeds `is_behind`.
        #[test]
        fn all_comes_out_in_order_in_bounded_memory(
            ops in prop::collection::vec((0..4_u8, 1..900_usize), 0..80),
        ) {
            let mut world = World::new();
            for (op, size) in ops {
                match op {
                    0 | 1 if !world.spool.is_behind() => world.append(size),
                    2 => drop(world.take(size / 100)),
                    3 => world.settle(),
                    _ => world.spool.poll(world.now).expect("readable"),
                }
                // One more than is being written, and what is read back stands beside it.
                let kept = world.spool.in_memory;
                prop_assert!(kept <= LIMITS.memory + LIMITS.writing + 900, "{kept} bytes");
                prop_assert!(world.spool.in_memory() <= kept + 2 * FETCH);
            }
            world.drain();
        }
    }

    /// A disk that hangs is told by the time in which it does nothing, and what is on its way to it is
    /// bounded, and can be had without it.
    #[test]
    fn a_disk_that_hangs_is_told_by_its_silence() {
        let mut world = World::new();
        world.disk.set_delay(Duration::from_secs(1000));
        while !world.spool.is_behind() {
            world.append(1000);
        }
        assert_eq!(world.spool.in_memory(), LIMITS.memory + LIMITS.writing);
        world.spool.poll(world.now).expect("nothing to read");
        world.now += Duration::from_secs(3);
        world.spool.poll(world.now).expect("nothing to read");
        assert_eq!(world.spool.silent_for(world.now), Duration::from_secs(3));
        assert!(!world.spool.is_beyond_disk());
        assert!(world.take(13), "all is there, though nothing was written");
        assert_eq!(world.spool.silent_for(world.now), Duration::ZERO, "it is asked for nothing");
        world.disk.set_delay(Duration::ZERO);
        world.drain();
    }

    /// What is on disk when it hangs comes when it goes on.
    #[test]
    fn what_is_on_disk_is_waited_for() {
        let mut world = World::new();
        (0..20).for_each(|_| world.append(1000));
        world.settle();
        assert_eq!(world.spool.in_memory(), LIMITS.memory);
        world.disk.set_delay(Duration::from_secs(1000));
        assert!(!world.take(usize::MAX) && !world.spool.is_ready());
        assert_eq!(world.taken.len(), LIMITS.memory);
        world.now += Duration::from_secs(7);
        assert!(!world.take(1));
        assert_eq!(world.spool.silent_for(world.now), Duration::from_secs(7));
        world.disk.set_delay(Duration::ZERO);
        world.drain();
        assert_eq!(world.spool.silent_for(world.now), Duration::ZERO);
    }

    #[test]
    fn a_disk_that_takes_nothing_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::at(&folder.path().join("missing"), folder);
        while !world.spool.is_beyond_disk() {
            world.append(1000);
            world.settle();
        }
        assert_eq!(world.appended, LIMITS.memory + 1000);
        assert!(world.spool.disk_error().is_some());
        world.append(3000);
        world.drain();
        assert!(!world.spool.is_beyond_disk());
    }

    #[test]
    fn what_cannot_be_read_back_is_an_error() {
        let mut world = World::new();
        (0..9).for_each(|_| world.append(1000));
        world.settle();
        world.spool.file = DiskFile::of(tempfile::tempfile().expect("a file"), &world.disk);
        world.take(8);
        let error = loop {
            match world.spool.next(world.now) {
                Ok(Next::Wait) => world.woken.recv().expect("the thread"),
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
