//! RDB files read and written: MB/s of redwire-rdb beside the rdb crate, redis-check-rdb and whole
//! servers.

// Benchmarks read the clock: the rule against that is meant for the libraries.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rdb::RdbDecoder;
use rdb::filter::Simple;
use redwire_benches::contender::{self, Contender};
use redwire_benches::rdb::DataSet;
use redwire_benches::{
    Options, Outcome, Subject, Table, interleave, machine, measure, median, ratio,
};
use redwire_rdb::entry::{Entries, Item, Value};
use redwire_rdb::{Checker, DecodeOptions, Decoder, Event};
use redwire_testkit::Peer;

const HELP: &[(&str, &str)] = &[
    ("keys", "N: keys of the strings, 1000000; a tenth as many of the mixed set"),
    ("rounds", "N: rounds, 5"),
    ("only", "A,B: of strings, mixed"),
    ("peers", "A,B: real servers to save and load, none by a word that none has"),
];
/// What a file that was just written by the encoder cannot do to a decoder.
const OURS: &str = "invariant: every decoder here reads the file";
/// Bytes of a piece, where a file is read in pieces.
const PIECE: usize = 256 * 1024;

/// A data set and the files it makes.
struct Case {
    name: &'static str,
    set: DataSet,
    dir: tempfile::TempDir,
}

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let keys = options.value("keys", 1_000_000, 5_000)?;
    let rounds = options.value("rounds", 5, 1)?;
    machine::print();
    let contenders = Contender::chosen(&options)?;
    contenders.iter().for_each(|server| println!("{}: {}", server.name, server.version()));
    println!("MB/s = 10^6 bytes of the file a second, median of {rounds} rounds");
    for (name, make) in [
        ("strings", (|keys| DataSet::strings(keys)) as fn(u64) -> DataSet),
        ("mixed", |keys| DataSet::mixed(keys / 10)),
    ] {
        if options.chooses("only", name) {
            let case = Case { name, set: make(keys), dir: tempfile::tempdir()? };
            for compress in [false, true] {
                case.read(compress, rounds)?;
            }
            case.write(&contenders, rounds)?;
        }
    }
    Ok(())
}

impl Case {
    /// Writes the file and answers its path and its bytes.
    fn file(&self, compress: bool) -> Outcome<(PathBuf, Vec<u8>)> {
        let mut bytes = Vec::new();
        self.set.encode(compress, &mut bytes);
        let path = self.dir.path().join("file.rdb");
        fs::write(&path, &bytes)?;
        Ok((path, bytes))
    }

    fn title(&self, what: &str, compress: bool, bytes: usize) -> String {
        let (name, keys) = (self.name, self.set.keys());
        let compressed = if compress { "LZF" } else { "plain" };
        format!("{what} {name}, {keys} keys, {compressed}, {:.1} MB", bytes as f64 / 1e6)
    }

    fn read(&self, compress: bool, rounds: usize) -> Outcome<()> {
        let (path, bytes) = self.file(compress)?;
        let size = bytes.len() as u64;
        let mut subjects = vec![
            Subject::new("redwire, one slice, CRC on", || each(&bytes)),
            Subject::new("redwire, an event a call, CRC on", || whole(&bytes, true)),
            Subject::new("redwire, an event a call, CRC off", || whole(&bytes, false)),
            Subject::new("redwire, keys with their values whole, CRC on", || entries(&bytes)),
            Subject::new("redwire, file in 256 KiB pieces, CRC on", || pieces(&path)),
            Subject::new("redwire, check only, one slice, CRC on", || checked(&bytes)),
            Subject::new("rdb 0.4, one slice (no CRC check)", || peer(&bytes[..], size)),
            Subject::new("rdb 0.4, file through a BufReader", || {
                let file = File::open(&path).expect(OURS);
                peer(BufReader::with_capacity(PIECE, file), size)
            }),
        ];
        #[cfg(librdb)]
        for (name, verify) in [("librdb (C), CRC on", true), ("librdb (C), CRC off", false)] {
            let bytes = &bytes;
            subjects.push(Subject::new(name, move || {
                redwire_benches::librdb::read(bytes, verify);
                size
            }));
        }
        for (name, program) in checkers() {
            let path = path.clone();
            let name = format!("redis-check-rdb of {name} (a process)");
            subjects.push(Subject::new(&name, move || check(&program, &path, size)));
        }
        let figures = measure(&mut subjects, rounds, Duration::from_millis(1));
        let title = self.title("read", compress, bytes.len());
        let mut table = Table::new(&title, ["who", "MB/s", "ours / theirs"]);
        for (subject, ns) in subjects.iter().zip(&figures) {
            let against = ratio(*ns, figures[0]);
            table.row([subject.name.clone(), format!("{:.0}", 1e3 / ns), against]);
        }
        println!("{table}");
        Ok(())
    }

    /// Loads and saves of whole servers, by turns with what this project writes to memory: a load takes as
    /// long as the server's log says.
    fn write(&self, contenders: &[Contender], rounds: usize) -> Outcome<()> {
        let (path, bytes) = self.file(false)?;
        let mut failure = None;
        let mut out = Vec::new();
        let samples = interleave(1 + contenders.len(), rounds, |index| {
            let Some(contender) = index.checked_sub(1).map(|index| &contenders[index]) else {
                return Sample { load: f64::NAN, written: self.encoded(&mut out) };
            };
            let sample = self.server(contender, &path);
            sample.map_err(|error| failure = Some(error)).unwrap_or_default()
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let names = contenders.iter().map(|contender| format!("{}, SAVE", contender.name));
        let names: Vec<_> = ["redwire to memory".to_owned()].into_iter().chain(names).collect();
        let heads = ["who", "MB", "s", "MB/s", "ours / theirs"];
        for (at, form) in ["plain", "LZF"].into_iter().enumerate() {
            let (keys, name) = (self.set.keys(), self.name);
            let mut table = Table::new(&format!("write {name}, {keys} keys, {form}"), heads);
            let mut ours = None;
            for (name, samples) in names.iter().zip(&samples) {
                let seconds = median(samples.iter().map(|it| it.written[at].seconds).collect());
                let mb = samples.first().map_or(f64::NAN, |it| it.written[at].bytes as f64 / 1e6);
                let rate = mb / seconds;
                let ratio = ratio(*ours.get_or_insert(rate), rate);
                let cells =
                    [format!("{mb:.1}"), format!("{seconds:.3}"), format!("{rate:.0}"), ratio];
                table.row([name.clone()].into_iter().chain(cells));
            }
            println!("{table}");
        }
        let title = self.title("servers load", false, bytes.len());
        let mut table = Table::new(&title, ["who", "s", "MB/s", "ours / theirs"]);
        let load = |samples: &Vec<Sample>| median(samples.iter().map(|it| it.load).collect());
        let loads: Vec<f64> = samples.iter().skip(1).map(load).collect();
        for (contender, seconds) in contenders.iter().zip(&loads) {
            let rate = format!("{:.0}", bytes.len() as f64 / 1e6 / seconds);
            let ratio = ratio(*seconds, loads[0]);
            table.row([contender.name.to_owned(), format!("{seconds:.3}"), rate, ratio]);
        }
        println!("{table}");
        Ok(())
    }

    /// What the encoder writes, plain and with LZF.
    fn encoded(&self, out: &mut Vec<u8>) -> [Written; 2] {
        [false, true].map(|compress| {
            let start = Instant::now();
            self.set.encode(compress, out);
            Written { seconds: start.elapsed().as_secs_f64(), bytes: out.len() as u64 }
        })
    }

    /// A load, and a SAVE, plain and with LZF.
    fn server(&self, contender: &Contender, path: &Path) -> Outcome<Sample> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("dump.rdb");
        fs::copy(path, &file)?;
        let server = contender.start_in(dir.path(), &["--rdbcompression", "no"])?;
        let load = contender::load_seconds(&server)?;
        let mut client = server.client();
        let keys = contender::keys(&mut client);
        if keys != self.set.keys() {
            return Err(format!("{} has loaded {keys} keys", contender.name).into());
        }
        let mut save = || {
            let start = Instant::now();
            client.ok(&["SAVE"]);
            let seconds = start.elapsed().as_secs_f64();
            fs::metadata(&file).map(|file| Written { seconds, bytes: file.len() })
        };
        let plain = save()?;
        server.client().ok(&["CONFIG", "SET", "rdbcompression", "yes"]);
        Ok(Sample { load, written: [plain, save()?] })
    }
}

/// What one turn took.
#[derive(Default)]
struct Sample {
    /// Seconds of a load.
    load: f64,
    /// Plain, and with LZF.
    written: [Written; 2],
}

/// A file that was written.
#[derive(Default)]
struct Written {
    seconds: f64,
    bytes: u64,
}

/// Has what the event delivers, as a reader would: not its enum, which none keeps.
#[inline(always)]
fn consume(event: Event<'_>) {
    match event {
        Event::Key(header) => {
            black_box((header.key, header.expire_ms));
        }
        Event::String(bytes) | Event::Element(bytes) => {
            black_box(bytes);
        }
        Event::Scored(member, score) => {
            black_box((member, score));
        }
        Event::Field { field, value, expires_ms } => {
            black_box((field, value, expires_ms));
        }
        Event::Stream(part) => {
            black_box(part);
        }
        other => {
            black_box(other);
        }
    }
}

/// Has all events of a file that is in memory as a whole, handed over in one call.
fn each(bytes: &[u8]) -> u64 {
    let mut decoder = Decoder::new(DecodeOptions::default());
    let read = decoder.decode_each(bytes, |event| {
        consume(event);
        ControlFlow::Continue(())
    });
    assert!(decoder.is_done() && read.is_ok(), "{read:?}");
    bytes.len() as u64
}

/// Has all events of a file that is in memory as a whole, one by one.
fn whole(bytes: &[u8], verify_checksum: bool) -> u64 {
    let options = DecodeOptions { verify_checksum, ..DecodeOptions::default() };
    let (mut decoder, mut at) = (Decoder::new(options), 0);
    loop {
        let decoded = decoder.decode(&bytes[at..]).expect(OURS);
        at += decoded.used;
        let event = decoded.event.expect(OURS);
        if matches!(event, Event::End) {
            return bytes.len() as u64;
        }
        consume(event);
    }
}

/// Has all keys of a file with their values, and looks at each element.
fn entries(bytes: &[u8]) -> u64 {
    let (mut entries, mut at) = (Entries::new(DecodeOptions::default()), 0);
    loop {
        let decoded = entries.decode(&bytes[at..]).expect(OURS);
        at += decoded.used;
        match decoded.item.expect(OURS) {
            Item::Between(Event::End) => return bytes.len() as u64,
            Item::Between(event) => drop(black_box(event)),
            Item::Entry(entry) => match entry.value {
                Value::List(items) | Value::Set(items) => items.for_each(|item| {
                    black_box(item);
                }),
                Value::Zset(items) => items.for_each(|item| {
                    black_box(item);
                }),
                Value::Hash(items) => items.for_each(|item| {
                    black_box(item);
                }),
                value => drop(black_box(value)),
            },
        }
    }
}

/// Has a file checked that is in memory as a whole.
fn checked(bytes: &[u8]) -> u64 {
    let mut checker = Checker::new(DecodeOptions::default());
    checker.check(bytes).expect(OURS);
    checker.finish().expect(OURS);
    black_box(checker.keys());
    bytes.len() as u64
}

/// Has all events of a file as its bytes come from the disk.
fn pieces(path: &Path) -> u64 {
    let mut file = File::open(path).expect(OURS);
    let (mut decoder, mut buffer) = (Decoder::default(), Vec::new());
    loop {
        let (mut at, mut event_at_last) = (0, None);
        while let Some(event) = {
            let decoded = decoder.decode(&buffer[at..]).expect(OURS);
            at += decoded.used;
            decoded.event
        } {
            event_at_last = Some(matches!(black_box(event), Event::End));
        }
        if event_at_last == Some(true) {
            return decoder.offset();
        }
        buffer.drain(..at);
        let wanted = decoder.wanted().max(PIECE);
        let read = file.by_ref().take(wanted as u64).read_to_end(&mut buffer).expect(OURS);
        assert!(read > 0, "the file ends too early");
    }
}

fn peer(reader: impl Read, size: u64) -> u64 {
    for item in RdbDecoder::new(reader, Simple::new()).expect(OURS) {
        black_box(item.expect(OURS));
    }
    size
}

/// The check programs that lie beside the real servers.
fn checkers() -> Vec<(&'static str, PathBuf)> {
    let program = |peer: Peer| {
        let path = peer.programs()?.server.with_file_name("redis-check-rdb");
        path.is_file().then_some((peer.name(), path))
    };
    Peer::REQUIRED.into_iter().filter_map(program).collect()
}

fn check(program: &Path, path: &Path, size: u64) -> u64 {
    let status = Command::new(program).arg(path).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{} fails", program.display());
    size
}
