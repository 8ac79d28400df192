//! Redis' own tools against redwire: redis-cli, its `--rdb`, redis-benchmark.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{
    Peer, Programs, Redwire, Server, assert_same_data, wait_caught_up, wait_until,
};

/// What redis-benchmark runs; LRANGE makes four tests of its own.
const BENCHMARKS: &str =
    "set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset";

fn run(program: &Path, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("run {}: {error}", program.display()))
}

/// What redis-cli prints for a command, without the line end.
fn cli(programs: &Programs, server: &Server, args: &[&str]) -> String {
    let output = run(&programs.cli, &[&["-p", &server.port_text()], args].concat());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "redis-cli {args:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// A snapshot that redis-cli takes from redwire loads in a real server: it has the digest of the
/// real master that the data came from.
fn snapshot(peer: Peer) {
    let (Some(programs), Some(master)) = (peer.programs(), peer.start(&[])) else { return };
    let mut client = master.client();
    client.pipeline(&dataset(seed(31)));
    client.pipeline(&Workload::new(seed(32)).recent().writes(5000));
    let redwire = Redwire::start(&[]);
    redwire.follow(&master);
    wait_caught_up(&master, &redwire);

    let dir = tempfile::tempdir().expect("make a folder");
    let file = dir.path().join("dump.rdb");
    cli(&programs, &redwire, &["--rdb", file.to_str().expect("a path in UTF-8")]);
    assert!(fs::metadata(&file).expect("a snapshot").len() > 1_000_000);
    let judge = Server::start_in("judge", &programs.server, dir.path(), &[]);
    assert_same_data(&master, &judge.unwrap_or_else(|failure| panic!("{failure}")));
}

#[test]
fn cli_takes_a_snapshot_redis_70() {
    snapshot(Peer::Redis70);
}

#[test]
fn cli_takes_a_snapshot_redis_80() {
    snapshot(Peer::Redis80);
}

#[test]
fn cli_takes_a_snapshot_valkey_91() {
    snapshot(Peer::Valkey91);
}

/// redis-benchmark of every peer runs its tests without an error, with and without pipelining.
#[test]
fn benchmark_runs_clean() {
    let redwire = Redwire::start(&[]);
    for peer in Peer::REQUIRED {
        let Some(programs) = peer.programs() else { continue };
        for extra in [&["-n", "2000"][..], &["-n", "5000", "-P", "16", "-r", "1000"]] {
            let port = redwire.port_text();
            let base = ["-p", &port, "-t", BENCHMARKS, "-q"];
            let output = run(&programs.benchmark, &[&base, extra].concat());
            let printed = [output.stdout, output.stderr].concat();
            let printed = String::from_utf8_lossy(&printed).replace('\r', "\n");
            assert!(output.status.success(), "{printed}");
            for bad in ["error", "warning"] {
                assert!(!printed.to_lowercase().contains(bad), "{peer:?}: {printed}");
            }
            let finished = printed.lines().filter(|line| line.contains("requests per second"));
            // 13 names, four sizes of LRANGE, and the LPUSH that fills its list.
            assert!(finished.count() >= 17, "{peer:?}: {printed}");
        }
    }
    assert!(redwire.client().ok(&["DBSIZE"]).int() > Some(0));
}

/// An ordinary session at the prompt, in both protocols.
#[test]
fn cli_ordinary_use() {
    let redwire = Redwire::start(&[]);
    for peer in Peer::REQUIRED {
        let Some(programs) = peer.programs() else { continue };
        for protocol in ["-2", "-3"] {
            session(&programs, &redwire, protocol);
        }
    }
}

fn session(programs: &Programs, redwire: &Server, protocol: &str) {
    let say = |args: &[&str]| cli(programs, redwire, &[&[protocol], args].concat());
    assert_eq!(say(&["FLUSHALL"]), "OK");
    assert_eq!(say(&["SET", "key", "a \"b\"\n", "EX", "1000"]), "OK");
    assert_eq!(say(&["--no-raw", "GET", "key"]), r#""a \"b\"\n""#);
    assert_eq!(say(&["--no-raw", "INCR", "n"]), "(integer) 1");
    assert_eq!(say(&["--no-raw", "GET", "none"]), "(nil)");
    assert_eq!(say(&["-n", "5", "LPUSH", "list", "a", "b"]), "2");
    assert_eq!(say(&["-n", "5", "--no-raw", "LRANGE", "list", "0", "-1"]), "1) \"b\"\n2) \"a\"");
    assert_eq!(say(&["HSET", "hash", "f", "v"]), "1");
    let hash = say(&["--no-raw", "HGETALL", "hash"]);
    match protocol {
        "-2" => assert_eq!(hash, "1) \"f\"\n2) \"v\""),
        _ => assert_eq!(hash, "1# \"f\" => \"v\""),
    }
    assert!(say(&["LPUSH", "n", "a"]).starts_with("WRONGTYPE"));
    assert!(say(&["INFO", "replication"]).contains("role:master"));
    let databases = say(&["CONFIG", "GET", "databases"]);
    assert!(matches!(&*databases, "databases\n16" | "databases 16"), "{databases}");
    assert!(say(&["CLIENT", "LIST"]).contains("cmd=client|list"));
}

/// redis-cli --pipe loads commands in bulk and counts the replies.
#[test]
fn cli_pipes_commands() {
    let (Some(programs), Some(real)) = (Peer::Redis70.programs(), Peer::Redis70.start(&[])) else {
        return;
    };
    let redwire = Redwire::start(&[]);
    let dir = tempfile::tempdir().expect("make a folder");
    let file = dir.path().join("commands");
    let bytes: Vec<_> =
        dataset(seed(33)).iter().flat_map(|c| redwire_testkit::request(c)).collect();
    fs::write(&file, bytes).expect("write the commands");
    for server in [&real, &redwire] {
        let output = Command::new(&programs.cli)
            .args(["-p", &server.port_text(), "--pipe"])
            .stdin(fs::File::open(&file).expect("open the commands"))
            .output()
            .expect("run redis-cli");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && printed.contains("errors: 0,"), "{printed}");
    }
    assert_same_data(&real, &redwire);
}

/// redis-cli waits as its user does, and shows what came.
#[test]
fn cli_waits() {
    let Some(programs) = Peer::Redis70.programs() else { return };
    let redwire = Redwire::start(&[]);
    for (wait, write, shown) in [
        ("BLPOP k 0", "RPUSH k v", "k\nv"),
        ("BZPOPMAX k 0", "ZADD k 1.5 v", "k\nv\n1.5"),
        ("XREAD BLOCK 0 STREAMS k $", "XADD k 1-1 f v", "k\n1-1\nf\nv"),
    ] {
        let mut op = redwire.client();
        op.ok(&["DEL", "k"]);
        let child = Command::new(&programs.cli)
            .args(["-p", &redwire.port_text()])
            .args(wait.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run redis-cli");
        wait_until("redis-cli to wait", Duration::from_secs(20), || {
            op.info("blocked_clients").as_deref() == Some("1")
        });
        op.ok(&write.split(' ').collect::<Vec<_>>());
        let output = child.wait_with_output().expect("redis-cli ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), shown);
    }
}
