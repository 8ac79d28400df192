//! What the kernel knows of this process: memory, processor time. Where there is no `/proc`, the
//! fields that come from it are left out.

use std::fs;
use std::time::Duration;

/// The unit of times in `/proc/<pid>/stat`: the kernel's `USER_HZ` is 100 wherever this runs.
const TICK: Duration = Duration::from_millis(10);

/// Memory of the process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Resident now.
    pub(super) resident: u64,
    /// The most that was ever resident.
    pub(super) peak: u64,
}

impl Memory {
    pub(super) fn read() -> Self {
        fs::read_to_string("/proc/self/status").map_or_else(|_| Self::default(), |it| Self::of(&it))
    }

    fn of(status: &str) -> Self {
        let resident = kilobytes(status, "VmRSS:").unwrap_or_default();
        let peak = kilobytes(status, "VmHWM:").unwrap_or_default();
        // The kernel sums the two up at different times.
        Self { resident, peak: peak.max(resident) }
    }
}

/// Bytes of memory that the process has in RAM; 0 where that cannot be told.
pub(in super::super) fn resident_memory() -> u64 {
    Memory::read().resident
}

/// Bytes of RAM of this host.
pub(super) fn system_memory() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// The value, in bytes, of a line `name   <number> kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

/// Processor time, in ticks of 10 ms as the kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct CpuTime {
    pub(in super::super) user: Duration,
    pub(in super::super) system: Duration,
    /// Of children that have ended.
    pub(super) children_user: Duration,
    pub(super) children_system: Duration,
}

impl CpuTime {
    /// Of the whole process.
    pub(in super::super) fn of_process() -> Option<Self> {
        Self::of(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// Of the thread that asks.
    pub(super) fn of_thread() -> Option<Self> {
        Self::of(&fs::read_to_string("/proc/thread-self/stat").ok()?)
    }

    fn of(stat: &str) -> Option<Self> {
        // The name of the program, in brackets, may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_ascii_whitespace().skip(11).map(|field| {
            let ticks: u32 = field.parse().ok()?;
            Some(TICK * ticks)
        });
        let mut next = || times.next().flatten();
        let (user, system) = (next()?, next()?);
        Some(Self { user, system, children_user: next()?, children_system: next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status() {
        let status = "Name:\tx\nVmHWM:\t     200 kB\nVmRSS:\t     100 kB\nThreads:\t3\n";
        assert_eq!(Memory::of(status), Memory { resident: 102_400, peak: 204_800 });
        assert_eq!(Memory::of("Name:\tx\n"), Memory::default());
        let lagging = "VmHWM:\t 1 kB\nVmRSS:\t 2 kB\n";
        assert_eq!(Memory::of(lagging).peak, 2048);
    }

    #[test]
    fn processor_time_is_read_behind_the_name() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 250 3 4 20 0 1 0 99";
        let millis = Duration::from_millis;
        let expected = CpuTime {
            user: millis(1500),
            system: millis(2500),
            children_user: millis(30),
            children_system: millis(40),
        };
        assert_eq!(CpuTime::of(stat), Some(expected));
        assert_eq!(CpuTime::of("7 (a) S 1 2"), None);
    }
}
