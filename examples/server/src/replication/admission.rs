//! Whether a full sync can finish, as it is logged before it begins and shown in `INFO`.

use std::time::Instant;

use redwire_outbuf::Class;
use redwire_repl::{Outlook, RateMeter, SyncForecast, SyncPlan};

use crate::config::Config;
use crate::log::{notice, warning};

/// What is known of writes and data.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// How fast the stream grows.
    writes: RateMeter,
    /// Bytes that the last RDB had.
    last_len: Option<u64>,
    /// What was said of the last full sync.
    pub(crate) forecast: Option<SyncForecast>,
}

impl Admission {
    /// The stream is so long now.
    pub(crate) fn sample(&mut self, stream: u64, now: Instant) {
        self.writes.sample(stream, now);
    }

    /// A snapshot was written whole.
    pub(crate) fn snapshot_len(&mut self, len: u64) {
        self.last_len = Some(len);
    }

    /// A full sync begins: says what is to be expected of it. `memory` is what the data takes, for
    /// want of the length of an RDB; `link_rate` is how many bytes a second a link took the last
    /// time.
    pub(crate) fn admit(
        &mut self,
        config: &Config,
        memory: u64,
        link_rate: Option<u64>,
        two_connections: bool,
    ) {
        let plan = SyncPlan {
            data: self.last_len.unwrap_or(memory),
            write_rate: self.writes.per_second(),
            link_rate,
            budget: budget(config),
            two_connections,
        };
        let forecast = plan.forecast();
        match forecast.outlook {
            Outlook::Finishes | Outlook::Unknown => notice!("Full sync estimate: {forecast}"),
            Outlook::LinkTooSlow | Outlook::BudgetTooSmall => {
                warning!("Full sync will not finish: {forecast}");
            }
        }
        self.forecast = Some(forecast);
    }
}

/// Bytes of stream that are held for a replica before it is cut: those on disk do not count for
/// the limit of its output buffer.
fn budget(config: &Config) -> Option<u64> {
    let disk = config.repl_backlog_disk;
    if disk > 0 {
        return Some(disk.saturating_add(config.repl_backlog_memory));
    }
    let hard = config.client_output_buffer_limit.class(Class::Replica).hard;
    (hard > 0).then(|| hard.max(config.repl_backlog_size))
}
