//! What a table was measured on: without it a figure says little.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// Prints the machine, the compiler, the build and the load on the machine.
pub fn print() {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model =
        model.and_then(|line| line.split_once(": ")).map_or("unknown CPU", |(_, name)| name);
    let cores = available_parallelism().map_or(1, usize::from);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib =
        meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let gib = kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / f64::from(1 << 20);
    println!("machine: {cores} x {model}, {gib:.0} GiB");
    println!("kernel: {}", said("uname", &["-sr"]));
    println!("compiler: {}; build: {}", said("rustc", &["--version"]), build());
    println!("redwire: {}", said("git", &["describe", "--always", "--dirty"]));
    println!("date: {}; load average: {}", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), load());
    if cfg!(debug_assertions) {
        println!("WARNING: a debug build: these figures mean nothing");
    }
    if load_average().is_some_and(|load| load > 0.5) {
        println!("WARNING: the machine was not quiet when this began");
    }
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn load_average() -> Option<f64> {
    load().split(' ').next()?.parse().ok()
}

/// The first line that a program prints.
pub fn said(program: &str, args: &[&str]) -> String {
    let dir = redwire_testkit::workspace();
    let output = Command::new(program).args(args).current_dir(dir).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}
