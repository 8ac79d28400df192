//! The decoder: bytes in, events out.

mod blob;
mod check;
mod hash;
mod input;
mod machine;
mod pieces;
mod plain;
mod prints;
mod seen;
mod stream;
mod text;
mod walk;

pub use self::check::Checker;
pub(crate) use self::prints::Prints;
use std::ops::ControlFlow;

use self::{
    input::{Halt, Input},
    machine::{Machine, Span},
    stream::Part,
    text::Loc,
};
use crate::{DecodeOptions, Decoded, Error, Event, Version, crc64::Crc64};

/// Reads an RDB file that arrives in pieces of any size.
///
/// The input stays with the caller: each call gets the bytes that are not used yet, and the next
/// call must begin with the first byte that was not used. What was shown once must be shown again
/// until it is used; how much more follows it is free.
///
/// # Memory
///
/// Strings (but see [`DecodeOptions::string_pieces`]), and the events of a packed value (one listpack,
/// say), are borrowed from `unread`, which must hold that string or packed value whole. What is
/// compressed is held decompressed until its
/// last event. Of a stream a node is in memory at a time, and the ids of one group's pending entries;
/// a module's value, and a stream that is wanted opaque, must be in `unread` whole.
///
/// # What is left to the caller
///
/// Duplicates are found within one packed value (types 9, 12, 13, 16, 17, 20, 23, 25). Those of
/// large sets, sorted sets and hashes (types 2 to 5, 22, 24), and keys that come twice, show in the
/// table that the caller builds; a server refuses such a file. Who builds no table reads whole values
/// ([`Entries`](crate::entry::Entries) finds those of elements) or sets
/// [`DecodeOptions::refuse_all_duplicates`].
#[derive(Debug)]
pub struct Decoder {
    machine: Machine,
    /// Checksum of all bytes used and `ahead` more.
    crc: Option<Crc64>,
    /// How many of the unread bytes are in the checksum already.
    ahead: usize,
    /// Offset of the first unread byte.
    offset: u64,
    wanted: usize,
    failed: Option<Error>,
}

/// How many bytes the checksum takes at once, because it is slow at a few: it runs ahead of the
/// events, and steps back at the end of the file.
const CRC_RUN: usize = 16 << 10;

/// Up to this many bytes [`Decoder::wanted`] follows announced lengths.
const WANTED_UNPROVEN: usize = 64 << 10;

/// An event whose strings are places.
#[derive(Debug, Clone, Copy)]
enum Found {
    Nothing,
    Start(Version),
    Aux(Loc, Loc),
    Function(Loc),
    SelectDb(u32),
    ResizeDb {
        keys: u64,
        expires: u64,
    },
    SlotInfo {
        slot: u64,
        keys: u64,
        expires: u64,
    },
    Span(Span, Loc),
    Key(Loc),
    String(Loc),
    /// And how much follows.
    StringPart(Loc, u64),
    Element(Loc),
    Scored(Loc, f64),
    Field {
        field: Loc,
        value: Loc,
        expires_ms: Option<u64>,
    },
    Stream(Part),
    Opaque(Loc),
    KeyEnd {
        empty: bool,
    },
    /// With the checksum that the file ends with.
    End(Option<u64>),
}

/// Bytes of the checksum at the end of a file.
const CRC_BYTES: usize = 8;

impl Decoder {
    /// A decoder at the first byte of a file.
    #[must_use]
    pub fn new(options: impl Into<DecodeOptions>) -> Self {
        let options = options.into();
        Self {
            crc: options.verify_checksum.then(Crc64::new),
            machine: Machine::new(options),
            ahead: 0,
            offset: 0,
            wanted: 1,
            failed: None,
        }
    }

    /// A decoder at the type byte of a value without a key, as a DUMP payload has it between
    /// nothing and its footer: see [`dump`](crate::dump). The key of its [`Event::Key`] is empty, and
    /// [`Event::End`] follows when the value is complete.
    #[must_use]
    pub fn for_value(version: Version, options: impl Into<DecodeOptions>) -> Self {
        let mut decoder = Self::new(options);
        decoder.machine.expect_value(version);
        decoder.crc = None;
        decoder
    }

    /// A decoder between two keys, at `offset` of a file of `version`, of which the bytes before are
    /// not known. There is no checksum.
    pub(crate) fn resume(version: Version, offset: u64, options: DecodeOptions) -> Self {
        let mut decoder = Self::new(options);
        decoder.machine.expect_key(version);
        decoder.crc = None;
        decoder.offset = offset;
        decoder
    }

    /// Refuses what comes twice in a large form, too.
    pub(crate) fn refuse_repeated_elements(&mut self) {
        self.machine.refuse_repeated_elements();
    }

    /// Takes the next event from `unread`.
    ///
    /// After [`Event::End`] it answers `None` and uses nothing.
    ///
    /// # Errors
    ///
    /// What a server would refuse, and what is over a limit. The same error answers every later
    /// call.
    pub fn decode<'a>(&'a mut self, unread: &'a [u8]) -> Result<Decoded<'a>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if let Some((event, used)) = self.machine.string_key(unread) {
            self.advance(unread, used);
            return Ok(Decoded { used, event: Some(event) });
        }
        let mut input = Input::new(unread, self.offset);
        match self.machine.run(&mut input) {
            Ok(()) => {
                if let Some(stored) = self.machine.end() {
                    return self.end(unread, input.at, stored);
                }
                self.advance(unread, input.at);
                if self.machine.has_stream_part() {
                    return Ok(self.stream_part(unread, input.at));
                }
                Ok(Decoded { used: input.at, event: Some(self.machine.event(unread)) })
            }
            Err(halt) => Ok(Decoded { used: self.halt(halt, unread, input.at)?, event: None }),
        }
    }

    /// Hands `take` one event after the other, as [`decode`](Self::decode) gives them, until more bytes
    /// are needed or `take` breaks off; answers how many bytes are done with. For many small keys it
    /// takes about half of the time, as no event has to be stored for the caller.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use redwire_rdb::{DecodeOptions, Decoder, Event};
    /// # use redwire_rdb::{EncodeOptions, Encoder, KeyMeta};
    /// # let mut encoder = Encoder::new(EncodeOptions::default());
    /// # let mut file = Vec::new();
    /// # encoder.start(&mut file);
    /// # encoder.string(&mut file, &KeyMeta::new(b"k"), b"value");
    /// # encoder.end(&mut file);
    ///
    /// let mut decoder = Decoder::new(DecodeOptions::default());
    /// let mut bytes_of_values = 0;
    /// let used = decoder.decode_each(&file, |event| {
    ///     if let Event::String(value) = event {
    ///         bytes_of_values += value.len();
    ///     }
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert!(decoder.is_done());
    /// assert_eq!((used, bytes_of_values), (file.len(), 5));
    /// # Ok::<(), redwire_rdb::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode); `take` has had the events before then.
    #[inline]
    pub fn decode_each(
        &mut self,
        unread: &[u8],
        mut take: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<usize, Error> {
        // Up to `summed` the bytes are counted and in the checksum, up to `at` they are used.
        let (mut summed, mut at) = (0, 0);
        loop {
            while self.failed.is_none()
                && let Some((event, used)) = self.machine.string_key(&unread[at..])
            {
                at += used;
                if take(event).is_break() {
                    self.advance(&unread[summed..], at - summed);
                    return Ok(at);
                }
                // While they are in the cache.
                if at - summed >= CRC_RUN {
                    self.advance(&unread[summed..], at - summed);
                    summed = at;
                }
            }
            if self.failed.is_none() {
                let (used, flow) = self.machine.each_element(&unread[at..], &mut take);
                at += used;
                if flow.is_break() {
                    self.advance(&unread[summed..], at - summed);
                    return Ok(at);
                }
            }
            self.advance(&unread[summed..], at - summed);
            let decoded = self.decode(&unread[at..])?;
            at += decoded.used;
            summed = at;
            let Some(event) = decoded.event else { return Ok(at) };
            if take(event).is_break() {
                return Ok(at);
            }
        }
    }

    /// The event that the last call found, once more, if it is none of a key's: `unread` begins as it
    /// did then.
    pub(crate) fn last_event<'a>(&'a mut self, unread: &'a [u8]) -> Event<'a> {
        self.machine.event(unread)
    }

    /// How long `unread` must be at least before [`decode`](Self::decode) can go on after it
    /// answered `None`, counted from the first byte not used. An announced length alone does not
    /// make it large (at most 64 KiB, or twice what is there), so it can grow when that much has
    /// come.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Offset in the file of the first byte that is not used.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The file's version, once its first bytes are read.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.machine.version()
    }

    /// True after [`Event::End`].
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.failed.is_none() && self.machine.is_done()
    }

    /// To be asked when the input has ended: was the file complete?
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when it was not, or the error that ended decoding.
    pub fn finish(&self) -> Result<(), Error> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None if self.machine.is_done() => Ok(()),
            None => Err(self.machine.with_value(Error::Truncated {
                offset: self.offset,
                key: None,
                type_byte: None,
            })),
        }
    }

    /// Takes note of why the walk halted at `used`, which is how many bytes it used.
    #[inline(never)]
    fn halt(&mut self, halt: Halt, unread: &[u8], used: usize) -> Result<usize, Error> {
        match halt {
            Halt::Missing(end) => {
                let justified = unread.len().saturating_mul(2).max(WANTED_UNPROVEN);
                self.wanted = end.min(justified).saturating_sub(used).max(1);
                self.advance(unread, used);
                Ok(used)
            }
            Halt::Failed(error) => {
                let error = self.machine.with_value(*error);
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Marks bytes as used, and has the checksum take them in.
    #[inline]
    fn advance(&mut self, unread: &[u8], used: usize) {
        if let Some(crc) = &mut self.crc {
            if used > self.ahead {
                let run = unread.len().min(used.max(self.ahead + CRC_RUN));
                crc.update(&unread[self.ahead..run]);
                self.ahead = run;
            }
            self.ahead -= used;
        }
        self.offset += used as u64;
    }

    /// Apart from the other events, because it is the widest by far: where all are made in one
    /// place, each is copied in that width, and waits for what was stored in less.
    #[inline(never)]
    fn stream_part<'a>(&'a mut self, unread: &'a [u8], used: usize) -> Decoded<'a> {
        Decoded { used, event: self.machine.stream_part(unread) }
    }

    /// The file ends at `used`, with its checksum if it has one.
    #[cold]
    fn end<'a>(
        &'a mut self,
        unread: &[u8],
        used: usize,
        stored: Option<u64>,
    ) -> Result<Decoded<'a>, Error> {
        let before = used - stored.map_or(0, |_| CRC_BYTES);
        self.advance(unread, before);
        let offset = self.offset;
        self.offset += (used - before) as u64;
        if let (Some(crc), Some(stored)) = (&mut self.crc, stored) {
            crc.rewind(unread[before..].get(..self.ahead).unwrap_or_default());
            let computed = crc.value();
            if stored != 0 && stored != computed {
                let error = Error::Checksum { offset, stored, computed };
                self.failed = Some(error.clone());
                return Err(error);
            }
        }
        Ok(Decoded { used, event: Some(Event::End) })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DecodeOptions::default())
    }
}
