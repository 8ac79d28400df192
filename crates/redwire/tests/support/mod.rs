//! What the tests at real masters share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redwire::keyspace::{Keyspace, ScoreText, UnixMs};

/// How long a master may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The time of day.
pub(crate) fn unix_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
    UnixMs(since.as_millis() as u64)
}

/// `DEBUG DIGEST`, as a master that writes scores so answers it.
pub(crate) fn digest(keyspace: &Keyspace, scores: ScoreText) -> String {
    keyspace.data().digest(scores).iter().map(|byte| format!("{byte:02x}")).collect()
}
