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
    special: u32,
    high: u32,
}

impl Marks {
    #[inline(always)]
    fn of(bytes: &[u8; WIDTH]) -> Self {
        let all = u8x16::new(*bytes);
        let is = |byte: u8| all.simd_eq(u8x16::splat(byte));
        let control = all.min(u8x16::splat(0x1f)).simd_eq(all);
        let special = is(b'"') | is(b'\\') | control;
        Self { special: special.to_bitmask(), high: all.to_bitmask() }
    }

    /// Of the first `len` bytes.
    #[inline(always)]
    fn first(self, len: usize) -> Self {
        let which = (1 << len) - 1;
        Self { special: self.special & which, high: self.high & which }
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

/// What bytes are, as far as the way they are written depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// ASCII that needs no escape.
    Plain,
    /// ASCII of which some needs one.
    Ascii,
    /// Not ASCII.
    Other,
}

/// Looks at all bytes, as it is quicker to go on than to ask whether to.
#[inline]
pub(super) fn classify(bytes: &[u8]) -> Class {
    let marks = match bytes.last_chunk() {
        Some(last) => {
            let chunks = bytes.as_chunks().0.iter().map(Marks::of);
            chunks.fold(Marks::of(last), Marks::bitor)
        }
        None => Marks::of(&padded(bytes)).first(bytes.len()),
    };
    match marks {
        Marks { high: 0, special: 0 } => Class::Plain,
        Marks { high: 0, .. } => Class::Ascii,
        Marks { .. } => Class::Other,
    }
}

/// Appends bytes as they are: short ones, as most are, without a call.
#[inline]
pub(super) fn plain(out: &mut Vec<u8>, bytes: &[u8]) {
    let end = out.len() + bytes.len();
    match (bytes.first_chunk::<WIDTH>(), bytes.last_chunk::<WIDTH>()) {
        (Some(first), Some(last)) if bytes.len() <= 2 * WIDTH => {
            out.extend_from_slice(first);
            out.truncate(end - WIDTH);
            out.extend_from_slice(last);
        }
        (Some(_), _) => out.extend_from_slice(bytes),
        (None, _) => {
            out.extend_from_slice(&padded(bytes));
            out.truncate(end);
        }
    }
}

/// Appends UTF-8, each byte that needs it as an escape.
#[inline(never)]
pub(super) fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    // Room for some escapes; more make room for themselves.
    out.reserve(bytes.len() + bytes.len() / 4 + ROOM);
    let mut block = [0; 2 * BLOCK];
    let (whole, rest) = bytes.as_chunks::<BLOCK>();
    for bytes in whole {
        block[..BLOCK].copy_from_slice(bytes);
        escaped_block(out, &block, 0, BLOCK);
    }
    if rest.is_empty() {
        return;
    }
    match bytes.last_chunk::<BLOCK>() {
        // Those before the rest stand there a second time.
        Some(last) => {
            block[..BLOCK].copy_from_slice(last);
            escaped_block(out, &block, BLOCK - rest.len(), BLOCK);
        }
        None => {
            block[..rest.len()].copy_from_slice(rest);
            escaped_block(out, &block, 0, rest.len());
        }
    }
}

/// Appends the bytes of a block from `start` to `end`. What is behind the first [`BLOCK`] bytes is copied
/// along with them, but does not count.
#[inline(always)]
fn escaped_block(out: &mut Vec<u8>, block: &[u8; 2 * BLOCK], start: usize, end: usize) {
    if short_escapes(out, block, start, end).is_none() {
        block[start..end].iter().for_each(|byte| escape(out, *byte));
    }
}

/// As [`escaped_block`]; `None`, and nothing done, where an escape is a long one.
///
/// Where the next escape stands follows no pattern. So all that follows one is copied each time, and
/// written over from the next one on.
#[inline(always)]
fn short_escapes(
    out: &mut Vec<u8>,
    block: &[u8; 2 * BLOCK],
    start: usize,
    end: usize,
) -> Option<()> {
    let mut specials = specials(block) & (u64::MAX << start) & (u64::MAX >> (BLOCK - end));
    let before = out.len();
    out.resize(before + ROOM, 0);
    let room: &mut [u8; ROOM] = out.get_mut(before..)?.first_chunk_mut()?;
    room[..BLOCK].copy_from_slice(&block[start..start + BLOCK]);
    let mut escapes = 0;
    while specials != 0 {
        let at = specials.trailing_zeros() as usize;
        let letter = short(block[at]);
        if letter == 0 {
            out.truncate(before);
            return None;
        }
        let to: &mut [u8; 1 + BLOCK] = room.get_mut(at - start + escapes..)?.first_chunk_mut()?;
        to[0] = b'\\';
        to[1..].copy_from_slice(&block[at..at + BLOCK]);
        to[1] = letter;
        escapes += 1;
        specials &= specials - 1;
    }
    out.truncate(before + end - start + escapes);
    Some(())
}

/// A bit for each byte of the first [`BLOCK`] that needs an escape.
#[inline(always)]
fn specials(block: &[u8; 2 * BLOCK]) -> u64 {
    let words = block.as_chunks().0.iter().take(BLOCK / WIDTH).map(Marks::of);
    words.enumerate().fold(0, |bits, (at, marks)| bits | u64::from(marks.special) << (at * WIDTH))
}

/// The letter behind the backslash, where the escape is one letter; else 0.
fn short(byte: u8) -> u8 {
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
    } else if short(byte) != 0 {
        out.extend_from_slice(&[b'\\', short(byte)]);
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

    fn naive_class(bytes: &[u8]) -> Class {
        match (bytes.is_ascii(), naive(bytes) == bytes) {
            (true, true) => Class::Plain,
            (true, false) => Class::Ascii,
            (false, _) => Class::Other,
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
        ]
    }

    proptest! {
        #[test]
        fn escapes_as_the_naive_way_does(bytes in bytes(), before in 0..3usize) {
            let mut out = vec![b'<'; before];
            escaped(&mut out, &bytes);
            prop_assert_eq!(&out[before..], naive(&bytes));
            prop_assert_eq!(classify(&bytes), naive_class(&bytes));
        }
    }

    #[test]
    fn every_byte_at_every_place_is_escaped() {
        for len in (1..20).chain([63, 64, 65, 130]) {
            for place in 0..len {
                for byte in 0..=255 {
                    let mut bytes = vec![b'x'; len];
                    bytes[place] = byte;
                    let mut out = Vec::new();
                    escaped(&mut out, &bytes);
                    assert_eq!(out, naive(&bytes));
                    assert_eq!(classify(&bytes), naive_class(&bytes));
                }
            }
        }
    }
}
