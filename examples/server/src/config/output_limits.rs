//! `client-output-buffer-limit`.

use std::fmt;
use std::time::Duration;

use super::grammar;
use super::setting::{Setting, Value, ValueError};

/// Limits on the reply bytes that wait for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputLimit {
    /// Bytes at which the client is closed at once; 0 is no limit.
    pub(crate) hard: u64,
    /// Bytes above which the client is closed after `soft_period`; 0 is no limit.
    pub(crate) soft: u64,
    /// Time that a client may stay above `soft`.
    pub(crate) soft_period: Duration,
}

impl OutputLimit {
    /// Limits in bytes, bytes and seconds.
    pub(crate) const fn new(hard: u64, soft: u64, soft_seconds: u64) -> Self {
        Self { hard, soft, soft_period: Duration::from_secs(soft_seconds) }
    }
}

impl fmt::Display for OutputLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.hard, self.soft, self.soft_period.as_secs())
    }
}

/// `client-output-buffer-limit`: limits for each class of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputLimits {
    /// Ordinary clients.
    pub(crate) normal: OutputLimit,
    /// Replicas.
    pub(crate) replica: OutputLimit,
    /// Clients with a subscription.
    pub(crate) pubsub: OutputLimit,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            normal: OutputLimit::new(0, 0, 0),
            replica: OutputLimit::new(256 << 20, 64 << 20, 60),
            pubsub: OutputLimit::new(32 << 20, 8 << 20, 60),
        }
    }
}

impl fmt::Display for OutputLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // CONFIG GET of Redis still says slave here.
        write!(f, "normal {} slave {} pubsub {}", self.normal, self.replica, self.pubsub)
    }
}

impl OutputLimits {
    /// The arguments of one line of redis.conf for each class.
    pub(super) fn lines(&self) -> Vec<Vec<u8>> {
        [("normal", self.normal), ("replica", self.replica), ("pubsub", self.pubsub)]
            .map(|(class, limit)| {
                let [hard, soft] = [limit.hard, limit.soft].map(grammar::with_unit);
                format!("{class} {hard} {soft} {}", limit.soft_period.as_secs()).into_bytes()
            })
            .to_vec()
    }

    fn class(&mut self, name: &[u8]) -> Option<&mut OutputLimit> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Some(&mut self.normal),
            b"replica" | b"slave" => Some(&mut self.replica),
            b"pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }
}

/// Classes that are not named keep their limits.
impl Setting for OutputLimits {
    fn value(&self) -> Value {
        Value::Words(self.to_string().split(' ').map(|word| word.as_bytes().to_vec()).collect())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let words = value.words()?;
        let (groups, []) = words.as_chunks::<4>() else {
            let text = "Wrong number of arguments in buffer limit configuration.";
            return Err(ValueError::Other(text));
        };
        let mut limits = *self;
        for [class, hard, soft, seconds] in groups {
            let class = limits.class(class).ok_or(ValueError::Other(
                "Invalid client class specified in buffer limit configuration.",
            ))?;
            *class = output_limit(hard, soft, seconds).ok_or(ValueError::Other(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ))?;
        }
        *self = limits;
        Ok(())
    }
}

fn output_limit(hard: &[u8], soft: &[u8], seconds: &[u8]) -> Option<OutputLimit> {
    let seconds = grammar::integer(seconds)?.try_into().ok()?;
    Some(OutputLimit::new(grammar::memory(hard)?, grammar::memory(soft)?, seconds))
}
