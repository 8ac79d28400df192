//! The full-sync loop: a replica that joins a primary under writes over a link that is little faster
//! than they are. Stock servers cut it for its output buffer again and again.

// Benchmarks read the clock: the rule against that is meant for the libraries.
#![allow(clippy::disallowed_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redwire_benches::contender::{self, Contender};
use redwire_benches::process::{memory, peak_memory, reset_peak_memory};
use redwire_benches::throttle::Throttle;
use redwire_benches::{Options, Outcome, Random, Table, machine};
use redwire_testkit::{Client, Peer, Server, request};

const HELP: &[(&str, &str)] = &[
    ("pairs", "A>B,C>D: primary and replica, redwire or names of real servers"),
    ("keys", "N: keys that are only there, 500000"),
    ("value", "N: bytes of their values, 1000"),
    ("hot", "N: keys of 16 KiB that are overwritten, 6000"),
    ("write", "N: MB a second that are written, 30"),
    ("link", "N: MB a second that the link lets through, 40"),
    ("two", "yes or no: a full sync of redwire's over two connections at once, yes"),
    ("seconds", "N: how long each pair is watched, 80"),
];
const PAIRS: &str = "redis-7.0>redis-7.0,valkey-9.1>valkey-9.1,redwire>redis-7.0,\
                     redwire>valkey-9.1,redis-7.0>redwire,valkey-9.1>redwire,redwire>redwire";
const MB: u64 = 1_000_000;
const HOT_VALUE: usize = 16 << 10;
/// Keys that are written in one go.
const BATCH: usize = 64;
/// Time between two looks at the servers.
const LOOK: Duration = Duration::from_millis(250);
/// How long a replica that is up may take for what is on its way when the writes end.
const CATCH_UP: Duration = Duration::from_secs(120);

struct Setup {
    keys: u64,
    value: usize,
    hot: usize,
    write: u64,
    link: u64,
    watch: Duration,
    two_connections: bool,
}

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let setup = Setup {
        keys: options.value("keys", 500_000, 5_000)?,
        value: options.value("value", 1000, 1000)?,
        hot: options.value("hot", 6000, 128)?,
        write: options.value("write", 30, 3)? * MB,
        link: options.value("link", 40, 4)? * MB,
        two_connections: options.value("two", "yes".to_owned(), "yes".to_owned())? == "yes",
        watch: Duration::from_secs(options.value("seconds", 80, 5)?),
    };
    machine::print();
    let pairs = options.value("pairs", PAIRS.to_owned(), PAIRS.to_owned())?;
    let mut table = Table::new(&setup.title(), HEADS);
    for pair in pairs.split(',') {
        let (from, to) = pair.split_once('>').ok_or_else(|| format!("{pair}: not A>B"))?;
        if let Some((from, to)) = contender(from.trim())?.zip(contender(to.trim())?) {
            let row = setup.run(&from, &to)?;
            println!("{}", row.join(" | "));
            table.row(row);
        }
    }
    println!("{table}");
    println!(
        "up: seconds from REPLICAOF until master_link_status is up, and how long of the rest it"
    );
    println!(
        "was; cut: replicas that the primary cut for their output buffer; resident memory: of"
    );
    println!(
        "the primary before the sync, and what its peak (VmHWM) is above that; passed: what the"
    );
    println!("link carried; same: whether DEBUG DIGEST was equal after the writes had ended.");
    Ok(())
}

const HEADS: [&str; 10] = [
    "primary -> replica",
    "full syncs",
    "cut",
    "up after s",
    "up for s",
    "resident MB",
    "peak above it MB",
    "replica's peak MB",
    "passed MB",
    "same",
];

fn contender(name: &str) -> Outcome<Option<Contender>> {
    if name == "redwire" {
        return Ok(Some(Contender::redwire()?));
    }
    let peer = Peer::ALL.into_iter().find(|peer| peer.name() == name);
    Ok(Contender::peer(peer.ok_or_else(|| format!("no server {name}"))?))
}

/// Requests that are written in one go.
struct Batch {
    requests: Vec<u8>,
    count: usize,
}

/// What was seen of the link.
#[derive(Default)]
struct Seen {
    up_after: Option<Duration>,
    up_for: Duration,
    up: bool,
}

impl Setup {
    fn title(&self) -> String {
        format!(
            "{} x {} B and {} hot keys x 16 KiB, written at {} MB/s, link {} MB/s, {} s",
            self.keys,
            self.value,
            self.hot,
            self.write / MB,
            self.link / MB,
            self.watch.as_secs()
        )
    }

    fn run(&self, from: &Contender, to: &Contender) -> Outcome<Vec<String>> {
        let primary = from.start(&["--rdbcompression", "no"]);
        contender::fill(&primary, self.keys, self.value)?;
        let writes = Arc::new(self.batches());
        for batch in writes.iter() {
            write(&mut primary.client(), batch);
        }
        let link = Throttle::start(primary.port(), self.link)?;
        let mut options = vec!["--rdbcompression", "no"];
        if self.two_connections && to.name == "redwire" {
            options.extend(["--repl-two-connections", "yes"]);
        }
        let replica = to.start(&options);
        let over = Arc::new(AtomicBool::new(false));
        let writer = self.start_writer(&primary, writes, over.clone());
        // The writes have their pace before the replica comes.
        thread::sleep(Duration::from_secs(1));
        let resident = memory(primary.pid())?;
        reset_peak_memory(primary.pid())?;
        replica.client().ok(&["REPLICAOF", "127.0.0.1", &link.port().to_string()]);
        let seen = self.watch(&replica);
        let mut client = primary.client();
        let full_syncs = client.info("sync_full").unwrap_or_default();
        let cut = primary.log().matches("overcoming of output buffer limits").count();
        let peak = peak_memory(primary.pid())?;
        over.store(true, Ordering::Relaxed);
        if writer.join().is_err() {
            return Err("the writer has failed".into());
        }
        let same = seen.up && caught_up(&mut client, &mut replica.client());
        Ok(vec![
            format!("{} -> {}", from.name, to.name),
            full_syncs,
            cut.to_string(),
            seen.up_after.map_or("never".to_owned(), |time| format!("{:.1}", time.as_secs_f64())),
            format!("{:.1}", seen.up_for.as_secs_f64()),
            format!("{resident:.0}"),
            format!("{:.0}", peak - resident),
            format!("{:.0}", peak_memory(replica.pid())?),
            format!("{:.0}", link.passed() as f64 / 1e6),
            if same { "yes" } else { "no" }.to_owned(),
        ])
    }

    /// Requests for all hot keys, so many in each.
    fn batches(&self) -> Vec<Batch> {
        let value = Random::new(5).text(HOT_VALUE);
        let numbers: Vec<usize> = (0..self.hot).collect();
        let set = |number: &usize| request(&[b"SET", format!("hot:{number}").as_bytes(), &value]);
        let batch = |numbers: &[usize]| Batch {
            requests: numbers.iter().flat_map(set).collect(),
            count: numbers.len(),
        };
        numbers.chunks(BATCH).map(batch).collect()
    }

    /// Overwrites the hot keys at the given pace until it is over.
    fn start_writer(
        &self,
        primary: &Server,
        writes: Arc<Vec<Batch>>,
        over: Arc<AtomicBool>,
    ) -> JoinHandle<()> {
        let (mut client, rate) = (primary.client(), self.write);
        thread::spawn(move || {
            let mut due = Instant::now();
            for batch in writes.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                due += Duration::from_secs_f64(batch.requests.len() as f64 / rate as f64);
                write(&mut client, batch);
            }
        })
    }

    fn watch(&self, replica: &Server) -> Seen {
        let (mut client, began) = (replica.client(), Instant::now());
        let mut seen = Seen::default();
        let mut last = began;
        while began.elapsed() < self.watch {
            thread::sleep(LOOK);
            let status = client.info("master_link_status");
            seen.up = status.is_some_and(|status| status == "up");
            let now = Instant::now();
            if seen.up {
                seen.up_after.get_or_insert(now - began);
                seen.up_for += now - last;
            }
            last = now;
        }
        seen
    }
}

fn write(client: &mut Client, batch: &Batch) {
    client.send(&batch.requests);
    for _ in 0..batch.count {
        assert!(client.read().text().starts_with("OK"), "a SET was refused");
    }
}

/// Whether the replica comes to hold what the primary does.
fn caught_up(primary: &mut Client, replica: &mut Client) -> bool {
    primary.ok(&["SET", "caught-up", "1"]);
    let began = Instant::now();
    while replica.call(&["GET", "caught-up"]).bytes() != Some(b"1") {
        if began.elapsed() > CATCH_UP {
            return false;
        }
        thread::sleep(LOOK);
    }
    primary.digest() == replica.digest()
}
