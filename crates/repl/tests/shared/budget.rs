//! What a primary's stream may take of memory, judged in each turn of a schedule.

use std::fmt::Display;

use redwire_repl::Primary;

/// Blocks that memory may hold beyond its budget: the one that is open, one that is kept to be used
/// again, and one more for the write that filled the first.
const BLOCKS: u64 = 3 * (4 << 10);

/// What may be read back at a time: eight segments and the one that comes.
const SEGMENTS: u64 = 9;

/// The budget of one primary.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Longest write, with its transaction: a segment, and memory, may be longer by it.
    write_max: u64,
    /// Bytes of stream in a segment.
    segment: u64,
    /// The disk has failed, and what it did not take is in memory still.
    excused: bool,
}

impl Budget {
    pub(crate) fn new(segment: u64, write_max: u64) -> Self {
        Self { write_max, segment, excused: false }
    }

    /// The stream in memory keeps to its budget, unless the disk fails.
    pub(crate) fn assert_kept(&mut self, primary: &Primary, who: impl Display) {
        let Some(backlog) = primary.backlog() else { return };
        let Some(spill) = backlog.spill_config() else { return };
        let stats = backlog.spill_stats();
        let held = backlog.allocated() - stats.loaded;
        let within = held <= spill.memory + BLOCKS + self.write_max;
        self.excused = (self.excused && !within) || stats.failing;
        assert!(within || self.excused, "{who}: {held} bytes, {stats:?}");
        let loaded_most = SEGMENTS * (self.segment + self.write_max);
        assert!(stats.loaded <= loaded_most, "{who}: {stats:?}");
    }
}
