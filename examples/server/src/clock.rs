//! The one place that reads the clocks; everything else is told the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redwire_keyspace::UnixMs;

/// The moment, on the clock that only goes forward.
#[expect(clippy::disallowed_methods, reason = "the server hands time to the libraries")]
pub(crate) fn now() -> Instant {
    Instant::now()
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
