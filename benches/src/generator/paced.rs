//! An open loop: batches are sent at a rate, whether or not those before them are answered.

use std::time::{Duration, Instant};

use redwire_testkit::Server;

use super::{Batches, Connection, Run};
use crate::Outcome;

/// How often it is asked whether to go on.
const LOOK: Duration = Duration::from_millis(10);
/// Time out of the loop that no latency is to be blamed for.
const BLIND: Duration = Duration::from_micros(100);
/// A server that falls behind by this much does not keep up with the rate.
const BEHIND: Duration = Duration::from_secs(20);

/// How long batches took until their last reply, from the moment at which they were due: that a batch
/// had to wait for a connection counts.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// In microseconds, sorted.
    micros: Vec<u32>,
}

impl Latencies {
    /// Of these times, in microseconds.
    #[must_use]
    pub fn of(mut micros: Vec<u32>) -> Latencies {
        micros.sort_unstable();
        Latencies { micros }
    }

    /// The latency in milliseconds that `share` (0 to 1) of the batches did not exceed.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        let index = (self.micros.len() as f64 * share).ceil() as usize;
        let micros = self.micros.get(index.saturating_sub(1).min(last));
        micros.map_or(f64::NAN, |micros| f64::from(*micros) / 1e3)
    }

    /// Number of batches.
    #[must_use]
    pub fn count(&self) -> usize {
        self.micros.len()
    }

    /// Number of batches that took longer than this many milliseconds.
    #[must_use]
    pub fn over(&self, ms: u32) -> usize {
        self.micros.len() - self.micros.partition_point(|micros| *micros <= ms * 1000)
    }
}

/// Sends batches to a server, one each `interval`, over the connections that are free, for as long as
/// `go_on` wants, which is asked each 10 ms. Where that takes longer than 0.1 ms itself, nothing is
/// sent meanwhile, and what was under way is not counted.
///
/// # Errors
/// As [`run`](super::run); if the server falls behind by 20 seconds; what `go_on` fails with.
pub fn paced(
    server: &Server,
    batches: &Batches,
    interval: Duration,
    mut go_on: impl FnMut() -> Outcome<bool>,
) -> Outcome<Latencies> {
    let mut run = Run::connect(server, batches)?;
    let mut due = vec![None; run.connections.len()];
    let mut free: Vec<usize> = (0..run.connections.len()).collect();
    let mut micros = Vec::new();
    let (mut next, mut looked, mut goes_on) = (Instant::now(), Instant::now(), true);
    while goes_on || free.len() < run.connections.len() {
        let now = Instant::now();
        if goes_on && now - looked >= LOOK {
            (looked, goes_on) = (now, go_on()?);
            if now.elapsed() > BLIND {
                due.fill(None);
                next = next.max(Instant::now());
                continue;
            }
        }
        while goes_on && next <= now {
            let Some(index) = free.pop() else { break };
            due[index] = Some(next);
            next += interval;
            run.connections[index].send(batches, run.sent % batches.len())?;
            run.sent += 1;
        }
        if now.saturating_duration_since(next) > BEHIND {
            return Err("the server does not keep up with the rate".into());
        }
        run.look(|index| {
            free.push(index);
            let took = due[index].map(|due: Instant| due.elapsed().as_micros());
            micros.extend(took.map(|took| u32::try_from(took).unwrap_or(u32::MAX)));
        })?;
    }
    Ok(Latencies::of(micros))
}

impl Run<'_> {
    /// Handles what has come, without waiting for more; tells of the connections that are free now.
    fn look(&mut self, mut freed: impl FnMut(usize)) -> Outcome<()> {
        let mut events = std::mem::replace(&mut self.events, mio::Events::with_capacity(0));
        self.poll.poll(&mut events, Some(Duration::ZERO))?;
        for event in &events {
            let index = event.token().0;
            let connection = &mut self.connections[index];
            if event.is_writable() {
                connection.flush(self.batches)?;
            }
            if event.is_readable() && !Connection::is_idle(connection) {
                self.answered += connection.receive(self.batches.expect(), &mut self.buffer)?;
                if connection.is_idle() {
                    freed(index);
                }
            }
        }
        self.events = events;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_sorted_latencies() {
        let latencies = Latencies::of((1..=1000).rev().map(|n| n * 1000).collect());
        assert_eq!(
            [0.0, 0.5, 0.999, 1.0].map(|share| latencies.at(share)),
            [1.0, 500.0, 999.0, 1000.0]
        );
        assert_eq!((latencies.over(990), latencies.over(1000), latencies.count()), (10, 0, 1000));
        assert!(Latencies::default().at(0.5).is_nan());
    }
}
