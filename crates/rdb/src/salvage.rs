//! Salvage: what can still be read of a damaged file.

use std::collections::HashSet;
use std::ops::Range;

use crate::{
    DecodeOptions, Decoder, Error, Event, Version,
    decode::Prints,
    entry::{DecodedItem, Entries, Found, Item},
};

/// Reads what can be read of a damaged RDB file, and says what cannot.
///
/// Where a key is damaged, reading goes on at the next place that proves right: where its value ends
/// if its outline is whole, else wherever several keys in a row, with different names, can be read,
/// or the file's end can. (The bytes of a value often look like one key.) The end of a file amid the
/// bytes counts when its checksum is right, or when nothing can be read behind it.
///
/// What comes twice, which a server refuses, is left out and counted: keys of a database as
/// [`Salvaged::Repeated`], members and fields in
/// [`Entry::repeated`](crate::entry::Entry::repeated). Empty collections come as they are.
///
/// A database that is named in a lost part is not known: keys behind it count as of the database
/// before.
///
/// # Memory
///
/// The file must be at hand whole, mapped for example. Beside it there is what [`Entries`] takes, and
/// 40 bytes for each key.
///
/// ```
/// use redwire_rdb::salvage::{Salvage, Salvaged};
/// use redwire_rdb::{DecodeOptions, EncodeOptions, Encoder, KeyMeta, entry::Item};
///
/// let mut encoder = Encoder::new(EncodeOptions::default());
/// let mut file = Vec::new();
/// encoder.start(&mut file);
/// for name in ["a", "b", "c", "d"] {
///     encoder.string(&mut file, &KeyMeta::new(name.as_bytes()), b"value");
/// }
/// encoder.end(&mut file);
/// // An unknown type in the place of b's.
/// file[18] = 0x70;
///
/// let mut salvage = Salvage::new(&file, DecodeOptions::default())?;
/// let (mut keys, mut lost) = (Vec::new(), 0);
/// while let Some(salvaged) = salvage.next() {
///     match salvaged {
///         Salvaged::Item(Item::Entry(entry)) => keys.push(entry.header.key.to_vec()),
///         Salvaged::Lost(part) => lost += part.bytes.end - part.bytes.start,
///         _ => {}
///     }
/// }
/// assert_eq!(keys, [b"a", b"c", b"d"]);
/// assert_eq!(lost, 9);
/// # Ok::<(), redwire_rdb::Error>(())
/// ```
#[derive(Debug)]
pub struct Salvage<'f> {
    bytes: &'f [u8],
    options: DecodeOptions,
    version: Version,
    entries: Entries,
    /// Where the entries' unread bytes begin.
    at: usize,
    next: Next,
    keys: Prints,
    /// Whether the checksum of all bytes so far is known.
    checked: bool,
    /// How many bytes may still be read in search of places.
    effort: u64,
}

/// What [`Salvage::next`] does.
#[derive(Debug)]
enum Next {
    Read,
    /// The end, whose checksum is wrong, was found.
    End,
    /// The rest cannot be read.
    Stop,
}

/// One step of [`Salvage::next`].
#[derive(Debug, Clone)]
pub enum Salvaged<'a> {
    /// A key, or what stands between keys: see [`Entries`].
    Item(Item<'a>),
    /// A key of a name that came before in its database; the first was delivered.
    Repeated {
        /// The database.
        db: u32,
        /// The key.
        key: Vec<u8>,
    },
    /// A part of the file that cannot be read.
    Lost(Lost),
    /// All bytes could be read, but the file's checksum is not theirs: a value may be damaged though
    /// its form is right. [`Event::End`] follows.
    Checksum(Error),
}

/// A part of a file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// From the first byte of what is damaged to the place where reading goes on, or the file's end.
    pub bytes: Range<u64>,
    /// What is wrong.
    pub error: Error,
}

/// Keys in a row that prove a place, each with another name and none without.
const PROOF_KEYS: usize = 8;
/// Bytes that the proof of a place may take: longer values prove nothing.
const PROOF_BYTES: usize = 4 << 20;
/// Bytes decoded in search of places, in multiples of the file's length; then the rest is lost.
const EFFORT: u64 = 64;
/// Bytes of a magic.
const MAGIC: usize = 9;

impl<'f> Salvage<'f> {
    /// Begins with the magic of a file.
    ///
    /// Of `options`, what refuses duplicates and cuts strings into pieces is without effect.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`], [`Error::Magic`] or [`Error::UnknownVersion`]: without its magic nothing of
    /// a file can be read, unless its version is known ([`with_version`](Self::with_version)).
    pub fn new(bytes: &'f [u8], options: impl Into<DecodeOptions>) -> Result<Self, Error> {
        let options = salvaging(options.into());
        let mut decoder = Decoder::new(options.clone());
        decoder.decode(bytes)?;
        let Some(version) = decoder.version() else {
            return Err(Error::Truncated { offset: 0, key: None, type_byte: None });
        };
        Ok(Self::begin(bytes, options, version, Entries::new, 0))
    }

    /// Takes the file to be of `version`, whatever stands in its first nine bytes.
    #[must_use]
    pub fn with_version(
        bytes: &'f [u8],
        version: Version,
        options: impl Into<DecodeOptions>,
    ) -> Self {
        let options = salvaging(options.into());
        let start = MAGIC.min(bytes.len());
        let entries = |options| Entries::resume(version, start as u64, 0, options);
        Self::begin(bytes, options, version, entries, start)
    }

    fn begin(
        bytes: &'f [u8],
        options: DecodeOptions,
        version: Version,
        entries: impl FnOnce(DecodeOptions) -> Entries,
        at: usize,
    ) -> Self {
        let mut entries = entries(options.clone());
        entries.mend = true;
        let checked = options.verify_checksum && at == 0;
        Self {
            checked,
            bytes,
            options,
            version,
            entries,
            at,
            next: Next::Read,
            keys: Prints::default(),
            effort: EFFORT * bytes.len() as u64,
        }
    }

    /// The file's version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The next key, or what is to say of the place where the next would be; `None` behind
    /// [`Event::End`], or when the rest of the file is lost.
    #[allow(clippy::should_implement_trait, reason = "what it gives is borrowed from it")]
    pub fn next(&mut self) -> Option<Salvaged<'_>> {
        match self.next {
            Next::Read => {}
            Next::End => {
                self.next = Next::Stop;
                return Some(Salvaged::Item(Item::Between(Event::End)));
            }
            Next::Stop => return None,
        }
        let unread = &self.bytes[self.at..];
        let found = match self.entries.advance(unread) {
            Ok(Found::Nothing) => {
                return self.entries.finish().err().map(|error| self.damaged(error));
            }
            Ok(found) => found,
            Err(error @ Error::Checksum { .. }) => return Some(self.unmatched(error)),
            Err(error) => return Some(self.damaged(error)),
        };
        if self.entries.is_done() {
            let used = self.entries.item(unread, found).used;
            return Some(self.ended(used));
        }
        let (db, key) = (self.entries.db(), self.entries.key(unread));
        if matches!(found, Found::Entry) && !self.keys.insert(db, key) {
            let key = key.to_vec();
            self.at += self.entries.item(unread, found).used;
            return Some(Salvaged::Repeated { db, key });
        }
        let DecodedItem { used, item } = self.entries.item(unread, found);
        self.at += used;
        item.map(Salvaged::Item)
    }

    /// An end was found, `used` bytes behind `self.at`. Nothing but a checksum proves it, unless the
    /// input ends there, too.
    fn ended(&mut self, used: usize) -> Salvaged<'static> {
        let (start, end) = (self.at, self.at + used);
        let checksum = self.bytes[start..end].last_chunk::<8>();
        let proven = self.checked && checksum.is_some_and(|checksum| *checksum != [0; 8]);
        if !proven
            && end < self.bytes.len()
            && let Some(place) = self.find()
        {
            self.resume(place);
            let error = Error::UnknownType {
                offset: start as u64,
                byte: self.bytes[start],
                version: self.version,
            };
            return lost(start, place, error);
        }
        self.next = Next::Stop;
        Salvaged::Item(Item::Between(Event::End))
    }

    /// An end was found whose checksum is another.
    fn unmatched(&mut self, error: Error) -> Salvaged<'static> {
        let start = self.at;
        let is_last = matches!(error, Error::Checksum { offset, .. } if offset + 8 == self.bytes.len() as u64);
        if !is_last && let Some(place) = self.find() {
            self.resume(place);
            return lost(start, place, error);
        }
        self.next = Next::End;
        Salvaged::Checksum(error)
    }

    /// What stands at `self.at` cannot be read.
    fn damaged(&mut self, error: Error) -> Salvaged<'static> {
        let start = self.at;
        let Some(place) = self.find() else {
            self.next = Next::Stop;
            return lost(start, self.bytes.len(), error);
        };
        self.resume(place);
        lost(start, place, error)
    }

    /// Reads on at `place`.
    fn resume(&mut self, place: usize) {
        let db = self.entries.db();
        self.entries = Entries::resume(self.version, place as u64, db, self.options.clone());
        self.entries.mend = true;
        self.at = place;
        self.checked = false;
    }

    /// The first place behind `self.at` from which keys can be read.
    fn find(&mut self) -> Option<usize> {
        if let Some(end) = self.end_of_outline()
            && self.is_proven(end)
        {
            return Some(end);
        }
        let mut places = self.at + 1..self.bytes.len();
        places.find(|&place| self.is_proven(place) || self.effort == 0).filter(|_| self.effort > 0)
    }

    /// Where the value of the key at `self.at` ends, if only what is in its strings is damaged.
    fn end_of_outline(&self) -> Option<usize> {
        let options = DecodeOptions { opaque_values: true, ..self.options.clone() };
        let mut decoder = Decoder::resume(self.version, 0, options);
        let mut used = self.at;
        loop {
            let decoded = decoder.decode(&self.bytes[used..]).ok()?;
            used += decoded.used;
            match decoded.event? {
                Event::KeyEnd { .. } => return Some(used),
                Event::End => return None,
                _ => {}
            }
        }
    }

    /// Whether keys can be read from `place` on. It costs effort.
    fn is_proven(&mut self, place: usize) -> bool {
        let rest = &self.bytes[place..];
        let part = &rest[..rest.len().min(PROOF_BYTES)];
        let mut decoder = Decoder::resume(self.version, 0, self.options.clone());
        let mut names = HashSet::new();
        let mut used = 0;
        let proven = loop {
            let Ok(decoded) = decoder.decode(&part[used..]) else { break false };
            used += decoded.used;
            match decoded.event {
                // 0xff alone is a common byte: the end proves a place only where it is the input's.
                Some(Event::End) => break used == rest.len(),
                Some(Event::Key(header)) => {
                    if header.key.is_empty() || !names.insert(header.key.to_vec()) {
                        break false;
                    }
                }
                Some(Event::KeyEnd { .. }) if names.len() >= PROOF_KEYS => break true,
                Some(_) => {}
                None => break false,
            }
        };
        self.effort = self.effort.saturating_sub(used as u64);
        proven
    }
}

fn lost(start: usize, end: usize, error: Error) -> Salvaged<'static> {
    Salvaged::Lost(Lost { bytes: start as u64..end as u64, error })
}

/// How a damaged file is read: it is no use to refuse what can be mended.
fn salvaging(options: DecodeOptions) -> DecodeOptions {
    DecodeOptions {
        refuse_duplicates: false,
        refuse_all_duplicates: false,
        string_pieces: None,
        ..options
    }
}
