//! Appends to redwire-repl's backlog beside plain copies into a ring, with no reader, and with 1 to 64.
//! A reader copies what it reads, as a socket does.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use redwire_benches::{Options, Outcome, Subject, Table, machine, measure, ratio};
use redwire_repl::{Backlog, Cursor, Offset};

const HELP: &[(&str, &str)] = &[
    ("rounds", "N: rounds, 15"),
    ("milliseconds", "N: time of a sample, 50"),
    ("window", "N: bytes of the backlog, 1048576"),
];
/// Bytes that are appended between two reads.
const TURN: usize = 64 * 1024;
/// Numbers of readers.
const READERS: [usize; 5] = [0, 1, 4, 16, 64];
/// Sizes of an append: a SET of 64 bytes, a batch of 64 of these, a large value.
const SIZES: [usize; 3] = [112, 7168, 65536];

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let rounds = options.value("rounds", 15, 3)?;
    let time = Duration::from_millis(options.value("milliseconds", 50, 2)?);
    let window = options.value("window", 1 << 20, 1 << 20)?;
    machine::print();
    println!("window {window} bytes, median of {rounds} samples of {time:?}; GB = 10^9 bytes");
    println!("after every {TURN} bytes appended, every reader copies them");
    for size in SIZES {
        let pair = |&readers: &usize| [ring(size, window, readers), backlog(size, window, readers)];
        let mut subjects: Vec<_> = READERS.iter().flat_map(pair).collect();
        let figures = measure(&mut subjects, rounds, time);
        let heads = ["readers", "memcpy GB/s", "redwire GB/s", "ours / memcpy"];
        let mut table = Table::new(&format!("appends of {size} B"), heads);
        for (readers, ns) in READERS.iter().zip(figures.chunks_exact(2)) {
            let rate = |ns: f64| format!("{:.2}", 1.0 / ns);
            table.row([readers.to_string(), rate(ns[0]), rate(ns[1]), ratio(ns[0], ns[1])]);
        }
        println!("{table}");
    }
    println!("{}", appends_alone(window, rounds));
    Ok(())
}

/// What readers cost an append, without the time that they read: medians over turns.
fn appends_alone(window: u64, rounds: usize) -> Table {
    let heads = ["readers", "112 B", "7168 B", "65536 B"];
    let mut table = Table::new("nanoseconds of an append, the readers' copies left out", heads);
    // Those of a size take turns, so that what else the machine does meets all of them.
    let samples = SIZES.map(|size| {
        let bytes = vec![7; size];
        let mut subjects = READERS.map(|readers| Turns::new(window, readers));
        let mut samples = READERS.map(|_| Vec::new());
        for _ in 0..rounds * 200 {
            for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
                samples.push(subject.turn(&bytes));
            }
        }
        samples.map(|mut samples| {
            samples.sort_by(f64::total_cmp);
            samples[samples.len() / 2]
        })
    });
    for (index, readers) in READERS.iter().enumerate() {
        let cells = samples.iter().map(|sizes| {
            let more = (sizes[index] / sizes[0] - 1.0) * 100.0;
            format!("{:.1} ({more:+.0} %)", sizes[index])
        });
        table.row([readers.to_string()].into_iter().chain(cells));
    }
    table
}

/// A backlog whose readers follow it turn by turn.
struct Turns {
    backlog: Backlog,
    cursors: Vec<Cursor>,
    sent: Vec<u8>,
}

impl Turns {
    fn new(window: u64, readers: usize) -> Turns {
        let mut backlog = Backlog::new(Offset::ZERO, window);
        let cursor = |_| backlog.cursor_at(Offset::ZERO).expect("invariant: the place is at hand");
        let cursors = (0..readers).map(cursor).collect();
        Turns { backlog, cursors, sent: vec![1; 2 * TURN] }
    }

    /// Appends for a turn, and has it read; the nanoseconds of an append. Each reader is at a place
    /// of its own within the turn.
    fn turn(&mut self, bytes: &[u8]) -> f64 {
        let count = TURN.div_ceil(bytes.len());
        let start = Instant::now();
        for _ in 0..count {
            self.backlog.append(black_box(bytes));
        }
        let elapsed = start.elapsed();
        let readers = self.cursors.len() as u64;
        for (n, cursor) in self.cursors.iter_mut().enumerate() {
            for chunk in self.backlog.chunks(cursor) {
                let len = chunk.len().min(self.sent.len());
                self.sent[..len].copy_from_slice(&chunk[..len]);
                black_box(&self.sent);
            }
            let behind = self.backlog.unread(cursor);
            self.backlog.advance(cursor, behind - behind * n as u64 / (2 * readers));
        }
        elapsed.as_nanos() as f64 / count as f64
    }
}

/// The floor: copies into a ring of the window's size, and out of it.
fn ring(size: usize, window: u64, readers: usize) -> Subject<'static> {
    let bytes = vec![7; size];
    let mut ring = vec![1_u8; usize::try_from(window).unwrap_or(usize::MAX).max(2 * TURN)];
    let mut sent = vec![1_u8; 2 * TURN];
    let mut start = 0;
    Subject::new("memcpy", move || {
        let turn = TURN.div_ceil(size) * size;
        if start + turn > ring.len() {
            start = 0;
        }
        for at in (start..start + turn).step_by(size) {
            ring[at..at + size].copy_from_slice(black_box(&bytes));
        }
        for _ in 0..readers {
            sent[..turn].copy_from_slice(black_box(&ring[start..start + turn]));
            black_box(&sent);
        }
        black_box(&ring);
        start += turn;
        turn as u64
    })
}

fn backlog(size: usize, window: u64, readers: usize) -> Subject<'static> {
    let bytes = vec![7; size];
    let mut sent = vec![1_u8; 2 * TURN];
    let mut backlog = Backlog::new(Offset::ZERO, window);
    let cursor = |_| backlog.cursor_at(Offset::ZERO).expect("invariant: the place is at hand");
    let mut cursors: Vec<_> = (0..readers).map(cursor).collect();
    Subject::new("redwire", move || {
        for _ in 0..TURN.div_ceil(size) {
            backlog.append(black_box(&bytes));
        }
        for cursor in &mut cursors {
            for chunk in backlog.chunks(cursor) {
                sent[..chunk.len()].copy_from_slice(chunk);
                black_box(&sent);
            }
            let unread = backlog.unread(cursor);
            backlog.advance(cursor, unread);
        }
        (TURN.div_ceil(size) * size) as u64
    })
}
