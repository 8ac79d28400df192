//! `redwire-inspect`: RDB files of Redis and Valkey, looked into, compared, converted, repaired.

mod aof;
mod check;
mod cli;
mod clock;
mod convert;
mod diff;
mod filter;
mod json;
mod json_in;
mod link;
mod measure;
mod memory;
mod oldest;
mod output;
mod repair;
mod resp;
mod source;
mod stream;
mod summary;
mod top;
mod value;
mod walk;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use redwire_rdb::Version;
use redwire_tools::Failure;

use crate::{
    cli::{Cli, Command, From, To},
    convert::{Converter, Rule},
    json::JsonWriter,
    json_in::JsonReader,
    measure::Weighing,
    memory::{Csv, Treemap},
    oldest::Oldest,
    output::Output,
    resp::RespWriter,
    source::Source,
    summary::Summary,
    top::{Prefixes, Top},
    walk::{Visitor, Walked, walk},
};

fn main() -> ExitCode {
    let result = run(Cli::parse().command);
    match result {
        Ok(status) => ExitCode::from(status),
        // Like other filters: who reads us has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::from(failure.status())
        }
    }
}

/// A line on standard error; when even that fails there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "redwire-inspect: {}", line.trim_end());
}

/// An input's name without the password that an address may hold.
fn shown(input: &str) -> String {
    match input.strip_prefix("redis://").and_then(|address| address.rsplit_once('@')) {
        Some((_, place)) => format!("redis://{place}"),
        None => input.to_owned(),
    }
}

/// Runs a command; the exit status of one that did its work.
fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Summary { from } => summary(&from)?,
        Command::Json { from, to, keys_only } => json(&from, &to, keys_only)?,
        Command::Resp { from, to, no_functions } => resp(&from, &to, no_functions)?,
        Command::FromJson { input, output, to, max_line } => {
            from_json(&input, &output, to, max_line)?;
        }
        Command::Top { from, count, by, prefix: false, .. } => {
            let mut top = Top::new(by, count);
            visit(&from, &mut Weighing::new(&mut top))?;
            top.write(Output::open(None)?)?;
        }
        Command::Top { from, count, by, separator, depth, .. } => {
            let mut prefixes = Prefixes::new(separator, depth);
            visit(&from, &mut Weighing::new(&mut prefixes))?;
            prefixes.write(Output::open(None)?, by, count)?;
        }
        Command::Memory { from, to, html, separator } => memory(&from, &to, html, separator)?,
        Command::Diff { old, from, to } => {
            let output = Output::open(to.output.as_deref())?;
            return diff::run(&old, &from.input, &from.filter, output).map(u8::from);
        }
        Command::Convert { from, to, output } => {
            let source = Source::open(&from.input)?;
            let (source, to) = match to {
                Some(to) => (source, to),
                None => oldest(source, &from)?,
            };
            convert(source, &from, Rule::One(output), Some(to))?;
        }
        Command::Check { input, no_duplicates } => check(&input, !no_duplicates)?,
        Command::Repair { from, output } => return repair(&from, output),
        Command::Split { from, output, by_slot, .. } => {
            let rule = match by_slot {
                Some(parts) => Rule::BySlot(output, parts),
                None => Rule::ByDb(output),
            };
            convert(Source::open(&from.input)?, &from, rule, None)?;
        }
    }
    Ok(0)
}

/// Walks through an input.
fn visit(from: &From, visitor: &mut impl Visitor) -> Result<Walked, Failure> {
    let mut source = Source::open(&from.input)?;
    let walked = walk(&mut source, &from.filter, visitor)?;
    begin_tail(&mut source, walked)
}

/// Begins to read what follows the RDB.
fn begin_tail(source: &mut Source, mut walked: Walked) -> Result<Walked, Failure> {
    if source.is_link {
        walked.tail.clear();
    } else if walked.tail.is_empty() {
        source.fill(&mut walked.tail, 1)?;
    }
    Ok(walked)
}

/// As [`visit`], and says when the input holds more than was looked at.
fn visit_all(from: &From, visitor: &mut impl Visitor) -> Result<(), Failure> {
    say_of_tail(from, &visit(from, visitor)?);
    Ok(())
}

fn say_of_tail(from: &From, walked: &Walked) {
    if !walked.tail.is_empty() {
        say(&format!("{}: AOF commands follow the RDB and are left out", from.input));
    }
}

fn summary(from: &From) -> Result<(), Failure> {
    let mut summary = Summary::new();
    let walked = visit(from, &mut Weighing::new(&mut summary))?;
    summary.write(Output::open(None)?, walked.bytes, !walked.tail.is_empty())
}

fn json(from: &From, to: &To, keys_only: bool) -> Result<(), Failure> {
    let output = Output::open(to.output.as_deref())?;
    let mut writer = JsonWriter::new(output, from.filter.has_size(), !keys_only);
    visit_all(from, &mut writer)?;
    writer.finish()
}

/// The commands behind a preamble are passed on, too.
fn resp(from: &From, to: &To, no_functions: bool) -> Result<(), Failure> {
    let output = Output::open(to.output.as_deref())?;
    let mut writer = RespWriter::new(output, from.filter.has_size(), !no_functions);
    let mut source = Source::open(&from.input)?;
    let mut tail = walk(&mut source, &from.filter, &mut writer)?.tail;
    if source.is_link {
        return writer.finish();
    }
    if from.filter.is_any() {
        if !tail.is_empty() || source.fill(&mut tail, 1)? > 0 {
            say("AOF commands follow the RDB; they cannot be filtered and are left out");
        }
        return writer.finish();
    }
    let mut commands = aof::Commands::new();
    while !tail.is_empty() || source.fill(&mut tail, 1 << 18)? > 0 {
        writer.tail(|out| commands.push(&tail, out)).map_err(|failure| match failure {
            Failure::Refused(what) => {
                Failure::Refused(format!("{}: behind the RDB: {what}", shown(&from.input)))
            }
            other => other,
        })?;
        tail.clear();
    }
    if commands.unfinished() > 0 {
        say(&format!("{} bytes at the end are no whole command, left out", commands.unfinished()));
    }
    writer.finish()
}

fn from_json(
    input: &str,
    output: &std::path::Path,
    to: Option<Version>,
    max_line: u64,
) -> Result<(), Failure> {
    let mut reader = JsonReader::new(Output::open(Some(output))?, to);
    let mut lines = BufReader::with_capacity(1 << 18, Source::open_ending(input)?.into_reader());
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        let mut limited = lines.by_ref().take(max_line.saturating_add(1));
        if limited.read_until(b'\n', &mut line).map_err(Failure::io(input))? == 0 {
            return reader.finish();
        }
        number += 1;
        if line.len() as u64 > max_line && !line.ends_with(b"\n") {
            let what = format!("line {number}: longer than {max_line} bytes (--max-line)");
            return Err(Failure::Refused(what));
        }
        reader.line(number, &line)?;
        line.clear();
    }
}

fn memory(from: &From, to: &To, html: bool, separator: u8) -> Result<(), Failure> {
    let output = Output::open(to.output.as_deref())?;
    if html {
        let mut treemap = Treemap::new(separator);
        visit_all(from, &mut Weighing::new(&mut treemap))?;
        return treemap.write(output, &shown(&from.input));
    }
    let mut csv = Csv::new(output);
    visit_all(from, &mut Weighing::new(&mut csv))?;
    csv.finish()
}

/// Walks through `source` for the oldest version that holds its data; answers it at its beginning.
fn oldest(source: Source, from: &From) -> Result<(Source, Version), Failure> {
    let mut data = Oldest::default();
    let mut source = source.kept()?;
    walk(&mut source, &from.filter, &mut data)?;
    let oldest = data.version();
    say(&format!("the oldest version that holds the data: {oldest}"));
    Ok((source.rewound()?, oldest))
}

fn convert(
    mut source: Source,
    from: &From,
    rule: Rule,
    to: Option<Version>,
) -> Result<(), Failure> {
    let mut converter = Converter::new(rule, to);
    let walked = walk::convert(&mut source, &from.filter, &mut converter)?;
    say_of_tail(from, &begin_tail(&mut source, walked)?);
    written(converter)
}

/// Puts the files in place and says what they are.
fn written(converter: Converter) -> Result<(), Failure> {
    for (what, count) in &converter.dropped {
        say(&format!("left out, {what}: {count}"));
    }
    for (name, keys) in converter.finish()? {
        say(&format!("{name}: {keys} keys"));
    }
    Ok(())
}

fn check(input: &str, duplicates: bool) -> Result<(), Failure> {
    let name = shown(input);
    let checked = check::check(&mut Source::open(input)?, duplicates)?;
    let mut line = format!("{name}: well, {} bytes, {} keys", checked.bytes, checked.keys);
    if checked.empty > 0 {
        line += &format!(", of which {} are empty and would be dropped", checked.empty);
    }
    if checked.tail {
        line += "; more follows the RDB (not looked at)";
    }
    let mut output = Output::open(None)?;
    output.write((line + "\n").as_bytes())?;
    output.finish()
}

fn repair(from: &From, output: std::path::PathBuf) -> Result<u8, Failure> {
    let bytes = Source::open_ending(&from.input)?.read_to_end()?;
    let mut converter = Converter::new(Rule::One(output), None);
    let report = repair::run(&shown(&from.input), &bytes, &from.filter, &mut converter)?;
    written(converter)?;
    say(&report.lines());
    Ok(u8::from(report.is_damaged()))
}
