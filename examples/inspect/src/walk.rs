//! The walk through a file: what all commands share.

use redwire_rdb::{
    DecodeOptions, Decoder, Event, KeyHeader, Version,
    entry::{Entries, Item},
};
use redwire_tools::Failure;

use crate::{
    convert::Converter,
    filter::Filter,
    source::{Progress, Source},
};

/// What a command does with a file. Only keys that pass the filter come, as far as their head
/// tells; whether they pass by size is told at their end.
pub(crate) trait Visitor {
    /// From which length on the value of a string key comes in pieces, so that it is never in
    /// memory whole.
    const PIECES: Option<u64> = None;
    /// The magic: the file's version.
    fn start(&mut self, _version: Version) -> Result<(), Failure> {
        Ok(())
    }
    /// Whatever is neither key, value nor database: aux fields, functions, modules' data.
    fn file(&mut self, _event: &Event<'_>) -> Result<(), Failure> {
        Ok(())
    }
    /// The keys that follow are of this database.
    fn database(&mut self, _db: u32) -> Result<(), Failure> {
        Ok(())
    }
    /// A key begins.
    fn key(&mut self, db: u32, header: &KeyHeader<'_>) -> Result<(), Failure>;
    /// A piece of the key's value.
    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure>;
    /// The value is complete.
    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure>;
}

/// The end of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyEnd {
    /// Bytes from the type to the end of the value, as they stand in the file.
    pub(crate) bytes: u64,
    /// Whether the key passes the filters of size; if not, forget it.
    pub(crate) admitted: bool,
    /// A collection without elements, which servers drop when they load a file.
    pub(crate) empty: bool,
}

/// What a walk saw beside the data.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Bytes of the RDB.
    pub(crate) bytes: u64,
    /// The beginning of what follows it in the input, read by then.
    pub(crate) tail: Vec<u8>,
}

/// Bytes of one read.
pub(crate) const CHUNK: usize = 256 << 10;

/// Walks through the RDB that `source` begins with.
pub(crate) fn walk<V: Visitor>(
    source: &mut Source,
    filter: &Filter,
    visitor: &mut V,
) -> Result<Walked, Failure> {
    let options = DecodeOptions { string_pieces: V::PIECES, ..DecodeOptions::default() };
    let mut walk = Walk::new(filter, options);
    let mut progress = Progress::new(source.len);
    let mut buffer = Vec::new();
    loop {
        let used = match walk.feed(&buffer, visitor) {
            Ok(used) => used,
            Err(Halt::Visitor(failure)) => return Err(failure),
            Err(Halt::Decoder(error)) => return Err(damaged(source, error)),
        };
        buffer.drain(..used);
        progress.at(walk.decoder.offset());
        if walk.decoder.is_done() {
            return Ok(Walked { bytes: walk.decoder.offset(), tail: buffer });
        }
        let wanted = walk.decoder.wanted().saturating_sub(buffer.len()).max(CHUNK);
        if source.fill(&mut buffer, wanted)? == 0 {
            walk.decoder.finish().map_err(|error| damaged(source, error))?;
        }
    }
}

/// Takes the keys that pass the filter from the RDB that `source` begins with into `converter`.
/// What a server would refuse is refused: it must not come out of here as if it were well.
pub(crate) fn convert(
    source: &mut Source,
    filter: &Filter,
    converter: &mut Converter,
) -> Result<Walked, Failure> {
    let options = DecodeOptions { refuse_all_duplicates: true, ..DecodeOptions::default() };
    let mut entries = Entries::new(options);
    let mut progress = Progress::new(source.len);
    let mut buffer = Vec::new();
    loop {
        let mut used = 0;
        loop {
            let unread = buffer.get(used..).unwrap_or_default();
            let decoded = entries.decode(unread).map_err(|error| damaged(source, error))?;
            used += decoded.used;
            match decoded.item {
                Some(Item::Entry(entry)) => {
                    if filter.admits_entry(&entry) {
                        converter.entry(&entry)?;
                    }
                }
                Some(Item::Between(event)) => converter.between(&event)?,
                None => break,
            }
        }
        buffer.drain(..used);
        progress.at(entries.offset());
        if entries.is_done() {
            return Ok(Walked { bytes: entries.offset(), tail: buffer });
        }
        let wanted = entries.wanted().saturating_sub(buffer.len()).max(CHUNK);
        if source.fill(&mut buffer, wanted)? == 0 {
            entries.finish().map_err(|error| damaged(source, error))?;
        }
    }
}

pub(crate) fn damaged(source: &Source, error: redwire_rdb::Error) -> Failure {
    Failure::Damaged { name: source.name.clone(), error }
}

/// Why a walk stops.
pub(crate) enum Halt {
    Decoder(redwire_rdb::Error),
    Visitor(Failure),
}

/// A walk under way, fed with bytes.
pub(crate) struct Walk<'f> {
    pub(crate) decoder: Decoder,
    filter: &'f Filter,
    db: u32,
    /// The key under way does not pass.
    skipping: bool,
    /// Where the last key, or whatever else was whole, ended: the next key begins there.
    pub(crate) good: u64,
    /// Offset of the first byte that is not used.
    at: u64,
}

impl<'f> Walk<'f> {
    /// Streams come as they stand, whatever `options` say: most commands pass them on.
    pub(crate) fn new(filter: &'f Filter, options: DecodeOptions) -> Self {
        let options = DecodeOptions { opaque_streams: true, ..options };
        Self { decoder: Decoder::new(options), filter, db: 0, skipping: false, good: 0, at: 0 }
    }

    /// Takes what it can of `unread`; answers how much that was.
    pub(crate) fn feed<V: Visitor>(
        &mut self,
        unread: &[u8],
        visitor: &mut V,
    ) -> Result<usize, Halt> {
        let mut used = 0;
        loop {
            let decoded = self.decoder.decode(&unread[used..]).map_err(Halt::Decoder)?;
            used += decoded.used;
            self.at += decoded.used as u64;
            let Some(event) = decoded.event else { return Ok(used) };
            let done = match event {
                Event::String(_)
                | Event::StringPart { .. }
                | Event::Element(_)
                | Event::Scored(..)
                | Event::Field { .. }
                | Event::Opaque { .. } => {
                    if self.skipping {
                        Ok(())
                    } else {
                        visitor.part(&event)
                    }
                }
                Event::Key(header) => {
                    self.skipping = !self.filter.admits(self.db, &header);
                    if self.skipping { Ok(()) } else { visitor.key(self.db, &header) }
                }
                Event::KeyEnd { empty } => {
                    let bytes = self.at - self.good;
                    let admitted = self.filter.admits_size(bytes);
                    let end = KeyEnd { bytes, admitted, empty };
                    self.good = self.at;
                    if self.skipping { Ok(()) } else { visitor.key_end(end) }
                }
                Event::SelectDb(db) => {
                    self.db = db;
                    self.good = self.at;
                    visitor.database(db)
                }
                Event::Start(version) => {
                    self.good = self.at;
                    visitor.start(version)
                }
                Event::End => return Ok(used),
                other => {
                    self.good = self.at;
                    visitor.file(&other)
                }
            };
            done.map_err(Halt::Visitor)?;
        }
    }
}
