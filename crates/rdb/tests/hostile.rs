//! Damaged files: how much memory they can make a decoder take, and whether damage passes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use redwire_rdb::{Checker, DecodeOptions, Decoder, Error, Event};
use support::{corpus, files};

/// Files up to this size have their bits flipped.
const SMALL: usize = 4096;

/// What the process may take at its peak, the files and the harness with it.
const MAX_RESIDENT: u64 = 300 << 20;

/// Flips for each file, unless `REDWIRE_FLIPS` says how many: `./check` has 10,000, optimised.
const FLIPS: u64 = 300;

fn flips() -> u64 {
    std::env::var("REDWIRE_FLIPS").map_or(FLIPS, |count| count.parse().unwrap())
}

fn folders(names: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    if let Some(corpus) = corpus("damage to the corpus' files") {
        names.iter().for_each(|name| found.extend(files(&corpus.join(name))));
    }
    found
}

/// Decodes without keeping anything.
fn pass(bytes: &[u8], options: DecodeOptions) -> Result<(), Error> {
    let mut decoder = Decoder::new(options);
    let mut used = 0;
    loop {
        let decoded = decoder.decode(&bytes[used..])?;
        used += decoded.used;
        match decoded.event {
            Some(Event::End) | None => return decoder.finish(),
            Some(_) => {}
        }
    }
}

/// The most memory that the process had so far, in bytes, where the system tells it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb << 10)
}

/// The ways in which a decoder remembers or copies more, or less.
fn ways() -> [DecodeOptions; 5] {
    let plain = DecodeOptions::default();
    [
        DecodeOptions { verify_checksum: false, ..plain.clone() },
        DecodeOptions { refuse_all_duplicates: true, verify_checksum: false, ..plain.clone() },
        DecodeOptions { opaque_values: true, verify_checksum: false, ..plain.clone() },
        DecodeOptions { string_pieces: Some(0), verify_checksum: false, ..plain.clone() },
        plain,
    ]
}

#[test]
fn damaged_files_take_little_memory() {
    for (name, bytes) in folders(&["corrupt", "old", "gen"]) {
        for options in ways() {
            let _ = pass(&bytes, options);
        }
        if let Some(peak) = peak() {
            assert!(peak < MAX_RESIDENT, "{name}: {peak} bytes at the peak");
        }
    }
    println!("{} MiB at the peak", peak().unwrap_or_default() >> 20);
}

/// A generator of numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn random_flips_end_in_an_answer_and_the_checksum_finds_them() {
    let unchecked = DecodeOptions { verify_checksum: false, ..DecodeOptions::default() };
    let (mut found, mut accepted) = (0u64, 0u64);
    for (name, bytes) in folders(&["old", "gen", "corrupt"]) {
        if bytes.is_empty() || bytes.len() > SMALL {
            continue;
        }
        let sound = pass(&bytes, DecodeOptions::default()).is_ok();
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ bytes.len() as u64);
        for _ in 0..flips() {
            let bit = random.below(bytes.len() * 8);
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if pass(&flipped, DecodeOptions::default()).is_ok() && sound {
                let hidden = hides(&bytes, &flipped, bit / 8);
                assert!(hidden, "{name}: bit {bit} flipped, and nothing found");
            }
            let read = pass(&flipped, unchecked.clone());
            let (errors, passes) = (read.is_err(), read.is_ok());
            found += u64::from(errors);
            accepted += u64::from(passes);
            let mut checker = Checker::new(unchecked.clone());
            let checked = checker.check(&flipped).and_then(|_| checker.finish());
            assert_eq!(checked.is_ok(), read.is_ok(), "{name}: bit {bit}: {checked:?} {read:?}");
        }
    }
    println!("without the checksum: {found} flips found, {accepted} accepted");
    assert!(found > accepted, "structure alone finds most of the flips in small files");
}

/// Whether a flip at `at` can pass: the file has no checksum, or no longer one, or the bit is behind
/// the end of the file.
fn hides(bytes: &[u8], flipped: &[u8], at: usize) -> bool {
    let version = std::str::from_utf8(&flipped[6..9]).unwrap().parse::<u16>().unwrap();
    let mut checker = Checker::new(DecodeOptions::default());
    let used = checker.check(bytes).unwrap();
    version < 5 || at >= used || flipped[used - 8..used] == [0; 8]
}
