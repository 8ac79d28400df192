//! What commands came to: `INFO commandstats` and `latencystats`.

use redwire_keyspace::Keyspace;

use super::page::Page;
use crate::core::Core;

pub(super) fn commandstats(page: &mut Page, core: &Core, _keyspace: &Keyspace) {
    for stat in core.command_stats.sorted() {
        let micros = stat.took / 1000;
        let per_call = if stat.calls == 0 { 0.0 } else { micros as f64 / stat.calls as f64 };
        let (calls, rejected, failed) = (stat.calls, stat.rejected, stat.failed);
        page.field(
            format_args!("cmdstat_{}", stat.name),
            format_args!(
                "calls={calls},usec={micros},usec_per_call={per_call:.2},\
                 rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

pub(super) fn latencystats(page: &mut Page, core: &Core, _keyspace: &Keyspace) {
    if !core.config.latency_tracking {
        return;
    }
    let percentiles = &core.config.latency_tracking_info_percentiles.0;
    for stat in core.command_stats.sorted() {
        let Some(times) = stat.times() else { continue };
        let told = percentiles
            .iter()
            .map(|percent| format!("p{percent}={:.3}", times.percentile(*percent) as f64 / 1000.0));
        let told: Vec<String> = told.collect();
        page.field(format_args!("latency_percentiles_usec_{}", stat.name), told.join(","));
    }
}
