//! The only place that reads a clock.

#![allow(clippy::disallowed_methods, reason = "a tool reads the clock; libraries do not")]

use std::time::Instant;

/// Now, for durations.
pub(crate) fn now() -> Instant {
    Instant::now()
}
