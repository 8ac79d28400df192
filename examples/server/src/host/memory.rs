//! `MEMORY`, and what `INFO memory` says: where the memory is.

use redwire_keyspace::{CommandError, CommandResult, Context, Keyspace};
use redwire_outbuf::Class;
use redwire_repl::Backlog;
use redwire_resp::{Encoder, Request, parse_i64};

use super::is;
use super::subcommands::{Subcommand, dispatch};
use crate::core::{Action, Core};
use crate::memory::{self, Books, beyond};

/// Elements of a collection that tell what all of them take, unless told otherwise.
const SAMPLES: usize = 5;

/// Free memory of fewer bytes is not worth a word.
const MUCH: i64 = 10 << 20;

/// Below this many bytes there is nothing to be said about how they are used.
const LITTLE: u64 = 5 << 20;

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::new("memory|doctor", 2, doctor),
    Subcommand::new("memory|help", 2, |_, context, _| super::help(context, "MEMORY", HELP)),
    Subcommand::new("memory|malloc-stats", 2, malloc_stats),
    Subcommand::new("memory|purge", 2, purge),
    Subcommand::new("memory|stats", 2, stats),
    Subcommand::new("memory|usage", -3, usage),
];

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];

/// Where the memory is, in bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    /// Allocated, at the moment, at most (and when that was, in seconds since 1970), and when the server
    /// was up with no data.
    pub(super) used: u64,
    pub(super) peak: u64,
    pub(super) peak_time: u64,
    pub(super) startup: u64,
    /// Of the process in RAM.
    pub(super) resident: u64,
    /// What the allocator has of it.
    pub(super) books: Books,
    /// The stream for replicas as far as it is in memory, and what of that only slow ones need.
    pub(super) stream: u64,
    pub(super) lagging: u64,
    /// Connections of replicas, and of others.
    pub(super) replicas: u64,
    pub(super) clients: u64,
    pub(super) keys: u64,
    /// For each database with keys: its tables, and its index of expiries.
    pub(super) databases: Vec<(u32, u64, u64)>,
}

impl Report {
    pub(super) fn new(core: &Core, keyspace: &Keyspace) -> Self {
        let used = memory::allocated();
        let backlog = core.primary.backlog();
        let lagging = backlog.map_or(0, Backlog::memory_beyond_window);
        let data = keyspace.data();
        let filled = (0..data.database_count()).filter(|db| data.len(*db) > 0);
        let databases = filled.clone().map(|db| {
            let (tables, expiries) = data.overhead(db);
            (db, tables as u64, expiries as u64)
        });
        Self {
            used,
            peak: core.memory_peak.max(used),
            peak_time: if used > core.memory_peak {
                core.unix_ms.0 / 1000
            } else {
                core.memory_peaked
            },
            startup: core.memory_at_start,
            resident: super::info::resident_memory(),
            books: Books::read(),
            stream: backlog.map_or(0, Backlog::allocated),
            lagging,
            replicas: core.ledger.total(Class::Replica) + lagging + core.snapshot_memory,
            clients: core.ledger.total(Class::Normal) + core.ledger.total(Class::PubSub),
            keys: filled.map(|db| data.len(db) as u64).sum(),
            databases: databases.collect(),
        }
    }

    /// The backlog alone.
    pub(super) fn backlog(&self) -> u64 {
        self.stream - self.lagging.min(self.stream)
    }

    /// All that is not data.
    pub(super) fn overhead(&self) -> u64 {
        let tables: u64 =
            self.databases.iter().map(|(_, tables, expiries)| tables + expiries).sum();
        self.startup + self.backlog() + self.replicas + self.clients + tables
    }

    pub(super) fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// Of what came since the start, how much is data.
    pub(super) fn dataset_percentage(&self) -> f64 {
        let since_start = self.used.saturating_sub(self.startup);
        if since_start == 0 { 0.0 } else { percentage(self.dataset(), since_start) }
    }

    pub(super) fn peak_percentage(&self) -> f64 {
        percentage(self.used, self.peak)
    }

    /// How many times what is allocated is in RAM, and how many bytes that is more.
    pub(super) fn fragmentation(&self) -> (f64, i64) {
        beyond(self.resident, self.used)
    }

    /// The same of what is in RAM, over what the allocator holds: the program, and the stacks of its
    /// threads. It is less than nothing where the system has taken pages that were not used yet.
    pub(super) fn beside_allocator(&self) -> (f64, i64) {
        beyond(self.resident, self.books.resident)
    }
}

fn percentage(part: u64, of: u64) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}

pub(super) fn memory(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SUBCOMMANDS, core, context, request)
}

fn usage(_core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let mut samples = SAMPLES;
    let mut args = request.iter().skip(3);
    while let Some(option) = args.next() {
        let value = args.next().filter(|_| is(option, "samples")).ok_or(CommandError::Syntax)?;
        let count = parse_i64(value).ok_or(CommandError::NotInteger)?;
        samples = usize::try_from(count).map_err(|_| CommandError::Syntax)?;
    }
    match context.data.memory_usage(&request[2], samples) {
        Some(bytes) => context.reply.integer(bytes as i64),
        None => context.reply.null(),
    }
    Ok(())
}

/// Redis' figures, in Redis' order.
fn stats(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let report = Report::new(core, context.data.keyspace());
    let (ratio, bytes) = report.fragmentation();
    let books = report.books;
    let per_key = report.used.saturating_sub(report.startup).checked_div(report.keys).unwrap_or(0);
    let reply = &mut context.reply;
    let before = [
        ("peak.allocated", report.peak),
        ("total.allocated", report.used),
        ("startup.allocated", report.startup),
        ("replication.backlog", report.backlog()),
        ("clients.slaves", report.replicas),
        ("clients.normal", report.clients),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", 0),
        ("functions.caches", 0),
    ];
    let behind = [
        ("overhead.total", report.overhead()),
        ("keys.count", report.keys),
        ("keys.bytes-per-key", per_key),
        ("dataset.bytes", report.dataset()),
    ];
    let ratios = [
        ("dataset.percentage", report.dataset_percentage()),
        ("peak.percentage", report.peak_percentage()),
    ];
    let allocator = [
        ("allocator.allocated", books.allocated),
        ("allocator.active", books.active),
        ("allocator.resident", books.resident),
        ("allocator.muzzy", books.muzzy),
    ];
    let fragmentation = [
        ("allocator-fragmentation", books.fragmentation()),
        ("allocator-rss", books.held()),
        ("rss-overhead", report.beside_allocator()),
    ];
    let pairs = before.len() + report.databases.len() + behind.len() + ratios.len();
    reply.map(pairs + allocator.len() + 2 * fragmentation.len() + 2);
    before.into_iter().for_each(|field| integer(reply, field));
    databases(reply, &report);
    behind.into_iter().for_each(|field| integer(reply, field));
    for (name, value) in ratios {
        reply.bulk(name.as_bytes());
        reply.double(value);
    }
    allocator.into_iter().for_each(|field| integer(reply, field));
    for (name, (ratio, bytes)) in fragmentation {
        ratio_and_bytes(reply, &format!("{name}.ratio"), ratio, &format!("{name}.bytes"), bytes);
    }
    ratio_and_bytes(reply, "fragmentation", ratio, "fragmentation.bytes", bytes);
    Ok(())
}

/// What the tables of each database take, beside their entries.
fn databases(reply: &mut Encoder<'_>, report: &Report) {
    for (db, tables, expiries) in &report.databases {
        reply.bulk(format!("db.{db}").as_bytes());
        reply.map(3);
        integer(reply, ("overhead.hashtable.main", *tables));
        integer(reply, ("overhead.hashtable.expires", *expiries));
        integer(reply, ("overhead.hashtable.slot-to-keys", 0));
    }
}

fn integer(reply: &mut Encoder<'_>, (name, value): (&str, u64)) {
    reply.bulk(name.as_bytes());
    reply.integer(value as i64);
}

fn ratio_and_bytes(reply: &mut Encoder<'_>, of: &str, ratio: f64, of_bytes: &str, bytes: i64) {
    reply.bulk(of.as_bytes());
    reply.double(ratio);
    reply.bulk(of_bytes.as_bytes());
    reply.integer(bytes);
}

/// What an operator should look at.
fn doctor(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let report = Report::new(core, context.data.keyspace());
    context.reply.verbatim(*b"txt", advice(&report, core).as_bytes());
    Ok(())
}

fn advice(report: &Report, core: &Core) -> String {
    if report.used < LITTLE {
        return "Too little memory is in use to say anything about it.\n".into();
    }
    let mut advice = Vec::new();
    if report.used as f64 * 1.5 < report.peak as f64 {
        advice.push(
            "Peak: there was once far more memory in use than now. What is left of it may lie in \
             pages that are mostly empty, so a high fragmentation means little until they fill again."
                .to_owned(),
        );
    }
    let (ratio, bytes) = report.fragmentation();
    let (held, free) = report.books.held();
    if held > 1.1 && free > MUCH {
        advice.push(format!(
            "Free memory: {held:.2} times the memory in use is held. It goes back to the system within \
             some seconds, or at once by MEMORY PURGE."
        ));
    } else if ratio > 1.4 && bytes > MUCH {
        advice.push(format!(
            "Fragmentation: {ratio:.2} times what is allocated is in RAM. Values of many different \
             sizes that come and go leave holes; a restart closes them."
        ));
    }
    let clients = core.clients.len().max(1) as u64;
    if report.clients / clients > 200 << 10 {
        advice.push(
            "Clients: a connection takes more than 200 KiB on average. See CLIENT LIST (tot-mem) for \
             those that read too slowly or have too much in their pipelines, and set \
             client-output-buffer-limit or maxmemory-clients."
                .to_owned(),
        );
    }
    if report.replicas > 10 << 20 {
        advice.push(
            "Replicas: their connections take more than 10 MiB. They may read more slowly than this \
             server writes; see the offsets in INFO replication."
                .to_owned(),
        );
    }
    if advice.is_empty() {
        return "Nothing about the use of memory stands out.\n".into();
    }
    advice.iter().map(|line| format!("* {line}\n")).collect()
}

fn malloc_stats(_: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let text = memory::report();
    let text = text.map_err(|error| CommandError::text(format!("ERR no statistics: {error}")))?;
    context.reply.verbatim(*b"txt", &text);
    Ok(())
}

/// Answers before it is done: what was just deleted is to be freed first, on another thread.
fn purge(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    core.actions.push(Action::GiveBack);
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use redwire_resp::Protocol;

    use super::super::testing::Server;
    use crate::config::Config;

    #[test]
    fn replies_are_those_of_redis() {
        let mut server = Server::new(Config::default());
        server.run("SET a 1");
        let cases = [
            ("MEMORY", "-ERR wrong number of arguments for 'memory' command"),
            ("MEMORY foo", "-ERR unknown subcommand 'foo'. Try MEMORY HELP."),
            ("MEMORY USAGE", "-ERR wrong number of arguments for 'memory|usage' command"),
            ("MEMORY USAGE nokey", "$-1"),
            ("MEMORY USAGE nokey samples", "-ERR syntax error"),
            ("MEMORY USAGE a samples -1", "-ERR syntax error"),
            ("MEMORY USAGE a samples x", "-ERR value is not an integer or out of range"),
            ("MEMORY USAGE a samples 0 x", "-ERR syntax error"),
            ("MEMORY PURGE x", "-ERR wrong number of arguments for 'memory|purge' command"),
            ("MEMORY PURGE", "+OK"),
        ];
        server.expect(Protocol::Resp2, &cases);
        let number = |reply: String| reply[1..].trim_end().parse::<u64>().unwrap();
        let small = number(server.run("MEMORY USAGE a"));
        server.run(&format!("SET a {}", "x".repeat(10_000)));
        let large = number(server.run("MEMORY USAGE a SAMPLES 0"));
        assert!((10_000..10_200).contains(&(large - small)), "{small} {large}");
    }

    #[test]
    fn figures_hold_together() {
        let mut server = Server::new(Config::default());
        server.core.memory_at_start = 0;
        for n in 0..1000 {
            server.run(&format!("SET k{n} {} EX 100", "x".repeat(1000)));
        }
        let report = super::Report::new(&server.core, &server.keyspace);
        assert_eq!(report.keys, 1000);
        // Other tests of this process allocate too, and free.
        assert!(report.peak >= report.used && report.dataset() >= 900_000, "{report:?}");
        assert_eq!(report.databases.len(), 1);
        let stats = server.run("MEMORY STATS");
        for name in ["keys.count\r\n:1000", "db.0", "overhead.hashtable.expires", "fragmentation"] {
            assert!(stats.contains(name), "{name}: {stats}");
        }
        server.session.protocol = Protocol::Resp3;
        assert!(server.run("MEMORY STATS").starts_with("%29"));
    }
}
