//! Appends to redwire-repl's backlog beside plain copies into a ring, with no reader, one and
//! sixteen. A reader copies what it reads, as a socket does.

use std::hint::black_box;
use std::time::Duration;

use redwire_benches::{Options, Outcome, Subject, Table, machine, measure, ratio};
use redwire_repl::{Backlog, Offset};

const HELP: &[(&str, &str)] = &[
    ("rounds", "N: rounds, 15"),
    ("milliseconds", "N: time of a sample, 50"),
    ("window", "N: bytes of the backlog, 1048576"),
];
/// Bytes that are appended between two reads.
const TURN: usize = 64 * 1024;
/// Numbers of readers.
const READERS: [usize; 3] = [0, 1, 16];
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
    Ok(())
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
