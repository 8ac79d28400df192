//! [`Disk`]: a thread that reads and writes files for the loop, which a disk that hangs must not hold
//! up.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

/// The thread's handle. What it is asked for is done in order, and the loop is woken by each outcome.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    orders: Sender<Order>,
    slowness: Arc<Slowness>,
}

#[derive(Debug)]
enum Order {
    /// Nobody waits for one that is gone.
    Do(Weak<Job>),
    /// Closing what has no name gives its space back, which takes the disk its time.
    Close(File),
}

/// A read or write that the thread was asked for. Dropped, it is not done unless it has begun.
#[derive(Debug)]
pub(crate) struct Pending(Arc<Job>);

#[derive(Debug)]
struct Job {
    file: Arc<DiskFile>,
    at: u64,
    work: Work,
    outcome: Mutex<Option<io::Result<Bytes>>>,
}

#[derive(Debug)]
enum Work {
    Write(Bytes),
    Read(usize),
}

/// A file that is closed on the thread, whoever lets go of it last.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: OnceLock<File>,
    /// Where one without a name is made by its first write.
    folder: PathBuf,
    disk: Disk,
}

/// How much longer each read and write takes, so that tests have a disk that hangs.
#[derive(Debug, Default)]
struct Slowness {
    delay: Mutex<Duration>,
    changed: Condvar,
}

impl Disk {
    /// Starts the thread, which ends with its last handle. It calls `wake` after each read and write.
    /// Without a thread (the system may refuse) all of them fail.
    pub(crate) fn start(wake: impl Fn() + Send + 'static) -> Self {
        let (orders, receiver) = channel();
        // Without it the orders have no receiver, and are refused as they come.
        let thread = std::thread::Builder::new().name("disk".into());
        let _ = thread.spawn(move || carry_out(&receiver, wake));
        Self { orders, slowness: Arc::default() }
    }

    /// One for a test, and what says that it has done something.
    #[cfg(test)]
    pub(crate) fn for_test() -> (Self, Receiver<()>) {
        let (sender, woken) = channel();
        let wake = move || {
            // A test that has ended does not listen.
            let _ = sender.send(());
        };
        (Self::start(wake), woken)
    }

    /// Asks for `bytes` to be written.
    pub(crate) fn write(&self, file: &Arc<DiskFile>, at: u64, bytes: Bytes) -> Pending {
        self.ask(file, at, Work::Write(bytes))
    }

    /// Asks for `len` bytes to be read.
    pub(crate) fn read(&self, file: &Arc<DiskFile>, at: u64, len: usize) -> Pending {
        self.ask(file, at, Work::Read(len))
    }

    /// Each read and write takes that much longer from now on, those under way as well.
    pub(crate) fn set_delay(&self, delay: Duration) {
        *lock(&self.slowness.delay) = delay;
        self.slowness.changed.notify_all();
    }

    fn ask(&self, file: &Arc<DiskFile>, at: u64, work: Work) -> Pending {
        let job = Arc::new(Job { file: file.clone(), at, work, outcome: Mutex::new(None) });
        if self.orders.send(Order::Do(Arc::downgrade(&job))).is_err() {
            *lock(&job.outcome) = Some(Err(io::Error::other("no thread for files")));
        }
        Pending(job)
    }
}

impl Pending {
    /// What came of it, once: the bytes that were read, or none for those that were written. `None`
    /// until it is done.
    pub(crate) fn poll(&self) -> Option<io::Result<Bytes>> {
        lock(&self.0.outcome).take()
    }

    /// Whether [`Pending::poll`] has an answer.
    pub(crate) fn is_done(&self) -> bool {
        lock(&self.0.outcome).is_some()
    }

    /// Bytes that it reads or writes.
    pub(crate) fn len(&self) -> usize {
        match &self.0.work {
            Work::Write(bytes) => bytes.len(),
            Work::Read(len) => *len,
        }
    }
}

impl Job {
    fn run(&self) -> io::Result<Bytes> {
        match &self.work {
            Work::Write(bytes) => self.file.write_all_at(bytes, self.at).map(|()| Bytes::new()),
            Work::Read(len) => {
                let mut bytes = vec![0; *len];
                self.file.read_exact_at(&mut bytes, self.at)?;
                Ok(bytes.into())
            }
        }
    }
}

impl DiskFile {
    /// A file without a name, which its first write makes in `folder`; it is gone when it is closed,
    /// whatever happens.
    pub(crate) fn unnamed(folder: &Path, disk: &Disk) -> Arc<Self> {
        let (file, folder, disk) = (OnceLock::new(), folder.to_owned(), disk.clone());
        Arc::new(Self { file, folder, disk })
    }

    /// A file that is open.
    pub(crate) fn of(file: File, disk: &Disk) -> Arc<Self> {
        let (file, folder, disk) = (file.into(), PathBuf::new(), disk.clone());
        Arc::new(Self { file, folder, disk })
    }

    /// Writes on the thread that calls.
    pub(crate) fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.disk.slowness.wait();
        match self.file.get() {
            Some(file) => file.write_all_at(bytes, at),
            None => {
                let file = unnamed_file(&self.folder)?;
                self.file.get_or_init(|| file).write_all_at(bytes, at)
            }
        }
    }

    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.disk.slowness.wait();
        let file = self.file.get().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(bytes, at)
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // With the thread gone it is closed here.
            let _ = self.disk.orders.send(Order::Close(file));
        }
    }
}

impl Slowness {
    fn wait(&self) {
        let began = crate::clock::now();
        let mut delay = lock(&self.delay);
        loop {
            let passed = crate::clock::now().saturating_duration_since(began);
            let Some(left) = delay.checked_sub(passed).filter(|left| !left.is_zero()) else {
                return;
            };
            let waited = self.changed.wait_timeout(delay, left);
            delay = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What the thread does, until nobody can ask for more.
fn carry_out(orders: &Receiver<Order>, wake: impl Fn()) {
    for order in orders {
        match order {
            Order::Do(job) => {
                let Some(job) = job.upgrade() else { continue };
                let outcome = job.run();
                *lock(&job.outcome) = Some(outcome);
                drop(job);
                wake();
            }
            Order::Close(file) => drop(file),
        }
    }
}

/// A file that is gone when it is closed. Several may be made at a time, by several threads.
fn unnamed_file(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("temp-repl-{}-{number}.spool", std::process::id()));
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds a lock here.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_done_in_order() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (disk, woken) = Disk::for_test();
        let file = DiskFile::unnamed(folder.path(), &disk);
        let write = disk.write(&file, 3, Bytes::from_static(b"first"));
        let again = disk.write(&file, 5, Bytes::from_static(b"second"));
        let read = disk.read(&file, 3, 8);
        let beyond = disk.read(&file, 3, 9);
        for _ in 0..4 {
            woken.recv().expect("the thread");
        }
        assert_eq!(read.poll().expect("done")?, "fisecond");
        assert!(read.poll().is_none(), "said once");
        let error = beyond.poll().expect("done").expect_err("the file is shorter");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(write.is_done() && again.poll().is_some_and(|done| done.is_ok()));
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the file has no name");
        Ok(())
    }

    /// Neither who asks nor who lets go waits for a disk that hangs, and what nobody waits for is not
    /// done when it goes on.
    #[test]
    fn a_disk_that_hangs_holds_nobody_up() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (disk, woken) = Disk::for_test();
        let file = DiskFile::unnamed(folder.path(), &disk);
        disk.set_delay(Duration::from_secs(1000));
        let first = disk.write(&file, 0, Bytes::from_static(b"first"));
        let unwanted = disk.write(&file, 0, Bytes::from_static(b"other"));
        let read = disk.read(&file, 0, 5);
        drop(unwanted);
        let file = {
            let weak = Arc::downgrade(&file);
            drop(file);
            weak
        };
        assert!(!first.is_done() && !read.is_done());
        disk.set_delay(Duration::ZERO);
        (0..2).for_each(|_| woken.recv().expect("the thread"));
        assert_eq!(read.poll().expect("done")?, "first");
        drop((first, read));
        assert!(file.upgrade().is_none());
        assert!(woken.try_recv().is_err());
        Ok(())
    }
}
