//! The sections of `INFO`, but for replication. Fields have Redis' names, order and units. What
//! cannot happen here is 0 ([`never`](super::never)); what this server cannot know is left out.

use std::time::Duration;

use redwire_keyspace::Keyspace;

use super::super::memory::Report;
use super::REDIS_VERSION;
use super::page::Page;
use super::process::{self, CpuTime};
use crate::config::Config;
use crate::core::Core;
use crate::host::ClientInfo;
use crate::net::Standing;
use crate::replication::Upstream;

/// Bits of the clock that Redis dates its keys with, in seconds.
const LRU_CLOCK: u64 = (1 << 24) - 1;

pub(super) fn server(page: &mut Page, core: &Core, _keyspace: &Keyspace) {
    let config = &core.config;
    let now = crate::clock::since_epoch();
    let uptime = core.now.saturating_duration_since(core.started).as_secs();
    let os = rustix::system::uname();
    let [name, release, machine] =
        [os.sysname(), os.release(), os.machine()].map(|it| it.to_string_lossy());
    page.field("redis_version", REDIS_VERSION);
    page.field("redwire_version", env!("CARGO_PKG_VERSION"));
    page.field("redis_mode", "standalone");
    page.field("os", format_args!("{name} {release} {machine}"));
    page.field("arch_bits", usize::BITS);
    page.field("monotonic_clock", "POSIX clock_gettime");
    if cfg!(target_os = "linux") {
        page.field("multiplexing_api", "epoll");
    }
    page.field("process_id", std::process::id());
    page.field("process_supervised", config.supervised.name());
    page.field("run_id", &core.run_id);
    page.field("tcp_port", config.port);
    page.field("server_time_usec", now.as_micros());
    page.field("uptime_in_seconds", uptime);
    page.field("uptime_in_days", uptime / (24 * 60 * 60));
    page.field("hz", config.hz);
    page.field("configured_hz", config.hz);
    page.field("lru_clock", now.as_secs() & LRU_CLOCK);
    if let Ok(executable) = std::env::current_exe() {
        page.field("executable", executable.display());
    }
    let file = config.config_file.as_deref().unwrap_or("".as_ref());
    page.field("config_file", file.display());
    // Of Valkey 8.1.
    page.field("availability_zone", config.availability_zone.as_deref().unwrap_or_default());
    listeners(page, config);
}

/// What the server is to listen on, by its names of 7.2.
fn listeners(page: &mut Page, config: &Config) {
    let mut number = 0;
    if config.port > 0 {
        let binds: String = config.bind.iter().map(|it| format!("bind={it},")).collect();
        page.field("listener0", format_args!("name=tcp,{binds}port={}", config.port));
        number += 1;
    }
    if let Some(path) = &config.unixsocket {
        let path = path.display();
        page.field(format_args!("listener{number}"), format_args!("name=unix,bind={path}"));
    }
}

pub(super) fn clients(page: &mut Page, core: &Core, keyspace: &Keyspace) {
    let clients = || core.clients.values();
    let ordinary = clients().filter(|client| client.standing != Standing::Replica).count();
    let upstream = core.upstream.as_ref().is_some_and(Upstream::is_up);
    page.field("connected_clients", ordinary + usize::from(upstream));
    page.flag("cluster_connections", false);
    page.field("maxclients", core.config.maxclients);
    let since_start = core.now.saturating_duration_since(core.started);
    let (input, output) = core.recent.largest(since_start);
    page.field("client_recent_max_input_buffer", input);
    page.field("client_recent_max_output_buffer", output);
    page.field("blocked_clients", clients().filter(|client| client.is_blocked).count());
    page.field("tracking_clients", core.tracking.counts()[0]);
    // By their names of 7.4.
    page.field("pubsub_clients", clients().filter(|client| client.is_listening()).count());
    page.field("watching_clients", clients().filter(|client| client.watched > 0).count());
    let timed = |client: &&ClientInfo| client.has_deadline;
    page.field("clients_in_timeout_table", clients().filter(timed).count());
    page.field("total_watched_keys", clients().map(|client| client.watched).sum::<usize>());
    let (keys, on_nokey) = keyspace.waited_keys();
    page.field("total_blocking_keys", keys);
    page.field("total_blocking_keys_on_nokey", on_nokey);
    // Fields of Valkey 9.
    let (reason, actions) = match core.pause {
        Some(pause) => ("client_pause", if pause.all { "all" } else { "write" }),
        None => ("none", "none"),
    };
    let left = core.pause.map(|pause| pause.until.saturating_duration_since(core.now));
    page.field("paused_reason", reason);
    page.field("paused_actions", actions);
    page.field("paused_timeout_milliseconds", left.map_or(0, |left| left.as_millis()));
}

pub(super) fn memory(page: &mut Page, core: &Core, keyspace: &Keyspace) {
    let report = Report::new(core, keyspace);
    page.bytes("used_memory", report.used);
    page.bytes("used_memory_rss", report.resident);
    page.bytes("used_memory_peak", report.peak);
    // Of Redis 8.6.
    page.field("used_memory_peak_time", report.peak_time);
    page.field("used_memory_peak_perc", format_args!("{:.2}%", report.peak_percentage()));
    page.field("used_memory_overhead", report.overhead());
    page.field("used_memory_startup", report.startup);
    page.field("used_memory_dataset", report.dataset());
    page.field("used_memory_dataset_perc", format_args!("{:.2}%", report.dataset_percentage()));
    page.field("allocator_allocated", report.books.allocated);
    page.field("allocator_active", report.books.active);
    page.field("allocator_resident", report.books.resident);
    page.field("allocator_muzzy", report.books.muzzy);
    if let Some(total) = process::system_memory() {
        page.bytes("total_system_memory", total);
    }
    let functions = || keyspace.data().functions();
    page.field("used_memory_functions", functions().map(|code| code.len() as u64).sum::<u64>());
    page.field("number_of_libraries", functions().count());
    page.bytes("maxmemory", core.config.maxmemory);
    page.field("maxmemory_policy", core.config.maxmemory_policy.name());
    let fragmentation = [
        ("allocator_frag", report.books.fragmentation()),
        ("allocator_rss", report.books.held()),
        ("rss_overhead", report.beside_allocator()),
        ("mem_fragmentation", report.fragmentation()),
    ];
    for (name, (ratio, bytes)) in fragmentation {
        page.field(format_args!("{name}_ratio"), format_args!("{ratio:.2}"));
        page.field(format_args!("{name}_bytes"), bytes);
    }
    page.field("mem_not_counted_for_evict", core.not_counted_for_eviction());
    page.field("mem_replication_backlog", report.backlog());
    page.field("mem_total_replication_buffers", report.stream);
    page.field("mem_clients_slaves", report.replicas);
    page.field("mem_clients_normal", report.clients);
    page.field("mem_allocator", crate::memory::allocator());
    let waiting = keyspace.garbage().len() as u64;
    page.field("lazyfree_pending_objects", core.freeing.objects() + waiting);
    page.field("lazyfreed_objects", core.freeing.freed());
    let kept = core.upstream.as_ref().map_or(0, Upstream::kept_in_memory);
    // By its names of Redis 8 and Valkey 8.
    page.field("mem_replica_full_sync_buffer", kept);
    page.field("mem_replicas_repl_buffer", kept);
}

pub(super) fn persistence(page: &mut Page, core: &Core, keyspace: &Keyspace) {
    let saves = &core.saves;
    let seconds = |time: Option<Duration>| time.map_or(-1, |time| time.as_secs() as i64);
    let status = |ok: bool| if ok { "ok" } else { "err" };
    page.flag("loading", core.loading.is_some());
    let syncing = core.upstream.as_ref().is_some_and(Upstream::is_syncing);
    page.flag("async_loading", syncing);
    let running = saves.running.as_ref();
    page.field("current_save_keys_processed", running.map_or(0, |it| it.keys_walked));
    page.field("current_save_keys_total", running.map_or(0, |it| it.keys));
    page.field("rdb_changes_since_last_save", saves.changes_since(keyspace));
    page.flag("rdb_bgsave_in_progress", saves.running.is_some());
    page.field("rdb_last_save_time", saves.last_save.as_secs());
    page.field("rdb_last_bgsave_status", status(!saves.last_failed()));
    page.field("rdb_last_bgsave_time_sec", seconds(saves.last_took));
    let took = running.map(|running| core.now.saturating_duration_since(running.began));
    page.field("rdb_current_bgsave_time_sec", seconds(took));
    page.field("rdb_saves", saves.count);
    page.field("rdb_saves_consecutive_failures", saves.failures);
    page.field("rdb_last_load_keys_expired", saves.last_load.expired);
    page.field("rdb_last_load_keys_loaded", saves.last_load.keys);
    // There is no append-only file that could have been rewritten, or could not be written.
    page.field("aof_last_rewrite_time_sec", -1);
    page.field("aof_current_rewrite_time_sec", -1);
    page.field("aof_last_bgrewrite_status", status(true));
    page.field("aof_last_write_status", status(true));
    loading(page, core);
}

/// What is said only while the file is being loaded.
fn loading(page: &mut Page, core: &Core) {
    let Some(loading) = core.loading else { return };
    let (read, total) = (loading.read, loading.total);
    let elapsed = core.now.saturating_duration_since(loading.began).as_secs();
    let percent = 100.0 * read as f64 / total.max(1) as f64;
    // As long for each byte that is left as for each that was read.
    let left = u128::from(elapsed) * u128::from(total.saturating_sub(read));
    let eta = if read == 0 { 1 } else { left / u128::from(read) };
    page.field("loading_start_time", loading.began_unix.as_secs());
    page.field("loading_total_bytes", total);
    page.field("loading_loaded_bytes", read);
    page.field("loading_loaded_perc", format_args!("{percent:.2}"));
    page.field("loading_eta_seconds", eta);
}

pub(super) fn stats(page: &mut Page, core: &Core, keyspace: &Keyspace) {
    let (counters, rates, keys) = (&core.counters, &core.rates, keyspace.stats());
    page.field("total_connections_received", counters.connections);
    page.field("total_commands_processed", counters.commands);
    page.field("instantaneous_ops_per_sec", rates.commands());
    page.field("total_net_input_bytes", counters.bytes_in);
    page.field("total_net_output_bytes", counters.bytes_out);
    page.field("total_net_repl_input_bytes", counters.repl_bytes_in);
    page.field("total_net_repl_output_bytes", counters.repl_bytes_out);
    page.field("instantaneous_input_kbps", format_args!("{:.2}", rates.kib_in()));
    page.field("instantaneous_output_kbps", format_args!("{:.2}", rates.kib_out()));
    page.field("instantaneous_input_repl_kbps", format_args!("{:.2}", rates.repl_kib_in()));
    page.field("instantaneous_output_repl_kbps", format_args!("{:.2}", rates.repl_kib_out()));
    page.field("rejected_connections", counters.rejected);
    page.field("sync_full", counters.sync_full);
    page.field("sync_partial_ok", counters.sync_partial_ok);
    page.field("sync_partial_err", counters.sync_partial_err);
    page.field("expired_subkeys", keys.expired_fields);
    page.field("expired_subkeys_active", keys.expired_fields_active);
    page.field("expired_fields", keys.expired_fields);
    page.field("expired_keys", keys.expired_keys);
    page.field("expired_keys_active", keys.expired_keys_active);
    page.field("expired_time_cap_reached_count", counters.expiry_capped);
    page.field("expire_cycle_cpu_milliseconds", counters.in_expiry.as_millis());
    page.field("evicted_keys", keys.evicted_keys);
    page.field("evicted_clients", counters.evicted_clients);
    let (exceeded, now) = core.eviction.exceeded(core.now);
    for (of, count) in ["auth", "cmd", "key", "channel"].iter().zip(counters.denied) {
        page.field(format_args!("acl_access_denied_{of}"), count);
    }
    page.field("migrate_cached_sockets", core.migrations.kept());
    page.field("total_eviction_exceeded_time", exceeded.as_millis());
    page.field("current_eviction_exceeded_time", now.as_millis());
    page.field("keyspace_hits", keys.keyspace_hits);
    page.field("keyspace_misses", keys.keyspace_misses);
    page.field("pubsub_channels", core.pubsub.channel_count());
    page.field("pubsub_patterns", core.pubsub.pattern_count());
    page.field("pubsubshard_channels", core.pubsub.shard_channel_count());
    let [_, keys, items, prefixes] = core.tracking.counts();
    page.field("tracking_total_keys", keys);
    page.field("tracking_total_items", items);
    page.field("tracking_total_prefixes", prefixes);
    page.field("unexpected_error_replies", counters.refused_by_replica);
    page.field("total_error_replies", counters.errors);
    page.field("total_reads_processed", counters.reads);
    page.field("total_writes_processed", counters.writes);
    // By their names of 7.2.
    page.field("client_query_buffer_limit_disconnections", counters.query_buffer_closed);
    page.field("client_output_buffer_limit_disconnections", counters.output_buffer_closed);
    page.field("redwire_command_panics", counters.panics);
    page.field("eventloop_cycles", counters.turns);
    page.field("eventloop_duration_sum", counters.active.as_micros());
    page.field("eventloop_duration_cmd_sum", counters.in_commands.as_micros());
    page.field("instantaneous_eventloop_cycles_per_sec", rates.turns());
    page.field("instantaneous_eventloop_duration_usec", rates.turn_us());
}

pub(super) fn cpu(page: &mut Page, core: &Core, _keyspace: &Keyspace) {
    let seconds = |time: Duration| format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    if let Some(time) = CpuTime::of_process() {
        page.field("used_cpu_sys", seconds(time.system));
        page.field("used_cpu_user", seconds(time.user));
        page.field("used_cpu_sys_children", seconds(time.children_system));
        page.field("used_cpu_user_children", seconds(time.children_user));
    }
    // Commands run on the main thread alone, so it is this one.
    if let Some(time) = CpuTime::of_thread() {
        page.field("used_cpu_sys_main_thread", seconds(time.system));
        page.field("used_cpu_user_main_thread", seconds(time.user));
    }
    // By its name of Valkey 9.
    page.field("used_active_time_main_thread", seconds(core.counters.active));
}

pub(super) fn errorstats(page: &mut Page, core: &Core, _keyspace: &Keyspace) {
    for (code, count) in &core.counters.error_codes {
        page.field(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn keyspace(page: &mut Page, _core: &Core, keyspace: &Keyspace) {
    let data = keyspace.data();
    for db in (0..data.database_count()).filter(|db| data.len(*db) > 0) {
        let (keys, expires) = (data.len(db), data.expiring(db));
        let hashes = data.field_expiring(db);
        let value = format_args!("keys={keys},expires={expires},avg_ttl=0,subexpiry={hashes}");
        page.field(format_args!("db{db}"), value);
    }
}
