//! Allocations a frame of redwire-resp beside other crates, once buffers have their size.

use std::alloc::System;

use redwire_benches::resp::cases;
use redwire_benches::{Options, Outcome, Table};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Outcome<()> {
    let options = Options::parse(&[("only", "A,B: cases whose name contains one of these")])?;
    for case in cases().into_iter().filter(|case| options.chooses("only", case.name)) {
        let heads = ["who", "allocations a frame", "bytes a frame"];
        let mut table = Table::new(case.name, heads);
        for mut subject in case.subjects {
            (subject.work)();
            let region = Region::new(ALLOCATOR);
            let frames = (subject.work)() as f64;
            let change = region.change();
            let count = (change.allocations + change.reallocations) as f64 / frames;
            let bytes = change.bytes_allocated as f64 / frames;
            table.row([subject.name, format!("{count:.2}"), format!("{bytes:.0}")]);
        }
        println!("{table}");
    }
    Ok(())
}
