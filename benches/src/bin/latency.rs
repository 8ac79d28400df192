//! How long commands take at half of the rate that each server reaches at most.
//!
//! The servers have their turns in many short rounds: on a machine that stands still now and then the
//! longest latencies of a long run say how often it did. Of the rounds there is the median, and of p99.9
//! also the lower quartile, which is of rounds in which the machine stood still the least.

#![allow(clippy::disallowed_methods, reason = "benchmarks read the clock")]

use std::time::{Duration, Instant};

use redwire_benches::contender::Contender;
use redwire_benches::generator::workload::{Load, preload};
use redwire_benches::generator::{self, Extent};
use redwire_benches::{
    Options, Outcome, Table, interleave, lower_quartile, machine, median, process,
};

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys preloaded, 1000000"),
    ("rounds", "N: rounds of each cell, 31; the median of each figure is shown"),
    (
        "seconds",
        "S: time of a sample, 0.3: the shorter, the fewer of them the machine stands still in",
    ),
    ("only", "A,B: cells whose name (GET P16) contains one of these"),
    ("peers", "A,B: peers whose name contains one of these"),
];

const CELLS: [(Load, usize); 4] =
    [(Load::Set, 1), (Load::Get, 1), (Load::Set, 16), (Load::Get, 16)];

/// Shares of the batches, and the heads of their columns.
const SHARES: [(f64, &str); 4] =
    [(0.5, "p50 ms"), (0.99, "p99 ms"), (0.999, "p99.9 ms"), (1.0, "worst ms")];

/// The share that is told of calm rounds, too.
const CALM: f64 = 0.999;

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let seconds = Duration::from_secs_f64(options.value("seconds", 0.3, 0.1)?);
    let rounds: usize = options.value("rounds", 31, 1)?;
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
    let heads = heads.chain(["calm p99.9 ms"]);
    let mut table = Table::new("latency of a batch at half of the server's own peak", heads);
    for (load, depth) in CELLS {
        let name = format!("{} P{depth}", load.name());
        if !options.chooses("only", &name) {
            continue;
        }
        let batches = load.batches(depth, 100_000, keys);
        let peaks: Vec<_> = interleave(servers.len(), rounds.div_ceil(3), |index| {
            let extent = Extent::For { warm_up: seconds / 5, time: seconds };
            Ok(generator::run(&servers[index], &batches, extent)?.rate())
        });
        let peaks =
            peaks.into_iter().map(|peaks| Ok(median(peaks.into_iter().collect::<Outcome<_>>()?)));
        let peaks = peaks.collect::<Outcome<Vec<_>>>()?;
        let samples = interleave(servers.len(), rounds, |index| {
            let interval = Duration::from_secs_f64(depth as f64 / (peaks[index] * 1e3 / 2.0));
            let start = Instant::now();
            generator::paced(&servers[index], &batches, interval, || Ok(start.elapsed() < seconds))
        });
        for ((contender, peak), samples) in contenders.iter().zip(peaks).zip(samples) {
            let samples = samples.into_iter().collect::<Outcome<Vec<_>>>()?;
            let mut row = vec![name.clone(), contender.name.to_owned(), format!("{peak:.0}")];
            let of = |share| samples.iter().map(|it| it.at(share)).collect::<Vec<_>>();
            row.extend(SHARES.map(|(share, _)| format!("{:.2}", median(of(share)))));
            row.push(format!("{:.2}", lower_quartile(of(CALM))));
            table.row(row);
        }
        eprintln!("{name} done");
    }
    println!("{table}");
    Ok(())
}
