//! Seeks in the history of redwire-repl's backlog, from a gigabyte to 64, beside a scan over its
//! segments; and the memory that a stalled replica costs.
//!
//! The segments are names and places only: the backlog does no I/O, so none of their bytes need
//! exist.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::alloc::System;
use std::hint::black_box;
use std::time::Instant;

use redwire_benches::{Options, Outcome, Random, Table, machine};
use redwire_repl::{
    Backlog, Chain, FoundSegment, History, Offset, ReplId, Segment, SegmentId, SpillConfig,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HELP: &[(&str, &str)] = &[("rounds", "N: backlogs of each size, 100")];
/// Sizes of the history, in GiB.
const GIB: [u64; 4] = [1, 4, 16, 64];
/// Seeks in a round: each leaves a read that was asked for, as of a replica that comes back.
const SEEKS: usize = 16;
/// Replicas that stall.
const REPLICAS: usize = 10_000;

const CONFIG: SpillConfig = SpillConfig {
    memory: 32 << 20,
    limit: u64::MAX,
    keep: u64::MAX,
    segment_size: 1 << 20,
    eager: true,
};

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let rounds = options.value("rounds", 100, 3)?;
    machine::print();
    println!("segments of 1 MiB; medians of {rounds} rounds of {SEEKS} seeks to random places");
    let heads = ["GiB of history", "segments", "seek ns", "scan ns"];
    let mut table = Table::new("finds the place and asks for its segments", heads);
    for gib in GIB {
        let chain = history(gib << 30)?;
        let mut random = Random::new(gib);
        let (mut seeks, mut scans) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let places: Vec<_> = (0..SEEKS).filter_map(|_| place(&chain, &mut random)).collect();
            seeks.push(seek(&chain, &places));
            scans.push(scan(&chain, &places));
        }
        let median = |mut samples: Vec<f64>| {
            samples.sort_by(f64::total_cmp);
            format!("{:.0}", samples[samples.len() / 2])
        };
        let segments = chain.segments().len().to_string();
        table.row([gib.to_string(), segments, median(seeks), median(scans)]);
    }
    println!("{table}");
    println!("a stalled replica, each at a place of its own: {:.0} bytes", stalled()?);
    Ok(())
}

/// A chain of `len` bytes in segments of 1 MiB, behind offset 0.
fn history(len: u64) -> Outcome<Chain> {
    let size = CONFIG.segment_size;
    let model = model()?;
    let mut found = Vec::new();
    for n in 0..len / size {
        let mut segment = model;
        let place = |at| Offset::new(at).ok_or("a place beyond all offsets");
        segment.id = SegmentId { replid: model.id.replid, start: place(n * size)? };
        segment.end = place((n + 1) * size)?;
        segment.file_len = size;
        found.push(segment);
    }
    let end = found.last().ok_or("no segment")?.end;
    Ok(Chain::find(found, model.id.replid, end).ok_or("the segments make no chain")?)
}

/// A segment as one is found on disk.
fn model() -> Outcome<FoundSegment> {
    let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
    backlog.spill(Some(CONFIG), &History::new(ReplId::from_random([7; 20])));
    backlog.append(b"a command");
    let store = backlog.poll_store().ok_or("nothing is stored")?;
    let segment = Segment::read(&store.bytes.concat()).ok_or("the segment is damaged")?;
    Ok(FoundSegment::from(&segment))
}

fn place(chain: &Chain, random: &mut Random) -> Option<Offset> {
    Offset::new(random.below(chain.end().get()))
}

/// Nanoseconds of a seek in a backlog that was recovered just now.
fn seek(chain: &Chain, places: &[Offset]) -> f64 {
    let mut backlog = Backlog::recover(chain, 1 << 20, CONFIG);
    let start = Instant::now();
    for place in places {
        let cursor = backlog.cursor_at(*place).expect("invariant: the place is at hand");
        backlog.request(&cursor);
        backlog.release(cursor);
    }
    let elapsed = start.elapsed();
    assert!(backlog.poll_fetch().is_some(), "the segments were asked for");
    elapsed.as_nanos() as f64 / places.len() as f64
}

/// Nanoseconds of looking at one segment after the other.
fn scan(chain: &Chain, places: &[Offset]) -> f64 {
    let start = Instant::now();
    for place in places {
        black_box(chain.segments().iter().position(|segment| *place < segment.end));
    }
    start.elapsed().as_nanos() as f64 / places.len() as f64
}

/// Bytes of memory for each of many replicas that stall while the stream goes on and is stored.
fn stalled() -> Outcome<f64> {
    let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
    backlog.spill(Some(CONFIG), &History::new(ReplId::from_random([7; 20])));
    let mut cursors = Vec::with_capacity(REPLICAS);
    let region = Region::new(ALLOCATOR);
    for n in 0..REPLICAS {
        let place = Offset::new(n as u64).ok_or("a place beyond all offsets")?;
        backlog.append(b"x");
        cursors.push(backlog.cursor_at(place).ok_or("the place is not at hand")?);
    }
    let change = region.change();
    let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    let structs = size_of_val(&cursors[..]) as f64;
    cursors.into_iter().for_each(|cursor| backlog.release(cursor));
    Ok((held + structs) / REPLICAS as f64)
}
