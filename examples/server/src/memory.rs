//! How much memory the process has allocated.

use std::alloc::System;

use cap::Cap;

/// The system's allocator, counted. No limit is set: how much is too much is `maxmemory`'s to say.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes that are allocated now, as they were asked for: the allocator's own come on top, some 8 to 16
/// for each allocation.
pub(crate) fn allocated() -> u64 {
    ALLOCATOR.allocated() as u64
}
