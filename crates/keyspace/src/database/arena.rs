//! [`Arena`]: strings with their keys, one after the other in chunks of bytes.
//!
//! An allocation for each key costs more than what most keys have to say of themselves. So a short
//! string is a record of bytes, and records share chunks. What is freed in a chunk stays as a hole
//! until less than half of the chunk is in use: then its records are moved and it is let go of.

mod chunks;

use self::chunks::{Chunk, Chunks};
use crate::UnixMs;
use crate::cpu::prefetch;
use crate::value::StrRef;

/// The bytes of a chunk, at most.
const CHUNK: usize = 1 << OFFSET_BITS;
const OFFSET_BITS: u32 = 12;

/// A chunk is made with this many bytes, for slots of few keys.
const FIRST: usize = 128;

/// A chunk that is full grows to double its size, up to this, and then by this much.
const STEP: usize = 512;

/// The longest record: longer ones would leave too much of a chunk's end unused.
const RECORD_MAX: usize = 512;

/// A line of the cache.
const LINE: usize = 64;

/// How many chunks have room in a place, with the bit that is not the arena's left out: 2 GiB of them.
const CHUNKS: usize = 1 << (u32::BITS - 1 - OFFSET_BITS);

/// No chunk.
const NONE: u32 = u32::MAX;

/// The bytes of a record before its expiry, key and value: flags, three bytes each of epoch and
/// clock, a key's length of one byte and a value's of two.
const HEADER: usize = 10;

const INTEGER: u8 = 1;
const EXPIRES: u8 = 1 << 1;
const DEAD: u8 = 1 << 2;

/// A string with its key, and what is kept beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) key: &'a [u8],
    pub(super) string: StrRef<'a>,
    pub(super) expires: Option<UnixMs>,
    /// Of 24 bits.
    pub(super) epoch: u32,
    /// Of 24 bits.
    pub(super) clock: u32,
}

impl<'a> Record<'a> {
    /// Whether an arena takes a record like this: one that is short, whose string is not growing.
    pub(super) fn fits(&self) -> bool {
        !self.string.is_grown() && self.key.len() <= 0xff && self.len() <= RECORD_MAX
    }

    /// How many bytes it takes, if it [fits](Self::fits).
    pub(super) fn bytes(&self) -> Option<usize> {
        self.fits().then(|| self.len())
    }

    fn len(&self) -> usize {
        let value = self.string.stored_integer().map_or_else(|| self.string.len(), |_| 8);
        HEADER + if self.expires.is_some() { 8 } else { 0 } + self.key.len() + value
    }

    /// Writes it over `out`, which is as long as it is; it has to fit.
    fn write(&self, out: &mut [u8]) {
        let integer = self.string.stored_integer();
        let value_len = integer.map_or_else(|| self.string.len(), |_| 8);
        out[0] = if integer.is_some() { INTEGER } else { 0 };
        out[1..4].copy_from_slice(&self.epoch.to_le_bytes()[..3]);
        out[4..7].copy_from_slice(&self.clock.to_le_bytes()[..3]);
        out[7] = self.key.len() as u8;
        out[8..HEADER].copy_from_slice(&(value_len as u16).to_le_bytes());
        out[0] |= if self.expires.is_some() { EXPIRES } else { 0 };
        let mut rest = &mut out[HEADER..];
        if let Some(at) = self.expires {
            rest[..8].copy_from_slice(&at.0.to_le_bytes());
            rest = &mut rest[8..];
        }
        let (key, value) = rest.split_at_mut(self.key.len());
        key.copy_from_slice(self.key);
        match integer {
            Some(integer) => value.copy_from_slice(&integer.to_le_bytes()),
            None => value.copy_from_slice(&self.string.as_bytes()),
        }
    }

    /// The record that `bytes` begin with.
    #[inline(always)]
    fn read(bytes: &'a [u8]) -> Self {
        let header = Header::of(bytes);
        let Spans { key, value, end } = header.spans();
        let eight = |bytes: &[u8]| bytes.first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
        let string = &bytes[value..end];
        Self {
            key: &bytes[key..value],
            string: if header.has(INTEGER) {
                StrRef::from_integer(eight(string) as i64)
            } else {
                StrRef::text(string)
            },
            expires: header.has(EXPIRES).then(|| UnixMs(eight(&bytes[HEADER..]))),
            epoch: header.epoch(),
            clock: header.clock(),
        }
    }
}

/// What a record begins with.
#[derive(Clone, Copy)]
struct Header {
    /// All but the length of the value.
    word: u64,
    value_len: u16,
}

impl Header {
    /// The header of the record that `bytes` begin with.
    #[inline(always)]
    fn of(bytes: &[u8]) -> Self {
        let header: &[u8; HEADER] = bytes.first_chunk().expect("a record has a header");
        let [word @ .., low, high] = *header;
        Self { word: u64::from_le_bytes(word), value_len: u16::from_le_bytes([low, high]) }
    }

    #[inline(always)]
    fn has(self, flag: u8) -> bool {
        self.word as u8 & flag != 0
    }

    #[inline(always)]
    fn epoch(self) -> u32 {
        (self.word >> 8) as u32 & 0xff_ffff
    }

    #[inline(always)]
    fn clock(self) -> u32 {
        (self.word >> 32) as u32 & 0xff_ffff
    }

    #[inline(always)]
    fn spans(self) -> Spans {
        let key = HEADER + if self.has(EXPIRES) { 8 } else { 0 };
        let value = key + (self.word >> 56) as usize;
        Spans { key, value, end: value + usize::from(self.value_len) }
    }
}

/// Where the parts of a record begin, counted from its own begin.
struct Spans {
    key: usize,
    value: usize,
    end: usize,
}

impl Spans {
    #[inline(always)]
    fn of(bytes: &[u8]) -> Self {
        Header::of(bytes).spans()
    }
}

/// Records in chunks, each at a place of 31 bits.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Arena {
    chunks: Chunks,
    /// The chunk that records are added to, or [`NONE`].
    current: u32,
    /// The first of the chunks that are vacant, or [`NONE`].
    vacant: u32,
    /// Chunks at most, that a test may find out what happens then.
    #[cfg(test)]
    pub(super) most: usize,
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            chunks: Chunks::vacant(NONE),
            current: NONE,
            vacant: 0,
            #[cfg(test)]
            most: CHUNKS,
        }
    }
}

impl Arena {
    /// Lets go of all chunks; no record is left in them.
    pub(super) fn clear(&mut self) {
        *self = Self {
            #[cfg(test)]
            most: self.most,
            ..Self::default()
        };
    }

    /// Adds a record that [fits](Record::fits); answers where it is, unless the arena is full (2 GiB).
    pub(super) fn add(&mut self, record: &Record<'_>) -> Option<u32> {
        debug_assert!(record.fits());
        self.append(record.len(), |bytes| record.write(bytes))
    }

    fn append(&mut self, len: usize, write: impl FnOnce(&mut [u8])) -> Option<u32> {
        let has_room = |chunk: &&Chunk| chunk.filled() + len <= CHUNK;
        if self.chunks.get(self.current as usize).filter(has_room).is_none() {
            self.current = self.place_for_a_chunk()?;
        }
        let start = self.chunks[self.current as usize].append(len, write);
        Some(self.current << OFFSET_BITS | start as u32)
    }

    fn place_for_a_chunk(&mut self) -> Option<u32> {
        let is_vacant = self.vacant != NONE;
        let place = if is_vacant { self.vacant as usize } else { self.chunks.len() };
        if place >= self.most() {
            return None;
        }
        if is_vacant {
            let vacant = std::mem::take(&mut self.chunks[place]);
            self.vacant = vacant.next_vacant();
        } else {
            self.chunks.push();
        }
        Some(place as u32)
    }

    #[cfg(not(test))]
    fn most(&self) -> usize {
        CHUNKS
    }

    #[cfg(test)]
    fn most(&self) -> usize {
        self.most
    }

    /// Has its own fields brought in.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.chunks.prefetch_own();
    }

    /// Has brought in where the chunk of a record is.
    #[inline]
    pub(super) fn prefetch_way(&self, at: u32) {
        self.chunks.prefetch((at >> OFFSET_BITS) as usize);
    }

    /// Has the lines of a record brought in, as far as most records reach: a key and a value of a line
    /// between them may be in three. There need not be a record any more.
    #[inline]
    pub(super) fn prefetch_record(&self, at: u32) {
        if let Some(Chunk { bytes, .. }) = self.chunks.get((at >> OFFSET_BITS) as usize) {
            for byte in [0, LINE, LINE + LINE / 2] {
                bytes.get(offset(at) + byte).map(prefetch);
            }
        }
    }

    /// Has the first line of a record brought in.
    #[inline]
    pub(super) fn prefetch_header(&self, at: u32) {
        prefetch(&self.bytes(at)[0]);
    }

    /// Has brought in where the chunk is that records are added to.
    #[inline]
    pub(super) fn prefetch_way_to_end(&self) {
        self.chunks.prefetch(self.current as usize);
    }

    /// Has the line brought in that the last record ends in.
    #[inline]
    pub(super) fn prefetch_end(&self) {
        if let Some(chunk) = self.chunks.get(self.current as usize)
            && let Some(byte) = chunk.bytes.get(chunk.filled())
        {
            prefetch(byte);
        }
    }

    #[inline(always)]
    pub(super) fn record(&self, at: u32) -> Record<'_> {
        Record::read(self.bytes(at))
    }

    #[inline(always)]
    pub(super) fn key(&self, at: u32) -> &[u8] {
        let bytes = self.bytes(at);
        let spans = Spans::of(bytes);
        &bytes[spans.key..spans.value]
    }

    pub(super) fn set_epoch(&mut self, at: u32, epoch: u32) {
        self.bytes_mut(at)[1..4].copy_from_slice(&epoch.to_le_bytes()[..3]);
    }

    #[inline]
    pub(super) fn clock(&self, at: u32) -> u32 {
        Header::of(self.bytes(at)).clock()
    }

    /// The record with the clock that `used` makes of its own.
    #[inline]
    pub(super) fn used_record(&mut self, at: u32, used: impl FnOnce(u32) -> u32) -> Record<'_> {
        let bytes = self.bytes_mut(at);
        let clock = Header::of(bytes).clock();
        let used = used(clock);
        // Most are used several times within the second that clocks count.
        if used != clock {
            bytes[4..7].copy_from_slice(&used.to_le_bytes()[..3]);
        }
        Record::read(bytes)
    }

    pub(super) fn set_clock(&mut self, at: u32, clock: u32) {
        self.bytes_mut(at)[4..7].copy_from_slice(&clock.to_le_bytes()[..3]);
    }

    /// Puts a number in the place of another; answers whether there was one.
    pub(super) fn set_integer(&mut self, at: u32, integer: i64) -> bool {
        let bytes = self.bytes_mut(at);
        let spans = Spans::of(bytes);
        let was_integer = bytes[0] & INTEGER != 0;
        if was_integer {
            bytes[spans.value..spans.end].copy_from_slice(&integer.to_le_bytes());
        }
        was_integer
    }

    /// Puts a record in the place of one of the same length, if it is; answers whether it did.
    pub(super) fn rewrite(&mut self, at: u32, record: &Record<'_>) -> bool {
        let bytes = self.bytes_mut(at);
        let end = Spans::of(bytes).end;
        let fits = end == record.len();
        if fits {
            record.write(&mut bytes[..end]);
        }
        fits
    }

    /// Puts a string in the place of one that takes as many bytes and does not expire, if that is so, with
    /// the clock that `used` makes of the old; answers whether it did.
    pub(super) fn rewrite_string(
        &mut self,
        at: u32,
        string: StrRef<'_>,
        used: impl FnOnce(u32) -> u32,
    ) -> bool {
        let bytes = self.bytes_mut(at);
        let header = Header::of(bytes);
        let Spans { value, end, .. } = header.spans();
        let integer = string.stored_integer();
        let len = integer.map_or_else(|| string.len(), |_| 8);
        if header.has(EXPIRES) || string.is_grown() || len != end - value {
            return false;
        }
        bytes[0] = if integer.is_some() { INTEGER } else { 0 };
        bytes[4..7].copy_from_slice(&used(header.clock()).to_le_bytes()[..3]);
        match integer {
            Some(integer) => bytes[value..end].copy_from_slice(&integer.to_le_bytes()),
            None => bytes[value..end].copy_from_slice(&string.as_bytes()),
        }
        true
    }

    /// Frees a record. The chunk that is answered, if one is, is more hole than records, and wants
    /// to be [taken out](Self::take).
    pub(super) fn free(&mut self, at: u32) -> Option<u32> {
        let bytes = self.bytes_mut(at);
        bytes[0] |= DEAD;
        let len = Spans::of(bytes).end as u16;
        let chunk = &mut self.chunks[(at >> OFFSET_BITS) as usize];
        chunk.live -= len;
        (usize::from(chunk.live) * 2 < chunk.filled()).then_some(at >> OFFSET_BITS)
    }

    /// Takes a chunk out, for its records to be [moved](Self::add_moved) to others.
    pub(super) fn take(&mut self, chunk: u32) -> Taken {
        let vacant = Chunk::vacant(std::mem::replace(&mut self.vacant, chunk));
        let bytes = std::mem::replace(&mut self.chunks[chunk as usize], vacant).into_filled();
        if self.current == chunk {
            self.current = NONE;
        }
        Taken { bytes, place: chunk << OFFSET_BITS, next: 0 }
    }

    /// Adds the bytes of a record that was taken out. There is room for all of one chunk, even in a full
    /// arena: at worst they go where they were, less than half a chunk of them.
    pub(super) fn add_moved(&mut self, bytes: &[u8]) -> Option<u32> {
        self.append(bytes.len(), |chunk| chunk.copy_from_slice(bytes))
    }

    /// Bytes that its chunks hold, and how many of them are of records that are not freed.
    #[cfg(test)]
    pub(super) fn filled(&self) -> (usize, usize) {
        let chunks = || self.chunks.iter().filter(|chunk| !chunk.bytes.is_empty());
        let live = chunks().map(|chunk| usize::from(chunk.live)).sum();
        (chunks().map(Chunk::filled).sum(), live)
    }

    /// Bytes that its chunks have room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes.len()).sum()
    }

    #[inline(always)]
    fn bytes(&self, at: u32) -> &[u8] {
        &self.chunks[(at >> OFFSET_BITS) as usize].bytes[offset(at)..]
    }

    #[inline]
    fn bytes_mut(&mut self, at: u32) -> &mut [u8] {
        &mut self.chunks[(at >> OFFSET_BITS) as usize].bytes[offset(at)..]
    }
}

fn offset(at: u32) -> usize {
    at as usize % CHUNK
}

/// The records of a chunk that was taken out.
pub(super) struct Taken {
    bytes: Vec<u8>,
    place: u32,
    next: usize,
}

impl Taken {
    /// The next record that is not freed: where it was, its key, and its bytes.
    pub(super) fn next(&mut self) -> Option<(u32, &[u8], &[u8])> {
        loop {
            let start = self.next;
            let flags = self.bytes.get(start)?;
            let spans = Spans::of(&self.bytes[start..]);
            self.next += spans.end;
            if flags & DEAD == 0 {
                let bytes = &self.bytes[start..self.next];
                return Some((self.place | start as u32, &bytes[spans.key..spans.value], bytes));
            }
        }
    }
}
