//! `summary`: what is in a file, on a page.

use std::collections::BTreeMap;

use redwire_rdb::{Event, Version};
use redwire_tools::{Failure, TypeName, text};

use crate::{
    clock,
    measure::{Weighed, Weight},
    output::Output,
};

/// Counts keys.
#[derive(Default)]
pub(crate) struct Summary {
    version: Option<Version>,
    notes: Vec<(String, String)>,
    functions: u64,
    /// By database: keys, and those with an expiry.
    dbs: BTreeMap<u32, (u64, u64)>,
    /// By type and encoding: keys, elements, bytes in the file, memory.
    types: BTreeMap<(TypeName, &'static str), [u64; 4]>,
    expired: u64,
    now: u64,
}

/// Aux fields that are shown, at most.
const MAX_NOTES: usize = 100;

impl Summary {
    pub(crate) fn new() -> Self {
        Self { now: clock::unix_ms(), ..Self::default() }
    }

    /// Writes the page. `bytes`: of the RDB; `tail`: whether something follows it.
    pub(crate) fn write(&self, mut output: Output, bytes: u64, tail: bool) -> Result<(), Failure> {
        let version = self.version.map(|version| version.to_string()).unwrap_or_default();
        let mut page = format!("format     {version}, {} ({bytes} bytes)\n", text::size(bytes));
        if self.version.is_some_and(|version| !version.is_verified()) {
            page += "           (a version read by report, not tried on files of real servers)\n";
        }
        for (name, value) in &self.notes {
            page += &format!("{name:<10} {value}\n");
        }
        if self.functions > 0 {
            page += &format!("functions  {}\n", self.functions);
        }
        if tail {
            page += "followed by AOF commands (not looked at)\n";
        }
        page += "\ndatabase          keys    with expiry\n";
        for (db, (keys, expires)) in &self.dbs {
            page += &format!("{db:>8} {keys:>13} {expires:>14}\n");
        }
        page +=
            "\ntype    encoding           keys       elements         in file    memory (about)\n";
        let mut all = [0; 4];
        for ((kind, encoding), sums) in &self.types {
            page += &row(kind.name(), encoding, sums);
            all.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum);
        }
        page += &row("all", "", &all);
        if self.expired > 0 {
            page += &format!("\n{} keys have expired by now\n", self.expired);
        }
        output.write(page.as_bytes())?;
        output.finish()
    }
}

fn row(kind: &str, encoding: &str, [keys, elements, bytes, memory]: &[u64; 4]) -> String {
    let (bytes, memory) = (text::size(*bytes), text::size(*memory));
    format!("{kind:<7} {encoding:<11} {keys:>11} {elements:>14} {bytes:>15} {memory:>17}\n")
}

impl Weighed for Summary {
    fn start(&mut self, version: Version) {
        self.version = Some(version);
    }

    fn file(&mut self, event: &Event<'_>) {
        match event {
            Event::Aux { key, value } if self.notes.len() < MAX_NOTES => {
                self.notes.push((text::shown(key), text::shown(value)));
            }
            Event::Function(_) => self.functions += 1,
            _ => {}
        }
    }

    fn weight(&mut self, weight: Weight) -> Result<(), Failure> {
        let sums = self.types.entry((weight.kind, weight.encoding)).or_default();
        let parts = [1, weight.elements, weight.bytes, weight.memory];
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        let (keys, expires) = self.dbs.entry(weight.db).or_default();
        *keys += 1;
        *expires += u64::from(weight.expire_ms.is_some());
        self.expired += u64::from(weight.expire_ms.is_some_and(|at| at <= self.now));
        Ok(())
    }
}
