//! The only place that reads a clock.

#![allow(clippy::disallowed_methods, reason = "a tool reads the clock; libraries do not")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Now, for durations.
pub(crate) fn now() -> Instant {
    Instant::now()
}
