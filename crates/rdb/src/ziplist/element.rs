//! One element: the length of the one before it, and its encodings.

use super::WIDE;
use crate::{
    Fault,
    packed::{Broken, Value, array, int24, sequence::END},
};

/// An element that was read.
pub(super) struct Element<'a> {
    pub(super) value: Value<'a>,
    /// Length of the element before, as this one has it.
    pub(super) previous: usize,
    /// Where the next element begins.
    pub(super) next: usize,
}

/// The element that begins at `at`, which a [`Cursor`](super::Cursor) stood at.
///
/// # Errors
///
/// [`Broken`] when none begins there.
pub fn value_at(bytes: &[u8], at: usize) -> Result<Value<'_>, Broken> {
    element(bytes, at).map(|found| found.value)
}

/// The element at `at`.
pub(super) fn element(bytes: &[u8], at: usize) -> Result<Element<'_>, Broken> {
    let overrun = || Broken::new(at, Fault::PackedOverrun);
    // The last byte is the end mark: no element may reach it.
    let body = bytes.get(at..bytes.len().saturating_sub(1)).ok_or_else(overrun)?;
    let (previous, skip) = match *body.first().ok_or_else(overrun)? {
        WIDE => (u32::from_le_bytes(array(body, 1).ok_or_else(overrun)?) as usize, 5),
        END => return Err(Broken::new(at, Fault::PackedEnd)),
        narrow => (usize::from(narrow), 1),
    };
    let body = &body[skip..];
    let first = *body.first().ok_or_else(overrun)?;
    let (value, len) = payload(body, first).ok_or_else(|| Broken::new(at, fault_of(first)))?;
    Ok(Element { value, previous, next: at + skip + len })
}

fn fault_of(first: u8) -> Fault {
    match first {
        0..=0xc0 | 0xd0 | 0xe0 | 0xf0 | 0xfe => Fault::PackedOverrun,
        _ => Fault::PackedEncoding,
    }
}

/// The value at the start of `body`, and how many bytes it takes.
// By itself it stays a call, since two use it: 1% of decoding.
#[inline(always)]
fn payload(body: &[u8], first: u8) -> Option<(Value<'_>, usize)> {
    let int = |int: i64, len: usize| Some((Value::Int(int), len));
    match first {
        0..=0x3f => string(body, 1, usize::from(first)),
        0x40..=0x7f => {
            let len = (usize::from(first & 0x3f) << 8) | usize::from(*body.get(1)?);
            string(body, 2, len)
        }
        // Servers look at the two highest bits only.
        0x80..=0xbf => string(body, 5, u32::from_be_bytes(array(body, 1)?) as usize),
        0xc0 => int(i64::from(i16::from_le_bytes(array(body, 1)?)), 3),
        0xd0 => int(i64::from(i32::from_le_bytes(array(body, 1)?)), 5),
        0xe0 => int(i64::from_le_bytes(array(body, 1)?), 9),
        0xf0 => int(int24(array(body, 1)?), 4),
        0xf1..=0xfd => int(i64::from(first - 0xf1), 1),
        0xfe => int(i64::from(*body.get(1)? as i8), 2),
        _ => None,
    }
}

fn string(body: &[u8], header: usize, len: usize) -> Option<(Value<'_>, usize)> {
    let end = header.checked_add(len)?;
    Some((Value::Str(body.get(header..end)?), end))
}

/// The length of the element before the one at `at`, as that one has it, and how many bytes it takes
/// there; in a ziplist that was checked.
#[inline]
pub(super) fn previous_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match *bytes.get(at)? {
        WIDE => Some((u32::from_le_bytes(array(bytes, at + 1)?) as usize, 5)),
        narrow => Some((usize::from(narrow), 1)),
    }
}

/// How many bytes the length of the element before takes.
#[inline]
pub(super) const fn previous_size(previous: usize) -> usize {
    if previous < WIDE as usize { 1 } else { 5 }
}

/// Writes the length of the element before into the one byte, or the five, of `field`.
#[inline]
pub(super) fn write_previous(field: &mut [u8], previous: usize) {
    match field {
        [narrow] => *narrow = previous as u8,
        [first, rest @ ..] => {
            *first = WIDE;
            rest.copy_from_slice(&(previous as u32).to_le_bytes());
        }
        [] => {}
    }
}

/// How many bytes the element of a value takes behind the length of the one before.
#[inline]
pub(super) fn payload_size(value: Value<'_>) -> usize {
    match value {
        Value::Int(int) => int_size(int),
        Value::Str(bytes) => string_head_size(bytes.len()) + bytes.len(),
    }
}

/// Appends the element of a value behind the length of the one before, which stands in `out`.
#[inline]
pub(super) fn push_payload(out: &mut Vec<u8>, value: Value<'_>) {
    let (head, size) = head_of(value);
    out.extend_from_slice(&head[..size]);
    if let Value::Str(bytes) = value {
        out.extend_from_slice(bytes);
    }
}

/// Fills `gap`, which is as long as [`payload_size`] says.
pub(super) fn fill_payload(gap: &mut [u8], value: Value<'_>) {
    let (head, size) = head_of(value);
    let (start, body) = gap.split_at_mut(size);
    start.copy_from_slice(&head[..size]);
    if let Value::Str(bytes) = value {
        body.copy_from_slice(bytes);
    }
}

#[inline]
fn head_of(value: Value<'_>) -> ([u8; 9], usize) {
    match value {
        Value::Int(int) => int_head(int),
        Value::Str(bytes) => string_head(bytes.len()),
    }
}

#[inline]
const fn int_size(int: i64) -> usize {
    match int {
        0..=12 => 1,
        -0x80..=0x7f => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    }
}

#[inline]
fn int_head(int: i64) -> ([u8; 9], usize) {
    let wide = int.to_le_bytes();
    let size = int_size(int);
    let mut head = [0; 9];
    head[0] = match size {
        1 => 0xf1 + wide[0],
        2 => 0xfe,
        3 => 0xc0,
        4 => 0xf0,
        5 => 0xd0,
        _ => 0xe0,
    };
    head[1..].copy_from_slice(&wide);
    (head, size)
}

#[inline]
const fn string_head_size(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..16_384 => 2,
        _ => 5,
    }
}

#[inline]
fn string_head(len: usize) -> ([u8; 9], usize) {
    let mut head = [0; 9];
    let size = string_head_size(len);
    match size {
        1 => head[0] = len as u8,
        2 => head[..2].copy_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
        _ => {
            head[0] = 0x80;
            head[1..5].copy_from_slice(&(len as u32).to_be_bytes());
        }
    }
    (head, size)
}

/// The element at `at` of a ziplist that was checked, and where the next one begins.
#[inline]
pub(super) fn checked_element(bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    let start = at + previous_at(bytes, at)?.1;
    let body = bytes.get(start..)?;
    let (value, len) = payload(body, *body.first()?)?;
    Some((value, start + len))
}
