//! What LZF stands for.

use std::hint::select_unpredictable as pick;

use super::{MAX_LITERALS, MAX_PIECE, MAX_RATIO, window_mut};
use crate::{
    Fault,
    packed::{Broken, array},
};

/// Bytes copied at once: all literals of a piece, and all of most matches.
const STEP: usize = MAX_LITERALS;
/// Room behind the output, so that a whole step may be copied to its last byte.
const SLACK: usize = STEP;

/// Places in the buffer of a [`small`] string, of which a mask is made: a power of two. Nodes of servers' lists,
/// 8 KiB long, are such strings where they become a little shorter.
const PLACES: usize = 16 << 10;
/// Bytes of that buffer, so that a step fits at each place.
const SMALL: usize = PLACES + STEP;

/// Replaces `out` by what `input` stands for, which must be exactly `len` bytes.
///
/// Memory is taken only when `input` can stand for that much.
///
/// # Errors
///
/// [`Broken`] at the offset in `input` where a piece is cut, points before the start, or gives
/// more or less than `len` bytes. `out` then holds nothing of use.
pub fn decompress(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    fill(input, len, out, SLACK)?;
    out.truncate(len);
    Ok(())
}

/// Writes what `input` stands for over the first `len` bytes of `out`, and leaves what more it has: so
/// that small strings, of which many come one after the other, find a buffer of a known size.
pub(crate) fn expand(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    fill(input, len, out, SMALL)
}

/// As [`expand`], with at least so much room.
#[inline(always)]
fn fill(input: &[u8], len: usize, out: &mut Vec<u8>, least: usize) -> Result<(), Broken> {
    if len as u64 > (input.len() as u64).saturating_mul(MAX_RATIO) {
        return Err(Broken::new(0, Fault::LzfLength));
    }
    let room = least.max(len + SLACK);
    // What a string before has left is written over: only the bytes that are more need zeros.
    if out.len() < room {
        out.resize(room, 0);
    }
    let done = match out.first_chunk_mut() {
        Some(buffer) if len + SLACK + input.len() <= PLACES => small(input, len, buffer),
        _ => any(input, &mut out[..len + SLACK]),
    };
    done.ok_or_else(|| first_fault(input, len))
}

/// What a piece says.
///
/// Which form a piece has and how long it is follows no pattern, so that a branch on it would be a
/// wrong guess as often as not: all that differs is chosen by numbers, or looked up by the first byte.
struct Piece {
    is_literal: bool,
    /// Bytes that it stands for.
    count: usize,
    /// How far back they are; of literals it is more than their count.
    distance: usize,
    /// Bytes of the piece itself.
    size: usize,
}

/// What the first byte of a piece says.
struct Control {
    /// The count, without what the second byte adds to it.
    count: [u8; 256],
    /// Which bits of the second byte are added to the count.
    more: [u8; 256],
    /// The upper bits of the distance.
    high: [u16; 256],
}

static CONTROL: Control = {
    let mut control = Control { count: [0; 256], more: [0; 256], high: [0; 256] };
    let mut byte = 0;
    while byte < 256 {
        let is_literal = byte < 1 << 5;
        control.count[byte] = if is_literal { byte + 1 } else { (byte >> 5) + 2 } as u8;
        control.more[byte] = if byte >= 7 << 5 { 0xff } else { 0 };
        control.high[byte] = if is_literal { 0xff } else { byte as u16 & 0x1f } << 8;
        byte += 1;
    }
    control
};

impl Piece {
    /// The piece that begins with these bytes, of which the last are behind it.
    #[inline(always)]
    fn of(bytes: [u8; 4]) -> Self {
        let [control, second, third, _] = bytes;
        let index = usize::from(control);
        let (is_literal, is_long) = (control < 1 << 5, control >= 7 << 5);
        let low = pick(is_long, third, second);
        Self {
            is_literal,
            count: usize::from(CONTROL.count[index]) + usize::from(second & CONTROL.more[index]),
            distance: usize::from(CONTROL.high[index] | u16::from(low)) + 1,
            size: pick(is_literal, index + 2, 2 + usize::from(is_long)),
        }
    }
}

/// Fills the first `len` bytes of `buffer`; `None` where that is not what `input` stands for.
///
/// Behind the output stands a copy of the input, so that literals and matches are copied from the same
/// bytes, and their place needs no check but a mask: whether it was a place is asked once, at the end.
#[inline(always)]
fn small(input: &[u8], len: usize, buffer: &mut [u8; SMALL]) -> Option<()> {
    let start = len + SLACK;
    buffer.get_mut(start..start + input.len())?.copy_from_slice(input);
    let (len, end) = (len.min(PLACES), (start + input.len()).min(PLACES));
    let (mut from, mut to, mut places) = (start, 0, 0);
    while from < end && to <= len {
        let piece = Piece::of(array(buffer, from)?);
        if (piece.count > STEP) | (piece.count > piece.distance) {
            copy_match(&mut buffer[..start], to, piece.distance, piece.count)?;
        } else {
            let at = pick(piece.is_literal, from + 1, to.wrapping_sub(piece.distance));
            places |= at;
            let step: [u8; STEP] = array(buffer, at & (PLACES - 1))?;
            *window_mut(buffer, to)? = step;
        }
        from += piece.size;
        to += piece.count;
    }
    (from == end && to == len && places < PLACES).then_some(())
}

/// Fills all of `out` but its [`SLACK`]; `None` where that is not what `input` stands for.
#[inline(never)]
fn any(input: &[u8], out: &mut [u8]) -> Option<()> {
    let (from, to) = pieces(input, out, 0)?;
    let rest = input.get(from..)?;
    // As if more followed, so that the last pieces are as fast to read.
    let mut padded = [0; 2 * MAX_LITERALS];
    padded.get_mut(..rest.len())?.copy_from_slice(rest);
    let (used, to) = pieces(padded.get(..rest.len() + MAX_LITERALS)?, out, to)?;
    (used == rest.len() && to + SLACK == out.len()).then_some(())
}

/// Does what the pieces say, the output of which begins at `to`, as long as [`MAX_PIECE`] bytes of
/// input are left and there is room for a step. Answers where the next piece and its output begin,
/// the latter up to a step too far where `input` stands for too much; `None` for a broken piece.
#[inline(always)]
fn pieces(input: &[u8], out: &mut [u8], mut to: usize) -> Option<(usize, usize)> {
    let mut from = 0;
    let last = (input.len().checked_sub(MAX_PIECE), out.len().checked_sub(STEP));
    let (Some(last_from), Some(last_to)) = last else { return Some((from, to)) };
    while from <= last_from && to <= last_to {
        let piece = Piece::of(array(input, from)?);
        if (piece.count > STEP) | (piece.count > piece.distance) {
            copy_match(out, to, piece.distance, piece.count)?;
        } else {
            let source = pick(piece.is_literal, input, &*out);
            let at = pick(piece.is_literal, from + 1, to.wrapping_sub(piece.distance));
            let step: [u8; STEP] = array(source, at)?;
            *window_mut(out, to)? = step;
        }
        from += piece.size;
        to += piece.count;
    }
    Some((from, to))
}

/// Copies a match that is longer than a step, or is copied again in part.
#[inline(never)]
fn copy_match(out: &mut [u8], to: usize, distance: usize, count: usize) -> Option<()> {
    if distance > to || to + count > out.len() - SLACK {
        return None;
    }
    match distance {
        STEP.. => copy_steps::<STEP>(out, to, distance, count),
        16.. => copy_steps::<16>(out, to, distance, count),
        8.. => copy_steps::<8>(out, to, distance, count),
        _ => copy_pattern(out, to, distance, count),
    }
}

/// Copies in whole steps, which `distance` is not less than; less than a step more than `count`.
#[inline(always)]
fn copy_steps<const N: usize>(
    out: &mut [u8],
    to: usize,
    distance: usize,
    count: usize,
) -> Option<()> {
    for at in (to..to + count).step_by(N) {
        let step: [u8; N] = array(out, at - distance)?;
        *window_mut(out, at)? = step;
    }
    Some(())
}

/// Repeats fewer than 8 bytes.
#[inline(always)]
fn copy_pattern(out: &mut [u8], to: usize, distance: usize, count: usize) -> Option<()> {
    /// A one at each place of a word at which so many bytes begin again.
    const REPEAT: [u64; 8] = [
        0,
        0x0101_0101_0101_0101,
        0x0001_0001_0001_0001,
        0x0001_0000_0100_0001,
        0x0000_0001_0000_0001,
        0x0000_0100_0000_0001,
        0x0001_0000_0000_0001,
        0x0100_0000_0000_0001,
    ];
    let word = u64::from_le_bytes(array(out, to - distance)?);
    let unit = word & !(u64::MAX << (8 * distance));
    let pattern = unit.wrapping_mul(*REPEAT.get(distance)?).to_le_bytes();
    // As often as the unit is in a word.
    for at in (to..to + count).step_by(8 - 8 % distance) {
        *window_mut(out, at)? = pattern;
    }
    Some(())
}

/// What is wrong with an input that does not stand for `len` bytes.
#[cold]
fn first_fault(input: &[u8], len: usize) -> Broken {
    let (mut from, mut to) = (0, 0);
    while let [control, rest @ ..] = &input[from..] {
        let high = usize::from(control & 0x1f) << 8;
        let (size, count, distance) = match (control >> 5, rest) {
            (0, _) => (usize::from(*control) + 2, usize::from(*control) + 1, 0),
            (7, [more, low, ..]) => (3, 9 + usize::from(*more), high + usize::from(*low) + 1),
            (short @ 1..7, [low, ..]) => (2, usize::from(short) + 2, high + usize::from(*low) + 1),
            _ => return Broken::new(from, Fault::LzfEnd),
        };
        if size > 1 + rest.len() {
            return Broken::new(from, Fault::LzfEnd);
        }
        if count > len - to {
            return Broken::new(from, Fault::LzfLength);
        }
        if distance > to {
            return Broken::new(from, Fault::LzfReference);
        }
        from += size;
        to += count;
    }
    Broken::new(from, Fault::LzfLength)
}
