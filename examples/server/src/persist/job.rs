//! [`Job`]: a thread that encodes a snapshot and puts it where it is wanted.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use mio::Waker;
use redwire_keyspace::SnapshotItem;
use redwire_rdb::{EncodeOptions, Encoder};

use crate::log::warning;
use crate::persist::{AtomicFile, Disk, DiskFile, Transfer};

/// Batches of items that wait for the job at most: the walk pauses when it falls behind.
const QUEUE: usize = 16;

/// Bytes that come together before they are written or handed on.
const CHUNK_BYTES: usize = 256 << 10;

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
#[derive(Debug)]
pub(crate) struct Job {
    messages: SyncSender<Message>,
    outcome: Receiver<Result<Written, String>>,
    /// A message that the queue had no room for.
    waiting: Option<Message>,
    thread: Option<JoinHandle<()>>,
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
        let (messages, receiver) = sync_channel(QUEUE);
        let (sender, outcome) = sync_channel(1);
        let thread = std::thread::Builder::new().name("snapshot".into()).spawn(move || {
            // On Linux this is the thread's own. Without it the snapshot is not slower.
            let _ = rustix::process::nice(NICE);
            let result = write_all(plan, &receiver, &waker);
            // The loop may have lost interest; it is woken all the same.
            let _ = sender.send(result);
            let _ = waker.wake();
        })?;
        Ok(Self { messages, outcome, waiting: None, thread: Some(thread) })
    }

    /// Whether it takes another batch now.
    pub(crate) fn has_room(&mut self) -> bool {
        if let Some(message) = self.waiting.take() {
            self.send(message);
        }
        self.waiting.is_none()
    }

    /// Hands over a batch of the walk; ask [`Job::has_room`] before.
    pub(crate) fn offer(&mut self, items: Vec<SnapshotItem>) {
        self.send(Message::Items(items));
    }

    /// The walk is over: what was offered is all. Ask [`Job::has_room`] before.
    pub(crate) fn close(&mut self) {
        self.send(Message::End);
    }

    fn send(&mut self, message: Message) {
        // A thread that is gone has left the reason in `outcome`.
        if let Err(TrySendError::Full(message)) = self.messages.try_send(message) {
            self.waiting = Some(message);
        }
    }

    /// How it ended, once it has.
    pub(crate) fn poll(&mut self) -> Option<JobEvent> {
        match self.outcome.try_recv() {
            Ok(Ok(written)) => Some(JobEvent::Done(written)),
            Ok(Err(reason)) => Some(JobEvent::Failed(reason)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(JobEvent::Failed("the snapshot thread has died".into()))
            }
        }
    }

    /// Waits until there is room for a batch that did not fit, as a `SAVE` does.
    pub(crate) fn wait_for_room(&mut self) {
        if let Some(message) = self.waiting.take() {
            // An error means that the job has failed, which `wait` will tell.
            let _ = self.messages.send(message);
        }
    }

    /// Says that the walk is over, and waits for the end.
    pub(crate) fn wait(mut self) -> JobEvent {
        self.wait_for_room();
        self.close();
        self.wait_for_room();
        let outcome = self.outcome.recv();
        if let Some(thread) = self.thread.take() {
            // What it had to say came through the channel.
            let _ = thread.join();
        }
        match outcome {
            Ok(Ok(written)) => JobEvent::Done(written),
            Ok(Err(reason)) => JobEvent::Failed(reason),
            Err(_) => JobEvent::Failed("the snapshot thread has died".into()),
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
    fn take(&mut self, out: &mut Vec<u8>) {
        if self.error.is_some() {
            out.clear();
            return;
        }
        self.written += out.len() as u64;
        match &mut self.to {
            Open::File(file) => {
                self.error = file.write(out).err();
                out.clear();
            }
            Open::Links(transfer) => {
                let bytes = Bytes::from(std::mem::replace(out, Vec::with_capacity(CHUNK_BYTES)));
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

    fn finish(self) -> io::Result<Written> {
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

fn write_all(
    plan: JobPlan,
    messages: &Receiver<Message>,
    waker: &Waker,
) -> Result<Written, String> {
    let to = match &plan.target {
        Target::File { path, incremental_sync } => {
            Open::File(AtomicFile::create(path, *incremental_sync).map_err(|e| e.to_string())?)
        }
        Target::Links(transfer) => Open::Links(transfer.clone()),
    };
    let mut sink =
        Sink { to, written: 0, disk: plan.disk.clone(), waker, error: None, waits: false };
    let mut encoder = Encoder::new(plan.options.clone());
    let mut out = Vec::with_capacity(CHUNK_BYTES);
    begin(&plan, &mut encoder, &mut out)?;
    let mut db = None;
    loop {
        let batch = match messages.recv() {
            Ok(Message::Items(batch)) => batch,
            Ok(Message::End) => break,
            Err(_) => return Err("the snapshot was given up".into()),
        };
        // Room for the walk: let it go on.
        let _ = waker.wake();
        for item in &batch {
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
    sink.finish().map_err(|error| error.to_string())
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
