//! What stands within the quotes of a JSON string.

use std::ops::BitOr;

use wide::u8x16;

/// Bytes that are looked at together.
const WIDTH: usize = 16;
/// Bytes whose escapes are found before any is written.
const BLOCK: usize = 64;
/// What a block comes to at most when each of its bytes becomes two, and what is copied beyond its
/// end.
const ROOM: usize = 3 * BLOCK;

/// A bit for each of some bytes that need an escape, and for each that is not ASCII.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks {
    /// Quotes, backslashes and control characters.
    special: u64,
    high: u64,
}

impl Marks {
    #[inline(always)]
    fn of(bytes: &[u8; WIDTH]) -> Self {
        let all = u8x16::new(*bytes);
        let is = |byte: u8| all.simd_eq(u8x16::splat(byte));
        let control = all.min(u8x16::splat(0x1f)).simd_eq(all);
        let special = is(b'"') | is(b'\\') | control;
        Self { special: special.to_bitmask().into(), high: all.to_bitmask().into() }
    }

    /// Of the first [`BLOCK`] bytes.
    #[inline(always)]
    fn of_block(block: &[u8; 2 * BLOCK]) -> Self {
        let words = block.as_chunks().0.iter().take(BLOCK / WIDTH).map(Self::of);
        words.enumerate().fold(Self::default(), |all, (at, marks)| {
            let place = at * WIDTH;
            all | Self { special: marks.special << place, high: marks.high << place }
        })
    }
}

impl BitOr for Marks {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self { special: self.special | other.special, high: self.high | other.high }
    }
}

/// Up to [`WIDTH`] bytes, zeros behind them: read in two parts that may overlap, which is quicker than
/// a copy of unknown length.
#[inline(always)]
fn padded(bytes: &[u8]) -> [u8; WIDTH] {
    let len = bytes.len();
    let word = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        u128::from(first) | u128::from(last) << (8 * (len - 8))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        u128::from(u64::from(first) | u64::from(last) << (8 * (len - 4)))
    } else if let [first, .., last] = bytes {
        let at = |index: usize, byte: u8| u128::from(byte) << (8 * index);
        at(0, *first) | at(len / 2, bytes[len / 2]) | at(len - 1, *last)
    } else {
        bytes.first().map_or(0, |byte| u128::from(*byte))
    };
    word.to_le_bytes()
}

/// Appends up to 32 bytes in quotes, where they are ASCII that needs no escape, as most keys and
/// members are; else `None`, and nothing.
#[inline]
pub(super) fn short(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    const QUOTED: usize = 2 * WIDTH + 2;
    let len = bytes.len();
    let (first, last) = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) if len <= 2 * WIDTH => (*first, *last),
        (None, None) => [padded(bytes); 2].into(),
        _ => return None,
    };
    let marks = Marks::of(&first) | Marks::of(&last);
    // Not of the zeros behind fewer than sixteen bytes.
    let special = marks.special & ((1 << len.min(WIDTH)) - 1);
    if special | marks.high != 0 {
        return None;
    }
    let start = out.len();
    out.extend_from_slice(&[b'"'; QUOTED]);
    let room: &mut [u8; QUOTED] = out.get_mut(start..)?.first_chunk_mut()?;
    room[1..=WIDTH].copy_from_slice(&first);
    room.get_mut(1 + len.saturating_sub(WIDTH)..)?.first_chunk_mut().map(|to| *to = last)?;
    *room.get_mut(1 + len)? = b'"';
    out.truncate(start + len + 2);
    Some(())
}

/// Appends bytes in quotes, each that needs it as an escape. Where they have to be ASCII and are not:
/// `None`, and nothing.
#[inline(never)]
pub(super) fn long<const ASCII: bool>(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let start = out.len();
    // Room for some escapes; more make room for themselves.
    out.reserve(bytes.len() + bytes.len() / 4 + ROOM);
    out.push(b'"');
    let done = blocks::<ASCII>(out, bytes);
    match done {
        Some(()) => out.push(b'"'),
        None => out.truncate(start),
    }
    done
}

#[inline(always)]
fn blocks<const ASCII: bool>(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let mut block = [0; 2 * BLOCK];
    let (whole, rest) = bytes.as_chunks::<BLOCK>();
    for bytes in whole {
        block[..BLOCK].copy_from_slice(bytes);
        escaped_block::<ASCII>(out, &block, 0, BLOCK)?;
    }
    if rest.is_empty() {
        return Some(());
    }
    match bytes.last_chunk::<BLOCK>() {
        // Those before the rest stand there a second time.
        Some(last) => {
            block[..BLOCK].copy_from_slice(last);
            escaped_block::<ASCII>(out, &block, BLOCK - rest.len(), BLOCK)
        }
        None => {
            block[..rest.len()].copy_from_slice(rest);
            escaped_block::<ASCII>(out, &block, 0, rest.len())
        }
    }
}

/// Appends the bytes of a block from `start` to `end`, `None` where they have to be ASCII and are not. What
/// is behind the first [`BLOCK`] bytes is copied along with them, but does not count.
#[inline(always)]
fn escaped_block<const ASCII: bool>(
    out: &mut Vec<u8>,
    block: &[u8; 2 * BLOCK],
    start: usize,
    end: usize,
) -> Option<()> {
    let marks = Marks::of_block(block);
    if ASCII && marks.high != 0 {
        return None;
    }
    let specials = (marks.special >> start) & (u64::MAX >> (BLOCK - (end - start)));
    if short_escapes(out, block, start, specials, end - start).is_none() {
        block[start..end].iter().for_each(|byte| escape(out, *byte));
    }
    Some(())
}

/// Appends `len` bytes of a block from `start` on, with the escapes that `specials` has a bit for; `None`,
/// and nothing done, where one of them is a long one.
///
/// Where the next escape stands follows no pattern. So all that follows one is copied each time, and
/// written over from the next one on.
#[inline(always)]
fn short_escapes(
    out: &mut Vec<u8>,
    block: &[u8; 2 * BLOCK],
    start: usize,
    mut specials: u64,
    len: usize,
) -> Option<()> {
    let before = out.len();
    out.extend_from_slice(&[0; ROOM]);
    let room: &mut [u8; ROOM] = out.get_mut(before..)?.first_chunk_mut()?;
    room[..BLOCK].copy_from_slice(block.get(start..start + BLOCK)?);
    let mut escapes = 0;
    while specials != 0 {
        let at = specials.trailing_zeros() as usize;
        let from: &[u8; BLOCK] = block.get(start + at..)?.first_chunk()?;
        let letter = letter(from[0]);
        if letter == 0 {
            out.truncate(before);
            return None;
        }
        // The mask says that it is within.
        let to: &mut [u8; 1 + BLOCK] =
            room.get_mut((at + escapes) & (2 * BLOCK - 1)..)?.first_chunk_mut()?;
        to[0] = b'\\';
        to[1..].copy_from_slice(from);
        to[1] = letter;
        escapes += 1;
        specials &= specials - 1;
    }
    out.truncate(before + len + escapes);
    Some(())
}

/// The letter behind the backslash, where the escape is one letter; else 0.
fn letter(byte: u8) -> u8 {
    const LETTERS: [u8; 128] = {
        let mut letters = [0; 128];
        letters[b'"' as usize] = b'"';
        letters[b'\\' as usize] = b'\\';
        letters[b'\n' as usize] = b'n';
        letters[b'\r' as usize] = b'r';
        letters[b'\t' as usize] = b't';
        letters
    };
    LETTERS[usize::from(byte & 127)]
}

/// Appends a byte, escaped if it must be.
fn escape(out: &mut Vec<u8>, byte: u8) {
    let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
    if byte >= 0x20 && byte != b'"' && byte != b'\\' {
        out.push(byte);
    } else if letter(byte) != 0 {
        out.extend_from_slice(&[b'\\', letter(byte)]);
    } else {
        out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn naive(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in bytes {
            match byte {
                b'"' => out.extend(b"\\\""),
                b'\\' => out.extend(b"\\\\"),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b'\t' => out.extend(b"\\t"),
                0..0x20 => out.extend(format!("\\u{byte:04x}").into_bytes()),
                _ => out.push(*byte),
            }
        }
        out
    }

    type Way = fn(&mut Vec<u8>, &[u8]) -> Option<()>;

    /// What the ways of writing `bytes` that may be taken for them append, or that they append nothing.
    fn check(bytes: &[u8], before: &[u8]) {
        let escaped = naive(bytes);
        let quoted = [before, b"\"", &escaped, b"\""].concat();
        let is_short = bytes.len() <= 2 * WIDTH && bytes.is_ascii() && escaped == bytes;
        let ways: [(Way, bool); 3] =
            [(short, is_short), (long::<true>, bytes.is_ascii()), (long::<false>, true)];
        for (way, takes) in ways {
            let mut out = before.to_vec();
            assert_eq!(way(&mut out, bytes).is_some(), takes, "{bytes:?}");
            assert_eq!(out, if takes { &quoted } else { before }, "{bytes:?}");
        }
    }

    /// Bytes of which some escapes are among few others, or any.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let often = || prop_oneof![8 => b'a'..=b'z', 2 => Just(b'"'), 1 => Just(b'\\')];
        prop_oneof![
            vec(often(), 0..300),
            vec(prop_oneof![30 => often(), 1 => any::<u8>()], 0..300),
            vec(prop_oneof![200 => Just(b'x'), 1 => any::<u8>()], 0..1000),
            vec(any::<u8>(), 0..100),
            vec(b' '..0x7f, 0..40),
        ]
    }

    proptest! {
        #[test]
        fn escapes_as_the_naive_way_does(bytes in bytes(), before in 0..3usize) {
            check(&bytes, &vec![b'<'; before]);
        }
    }

    #[test]
    fn every_byte_at_every_place_is_escaped() {
        for len in (0..40).chain([63, 64, 65, 130]) {
            for place in 0..len {
                for byte in 0..=255 {
                    let mut bytes = vec![b'x'; len];
                    bytes[place] = byte;
                    check(&bytes, b"");
                }
            }
        }
    }
}
