//! Wall-clock time as expiries use it, handed in by the caller.

/// Milliseconds since the Unix epoch: what `PEXPIREAT` takes and an RDB file stores.
///
/// The keyspace reads no clock: every call that depends on time gets it from its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// Whether a key that expires at `at` is gone by now.
    ///
    /// As in Redis, a key lives through the millisecond of its expiry.
    #[must_use]
    pub fn is_past(self, at: UnixMs) -> bool {
        self.0 > at.0
    }
}
