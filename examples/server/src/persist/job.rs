//! [`Job`]: a thread that encodes a snapshot and puts it where it is wanted.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{JoinHandle, Thread};

use mio::Waker;
use redwire_keyspace::SnapshotItem;
use redwire_rdb::{EncodeOptions, Encoder};

use crate::log::warning;
use crate::persist::{AtomicFile, Disk, DiskFile, Transfer};

/// Batches of items that wait for the job at most: the walk pauses when it falls behind.
const QUEUE: usize = 16;

/// Bytes that come together before they are written or handed on: links get them in chunks of that many,
/// however long a value is.
const CHUNK_BYTES: usize = 256 << 10;

/// Room for what exceeds a chunk when it is noticed to be whole, so that the buffer rarely grows.
const SLACK: usize = 32 << 10;

/// How much lower than the loop's the thread's priority is (`nice`): where both share a core, requests go
/// first, and a tenth of the core is left for the snapshot.
const NICE: i32 = 10;

/// What a snapshot is for, and what goes ahead of its keys.
#[derive(Debug)]
pub(crate) struct JobPlan {
    pub(crate) options: EncodeOptions,
    /// Notes about the file (opcode 250), in order.
    pub(crate) aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// Sources of function libraries.
    pub(crate) functions: Vec<Vec<u8>>,
    /// Keys and expiring keys of each database, for the size hints.
    pub(crate) sizes: Vec<(usize, usize)>,
    pub(crate) target: Target,
    /// What closes the file that was written.
    pub(crate) disk: Disk,
}

/// Where the bytes go.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// To a file that replaces the one of this name when it is whole.
    File { path: PathBuf, incremental_sync: bool },
    /// To replicas.
    Links(Transfer),
}

/// What the thread is told.
#[derive(Debug)]
enum Message {
    /// More of the snapshot.
    Items(Vec<SnapshotItem>),
    /// That was all. Without this word the snapshot was given up and nothing comes of it.
    End,
}

/// A snapshot under way: the walk's items go in, the outcome comes out.
///
/// The loop hands over and asks without waiting for the thread, which may lose the core at any place:
/// so the channel has no bound of its own (std's bounded one spins until the receiver has left the slot
/// that it reads), and what has been taken is counted beside.
#[derive(Debug)]
pub(crate) struct Job {
    messages: Sender<Message>,
    /// How many messages were sent.
    sent: usize,
    taken: Arc<AtomicUsize>,
    outcome: Outcome,
    thread: JoinHandle<()>,
}

/// What the thread came to, once it has.
type Outcome = Arc<Mutex<Option<Result<Written, String>>>>;

/// The thread's end of the queue.
struct Queue {
    messages: Receiver<Message>,
    /// How many were taken; more than ever come once the thread has ended.
    taken: Arc<AtomicUsize>,
    /// May wait for room, as in a `SAVE`.
    walker: Thread,
}

impl Queue {
    /// Waits for the next message; there is none if the snapshot was given up.
    fn next(&self) -> Option<Message> {
        let message = self.messages.recv().ok()?;
        self.taken.fetch_add(1, Ordering::Release);
        self.walker.unpark();
        Some(message)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.taken.store(usize::MAX, Ordering::Release);
        self.walker.unpark();
    }
}

/// What a job has written: so many bytes, to a file if that was its target.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) len: u64,
    pub(crate) file: Option<Arc<DiskFile>>,
}

/// How a job ended.
#[derive(Debug)]
pub(crate) enum JobEvent {
    /// All is written.
    Done(Written),
    /// Nothing came of it, for this reason.
    Failed(String),
}

impl Job {
    /// Starts the thread. It wakes the loop through `waker` when it has room for more, when links
    /// have something to send, and when it is done.
    pub(crate) fn start(plan: JobPlan, waker: Arc<Waker>) -> io::Result<Self> {
        let (messages, receiver) = channel();
        let (taken, outcome) = (Arc::new(AtomicUsize::new(0)), Outcome::default());
        let walker = std::thread::current();
        let queue = Queue { messages: receiver, taken: taken.clone(), walker };
        let result = outcome.clone();
        let thread = std::thread::Builder::new().name("snapshot".into()).spawn(move || {
            // On Linux this is the thread's own. Without it the snapshot is not slower.
            let _ = rustix::process::nice(NICE);
            let written = write_all(plan, &queue, &waker);
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
            // Should waking fail, the loop's next tick finds it.
            let _ = waker.wake();
        })?;
        Ok(Self { messages, sent: 0, taken, outcome, thread })
    }

    /// Whether it takes another batch now.
    pub(crate) fn has_room(&self) -> bool {
        self.sent.saturating_sub(self.taken.load(Ordering::Acquire)) < QUEUE
    }

    /// Hands over a batch of the walk; ask [`Job::has_room`] before.
    pub(crate) fn offer(&mut self, items: Vec<SnapshotItem>) {
        self.send(Message::Items(items));
    }

    /// The walk is over: what was offered is all.
    pub(crate) fn close(&mut self) {
        self.send(Message::End);
    }

    fn send(&mut self, message: Message) {
        // A thread that is gone has left the reason in `outcome`.
        let _ = self.messages.send(message);
        self.sent += 1;
    }

    /// How it ended, once it has.
    pub(crate) fn poll(&mut self) -> Option<JobEvent> {
        let ended = self.thread.is_finished();
        let result = match self.outcome.try_lock() {
            Ok(mut outcome) => outcome.take(),
            Err(TryLockError::Poisoned(outcome)) => outcome.into_inner().take(),
            Err(TryLockError::WouldBlock) => return None,
        };
        (result.is_some() || ended).then(|| JobEvent::of(result))
    }

    /// Waits until there is room, as a `SAVE` does.
    pub(crate) fn wait_for_room(&self) {
        while !self.has_room() {
            std::thread::park();
        }
    }

    /// Waits for the end, once the job is [closed](Self::close).
    pub(crate) fn wait(self) -> JobEvent {
        // A panic has left no outcome.
        let _ = self.thread.join();
        JobEvent::of(self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

impl JobEvent {
    /// What a thread that has ended came to.
    fn of(result: Option<Result<Written, String>>) -> Self {
        match result {
            Some(Ok(written)) => JobEvent::Done(written),
            Some(Err(reason)) => JobEvent::Failed(reason),
            None => JobEvent::Failed("the snapshot thread has died".into()),
        }
    }
}

/// Where encoded bytes go, and how many went there.
struct Sink<'w> {
    to: Open,
    written: u64,
    disk: Disk,
    waker: &'w Waker,
    error: Option<io::Error>,
    /// It waits for readers, and that was said.
    waits: bool,
}

enum Open {
    File(AtomicFile),
    Links(Transfer),
}

impl Sink<'_> {
    /// Takes what there is in whole chunks, and leaves the rest.
    fn take(&mut self, out: &mut Vec<u8>) {
        let whole = out.len() - out.len() % CHUNK_BYTES;
        for chunk in out[..whole].chunks_exact(CHUNK_BYTES) {
            self.write(chunk);
        }
        out.drain(..whole);
        // Behind a long value its room is not needed.
        out.shrink_to(CHUNK_BYTES + SLACK);
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        self.written += bytes.len() as u64;
        match &mut self.to {
            Open::File(file) => self.error = file.write(bytes).err(),
            Open::Links(transfer) => {
                transfer.append(bytes);
                // Should waking fail, the loop's next tick finds the chunk.
                let _ = self.waker.wake();
                if transfer.is_beyond_disk() {
                    if !std::mem::replace(&mut self.waits, true) {
                        warn_of_full_disk(transfer);
                    }
                    transfer.wait_for_readers();
                }
            }
        }
    }

    /// `rest` is what behind the last whole chunk is the end.
    fn finish(mut self, rest: &[u8]) -> io::Result<Written> {
        if !rest.is_empty() {
            self.write(rest);
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        let file = match self.to {
            Open::File(file) => Some(DiskFile::of(file.commit()?, &self.disk)),
            Open::Links(transfer) => {
                transfer.complete();
                None
            }
        };
        Ok(Written { len: self.written, file })
    }
}

fn write_all(plan: JobPlan, queue: &Queue, waker: &Waker) -> Result<Written, String> {
    let to = match &plan.target {
        Target::File { path, incremental_sync } => {
            Open::File(AtomicFile::create(path, *incremental_sync).map_err(|e| e.to_string())?)
        }
        Target::Links(transfer) => Open::Links(transfer.clone()),
    };
    let mut sink =
        Sink { to, written: 0, disk: plan.disk.clone(), waker, error: None, waits: false };
    let mut encoder = Encoder::new(plan.options.clone());
    let mut out = Vec::with_capacity(CHUNK_BYTES + SLACK);
    begin(&plan, &mut encoder, &mut out)?;
    let mut db = None;
    loop {
        let batch = match queue.next() {
            Some(Message::Items(batch)) => batch,
            Some(Message::End) => break,
            None => return Err("the snapshot was given up".into()),
        };
        // Room for the walk: let it go on.
        let _ = waker.wake();
        // Each is let go of at once: it may be the last to hold a value that was overwritten.
        for item in batch {
            if db != Some(item.db) {
                db = Some(item.db);
                let (keys, expires) = plan.sizes.get(item.db as usize).copied().unwrap_or_default();
                encoder.select_db(&mut out, item.db, keys as u64, expires as u64);
            }
            item.encode(&mut encoder, &mut out, &mut |out| sink.take(out))
                .map_err(|error| error.to_string())?;
            if out.len() >= CHUNK_BYTES {
                sink.take(&mut out);
            }
        }
        if let Some(error) = &sink.error {
            return Err(error.to_string());
        }
    }
    encoder.end(&mut out);
    sink.take(&mut out);
    sink.finish(&out).map_err(|error| error.to_string())
}

fn warn_of_full_disk(transfer: &Transfer) {
    warning!(
        "The disk does not take what replicas have yet to read of the snapshot: {}. It waits for them.",
        transfer.disk_error().unwrap_or_default()
    );
}

fn begin(plan: &JobPlan, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), String> {
    encoder.start(out);
    for (key, value) in &plan.aux {
        encoder.aux(out, key, value);
    }
    for code in &plan.functions {
        encoder.function(out, code).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mio::{Poll, Token};

    use super::*;

    /// A job whose thread does as told with its queue, and waits for a word before.
    fn job(run: impl FnOnce(Queue) + Send + 'static) -> (Job, Sender<()>) {
        let (messages, receiver) = channel();
        let (taken, outcome) = (Arc::new(AtomicUsize::new(0)), Outcome::default());
        let walker = std::thread::current();
        let queue = Queue { messages: receiver, taken: taken.clone(), walker };
        let (word, words) = channel();
        let thread = std::thread::Builder::new().spawn(move || {
            words.recv().unwrap();
            run(queue);
        });
        let thread = thread.unwrap();
        (Job { messages, sent: 0, taken, outcome, thread }, word)
    }

    #[test]
    fn takes_so_many_until_the_thread_goes_on() {
        let (mut job, word) = job(|queue| while let Some(Message::Items(_)) = queue.next() {});
        for _ in 0..QUEUE {
            assert!(job.has_room());
            job.offer(Vec::new());
        }
        assert!(!job.has_room() && job.poll().is_none());
        word.send(()).unwrap();
        for _ in 0..3 * QUEUE {
            job.wait_for_room();
            job.offer(Vec::new());
        }
        job.close();
        assert!(matches!(job.wait(), JobEvent::Failed(reason) if reason.contains("has died")));
    }

    #[test]
    fn nobody_waits_for_room_at_a_thread_that_has_ended() {
        let (mut job, word) = job(drop);
        (0..QUEUE).for_each(|_| job.offer(Vec::new()));
        assert!(!job.has_room());
        word.send(()).unwrap();
        job.wait_for_room();
        assert!(job.has_room());
    }

    #[test]
    fn a_file_that_cannot_be_made_fails_the_job() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("dump.rdb");
        let plan = JobPlan {
            options: EncodeOptions::default(),
            aux: Vec::new(),
            functions: Vec::new(),
            sizes: Vec::new(),
            target: Target::File { path, incremental_sync: false },
            disk: Disk::start(|| {}),
        };
        let mut poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        // Kept, as the loop does: the last one takes with it what has not been seen of its word.
        let mut job = Job::start(plan, waker.clone()).unwrap();
        let mut events = mio::Events::with_capacity(1);
        let reason = loop {
            match job.poll() {
                Some(JobEvent::Failed(reason)) => break reason,
                Some(done) => panic!("{done:?}"),
                None => poll.poll(&mut events, None).unwrap(),
            }
        };
        assert!(reason.contains("No such file"), "{reason}");
    }
}
