//! User instructions for a command, as valgrind's callgrind counts them: the guard against regressions
//! that wall time is too noisy for. What a cache miss costs it does not see.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use redwire_benches::contender::Contender;
use redwire_benches::generator::workload::{Load, preload, preload_lists};
use redwire_benches::generator::{self, Batches, Extent};
use redwire_benches::{Options, Outcome, Table, machine};
use redwire_testkit::Server;

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys preloaded, 20000: they stay in the cache"),
    ("commands", "N: commands counted, 100000"),
    ("only", "A,B: cells whose name (GET P64) contains one of these"),
    ("peers", "A,B: peers whose name contains one of these, none by default"),
    ("keep", "FOLDER: callgrind's files of ours are left there, for callgrind_annotate"),
    ("most", "N: end with a failure where ours takes more instructions than this"),
];

/// Commands of the shorter of two runs, whose difference is what is counted.
const BASE: usize = 20_000;

/// The cells, with the depth of their pipeline.
const CELLS: [(Load, usize); 13] = [
    (Load::Set, 1),
    (Load::Get, 1),
    (Load::Set, 64),
    (Load::Get, 16),
    (Load::Get, 64),
    (Load::Mget10, 64),
    (Load::Incr, 64),
    (Load::PushPop, 64),
    (Load::Hset, 64),
    (Load::Sadd, 64),
    (Load::Zadd, 64),
    (Load::Xadd, 64),
    (Load::Lrange100, 16),
];

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let keys = options.value("keys", 20_000, 1000)?;
    let commands = options.value("commands", 100_000, 2000)?;
    let keep = options.value("keep", PathBuf::new(), PathBuf::new())?;
    let most = options.value("most", u64::MAX, u64::MAX)?;
    machine::print();
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err("valgrind is not here".into());
    }
    let mut contenders = vec![Contender::redwire()?];
    if !options.value("peers", String::new(), String::new())?.is_empty() {
        contenders = Contender::chosen(&options)?;
    }
    let names = contenders.iter().map(|contender| contender.name);
    let mut table = Table::new("user instructions a command", ["cell"].into_iter().chain(names));
    let mut worst = 0;
    for (load, depth) in CELLS {
        let name = format!("{} P{depth}", load.name());
        if !options.chooses("only", &name) {
            continue;
        }
        let counts = contenders.iter().map(|it| {
            let batches = |commands| load.batches(depth, commands, keys);
            // The longer run has the shorter one's commands first: those cancel each other out.
            let (long, text) = total(it, &batches(BASE + commands), keys)?;
            let (short, _) = total(it, &batches(BASE), keys)?;
            if it.name == contenders[0].name && !keep.as_os_str().is_empty() {
                fs::write(keep.join(format!("{}.callgrind", name.replace('/', "-"))), text)?;
            }
            Ok((long - short) / commands as u64)
        });
        let counts = counts.collect::<Outcome<Vec<_>>>()?;
        worst = worst.max(counts[0]);
        table.row([name.clone()].into_iter().chain(counts.iter().map(u64::to_string)));
        eprintln!("{name} done");
    }
    println!("{table}");
    if worst > most {
        return Err(format!("{worst} instructions are more than {most}").into());
    }
    Ok(())
}

/// All instructions of a server that got its keys and then these batches, and callgrind's file.
fn total(contender: &Contender, batches: &Batches, keys: u64) -> Outcome<(u64, String)> {
    let dir = tempfile::tempdir()?;
    let counts = dir.path().join("callgrind.out");
    let script = wrapper(dir.path(), contender.program(), &counts)?;
    let mut server = Server::start_in(contender.name, &script, dir.path(), &[])?;
    generator::run(&server, &preload(keys), Extent::Once)?;
    generator::run(&server, &preload_lists(), Extent::Once)?;
    generator::run(&server, batches, Extent::Once)?;
    server.terminate();
    let text = fs::read_to_string(&counts)?;
    let summary = text
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")));
    let total = summary.ok_or("callgrind left no summary")?.trim().parse()?;
    Ok((total, text))
}

/// A program that runs `program` under callgrind in its own process, so that signals reach it.
fn wrapper(dir: &Path, program: &Path, counts: &Path) -> Outcome<PathBuf> {
    let script = dir.join("counted");
    let (program, counts) = (program.display(), counts.display());
    let run = "exec valgrind --tool=callgrind";
    fs::write(
        &script,
        format!("#!/bin/sh\n{run} --callgrind-out-file={counts} {program} \"$@\"\n"),
    )?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    Ok(script)
}
