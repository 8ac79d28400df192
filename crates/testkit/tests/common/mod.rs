//! What the interop tests share until redwire-server is there.

use redwire_testkit::{Redwire, skip};

/// Whether redwire-server is more than an empty program yet.
pub(crate) fn server_exists() -> bool {
    let dir = tempfile::tempdir().expect("make a folder");
    match Redwire::start_in(dir.path(), &[]) {
        Err(failure) if failure.status.success() && failure.log.is_empty() => {
            skip("redwire-server is an empty program yet");
            false
        }
        _ => true,
    }
}
