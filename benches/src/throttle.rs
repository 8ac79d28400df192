//! A link of a given rate: a proxy on loopback that lets so many bytes a second through.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that go through at a time.
const CHUNK: usize = 64 << 10;

/// How much of the time in which nothing went through may be made up for.
const BURST: Duration = Duration::from_millis(20);

/// What the proxy itself holds back in the kernel, for each socket: no more than a link would.
const SOCKET_BUFFER: usize = 256 << 10;

/// A proxy in front of a port. What comes back from that port has one rate for all connections
/// together; what goes to it is not slowed. It lives as long as the program.
#[derive(Debug)]
pub struct Throttle {
    port: u16,
    passed: Arc<AtomicU64>,
}

impl Throttle {
    /// A link to `port` on loopback with `rate` bytes a second.
    ///
    /// # Errors
    /// If no port is free.
    pub fn start(port: u16, rate: u64) -> io::Result<Throttle> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let own = listener.local_addr()?.port();
        let passed = Arc::new(AtomicU64::new(0));
        let pace = Arc::new(Pace { rate, free_at: Mutex::new(Instant::now()) });
        let counter = passed.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // A server that is gone is like a link that breaks.
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                join(near, far, &pace, &counter);
            }
        });
        Ok(Throttle { port: own, passed })
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that came through from the port behind.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

/// The time at which the next bytes may go, for all connections.
#[derive(Debug)]
struct Pace {
    rate: u64,
    free_at: Mutex<Instant>,
}

impl Pace {
    fn wait_for(&self, bytes: usize) {
        let takes = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        let now = Instant::now();
        let start = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            // Threads that are woken a little late must not cost the link its rate.
            let start = (*free_at).max(now.checked_sub(BURST).unwrap_or(now));
            *free_at = start + takes;
            start
        };
        thread::sleep(start.saturating_duration_since(now));
    }
}

fn join(near: TcpStream, far: TcpStream, pace: &Arc<Pace>, passed: &Arc<AtomicU64>) {
    for socket in [&near, &far] {
        let socket = socket2::SockRef::from(socket);
        // With larger buffers the link only holds more back.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    }
    let clones = (near.try_clone(), far.try_clone());
    let (Ok(near_back), Ok(far_back)) = clones else { return };
    thread::spawn(move || copy(near, far, |_| {}));
    let (pace, passed) = (pace.clone(), passed.clone());
    thread::spawn(move || {
        copy(far_back, near_back, |bytes| {
            pace.wait_for(bytes);
            passed.fetch_add(bytes as u64, Ordering::Relaxed);
        });
    });
}

/// Copies until one side ends, and then ends the other.
fn copy(mut from: TcpStream, mut to: TcpStream, mut before: impl FnMut(usize)) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        before(count);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // Whoever has closed already need not be closed.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lets_through_what_its_rate_says() -> io::Result<()> {
        let server = TcpListener::bind(("127.0.0.1", 0))?;
        let link = Throttle::start(server.local_addr()?.port(), 8 << 20)?;
        let sender = thread::spawn(move || -> io::Result<()> {
            let (mut socket, _) = server.accept()?;
            socket.write_all(&vec![7; 2 << 20])
        });
        let began = Instant::now();
        let mut bytes = Vec::new();
        TcpStream::connect(("127.0.0.1", link.port()))?.read_to_end(&mut bytes)?;
        assert!(sender.join().is_ok_and(|sent| sent.is_ok()));
        assert_eq!((bytes.len(), link.passed()), (2 << 20, 2 << 20));
        assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
        Ok(())
    }
}
