//! Commands a second, and processor time for each, of redwire's server beside the real ones: a
//! server on one core, the generator on another, nothing saved and no replica.

use std::time::Duration;

use redwire_benches::contender::Contender;
use redwire_benches::generator::workload::{Load, preload, preload_lists};
use redwire_benches::generator::{self, CONNECTIONS, Extent, Sample};
use redwire_benches::{Options, Outcome, Table, interleave, machine, median, process, ratio};
use redwire_testkit::{Server, wait_caught_up};

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys preloaded, 1000000"),
    ("rounds", "N: rounds of each cell, 5"),
    ("seconds", "S: counted time of a sample, 2"),
    ("only", "A,B: cells whose name (GET P16) contains one of these"),
    ("peers", "A,B: peers whose name contains one of these"),
    ("replica", "yes: with a live replica of the same server attached, unpinned"),
];

struct Setup {
    keys: u64,
    rounds: usize,
    extent: Extent,
    /// Requests built for a cell.
    commands: usize,
}

/// A cell of the tables: the samples of each server, in their order, or why there are none.
struct Cell {
    name: String,
    samples: Vec<Result<Vec<Sample>, String>>,
}

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let seconds = options.value("seconds", 2.0, 0.1)?;
    let setup = Setup {
        keys: options.value("keys", 1_000_000, 5_000)?,
        rounds: options.value("rounds", 5, 1)?,
        extent: Extent::For {
            warm_up: Duration::from_secs_f64(seconds / 5.0),
            time: Duration::from_secs_f64(seconds),
        },
        commands: if options.quick() { 20_000 } else { 400_000 },
    };
    machine::print();
    let contenders = Contender::chosen(&options)?;
    contenders.iter().for_each(|server| println!("{}: {}", server.name, server.version()));
    let servers: Vec<_> = start(&contenders);
    let replicas = if options.value("replica", "no".to_owned(), "no".to_owned())? == "yes" {
        follow(&contenders, &servers)
    } else {
        Vec::new()
    };
    for server in &servers {
        generator::run(server, &preload(setup.keys), Extent::Once)?;
        generator::run(server, &preload_lists(), Extent::Once)?;
    }
    let chosen = |(load, depth): &(Load, usize)| options.chooses("only", &cell_name(*load, *depth));
    let cells: Vec<_> = Load::ALL.into_iter().filter(chosen).collect();
    let measured =
        cells.into_iter().map(|(load, depth)| measure(&setup, &servers, &replicas, load, depth));
    let cells: Vec<_> = measured.collect();
    print(&setup, &contenders, &cells);
    drop(replicas);
    Ok(())
}

/// Starts the servers on the first core, and goes to the second.
fn start(contenders: &[Contender]) -> Vec<Server> {
    let servers_pinned = process::pin(process::Core::Server);
    let servers =
        contenders.iter().map(|contender| contender.start(&["--maxclients", "1000"])).collect();
    let generator_pinned = process::pin(process::Core::Generator);
    match (servers_pinned, generator_pinned) {
        (true, true) => println!("pinned: servers on core 0, generator on core 1"),
        _ => println!("WARNING: not pinned, two cores are wanted"),
    }
    servers
}

/// Gives each server a replica of its own kind, on the generator's core.
fn follow(contenders: &[Contender], servers: &[Server]) -> Vec<Server> {
    println!("each server has a live replica, on the generator's core");
    let pairs = contenders.iter().zip(servers);
    let replica = |(contender, server): (&Contender, &Server)| {
        let replica = contender.start(&[]);
        replica.follow(server);
        replica
    };
    pairs.map(replica).collect()
}

fn cell_name(load: Load, depth: usize) -> String {
    format!("{} P{depth}", load.name())
}

/// Measures one cell on all servers. A server that fails is left out of the cell from then on.
fn measure(
    setup: &Setup,
    servers: &[Server],
    replicas: &[Server],
    load: Load,
    depth: usize,
) -> Cell {
    let name = cell_name(load, depth);
    let batches = load.batches(depth, setup.commands, setup.keys);
    let mut failed = vec![None; servers.len()];
    let samples = interleave(servers.len(), setup.rounds, |index| {
        if failed[index].is_some() {
            return None;
        }
        // One that has yet to run what an earlier sample wrote takes the generator's core from this one.
        servers.iter().zip(replicas).for_each(|(server, replica)| wait_caught_up(server, replica));
        let sample = generator::run(&servers[index], &batches, setup.extent);
        sample.map_err(|error| failed[index] = Some(error.to_string())).ok()
    });
    let samples = samples.into_iter().zip(failed);
    let samples = samples.map(|(samples, failed)| match failed {
        Some(error) => Err(error),
        None => Ok(samples.into_iter().flatten().collect()),
    });
    eprintln!("{name} done");
    Cell { name, samples: samples.collect() }
}

/// The median over the samples of each server, not a number where there are none.
fn medians(cell: &Cell, figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
    let of = |samples: &Result<Vec<Sample>, String>| {
        median(samples.iter().flatten().map(&figure).collect())
    };
    cell.samples.iter().map(of).collect()
}

fn print(setup: &Setup, contenders: &[Contender], cells: &[Cell]) {
    let (keys, rounds) = (setup.keys, setup.rounds);
    println!("{CONNECTIONS} connections, {keys} keys of 16 B with 64 B, median of {rounds} rounds");
    let names: Vec<_> = contenders.iter().map(|contender| contender.name).collect();
    let table = |title, last: &[&str]| {
        let heads = [vec!["cell"], names.clone(), last.to_vec()].concat();
        Table::new(title, heads)
    };
    let mut rates = table("thousand commands a second", &["of best peer", "generator busy"]);
    let mut cpu = table("server CPU, ns a command (user + system)", &["best peer / ours"]);
    let mut user = table("server user CPU, ns a command", &["best peer / ours"]);
    for cell in cells {
        let figures = medians(cell, Sample::rate);
        let busy = medians(cell, |sample| sample.generator_busy).into_iter().fold(0.0, f64::max);
        let compared = [against(&figures, f64::max, ratio), format!("{:.0} %", busy * 100.0)];
        rates.row(row(cell, &figures).chain(compared));
        let both = medians(cell, |sample| sample.cpu().0 + sample.cpu().1);
        cpu.row(row(cell, &both).chain([against(&both, f64::min, |ours, best| ratio(best, ours))]));
        let own = medians(cell, |sample| sample.cpu().0);
        user.row(row(cell, &own).chain([against(&own, f64::min, |ours, best| ratio(best, ours))]));
    }
    println!("{rates}{cpu}{user}");
    for cell in cells {
        for (name, samples) in names.iter().zip(&cell.samples) {
            if let Err(error) = samples {
                println!("{} of {name}: {error}", cell.name);
            }
        }
    }
}

fn row<'a>(cell: &'a Cell, figures: &'a [f64]) -> impl Iterator<Item = String> + 'a {
    let shown =
        |figure: &f64| if figure.is_nan() { "-".to_owned() } else { format!("{figure:.0}") };
    [cell.name.clone()].into_iter().chain(figures.iter().map(shown))
}

/// The first figure, ours, against the best of the others.
fn against(
    figures: &[f64],
    better: impl Fn(f64, f64) -> f64,
    ratio: impl Fn(f64, f64) -> String,
) -> String {
    let Some((ours, peers)) = figures.split_first() else { return "-".to_owned() };
    ratio(*ours, peers.iter().copied().fold(f64::NAN, better))
}
