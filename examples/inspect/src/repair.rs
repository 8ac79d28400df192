//! `repair`: what can be read of a damaged file, into a new one, and a report of what was lost.
//!
//! Where a key cannot be read, the next place is looked for from which keys can be read again. A
//! place counts only when several keys in a row are right from there, or the file's end is, since
//! bytes inside of a value often look like a key.

use std::collections::HashSet;

use redwire_rdb::{DecodeOptions, Error, Event, KeyHeader, Version};

use crate::{
    convert::Converter,
    failure::Failure,
    filter::Filter,
    text,
    walk::{Halt, KeyEnd, Visitor, Walk},
};

/// Keys in a row that prove a place, each with another name and none without.
const PROOF: usize = 8;
/// Bytes that the proof of a place may take: longer values prove nothing.
const PROOF_BYTES: usize = 4 << 20;
/// Bytes decoded in search of places, in multiples of the file's length; then the rest is lost.
const EFFORT: u64 = 64;

/// What became of a file.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// First byte and end of each lost range, with the reason.
    pub(crate) lost: Vec<(u64, u64, String)>,
    /// Whether the checksum, if it could be compared, was right.
    pub(crate) checksum: bool,
    pub(crate) keys: u64,
    /// Keys left out because they came before.
    pub(crate) repeated: u64,
}

/// Gathers whole keys only: what is cut goes.
struct Gather<'c> {
    converter: &'c mut Converter,
    db: u32,
    keys: u64,
    /// All keys so far: servers refuse a file that has one twice.
    names: HashSet<(u32, Vec<u8>)>,
    /// The key under way is there already.
    twice: bool,
    repeated: u64,
}

impl Visitor for Gather<'_> {
    fn file(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        self.converter.file(event)
    }
    fn database(&mut self, db: u32) -> Result<(), Failure> {
        self.db = db;
        Ok(())
    }
    fn key(&mut self, _: u32, header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.twice = !self.names.insert((self.db, header.key.to_vec()));
        if self.twice { Ok(()) } else { self.converter.key(self.db, header) }
    }
    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        if self.twice { Ok(()) } else { self.converter.part(event) }
    }
    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        if self.twice {
            self.repeated += 1;
            return Ok(());
        }
        self.keys += 1;
        self.converter.key_end(end)
    }
}

impl<'c> Gather<'c> {
    fn new(converter: &'c mut Converter) -> Self {
        Self { converter, db: 0, keys: 0, names: HashSet::new(), twice: false, repeated: 0 }
    }
}

/// Counts keys with different names.
#[derive(Default)]
struct Count(HashSet<Vec<u8>>);

impl Visitor for Count {
    fn key(&mut self, _: u32, header: &KeyHeader<'_>) -> Result<(), Failure> {
        if !header.key.is_empty() {
            self.0.insert(header.key.to_vec());
        }
        Ok(())
    }
    fn part(&mut self, _: &Event<'_>) -> Result<(), Failure> {
        Ok(())
    }
    fn key_end(&mut self, _: KeyEnd) -> Result<(), Failure> {
        // Enough: an error ends the walk.
        if self.0.len() < PROOF { Ok(()) } else { Err(Failure::Refused(String::new())) }
    }
}

const MAGIC: usize = 9;

/// A walk that goes on at any place of a file of `version`.
fn resumed(version: Version, filter: &Filter) -> Walk<'_> {
    let options = DecodeOptions { verify_checksum: false, ..DecodeOptions::default() };
    let mut walk = Walk::new(filter, options);
    // A magic alone is no event that a visitor could refuse.
    let _ = walk.feed(&version.magic(), &mut Count::default());
    walk
}

/// Reads what can be read of `bytes` into `converter`.
pub(crate) fn run(
    bytes: &[u8],
    filter: &Filter,
    converter: &mut Converter,
) -> Result<Report, Failure> {
    let magic = bytes.first_chunk::<MAGIC>().and_then(|magic| Version::from_magic(*magic));
    let version =
        magic.ok_or_else(|| Failure::Refused("no RDB file: its magic is damaged".into()))?;
    converter.start(version)?;
    let mut report = Report { checksum: true, ..Report::default() };
    let mut gather = Gather::new(converter);
    let mut effort = EFFORT * bytes.len() as u64;
    let mut at = MAGIC;
    loop {
        let mut walk = resumed(version, filter);
        let (whole, why) = read(&mut walk, &bytes[at..], &mut gather, at)?;
        at += whole;
        let Some(why) = why else { break };
        let next = find(version, bytes, at + 1, &mut effort);
        let end = next.unwrap_or(bytes.len());
        report.lost.push((at as u64, end as u64, why));
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    report.keys = gather.keys;
    report.repeated = gather.repeated;
    report.checksum = report.lost.is_empty() && checksum_is_right(bytes);
    Ok(report)
}

/// Reads up to the end or the first damage; how many bytes were whole, and what the damage is.
fn read(
    walk: &mut Walk<'_>,
    bytes: &[u8],
    gather: &mut Gather<'_>,
    at: usize,
) -> Result<(usize, Option<String>), Failure> {
    let (damage, end) = match walk.feed(bytes, gather) {
        Err(Halt::Visitor(failure)) => return Err(failure),
        Err(Halt::Decoder(error)) => (Some(moved(error, at).to_string()), walk.good),
        Ok(_) if walk.decoder.is_done() => (None, walk.decoder.offset()),
        Ok(_) => (Some("input ends before the end of the file".into()), walk.good),
    };
    Ok((end as usize - MAGIC, damage))
}

/// An error of a walk that began at `at` behind its own magic, with its offset in the file.
fn moved(mut error: Error, at: usize) -> Error {
    if let Error::UnknownType { offset, .. }
    | Error::Malformed { offset, .. }
    | Error::Limit { offset, .. } = &mut error
    {
        *offset = (*offset + at as u64).saturating_sub(MAGIC as u64);
    }
    error
}

/// The first place from `from` on where keys can be read again.
fn find(version: Version, bytes: &[u8], from: usize, effort: &mut u64) -> Option<usize> {
    let filter = Filter::default();
    for at in from..bytes.len() {
        let rest = &bytes[at..];
        let rest = &rest[..rest.len().min(PROOF_BYTES)];
        let mut walk = resumed(version, &filter);
        let proven = match walk.feed(rest, &mut Count::default()) {
            Err(Halt::Visitor(_)) => true,
            Ok(_) => walk.decoder.is_done() && ends_well(rest, walk.decoder.offset()),
            Err(Halt::Decoder(_)) => false,
        };
        if proven {
            return Some(at);
        }
        *effort = effort.checked_sub(walk.decoder.offset())?;
    }
    None
}

/// Whether the end that was found is the input's end, too: 0xff alone is a common byte.
fn ends_well(rest: &[u8], offset: u64) -> bool {
    offset - MAGIC as u64 == rest.len() as u64
}

fn checksum_is_right(bytes: &[u8]) -> bool {
    let filter = Filter::default();
    let mut walk = Walk::new(&filter, DecodeOptions::default());
    struct Nothing;
    impl Visitor for Nothing {
        fn key(&mut self, _: u32, _: &KeyHeader<'_>) -> Result<(), Failure> {
            Ok(())
        }
        fn part(&mut self, _: &Event<'_>) -> Result<(), Failure> {
            Ok(())
        }
        fn key_end(&mut self, _: KeyEnd) -> Result<(), Failure> {
            Ok(())
        }
    }
    walk.feed(bytes, &mut Nothing).is_ok() && walk.decoder.is_done()
}

impl Report {
    /// The report for people.
    pub(crate) fn lines(&self) -> String {
        let mut page = format!("{} keys read\n", self.keys);
        for (start, end, why) in &self.lost {
            page += &format!("lost bytes {start} to {end} ({}): {why}\n", text::size(end - start));
        }
        if self.repeated > 0 {
            page += &format!("{} keys came twice: the first was kept\n", self.repeated);
        }
        if self.lost.is_empty() && !self.checksum {
            page += "the checksum is wrong: a value may be damaged though its form is right\n";
        } else if self.lost.is_empty() {
            page += "nothing lost\n";
        }
        page
    }
}
