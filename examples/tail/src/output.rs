//! [`Output`]: a thread that writes, so that a reader that stalls it does not stall the link.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek as _, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redwire::follow::Position;
use redwire_tools::Failure;

use crate::clock;
use crate::resume::{Checkpoint, Resume};

/// Bytes that may wait to be written before [`Output::push`] refuses more.
const WAITING: usize = 4 << 20;
/// How often the resume file is brought up to date.
const SAVE_PERIOD: Duration = Duration::from_secs(1);

/// Where the items go.
#[derive(Debug)]
pub(crate) struct Output {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

#[derive(Debug, Default)]
struct Queue {
    shared: Mutex<Shared>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Shared {
    batches: VecDeque<Batch>,
    bytes: usize,
    /// No more will come.
    finished: bool,
    /// The thread has ended.
    broken: bool,
}

/// Bytes, and the place that the stream is at behind them, if it is between two commands there.
#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    position: Option<Position>,
}

impl Output {
    /// Writes to the file `path` from `at` on (what lies behind it goes), or to standard output.
    pub(crate) fn start(
        path: Option<&Path>,
        at: u64,
        resume: Option<Resume>,
    ) -> Result<Self, Failure> {
        let (name, len, target): (String, _, Box<dyn Write + Send>) = match path {
            None => ("standard output".into(), None, Box::new(io::stdout())),
            Some(path) => {
                let name = path.display().to_string();
                let (file, len) = open(path, at).map_err(Failure::io(&*name))?;
                (name, len, Box::new(file))
            }
        };
        let queue = Arc::new(Queue::default());
        let mut sink = Sink { name, target, len, resume, unsaved: None, saved_at: clock::now() };
        let for_thread = queue.clone();
        #[expect(clippy::disallowed_methods, reason = "a tool, not a library")]
        let thread = std::thread::spawn(move || {
            let result = sink.run(&for_thread);
            for_thread.lock().broken = true;
            for_thread.changed.notify_all();
            result
        });
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Queues bytes; gives them back when too many wait already, after up to `limit`.
    pub(crate) fn push(
        &self,
        bytes: Vec<u8>,
        position: Option<Position>,
        limit: Duration,
    ) -> Result<(), Vec<u8>> {
        let mut shared = self.queue.lock();
        if shared.bytes >= WAITING && !shared.broken {
            let waited = self.queue.changed.wait_timeout(shared, limit);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if shared.bytes >= WAITING && !shared.broken {
            return Err(bytes);
        }
        shared.bytes += bytes.len();
        shared.batches.push_back(Batch { bytes, position });
        drop(shared);
        self.queue.changed.notify_all();
        Ok(())
    }

    /// Whether it can no longer be written to; [`finish`](Self::finish) says why.
    pub(crate) fn is_broken(&self) -> bool {
        self.queue.lock().broken
    }

    /// Writes what waits, and the last place; answers what went wrong with any of it. Gives up
    /// after `limit` when nobody reads.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<(), Failure> {
        let until = clock::now() + limit;
        let mut shared = self.queue.lock();
        shared.finished = true;
        self.queue.changed.notify_all();
        while !shared.broken {
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                let error = io::Error::new(io::ErrorKind::TimedOut, "nobody reads it");
                return Err(Failure::io("the output")(error));
            }
            let waited = self.queue.changed.wait_timeout(shared, left);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(shared);
        let panicked = |_| Err(Failure::io("output")(io::Error::other("the writer panicked")));
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(panicked))
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics while it holds the lock; if it did, the state is still consistent.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch; waits for one up to `limit`. The flag says that no more will come.
    fn next(&self, limit: Duration) -> (Option<Batch>, bool) {
        let mut shared = self.lock();
        if shared.batches.is_empty() && !shared.finished {
            let waited = self.changed.wait_timeout(shared, limit);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let batch = shared.batches.pop_front();
        shared.bytes -= batch.as_ref().map_or(0, |batch| batch.bytes.len());
        let over = batch.is_none() && shared.finished;
        drop(shared);
        self.changed.notify_all();
        (batch, over)
    }
}

/// What the thread writes to.
struct Sink {
    name: String,
    target: Box<dyn Write + Send>,
    /// Length of the output file; `None` for standard output, a pipe or a device.
    len: Option<u64>,
    resume: Option<Resume>,
    unsaved: Option<Checkpoint>,
    saved_at: std::time::Instant,
}

impl Sink {
    fn run(&mut self, queue: &Queue) -> Result<(), Failure> {
        loop {
            let (batch, over) = queue.next(SAVE_PERIOD);
            if let Some(batch) = batch {
                self.write(&batch)?;
            }
            if over || clock::now().saturating_duration_since(self.saved_at) >= SAVE_PERIOD {
                self.save()?;
            }
            if over {
                return Ok(());
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Failure> {
        let written = self.target.write_all(&batch.bytes).and_then(|()| self.target.flush());
        written.map_err(Failure::io(&*self.name))?;
        if let Some(len) = &mut self.len {
            *len += batch.bytes.len() as u64;
        }
        if let Some(position) = batch.position {
            self.unsaved = Some(Checkpoint { position, output_len: self.len.unwrap_or(0) });
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.saved_at = clock::now();
        match (&self.resume, self.unsaved.take()) {
            (Some(resume), Some(checkpoint)) => resume.write(checkpoint),
            _ => Ok(()),
        }
    }
}

/// Opens the output file so that the next byte is number `at`; answers that, if it is a file.
fn open(path: &Path, at: u64) -> io::Result<(File, Option<u64>)> {
    let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok((file, None));
    }
    let len = metadata.len();
    if len < at {
        let text = format!("has {len} bytes, fewer than the {at} of the resume file");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    file.set_len(at)?;
    file.seek(io::SeekFrom::End(0))?;
    Ok((file, Some(at)))
}
