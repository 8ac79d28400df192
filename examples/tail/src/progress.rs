//! [`Progress`]: how far a snapshot is, on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::clock;

/// Time between two lines, on a terminal and elsewhere.
const PERIOD: Duration = Duration::from_millis(200);
const PERIOD_OF_LOGS: Duration = Duration::from_secs(5);
/// Width of the bar, in characters.
const WIDTH: usize = 30;

/// Says how far a snapshot is: a bar that moves on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    quiet: bool,
    is_terminal: bool,
    shown_at: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, is_terminal: io::stderr().is_terminal(), shown_at: None }
    }

    /// So many bytes and keys of a snapshot of `total` bytes have come.
    pub(crate) fn show(&mut self, read: u64, total: Option<u64>, keys: u64) {
        let now = clock::now();
        let period = if self.is_terminal { PERIOD } else { PERIOD_OF_LOGS };
        let due = self.shown_at.is_none_or(|at| now.saturating_duration_since(at) >= period);
        if self.quiet || !due {
            return;
        }
        self.shown_at = Some(now);
        let text = line(read, total, keys);
        if self.is_terminal {
            // Back to the start of the line, and clear what is longer.
            self.print(&format!("\r{text}\x1b[K"));
        } else {
            self.print(&format!("{text}\n"));
        }
    }

    /// Something that happened.
    pub(crate) fn say(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        if self.is_terminal && self.shown_at.take().is_some() {
            self.print("\n");
        }
        self.print(&format!("{text}\n"));
    }

    fn print(&self, text: &str) {
        // That nobody sees it is no reason to stop.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

fn line(read: u64, total: Option<u64>, keys: u64) -> String {
    let size = |bytes: u64| redwire_tools::text::size(bytes);
    match total {
        Some(total) if total > 0 => {
            let part = (read.min(total) as f64 / total as f64).clamp(0.0, 1.0);
            let done = (part * WIDTH as f64) as usize;
            let bar = "#".repeat(done) + &"-".repeat(WIDTH - done);
            let (read, total) = (size(read), size(total));
            format!("snapshot [{bar}] {:3.0} %  {read} of {total}, {keys} keys", part * 100.0)
        }
        _ => format!("snapshot {}, {keys} keys", size(read)),
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines_say_how_far_it_is() {
        let half = "#".repeat(15) + &"-".repeat(15);
        let text = line(512, Some(1024), 3);
        assert_eq!(text, format!("snapshot [{half}]  50 %  512 B of 1.0 KB, 3 keys"));
        assert_eq!(line(2048, None, 0), "snapshot 2.0 KB, 0 keys");
        assert!(line(5, Some(4), 0).contains("100 %"));
    }
}
