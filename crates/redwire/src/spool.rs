//! [`Spool`]: what was read of a link and waits to be taken, the excess of it on disk.
//!
//! It is a machine without I/O, as the library's others: it says what is to be stored and fetched,
//! [`inbox`](crate::inbox) does it, outside of its lock.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Memory for what was read of a link and waits, unless [`SpoolLimits`] say otherwise: 8 MiB.
pub const SPOOL_MEMORY: usize = 8 << 20;
/// Disk for what exceeds it, likewise: 16 GiB.
pub const SPOOL_DISK: u64 = 16 << 30;

/// How much of a master's stream is kept here while it waits to be taken, and where.
///
/// What exceeds memory goes to files without a name. What exceeds the disk as well, or what the disk
/// does not take, is not read any more: it waits with the master, which may cut the link by its
/// `client-output-buffer-limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes in memory, for each of the two connections. [`SPOOL_MEMORY`] by default.
    pub memory: usize,
    /// Bytes on disk, for each of the two connections; 0 uses none. [`SPOOL_DISK`] by default.
    pub disk: u64,
    /// The folder of the files; `None` is that of the system's temporary files.
    pub folder: Option<PathBuf>,
}

impl Default for SpoolLimits {
    fn default() -> SpoolLimits {
        SpoolLimits { memory: SPOOL_MEMORY, disk: SPOOL_DISK, folder: None }
    }
}

/// What of a master's stream waits here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolStatus {
    /// Bytes in memory.
    pub memory: usize,
    /// Bytes of files.
    pub disk: u64,
    /// Why more is not kept and waits with the master, if so.
    pub trouble: Option<String>,
}

/// A queue of bytes, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Spool {
    limits: SpoolLimits,
    pieces: VecDeque<Piece>,
    /// Bytes of the pieces in memory.
    in_memory: usize,
    /// The files of the pieces on disk, in order.
    segments: VecDeque<Segment>,
    storing: bool,
    fetching: bool,
    trouble: Option<Trouble>,
    /// A part could not be read back: nothing is behind it.
    broken: bool,
}

/// A part of the queue.
#[derive(Debug)]
enum Piece {
    Memory {
        bytes: Vec<u8>,
        taken: usize,
    },
    /// So many bytes from there in the first segment that has unread ones.
    Disk {
        from: u64,
        len: u64,
    },
}

#[derive(Debug)]
struct Segment {
    file: Arc<File>,
    written: u64,
    unread: u64,
}

/// Why bytes were not taken.
#[derive(Debug)]
enum Trouble {
    Full,
    Failed(String),
}

/// What is to become of bytes that came.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// They are in the queue.
    Kept,
    /// They are to be written, then [`Spool::stored`] or [`Spool::store_failed`] called.
    Store(Store),
    /// There is no room now.
    Refused,
}

/// Where bytes are to be written.
#[derive(Debug)]
pub(crate) struct Store {
    /// `None`: in a new file.
    pub(crate) file: Option<Arc<File>>,
    pub(crate) at: u64,
}

/// What is to be read back.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) file: Arc<File>,
    pub(crate) from: u64,
    pub(crate) len: usize,
}

/// Length of a file behind which the next is begun, where it is a small part of the disk: its space
/// is given back by the file.
const SEGMENT: u64 = 64 << 20;
/// About how many files are open at most.
const SEGMENTS: u64 = 128;
/// Bytes that are read back at once.
const FETCH: usize = 256 << 10;
/// A piece in memory that has reached this is not added to.
const PIECE: usize = 64 << 10;

impl Spool {
    pub(crate) fn new(limits: SpoolLimits) -> Spool {
        Spool {
            limits,
            pieces: VecDeque::new(),
            in_memory: 0,
            segments: VecDeque::new(),
            storing: false,
            fetching: false,
            trouble: None,
            broken: false,
        }
    }

    /// Adds bytes at the end, all of them or none; to the disk only if `may_store`.
    pub(crate) fn push(&mut self, bytes: &[u8], may_store: bool) -> Verdict {
        debug_assert!(!self.storing, "one at a time, in order");
        if self.broken {
            return Verdict::Refused;
        }
        if self.pieces.is_empty() {
            self.trouble = None;
            self.keep(bytes);
            return Verdict::Kept;
        }
        if self.has_memory_for(bytes.len()) {
            self.keep(bytes);
            return Verdict::Kept;
        }
        if !may_store || self.limits.disk == 0 {
            return Verdict::Refused;
        }
        if self.disk_used() + bytes.len() as u64 > self.limits.disk {
            self.trouble = Some(Trouble::Full);
            return Verdict::Refused;
        }
        self.storing = true;
        let open = self.segments.back().filter(|segment| segment.written < self.segment_len());
        Verdict::Store(match open {
            Some(segment) => Store { file: Some(segment.file.clone()), at: segment.written },
            None => Store { file: None, at: 0 },
        })
    }

    /// `len` bytes were written to `file`, as [`Verdict::Store`] had it.
    pub(crate) fn stored(&mut self, file: Arc<File>, at: u64, len: usize) {
        self.storing = false;
        if self.broken {
            return;
        }
        self.trouble = None;
        let len = len as u64;
        match self.segments.back_mut().filter(|last| Arc::ptr_eq(&last.file, &file)) {
            Some(last) => {
                last.written = at + len;
                last.unread += len;
                match self.pieces.back_mut() {
                    Some(Piece::Disk { from, len: before }) if *from + *before == at => {
                        *before += len;
                    }
                    _ => self.pieces.push_back(Piece::Disk { from: at, len }),
                }
            }
            None => {
                self.segments.push_back(Segment { file, written: len, unread: len });
                self.pieces.push_back(Piece::Disk { from: at, len });
            }
        }
        self.drop_read_segments();
    }

    /// They could not be: they are not in the queue.
    pub(crate) fn store_failed(&mut self, reason: String) {
        self.storing = false;
        self.trouble = Some(Trouble::Failed(reason));
        self.drop_read_segments();
    }

    /// Appends at most `max` bytes to `out`, of those that are in memory at the front.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>, max: usize) -> usize {
        let start = out.len();
        while let Some(Piece::Memory { bytes, taken }) = self.pieces.front_mut() {
            let count = (bytes.len() - *taken).min(max - (out.len() - start));
            out.extend_from_slice(&bytes[*taken..*taken + count]);
            *taken += count;
            self.in_memory -= count;
            if *taken < bytes.len() {
                break;
            }
            self.pieces.pop_front();
        }
        out.len() - start
    }

    /// What is to be read back, so that it can be taken; [`fetched`](Spool::fetched) is to follow.
    pub(crate) fn begin_fetch(&mut self) -> Option<Fetch> {
        let Some(Piece::Disk { from, len }) = self.pieces.front() else { return None };
        if std::mem::replace(&mut self.fetching, true) {
            return None;
        }
        let file = self.segments.front().expect("invariant: a piece on disk has a file");
        let len = (*len).min(FETCH as u64) as usize;
        Some(Fetch { file: file.file.clone(), from: *from, len })
    }

    /// The bytes of [`begin_fetch`](Spool::begin_fetch).
    pub(crate) fn fetched(&mut self, bytes: Vec<u8>) {
        self.fetching = false;
        let count = bytes.len() as u64;
        if let Some(Piece::Disk { from, len }) = self.pieces.front_mut() {
            *from += count;
            *len -= count;
            if *len == 0 {
                self.pieces.pop_front();
            }
        }
        if let Some(first) = self.segments.front_mut() {
            first.unread -= count;
        }
        self.drop_read_segments();
        self.in_memory += bytes.len();
        self.pieces.push_front(Piece::Memory { bytes, taken: 0 });
    }

    /// The bytes of [`begin_fetch`](Spool::begin_fetch) cannot be read back. What waits behind them, and
    /// all that comes yet, is of no use: it is dropped, that which is being written with it.
    pub(crate) fn fetch_failed(&mut self) {
        let storing = self.storing;
        *self = Spool::new(self.limits.clone());
        (self.storing, self.broken) = (storing, true);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether what comes next is on disk, and is to be fetched.
    pub(crate) fn is_on_disk(&self) -> bool {
        !self.fetching && matches!(self.pieces.front(), Some(Piece::Disk { .. }))
    }

    /// Whether so many bytes more would go to disk, if at all.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_beyond_memory(&self, len: usize) -> bool {
        !self.pieces.is_empty() && !self.has_memory_for(len)
    }

    pub(crate) fn status(&self) -> SpoolStatus {
        let trouble = self.trouble.as_ref().map(|trouble| match trouble {
            Trouble::Full => format!("{} bytes on disk are all that may be used", self.limits.disk),
            Trouble::Failed(reason) => reason.clone(),
        });
        SpoolStatus { memory: self.in_memory, disk: self.disk_used(), trouble }
    }

    fn has_memory_for(&self, len: usize) -> bool {
        self.in_memory + len <= self.limits.memory
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.in_memory += bytes.len();
        match self.pieces.back_mut() {
            Some(Piece::Memory { bytes: last, .. }) if last.len() + bytes.len() <= PIECE => {
                last.extend_from_slice(bytes);
            }
            _ => self.pieces.push_back(Piece::Memory { bytes: bytes.to_vec(), taken: 0 }),
        }
    }

    fn disk_used(&self) -> u64 {
        self.segments.iter().map(|segment| segment.written).sum()
    }

    fn segment_len(&self) -> u64 {
        SEGMENT.min(self.limits.disk / 4).max(self.limits.disk / SEGMENTS)
    }

    /// Gives the disk's space back; a file that is being written to stays.
    fn drop_read_segments(&mut self) {
        while let Some(first) = self.segments.front()
            && first.unread == 0
            && !(self.storing && self.segments.len() == 1)
        {
            self.segments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use proptest::prelude::*;

    use super::*;

    /// A spool with a disk that the test plays, and all that it was to hold.
    struct World {
        spool: Spool,
        pushed: usize,
        taken: Vec<u8>,
        /// What was begun and is not over.
        store: Option<(Store, Vec<u8>)>,
        fetch: Option<Fetch>,
        /// How much had been taken when something could not be read back.
        broken: Option<usize>,
    }

    /// Byte number `n`.
    fn byte(n: usize) -> u8 {
        (n / 3) as u8
    }

    impl World {
        fn new(memory: usize, disk: u64) -> World {
            let spool = Spool::new(SpoolLimits { memory, disk, folder: None });
            World { spool, pushed: 0, taken: Vec::new(), store: None, fetch: None, broken: None }
        }

        /// Pushes; answers whether there was room.
        fn push(&mut self, len: usize, may_store: bool) -> bool {
            if self.store.is_some() {
                return true;
            }
            let bytes: Vec<u8> = (self.pushed..self.pushed + len).map(byte).collect();
            match self.spool.push(&bytes, may_store) {
                Verdict::Kept => self.pushed += len,
                Verdict::Refused => return false,
                Verdict::Store(store) => self.store = Some((store, bytes)),
            }
            true
        }

        fn finish_store(&mut self, works: bool) {
            let Some((store, bytes)) = self.store.take() else { return };
            if !works {
                self.spool.store_failed("no".into());
                return;
            }
            let file = store.file.unwrap_or_else(|| Arc::new(tempfile::tempfile().unwrap()));
            file.write_all_at(&bytes, store.at).unwrap();
            self.spool.stored(file, store.at, bytes.len());
            self.pushed += bytes.len();
        }

        fn finish_fetch(&mut self, works: bool) {
            let Some(fetch) = self.fetch.take() else { return };
            if !works {
                self.spool.fetch_failed();
                self.broken = Some(self.taken.len());
                return;
            }
            let mut bytes = vec![0; fetch.len];
            fetch.file.read_exact_at(&mut bytes, fetch.from).unwrap();
            self.spool.fetched(bytes);
        }

        /// Takes; answers whether there was anything.
        fn take(&mut self, max: usize) -> bool {
            if self.spool.is_on_disk() {
                self.fetch = self.spool.begin_fetch();
                assert!(self.fetch.is_some());
                return true;
            }
            self.spool.take(&mut self.taken, max) > 0
        }

        fn apply(&mut self, op: Op) {
            match op {
                Op::Push(len, may_store) => drop(self.push(len, may_store)),
                Op::Store(works) => self.finish_store(works),
                Op::Take(max) => drop(self.take(max)),
                Op::Fetch(works) => self.finish_fetch(works),
            }
        }

        fn drain(&mut self) {
            self.finish_store(true);
            while !self.spool.is_empty() {
                self.finish_fetch(true);
                self.take(usize::MAX);
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Push(usize, bool),
        Store(bool),
        Take(usize),
        Fetch(bool),
    }

    /// `reads` is how likely it is that something can be read back.
    fn op(reads: f64) -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => (1..400usize, prop::bool::weighted(0.8)).prop_map(|(len, may)| Op::Push(len, may)),
            4 => prop::bool::weighted(0.8).prop_map(Op::Store),
            3 => (1..500usize).prop_map(Op::Take),
            3 => prop::bool::weighted(reads).prop_map(Op::Fetch),
        ]
    }

    proptest! {
        /// Whatever the order of things, and whichever writes fail: what was taken in comes out once
        /// and in order, and both budgets hold.
        #[test]
        fn all_comes_out_in_order_within_the_budgets(
            ops in prop::collection::vec(op(1.0), 0..200),
            memory in 400..2000usize,
            disk in 0..4000u64,
        ) {
            let mut world = World::new(memory, disk);
            for op in ops {
                world.apply(op);
                let status = world.spool.status();
                // What was read back stands beside what is kept in memory.
                prop_assert!(status.memory <= memory + FETCH.min(disk as usize));
                prop_assert!(status.disk <= disk, "{status:?}");
            }
            world.drain();
            prop_assert_eq!(&world.taken, &(0..world.pushed).map(byte).collect::<Vec<_>>());
            prop_assert_eq!(world.spool.status().disk, 0, "the disk's space is given back");
            prop_assert!(world.push(1, false), "one that is empty takes all");
        }

        /// Where a part cannot be read back is the end, whatever is under way and comes yet: nothing
        /// behind the part is taken for what follows.
        #[test]
        fn nothing_comes_behind_what_cannot_be_read_back(
            ops in prop::collection::vec(op(0.7), 0..200),
            memory in 400..1000usize,
        ) {
            let mut world = World::new(memory, 4000);
            for op in ops {
                world.apply(op);
                if let Some(taken) = world.broken {
                    prop_assert_eq!(world.taken.len(), taken);
                    prop_assert!(world.spool.is_empty() && !world.spool.is_on_disk());
                }
            }
            let expected: Vec<u8> = (0..world.taken.len()).map(byte).collect();
            prop_assert_eq!(&world.taken, &expected);
        }
    }

    #[test]
    fn a_full_or_failing_disk_is_said() {
        let mut world = World::new(100, 1000);
        assert!(world.push(100, true) && world.push(100, true));
        assert_eq!(world.spool.status().trouble, None);
        world.finish_store(false);
        assert_eq!(world.spool.status().trouble.as_deref(), Some("no"));
        assert!(world.push(900, true));
        world.finish_store(true);
        assert_eq!(world.spool.status().trouble, None, "it works again");
        assert!(!world.push(101, true));
        let trouble = world.spool.status().trouble.unwrap();
        assert_eq!(trouble, "1000 bytes on disk are all that may be used");
        world.drain();
        assert_eq!(world.taken.len(), 1000);
    }

    #[test]
    fn a_queue_that_is_never_empty_gives_space_back() {
        let mut world = World::new(1000, 100_000);
        let mut most = 0;
        for _ in 0..3000 {
            assert!(world.push(1000, true), "{:?}", world.spool.status());
            world.finish_store(true);
            // It lags by 20 KB for ever.
            while world.pushed - world.taken.len() > 20_000 {
                world.finish_fetch(true);
                world.take(1000);
            }
            most = most.max(world.spool.status().disk);
        }
        assert!((20_000..60_000).contains(&most), "{most}");
    }
}
