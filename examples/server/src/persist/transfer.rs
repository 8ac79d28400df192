//! [`Transfer`]: the bytes of one snapshot on their way to the replicas that wait for it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes that are kept in memory for links that lag; what comes beyond goes to disk.
const MEMORY_BUDGET: usize = 8 << 20;

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
    shared: Mutex<Shared>,
    /// Chunks were dropped.
    released: Condvar,
}

#[derive(Debug)]
struct Shared {
    chunks: VecDeque<Chunk>,
    /// Number of the chunk at the front; chunks are numbered from 0.
    front: usize,
    in_memory: usize,
    spool: Option<Spool>,
    /// Why the disk is not asked any more.
    spool_error: Option<io::Error>,
    complete: bool,
    /// No reader is left.
    deserted: bool,
}

#[derive(Debug, Clone)]
enum Chunk {
    Memory(Bytes),
    Disk { offset: u64, len: usize },
}

#[derive(Debug)]
struct Spool {
    file: Arc<File>,
    len: u64,
}

impl Transfer {
    pub(crate) fn new() -> Self {
        let shared = Shared {
            chunks: VecDeque::new(),
            front: 0,
            in_memory: 0,
            spool: None,
            spool_error: None,
            complete: false,
            deserted: false,
        };
        let (shared, released) = (Mutex::new(shared), Condvar::new());
        Self { inner: Arc::new(Inner { shared, released }) }
    }

    /// Adds bytes at the end; called on the job's thread, as it may write to disk in `folder`.
    ///
    /// When the disk does not take them they stay in memory, since the links must get them: see
    /// [`Transfer::is_beyond_disk`].
    pub(crate) fn append(&self, bytes: Bytes, folder: &Path) {
        let mut shared = self.lock();
        if shared.deserted {
            return;
        }
        if shared.in_memory + bytes.len() > MEMORY_BUDGET && shared.spool_error.is_none() {
            match shared.spill(&bytes, folder) {
                Ok(chunk) => return shared.chunks.push_back(chunk),
                Err(error) => shared.spool_error = Some(error),
            }
        }
        shared.in_memory += bytes.len();
        shared.chunks.push_back(Chunk::Memory(bytes));
    }

    /// Whether both are the same snapshot's bytes.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Bytes that are kept in memory now.
    pub(crate) fn in_memory(&self) -> usize {
        self.lock().in_memory
    }

    /// Bytes that went to disk, read since or not.
    pub(crate) fn on_disk(&self) -> u64 {
        self.lock().spool.as_ref().map_or(0, |spool| spool.len)
    }

    /// Whether the disk did not take what exceeded memory, so that it is kept there.
    pub(crate) fn is_beyond_disk(&self) -> bool {
        self.lock().is_beyond_disk()
    }

    /// What the disk said when it took no more.
    pub(crate) fn disk_error(&self) -> Option<String> {
        self.lock().spool_error.as_ref().map(ToString::to_string)
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
    ///
    /// # Errors
    ///
    /// When it lies on disk and cannot be read back.
    pub(crate) fn chunk(&self, index: usize) -> io::Result<Option<Bytes>> {
        let (file, offset, len) = {
            let shared = self.lock();
            let chunk = index.checked_sub(shared.front).and_then(|at| shared.chunks.get(at));
            match (chunk, &shared.spool) {
                (Some(Chunk::Memory(bytes)), _) => return Ok(Some(bytes.clone())),
                (Some(Chunk::Disk { offset, len }), Some(spool)) => {
                    (spool.file.clone(), *offset, *len)
                }
                _ => return Ok(None),
            }
        };
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(Some(bytes.into()))
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
            if let Chunk::Memory(bytes) = chunk {
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
        self.spool_error.is_some() && self.in_memory > MEMORY_BUDGET
    }

    fn spill(&mut self, bytes: &[u8], folder: &Path) -> io::Result<Chunk> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool { file: Arc::new(unnamed_file(folder)?), len: 0 }),
        };
        spool.file.write_all_at(bytes, spool.len)?;
        let chunk = Chunk::Disk { offset: spool.len, len: bytes.len() };
        spool.len += bytes.len() as u64;
        Ok(chunk)
    }
}

/// A file that is gone when it is closed, whatever happens.
fn unnamed_file(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!("temp-repl-{}.spool", std::process::id()));
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_memory_comes_back_from_disk() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let transfer = Transfer::new();
        let chunk = |number: usize| Bytes::from(vec![number as u8; 3 << 20]);
        for number in 0..20 {
            transfer.append(chunk(number), folder.path());
        }
        transfer.complete();
        assert!(transfer.lock().in_memory <= MEMORY_BUDGET);
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the spool has no name");
        for number in 0..20 {
            assert!(!transfer.is_end(number));
            assert_eq!(transfer.chunk(number)?, Some(chunk(number)));
        }
        assert!(transfer.is_end(20));
        transfer.release(20);
        assert_eq!(transfer.lock().in_memory, 0);
        assert!(transfer.is_end(20));
        Ok(())
    }

    #[test]
    fn a_disk_that_takes_nothing_loses_nothing() -> io::Result<()> {
        let transfer = Transfer::new();
        let missing = Path::new("/nonexistent");
        for _ in 0..12 {
            transfer.append(Bytes::from(vec![7; 4 << 20]), missing);
        }
        for index in 0..12 {
            assert_eq!(transfer.chunk(index)?.map(|bytes| bytes.len()), Some(4 << 20));
        }
        Ok(())
    }

    /// The job's thread waits where the disk takes nothing, until readers have what there is, or are
    /// gone.
    #[test]
    fn readers_are_waited_for_without_a_disk() {
        let missing = Path::new("/nonexistent");
        let fill = |transfer: &Transfer| {
            for number in 0..12_u8 {
                transfer.append(Bytes::from(vec![number; 1 << 20]), missing);
                transfer.wait_for_readers();
            }
            transfer.complete();
        };
        let transfer = Transfer::new();
        std::thread::scope(|scope| {
            scope.spawn(|| fill(&transfer));
            let mut next = 0;
            while !transfer.is_end(next) {
                assert!(transfer.in_memory() <= MEMORY_BUDGET + (1 << 20));
                let chunk = transfer.chunk(next).unwrap_or_else(|error| panic!("{error}"));
                if let Some(chunk) = chunk {
                    assert_eq!(chunk, vec![next as u8; 1 << 20]);
                    next += 1;
                    transfer.release(next);
                }
            }
            assert_eq!(next, 12);
        });
        let transfer = Transfer::new();
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
