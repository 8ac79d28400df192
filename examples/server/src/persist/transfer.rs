//! [`Transfer`]: the bytes of one snapshot on their way to the replicas that wait for it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes that are kept in memory for links that lag; what comes beyond goes to disk.
const MEMORY_BUDGET: usize = 8 << 20;

/// The bytes of a snapshot, written once by the job and read by every link at its own pace.
///
/// The job never waits for a slow reader: what the readers have not taken goes to a file without
/// a name once it is more than [`MEMORY_BUDGET`]. Chunks that all readers have are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    chunks: VecDeque<Chunk>,
    /// Number of the chunk at the front; chunks are numbered from 0.
    front: usize,
    in_memory: usize,
    spool: Option<Spool>,
    spool_broken: bool,
    complete: bool,
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
            spool_broken: false,
            complete: false,
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Adds bytes at the end; called on the job's thread, as it may write to disk in `folder`.
    ///
    /// When the disk does not take them they stay in memory: the links must get them.
    pub(crate) fn append(&self, bytes: Bytes, folder: &Path) {
        let mut shared = self.lock();
        if shared.in_memory + bytes.len() > MEMORY_BUDGET
            && !shared.spool_broken
            && let Some(chunk) = shared.spill(&bytes, folder)
        {
            shared.chunks.push_back(chunk);
            return;
        }
        shared.in_memory += bytes.len();
        shared.chunks.push_back(Chunk::Memory(bytes));
    }

    /// Whether both are the same snapshot's bytes.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
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
        let shared = self.lock();
        shared.spool_broken && shared.in_memory > MEMORY_BUDGET
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
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics while it holds the lock; if it did, the state is still consistent.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn spill(&mut self, bytes: &[u8], folder: &Path) -> Option<Chunk> {
        if self.spool.is_none() {
            self.spool = unnamed_file(folder).map(|file| Spool { file: Arc::new(file), len: 0 });
        }
        let written =
            self.spool.as_mut().filter(|spool| spool.file.write_all_at(bytes, spool.len).is_ok());
        let Some(spool) = written else {
            self.spool_broken = true;
            return None;
        };
        let chunk = Chunk::Disk { offset: spool.len, len: bytes.len() };
        spool.len += bytes.len() as u64;
        Some(chunk)
    }
}

/// A file that is gone when it is closed, whatever happens.
fn unnamed_file(folder: &Path) -> Option<File> {
    let path = folder.join(format!("temp-repl-{}.spool", std::process::id()));
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true).open(&path).ok()?;
    std::fs::remove_file(&path).ok()?;
    Some(file)
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
}
