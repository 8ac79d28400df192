//! What the kernel knows about processes: processor time, memory, and where they run.

use std::fs;
use std::ops::Sub;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

/// Processor time of a process, all its threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// Seconds in the program itself.
    pub user: f64,
    /// Seconds in the kernel on its behalf.
    pub system: f64,
}

impl CpuTime {
    /// What a process has used so far, from `/proc/PID/stat`: exact to a clock tick, mostly 10 ms.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn of(pid: u32) -> Outcome<CpuTime> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The program's name, in parentheses, may hold blanks. Field 3 is the first behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        match (times.next(), times.next()) {
            (Some(Ok(user)), Some(Ok(system))) => {
                Ok(CpuTime { user: user / ticks, system: system / ticks })
            }
            _ => Err(format!("/proc/{pid}/stat has no times").into()),
        }
    }

    /// Both together, in seconds.
    #[must_use]
    pub fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Sub for CpuTime {
    type Output = CpuTime;

    fn sub(self, earlier: CpuTime) -> CpuTime {
        CpuTime { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

/// Processor time of this thread.
#[must_use]
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The largest resident memory that a process ever had (`VmHWM`), in MB of 10^6 bytes.
///
/// # Errors
/// If there is no such process.
pub fn peak_memory(pid: u32) -> Outcome<f64> {
    status(pid, "VmHWM:")
}

/// Forgets the largest resident memory that a process had: [`peak_memory`] counts from now.
///
/// # Errors
/// If there is no such process, or it is another user's.
pub fn reset_peak_memory(pid: u32) -> Outcome<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// The resident memory of a process (`VmRSS`), in MB of 10^6 bytes.
///
/// # Errors
/// If there is no such process.
pub fn memory(pid: u32) -> Outcome<f64> {
    status(pid, "VmRSS:")
}

/// The resident memory of a process (`Pss`), in MB of 10^6 bytes, where a page that processes share
/// counts for each by its share: sums over a fork's two sides are right.
///
/// # Errors
/// If there is no such process.
pub fn shared_memory(pid: u32) -> Outcome<f64> {
    field(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

fn status(pid: u32, name: &str) -> Outcome<f64> {
    field(&format!("/proc/{pid}/status"), name)
}

fn field(path: &str, name: &str) -> Outcome<f64> {
    let text = fs::read_to_string(path)?;
    let kib = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
    let kib = kib.ok_or_else(|| format!("{path} has no {name}"))?;
    Ok(kib.parse::<f64>()? * 1024.0 / 1e6)
}

/// The children of a process that live now (of all its threads).
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(PathBuf::from(format!("/proc/{pid}/task")));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

/// A core that a thread is kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// The core for servers.
    Server,
    /// The core for what drives them.
    Generator,
}

/// Keeps this thread, and processes that it starts from now on, on one core. Answers whether it
/// could: the second core may not exist.
#[must_use]
pub fn pin(core: Core) -> bool {
    let mut cores = CpuSet::new();
    cores.set(core as usize);
    sched_setaffinity(None, &cores).is_ok()
}

/// The cores that this thread may run on, to go back to by [`unpin`].
#[must_use]
pub fn affinity() -> Option<CpuSet> {
    sched_getaffinity(None).ok()
}

/// Lets this thread run on these cores.
pub fn unpin(cores: Option<CpuSet>) {
    if let Some(cores) = cores {
        // At worst it stays where it is.
        let _ = sched_setaffinity(None, &cores);
    }
}

/// Has the first thread of a process, which in each server runs the commands, take its core whenever it
/// wants to, before all else that is there, or ends that. Answers whether it could: it takes root and
/// util-linux. The kernel stops who has run so for 0.95 s of a second.
#[must_use]
pub fn real_time(pid: u32, wanted: bool) -> bool {
    // What the process forks does not inherit it.
    let (class, priority) = if wanted { ("--fifo", "1") } else { ("--other", "0") };
    let args = [class, "--reset-on-fork", "--pid", priority];
    let status = Command::new("chrt").args(args).arg(pid.to_string()).status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let pid = std::process::id();
        assert!(CpuTime::of(pid).unwrap().total() >= 0.0);
        assert!(peak_memory(pid).unwrap() >= memory(pid).unwrap() * 0.5);
        assert!(CpuTime::of(u32::MAX).is_err());
    }
}
