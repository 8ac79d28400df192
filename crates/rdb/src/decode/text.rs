//! Strings of the file: where they lie, decompressed where they must be.

use super::input::{Halt, Input};
use crate::{Limits, lzf, packed::array, string::Header};

/// Which of two strings at a time is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    First,
    Second,
    /// A packed value, which outlives the events of its elements.
    Packed,
}

const SLOTS: usize = 3;

/// What a place is in. As wide as the numbers beside it: the padding of a byte is copied along by
/// loads that wait for the stores before them, which cost a tenth of the time of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Source {
    /// The unread bytes.
    Input,
    /// What is held in a slot.
    First,
    Second,
    Packed,
}

/// Where a string lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loc {
    pub(crate) source: Source,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Loc {
    #[inline]
    pub(crate) const fn input(start: usize, end: usize) -> Self {
        Self { source: Source::Input, start, end }
    }

    #[inline]
    pub(crate) const fn held(slot: Slot, start: usize, end: usize) -> Self {
        let source = match slot {
            Slot::First => Source::First,
            Slot::Second => Source::Second,
            Slot::Packed => Source::Packed,
        };
        Self { source, start, end }
    }
}

/// Strings that do not stand in the input as they are.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    held: [Vec<u8>; SLOTS],
    /// Offset in the file of the compressed string that is held, so that waiting for the next
    /// string does not decompress it again.
    origin: [Option<u64>; SLOTS],
}

/// A slot with more memory than this is given back when it is used again.
const KEPT_BYTES: usize = 1 << 20;

impl Texts {
    /// The string at `at`, and where it ends.
    #[inline(always)]
    pub(crate) fn read(
        &mut self,
        input: &Input<'_>,
        at: usize,
        slot: Slot,
        limits: &Limits,
    ) -> Result<(Loc, usize), Halt> {
        let (header, start) = header(input, at)?;
        match header {
            Header::Raw { len } => {
                let len = within("max_string", len, limits.max_string, input, at)?;
                input.slice(start, len)?;
                Ok((Loc::input(start, start + len), start + len))
            }
            Header::Int(int) => Ok((self.hold_int(slot, int.into()), start)),
            Header::Lzf { compressed, len } => {
                let compressed = within("max_string", compressed, limits.max_string, input, at)?;
                check_ratio(compressed as u64, len, limits, input, at)?;
                let len = within("max_decompressed", len, limits.max_decompressed, input, at)?;
                let bytes = input.slice(start, compressed)?;
                let loc = self.decompress(slot, input.offset(at), bytes, len)?;
                Ok((loc, start + compressed))
            }
        }
    }

    /// Holds the digits of an integer. Behind them stays what a string before has left, as room for one
    /// that is decompressed.
    pub(crate) fn hold_int(&mut self, slot: Slot, int: i64) -> Loc {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(int).as_bytes();
        self.origin[slot as usize] = None;
        let held = &mut self.held[slot as usize];
        if held.len() < digits.len() {
            held.resize(digits.len(), 0);
        }
        held[..digits.len()].copy_from_slice(digits);
        Loc::held(slot, 0, digits.len())
    }

    fn decompress(
        &mut self,
        slot: Slot,
        offset: u64,
        bytes: &[u8],
        len: usize,
    ) -> Result<Loc, Halt> {
        let held = &mut self.held[slot as usize];
        let origin = &mut self.origin[slot as usize];
        if *origin != Some(offset) {
            *origin = None;
            if held.capacity() > KEPT_BYTES && len < held.capacity() {
                *held = Vec::new();
            }
            lzf::expand(bytes, len, held).map_err(|broken| Halt::fault(offset, broken.fault))?;
            *origin = Some(offset);
        }
        Ok(Loc::held(slot, 0, len))
    }

    /// Where the end of a string is held that comes in pieces; they lie in [`Slot::Packed`].
    pub(crate) fn unpacked(&mut self) -> &mut Vec<u8> {
        self.origin[Slot::Packed as usize] = None;
        &mut self.held[Slot::Packed as usize]
    }

    /// The bytes at a place.
    #[inline]
    pub(crate) fn get<'a>(&'a self, input: &'a [u8], loc: Loc) -> &'a [u8] {
        let bytes = match loc.source {
            Source::Input => input,
            Source::First => &self.held[0],
            Source::Second => &self.held[1],
            Source::Packed => &self.held[2],
        };
        bytes.get(loc.start..loc.end).unwrap_or_default()
    }
}

/// The string at `at` if its length has one of the two short forms and is at most `max`, and where
/// it ends.
#[inline(always)]
pub(crate) fn plain_string(bytes: &[u8], at: usize, max: u64) -> Option<(&[u8], usize)> {
    let first = usize::from(*bytes.get(at)?);
    let (len, start) = match first {
        0..=0x3f => (first, at + 1),
        0x40..=0x7f => ((first & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?), at + 2),
        _ => return None,
    };
    let end = start + len;
    let string = bytes.get(start..end)?;
    (len as u64 <= max).then_some((string, end))
}

/// As [`plain_string`], and integers, whose digits are written to `digits`.
#[inline(always)]
pub(crate) fn short_string<'a>(
    bytes: &'a [u8],
    at: usize,
    max: u64,
    digits: &'a mut itoa::Buffer,
) -> Option<(&'a [u8], usize)> {
    let (int, end) = match *bytes.get(at)? {
        0xc0 => (i32::from(*bytes.get(at + 1)? as i8), at + 2),
        0xc1 => (i32::from(i16::from_le_bytes(array(bytes, at + 1)?)), at + 3),
        0xc2 => (i32::from_le_bytes(array(bytes, at + 1)?), at + 5),
        _ => return plain_string(bytes, at, max),
    };
    Some((digits.format(int).as_bytes(), end))
}

/// Where the string at `at` ends, which is not looked into.
pub(crate) fn end_of_string(input: &Input<'_>, at: usize, limits: &Limits) -> Result<usize, Halt> {
    let (header, start) = header(input, at)?;
    let len = match header {
        Header::Raw { len } => within("max_string", len, limits.max_string, input, at)?,
        Header::Int(_) => 0,
        Header::Lzf { compressed, len } => {
            within("max_decompressed", len, limits.max_decompressed, input, at)?;
            check_ratio(compressed, len, limits, input, at)?;
            within("max_string", compressed, limits.max_string, input, at)?
        }
    };
    input.slice(start, len)?;
    Ok(start + len)
}

/// The header of the string at `at`, and where it ends.
#[inline(always)]
pub(crate) fn header(input: &Input<'_>, at: usize) -> Result<(Header, usize), Halt> {
    match Header::decode(input.from(at)) {
        Ok(Some((header, size))) => Ok((header, at + size)),
        Ok(None) => Err(input.one_more()),
        Err(fault) => Err(Halt::fault(input.offset(at), fault)),
    }
}

/// Checks how much a compressed string announces to grow. More than LZF can is no question of a
/// limit: whoever decompresses finds that the length is wrong.
pub(crate) fn check_ratio(
    compressed: u64,
    len: u64,
    limits: &Limits,
    input: &Input<'_>,
    at: usize,
) -> Result<(), Halt> {
    let max = limits.max_ratio;
    if max < lzf::MAX_RATIO && len > compressed.saturating_mul(max) {
        let ratio = len.div_ceil(compressed.max(1));
        return Err(Halt::limit(input.offset(at), "max_ratio", ratio, max));
    }
    Ok(())
}

/// Checks an announced length before it is waited for.
#[inline]
fn within(
    name: &'static str,
    len: u64,
    max: u64,
    input: &Input<'_>,
    at: usize,
) -> Result<usize, Halt> {
    match usize::try_from(len) {
        Ok(size) if len <= max => Ok(size),
        _ => Err(Halt::limit(input.offset(at), name, len, max)),
    }
}
