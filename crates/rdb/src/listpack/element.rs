//! One element: its encodings, and its length behind it.

use super::edge::is_edge;
use crate::{
    Fault,
    packed::{Broken, Value, array, int24, sequence::END},
};

/// The element that begins at `at`, which a [`Cursor`](super::Cursor) stood at.
///
/// # Errors
///
/// [`Broken`] when none begins there.
pub fn value_at(bytes: &[u8], at: usize) -> Result<Value<'_>, Broken> {
    element(bytes, at).map(|(value, _)| value)
}

/// The element at `at`, and where the next one begins.
#[inline]
pub(super) fn element(bytes: &[u8], at: usize) -> Result<(Value<'_>, usize), Broken> {
    match short_element(bytes, at) {
        Some(found) => Ok(found),
        None => any_element(bytes, at),
    }
}

/// An element of the two forms that most have: a number up to 127, or up to 63 bytes. The length
/// behind it is one byte.
#[inline(always)]
fn short_element(bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    let first = *bytes.get(at)?;
    let len = match first {
        0..=0x7f => 1,
        0x80..=0xbf => 1 + usize::from(first & 0x3f),
        _ => return None,
    };
    // The last byte is the end mark: no element may reach it.
    let [.., back, _] = bytes.get(at..at + len + 2)? else { return None };
    if usize::from(*back) != len {
        return None;
    }
    let value = match first {
        0..=0x7f => Value::Int(i64::from(first)),
        _ => Value::Str(bytes.get(at + 1..at + len)?),
    };
    Some((value, at + len + 1))
}

fn any_element(bytes: &[u8], at: usize) -> Result<(Value<'_>, usize), Broken> {
    match usual_element(bytes, at) {
        Err(broken) => narrow_element(bytes, at).ok_or(broken),
        found => found,
    }
}

/// An element whose length is behind it as most servers write that.
#[inline]
fn usual_element(bytes: &[u8], at: usize) -> Result<(Value<'_>, usize), Broken> {
    let overrun = || Broken::new(at, Fault::PackedOverrun);
    // The last byte is the end mark: no element may reach it.
    let body = bytes.get(at..bytes.len().saturating_sub(1)).ok_or_else(overrun)?;
    let first = *body.first().ok_or_else(overrun)?;
    let (value, len) = match first {
        0..=0x7f => (Value::Int(i64::from(first)), 1),
        0x80..=0xbf => string(body, 1, usize::from(first & 0x3f)).ok_or_else(overrun)?,
        _ => wide_payload(body, first).ok_or_else(|| Broken::new(at, fault_of(first)))?,
    };
    let back = back_len_size(len);
    if !back_len_matches(body.get(len..len + back).ok_or_else(overrun)?, len) {
        return Err(Broken::new(at + len, Fault::PackedBackLen));
    }
    Ok((value, at + len + back))
}

/// An element whose length takes one byte less behind it, as Valkey 9.1 has it for the greatest
/// number of some bytes.
#[cold]
fn narrow_element(bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    let body = bytes.get(at..bytes.len().checked_sub(1)?)?;
    let (value, len) = string(body, 5, u32::from_le_bytes(array(body, 1)?) as usize)?;
    let back = back_len_size(len) - 1;
    let narrow = body.get(len..len + back).is_some_and(|back| back_len_matches(back, len));
    (body[0] == 0xf0 && is_edge(len) && narrow).then_some((value, at + len + back))
}

/// The element at `at` of a listpack that was checked, and where the next one begins.
#[inline]
pub(super) fn checked_element(bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    let body = bytes.get(at..)?;
    let (value, len) = match *body.first()? {
        first @ 0..=0x7f => (Value::Int(i64::from(first)), 1),
        first @ 0x80..=0xbf => string(body, 1, usize::from(first & 0x3f))?,
        first => wide_payload(body, first)?,
    };
    let mut back = back_len_size(len);
    if back > 2 && is_edge(len) && body.get(len) == Some(&0x7f) {
        back -= 1;
    }
    Some((value, at + len + back))
}

/// Where the element at `at` of a listpack that was checked ends; `None` for the end mark.
#[inline]
pub(super) fn end_of_checked(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        0..=0x7f => Some(at + 2),
        first @ 0x80..=0xbf => Some(at + usize::from(first & 0x3f) + 2),
        END => None,
        _ => checked_element(bytes, at).map(|(_, next)| next),
    }
}

/// Where the element begins that ends at `end`, in a listpack that was checked.
#[inline]
pub(super) fn step_back(bytes: &[u8], end: usize) -> Option<usize> {
    let mut len = 0;
    for (index, byte) in bytes.get(..end)?.iter().rev().take(MAX_BACK_LEN).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return end.checked_sub(len + index + 1);
        }
    }
    None
}

fn fault_of(first: u8) -> Fault {
    if first <= 0xf4 { Fault::PackedOverrun } else { Fault::PackedEncoding }
}

fn wide_payload(body: &[u8], first: u8) -> Option<(Value<'_>, usize)> {
    let int = |int: i64, len: usize| Some((Value::Int(int), len));
    match first {
        0xc0..=0xdf => {
            let bits = (i16::from(first & 0x1f) << 8) | i16::from(*body.get(1)?);
            // Thirteen bits with a sign, moved up to the sign of sixteen and back.
            int(i64::from(bits << 3 >> 3), 2)
        }
        0xe0..=0xef => {
            let len = (usize::from(first & 0x0f) << 8) | usize::from(*body.get(1)?);
            string(body, 2, len)
        }
        0xf0 => string(body, 5, u32::from_le_bytes(array(body, 1)?) as usize),
        0xf1 => int(i64::from(i16::from_le_bytes(array(body, 1)?)), 3),
        0xf2 => int(int24(array(body, 1)?), 4),
        0xf3 => int(i64::from(i32::from_le_bytes(array(body, 1)?)), 5),
        0xf4 => int(i64::from_le_bytes(array(body, 1)?), 9),
        _ => None,
    }
}

#[inline]
fn string(body: &[u8], header: usize, len: usize) -> Option<(Value<'_>, usize)> {
    let end = header.checked_add(len)?;
    Some((Value::Str(body.get(header..end)?), end))
}

/// Most bytes of the length behind an element.
const MAX_BACK_LEN: usize = 5;

/// How many bytes the length behind an element of `len` bytes takes. The limits are those of Redis
/// up to 8.6 and Valkey up to 8.1, which leave the largest number of each size to the next.
#[inline]
pub(super) const fn back_len_size(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Byte `index` of the `size` bytes behind an element of `len` bytes.
#[inline]
pub(super) const fn back_len_byte(len: usize, size: usize, index: usize) -> u8 {
    let bits = ((len as u64 >> (7 * (size - 1 - index))) & 0x7f) as u8;
    if index == 0 { bits } else { bits | 0x80 }
}

#[inline]
fn back_len_matches(back: &[u8], len: usize) -> bool {
    back.iter().enumerate().all(|(index, byte)| *byte == back_len_byte(len, back.len(), index))
}

/// How many bytes the element of a value takes.
#[inline]
pub(super) fn size_of(value: Value<'_>) -> usize {
    let len = match value {
        Value::Int(int) => int_size(int),
        Value::Str(bytes) => string_head_size(bytes.len()) + bytes.len(),
    };
    len + back_len_size(len)
}

/// Appends the element of a value.
#[inline]
pub(super) fn push(out: &mut Vec<u8>, value: Value<'_>) {
    let len = match value {
        Value::Int(int @ 0..=127) => return out.extend_from_slice(&[int as u8, 1]),
        Value::Int(int) => {
            let (head, len) = int_head(int);
            append(out, head, len);
            len
        }
        Value::Str(bytes) => {
            out.reserve(bytes.len() + ROUND_BODY);
            let (head, len) = string_head(bytes.len());
            append(out, head, len);
            out.extend_from_slice(bytes);
            len + bytes.len()
        }
    };
    let size = back_len_size(len);
    if size == 1 {
        return out.push(len as u8);
    }
    let byte = |index| if index < size { back_len_byte(len, size, index) } else { 0 };
    append(out, std::array::from_fn::<u8, 5, _>(byte), size);
}

/// Room for a head and the length behind, written at their full width.
const ROUND_BODY: usize = 16;

/// Appends the first `len` bytes: a fixed number of bytes is a move where a variable one is a call.
#[inline]
fn append<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N], len: usize) {
    let end = out.len() + len;
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

/// An element as it will stand, in three parts.
pub(super) struct Encoded<'a> {
    /// The number, or the length of the bytes.
    head: [u8; 9],
    head_len: usize,
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(super) fn of(value: Value<'a>) -> Self {
        match value {
            Value::Int(int) => {
                let (head, head_len) = int_head(int);
                Self { head, head_len, body: &[] }
            }
            Value::Str(body) => {
                let (head, head_len) = string_head(body.len());
                Self { head, head_len, body }
            }
        }
    }

    /// Bytes without the length behind.
    #[inline]
    fn len(&self) -> usize {
        self.head_len + self.body.len()
    }

    /// All bytes.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.len() + back_len_size(self.len())
    }

    /// Fills `gap`, which is as long as [`size`](Self::size) says.
    pub(super) fn fill(&self, gap: &mut [u8]) {
        let len = self.len();
        let (head, rest) = gap.split_at_mut(self.head_len);
        head.copy_from_slice(&self.head[..self.head_len]);
        let (body, back) = rest.split_at_mut(self.body.len());
        body.copy_from_slice(self.body);
        let size = back.len();
        for (index, byte) in back.iter_mut().enumerate() {
            *byte = back_len_byte(len, size, index);
        }
    }
}

#[inline]
const fn int_size(int: i64) -> usize {
    match int {
        0..=127 => 1,
        -4096..=4095 => 2,
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
    head[1..].copy_from_slice(&wide);
    head[0] = match size {
        1 => wide[0],
        2 => {
            head[1] = wide[0];
            0xc0 | (wide[1] & 0x1f)
        }
        3 => 0xf1,
        4 => 0xf2,
        5 => 0xf3,
        _ => 0xf4,
    };
    (head, size)
}

#[inline]
const fn string_head_size(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    }
}

#[inline]
fn string_head(len: usize) -> ([u8; 9], usize) {
    let mut head = [0; 9];
    let size = string_head_size(len);
    match size {
        1 => head[0] = 0x80 | len as u8,
        2 => head[..2].copy_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]),
        _ => {
            head[0] = 0xf0;
            head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
        }
    }
    (head, size)
}
