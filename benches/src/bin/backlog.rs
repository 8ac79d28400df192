//! Appends to redwire-repl's backlog beside plain copies into a ring, with one reader and sixteen.

use std::hint::black_box;
use std::time::Duration;

use redwire_benches::{Options, Outcome, Subject, Table, machine, measure, ratio};
use redwire_repl::{Backlog, Cursor, Offset};

const HELP: &[(&str, &str)] = &[
    ("rounds", "N: rounds, 15"),
    ("milliseconds", "N: time of a sample, 50"),
    ("window", "N: bytes of the backlog, 1048576"),
];
/// Bytes that are appended between two reads.
const TURN: usize = 64 * 1024;
/// Sizes of an append: a SET of 64 bytes, a batch of 64 of these, a large value.
const SIZES: [usize; 3] = [112, 7168, 65536];

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let rounds = options.value("rounds", 15, 3)?;
    let time = Duration::from_millis(options.value("milliseconds", 50, 2)?);
    let window = options.value("window", 1 << 20, 1 << 20)?;
    machine::print();
    println!("window {window} bytes, median of {rounds} samples of {time:?}; GB = 10^9 bytes");
    println!("a reader looks at each byte (a sum of words) after every {TURN} bytes appended");
    for size in SIZES {
        let mut subjects = vec![
            ring(size, window),
            backlog("redwire, no reader", size, window, 0, Reading::Not),
            backlog("redwire, 1 cursor moved", size, window, 1, Reading::Not),
            backlog("redwire, 16 cursors moved", size, window, 16, Reading::Not),
            backlog("redwire, 1 reader", size, window, 1, Reading::Sum),
            backlog("redwire, 16 readers", size, window, 16, Reading::Sum),
        ];
        let figures = measure(&mut subjects, rounds, time);
        let mut table = Table::new(&format!("appends of {size} B"), ["who", "GB/s", "of memcpy"]);
        for (subject, ns) in subjects.iter().zip(&figures) {
            table.row([subject.name.clone(), format!("{:.2}", 1.0 / ns), ratio(figures[0], *ns)]);
        }
        println!("{table}");
    }
    Ok(())
}

/// The floor: copies into a ring of the window's size that nobody reads.
fn ring(size: usize, window: u64) -> Subject<'static> {
    let bytes = vec![7; size];
    let mut ring = vec![1_u8; usize::try_from(window).unwrap_or(usize::MAX).max(size)];
    let mut at = 0;
    Subject::new("memcpy into a ring, no reader", move || {
        for _ in 0..TURN.div_ceil(size) {
            if at + size > ring.len() {
                at = 0;
            }
            ring[at..at + size].copy_from_slice(black_box(&bytes));
            at += size;
        }
        black_box(&ring);
        (TURN.div_ceil(size) * size) as u64
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The cursor goes on without a look.
    Not,
    /// Every byte is looked at.
    Sum,
}

fn backlog(
    name: &str,
    size: usize,
    window: u64,
    readers: usize,
    reading: Reading,
) -> Subject<'static> {
    let bytes = vec![7; size];
    let mut backlog = Backlog::new(Offset::ZERO, window);
    let cursor = |_| backlog.cursor_at(Offset::ZERO).expect("invariant: the place is at hand");
    let mut cursors: Vec<_> = (0..readers).map(cursor).collect();
    Subject::new(name, move || {
        for _ in 0..TURN.div_ceil(size) {
            backlog.append(black_box(&bytes));
        }
        for cursor in &mut cursors {
            if reading == Reading::Sum {
                black_box(sum(&backlog, cursor));
            }
            let unread = backlog.unread(cursor);
            backlog.advance(cursor, unread);
        }
        (TURN.div_ceil(size) * size) as u64
    })
}

/// Looks at every byte behind the cursor.
fn sum(backlog: &Backlog, cursor: &Cursor) -> u64 {
    let of = |chunk: &[u8]| chunk.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    backlog.chunks(cursor).map(of).sum()
}
