//! [`Background`]: a thread that frees what would hold the loop up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use redwire_keyspace::Garbage;

use crate::memory;

/// Frees large values off the loop's thread.
#[derive(Debug)]
pub(crate) struct Background {
    orders: Option<Sender<Order>>,
    freeing: Arc<Freeing>,
}

/// What the thread is told to do, in this order.
#[derive(Debug)]
enum Order {
    Drop(Vec<Garbage>),
    /// Give what is free back to the system.
    GiveBack,
}

/// What the thread has still to free.
#[derive(Debug, Default)]
pub(crate) struct Freeing {
    objects: AtomicU64,
    bytes: AtomicU64,
    freed: AtomicU64,
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

    /// How many it has freed (`lazyfreed_objects`).
    pub(crate) fn freed(&self) -> u64 {
        self.freed.load(Ordering::Relaxed)
    }

    /// Counts these from 0 again.
    pub(crate) fn reset_stats(&self) {
        self.freed.store(0, Ordering::Relaxed);
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

/// Freed bytes that are worth the time to let go of the pieces at hand.
const MUCH: u64 = 1 << 20;

/// What the thread does, until the server is gone.
fn carry_out(orders: &Receiver<Order>, left: &Freeing) {
    let mut freed = 0;
    for order in orders {
        match order {
            Order::Drop(garbage) => {
                let (objects, bytes, before) =
                    (garbage.len() as u64, bytes(&garbage), memory::allocated());
                drop(garbage);
                left.remove(objects, bytes);
                left.freed.fetch_add(objects, Ordering::Relaxed);
                freed += before.saturating_sub(memory::allocated());
            }
            Order::GiveBack => memory::give_back(),
        }
        // This thread allocates nothing that it could use them for.
        if freed > MUCH {
            memory::let_go_of_pieces();
            freed = 0;
        }
    }
}

impl Background {
    /// Starts the thread. Without one (the system may refuse) values are freed on the spot.
    pub(crate) fn start(freeing: Arc<Freeing>) -> Self {
        let (orders, receiver) = channel();
        let left = freeing.clone();
        let thread = std::thread::Builder::new().name("free".into());
        let started = thread.spawn(move || carry_out(&receiver, &left));
        Self { orders: started.is_ok().then_some(orders), freeing }
    }

    /// Drops `garbage` on the thread.
    pub(crate) fn drop_later(&self, garbage: Vec<Garbage>) {
        if garbage.is_empty() {
            return;
        }
        if let Some(sender) = &self.orders {
            let (objects, bytes) = (garbage.len() as u64, bytes(&garbage));
            self.freeing.add(objects, bytes);
            // With the thread gone, the error hands the garbage back and it is dropped here.
            if sender.send(Order::Drop(garbage)).is_err() {
                self.freeing.remove(objects, bytes);
            }
        }
    }

    /// Gives what is free back to the system, once all is dropped that was to be: on the thread, which
    /// may take its time.
    pub(crate) fn give_back_later(&self) {
        memory::let_go_of_pieces();
        let sent = self.orders.as_ref().is_some_and(|sender| sender.send(Order::GiveBack).is_ok());
        if !sent {
            memory::give_back();
        }
    }
}
