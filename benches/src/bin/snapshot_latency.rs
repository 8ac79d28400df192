//! What a snapshot costs those who write meanwhile: the latency of writes at a steady rate while nothing
//! else happens, during a BGSAVE and during a full sync, and the memory at its peak, beside Redis 7.0.

#![allow(clippy::disallowed_methods, reason = "benchmarks read the clock")]

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use redwire_benches::contender::{Contender, fill};
use redwire_benches::generator::workload::key;
use redwire_benches::generator::{self, Batches, Expect, Latencies};
use redwire_benches::{Options, Outcome, Random, Table, machine, process};
use redwire_testkit::Server;

const HELP: &[(&str, &str)] = &[
    ("megabytes", "N: of values, 1000"),
    ("rate", "N: MB of values written in a second, 30"),
    ("peers", "A,B: peers whose name contains one of these, redis-7.0 by default"),
];

/// Bytes of a value.
const VALUE: usize = 1000;
/// How often memory is looked at; a look takes the kernel a while, which is not counted.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is asked whether a phase is over.
const ASK: Duration = Duration::from_millis(50);
/// No snapshot takes longer. A fork inherits its parent's core: Redis 7.0's child, which compresses a GB,
/// and its replica's stream share them with 30,000 writes a second, and take minutes.
const PATIENCE: Duration = Duration::from_secs(900);
/// Of a replica: without a limit. By the default one real servers cut a replica that reads its RDB while
/// 256 MB are written, and begin again without end.
const NO_LIMIT: &str = "replica 0 0 0";

struct Setup {
    keys: u64,
    interval: Duration,
    writes: Batches,
    quiet: Duration,
}

/// A phase: its latencies, its length and the memory at its peak in MB.
struct Phase {
    latencies: Latencies,
    took: Duration,
    peak: f64,
}

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let keys = options.value("megabytes", 1000_u64, 20)? * 1_000_000 / VALUE as u64;
    let rate = options.value("rate", 30.0, 5.0)?;
    let mut random = Random::new(5);
    let writes = (0..50_000)
        .map(|_| vec![b"SET".to_vec(), key("key", random.below(keys)), random.text(VALUE)]);
    let writes = Batches::new(1, Expect::Status, writes);
    let interval = Duration::from_secs_f64(VALUE as f64 / (rate * 1e6));
    let quiet = Duration::from_secs_f64(if options.quick() { 0.5 } else { 5.0 });
    let setup = Setup { keys, interval, writes, quiet };
    machine::print();
    let mut contenders = vec![Contender::redwire()?];
    let wanted = options.value("peers", "redis-7.0".to_owned(), "redis-7.0".to_owned())?;
    let peers = Contender::chosen(&options)?.into_iter().skip(1);
    contenders.extend(peers.filter(|it| wanted.split(',').any(|word| it.name.contains(word))));
    let heads = ["phase", "server", "s", "p50 ms", "p99 ms", "p99.9 ms", "worst ms"];
    let heads = heads.into_iter().chain(["over 1 ms", "over 10 ms", "writes", "peak MB"]);
    let mut table = Table::new("latency of writes, and memory", heads);
    for contender in &contenders {
        for (name, phase) in measure(contender, &setup)? {
            let Phase { latencies, took, peak } = phase;
            let mut row = vec![name.to_owned(), contender.name.to_owned()];
            row.push(format!("{:.1}", took.as_secs_f64()));
            row.extend([0.5, 0.99, 0.999, 1.0].map(|share| format!("{:.2}", latencies.at(share))));
            row.extend(
                [latencies.over(1), latencies.over(10), latencies.count()].map(|it| it.to_string()),
            );
            row.push(format!("{peak:.0}"));
            table.row(row);
        }
        eprintln!("{} done", contender.name);
    }
    println!("{keys} keys with {VALUE} B, {rate} MB/s of writes one by one, 50 connections");
    println!("{table}");
    Ok(())
}

fn measure(contender: &Contender, setup: &Setup) -> Outcome<Vec<(&'static str, Phase)>> {
    let cores = process::affinity();
    let _ = process::pin(process::Core::Server);
    let limit = ["--client-output-buffer-limit", NO_LIMIT];
    let server = contender.start(&["--repl-diskless-sync", "yes", limit[0], limit[1]]);
    let _ = process::pin(process::Core::Generator);
    fill(&server, setup.keys, VALUE)?;
    let mut phases = Vec::new();
    let start = Instant::now();
    phases.push(("nothing else", phase(&server, setup, || start.elapsed() < setup.quiet)?));
    let mut client = server.client();
    client.ok(&["BGSAVE"]);
    let saving = || client.info("rdb_bgsave_in_progress").is_some_and(|it| it == "1");
    phases.push(("BGSAVE", phase(&server, setup, saving)?));
    // The replica would share a core with either; it is the generator's that has room.
    let replica = contender.start(&[]);
    process::unpin(cores);
    let mut at_replica = replica.client();
    at_replica.ok(&["REPLICAOF", "127.0.0.1", &server.port_text()]);
    let _ = process::pin(process::Core::Generator);
    let syncing = || at_replica.info("master_link_status").is_none_or(|it| it != "up");
    phases.push(("full sync", phase(&server, setup, syncing)?));
    Ok(phases)
}

/// Writes for as long as `lasts` says, which is asked beside.
fn phase(server: &Server, setup: &Setup, mut lasts: impl FnMut() -> bool + Send) -> Outcome<Phase> {
    let (start, mut looked, mut peak) = (Instant::now(), Instant::now(), memory(server)?);
    let over = AtomicBool::new(false);
    let latencies = thread::scope(|scope| {
        scope.spawn(|| {
            while lasts() && !over.load(Relaxed) {
                thread::sleep(ASK);
            }
            over.store(true, Relaxed);
        });
        let latencies = generator::paced(server, &setup.writes, setup.interval, || {
            if start.elapsed() > PATIENCE {
                return Err("it takes too long".into());
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                peak = peak.max(memory(server)?);
            }
            Ok(!over.load(Relaxed))
        });
        over.store(true, Relaxed);
        latencies
    });
    Ok(Phase { latencies: latencies?, took: start.elapsed(), peak })
}

/// Resident memory of a server and its children, in MB; what they share counts once.
fn memory(server: &Server) -> Outcome<f64> {
    let children = process::children(server.pid());
    if children.is_empty() {
        return process::memory(server.pid());
    }
    // A child may end meanwhile.
    let children = children.into_iter().filter_map(|pid| process::shared_memory(pid).ok());
    Ok(process::shared_memory(server.pid())? + children.sum::<f64>())
}
