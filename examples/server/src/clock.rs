//! The one place that reads the clocks; everything else is told the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redwire_keyspace::UnixMs;
use rustix::time::{ClockId, Timespec, clock_gettime};

pub(crate) const NANOS_IN_US: u64 = 1000;
pub(crate) const NANOS_IN_MS: u64 = 1000 * NANOS_IN_US;
const NANOS_IN_S: u64 = 1000 * NANOS_IN_MS;

/// The moment, on the clock that only goes forward.
#[expect(clippy::disallowed_methods, reason = "the server hands time to the libraries")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The same moment in ns since one that is the same while the process runs: for times that are taken
/// around each command, which an [`Instant`] makes slower than the clock itself is.
#[inline]
pub(crate) fn nanos() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    tv_sec as u64 * NANOS_IN_S + tv_nsec as u64
}

/// Time since 1970, on the clock that people set.
#[expect(clippy::disallowed_methods, reason = "the server hands time to the libraries")]
pub(crate) fn since_epoch() -> Duration {
    // A clock before 1970 is no time that a key could expire at.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The moment as expiries count it.
pub(crate) fn unix_ms() -> UnixMs {
    UnixMs(since_epoch().as_millis() as u64)
}
