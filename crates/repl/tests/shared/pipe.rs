//! One direction of a connection.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes on their way: they arrive in their order, each when its delay is over.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    bytes: Vec<u8>,
    /// When how many of `bytes` arrive, one lot behind the other.
    lots: VecDeque<(Instant, usize)>,
}

impl Pipe {
    /// What was sent before arrives before, however long it takes.
    pub(crate) fn send(&mut self, bytes: &[u8], now: Instant, delay: Duration) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend_from_slice(bytes);
        let at = now + delay;
        match self.lots.back_mut() {
            Some((last, len)) if at <= *last => *len += bytes.len(),
            _ => self.lots.push_back((at, bytes.len())),
        }
    }

    /// How many bytes there are to receive.
    pub(crate) fn arrived(&self, now: Instant) -> usize {
        self.lots.iter().take_while(|(at, _)| *at <= now).map(|(_, len)| len).sum()
    }

    /// Moves `n` bytes that have arrived to the end of `to`.
    pub(crate) fn receive(&mut self, n: usize, to: &mut Vec<u8>) {
        to.extend(self.bytes.drain(..n));
        let mut left = n;
        while left > 0 {
            let (_, len) = self.lots.front_mut().unwrap();
            let part = left.min(*len);
            (*len, left) = (*len - part, left - part);
            if *len == 0 {
                self.lots.pop_front();
            }
        }
    }

    /// When the next of those arrive that have not.
    pub(crate) fn next_arrival(&self, now: Instant) -> Option<Instant> {
        self.lots.iter().map(|(at, _)| *at).find(|at| *at > now)
    }

    #[allow(dead_code, reason = "only one of the simulators asks")]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
