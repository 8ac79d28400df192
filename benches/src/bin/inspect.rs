//! RDB files as JSON: MB/s of the process redwire-inspect beside the formatter of the rdb crate, and
//! beside librdb's rdb-cli where it is on PATH.
//!
//! Build the tool first: `cargo build --release -p redwire-inspect`.

// Benchmarks read the clock: the rule against that is meant for the libraries.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rdb::filter::Simple;
use rdb::formatter::JSON;
use redwire_benches::rdb::DataSet;
use redwire_benches::{Options, Outcome, Subject, Table, machine, measure, ratio};

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys of the strings, 1000000; a tenth as many of the mixed set"),
    ("rounds", "N: rounds, 5"),
];
/// What a file that was just written by the encoder cannot do to a reader.
const OURS: &str = "invariant: every reader here reads the file";

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let keys = options.value("keys", 1_000_000, 5_000)?;
    let rounds = options.value("rounds", 5, 1)?;
    machine::print();
    let tool = PathBuf::from("target/release/redwire-inspect");
    if !tool.is_file() {
        return Err(format!("no {}: build it first", tool.display()).into());
    }
    println!("MB/s = 10^6 bytes of the file a second, median of {rounds} rounds");
    let dir = tempfile::tempdir()?;
    for (name, set) in [("strings", DataSet::strings(keys)), ("mixed", DataSet::mixed(keys / 10))] {
        for (how, compress) in [("plain", false), ("LZF", true)] {
            let mut bytes = Vec::new();
            set.encode(compress, &mut bytes);
            let path = dir.path().join("file.rdb");
            fs::write(&path, &bytes)?;
            let title = format!("JSON of {name}, {how}, {:.1} MB", bytes.len() as f64 / 1e6);
            compare(&title, &tool, &path, bytes.len() as u64, rounds);
        }
    }
    Ok(())
}

/// Whether a program of this name can be started.
fn on_path(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

fn compare(title: &str, tool: &Path, path: &Path, size: u64, rounds: usize) {
    let run = |command: &str| {
        let mut process = Command::new(tool);
        let process = process.arg(command).arg(path).stdout(Stdio::null());
        assert!(process.status().is_ok_and(|status| status.success()), "{command} fails");
        size
    };
    let mut subjects = vec![
        Subject::new("redwire-inspect json (a process), CRC on", || run("json")),
        Subject::new("redwire-inspect resp (a process), CRC on", || run("resp")),
        Subject::new("redwire-inspect summary (a process), CRC on", || run("summary")),
        Subject::new("rdb 0.4, its JSON formatter (no CRC check)", || {
            let file = BufReader::with_capacity(256 << 10, File::open(path).expect(OURS));
            let formatter = JSON::new(Some(PathBuf::from("/dev/null")));
            rdb::parse(file, formatter, Simple::new()).expect(OURS);
            size
        }),
    ];
    if on_path("rdb-cli") {
        subjects.push(Subject::new("rdb-cli json (librdb, a process)", || {
            let mut process = Command::new("rdb-cli");
            let process = process.arg(path).args(["-l", "/dev/null", "json", "-o", "/dev/null"]);
            let process = process.stdout(Stdio::null());
            assert!(process.status().is_ok_and(|status| status.success()), "rdb-cli fails");
            size
        }));
    }
    let figures = measure(&mut subjects, rounds, Duration::from_millis(1));
    let mut table = Table::new(title, ["who", "MB/s", "ours / theirs"]);
    for (subject, ns) in subjects.iter().zip(&figures) {
        let against = ratio(*ns, figures[0]);
        table.row([subject.name.clone(), format!("{:.0}", 1e3 / ns), against]);
    }
    println!("{table}");
}
