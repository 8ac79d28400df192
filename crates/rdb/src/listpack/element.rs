//! One element: its encodings, and its length behind it.

use crate::{
    Fault,
    packed::{Broken, Value, array, int24},
};

/// The element at `at`, and where the next one begins.
#[inline]
pub(super) fn element(bytes: &[u8], at: usize) -> Result<(Value<'_>, usize), Broken> {
    let overrun = || Broken::new(at, Fault::PackedOverrun);
    // The last byte is the end mark: no element may reach it.
    let body = bytes.get(at..bytes.len().saturating_sub(1)).ok_or_else(overrun)?;
    let first = *body.first().ok_or_else(overrun)?;
    let (value, len) = match first {
        0..=0x7f => (Value::Int(i64::from(first)), 1),
        0x80..=0xbf => string(body, 1, usize::from(first & 0x3f)).ok_or_else(overrun)?,
        _ => wide_element(body, first).ok_or_else(|| Broken::new(at, fault_of(first)))?,
    };
    let back = back_len_size(len);
    if !back_len_matches(body.get(len..len + back).ok_or_else(overrun)?, len) {
        return Err(Broken::new(at + len, Fault::PackedBackLen));
    }
    Ok((value, at + len + back))
}

fn fault_of(first: u8) -> Fault {
    if first <= 0xf4 { Fault::PackedOverrun } else { Fault::PackedEncoding }
}

fn wide_element(body: &[u8], first: u8) -> Option<(Value<'_>, usize)> {
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

/// How many bytes the length behind an element of `len` bytes takes. The limits are the servers',
/// which leave the largest number of each size to the next.
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

pub(super) fn int_size(int: i64) -> usize {
    match int {
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    }
}

pub(super) fn push_int(out: &mut Vec<u8>, int: i64) {
    let wide = int.to_le_bytes();
    match int_size(int) {
        1 => out.push(wide[0]),
        2 => out.extend_from_slice(&[0xc0 | (wide[1] & 0x1f), wide[0]]),
        size => {
            out.push(match size {
                3 => 0xf1,
                4 => 0xf2,
                5 => 0xf3,
                _ => 0xf4,
            });
            out.extend_from_slice(&wide[..size - 1]);
        }
    }
}

pub(super) const fn string_header_size(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    }
}

pub(super) fn push_string_header(out: &mut Vec<u8>, len: usize) {
    match string_header_size(len) {
        1 => out.push(0x80 | len as u8),
        2 => out.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]),
        _ => {
            out.push(0xf0);
            out.extend_from_slice(&(len as u32).to_le_bytes());
        }
    }
}
