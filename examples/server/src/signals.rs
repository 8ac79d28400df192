//! Signals that end the server, as readiness of a source in its event loop.
//!
//! SIGTERM and SIGINT ask for an orderly shutdown. A SIGINT while one is under
//! way already ends the process at once, with status 1, as in Redis: that is
//! done in the handler, so that it works however busy the loop is. SIGHUP and
//! SIGPIPE do nothing, and SIGXFSZ neither: a file beyond what the process may
//! write (`ulimit -f`) is a failed write.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::event::Source;
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};

/// Status of a process that a second SIGINT ends.
const INSISTED: i32 = 1;

/// A request to end the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}

impl Signal {
    /// The name, as in `Received SIGTERM scheduling shutdown...`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// The signals that arrived. Register it for [`Interest::READABLE`] and call
/// [`take`](Self::take) until it gives `None` each time it is ready.
///
/// A poll that waits when a signal arrives may end with
/// [`io::ErrorKind::Interrupted`]; it is to be repeated.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Gets a byte from the handlers for each signal.
    wake: UnixStream,
    terminate: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
    /// Set while a shutdown is under way: a SIGINT does not ask again then.
    shutting_down: Arc<AtomicBool>,
}

impl Signals {
    /// Installs the handlers, for the whole process.
    ///
    /// # Errors
    ///
    /// If there is no pair of sockets to be had, or a handler cannot be set.
    pub(crate) fn install() -> io::Result<Self> {
        let (wake, signalled) = UnixStream::pair()?;
        let signals = Self {
            wake,
            terminate: Arc::default(),
            interrupt: Arc::default(),
            shutting_down: Arc::default(),
        };
        // Handlers of a signal run in the order in which they are registered:
        // the first SIGINT finds the flag unset, and sets it after that.
        flag::register_conditional_shutdown(SIGINT, INSISTED, Arc::clone(&signals.shutting_down))?;
        for (signal, arrived) in [(SIGTERM, &signals.terminate), (SIGINT, &signals.interrupt)] {
            flag::register(signal, Arc::clone(&signals.shutting_down))?;
            flag::register(signal, Arc::clone(arrived))?;
            low_level::pipe::register(signal, duplicate(&signalled)?)?;
        }
        // A handler that does nothing much, since ignoring takes unsafe code.
        for ignored in [SIGHUP, SIGPIPE, SIGXFSZ] {
            flag::register(ignored, Arc::default())?;
        }
        Ok(signals)
    }

    /// Takes a signal that arrived since the last call.
    pub(crate) fn take(&mut self) -> Option<Signal> {
        self.drain();
        if self.terminate.swap(false, Ordering::SeqCst) {
            Some(Signal::Terminate)
        } else if self.interrupt.swap(false, Ordering::SeqCst) {
            Some(Signal::Interrupt)
        } else {
            None
        }
    }

    /// Tells that a shutdown was given up (its save failed, say), so that the
    /// next SIGINT asks for another rather than ending the process.
    pub(crate) fn shutdown_failed(&self) {
        self.shutting_down.store(false, Ordering::SeqCst);
    }

    fn drain(&mut self) {
        let mut bytes = [0; 64];
        loop {
            match self.wake.read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing is left, or nothing will ever come: the handlers hold
                // the other end as long as the process lives.
                Ok(0) | Err(_) => return,
            }
        }
    }
}

impl Source for Signals {
    fn register(&mut self, registry: &Registry, token: Token, wanted: Interest) -> io::Result<()> {
        self.wake.register(registry, token, wanted)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        wanted: Interest,
    ) -> io::Result<()> {
        self.wake.reregister(registry, token, wanted)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.wake.deregister(registry)
    }
}

fn duplicate(stream: &UnixStream) -> io::Result<std::os::fd::OwnedFd> {
    Ok(rustix::io::dup(stream)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn signals_wake_the_poll() {
        let mut signals = Signals::install().unwrap();
        let mut poll = mio::Poll::new().unwrap();
        poll.registry().register(&mut signals, Token(7), Interest::READABLE).unwrap();
        let mut events = mio::Events::with_capacity(4);
        assert_eq!(signals.take(), None);

        low_level::raise(SIGHUP).unwrap();
        low_level::raise(SIGPIPE).unwrap();
        low_level::raise(SIGXFSZ).unwrap();
        for (number, expected) in [(SIGTERM, Signal::Terminate), (SIGINT, Signal::Interrupt)] {
            low_level::raise(number).unwrap();
            while events.is_empty() {
                match poll.poll(&mut events, Some(Duration::from_secs(10))) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    polled => polled.unwrap(),
                }
            }
            assert!(events.iter().all(|event| event.token() == Token(7)));
            assert_eq!(signals.take(), Some(expected));
            assert_eq!(signals.take(), None);
            assert!(signals.shutting_down.load(Ordering::SeqCst));
            // A SIGINT would end this process else.
            signals.shutdown_failed();
            events.clear();
        }
    }
}
