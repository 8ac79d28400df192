//! `top`: the largest keys, or the prefixes that hold most.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use clap::ValueEnum;
use redwire_tools::{Failure, text};

use crate::{
    measure::{Weighed, Weight},
    output::Output,
};

/// What the largest is largest by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// About how many bytes of a server's memory
    Memory,
    /// Bytes in the file
    Bytes,
    /// Elements of the collection
    Elements,
}

impl By {
    fn of(self, weight: &Weight) -> u64 {
        match self {
            Self::Memory => weight.memory,
            Self::Bytes => weight.bytes,
            Self::Elements => weight.elements,
        }
    }
}

/// Finds the largest keys; remembers as many as are asked for.
pub(crate) struct Top {
    by: By,
    count: usize,
    found: BTreeSet<Reverse<(u64, Weight)>>,
}

impl Top {
    pub(crate) fn new(by: By, count: usize) -> Self {
        Self { by, count, found: BTreeSet::new() }
    }

    pub(crate) fn write(&self, mut output: Output) -> Result<(), Failure> {
        let mut page =
            "  memory (about)        in file     elements  db type    encoding   key\n".to_owned();
        for Reverse((_, weight)) in &self.found {
            page += &format!(
                "{:>16} {:>14} {:>12} {:>3} {:<7} {:<10} {}\n",
                text::size(weight.memory),
                text::size(weight.bytes),
                weight.elements,
                weight.db,
                weight.kind.name(),
                weight.encoding,
                text::shown(&weight.key)
            );
        }
        output.write(page.as_bytes())?;
        output.finish()
    }
}

impl Weighed for Top {
    fn weight(&mut self, weight: Weight) -> Result<(), Failure> {
        self.found.insert(Reverse((self.by.of(&weight), weight)));
        if self.found.len() > self.count {
            self.found.pop_last();
        }
        Ok(())
    }
}

/// Sums of all keys that begin alike.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) keys: u64,
    pub(crate) elements: u64,
    pub(crate) bytes: u64,
    pub(crate) memory: u64,
}

/// Adds up keys by what stands before their separators.
pub(crate) struct Prefixes {
    separator: u8,
    depth: usize,
    sums: HashMap<Vec<u8>, Sums>,
}

/// Prefixes that are remembered; keys of further ones count for [`OTHERS`].
const MAX_PREFIXES: usize = 100_000;
const OTHERS: &[u8] = b"(others)";

impl Prefixes {
    /// Prefixes of up to `depth` parts.
    pub(crate) fn new(separator: u8, depth: usize) -> Self {
        Self { separator, depth, sums: HashMap::new() }
    }

    /// The part of `key` up to its last separator of the first `depth`; all of it without one.
    fn prefix<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let end = memchr::memchr_iter(self.separator, key).take(self.depth).last();
        end.map_or(b"(no prefix)", |end| &key[..=end])
    }

    /// All prefixes with their sums, the largest first.
    pub(crate) fn sorted(&self, by: By) -> Vec<(&[u8], Sums)> {
        let mut all: Vec<_> = self.sums.iter().map(|(name, sums)| (&name[..], *sums)).collect();
        let size = |sums: &Sums| match by {
            By::Memory => sums.memory,
            By::Bytes => sums.bytes,
            By::Elements => sums.elements,
        };
        all.sort_by(|a, b| size(&b.1).cmp(&size(&a.1)).then_with(|| a.0.cmp(b.0)));
        all
    }

    pub(crate) fn write(&self, mut output: Output, by: By, count: usize) -> Result<(), Failure> {
        let mut page =
            "  memory (about)        in file     elements         keys prefix\n".to_owned();
        for (name, sums) in self.sorted(by).into_iter().take(count) {
            page += &format!(
                "{:>16} {:>14} {:>12} {:>12} {}\n",
                text::size(sums.memory),
                text::size(sums.bytes),
                sums.elements,
                sums.keys,
                text::shown(name)
            );
        }
        output.write(page.as_bytes())?;
        output.finish()
    }
}

impl Weighed for Prefixes {
    fn weight(&mut self, weight: Weight) -> Result<(), Failure> {
        let mut prefix = self.prefix(&weight.key);
        if self.sums.len() >= MAX_PREFIXES && !self.sums.contains_key(prefix) {
            prefix = OTHERS;
        }
        let sums = self.sums.entry(prefix.to_vec()).or_default();
        sums.keys += 1;
        sums.elements += weight.elements;
        sums.bytes += weight.bytes;
        sums.memory += weight.memory;
        Ok(())
    }
}
