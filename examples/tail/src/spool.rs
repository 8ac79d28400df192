//! [`Spool`]: bytes of the link on their way to whoever takes them, in memory and beyond that in a
//! file without a name. So the master's stream is read however slowly our output is taken; a snapshot
//! that comes on a connection of its own waits with the master instead.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that wait in memory; what exceeds them goes to the file.
const MEMORY: usize = 8 << 20;

/// A queue of bytes between two threads.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    /// What exceeds memory is not taken, rather than written to a file.
    in_memory: bool,
    shared: Mutex<Shared>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Shared {
    /// The first bytes of the queue.
    memory: VecDeque<u8>,
    /// Those behind them, while there are any.
    file: Option<File>,
    /// What of the file is to be read: from here,
    from: u64,
    /// to here.
    to: u64,
    /// No more will come, and why.
    ended: Option<String>,
    /// Whoever takes has gone.
    closed: bool,
}

impl Spool {
    /// A queue without a file: whoever pushes waits for whoever takes.
    pub(crate) fn in_memory() -> Self {
        Self { in_memory: true, ..Self::default() }
    }

    /// Adds bytes at the end. When the disk takes none, waits until there is room in memory.
    /// Answers whether anyone still wants them.
    pub(crate) fn push(&self, bytes: &[u8]) -> bool {
        let mut shared = self.lock();
        loop {
            if shared.closed {
                return false;
            }
            let in_order = shared.from == shared.to;
            if in_order && shared.memory.len() + bytes.len() <= MEMORY.max(bytes.len()) {
                shared.memory.extend(bytes);
                break;
            }
            if !self.in_memory && shared.spill(bytes).is_ok() {
                break;
            }
            shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
        drop(shared);
        self.changed.notify_all();
        true
    }

    /// No more bytes will come.
    pub(crate) fn end(&self, reason: String) {
        self.lock().ended = Some(reason);
        self.changed.notify_all();
    }

    /// No more bytes are wanted.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Appends at most `max` bytes to `out`, and waits for some up to `limit`. The reason of the
    /// end comes when all bytes before it are taken.
    ///
    /// # Errors
    ///
    /// When the file cannot be read back.
    pub(crate) fn take(
        &self,
        out: &mut Vec<u8>,
        max: usize,
        limit: Duration,
    ) -> io::Result<Option<String>> {
        let mut shared = self.lock();
        if shared.is_empty() && shared.ended.is_none() {
            let waited = self.changed.wait_timeout(shared, limit);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if shared.is_empty() {
            return Ok(shared.ended.clone());
        }
        shared.take(out, max)?;
        drop(shared);
        self.changed.notify_all();
        Ok(None)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics while it holds the lock; if it did, the state is still consistent.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.from == self.to
    }

    fn spill(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile()?);
        }
        if let Some(file) = &self.file {
            file.write_all_at(bytes, self.to)?;
        }
        self.to += bytes.len() as u64;
        Ok(())
    }

    fn take(&mut self, out: &mut Vec<u8>, max: usize) -> io::Result<()> {
        if !self.memory.is_empty() {
            let count = max.min(self.memory.len());
            out.extend(self.memory.drain(..count));
            return Ok(());
        }
        let count = (self.to - self.from).min(max as u64) as usize;
        let start = out.len();
        out.resize(start + count, 0);
        if let Some(file) = &self.file {
            file.read_exact_at(&mut out[start..], self.from)?;
        }
        self.from += count as u64;
        if self.from == self.to {
            // All is read: the disk's space is given back.
            (self.file, self.from, self.to) = (None, 0, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(from: usize, count: usize) -> Vec<u8> {
        (from..from + count).map(|n| (n / 3) as u8).collect()
    }

    #[test]
    fn what_exceeds_memory_comes_back_in_order() {
        let spool = Spool::default();
        let (mut pushed, mut taken) = (0, Vec::new());
        for round in 0..60 {
            let count = if round < 30 { 1 << 20 } else { 10_000 };
            assert!(spool.push(&bytes(pushed, count)));
            pushed += count;
            let shared = spool.lock();
            assert!(shared.memory.len() <= MEMORY);
            drop(shared);
            if round % 3 == 0 {
                assert_eq!(spool.take(&mut taken, 900_000, Duration::ZERO).unwrap(), None);
            }
        }
        assert!(spool.lock().file.is_some(), "it was too much for memory");
        spool.end("over".into());
        let end = loop {
            if let Some(end) = spool.take(&mut taken, 777_777, Duration::ZERO).unwrap() {
                break end;
            }
        };
        assert_eq!(end, "over");
        assert!(taken == bytes(0, pushed), "all of it, in order");
        assert!(spool.lock().file.is_none(), "the disk's space is given back");
    }

    #[test]
    fn without_a_file_memory_is_the_bound() {
        let spool = std::sync::Arc::new(Spool::in_memory());
        let pusher = spool.clone();
        #[expect(clippy::disallowed_methods, reason = "a thread that waits for us")]
        let pushing = std::thread::spawn(move || {
            (0..40).for_each(|n| assert!(pusher.push(&bytes(n << 20, 1 << 20))));
            pusher.end("over".into());
        });
        let mut taken = Vec::new();
        while spool.take(&mut taken, 3 << 20, Duration::from_secs(60)).unwrap().is_none() {
            let shared = spool.lock();
            assert!(shared.memory.len() <= MEMORY && shared.file.is_none());
        }
        pushing.join().unwrap();
        assert!(taken == bytes(0, 40 << 20), "all of it, in order");
    }

    #[test]
    fn who_pushes_learns_that_nobody_takes() {
        let spool = Spool::default();
        spool.close();
        assert!(!spool.push(b"x"));
    }
}
