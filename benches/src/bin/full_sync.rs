//! Full syncs between real servers and redwire's, and what a large data set costs to save and
//! load: seconds and peak memory. Nothing is pinned.

// Benchmarks read the clock: the rule against that is meant for the libraries.
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use redwire_benches::contender::{self, Contender};
use redwire_benches::process::{children, memory, peak_memory, shared_memory};
use redwire_benches::{Options, Outcome, Table, machine, median};
use redwire_testkit::{Peer, Server, wait_until};

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys of the full syncs, 500000"),
    ("value", "N: bytes of a value, 1000"),
    ("large", "N: keys of the save and the load, 1000000 (about 1 GB)"),
    ("rounds", "N: rounds, 3"),
    ("only", "A,B: of sync, save"),
    ("peers", "A,B: the real servers, redis-7.0,redis-8.6,valkey-9.1"),
];
const PEERS: &str = "redis-7.0,redis-8.6,valkey-9.1";
/// No sync and no save takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

struct Setup {
    keys: u64,
    large: u64,
    value: usize,
    rounds: usize,
}

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let setup = Setup {
        keys: options.value("keys", 500_000, 2_000)?,
        large: options.value("large", 1_000_000, 5_000)?,
        value: options.value("value", 1000, 1000)?,
        rounds: options.value("rounds", 3, 1)?,
    };
    machine::print();
    let ours = Contender::redwire()?;
    let peers = options.value("peers", PEERS.to_owned(), "redis-7.0".to_owned())?;
    let chosen = |peer: &Peer| peers.split(',').any(|word| peer.name().contains(word));
    let peers: Vec<_> = Peer::ALL.into_iter().filter(chosen).filter_map(Contender::peer).collect();
    for contender in [&ours].into_iter().chain(&peers) {
        println!("{}: {}", contender.name, contender.version());
    }
    if options.chooses("only", "sync") {
        for real in &peers {
            setup.syncs(real, &ours)?;
        }
    }
    if options.chooses("only", "save") {
        let all: Vec<_> = [&ours].into_iter().chain(&peers).collect();
        setup.saves(&all)?;
    }
    Ok(())
}

impl Setup {
    /// Real to real, ours to real, real to ours, ours to ours.
    fn syncs(&self, real: &Contender, ours: &Contender) -> Outcome<()> {
        let pairs = [(real, real), (ours, real), (real, ours), (ours, ours)];
        let primaries = [real.start(&[]), ours.start(&[])];
        for primary in &primaries {
            contender::fill(primary, self.keys, self.value)?;
        }
        let mut seconds = vec![Vec::new(); pairs.len()];
        let mut peaks = vec![Vec::new(); pairs.len()];
        for _ in 0..self.rounds {
            for (index, (from, to)) in pairs.into_iter().enumerate() {
                let primary = &primaries[usize::from(from.name == ours.name)];
                let (time, peak) = self.sync(primary, to)?;
                seconds[index].push(time);
                peaks[index].push(peak);
            }
        }
        let (keys, value) = (self.keys, self.value);
        let title = format!("full sync of {keys} x {value} B, median of {} rounds", self.rounds);
        let heads = ["from -> to", "s", "against real -> real", "replica's peak MB"];
        let mut table = Table::new(&title, heads);
        let reals = median(seconds[0].clone());
        for (((from, to), seconds), peaks) in pairs.into_iter().zip(seconds).zip(peaks) {
            let (name, seconds) = (format!("{} -> {}", from.name, to.name), median(seconds));
            let against = redwire_benches::ratio(reals, seconds);
            table.row([name, format!("{seconds:.2}"), against, format!("{:.0}", median(peaks))]);
        }
        println!("{table}");
        Ok(())
    }

    /// Seconds from REPLICAOF until the link is up and the keys are all there, and the new
    /// replica's peak memory.
    fn sync(&self, primary: &Server, to: &Contender) -> Outcome<(f64, f64)> {
        let replica = to.start(&[]);
        let mut client = replica.client();
        let start = Instant::now();
        client.ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
        wait_until("a full sync", PATIENCE, || {
            client.info("master_link_status").is_some_and(|status| status == "up")
        });
        let time = start.elapsed().as_secs_f64();
        let keys = contender::keys(&mut client);
        if keys != self.keys {
            return Err(format!("{} has {keys} keys after its full sync", to.name).into());
        }
        Ok((time, peak_memory(replica.pid())?))
    }

    fn saves(&self, contenders: &[&Contender]) -> Outcome<()> {
        let heads = [
            "server",
            "SAVE s",
            "BGSAVE s",
            "worst PING ms in BGSAVE",
            "resident MB",
            "peak MB with BGSAVE",
            "load s",
            "peak MB of the load",
        ];
        let megabytes = self.large as f64 * (self.value + 16) as f64 / 1e6;
        let title = format!("save and load of {megabytes:.0} MB, no writes meanwhile");
        let mut table = Table::new(&title, heads);
        let mut rows = vec![Vec::new(); contenders.len()];
        for _ in 0..self.rounds {
            for (contender, rows) in contenders.iter().zip(&mut rows) {
                rows.push(self.save(contender)?);
            }
        }
        for (contender, rows) in contenders.iter().zip(rows) {
            let of = |part: usize| median(rows.iter().map(|row: &[f64; 7]| row[part]).collect());
            let digits = [2, 2, 2, 0, 0, 2, 0];
            let cells = digits.into_iter().enumerate();
            let cells = cells.map(|(part, digits)| format!("{:.digits$}", of(part)));
            table.row([contender.name.to_owned()].into_iter().chain(cells));
        }
        println!("{table}");
        println!("peak MB with BGSAVE: the server's VmHWM, or with its children the sum of Pss");
        println!("at one moment, whichever is more. Pings come one after the other, INFO between.");
        Ok(())
    }

    /// The figures of one row.
    fn save(&self, contender: &Contender) -> Outcome<[f64; 7]> {
        let dir = tempfile::tempdir()?;
        let server = contender.start_in(dir.path(), &[])?;
        contender::fill(&server, self.large, self.value)?;
        let mut client = server.client();
        let start = Instant::now();
        client.ok(&["SAVE"]);
        let save = start.elapsed().as_secs_f64();
        let resident = memory(server.pid())?;
        let start = Instant::now();
        client.ok(&["BGSAVE"]);
        let (mut peak, mut worst) = (0.0_f64, Duration::ZERO);
        while client.info("rdb_bgsave_in_progress").is_none_or(|text| text != "0") {
            peak = peak.max(together(server.pid()));
            let asked = Instant::now();
            client.ok(&["PING"]);
            worst = worst.max(asked.elapsed());
            if start.elapsed() > PATIENCE {
                return Err(format!("{}: BGSAVE does not end", contender.name).into());
            }
        }
        let bgsave = start.elapsed().as_secs_f64();
        peak = peak.max(peak_memory(server.pid())?);
        drop(server);
        let server = contender.start_in(dir.path(), &[])?;
        let load = contender::load_seconds(&server)?;
        let keys = contender::keys(&mut server.client());
        if keys != self.large {
            return Err(format!("{} has loaded {keys} keys", contender.name).into());
        }
        let worst = worst.as_secs_f64() * 1e3;
        Ok([save, bgsave, worst, resident, peak, load, peak_memory(server.pid())?])
    }
}

/// What a process and its children have resident now, in MB.
fn together(pid: u32) -> f64 {
    let all = [pid].into_iter().chain(children(pid));
    all.filter_map(|pid| shared_memory(pid).ok()).sum()
}
