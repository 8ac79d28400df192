//! The allocator: what it was asked for, what it holds, and how that goes back to the system.
//!
//! It is jemalloc, as in Redis: what is freed is gathered in whole pages, and a thread of its own gives
//! back those that were not wanted again within some ten seconds. glibc keeps most of them.

use std::io;

use cap::Cap;
use tikv_jemalloc_ctl::stats_print::{Options, stats_print};
use tikv_jemalloc_ctl::{Access, AsName, Error, arenas, background_thread, epoch, stats, version};
use tikv_jemallocator::Jemalloc;

/// Counted, for that costs less than to ask jemalloc. No limit is set: how much is too much is
/// `maxmemory`'s to say.
#[global_allocator]
static ALLOCATOR: Cap<Jemalloc> = Cap::new(Jemalloc, usize::MAX);

/// Bytes of a page.
const PAGE: &str = "arenas.page\0";

/// Of all arenas together: jemalloc's `MALLCTL_ARENAS_ALL`.
const MUZZY: &str = "stats.arenas.4096.pmuzzy\0";

/// Bytes that are allocated now, as they were asked for: what the allocator rounds them up to comes on
/// top.
pub(crate) fn allocated() -> u64 {
    ALLOCATOR.allocated() as u64
}

/// The allocator's own books, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Books {
    /// Given out, as rounded up.
    pub(crate) allocated: u64,
    /// In pages of which something is given out.
    pub(crate) active: u64,
    /// In pages that are mapped and may be in RAM: those, what is free but not given back, and the
    /// books themselves.
    pub(crate) resident: u64,
    /// Of what is free, what the system may take when it wants.
    pub(crate) muzzy: u64,
}

impl Books {
    /// As they are now; it takes some microseconds to sum them up.
    pub(crate) fn read() -> Self {
        let read = || {
            epoch::advance()?;
            let pages: usize = MUZZY.name().read()?;
            let page: usize = PAGE.name().read()?;
            Ok::<_, Error>(Self {
                allocated: stats::allocated::read()? as u64,
                active: stats::active::read()? as u64,
                resident: stats::resident::read()? as u64,
                muzzy: (pages * page) as u64,
            })
        };
        // It fails only for names that this version has not, which a test would find.
        read().unwrap_or_default()
    }

    /// How many times what is given out its pages take, and how many bytes more.
    pub(crate) fn fragmentation(self) -> (f64, i64) {
        beyond(self.active, self.allocated)
    }

    /// The same of what is held, over the pages in use.
    pub(crate) fn held(self) -> (f64, i64) {
        beyond(self.resident, self.active)
    }
}

/// How many times `part` the `whole` is, and how many bytes that is more.
pub(crate) fn beyond(whole: u64, part: u64) -> (f64, i64) {
    (whole as f64 / part.max(1) as f64, whole as i64 - part as i64)
}

/// The allocator's name and version, as in `INFO memory`.
pub(crate) fn allocator() -> String {
    let full = version::read().unwrap_or_default();
    format!("jemalloc-{}", full.split('-').next().unwrap_or_default())
}

/// Starts the thread that gives back what is free and not wanted again. Without one (the system may
/// refuse) it is given back by the way, when something is freed.
pub(crate) fn start_giving_back() {
    if let Err(error) = background_thread::write(true) {
        crate::log::warning!("No thread to give back free memory: {error}");
    }
}

/// Has this thread let go of the free pieces that it has at hand, each of which keeps a page.
pub(crate) fn let_go_of_pieces() {
    let enabled = "thread.tcache.enabled\0".name();
    if matches!(enabled.update(false), Ok(true)) {
        // It was enabled, so it can be.
        let _ = enabled.write(true);
    }
}

/// Gives all that is free back to the system now; it takes some 100 ms for each GB.
pub(crate) fn give_back() {
    let_go_of_pieces();
    let arenas = arenas::narenas::read().unwrap_or(0);
    for name in (0..arenas).flat_map(|arena| ["dirty", "muzzy"].map(|of| decay(arena, of))) {
        // A time of 0 is an order to do it at once. An arena that was never used has none.
        if let Ok(before) = name.name().update(0_isize) {
            let _ = name.name().write(before);
        }
    }
}

/// The name of the time, in ms, that an arena keeps free pages for: in full, or the system's to take.
fn decay(arena: u32, of: &str) -> String {
    format!("arena.{arena}.{of}_decay_ms\0")
}

/// The allocator's own report.
pub(crate) fn report() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    stats_print(&mut text, Options::default())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_are_kept() {
        let held = std::hint::black_box(vec![1_u8; 50 << 20]);
        let books = Books::read();
        assert!(books.allocated >= 50 << 20, "{books:?}");
        assert!(books.active >= books.allocated && books.resident >= books.active, "{books:?}");
        assert!(allocator().starts_with("jemalloc-5."), "{}", allocator());
        assert!(String::from_utf8_lossy(&report().unwrap()).contains("Allocated: "));
        drop(held);
    }

    /// In an arena that is this thread's alone: other tests allocate meanwhile.
    #[test]
    fn what_is_free_is_given_back() {
        let arena: u32 = "arenas.create\0".name().read().unwrap();
        "thread.arena\0".name().write(arena).unwrap();
        let resident = || -> usize {
            epoch::advance().unwrap();
            format!("stats.arenas.{arena}.resident\0").name().read().unwrap()
        };
        let pieces: Vec<_> = (0..100_000).map(|at| vec![at as u8; 1000]).collect();
        let before = resident();
        assert!(before > 100_000_000, "{before}");
        drop(pieces);
        give_back();
        let after = resident();
        assert!(after < before / 10, "{before} {after}");
        let decay: isize = decay(arena, "dirty").name().read().unwrap();
        assert!(decay > 0);
    }
}
