//! [`Background`]: a thread that drops what would hold the loop up.

use std::sync::mpsc::{Sender, channel};

use redwire_keyspace::Garbage;

/// Frees large values off the loop's thread.
#[derive(Debug)]
pub(crate) struct Background {
    garbage: Option<Sender<Vec<Garbage>>>,
}

impl Background {
    /// Starts the thread. Without one (the system may refuse) values are freed on the spot.
    pub(crate) fn start() -> Self {
        let (garbage, receiver) = channel::<Vec<Garbage>>();
        let started = std::thread::Builder::new().name("free".into()).spawn(move || {
            for garbage in receiver {
                drop(garbage);
            }
        });
        Self { garbage: started.is_ok().then_some(garbage) }
    }

    /// Drops `garbage` on the thread.
    pub(crate) fn drop_later(&self, garbage: Vec<Garbage>) {
        if garbage.is_empty() {
            return;
        }
        if let Some(sender) = &self.garbage {
            // With the thread gone, the error hands the garbage back and it is dropped here.
            let _ = sender.send(garbage);
        }
    }
}
