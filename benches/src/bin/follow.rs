//! How fast a master is followed: its snapshot, and a stream that has piled up, by both of redwire's
//! runners, by `redwire-tail` and by `redis-cli --replica`. Nothing is pinned.

#![allow(clippy::disallowed_methods, reason = "benchmarks read the clock")]

use std::env;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redwire::follow::Item;
use redwire_benches::process::{CpuTime, peak_memory};
use redwire_benches::{Options, Outcome, Table, contender, machine, median};
use redwire_testkit::{Client, Peer, Server, wait_until};
use rustix::process::{Pid, Signal, kill_process};

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys of the snapshot, 500000"),
    ("value", "N: bytes of a value, 1000"),
    ("commands", "N: commands of the stream, 300000"),
    ("rounds", "N: rounds, 3"),
    ("tail", "FILE: redwire-tail, target/release/redwire-tail"),
];
const PATIENCE: Duration = Duration::from_secs(300);

/// In the environment of this program as a follower: which runner, and the master's port.
const ROLE: &str = "REDWIRE_BENCH_FOLLOW";

/// The key of the last command.
const MARKER: &str = "follow:the-last-one";

/// What is printed when the snapshot is whole.
const WHOLE: &str = "the snapshot is whole";

struct Setup {
    keys: u64,
    value: usize,
    commands: u64,
    rounds: usize,
    folder: tempfile::TempDir,
}

/// A program that follows a master.
struct Follower {
    name: &'static str,
    command: Box<dyn Fn(u16) -> Command>,
    /// What its output ends with when the snapshot is whole.
    whole: &'static str,
}

/// What following came to, in seconds and MB.
#[derive(Default)]
struct Measured {
    snapshot: Vec<f64>,
    snapshot_cpu: Vec<f64>,
    stream: Vec<f64>,
    stream_cpu: Vec<f64>,
    peak: Vec<f64>,
}

fn main() -> Outcome<()> {
    if let Ok(role) = env::var(ROLE) {
        return follow(&role);
    }
    let options = Options::parse(HELP)?;
    let tail: PathBuf = options.value("tail", target("redwire-tail"), target("redwire-tail"))?;
    let fast = Path::new("/dev/shm");
    let folder = if fast.is_dir() { tempfile::tempdir_in(fast)? } else { tempfile::tempdir()? };
    let setup = Setup {
        keys: options.value("keys", 500_000, 2_000)?,
        value: options.value("value", 1000, 1000)?,
        commands: options.value("commands", 300_000, 2_000)?,
        rounds: options.value("rounds", 3, 1)?,
        folder,
    };
    machine::print();
    let limit = ["--client-output-buffer-limit", "replica 0 0 0", "--repl-timeout", "600"];
    let Some(master) = Peer::Redis70.start(&limit) else { return Ok(()) };
    let cli = Peer::Redis70.programs().map(|programs| programs.cli);
    contender::fill(&master, setup.keys, setup.value)?;
    let followers = followers(&tail, cli);
    let mut measured: Vec<_> = followers.iter().map(|_| Measured::default()).collect();
    let mut stream_mb = 0.0;
    for _ in 0..setup.rounds {
        for (follower, measured) in followers.iter().zip(&mut measured) {
            stream_mb = setup.round(&master, follower, measured)?;
        }
    }
    setup.print(stream_mb, &followers, measured);
    Ok(())
}

fn target(program: &str) -> PathBuf {
    redwire_testkit::workspace().join("target/release").join(program)
}

fn followers(tail: &Path, cli: Option<PathBuf>) -> Vec<Follower> {
    let own = |role: &'static str| -> Box<dyn Fn(u16) -> Command> {
        Box::new(move |port| {
            let mut command = Command::new(env::current_exe().expect("this program has a path"));
            command.env(ROLE, format!("{role} {port}"));
            command
        })
    };
    let tail = |form: &'static [&'static str]| -> Box<dyn Fn(u16) -> Command> {
        let tail = tail.to_owned();
        Box::new(move |port| {
            let mut command = Command::new(&tail);
            command.args(["--quiet", &format!("redis://127.0.0.1:{port}")]).args(form);
            command
        })
    };
    let mut followers = vec![
        Follower { name: "blocking, items counted", command: own("blocking"), whole: WHOLE },
        Follower { name: "tokio, items counted", command: own("tokio"), whole: WHOLE },
        Follower { name: "redwire-tail", command: tail(&[]), whole: "\"snapshot-end\"" },
        // Nothing tells the end of a snapshot in commands: a key of its own does.
        Follower { name: "redwire-tail --resp", command: tail(&["--resp"]), whole: "" },
    ];
    if let Some(cli) = cli {
        let command = move |port: u16| {
            let mut command = Command::new(&cli);
            command.args(["-p", &port.to_string(), "--replica"]);
            command
        };
        let whole = "Logging commands from master";
        let command = Box::new(command);
        followers.push(Follower { name: "redis-cli --replica", command, whole });
    }
    followers
}

impl Setup {
    /// Has `follower` take the snapshot, then a stream that came while it was stopped; answers the
    /// length of that in MB.
    fn round(&self, master: &Server, follower: &Follower, measured: &mut Measured) -> Outcome<f64> {
        let path = self.folder.path().join("output");
        let output = File::create(&path)?;
        let mut client = master.client();
        let began = Instant::now();
        let mut child = (follower.command)(master.port())
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()?;
        if follower.whole.is_empty() {
            self.end_of_snapshot(&mut client, &path);
        } else {
            await_end(&path, follower.whole);
        }
        measured.snapshot.push(began.elapsed().as_secs_f64());
        let cpu = CpuTime::of(child.id())?;
        measured.snapshot_cpu.push(cpu.total());
        signal(&child, Signal::STOP)?;
        let before = offset(&mut client);
        self.write(&mut client);
        let len = offset(&mut client) - before;
        let began = Instant::now();
        signal(&child, Signal::CONT)?;
        await_end(&path, MARKER);
        measured.stream.push(began.elapsed().as_secs_f64());
        measured.stream_cpu.push((CpuTime::of(child.id())? - cpu).total());
        measured.peak.push(peak_memory(child.id())?);
        child.kill()?;
        child.wait()?;
        Ok(len)
    }

    /// Waits until a write comes out that was made once the replica was there.
    fn end_of_snapshot(&self, client: &mut Client, path: &Path) {
        wait_until("the replica", PATIENCE, || client.info("slave0").is_some());
        client.ok(&["SET", "follow:snapshot", WHOLE]);
        await_end(path, WHOLE);
    }

    fn write(&self, client: &mut Client) {
        let value = vec![b'v'; self.value];
        let set = |n: u64| vec![b"SET".to_vec(), format!("key:{n}").into_bytes(), value.clone()];
        for from in (0..self.commands).step_by(1000) {
            let to = self.commands.min(from + 1000);
            client.pipeline(&(from..to).map(set).collect::<Vec<_>>());
        }
        client.ok(&["SET", MARKER, "1"]);
    }

    fn print(&self, stream_mb: f64, followers: &[Follower], measured: Vec<Measured>) {
        let (keys, value) = (self.keys, self.value);
        let snapshot_mb = keys as f64 * (value as f64 + 25.0) / 1e6;
        let title = format!(
            "{keys} keys of {value} B ({snapshot_mb:.0} MB), then a stream of {stream_mb:.0} MB, \
             median of {} rounds",
            self.rounds
        );
        let heads = [
            "follower",
            "snapshot s",
            "MB/s",
            "CPU s",
            "stream s",
            "MB/s",
            "CPU s",
            "peak resident MB",
        ];
        let mut table = Table::new(&title, heads);
        for (follower, it) in followers.iter().zip(measured) {
            let [snapshot, stream] = [median(it.snapshot), median(it.stream)];
            table.row([
                follower.name.to_owned(),
                format!("{snapshot:.2}"),
                format!("{:.0}", snapshot_mb / snapshot),
                format!("{:.2}", median(it.snapshot_cpu)),
                format!("{stream:.2}"),
                format!("{:.0}", stream_mb / stream),
                format!("{:.2}", median(it.stream_cpu)),
                format!("{:.0}", median(it.peak)),
            ]);
        }
        println!("{table}");
    }
}

/// Waits until the last bytes of an output hold this.
fn await_end(path: &Path, needle: &str) {
    wait_until(needle, PATIENCE, || {
        let mut file = File::open(path).expect("the output is there");
        let len = file.metadata().map_or(0, |it| it.len());
        file.seek(SeekFrom::Start(len.saturating_sub(4096))).expect("it is a file");
        let mut end = Vec::new();
        file.read_to_end(&mut end).expect("it is readable");
        end.windows(needle.len()).any(|bytes| bytes == needle.as_bytes())
    });
}

/// Where the master's stream is, in MB.
fn offset(client: &mut Client) -> f64 {
    let text = client.info("master_repl_offset").expect("INFO has it");
    text.parse::<f64>().expect("it is a number") / 1e6
}

fn signal(child: &Child, signal: Signal) -> Outcome<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(kill_process(pid.ok_or("a child has an id")?, signal)?)
}

/// This program as a follower, which counts items and says when the snapshot and the stream are over.
fn follow(role: &str) -> Outcome<()> {
    let (runner, port) = role.split_once(' ').ok_or("a runner and a port")?;
    let address: redwire::Address = format!("redis://127.0.0.1:{port}").parse()?;
    let mut items = 0_u64;
    let mut take = |item: Item<'_>| {
        items += 1;
        match item {
            Item::SnapshotEnd { .. } => println!("{WHOLE}"),
            Item::Command { request, .. } if &request[1] == MARKER.as_bytes() => {
                println!("{items} items, the last {MARKER}");
            }
            _ => {}
        }
    };
    if runner == "blocking" {
        let mut follow = redwire::blocking::Follow::new(address);
        loop {
            follow.next(&mut take)?;
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut follow = redwire::tokio::Follow::new(address);
        loop {
            follow.next(&mut take).await?;
        }
    })
}
