//! `INFO replication`, as Redis prints it: Sentinel, operators and the tests of clients read it.

use std::time::Duration;

use redwire_keyspace::Keyspace;
use redwire_repl::{Backlog, Offset, Primary, ReplicaPhase, ReplicaStatus};

use super::page::Page;
use crate::config::{Config, Endpoint};
use crate::core::Core;
use crate::replication::Upstream;

pub(super) fn replication(page: &mut Page, core: &Core, _keyspace: &Keyspace) {
    match &core.config.replicaof {
        None => page.field("role", "master"),
        Some(endpoint) => {
            page.field("role", "slave");
            let status = core.upstream.as_ref().map(|upstream| upstream.status(core.now));
            own_primary(page, endpoint, status, core.down_before);
            let (kept, peak) = core.upstream.as_ref().map_or((0, 0), Upstream::kept);
            // By their names of Redis 8 and Valkey 8.
            for vendor in ["replica_full_sync_buffer", "replicas_repl_buffer"] {
                page.field(format_args!("{vendor}_size"), kept);
                page.field(format_args!("{vendor}_peak"), peak);
            }
            if let Some(replid) = core.upstream.as_ref().and_then(Upstream::refused) {
                page.field("redwire_refused_empty_primary", replid);
            }
            settings(page, &core.config);
        }
    }
    replicas(page, core);
    forecast(page, core);
    page.field("master_failover_state", core.failover.name());
    stream(page, &core.primary, core.disk_wait.waited());
}

/// The link to the primary that this node follows. While a file is loaded at start there is none.
fn own_primary(
    page: &mut Page,
    endpoint: &Endpoint,
    status: Option<ReplicaStatus>,
    before: Duration,
) {
    let up = status.is_some_and(|status| status.phase == ReplicaPhase::Connected);
    let syncing = status.filter(|status| status.phase == ReplicaPhase::Sync);
    let seconds = |time: Option<Duration>| time.map_or(-1, |time| time.as_secs() as i64);
    page.field("master_host", &endpoint.host);
    page.field("master_port", endpoint.port);
    page.field("master_link_status", if up { "up" } else { "down" });
    page.field("master_last_io_seconds_ago", seconds(status.and_then(|it| it.last_io)));
    page.flag("master_sync_in_progress", syncing.is_some());
    // From here on some have their names of Redis 8.6.
    let uptime = status.map(|status| status.uptime).unwrap_or_default();
    page.field("master_current_sync_attempts", uptime.attempts);
    page.field("master_total_sync_attempts", uptime.attempts_total);
    page.field("slave_read_repl_offset", status.map_or(Offset::ZERO, |it| it.received).get());
    page.field("slave_repl_offset", status.map_or(Offset::ZERO, |it| it.applied).get());
    if let Some(status) = syncing {
        // 0 where the length is not known, as in Redis when the end is marked.
        let total = status.sync_total.unwrap_or(0);
        let percent = match total {
            0 => 0.0,
            total => 100.0 * status.sync_read as f64 / total as f64,
        };
        page.field("master_sync_total_bytes", total);
        page.field("master_sync_read_bytes", status.sync_read);
        page.field("master_sync_left_bytes", i128::from(total) - i128::from(status.sync_read));
        page.field("master_sync_perc", format_args!("{percent:.2}"));
        page.field("master_sync_last_io_seconds_ago", seconds(status.sync_last_io));
    }
    if up {
        page.field("master_link_up_since_seconds", seconds(uptime.up_for));
    } else {
        page.field("master_link_down_since_seconds", seconds(uptime.down_for));
    }
    page.field("total_disconnect_time_sec", (before + uptime.down_total).as_secs());
}

/// What Sentinel wants to know of a replica.
fn settings(page: &mut Page, config: &Config) {
    page.field("slave_priority", config.replica_priority);
    page.flag("slave_read_only", config.replica_read_only);
    page.flag("replica_announced", config.replica_announced);
}

fn replicas(page: &mut Page, core: &Core) {
    let config = &core.config;
    page.field("connected_slaves", core.primary.replicas(core.now).count());
    let max_lag = config.min_replicas_max_lag;
    if config.min_replicas_to_write > 0 && !max_lag.is_zero() {
        page.field("min_slaves_good_slaves", core.primary.good_replicas(max_lag, core.now));
    }
    // By its name of Valkey 8, as is the type of a connection.
    page.field("replicas_waiting_psync", core.primary.waiting_psync());
    for (number, view) in core.primary.replicas(core.now).enumerate() {
        let peer = core.clients.get(&view.id.0).map_or("", |client| client.peer_ip());
        let (ip, port) = (view.ip.unwrap_or(peer), view.port);
        let (state, offset, lag, kind) = (view.state, view.acked.get(), view.lag, view.kind);
        page.field(
            format_args!("slave{number}"),
            format_args!("ip={ip},port={port},state={state},offset={offset},lag={lag},type={kind}"),
        );
    }
}

/// The stream that this node writes or passes on, and what it keeps of it.
fn stream(page: &mut Page, primary: &Primary, waited: Duration) {
    let (history, backlog) = (primary.history(), primary.backlog());
    let second = history.second_offset().map_or(-1, |at| at.next_byte() as i64);
    let size = primary.config().backlog_size;
    page.field("master_replid", history.replid());
    page.field("master_replid2", history.replid2());
    page.field("master_repl_offset", primary.offset().get());
    page.field("second_repl_offset", second);
    page.flag("repl_backlog_active", backlog.is_some());
    page.field("repl_backlog_size", size);
    let first = backlog.map_or(0, |backlog| backlog.first().next_byte());
    page.field("repl_backlog_first_byte_offset", first);
    page.field("repl_backlog_histlen", backlog.map_or(0, Backlog::len));
    if let Some(backlog) = backlog {
        spill(page, backlog, waited);
    }
}

/// What was to be expected of the last full sync, when it began.
fn forecast(page: &mut Page, core: &Core) {
    let Some(forecast) = &core.admission.forecast else { return };
    let plan = &forecast.plan;
    page.field("redwire_sync_outlook", forecast.outlook.name());
    page.field("redwire_sync_data_bytes", plan.data);
    page.field("redwire_sync_write_rate", plan.write_rate);
    page.field("redwire_sync_link_rate", plan.link_rate.unwrap_or(0));
    page.field("redwire_sync_needed_link_rate", forecast.needed_rate);
    page.field("redwire_sync_held_bytes", forecast.held.unwrap_or(0));
    page.field("redwire_sync_held_limit", plan.budget.unwrap_or(0));
    let seconds = forecast.time.map_or(-1, |time| time.as_secs_f64().ceil() as i64);
    page.field("redwire_sync_seconds", seconds);
}

/// What of the stream is in memory, and what on disk.
fn spill(page: &mut Page, backlog: &Backlog, waited: Duration) {
    let stats = backlog.spill_stats();
    page.field("redwire_repl_memory", backlog.allocated());
    page.field("redwire_repl_spill_segments", stats.segments);
    page.field("redwire_repl_spill_bytes", stats.disk);
    page.field("redwire_repl_spill_loaded_bytes", stats.loaded);
    page.field("redwire_repl_spill_stored_bytes", stats.stored);
    page.field("redwire_repl_spill_fetched_segments", stats.fetched);
    page.flag("redwire_repl_spill_failing", stats.failing);
    page.field("redwire_repl_spill_waited_ms", waited.as_millis());
}
