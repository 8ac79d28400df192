//! The walk through a file: what all commands share.

use std::ops::ControlFlow;

use redwire_rdb::{
    DecodeOptions, Decoder, Event, KeyHeader, Kind, Version,
    entry::{Entries, Item},
};
use redwire_tools::Failure;

use crate::{
    convert::Converter,
    filter::Filter,
    source::{Progress, Source, Window},
};

/// What a command does with a file. Only keys that pass the filter come, as far as their head
/// tells; whether they pass by size is told at their end.
pub(crate) trait Visitor {
    /// From which length on the value of a string key comes in pieces, so that it is never in
    /// memory whole.
    const PIECES: Option<u64> = None;
    /// Streams come part by part, and then as their bytes; else as their bytes alone.
    const STREAM_PARTS: bool = false;
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
const CHUNK: usize = 256 << 10;

/// What reads an RDB that comes in pieces.
pub(crate) trait Reader {
    /// Takes what it can of `unread`; how much that was.
    fn feed(&mut self, unread: &[u8]) -> Result<usize, Halt>;
    /// How many bytes must be there before it can go on; `None` at the end of the RDB.
    fn wanted(&self) -> Option<usize>;
    /// Bytes used so far.
    fn offset(&self) -> u64;
    /// The input has ended: an error unless the RDB has, too.
    fn finish(&self) -> Result<(), redwire_rdb::Error>;
}

/// Why a reader stops.
pub(crate) enum Halt {
    /// The bytes are damaged.
    Decoder(redwire_rdb::Error),
    /// What is done with them failed.
    Visitor(Failure),
}

/// Hands the RDB that `source` begins with to `reader`.
pub(crate) fn read(source: &mut Source, reader: &mut impl Reader) -> Result<Walked, Failure> {
    let mut progress = Progress::new(source.len);
    let mut window = Window::default();
    loop {
        let used = reader.feed(window.unread()).map_err(|halt| match halt {
            Halt::Decoder(error) => damaged(source, error),
            Halt::Visitor(failure) => failure,
        })?;
        window.used(used);
        progress.at(reader.offset());
        let Some(wanted) = reader.wanted() else {
            return Ok(Walked { bytes: reader.offset(), tail: window.unread().to_vec() });
        };
        let wanted = wanted.saturating_sub(window.unread().len()).max(CHUNK);
        if window.fill(source, wanted)? == 0 {
            reader.finish().map_err(|error| damaged(source, error))?;
        }
    }
}

fn damaged(source: &Source, error: redwire_rdb::Error) -> Failure {
    Failure::Damaged { name: source.name.clone(), error }
}

/// Walks through the RDB that `source` begins with.
pub(crate) fn walk<V: Visitor>(
    source: &mut Source,
    filter: &Filter,
    visitor: &mut V,
) -> Result<Walked, Failure> {
    let options = DecodeOptions {
        string_pieces: V::PIECES,
        opaque_streams: !V::STREAM_PARTS,
        ..DecodeOptions::default()
    };
    let decoder = Decoder::new(options);
    let mut walk = Walk {
        decoder,
        filter,
        visitor,
        db: 0,
        skipping: false,
        good: 0,
        stream: None,
        body: Vec::new(),
    };
    read(source, &mut walk)
}

/// A walk under way, fed with bytes.
struct Walk<'w, V> {
    decoder: Decoder,
    filter: &'w Filter,
    visitor: &'w mut V,
    db: u32,
    /// The key under way does not pass.
    skipping: bool,
    /// Where the last key, or whatever else was whole, ended: the next key begins there.
    good: u64,
    /// The type of the stream under way, of which `body` gathers the bytes.
    stream: Option<u8>,
    body: Vec<u8>,
}

/// Where a walk stops to look how far it is.
enum Stop {
    /// Behind the key of a stream that comes in parts, of this type.
    StreamKey(u8),
    StreamPart,
    KeyEnd {
        empty: bool,
    },
    /// Behind what is of no key.
    Between,
}

impl<V: Visitor> Reader for Walk<'_, V> {
    fn feed(&mut self, unread: &[u8]) -> Result<usize, Halt> {
        let mut used = 0;
        loop {
            let (more, stop) = self.run(&unread[used..])?;
            if self.stream.is_some() {
                self.body.extend_from_slice(&unread[used..used + more]);
            }
            used += more;
            let at = self.decoder.offset();
            match stop {
                None => return Ok(used),
                Some(Stop::StreamKey(type_byte)) => {
                    self.stream = Some(type_byte);
                    self.body.clear();
                    continue;
                }
                Some(Stop::StreamPart) => continue,
                Some(Stop::KeyEnd { empty }) if !self.skipping => {
                    if let Some(type_byte) = self.stream.take() {
                        let whole = Event::Opaque { type_byte, body: &self.body };
                        self.visitor.part(&whole).map_err(Halt::Visitor)?;
                    }
                    let bytes = at - self.good;
                    let end = KeyEnd { bytes, admitted: self.filter.admits_size(bytes), empty };
                    self.visitor.key_end(end).map_err(Halt::Visitor)?;
                }
                Some(_) => {}
            }
            self.good = at;
        }
    }

    fn wanted(&self) -> Option<usize> {
        (!self.decoder.is_done()).then(|| self.decoder.wanted())
    }

    fn offset(&self) -> u64 {
        self.decoder.offset()
    }

    fn finish(&self) -> Result<(), redwire_rdb::Error> {
        self.decoder.finish()
    }
}

impl<V: Visitor> Walk<'_, V> {
    /// Goes on up to the next stop, `None` when more bytes are needed or none are.
    fn run(&mut self, unread: &[u8]) -> Result<(usize, Option<Stop>), Halt> {
        let Self { decoder, filter, visitor, db, skipping, .. } = self;
        let mut stop = Ok(None);
        let used = decoder.decode_each(unread, |event| {
            let done = match event {
                Event::String(_)
                | Event::StringPart { .. }
                | Event::Element(_)
                | Event::Scored(..)
                | Event::Field { .. }
                | Event::Opaque { .. } => {
                    if *skipping {
                        Ok(None)
                    } else {
                        visitor.part(&event).map(|()| None)
                    }
                }
                Event::Stream(_) if *skipping => Ok(None),
                Event::Stream(_) => visitor.part(&event).map(|()| Some(Stop::StreamPart)),
                Event::Key(header) => {
                    *skipping = !filter.admits(*db, &header);
                    let is_stream = header.kind == Kind::Stream;
                    let stop = is_stream.then_some(Stop::StreamKey(header.type_byte));
                    if *skipping { Ok(None) } else { visitor.key(*db, &header).map(|()| stop) }
                }
                Event::KeyEnd { empty } => Ok(Some(Stop::KeyEnd { empty })),
                Event::SelectDb(number) => {
                    *db = number;
                    visitor.database(number).map(|()| Some(Stop::Between))
                }
                Event::Start(version) => visitor.start(version).map(|()| Some(Stop::Between)),
                Event::End => Ok(None),
                other => visitor.file(&other).map(|()| Some(Stop::Between)),
            };
            match done {
                Ok(None) => ControlFlow::Continue(()),
                done => {
                    stop = done;
                    ControlFlow::Break(())
                }
            }
        });
        Ok((used.map_err(Halt::Decoder)?, stop.map_err(Halt::Visitor)?))
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
    read(source, &mut Convert { entries: Entries::new(options), filter, converter })
}

/// A conversion under way.
struct Convert<'c> {
    entries: Entries,
    filter: &'c Filter,
    converter: &'c mut Converter,
}

impl Reader for Convert<'_> {
    fn feed(&mut self, unread: &[u8]) -> Result<usize, Halt> {
        let mut used = 0;
        loop {
            let decoded = self.entries.decode(&unread[used..]).map_err(Halt::Decoder)?;
            used += decoded.used;
            match decoded.item {
                Some(Item::Entry(entry)) if self.filter.admits_entry(&entry) => {
                    self.converter.entry(&entry)
                }
                Some(Item::Entry(_)) => Ok(()),
                Some(Item::Between(event)) => self.converter.between(&event),
                None => return Ok(used),
            }
            .map_err(Halt::Visitor)?;
        }
    }

    fn wanted(&self) -> Option<usize> {
        (!self.entries.is_done()).then(|| self.entries.wanted())
    }

    fn offset(&self) -> u64 {
        self.entries.offset()
    }

    fn finish(&self) -> Result<(), redwire_rdb::Error> {
        self.entries.finish()
    }
}
