//! Whole keys: what an [`Entries`] makes of a file.

mod collect;
mod value;

pub use self::value::{Elements, Fields, Members, StreamBytes, Value};
use self::{collect::Collected, value::Parts};
use crate::{
    DecodeOptions, Decoder, Dialect, Error, Event, KeyHeader, Kind, Version, types::StreamType,
};

/// Reads an RDB file key by key, each with its whole value.
///
/// It takes its input as a [`Decoder`] does: what was not used is shown again, with any number of
/// bytes behind it, and no byte of it is read twice. A key's bytes are used at once when its value is
/// complete, so that the value's parts can be borrowed from them.
///
/// # Memory
///
/// `unread` must hold one key with its value whole. Beside it a place of 16 bytes is kept for each
/// element (32 for each field, 24 for each member of a sorted set), and what is not in the input as
/// it is: integers, and strings that were compressed. To find what comes twice in a value of a large
/// form (a hash table, say), up to 40 bytes are kept for each of its elements while it is read, unless
/// [`DecodeOptions::refuse_duplicates`] is false. Where a value can be larger than memory, take a
/// [`Decoder`], which delivers elements one by one.
///
/// ```
/// use redwire_rdb::entry::{Entries, Item, Value};
/// use redwire_rdb::{DecodeOptions, EncodeOptions, Encoder, KeyMeta};
///
/// # let mut encoder = Encoder::new(EncodeOptions::default());
/// # let mut file = Vec::new();
/// # encoder.start(&mut file);
/// # encoder.select_db(&mut file, 0, 1, 0);
/// # let scores = [(&b"anna"[..], 7.0), (b"bob", 9.5)];
/// # encoder.zset(&mut file, &KeyMeta::new(b"scores"), scores.into_iter());
/// # encoder.end(&mut file);
/// let mut entries = Entries::new(DecodeOptions::default());
/// let mut unread = &file[..];
/// while !entries.is_done() {
///     let decoded = entries.decode(unread)?;
///     unread = &unread[decoded.used..];
///     match decoded.item {
///         Some(Item::Entry(entry)) => {
///             if let Value::Zset(members) = entry.value {
///                 let best = members.max_by(|a, b| a.1.total_cmp(&b.1));
///                 assert_eq!(best, Some((&b"bob"[..], 9.5)));
///             }
///         }
///         Some(Item::Between(_)) => {}
///         // More is needed; here there is none.
///         None => break,
///     }
/// }
/// entries.finish()?;
/// # Ok::<(), redwire_rdb::Error>(())
/// ```
#[derive(Debug)]
pub struct Entries {
    decoder: Decoder,
    collected: Collected,
    /// Bytes that the decoder has used and the caller not yet.
    held: usize,
    db: u32,
    /// What is known of the key whose value is read.
    head: Option<Head>,
    opaque_values: bool,
    /// Leave out members and fields that come twice.
    pub(crate) mend: bool,
}

/// A [`KeyHeader`] whose key is a place.
#[derive(Debug, Clone, Copy)]
struct Head {
    expire_ms: Option<u64>,
    idle: Option<u64>,
    freq: Option<u8>,
    kind: Kind,
    type_byte: u8,
}

/// What stands in the input next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found {
    /// More bytes are needed.
    Nothing,
    /// An event of no key, at this place.
    Between { start: usize },
    /// A key whose value is complete.
    Entry,
}

/// One step of [`Entries::decode`].
#[derive(Debug, Clone)]
pub struct DecodedItem<'a> {
    /// Bytes of `unread` that are done with, to be dropped before the next call.
    pub used: usize,
    /// What was found; `None` when more bytes are needed first.
    pub item: Option<Item<'a>>,
}

/// A key, or what is none.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// A key with its value.
    Entry(Entry<'a>),
    /// What stands before, between and behind the keys: every [`Event`] that is not of a key.
    Between(Event<'a>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The database that it is in.
    pub db: u32,
    /// Name, expiry, access data, kind and type. The kind of a stream is [`Kind::Stream`].
    pub header: KeyHeader<'a>,
    /// The value.
    pub value: Value<'a>,
    /// How many bytes of the file it takes, from the opcodes before its type to the end of its value.
    pub bytes: u64,
    /// Members and fields that came twice and were left out: only by a
    /// [`Salvage`](crate::salvage::Salvage) more than 0.
    pub repeated: u64,
}

impl Entries {
    /// At the first byte of a file. Of `options`, [`opaque_streams`](DecodeOptions::opaque_streams)
    /// and [`string_pieces`](DecodeOptions::string_pieces) are without effect.
    #[must_use]
    pub fn new(options: impl Into<DecodeOptions>) -> Self {
        let options = options.into();
        Self::with(&options, Decoder::new(whole(options.clone())))
    }

    /// At the type byte of a value without a key, as in a DUMP payload: see [`dump`](crate::dump).
    /// There is one entry, whose key is empty, then [`Event::End`].
    #[must_use]
    pub fn for_value(version: Version, options: impl Into<DecodeOptions>) -> Self {
        let options = options.into();
        Self::with(&options, Decoder::for_value(version, whole(options.clone())))
    }

    /// Between two keys of database `db`, at `offset` of a file of `version`. There is no checksum.
    pub(crate) fn resume(version: Version, offset: u64, db: u32, options: DecodeOptions) -> Self {
        let decoder = Decoder::resume(version, offset, whole(options.clone()));
        Self { db, ..Self::with(&options, decoder) }
    }

    fn with(options: &DecodeOptions, mut decoder: Decoder) -> Self {
        if options.refuse_duplicates {
            decoder.refuse_repeated_elements();
        }
        Self {
            decoder,
            collected: Collected::default(),
            held: 0,
            db: 0,
            head: None,
            opaque_values: options.opaque_values,
            mend: false,
        }
    }

    /// Takes the next key, or what stands before it, from `unread`.
    ///
    /// After [`Event::End`] it answers `None` and uses nothing.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`].
    pub fn decode<'a>(&'a mut self, unread: &'a [u8]) -> Result<DecodedItem<'a>, Error> {
        let found = self.advance(unread)?;
        Ok(self.item(unread, found))
    }

    /// Reads on to what comes next.
    pub(crate) fn advance(&mut self, unread: &[u8]) -> Result<Found, Error> {
        loop {
            let start = self.held;
            let rest = unread.get(start..).unwrap_or_default();
            let decoded = self.decoder.decode(rest)?;
            self.held += decoded.used;
            let Some(event) = decoded.event else { return Ok(Found::Nothing) };
            match &event {
                Event::Key(header) => {
                    self.collected.key(unread, header.key);
                    self.head = Some(Head::of(header, self.opaque_values));
                }
                Event::KeyEnd { .. } => return Ok(Found::Entry),
                Event::String(_)
                | Event::Element(_)
                | Event::Scored(..)
                | Event::Field { .. }
                | Event::Opaque { .. } => self.collected.part(unread, &event),
                Event::SelectDb(db) => {
                    self.db = *db;
                    return Ok(Found::Between { start });
                }
                _ => return Ok(Found::Between { start }),
            }
        }
    }

    /// What [`advance`](Self::advance) found in the same bytes.
    pub(crate) fn item<'a>(&'a mut self, unread: &'a [u8], found: Found) -> DecodedItem<'a> {
        if matches!(found, Found::Nothing) && self.head.is_some() {
            // A key that is not there in whole is not done with.
            return DecodedItem { used: 0, item: None };
        }
        let used = std::mem::take(&mut self.held);
        let item = match found {
            Found::Nothing => None,
            Found::Between { start } => {
                let rest = unread.get(start..).unwrap_or_default();
                Some(Item::Between(self.decoder.last_event(rest)))
            }
            Found::Entry => {
                self.head.take().map(|head| Item::Entry(self.entry(unread, head, used)))
            }
        };
        DecodedItem { used, item }
    }

    /// The key that is complete.
    fn entry<'a>(&'a mut self, unread: &'a [u8], head: Head, used: usize) -> Entry<'a> {
        let repeated = match self.mend {
            true => self.collected.remove_duplicates(unread, head.kind),
            false => 0,
        };
        let dialect = self.version().map_or(Dialect::Redis, Version::dialect);
        let parts = Parts::new(&self.collected, unread, head.places_each());
        let value = Value::of(head.kind, dialect, head.type_byte, parts);
        let header = head.with(self.collected.key_of(unread));
        Entry { db: self.db, header, value, bytes: used as u64, repeated }
    }

    /// The name of the key that is read.
    pub(crate) fn key<'a>(&'a self, unread: &'a [u8]) -> &'a [u8] {
        self.collected.key_of(unread)
    }

    /// How long `unread` must be at least before [`decode`](Self::decode) can go on after it
    /// answered `None`, as [`Decoder::wanted`] says it.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.held.saturating_add(self.decoder.wanted())
    }

    /// Offset in the file of the first byte that is not used.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.decoder.offset() - self.held as u64
    }

    /// The file's version, once its first bytes are read.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.decoder.version()
    }

    /// The database of the keys that follow.
    #[must_use]
    pub fn db(&self) -> u32 {
        self.db
    }

    /// True after [`Event::End`].
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// To be asked when the input has ended: was the file complete?
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when it was not, or the error that ended decoding.
    pub fn finish(&self) -> Result<(), Error> {
        self.decoder.finish()
    }
}

/// The options that give each string, and each stream as its bytes, whole.
fn whole(options: DecodeOptions) -> DecodeOptions {
    DecodeOptions { opaque_streams: true, string_pieces: None, ..options }
}

impl Head {
    #[inline]
    fn of(header: &KeyHeader<'_>, opaque_values: bool) -> Self {
        let KeyHeader { key: _, expire_ms, idle, freq, kind, type_byte } = *header;
        let is_stream = !opaque_values && StreamType::has_type_byte(type_byte);
        let kind = if is_stream { Kind::Stream } else { kind };
        Self { expire_ms, idle, freq, kind, type_byte }
    }

    fn with(self, key: &[u8]) -> KeyHeader<'_> {
        let Self { expire_ms, idle, freq, kind, type_byte } = self;
        KeyHeader { key, expire_ms, idle, freq, kind, type_byte }
    }

    fn places_each(self) -> usize {
        if self.kind == Kind::Hash { 2 } else { 1 }
    }
}
