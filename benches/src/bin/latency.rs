//! How long commands take at half of the rate that each server reaches at most.

#![allow(clippy::disallowed_methods, reason = "benchmarks read the clock")]

use std::time::{Duration, Instant};

use redwire_benches::contender::Contender;
use redwire_benches::generator::workload::{Load, preload};
use redwire_benches::generator::{self, Extent, Latencies};
use redwire_benches::{Options, Outcome, Table, machine, median, process};
use redwire_testkit::Server;

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys preloaded, 1000000"),
    ("rounds", "N: rounds of each cell, 3; the median of each figure is shown"),
    ("seconds", "S: time of a sample, 3"),
    ("only", "A,B: cells whose name (GET P16) contains one of these"),
    ("peers", "A,B: peers whose name contains one of these"),
];

const CELLS: [(Load, usize); 4] =
    [(Load::Set, 1), (Load::Get, 1), (Load::Set, 16), (Load::Get, 16)];

/// Shares of the batches, and the heads of their columns.
const SHARES: [(f64, &str); 4] =
    [(0.5, "p50 ms"), (0.99, "p99 ms"), (0.999, "p99.9 ms"), (1.0, "worst ms")];

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let seconds = Duration::from_secs_f64(options.value("seconds", 3.0, 0.2)?);
    let rounds = options.value("rounds", 3, 1)?;
    let keys = options.value("keys", 1_000_000, 5_000)?;
    machine::print();
    let contenders = Contender::chosen(&options)?;
    let servers_pinned = process::pin(process::Core::Server);
    let servers: Vec<_> = contenders.iter().map(|contender| contender.start(&[])).collect();
    if !(process::pin(process::Core::Generator) && servers_pinned) {
        println!("WARNING: not pinned, two cores are wanted");
    }
    for server in &servers {
        generator::run(server, &preload(keys), Extent::Once)?;
    }
    let heads = ["cell", "server", "peak k/s"].into_iter().chain(SHARES.map(|(_, head)| head));
    let mut table = Table::new("latency of a batch at half of the server's own peak", heads);
    for (load, depth) in CELLS {
        let name = format!("{} P{depth}", load.name());
        if !options.chooses("only", &name) {
            continue;
        }
        for (contender, server) in contenders.iter().zip(&servers) {
            let samples: Vec<_> = (0..rounds)
                .map(|_| sample(server, load, depth, keys, seconds))
                .collect::<Outcome<_>>()?;
            let peak = median(samples.iter().map(|(peak, _)| *peak).collect());
            let mut row = vec![name.clone(), contender.name.to_owned(), format!("{peak:.0}")];
            row.extend(SHARES.map(|(share, _)| {
                let figures = samples.iter().map(|(_, latencies)| latencies.at(share));
                format!("{:.2}", median(figures.collect()))
            }));
            table.row(row);
            eprintln!("{name} of {} done", contender.name);
        }
    }
    println!("{table}");
    Ok(())
}

/// The peak, in thousand commands a second, and the latencies at half of it.
fn sample(
    server: &Server,
    load: Load,
    depth: usize,
    keys: u64,
    time: Duration,
) -> Outcome<(f64, Latencies)> {
    let batches = load.batches(depth, 100_000, keys);
    let extent = Extent::For { warm_up: time / 10, time: time / 2 };
    let peak = generator::run(server, &batches, extent)?.rate();
    let interval = Duration::from_secs_f64(depth as f64 / (peak * 1e3 / 2.0));
    let start = Instant::now();
    let latencies = generator::paced(server, &batches, interval, || Ok(start.elapsed() < time))?;
    Ok((peak, latencies))
}
