//! [`Background`]: a thread that drops what would hold the loop up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use redwire_keyspace::Garbage;

/// Frees large values off the loop's thread.
#[derive(Debug)]
pub(crate) struct Background {
    garbage: Option<Sender<Vec<Garbage>>>,
    freeing: Arc<Freeing>,
}

/// What the thread has still to free.
#[derive(Debug, Default)]
pub(crate) struct Freeing {
    objects: AtomicU64,
    bytes: AtomicU64,
}

impl Freeing {
    /// How many values and databases there are (`lazyfree_pending_objects`).
    pub(crate) fn objects(&self) -> u64 {
        self.objects.load(Ordering::Relaxed)
    }

    /// The bytes that they take, as far as that is known.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, objects: u64, bytes: u64) {
        self.objects.fetch_add(objects, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, objects: u64, bytes: u64) {
        self.objects.fetch_sub(objects, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The bytes of all of it, as far as that is known.
fn bytes(garbage: &[Garbage]) -> u64 {
    garbage.iter().map(|it| it.bytes() as u64).sum()
}

impl Background {
    /// Starts the thread. Without one (the system may refuse) values are freed on the spot.
    pub(crate) fn start(freeing: Arc<Freeing>) -> Self {
        let (garbage, receiver) = channel::<Vec<Garbage>>();
        let left = freeing.clone();
        let started = std::thread::Builder::new().name("free".into()).spawn(move || {
            for garbage in receiver {
                let (objects, bytes) = (garbage.len() as u64, bytes(&garbage));
                drop(garbage);
                left.remove(objects, bytes);
            }
        });
        Self { garbage: started.is_ok().then_some(garbage), freeing }
    }

    /// Drops `garbage` on the thread.
    pub(crate) fn drop_later(&self, garbage: Vec<Garbage>) {
        if garbage.is_empty() {
            return;
        }
        if let Some(sender) = &self.garbage {
            let (objects, bytes) = (garbage.len() as u64, bytes(&garbage));
            self.freeing.add(objects, bytes);
            // With the thread gone, the error hands the garbage back and it is dropped here.
            if sender.send(garbage).is_err() {
                self.freeing.remove(objects, bytes);
            }
        }
    }
}
