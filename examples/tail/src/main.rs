//! `redwire-tail`: follows any master, and writes its snapshot and its changes.

mod clock;
mod filter;
mod format;
mod json;
mod output;
mod progress;
mod resp;
mod resume;
mod tail;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use redwire::{Address, SpoolLimits};
use redwire_tools::Failure;

use filter::{Filter, Patterns};
use format::Writer;
use output::Output;
use progress::Progress;
use resume::Resume;
use tail::Tail;

/// Follows a Redis or Valkey master as its replica: writes its snapshot, then every change, as
/// JSON lines or as commands.
#[derive(Debug, Parser)]
#[command(name = "redwire-tail", version, about, long_about, after_help = STATUS)]
struct Cli {
    /// `redis://[user:password@]host[:port][/db]`
    address: Address,
    /// Commands as servers read them, for redis-cli --pipe, instead of JSON lines
    #[arg(long)]
    resp: bool,
    /// Keep in FILE how far we are, and go on from there: neither loss nor repetition
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Write to FILE instead of standard output; with --resume even kill -9 loses and repeats
    /// nothing there
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End when the snapshot is complete, or when the master does not let us in
    #[arg(long)]
    once: bool,
    /// Say nothing on standard error
    #[arg(long, short)]
    quiet: bool,
    /// Where the master's stream waits when its output is taken slowly, beyond 8 MB of memory;
    /// the folder for temporary files unless given
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// Most bytes that wait there, such as 500mb; what exceeds them waits with the master, which may
    /// cut the link for it
    #[arg(long, value_name = "SIZE", default_value = "16gb", value_parser = size)]
    spool_limit: u64,
    #[command(flatten)]
    patterns: Patterns,
}

fn size(text: &str) -> Result<u64, &'static str> {
    let size = redwire::outbuf::memory_size(text.as_bytes());
    size.ok_or("expected bytes, or a number with kb, mb or gb")
}

const STATUS: &str = "SIGTERM and SIGINT end it in order.
Exit status: 0 ended as told; 2 wrong arguments; 3 a file or the output failed, or with --once the
master refused us.";

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("redwire-tail: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let resume = cli.resume.as_deref().map(Resume::new);
    let checkpoint = resume.as_ref().map_or(Ok(None), Resume::read)?;
    let at = checkpoint.map_or(0, |checkpoint| checkpoint.output_len);
    let output = Output::start(cli.output.as_deref(), at, resume)?;
    let mut patterns = cli.patterns;
    patterns.db.extend(cli.address.db);
    let writer = Writer::new(Filter::new(patterns), cli.resp);
    let progress = Progress::new(cli.quiet);
    let spool = SpoolLimits { disk: cli.spool_limit, folder: cli.spool, ..SpoolLimits::default() };
    Tail::new(cli.address, writer, output, progress, checkpoint, cli.once)?.spool(spool)?.run()
}
