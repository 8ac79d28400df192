//! How long a server leaves a client without an answer: one command after the other, each timed, while
//! a snapshot is taken, tables grow, keys expire, large values are deleted and all is flushed.

#![allow(clippy::disallowed_methods, reason = "benchmarks read the clock")]

use std::time::{Duration, Instant};

use redwire_benches::contender::{Contender, keys};
use redwire_benches::generator::workload::{VALUE, key, preload};
use redwire_benches::generator::{self, Batches, Expect, Extent, Latencies};
use redwire_benches::{Options, Outcome, Random, Table, machine, process};
use redwire_testkit::{Client, Server, request};

const HELP: &[(&str, &str)] = &[
    ("keys", "N: strings of 64 B in the first database, 5000000"),
    ("members", "N: elements of each large value, 1000000"),
    ("seconds", "S: how long it is looked at while nothing else happens, 3"),
    ("peers", "A,B: peers whose name contains one of these"),
];

const DATABASES: u64 = 16;
/// Keys in each database but the first.
const FEW: u64 = 1000;
/// How often it is asked whether a phase is over; the question is not timed.
const ASK: Duration = Duration::from_millis(50);
/// How long it is looked at what a command leaves to be done, beyond its reply.
const BEHIND: Duration = Duration::from_millis(500);
/// Commands that add what a phase needs are sent so many at a time.
const PIPELINE: usize = 100;

struct Setup {
    keys: u64,
    members: u64,
    quiet: Duration,
}

/// A server, the client whose commands are timed, and another one for questions.
struct Probe<'a> {
    server: &'a Server,
    client: Client,
    asker: Client,
    random: Random,
    setup: &'a Setup,
    /// Of the phase under way, in microseconds.
    times: Vec<u32>,
}

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let setup = Setup {
        keys: options.value("keys", 5_000_000, 10_000)?,
        members: options.value("members", 1_000_000, 10_000)?,
        quiet: Duration::from_secs_f64(options.value("seconds", 3.0, 0.1)?),
    };
    machine::print();
    let heads = ["phase", "server", "s", "p99.9 ms", "worst ms", "over 1 ms", "commands"];
    let mut table = Table::new("time until a reply, one command after the other", heads);
    let contenders = Contender::chosen(&options)?;
    for contender in &contenders {
        for (name, times, took) in measure(contender, &setup)? {
            let mut row = vec![name.to_owned(), contender.name.to_owned()];
            row.push(format!("{:.1}", took.as_secs_f64()));
            row.extend([0.999, 1.0].map(|share| format!("{:.2}", times.at(share))));
            row.extend([times.over(1), times.count()].map(|count| count.to_string()));
            table.row(row);
        }
        eprintln!("{} done", contender.name);
    }
    let Setup { keys, members, .. } = setup;
    println!("{keys} strings of {VALUE} B, large values of {members} elements");
    println!("{table}");
    Ok(())
}

/// The phases of one server: what happened, how long each reply took, and the whole.
fn measure(
    contender: &Contender,
    setup: &Setup,
) -> Outcome<Vec<(&'static str, Latencies, Duration)>> {
    let cores = process::affinity();
    let pinned = process::pin(process::Core::Server);
    let server = contender.start(&[]);
    if !(process::pin(process::Core::Generator) && pinned) {
        println!("WARNING: not pinned, two cores are wanted");
    }
    if !process::real_time(server.pid(), true) {
        println!("WARNING: whatever wakes up on the server's core takes it for some ms");
    }
    let mut probe = Probe {
        server: &server,
        client: server.client(),
        asker: server.client(),
        random: Random::new(7),
        setup,
        times: Vec::new(),
    };
    let mut phases = Vec::new();
    let mut phase = |name, run: fn(&mut Probe<'_>) -> Outcome<Duration>| -> Outcome<()> {
        let took = run(&mut probe)?;
        phases.push((name, Latencies::of(std::mem::take(&mut probe.times)), took));
        Ok(())
    };
    phase("new keys", new_keys)?;
    phase("nothing else", nothing_else)?;
    phase("BGSAVE", snapshot)?;
    phase("expiry of a tenth", expiry)?;
    phase("DEL of a hash", |probe| large_value(probe, "HSET", 2))?;
    phase("DEL of a list", |probe| large_value(probe, "RPUSH", 1))?;
    phase("DEL of a set", |probe| large_value(probe, "SADD", 1))?;
    phase("DEL of a sorted set", |probe| large_value(probe, "ZADD", 0))?;
    phase("FLUSHALL", flush)?;
    process::unpin(cores);
    Ok(phases)
}

impl Probe<'_> {
    /// Sends a command and notes how long the reply took.
    fn time(&mut self, command: &[u8]) -> Outcome<()> {
        let start = Instant::now();
        self.client.try_send(command)?;
        let reply = self.client.try_read()?;
        self.times.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
        if reply.is_error() {
            return Err(format!("{}: {reply:?}", String::from_utf8_lossy(command)).into());
        }
        Ok(())
    }

    /// Writes random keys while `lasts` says so, which is asked now and then.
    fn write_while(&mut self, mut lasts: impl FnMut(&mut Client) -> bool) -> Outcome<()> {
        let mut asked = Instant::now();
        loop {
            let key = key("key", self.random.below(self.setup.keys));
            let value = self.random.text(VALUE);
            self.time(&request(&[b"SET".as_slice(), &key, &value]))?;
            if asked.elapsed() >= ASK {
                if !lasts(&mut self.asker) {
                    return Ok(());
                }
                asked = Instant::now();
            }
        }
    }

    fn write_for(&mut self, time: Duration) -> Outcome<()> {
        let start = Instant::now();
        self.write_while(|_| start.elapsed() < time)
    }

    /// Sends what a phase needs, untimed.
    fn prepare(&self, commands: impl IntoIterator<Item = Vec<Vec<u8>>>) -> Outcome<()> {
        self.send(&Batches::new(PIPELINE, Expect::Any, commands))
    }

    fn send(&self, batches: &Batches) -> Outcome<()> {
        let pid = self.server.pid();
        let was_real_time = process::real_time(pid, false);
        generator::run(self.server, batches, Extent::Once)?;
        let _ = was_real_time && process::real_time(pid, true);
        Ok(())
    }
}

/// A tenth of the keys one by one, for which tables grow; then, untimed, all of them.
fn new_keys(probe: &mut Probe<'_>) -> Outcome<Duration> {
    let start = Instant::now();
    for number in 0..probe.setup.keys / 10 {
        let value = probe.random.text(VALUE);
        probe.time(&request(&[b"SET".as_slice(), &key("key", number), &value]))?;
    }
    let took = start.elapsed();
    probe.send(&preload(probe.setup.keys))?;
    for database in 1..DATABASES {
        probe.asker.ok(&["SELECT", &database.to_string()]);
        let few = (0..FEW).map(|number| vec![b"SET".to_vec(), key("key", number), b"x".to_vec()]);
        probe.asker.pipeline(&few.collect::<Vec<_>>());
    }
    probe.asker.ok(&["SELECT", "0"]);
    Ok(took)
}

fn nothing_else(probe: &mut Probe<'_>) -> Outcome<Duration> {
    probe.write_for(probe.setup.quiet)?;
    Ok(probe.setup.quiet)
}

fn snapshot(probe: &mut Probe<'_>) -> Outcome<Duration> {
    let start = Instant::now();
    probe.time(&request(&["BGSAVE"]))?;
    probe.write_while(|asker| asker.info("rdb_bgsave_in_progress").is_some_and(|it| it == "1"))?;
    if probe.asker.info("rdb_last_bgsave_status").is_none_or(|status| status != "ok") {
        return Err("BGSAVE failed".into());
    }
    Ok(start.elapsed())
}

fn expiry(probe: &mut Probe<'_>) -> Outcome<Duration> {
    let (count, before) = (probe.setup.keys / 10, keys(&mut probe.asker));
    let at = probe.asker.ok(&["TIME"]).elements()[0].text().parse::<u64>()?
        + 3
        + probe.setup.keys / 500_000;
    let at = at.to_string().into_bytes();
    let command = |number| {
        let value = vec![b'x'; VALUE];
        vec![b"SET".to_vec(), key("exp", number), value, b"EXAT".to_vec(), at.clone()]
    };
    probe.prepare((0..count).map(command))?;
    if keys(&mut probe.asker) < before + count {
        return Err("keys expired before all were there".into());
    }
    let start = Instant::now();
    probe.write_while(|asker| keys(asker) > before)?;
    Ok(start.elapsed())
}

/// Makes a value of many elements, each with so many values of its own, deletes it, and looks on.
fn large_value(probe: &mut Probe<'_>, add: &str, values: usize) -> Outcome<Duration> {
    let member = |number: u64| match (add, values) {
        ("ZADD", _) => vec![number.to_string().into_bytes(), key("mem", number)],
        (_, 2) => vec![key("fld", number), vec![b'x'; VALUE]],
        _ => vec![key("mem", number)],
    };
    let command = |start: u64| {
        let members = (start..start + PIPELINE as u64).flat_map(member);
        [add.as_bytes().to_vec(), b"large".to_vec()].into_iter().chain(members).collect()
    };
    probe.prepare((0..probe.setup.members).step_by(PIPELINE).map(command))?;
    let start = Instant::now();
    probe.time(&request(&["DEL", "large"]))?;
    probe.write_for(BEHIND)?;
    Ok(start.elapsed())
}

fn flush(probe: &mut Probe<'_>) -> Outcome<Duration> {
    let start = Instant::now();
    probe.time(&request(&["FLUSHALL"]))?;
    probe.write_for(BEHIND)?;
    Ok(start.elapsed())
}
