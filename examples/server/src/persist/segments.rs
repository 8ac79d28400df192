//! [`Segments`]: the files of the backlog's segments, written and read on a thread of their own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use mio::Waker;
use redwire_repl::{Fetch, FoundSegment, Segment, SegmentId, Store};
use rustix::fs::{FlockOperation, flock};

use super::unsynced::{Syncer, Unsynced, sync_all};
use crate::config::BacklogFsync;
use crate::log::warning;

/// What the names of segments' files end in.
const SUFFIX: &str = ".seg";

/// The file that says that a server uses the folder.
const LOCK: &str = "lock";

/// The files of the backlog's segments. Requests are done in order on a thread, which starts with
/// the first of them: a server without replicas makes no folder.
///
/// What is written is synced by the policy that is set, see [`Unsynced`].
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    waker: Arc<Waker>,
    /// Held until the thread has it.
    lock: Option<File>,
    thread: Option<Thread>,
    fsync: BacklogFsync,
    delay: Duration,
}

#[derive(Debug)]
struct Thread {
    requests: Sender<Request>,
    outcomes: Receiver<Outcome>,
}

#[derive(Debug)]
enum Request {
    Store(Store),
    Fetch(Fetch),
    Discard(SegmentId),
    Fsync(BacklogFsync),
    Delay(Duration),
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Of a [`Store`].
    Stored(SegmentId, io::Result<()>),
    /// Of a [`Fetch`].
    Fetched(SegmentId, io::Result<Vec<u8>>),
}

impl Segments {
    /// The files in `folder`, which need not be there.
    pub(crate) fn new(folder: PathBuf, waker: Arc<Waker>, fsync: BacklogFsync) -> Self {
        Self { folder, waker, lock: None, thread: None, fsync, delay: Duration::ZERO }
    }

    /// What is written is synced by this policy from now on.
    pub(crate) fn set_fsync(&mut self, fsync: BacklogFsync) {
        if self.fsync != fsync {
            self.fsync = fsync;
            if self.thread.is_some() {
                self.ask(Request::Fsync(fsync));
            }
        }
    }

    /// Each write takes that much longer from now on, so that tests have a slow disk.
    pub(crate) fn set_delay(&mut self, delay: Duration) {
        if self.delay != delay {
            self.delay = delay;
            self.ask(Request::Delay(delay));
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What an earlier run has left. The folder is this server's from now on, if it is there and no
    /// other server uses it.
    pub(crate) fn find(&mut self) -> Vec<FoundSegment> {
        match lock(&self.folder) {
            Ok(lock) => self.lock = Some(lock),
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                let folder = self.folder.display();
                warning!("The backlog's segments in {folder} are left alone: {error}");
                return Vec::new();
            }
        }
        let read = |path: &PathBuf| Segment::read(&fs::read(path).ok()?);
        let found = self.files().into_iter().filter_map(|(id, path)| {
            let segment = read(&path).filter(|segment| segment.id() == id)?;
            Some(FoundSegment::from(&segment))
        });
        found.collect()
    }

    /// Reads one of those again.
    pub(crate) fn read(&self, id: SegmentId, len: u64) -> io::Result<Segment> {
        let bytes = read_file(&path(&self.folder, id), len)?;
        Segment::read(&bytes).ok_or_else(|| ErrorKind::InvalidData.into())
    }

    /// Removes all that an earlier run has left but these.
    pub(crate) fn retain(&mut self, keep: &[SegmentId]) {
        if self.lock.is_none() {
            return;
        }
        for (_, path) in self.files().into_iter().filter(|(id, _)| !keep.contains(id)) {
            // One that stays is found at the next start, and belongs to nothing there either.
            let _ = fs::remove_file(path);
        }
        // A loss of power must not bring them back beside what is written from now on.
        if let Err(error) = File::open(&self.folder).and_then(|folder| folder.sync_all()) {
            warning!("Can't sync the folder of the backlog's segments: {error}");
        }
    }

    /// The segments' files that are there.
    fn files(&self) -> Vec<(SegmentId, PathBuf)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((SegmentId::parse(name.strip_suffix(SUFFIX)?)?, entry.path()))
        });
        named.collect()
    }

    /// Waits until all that was asked for is done, and gives what has come of it.
    pub(crate) fn finish(&mut self) -> Vec<Outcome> {
        let Some(Thread { requests, outcomes }) = self.thread.take() else { return Vec::new() };
        drop(requests);
        let outcomes = outcomes.iter().collect();
        // The thread had it and has ended; without it the next request asks for it again.
        self.lock = lock(&self.folder).ok();
        outcomes
    }

    pub(crate) fn store(&mut self, store: Store) {
        self.ask(Request::Store(store));
    }

    pub(crate) fn fetch(&mut self, fetch: Fetch) {
        self.ask(Request::Fetch(fetch));
    }

    pub(crate) fn discard(&mut self, id: SegmentId) {
        self.ask(Request::Discard(id));
    }

    /// How the next request ended, once it has.
    pub(crate) fn poll(&mut self) -> Option<Outcome> {
        self.thread.as_ref()?.outcomes.try_recv().ok()
    }

    fn ask(&mut self, request: Request) {
        let thread = self.thread.get_or_insert_with(|| {
            let files = Files::new(self.folder.clone(), self.lock.take(), self.fsync);
            Thread::start(files, self.waker.clone())
        });
        // A thread that could not be started has left its outcome already.
        if let Err(unsent) = thread.requests.send(request) {
            let (sender, outcomes) = channel();
            unsent.0.refuse(&sender);
            thread.outcomes = outcomes;
        }
    }
}

impl Thread {
    fn start(mut files: Files, waker: Arc<Waker>) -> Self {
        let (requests, receiver) = channel::<Request>();
        let (sender, outcomes) = channel();
        // Without a thread the requests have no receiver, and are refused as they come.
        let _ = std::thread::Builder::new().name("backlog".into()).spawn(move || {
            while let Some(request) = files.next_request(&receiver) {
                let outcome = match request {
                    Request::Store(store) => Outcome::Stored(store.id, files.store(&store)),
                    Request::Fetch(fetch) => Outcome::Fetched(fetch.id, files.fetch(fetch)),
                    Request::Discard(id) => {
                        files.discard(id);
                        continue;
                    }
                    Request::Fsync(fsync) => {
                        files.fsync = fsync;
                        continue;
                    }
                    Request::Delay(delay) => {
                        files.delay = delay;
                        continue;
                    }
                };
                // The loop may have ended; nobody waits for the outcome then.
                let _ = sender.send(outcome);
                let _ = waker.wake();
            }
            files.sync_rest();
        });
        Self { requests, outcomes }
    }
}

impl Request {
    fn refuse(self, outcomes: &Sender<Outcome>) {
        let error = || io::Error::other("no thread for the backlog's files");
        let outcome = match self {
            Request::Store(store) => Outcome::Stored(store.id, Err(error())),
            Request::Fetch(fetch) => Outcome::Fetched(fetch.id, Err(error())),
            Request::Discard(_) | Request::Fsync(_) | Request::Delay(_) => return,
        };
        // The receiver is held by the caller.
        let _ = outcomes.send(outcome);
    }
}

/// The folder, on the thread.
struct Files {
    folder: PathBuf,
    /// Held as long as the thread uses the folder.
    lock: Option<File>,
    /// The file that was written last.
    open: Option<(SegmentId, Arc<File>)>,
    fsync: BacklogFsync,
    /// What each write takes longer.
    delay: Duration,
    unsynced: Unsynced<Name, Arc<File>>,
    syncer: Option<Syncer>,
}

/// What may have to be synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Segment(SegmentId),
    /// The folder, for the names in it.
    Folder,
}

impl Files {
    fn new(folder: PathBuf, lock: Option<File>, fsync: BacklogFsync) -> Self {
        let (unsynced, delay) = (Unsynced::new(), Duration::ZERO);
        Self { folder, lock, open: None, fsync, delay, unsynced, syncer: None }
    }

    /// Waits for a request, and syncs what is due meanwhile; `None` at the end of them.
    fn next_request(&mut self, requests: &Receiver<Request>) -> Option<Request> {
        loop {
            let Some(due) = self.unsynced.due(self.fsync) else { return requests.recv().ok() };
            let left = due.saturating_duration_since(crate::clock::now());
            if left.is_zero() {
                self.sync_beside();
                continue;
            }
            match requests.recv_timeout(left) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Has what was written synced on a thread, unless that is busy still.
    fn sync_beside(&mut self) {
        if self.syncer.is_none() {
            self.syncer = Syncer::start().ok();
        }
        let files = self.unsynced.take();
        let batch = files.iter().map(|(_, file)| file.clone()).collect();
        let taken = self.syncer.as_ref().is_some_and(|syncer| syncer.offer(batch).is_ok());
        if !taken {
            self.unsynced.put_back(files, crate::clock::now());
        }
    }

    /// Syncs what was written, before anybody hears of it.
    fn sync_now(&mut self) -> io::Result<()> {
        let files = self.unsynced.take();
        sync_all(files.iter().map(|(_, file)| &**file))
    }

    /// The server ends, or waits for all that it asked for.
    fn sync_rest(&mut self) {
        self.syncer = None;
        if self.fsync != BacklogFsync::No
            && let Err(error) = self.sync_now()
        {
            warning!("Can't sync the backlog's segments: {error}");
        }
    }

    fn store(&mut self, store: &Store) -> io::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "a slow disk for tests")]
        std::thread::sleep(self.delay);
        self.lock()?;
        let file = match self.open.take_if(|(id, _)| *id == store.id && store.position > 0) {
            Some((_, file)) => file,
            None => {
                let anew = store.position == 0;
                let mut options = OpenOptions::new();
                options.write(true).create(anew).truncate(anew);
                Arc::new(options.open(path(&self.folder, store.id))?)
            }
        };
        let mut position = store.position;
        for bytes in &store.bytes {
            file.write_all_at(bytes, position)?;
            position += bytes.len() as u64;
        }
        self.open = Some((store.id, file.clone()));
        if self.fsync == BacklogFsync::No {
            return Ok(());
        }
        let now = crate::clock::now();
        self.unsynced.note(Name::Segment(store.id), file, now);
        if store.position == 0 {
            self.unsynced.note(Name::Folder, Arc::new(File::open(&self.folder)?), now);
        }
        if self.fsync == BacklogFsync::Always { self.sync_now() } else { Ok(()) }
    }

    fn fetch(&self, fetch: Fetch) -> io::Result<Vec<u8>> {
        read_file(&path(&self.folder, fetch.id), fetch.len)
    }

    fn discard(&mut self, id: SegmentId) {
        self.open.take_if(|(open, _)| *open == id);
        self.unsynced.forget(&Name::Segment(id));
        // One that is not there need not be removed; one that cannot be is found at the next start.
        let _ = fs::remove_file(path(&self.folder, id));
    }

    /// Makes the folder, and sees to it that no other server uses it.
    fn lock(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            fs::create_dir_all(&self.folder)?;
            self.lock = Some(lock(&self.folder)?);
        }
        Ok(())
    }
}

/// Makes the folder, if it is there, this server's as long as the file is open.
fn lock(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(folder.join(LOCK))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| io::Error::other("another server uses the folder"))?;
    Ok(file)
}

fn path(folder: &Path, id: SegmentId) -> PathBuf {
    folder.join(format!("{id}{SUFFIX}"))
}

/// The first `len` bytes of a file.
fn read_file(path: &Path, len: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let too_short = || io::Error::from(ErrorKind::UnexpectedEof);
    if file.metadata()?.len() < len {
        return Err(too_short());
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| too_short())?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    use redwire_repl::{Backlog, History, Offset, ReplId, SpillConfig};

    /// A backlog of a megabyte whose blocks are on their way to disk.
    fn backlog(replid: ReplId) -> Backlog {
        let mut backlog = Backlog::new(Offset::ZERO, 0);
        let spill = SpillConfig { segment_size: 100_000, eager: true, ..SpillConfig::default() };
        backlog.spill(Some(spill), &History::new(replid));
        backlog.append(&vec![7; 1 << 20]);
        backlog
    }

    fn files(folder: &Path) -> Files {
        Files::new(folder.to_owned(), None, BacklogFsync::Always)
    }

    #[test]
    fn what_is_stored_comes_back() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut files = files(folder.path());
        let mut backlog = backlog(ReplId::NONE);
        while let Some(store) = backlog.poll_store() {
            files.store(&store)?;
            let len = store.position + store.bytes.iter().map(|it| it.len() as u64).sum::<u64>();
            let read = files.fetch(Fetch { id: store.id, len })?;
            assert!(read.ends_with(&store.bytes.concat()));
            assert!(files.fetch(Fetch { id: store.id, len: len + 1 }).is_err());
            backlog.stored(store.id);
        }
        let names = fs::read_dir(folder.path())?.count();
        assert_eq!(names, 11 + 1, "segments and the lock");
        for id in backlog.into_discards() {
            files.discard(id);
        }
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_folder_has_one_user() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = backlog(ReplId::NONE).poll_store().ok_or(ErrorKind::Other)?;
        let mut first = files(folder.path());
        first.store(&store)?;
        assert!(files(folder.path()).store(&store).is_err());
        drop(first);
        files(folder.path()).store(&store)
    }
}
