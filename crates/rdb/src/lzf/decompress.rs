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

/// Replaces `out` by what `input` stands for, which must be exactly `len` bytes.
///
/// Memory is taken only when `input` can stand for that much.
///
/// # Errors
///
/// [`Broken`] at the offset in `input` where a piece is cut, points before the start, or gives
/// more or less than `len` bytes. `out` then holds nothing of use.
pub fn decompress(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    expand(input, len, out)?;
    out.truncate(len);
    Ok(())
}

/// Writes what `input` stands for over the first `len` bytes of `out`, and leaves what more it has.
pub(crate) fn expand(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    if len as u64 > (input.len() as u64).saturating_mul(MAX_RATIO) {
        return Err(Broken::new(0, Fault::LzfLength));
    }
    let room = len + SLACK;
    // What a string before has left is written over: only the bytes that are more need zeros.
    if out.len() < room {
        out.resize(room, 0);
    }
    all(input, &mut out[..room]).ok_or_else(|| first_fault(input, len))
}

/// Fills all of `out` but its [`SLACK`]; `None` where that is not what `input` stands for.
fn all(input: &[u8], out: &mut [u8]) -> Option<()> {
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
///
/// Which form a piece has and how long it is follows no pattern, so that a branch on it would be a
/// wrong guess as often as not: all that differs is chosen by numbers.
#[inline(always)]
fn pieces(input: &[u8], out: &mut [u8], mut to: usize) -> Option<(usize, usize)> {
    let mut from = 0;
    let last = (input.len().checked_sub(MAX_PIECE), out.len().checked_sub(STEP));
    let (Some(last_from), Some(last_to)) = last else { return Some((from, to)) };
    while from <= last_from && to <= last_to {
        let word = u32::from_le_bytes(array(input, from)?) as usize;
        let (control, behind) = (word & 0xff, word >> 8);
        let literals = control < 1 << 5;
        let long = control >= 7 << 5;
        let (low, more, size) = pick(long, (behind >> 8, behind & 0xff, 3), (behind, 0, 2));
        // Of literals it is more than their count.
        let distance = ((control & 0x1f) << 8 | low & 0xff) + 1;
        let count = pick(literals, control + 1, (control >> 5) + 2 + more);
        if (count > STEP) | (count > distance) {
            copy_match(out, to, distance, count)?;
        } else {
            let source = pick(literals, input, &*out);
            let at = pick(literals, from + 1, to.wrapping_sub(distance));
            let step: [u8; STEP] = array(source, at)?;
            *window_mut(out, to)? = step;
        }
        from += pick(literals, control + 2, size);
        to += count;
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
