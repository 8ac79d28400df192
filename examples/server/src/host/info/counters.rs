//! What is counted for `INFO stats`, and how fast it grows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use redwire_keyspace::acl::Reason;

/// Kinds of errors that are counted apart, so that a peer cannot make the table grow for ever.
const MAX_ERROR_CODES: usize = 128;

/// What is counted for `INFO stats`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    /// Connections accepted.
    pub(crate) connections: u64,
    /// Connections refused for `maxclients`.
    pub(crate) rejected: u64,
    /// Commands run.
    pub(crate) commands: u64,
    /// Bytes read of clients and written to them.
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Bytes read of this node's primary and written to its replicas.
    pub(crate) repl_bytes_in: u64,
    pub(crate) repl_bytes_out: u64,
    /// Reads and writes of clients' sockets that moved something.
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    /// Turns of the loop, and how long they took without the waiting between them.
    pub(crate) turns: u64,
    pub(crate) active: Duration,
    /// What of it was commands' time.
    pub(crate) in_commands: Duration,
    /// What of it was the search for keys that have expired, and how often that left some for later.
    pub(crate) in_expiry: Duration,
    pub(crate) expiry_capped: u64,
    /// Full syncs given to replicas.
    pub(crate) sync_full: u64,
    /// Partial syncs given.
    pub(crate) sync_partial_ok: u64,
    /// Partial syncs that were asked for and could not be given.
    pub(crate) sync_partial_err: u64,
    /// Commands of the primary's stream that this replica could not run.
    pub(crate) refused_by_replica: u64,
    /// Clients closed because all together took too much memory.
    pub(crate) evicted_clients: u64,
    /// Clients closed for their output buffer.
    pub(crate) output_buffer_closed: u64,
    /// Clients closed for their query buffer.
    pub(crate) query_buffer_closed: u64,
    /// Connections closed for a panic in a command: bugs of ours.
    pub(crate) panics: u64,
    /// What was denied: logins, commands, keys, channels.
    pub(crate) denied: [u64; 4],
    /// Error replies, and how many of each code (`ERR`, `WRONGTYPE` ...).
    pub(crate) errors: u64,
    pub(crate) error_codes: BTreeMap<String, u64>,
}

impl Counters {
    /// Counts what was denied, a login without a reason of rights.
    pub(crate) fn note_denied(&mut self, reason: Option<Reason>) {
        let at = match reason {
            None => 0,
            Some(Reason::Command) => 1,
            Some(Reason::Key) => 2,
            Some(Reason::Channel) => 3,
        };
        self.denied[at] += 1;
    }

    /// Counts the reply to a command, if it is an error.
    pub(crate) fn note_reply(&mut self, reply: &[u8]) {
        let Some(error) = reply.strip_prefix(b"-") else { return };
        let len = error.iter().position(u8::is_ascii_whitespace).unwrap_or(error.len());
        self.note_error(&String::from_utf8_lossy(&error[..len]));
    }

    /// Counts an error of this text, which begins with its code.
    pub(crate) fn note_error(&mut self, text: &str) {
        self.errors += 1;
        let code = text.split(' ').next().unwrap_or(text);
        if let Some(count) = self.error_codes.get_mut(code) {
            *count += 1;
        } else if self.error_codes.len() < MAX_ERROR_CODES {
            self.error_codes.insert(code.to_owned(), 1);
        }
    }
}

/// Seconds that [`Recent`] remembers, as in Redis.
const RECENT: usize = 8;

/// The largest buffers of the last seconds: `client_recent_max_input_buffer` and its kin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recent {
    /// By second since the start: which it is, largest query buffer, largest output buffer.
    seconds: [(u64, u64, u64); RECENT],
}

impl Recent {
    /// Takes note of a client's buffers, in bytes, at a moment since the start.
    pub(crate) fn note(&mut self, input: u64, output: u64, at: Duration) {
        let second = at.as_secs();
        let slot = &mut self.seconds[second as usize % RECENT];
        if slot.0 != second {
            *slot = (second, 0, 0);
        }
        *slot = (second, slot.1.max(input), slot.2.max(output));
    }

    /// The largest query buffer and the largest output buffer.
    pub(super) fn largest(&self, at: Duration) -> (u64, u64) {
        let live = |it: &&(u64, u64, u64)| at.as_secs().saturating_sub(it.0) < RECENT as u64;
        let live = || self.seconds.iter().filter(live);
        (live().map(|it| it.1).max().unwrap_or(0), live().map(|it| it.2).max().unwrap_or(0))
    }
}

/// Samples that a rate is the mean of, and the time between two of them, as in Redis.
const SAMPLES: usize = 16;
const PERIOD: Duration = Duration::from_millis(100);

/// Counters of which there is a rate: commands; bytes in and out of clients, of replication; turns of
/// the loop and their time.
const RATES: usize = 7;

/// How fast counters grow: `instantaneous_ops_per_sec` and its kin.
#[derive(Debug, Clone)]
pub(crate) struct Rates {
    /// When and at what the counters were looked at last.
    seen: (Instant, [u64; RATES]),
    /// Growth in a second, as sampled.
    samples: [[u64; RATES]; SAMPLES],
    next: usize,
}

impl Rates {
    pub(crate) fn new(now: Instant) -> Self {
        Self { seen: (now, [0; RATES]), samples: [[0; RATES]; SAMPLES], next: 0 }
    }

    /// Takes a sample if it is time for one.
    pub(crate) fn sample(&mut self, now: Instant, counters: &Counters) {
        let (since, old) = self.seen;
        let millis = now.saturating_duration_since(since).as_millis() as u64;
        if u128::from(millis) < PERIOD.as_millis() {
            return;
        }
        let new = [
            counters.commands,
            counters.bytes_in,
            counters.bytes_out,
            counters.repl_bytes_in,
            counters.repl_bytes_out,
            counters.turns,
            counters.active.as_micros() as u64,
        ];
        let mut sample = [0; RATES];
        for (rate, (new, old)) in sample.iter_mut().zip(new.into_iter().zip(old)) {
            // After CONFIG RESETSTAT a counter is less than it was.
            *rate = new.saturating_sub(old).saturating_mul(1000) / millis;
        }
        self.samples[self.next] = sample;
        self.next = (self.next + 1) % SAMPLES;
        self.seen = (now, new);
    }

    /// Commands in a second.
    pub(super) fn commands(&self) -> u64 {
        self.mean(0)
    }

    /// KiB in a second that were read.
    pub(super) fn kib_in(&self) -> f64 {
        self.mean(1) as f64 / 1024.0
    }

    /// KiB in a second that were written.
    pub(super) fn kib_out(&self) -> f64 {
        self.mean(2) as f64 / 1024.0
    }

    /// KiB in a second that were read of the primary.
    pub(super) fn repl_kib_in(&self) -> f64 {
        self.mean(3) as f64 / 1024.0
    }

    /// KiB in a second that were written to replicas.
    pub(super) fn repl_kib_out(&self) -> f64 {
        self.mean(4) as f64 / 1024.0
    }

    /// Turns of the loop in a second.
    pub(super) fn turns(&self) -> u64 {
        self.mean(5)
    }

    /// How many us a turn takes.
    pub(super) fn turn_us(&self) -> u64 {
        self.mean(6).checked_div(self.turns()).unwrap_or(0)
    }

    fn mean(&self, which: usize) -> u64 {
        self.samples.iter().map(|sample| sample[which]).sum::<u64>() / SAMPLES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_replies_are_counted_by_code() {
        let mut counters = Counters::default();
        for reply in ["+OK\r\n", "-ERR a\r\n", "-ERR b\r\n", "-OOPS\r\n", "$1\r\n-\r\n", ""] {
            counters.note_reply(reply.as_bytes());
        }
        let codes = [("ERR".to_owned(), 2), ("OOPS".to_owned(), 1)];
        assert_eq!(counters.error_codes, BTreeMap::from(codes));
        for n in 0..1000 {
            counters.note_reply(format!("-E{n} x\r\n").as_bytes());
        }
        assert_eq!((counters.errors, counters.error_codes.len()), (1003, MAX_ERROR_CODES));
    }

    #[test]
    fn the_largest_buffers_are_those_of_the_last_seconds() {
        let mut recent = Recent::default();
        let mut twin: Vec<(u64, u64, u64)> = Vec::new();
        for n in 0..4000_u64 {
            // Bursts, and silence between them that outlasts the memory.
            let at = Duration::from_millis(n * 7 + n / 1000 * 12_000);
            let (input, output) = (n * 7919 % 1000, n * 104_729 % 1000);
            recent.note(input, output, at);
            twin.push((at.as_secs(), input, output));
            let live = || twin.iter().rev().take_while(|it| at.as_secs() - it.0 < RECENT as u64);
            let expected = (live().map(|it| it.1).max(), live().map(|it| it.2).max());
            let (input, output) = recent.largest(at);
            assert_eq!((Some(input), Some(output)), expected, "{n}");
        }
        assert_eq!(recent.largest(Duration::from_secs(1000)), (0, 0));
    }

    #[test]
    fn a_rate_is_the_mean_of_the_last_samples() {
        #[expect(clippy::disallowed_methods, reason = "an instant to count from")]
        let start = Instant::now();
        let mut rates = Rates::new(start);
        let mut counters = Counters::default();
        for turn in 1..=100 {
            // 50 commands each 50 ms, every second call too early for a sample.
            counters.commands += 50;
            counters.bytes_in += 512;
            counters.turns += 10;
            counters.active += Duration::from_micros(300);
            rates.sample(start + turn * PERIOD / 2, &counters);
        }
        assert_eq!(rates.commands(), 1000);
        assert!((rates.kib_in() - 10.0).abs() < 0.01);
        assert!(rates.kib_out() < 0.01);
        assert_eq!((rates.turns(), rates.turn_us()), (200, 30));
        rates.sample(start + PERIOD * 60, &Counters::default());
        assert_eq!(rates.commands(), 1000 * 15 / 16, "a reset counter did not grow");
    }
}
