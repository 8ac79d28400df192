//! redwire-tail at real masters.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{Client, Peer, Redwire, Rng, Server, assert_same_data, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);

/// A running redwire-tail, killed when dropped.
struct Tail(Child);

/// What runs redwire-tail with its arguments behind it.
fn command(program: &str, server: &Server) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    if program == "sh" {
        // A write beyond 4 MB of a file fails, as on a full disk.
        command.args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$@\"", "sh", TAIL]);
    }
    command.arg(format!("redis://127.0.0.1:{}", server.port()));
    command
}

const TAIL: &str = env!("CARGO_BIN_EXE_redwire-tail");

impl Tail {
    fn start(server: &Server, args: &[&str], stdout: Stdio) -> Tail {
        let child = command(TAIL, server).args(args).stdout(stdout).spawn();
        Tail(child.expect("run redwire-tail"))
    }

    /// Ends it in order.
    fn terminate(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it runs");
        let status = self.0.wait().expect("wait for it");
        // So early that it does not listen for the signal yet, it just ends by it.
        let at_once = status.signal() == Some(Signal::TERM.as_raw());
        assert!(status.success() || at_once, "{status}");
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The whole lines of an output.
fn lines(path: &Path) -> Vec<Value> {
    let file = BufReader::new(File::open(path).expect("the output is there"));
    let lines = file.split(b'\n').map(|line| line.expect("read the output"));
    lines.filter_map(|line| serde_json::from_slice(&line).ok()).collect()
}

fn ops<'a>(lines: &'a [Value], op: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["op"] == op).collect()
}

/// The last arguments of the RPUSHes in an output.
fn pushed(lines: &[Value]) -> Vec<i64> {
    let commands = ops(lines, "command").into_iter();
    let args = commands.filter_map(|line| line["args"].as_array());
    let pushes = args.filter(|args| args[0] == "RPUSH");
    pushes.map(|args| args[2].as_str().expect("text").parse().expect("a number")).collect()
}

/// What `--resp` writes makes another server the same, by the snapshot and by the stream.
fn makes_another_server_the_same(peer: Peer) {
    let (Some(master), Some(target)) = (peer.start(&[]), peer.start(&[])) else { return };
    let mut client = master.client();
    client.pipeline(&dataset(seed(91)));
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("commands");
    let name = output.to_str().expect("a plain path");
    let tail = Tail::start(&master, &["--resp", "-o", name], Stdio::null());
    let replicas = |client: &mut Client| client.info("connected_slaves");
    wait_until("it to follow", SOON, || replicas(&mut client).as_deref() == Some("1"));
    let mut workload = Workload::new(seed(92)).recent();
    client.pipeline(&workload.writes(20_000));
    client.ok(&["SELECT", "0"]);
    client.ok(&["SET", "the-last", "one"]);
    wait_until("the last command to be written", SOON, || {
        let bytes = fs::read(&output).unwrap_or_default();
        bytes.windows(8).any(|window| window == b"the-last")
    });
    tail.terminate();
    let replies = {
        let mut target = target.client();
        let bytes = fs::read(&output).expect("the output");
        let requests = bytes.split(|byte| *byte == b'*').count();
        assert!(requests > 10_000);
        feed(&mut target, &bytes)
    };
    assert!(replies.is_empty(), "{replies:?}");
    assert_same_data(&master, &target);
}

/// Sends requests as they are, and answers the errors among the replies.
fn feed(client: &mut Client, bytes: &[u8]) -> Vec<String> {
    client.send(&[bytes, &redwire_testkit::request(&["ECHO", "the end of it"])].concat());
    let mut errors = Vec::new();
    loop {
        let reply = client.read();
        if reply.is_error() {
            errors.push(format!("{reply:?}"));
        } else if reply.bytes() == Some(b"the end of it") {
            return errors;
        }
    }
}

#[test]
fn another_redis_70() {
    makes_another_server_the_same(Peer::Redis70);
}

#[test]
fn another_redis_80() {
    makes_another_server_the_same(Peer::Redis80);
}

#[test]
fn another_redis_86() {
    makes_another_server_the_same(Peer::Redis86);
}

#[test]
fn another_valkey_91() {
    makes_another_server_the_same(Peer::Valkey91);
}

/// Killed and ended again and again while the master is written to: the output file has every push
/// once, in order, and the master gave one snapshot.
fn survives_kills(master: &Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let (output, state) = (folder.path().join("changes"), folder.path().join("state"));
    let args = [
        "-o",
        output.to_str().expect("a plain path"),
        "--resume",
        state.to_str().expect("a plain path"),
    ];
    let mut client = master.client();
    client.ok(&["SELECT", "5"]);
    let (mut rng, mut next) = (Rng::new(seed(93)), 0);
    let push = |client: &mut Client, next: &mut i64| {
        for _ in 0..50 {
            client.ok(&["RPUSH", "list", &next.to_string()]);
            *next += 1;
        }
    };
    let first = Tail::start(master, &args, Stdio::null());
    // Pushes before the snapshot would be in it.
    wait_until("the first place to be kept", SOON, || state.exists());
    first.terminate();
    for round in 0..12 {
        let mut tail = Tail::start(master, &args, Stdio::null());
        let until = next + 50 * (1 + rng.below(20) as i64);
        while next < until {
            push(&mut client, &mut next);
        }
        if round % 3 == 2 {
            tail.terminate();
        } else {
            tail.0.kill().expect("kill it");
        }
        push(&mut client, &mut next);
    }
    let tail = Tail::start(master, &args, Stdio::null());
    wait_until("the last push", SOON, || pushed(&lines(&output)).last() == Some(&(next - 1)));
    tail.terminate();
    let lines = lines(&output);
    assert_eq!(pushed(&lines), (0..next).collect::<Vec<_>>(), "{master:?}");
    assert!(ops(&lines, "command").iter().all(|line| line["db"] == 5));
    assert_eq!(ops(&lines, "snapshot-start").len(), 1);
    assert_eq!(client.info("sync_full").as_deref(), Some("1"), "{master:?}");
}

#[test]
fn survives_kills_at_real_masters() {
    for peer in Peer::ALL {
        if let Some(master) = peer.start(&["--repl-backlog-size", "10mb"]) {
            survives_kills(&master);
        }
    }
}

#[test]
fn survives_kills_at_redwire() {
    survives_kills(&Redwire::start(&["--repl-backlog-size", "10mb"]));
}

/// A master that no longer has the history: a new snapshot, and it is said.
#[test]
fn says_that_the_history_is_gone() {
    let Some(master) = Peer::Redis70.start(&["--repl-backlog-size", "16kb"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (output, state) = (folder.path().join("changes"), folder.path().join("state"));
    let args = [
        "-o",
        output.to_str().expect("a plain path"),
        "--resume",
        state.to_str().expect("a plain path"),
    ];
    let tail = Tail::start(&master, &args, Stdio::null());
    wait_until("a place to be kept", SOON, || state.exists());
    tail.terminate();
    let mut client = master.client();
    for n in 0..100 {
        client.ok(&["SET", &n.to_string(), &"v".repeat(1000)]);
    }
    let tail = Tail::start(&master, &args, Stdio::null());
    wait_until("a second snapshot", SOON, || ops(&lines(&output), "snapshot-end").len() == 2);
    tail.terminate();
    let lines = lines(&output);
    let gone: Vec<_> =
        ops(&lines, "snapshot-start").iter().map(|it| it["history_gone"].clone()).collect();
    assert_eq!(gone, [false, true]);
    assert_eq!(ops(&lines, "key").len(), 100);
}

/// An output that nobody reads: the link stays, memory stays, and then everything comes.
#[test]
fn a_stalled_output_holds_up_nothing() {
    let Some(master) = Peer::Redis70.start(&["--repl-timeout", "4"]) else { return };
    let mut tail = Tail::start(&master, &["--key", "k*"], Stdio::piped());
    let mut client = master.client();
    wait_until("it to follow", SOON, || client.info("sync_full").as_deref() == Some("1"));
    wait_until("it to be online", SOON, || {
        client.info("slave0").is_some_and(|line| line.contains("state=online"))
    });
    let value = "v".repeat(100_000);
    for n in 0..1200 {
        client.ok(&["SET", &format!("k{n}"), &value]);
        client.ok(&["SET", &format!("other{n}"), "1"]);
    }
    // Longer than the master waits for a replica that is silent.
    let began = client.info("uptime_in_seconds").and_then(|it| it.parse::<u64>().ok());
    wait_until("the master's patience to be tried", SOON, || {
        let now = client.info("uptime_in_seconds").and_then(|it| it.parse::<u64>().ok());
        now > began.map(|began| began + 6)
    });
    let link = client.info("slave0").expect("the link stands");
    assert!(link.contains("state=online"), "{link}");
    assert_eq!(client.info("sync_full").as_deref(), Some("1"));
    let status = fs::read_to_string(format!("/proc/{}/status", tail.0.id())).expect("its status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    let kb: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kb < 64 << 10, "{kb} KiB resident for 120 MB that wait");

    sets_in_order(&mut tail, 1200);
}

/// Reads SETs of `k0` to the last of `count`, which come in that order.
fn sets_in_order(tail: &mut Tail, count: usize) {
    let reader = BufReader::new(tail.0.stdout.take().expect("a pipe"));
    let mut next = 0;
    for line in reader.lines() {
        let line: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        if line["op"] == "command" {
            assert_eq!(line["args"][1], format!("k{next}"));
            next += 1;
        }
        if next == count {
            return;
        }
    }
    panic!("{next} of {count} came");
}

/// The disk is full while an output is stalled: it is said, the rest waits with the master, and all
/// comes once and in order.
#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let Some(master) = Peer::Redis70.start(&[]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let child = command("sh", &master)
        .stdout(Stdio::piped())
        .stderr(File::create(&said).expect("a file"))
        .spawn();
    let mut tail = Tail(child.expect("run a shell"));
    let mut client = master.client();
    wait_until("it to be online", SOON, || {
        client.info("slave0").is_some_and(|line| line.contains("state=online"))
    });
    let value = "v".repeat(100_000);
    for n in 0..400 {
        client.ok(&["SET", &format!("k{n}"), &value]);
    }
    let text = || fs::read_to_string(&said).expect("its words");
    wait_until("it to be said", SOON, || text().contains("what more comes waits with the master"));
    assert!(text().contains("File too large"), "{}", text());
    sets_in_order(&mut tail, 400);
    assert_eq!(client.info("sync_full").as_deref(), Some("1"));
    assert_eq!(text().matches("waits with the master").count(), 1, "{}", text());
}

/// What cannot work is said before a snapshot is asked for.
#[test]
fn what_cannot_be_written_is_said_at_once() {
    for option in ["--resume", "--output", "--spool"] {
        let path = "/there/is/no/such/folder";
        let run = Command::new(TAIL).args(["redis://127.0.0.1:1", option, path]).output();
        let run = run.expect("run redwire-tail");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(3), "{option}: {said}");
        assert!(said.starts_with(&format!("redwire-tail: {path}: No such file")), "{said}");
    }
}

/// An output need not be a file, and who is not let in need not wait for ever.
#[test]
fn a_run_for_once_ends() {
    let Some(master) = Peer::Redis70.start(&["--requirepass", "secret"]) else { return };
    let run = |login: &str| {
        let address = format!("redis://{login}127.0.0.1:{}", master.port());
        let run = Command::new(TAIL).args([&address, "--once", "-o", "/dev/null"]).output();
        let run = run.expect("run redwire-tail");
        (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    assert_eq!(run(":secret@").0, Some(0));
    for (login, reason) in [(":wrong@", "AUTH: WRONGPASS"), ("", "PSYNC: NOAUTH")] {
        let (status, said) = run(login);
        assert_eq!(status, Some(3), "{said}");
        assert!(said.contains(&format!("primary refused {reason}")), "{said}");
        assert!(!said.contains("secret") && !said.contains("wrong"), "{said}");
    }
}
