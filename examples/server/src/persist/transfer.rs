//! [`Transfer`]: the bytes of one snapshot on their way to the replicas that wait for it.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Disk, DiskFile, Pending};

/// Bytes that are kept in memory for links that lag; what comes beyond goes to disk.
const MEMORY_BUDGET: usize = 4 << 20;

/// The bytes of a snapshot, written once by the job and read by every link at its own pace.
///
/// The job does not wait for a slow reader as long as there is a disk: what the readers have not taken
/// goes to a file without a name once it is more than [`MEMORY_BUDGET`]. Chunks that all readers have
/// are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    disk: Disk,
    /// For what exceeds memory.
    file: Arc<DiskFile>,
    shared: Mutex<Shared>,
    /// Chunks were dropped.
    released: Condvar,
}

#[derive(Debug)]
struct Shared {
    chunks: VecDeque<Place>,
    /// Number of the chunk at the front; chunks are numbered from 0.
    front: usize,
    in_memory: usize,
    file_len: u64,
    /// Why the disk is not asked any more.
    disk_error: Option<io::Error>,
    complete: bool,
    /// No reader is left.
    deserted: bool,
}

#[derive(Debug)]
enum Place {
    Memory(Bytes),
    Disk { offset: u64, len: usize },
}

/// A part of a snapshot, or how it is to be had.
#[derive(Debug)]
pub(crate) enum Chunk {
    Ready(Bytes),
    /// It is being read back.
    OnDisk(Pending),
}

impl Chunk {
    /// The read that brings it, if it is on disk.
    pub(crate) fn pending(self) -> Option<Pending> {
        match self {
            Self::Ready(_) => None,
            Self::OnDisk(pending) => Some(pending),
        }
    }
}

impl Transfer {
    /// `folder` is for what exceeds memory.
    pub(crate) fn new(folder: &Path, disk: &Disk) -> Self {
        let shared = Shared {
            chunks: VecDeque::new(),
            front: 0,
            in_memory: 0,
            file_len: 0,
            disk_error: None,
            complete: false,
            deserted: false,
        };
        let (shared, released) = (Mutex::new(shared), Condvar::new());
        let (file, disk) = (DiskFile::unnamed(folder, disk), disk.clone());
        Self { inner: Arc::new(Inner { disk, file, shared, released }) }
    }

    /// Adds a chunk at the end; called on the job's thread alone, as it may write to disk. It is copied,
    /// so that it takes the memory that it needs and no more, and none if it goes to disk.
    ///
    /// When the disk does not take it, it stays in memory, since the links must get it: see
    /// [`Transfer::is_beyond_disk`].
    pub(crate) fn append(&self, bytes: &[u8]) {
        let mut shared = self.lock();
        if shared.in_memory + bytes.len() > MEMORY_BUDGET && shared.disk_error.is_none() {
            let offset = shared.file_len;
            // Those who read do not wait for the disk.
            drop(shared);
            let written = self.inner.file.write_all_at(bytes, offset);
            shared = self.lock();
            match written {
                Ok(()) => {
                    shared.file_len += bytes.len() as u64;
                    return shared.push(Place::Disk { offset, len: bytes.len() });
                }
                Err(error) => shared.disk_error = Some(error),
            }
        }
        shared.push(Place::Memory(Bytes::copy_from_slice(bytes)));
    }

    /// Whether both are the same snapshot's bytes.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Bytes that are kept in memory now.
    pub(crate) fn in_memory(&self) -> usize {
        self.lock().in_memory
    }

    /// Whether the disk did not take what exceeded memory, so that it is kept there.
    pub(crate) fn is_beyond_disk(&self) -> bool {
        self.lock().is_beyond_disk()
    }

    /// What the disk said when it took no more.
    pub(crate) fn disk_error(&self) -> Option<String> {
        self.lock().disk_error.as_ref().map(ToString::to_string)
    }

    /// Waits for readers while [`Transfer::is_beyond_disk`]; called on the job's thread.
    pub(crate) fn wait_for_readers(&self) {
        let mut shared = self.lock();
        while shared.is_beyond_disk() {
            let woken = self.inner.released.wait(shared);
            shared = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No more bytes will come.
    pub(crate) fn complete(&self) {
        self.lock().complete = true;
    }

    /// Chunk `index`: `None` while it is not there yet.
    pub(crate) fn chunk(&self, index: usize) -> Option<Chunk> {
        let shared = self.lock();
        Some(match shared.place(index)? {
            Place::Memory(bytes) => Chunk::Ready(bytes.clone()),
            Place::Disk { offset, len } => {
                Chunk::OnDisk(self.inner.disk.read(&self.inner.file, *offset, *len))
            }
        })
    }

    /// Whether chunk `index` is there, and on disk.
    pub(crate) fn is_on_disk(&self, index: usize) -> bool {
        matches!(self.lock().place(index), Some(Place::Disk { .. }))
    }

    /// Whether chunk `index` is there, or known never to come.
    pub(crate) fn is_ready(&self, index: usize) -> bool {
        let shared = self.lock();
        shared.complete || index < shared.front + shared.chunks.len()
    }

    /// Whether chunk `index` is past the end of a complete transfer.
    pub(crate) fn is_end(&self, index: usize) -> bool {
        let shared = self.lock();
        shared.complete && index >= shared.front + shared.chunks.len()
    }

    /// Drops the chunks before `index`: every reader has them.
    pub(crate) fn release(&self, index: usize) {
        let mut shared = self.lock();
        while shared.front < index
            && let Some(chunk) = shared.chunks.pop_front()
        {
            shared.front += 1;
            if let Place::Memory(bytes) = chunk {
                shared.in_memory -= bytes.len();
            }
        }
        self.inner.released.notify_all();
    }

    /// No reader is left: nothing is kept any more.
    pub(crate) fn desert(&self) {
        self.lock().deserted = true;
        self.release(usize::MAX);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics while it holds the lock; if it did, the state is still consistent.
        self.inner.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn is_beyond_disk(&self) -> bool {
        self.disk_error.is_some() && self.in_memory > MEMORY_BUDGET
    }

    /// Where chunk `index` is: `None` while it is not there yet, or was dropped.
    fn place(&self, index: usize) -> Option<&Place> {
        self.chunks.get(index.checked_sub(self.front)?)
    }

    fn push(&mut self, place: Place) {
        if self.deserted {
            return;
        }
        if let Place::Memory(bytes) = &place {
            self.in_memory += bytes.len();
        }
        self.chunks.push_back(place);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    const MISSING: &str = "/nonexistent";

    /// So many chunks of this size stay in memory.
    const IN_MEMORY: usize = 4;
    const CHUNK: usize = MEMORY_BUDGET / IN_MEMORY;
    const CHUNKS: usize = IN_MEMORY + 5;

    fn chunk(number: usize) -> Vec<u8> {
        vec![number as u8; CHUNK]
    }

    /// A chunk, when it is there.
    fn read(transfer: &Transfer, index: usize, woken: &Receiver<()>) -> Option<Bytes> {
        match transfer.chunk(index)? {
            Chunk::Ready(bytes) => Some(bytes),
            Chunk::OnDisk(pending) => {
                woken.recv().expect("the thread");
                Some(pending.poll().expect("it is done").expect("readable"))
            }
        }
    }

    #[test]
    fn what_exceeds_memory_comes_back_from_disk() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (disk, woken) = Disk::for_test();
        let transfer = Transfer::new(folder.path(), &disk);
        // Not whole parts of the budget, so that a bit of it stays free.
        let chunk = |number: usize| vec![number as u8; CHUNK - 1];
        for number in 0..CHUNKS {
            transfer.append(&chunk(number));
        }
        transfer.complete();
        assert!(transfer.lock().in_memory <= MEMORY_BUDGET);
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the spool has no name");
        for number in 0..CHUNKS {
            assert!(!transfer.is_end(number));
            assert_eq!(transfer.is_on_disk(number), number >= IN_MEMORY);
            assert_eq!(read(&transfer, number, &woken), Some(chunk(number).into()));
        }
        assert!(transfer.is_end(CHUNKS));
        transfer.release(CHUNKS);
        assert_eq!(transfer.lock().in_memory, 0);
        assert!(transfer.is_end(CHUNKS));
        Ok(())
    }

    #[test]
    fn a_disk_that_takes_nothing_loses_nothing() {
        let (disk, woken) = Disk::for_test();
        let transfer = Transfer::new(Path::new(MISSING), &disk);
        for number in 0..CHUNKS {
            transfer.append(&chunk(number));
        }
        for number in 0..CHUNKS {
            assert_eq!(read(&transfer, number, &woken), Some(chunk(number).into()));
        }
    }

    /// While the disk hangs with what the job has for it, links read what is in memory.
    #[test]
    fn a_disk_that_hangs_keeps_no_reader() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (disk, woken) = Disk::for_test();
        let transfer = Transfer::new(folder.path(), &disk);
        disk.set_delay(std::time::Duration::from_secs(1000));
        std::thread::scope(|scope| {
            let job = scope.spawn(|| {
                (0..CHUNKS).for_each(|number| transfer.append(&chunk(number)));
                transfer.complete();
            });
            while !transfer.is_ready(IN_MEMORY - 1) {
                std::thread::yield_now();
            }
            for number in 0..IN_MEMORY {
                assert_eq!(read(&transfer, number, &woken), Some(chunk(number).into()));
            }
            // The next is written in spite of the room that there is: it was on its way.
            transfer.release(IN_MEMORY);
            assert!(!job.is_finished() && !transfer.is_ready(IN_MEMORY));
            disk.set_delay(std::time::Duration::ZERO);
        });
        for number in IN_MEMORY..CHUNKS {
            assert_eq!(read(&transfer, number, &woken), Some(chunk(number).into()));
        }
        assert!(transfer.is_end(CHUNKS));
        Ok(())
    }

    /// The job's thread waits where the disk takes nothing, until readers have what there is, or are
    /// gone.
    #[test]
    fn readers_are_waited_for_without_a_disk() {
        let (disk, woken) = Disk::for_test();
        let fill = |transfer: &Transfer| {
            for number in 0..CHUNKS {
                transfer.append(&chunk(number));
                transfer.wait_for_readers();
            }
            transfer.complete();
        };
        let transfer = Transfer::new(Path::new(MISSING), &disk);
        std::thread::scope(|scope| {
            scope.spawn(|| fill(&transfer));
            let mut next = 0;
            while !transfer.is_end(next) {
                assert!(transfer.in_memory() <= MEMORY_BUDGET + CHUNK);
                if let Some(bytes) = read(&transfer, next, &woken) {
                    assert_eq!(bytes, chunk(next));
                    next += 1;
                    transfer.release(next);
                }
            }
            assert_eq!(next, CHUNKS);
        });
        let transfer = Transfer::new(Path::new(MISSING), &disk);
        std::thread::scope(|scope| {
            scope.spawn(|| fill(&transfer));
            while !transfer.is_beyond_disk() {
                std::thread::yield_now();
            }
            transfer.desert();
        });
        assert_eq!(transfer.in_memory(), 0);
    }
}
