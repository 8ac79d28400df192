//! [`Inbox`]: what stands between whoever reads a connection and whoever takes what came.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::spool::{Fetch, Spool, SpoolLimits, SpoolStatus, Store, Verdict};

/// Bytes of one read.
pub(crate) const CHUNK: usize = 64 << 10;
/// How often a reader that has nothing to do looks around.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// After so many ticks without room for a snapshot, and nothing taken of it, so many reads of it go to
/// disk: its master gives up whom it cannot write to for its `repl-timeout`. A kernel says that it has
/// room again when that is a good part of its buffer.
const STALL: u32 = 3;
const READS_OF_A_STALL: usize = (1 << 20) / CHUNK;

/// Wakes whoever waits for an [`Inbox`] to change.
pub(crate) trait Bell: Send + Sync + std::fmt::Debug {
    /// Wakes the one who waits, or who is the next to wait.
    fn ring(&self);

    /// Nobody takes any more: ends whatever the one who waits is at.
    fn close(&self) {
        self.ring();
    }
}

/// A connection's writing side, and what wakes its reader.
pub(crate) trait Wire: Bell {
    /// Sends bytes, if the connection stands or will.
    fn send(&self, bytes: &[u8]) -> io::Result<()>;
}

/// What a reader ends with when the master closed the connection.
pub(crate) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the master closed the connection")
}

/// A connection as both of its ends see it: the reader, a thread or a task, and the session that
/// takes what came. The disk is read and written outside of the lock.
#[derive(Debug)]
pub(crate) struct Inbox {
    shared: Mutex<Shared>,
    /// What exceeds memory is to wait with the master, as long as it is taken at all.
    waits_there: bool,
    folder: PathBuf,
    wire: Arc<dyn Wire>,
    to_taker: Arc<dyn Bell>,
}

#[derive(Debug)]
struct Shared {
    spool: Spool,
    /// The connection stands, and the session does not know.
    is_new: bool,
    /// Something has come since the session asked.
    heard: bool,
    /// The reader holds bytes for which there is no room: the silence is ours.
    refused: bool,
    /// Ticks since then at which nothing was taken, and reads that may go to disk in spite of
    /// `waits_there`.
    stalled: u32,
    allowed: usize,
    /// When the session last looked after the link.
    tended: Instant,
    /// No more will come.
    ended: Option<io::Error>,
    /// Nobody takes any more.
    closed: bool,
}

/// What there is to take.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The connection stands. Said once, before all bytes.
    Connected,
    /// Bytes were taken.
    Bytes,
    /// There are none yet.
    Nothing,
    /// [`Inbox::fetch`] is to be called, where the disk may be waited for.
    OnDisk,
    /// All was taken, and no more will come.
    End(io::Error),
}

impl Inbox {
    /// `waits_there`, for a snapshot's own connection: what exceeds memory is to wait with the master
    /// rather than on disk, as long as it is taken at all.
    pub(crate) fn new(
        limits: SpoolLimits,
        waits_there: bool,
        now: Instant,
        wire: Arc<dyn Wire>,
        to_taker: Arc<dyn Bell>,
    ) -> Arc<Inbox> {
        let folder = limits.folder.clone().unwrap_or_else(std::env::temp_dir);
        let shared = Shared {
            spool: Spool::new(limits),
            is_new: false,
            heard: false,
            refused: false,
            stalled: 0,
            allowed: 0,
            tended: now,
            ended: None,
            closed: false,
        };
        Arc::new(Inbox { shared: Mutex::new(shared), waits_there, folder, wire, to_taker })
    }

    /// The reader has a connection.
    pub(crate) fn connected(&self) {
        let mut shared = self.lock();
        (shared.is_new, shared.heard) = (true, true);
        drop(shared);
        self.to_taker.ring();
    }

    /// Whether [`push`](Inbox::push) of so many bytes may wait for the disk.
    #[cfg(feature = "tokio")]
    pub(crate) fn may_store(&self, len: usize) -> bool {
        let shared = self.lock();
        self.stores(&shared) && shared.spool.is_beyond_memory(len)
    }

    /// Keeps bytes that came, all of them or none; answers which.
    pub(crate) fn push(&self, bytes: &[u8]) -> bool {
        let mut shared = self.lock();
        let stores = self.stores(&shared);
        let kept = match shared.spool.push(bytes, stores) {
            Verdict::Kept => true,
            Verdict::Refused => false,
            Verdict::Store(store) => {
                shared.allowed = shared.allowed.saturating_sub(1);
                drop(shared);
                let written = self.write(&store, bytes);
                shared = self.lock();
                let kept = written.is_ok();
                match written {
                    Ok(file) => shared.spool.stored(file, store.at, bytes.len()),
                    Err(error) => shared.spool.store_failed(error.to_string()),
                }
                kept
            }
        };
        (shared.refused, shared.heard) = (!kept, true);
        drop(shared);
        self.to_taker.ring();
        kept
    }

    /// No more will come.
    pub(crate) fn end(&self, reason: io::Error) {
        self.lock().ended.get_or_insert(reason);
        self.to_taker.ring();
    }

    /// Nobody takes any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wire.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The reader looks around, once a [`TICK`]; answers whether it is to send an empty line, because
    /// the session does not look after the link.
    pub(crate) fn tick(&self, now: Instant) -> bool {
        let mut shared = self.lock();
        if shared.refused && shared.allowed == 0 {
            shared.stalled += 1;
            if shared.stalled == STALL {
                (shared.stalled, shared.allowed) = (0, READS_OF_A_STALL);
            }
        }
        // Behind a snapshot its connection is closed, with what the master has not read of ours.
        !self.waits_there && now.saturating_duration_since(shared.tended) >= TICK
    }

    /// The session looks after the link; answers whether the master was not silent since, or could
    /// not be heard.
    pub(crate) fn tend(&self, now: Instant) -> bool {
        let mut shared = self.lock();
        shared.tended = now;
        std::mem::take(&mut shared.heard) || shared.refused
    }

    /// Appends what came to `out`, `max` bytes at most.
    pub(crate) fn take(&self, out: &mut Vec<u8>, max: usize) -> Taken {
        let mut shared = self.lock();
        if std::mem::take(&mut shared.is_new) {
            return Taken::Connected;
        }
        if shared.spool.is_on_disk() {
            return Taken::OnDisk;
        }
        if shared.spool.take(out, max) == 0 {
            let ended = if shared.spool.is_empty() { shared.ended.take() } else { None };
            return ended.map_or(Taken::Nothing, Taken::End);
        }
        (shared.stalled, shared.allowed) = (0, 0);
        let refused = shared.refused;
        drop(shared);
        if refused {
            self.wire.ring();
        }
        Taken::Bytes
    }

    /// Reads back from disk what is to be taken next. When that fails, all that waits is void, and
    /// the connection has ended.
    pub(crate) fn fetch(&self) {
        let Some(fetch) = self.lock().spool.begin_fetch() else { return };
        let read = self.read(&fetch);
        let mut shared = self.lock();
        match read {
            Ok(bytes) => {
                shared.spool.fetched(bytes);
                drop(shared);
                self.wire.ring();
            }
            Err(error) => {
                shared.spool.fetch_failed();
                (shared.ended, shared.closed) = (Some(error), true);
                drop(shared);
                self.wire.close();
            }
        }
        self.to_taker.ring();
    }

    /// Sends bytes to the master.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.wire.send(bytes)
    }

    /// What waits.
    pub(crate) fn status(&self) -> SpoolStatus {
        self.lock().spool.status()
    }

    fn stores(&self, shared: &Shared) -> bool {
        !self.waits_there || shared.allowed > 0
    }

    fn write(&self, store: &Store, bytes: &[u8]) -> io::Result<Arc<File>> {
        let write = || {
            let file = match &store.file {
                Some(file) => file.clone(),
                None => Arc::new(tempfile::tempfile_in(&self.folder)?),
            };
            file.write_all_at(bytes, store.at)?;
            Ok(file)
        };
        write().map_err(|error| self.in_folder(&error))
    }

    fn read(&self, fetch: &Fetch) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; fetch.len];
        let read = fetch.file.read_exact_at(&mut bytes, fetch.from);
        read.map(|()| bytes).map_err(|error| self.in_folder(&error))
    }

    /// An error of a file without a name, with its place.
    fn in_folder(&self, error: &io::Error) -> io::Error {
        let text = format!("a spool file in {}: {error}", self.folder.display());
        io::Error::new(error.kind(), text)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics while it holds the lock; if it did, the state is still consistent.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
