//! [`LatencyMonitor`]: what held the server up for `latency-monitor-threshold` ms or more.

use std::collections::{BTreeMap, VecDeque};

/// Samples that each kind of event keeps.
const KEPT: usize = 160;

/// Rows and columns of a graph.
const ROWS: usize = 4;
const COLUMNS: usize = 80;

/// The events that took long, by kind.
#[derive(Debug, Default)]
pub(crate) struct LatencyMonitor {
    events: BTreeMap<&'static str, Series>,
}

/// What was seen of one kind of event.
#[derive(Debug, Default, Clone)]
pub(super) struct Series {
    /// The second in Unix time, and the longest in it in ms; oldest first.
    samples: VecDeque<(u64, u64)>,
    /// The longest since it began to be kept, in ms.
    longest: u64,
}

impl LatencyMonitor {
    /// Takes note of an event at a second in Unix time that took so many ms.
    pub(crate) fn note(&mut self, event: &'static str, second: u64, millis: u64) {
        let series = self.events.entry(event).or_default();
        series.longest = series.longest.max(millis);
        match series.samples.back_mut() {
            Some((at, longest)) if *at == second => *longest = millis.max(*longest),
            _ => {
                if series.samples.len() == KEPT {
                    series.samples.pop_front();
                }
                series.samples.push_back((second, millis));
            }
        }
    }

    /// The kinds of events that were seen, with their samples.
    pub(super) fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &Series)> {
        self.events.iter().map(|(event, series)| (*event, series))
    }

    pub(super) fn series(&self, event: &[u8]) -> Option<&Series> {
        let mut events = self.events.iter();
        events.find(|(name, _)| name.as_bytes() == event).map(|(_, series)| series)
    }

    /// Forgets those that `which` picks; answers how many there were.
    pub(super) fn reset(&mut self, which: impl Fn(&str) -> bool) -> usize {
        let before = self.events.len();
        self.events.retain(|event, _| !which(event));
        before - self.events.len()
    }
}

impl Series {
    pub(super) fn samples(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.samples.iter().copied()
    }

    pub(super) fn latest(&self) -> (u64, u64) {
        self.samples.back().copied().unwrap_or_default()
    }

    pub(super) fn longest(&self) -> u64 {
        self.longest
    }

    /// The mean of the samples, how far they are from it on average, and the mean time between two of
    /// them in seconds.
    pub(super) fn spread(&self, now: u64) -> (u64, u64, f64) {
        let count = self.samples.len().max(1) as u64;
        let mean = self.samples.iter().map(|it| it.1).sum::<u64>() / count;
        let deviation = self.samples.iter().map(|it| it.1.abs_diff(mean)).sum::<u64>() / count;
        let first = self.samples.front().map_or(now, |it| it.0);
        (mean, deviation, now.saturating_sub(first) as f64 / count as f64)
    }

    /// The samples as columns, the latest on the right, with how long ago they were below.
    pub(super) fn graph(&self, event: &str, now: u64) -> String {
        let skipped = self.samples.len().saturating_sub(COLUMNS);
        let shown: Vec<(u64, u64)> = self.samples().skip(skipped).collect();
        let high = shown.iter().map(|it| it.1).max().unwrap_or(0);
        let low = shown.iter().map(|it| it.1).min().unwrap_or(0);
        let mut graph = format!(
            "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
            self.longest,
            "-".repeat(COLUMNS)
        );
        for row in (0..ROWS).rev() {
            let mark = |(_, millis): &(u64, u64)| column(*millis - low, high - low, row);
            graph.extend(shown.iter().map(mark));
            graph.push('\n');
        }
        graph.extend(shown.iter().map(|_| ' '));
        graph.push('\n');
        let ages: Vec<String> = shown.iter().map(|it| age(now.saturating_sub(it.0))).collect();
        for line in 0..ages.iter().map(String::len).max().unwrap_or(0) {
            graph.extend(ages.iter().map(|age| age[line..].chars().next().unwrap_or(' ')));
            graph.push('\n');
        }
        graph
    }
}

/// What a column of this height shows in a row, counted from below: a line up to the row of its top,
/// and there how far it reaches into it.
fn column(height: u64, highest: u64, row: usize) -> char {
    const TOPS: [char; 3] = ['_', 'o', '#'];
    let levels = ROWS * TOPS.len();
    let level = (height * levels as u64).checked_div(highest).unwrap_or(0) as usize;
    let level = level.min(levels - 1);
    match row.cmp(&(level / TOPS.len())) {
        std::cmp::Ordering::Less => '|',
        std::cmp::Ordering::Equal => TOPS[level % TOPS.len()],
        std::cmp::Ordering::Greater => ' ',
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_samples_stay_and_a_second_has_one() {
        let mut monitor = LatencyMonitor::default();
        for second in 0..500 {
            monitor.note("command", second, 10 + second % 7);
            monitor.note("command", second, 20);
            monitor.note("command", second, 5);
        }
        monitor.note("expire-cycle", 7, 1000);
        let series = monitor.series(b"command").unwrap();
        assert_eq!(series.samples().len(), KEPT);
        assert!(series.samples().eq((340..500).map(|second| (second, 20))));
        assert_eq!((series.latest(), series.longest()), ((499, 20), 20));
        assert_eq!(series.spread(500), (20, 0, 1.0));
        assert_eq!(monitor.reset(|event| event == "command"), 1);
        assert_eq!(monitor.events().map(|it| it.0).collect::<Vec<_>>(), ["expire-cycle"]);
    }

    #[test]
    fn a_graph_is_as_redis_draws_it() {
        let mut monitor = LatencyMonitor::default();
        for (second, millis) in [(3, 13), (4, 50), (5, 100), (6, 30), (7, 20)] {
            monitor.note("command", second, millis);
        }
        let graph = monitor.series(b"command").unwrap().graph("command", 8);
        let (head, drawn) = graph.split_once(&format!("{}\n", "-".repeat(80))).unwrap();
        assert_eq!(head, "command - high 100 ms, low 13 ms (all time high 100 ms)\n");
        assert_eq!(drawn, "  #  \n  |  \n #|  \n_||#_\n     \n54321\nsssss\n");
    }
}
