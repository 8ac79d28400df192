//! LZF, the compression of strings in RDB files.
//!
//! A stream of pieces. `000LLLLL`: `L + 1` literal bytes follow. `LLLooooo`, a byte with the lower
//! bits of `o`: copy `L + 2` bytes from `o + 1` bytes back; with `L = 7` a byte more, between the
//! two, is added to the length. So a piece of 3 bytes gives at most 264: a string cannot grow to
//! more than 88 times its compressed size.

mod compress;

pub use compress::Compressor;

use crate::{Fault, packed::Broken, packed::array};

/// Most bytes that a byte of compressed input can stand for.
pub const MAX_RATIO: u64 = 88;

const MAX_LITERALS: usize = 32;
const MAX_MATCH: usize = 264;
const MAX_DISTANCE: usize = 1 << 13;

/// Bytes copied at once.
const STEP: usize = 16;
/// Bytes copied at once where the output repeats after fewer than [`STEP`].
const HALF_STEP: usize = 8;
/// Room behind the output so that whole steps may be copied past its end.
const SLACK: usize = 2 * STEP;
/// The longest piece: a control byte and its literals.
const MAX_PIECE: usize = 1 + MAX_LITERALS;

/// Replaces `out` by what `input` stands for, which must be exactly `len` bytes.
///
/// Memory is taken only when `input` can stand for that much.
///
/// # Errors
///
/// [`Broken`] at the offset in `input` where a piece is cut, points before the start, or gives
/// more or less than `len` bytes. `out` then holds nothing of use.
pub fn decompress(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    if len as u64 > (input.len() as u64).saturating_mul(MAX_RATIO) {
        return Err(Broken::new(0, Fault::LzfLength));
    }
    // What a string before has left is written over: only the bytes that are more need zeros.
    out.resize(len + SLACK, 0);
    let mut pieces = Pieces { input, from: 0, out, to: 0, len };
    pieces.run().map_err(|fault| Broken::new(pieces.from, fault))?;
    out.truncate(len);
    Ok(())
}

/// Pieces that are read one after the other.
struct Pieces<'a> {
    input: &'a [u8],
    /// Where in `input` the next piece begins.
    from: usize,
    /// [`SLACK`] longer than what is to be written.
    out: &'a mut [u8],
    /// Where in `out` the next piece goes: never past `len`.
    to: usize,
    len: usize,
}

impl Pieces<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        // As long as any piece is whole, and the copies may read past its end.
        while let Some(piece) = window(self.input, self.from) {
            self.one(piece)?;
        }
        while let rest @ [control, ..] = &self.input[self.from..] {
            if rest.len() < piece_len(*control) {
                return Err(Fault::LzfEnd);
            }
            let mut piece = [0; MAX_PIECE];
            let there = rest.len().min(MAX_PIECE);
            piece[..there].copy_from_slice(&rest[..there]);
            self.one(&piece)?;
        }
        if self.to == self.len { Ok(()) } else { Err(Fault::LzfLength) }
    }

    /// Does what the piece says that `piece` begins with.
    #[inline(always)]
    fn one(&mut self, piece: &[u8; MAX_PIECE]) -> Result<(), Fault> {
        let control = u32::from(piece[0]);
        if control < 32 {
            let count = self.room(control as usize + 1)?;
            if let Some(to) = window_mut(self.out, self.to) {
                // A fixed size is a few moves where a variable one is a call.
                let literals: &[u8; MAX_LITERALS] = piece[1..].first_chunk().unwrap_or(&[0; 32]);
                *to = *literals;
            }
            self.from += count + 1;
            self.to += count;
            return Ok(());
        }
        // Which of the two lengths it is follows no pattern: numbers instead of a branch.
        let long = u32::from(control >= 7 << 5);
        let (second, third) = (u32::from(piece[1]), u32::from(piece[2]));
        let low = (third << 8 | second) >> (8 * long) & 0xff;
        let distance = ((control & 0x1f) << 8 | low) as usize + 1;
        let count = self.room(((control >> 5) + 2 + second * long) as usize)?;
        if distance > self.to {
            return Err(Fault::LzfReference);
        }
        copy_within(self.out, self.to, distance, count);
        self.from += 2 + long as usize;
        self.to += count;
        Ok(())
    }

    /// `count`, if there is room for so much.
    #[inline(always)]
    fn room(&self, count: usize) -> Result<usize, Fault> {
        if count <= self.len - self.to { Ok(count) } else { Err(Fault::LzfLength) }
    }
}

/// Bytes of the piece that begins with `control`.
fn piece_len(control: u8) -> usize {
    match control {
        0..32 => usize::from(control) + 2,
        32..0xe0 => 2,
        0xe0.. => 3,
    }
}

#[inline(always)]
fn window<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

#[inline(always)]
fn window_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

/// Copies `count` bytes from `distance` before `to`, where what is copied may be copied again.
#[inline(always)]
fn copy_within(out: &mut [u8], to: usize, distance: usize, count: usize) {
    if distance >= STEP {
        copy_steps::<STEP>(out, to, distance, count);
    } else if distance >= HALF_STEP {
        copy_steps::<HALF_STEP>(out, to, distance, count);
    } else {
        copy_repeating(out, to, distance, count);
    }
}

/// Copies in whole steps, which `distance` is not less than; up to a step more than `count`.
#[inline(always)]
fn copy_steps<const N: usize>(out: &mut [u8], to: usize, distance: usize, count: usize) {
    let mut at = to;
    loop {
        let step: [u8; N] = array(out, at - distance).unwrap_or([0; N]);
        if let Some(place) = window_mut(out, at) {
            *place = step;
        }
        at += N;
        if at >= to + count {
            break;
        }
    }
}

/// The bytes repeat within a step: write some one by one until whole steps no longer overlap.
#[inline(never)]
fn copy_repeating(out: &mut [u8], to: usize, distance: usize, count: usize) {
    let far = STEP.next_multiple_of(distance);
    let first = count.min(far - distance);
    for at in to..to + first {
        out[at] = out[at - distance];
    }
    if first < count {
        copy_steps::<STEP>(out, to + first, far, count - first);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// The format read as its description says, byte by byte.
    fn naive(input: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut bytes = input.iter().map(|byte| usize::from(*byte));
        while let Some(control) = bytes.next() {
            if control < 32 {
                for _ in 0..=control {
                    out.push(bytes.next()? as u8);
                }
            } else {
                let mut count = (control >> 5) + 2;
                if count == 9 {
                    count += bytes.next()?;
                }
                let distance = ((control & 31) << 8) + bytes.next()? + 1;
                for _ in 0..count {
                    out.push(out[out.len().checked_sub(distance)?]);
                }
            }
            if out.len() > len {
                return None;
            }
        }
        (out.len() == len).then_some(out)
    }

    fn both(input: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let fast = decompress(input, len, &mut out).is_ok().then_some(out);
        assert_eq!(fast, naive(input, len));
        fast
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            vec(any::<u8>(), 0..300),
            vec(b'a'..b'd', 0..3000),
            vec(0..1u8, 0..3000),
            (vec(any::<u8>(), 1..40), 1..400usize).prop_map(|(unit, times)| unit.repeat(times)),
            vec("[a-f]{3,9} ", 0..400).prop_map(|words| words.concat().into_bytes()),
        ]
    }

    proptest! {
        #[test]
        fn gives_back_what_was_compressed(texts in vec(text(), 1..4)) {
            let mut compressor = Compressor::new();
            for text in texts {
                if let Some(compressed) = compressor.compress(&text, text.len()) {
                    prop_assert!(compressed.len() <= text.len());
                    prop_assert_eq!(both(compressed, text.len()), Some(text));
                }
            }
        }

        #[test]
        fn takes_no_more_than_it_may(texts in vec(text(), 1..4), most in 0..400usize) {
            let mut compressor = Compressor::new();
            for text in texts {
                let compressed = compressor.compress(&text, most).map(<[u8]>::to_vec);
                let alone = Compressor::new().compress(&text, most).map(<[u8]>::to_vec);
                prop_assert_eq!(&compressed, &alone);
                let any = Compressor::new().compress(&text, usize::MAX).map(<[u8]>::to_vec);
                let fits = any.filter(|any| any.len() <= most);
                prop_assert_eq!(compressed, fits);
            }
        }

        #[test]
        fn any_bytes_are_read_as_described(input in vec(any::<u8>(), 0..60), len in 0..600usize) {
            both(&input, len);
        }

        #[test]
        fn damage_is_read_as_described(text in text(), at: prop::sample::Index, byte: u8) {
            let mut compressor = Compressor::new();
            if let Some(compressed) = compressor.compress(&text, text.len()) {
                let mut compressed = compressed.to_vec();
                if !compressed.is_empty() {
                    let at = at.index(compressed.len());
                    compressed[at] = byte;
                }
                both(&compressed, text.len());
            }
        }
    }

    #[test]
    fn long_runs_take_three_bytes_each() {
        let text = vec![7; 1 + 264 * 10];
        let mut compressor = Compressor::new();
        let compressed = compressor.compress(&text, text.len()).unwrap();
        assert_eq!(compressed.len(), 2 + 30);
        assert_eq!(both(compressed, text.len()), Some(text));
    }

    #[test]
    fn what_does_not_compress_is_left() {
        let text: Vec<u8> = (0..=255).collect();
        assert_eq!(Compressor::new().compress(&text, text.len() - 4), None);
    }

    #[test]
    fn the_table_survives_its_numbers_running_out() {
        let text = b"abcabcabcabcabcabc".repeat(4);
        let mut compressor = Compressor::new();
        compressor.compress(&text, text.len());
        compressor.run_out_of_numbers();
        let compressed = compressor.compress(&text, text.len()).unwrap();
        assert_eq!(both(compressed, text.len()), Some(text));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fault = |input: &[u8], len| decompress(input, len, &mut Vec::new()).unwrap_err().fault;
        assert_eq!(fault(&[0, b'a', 0x20, 1], 4), Fault::LzfReference);
        assert_eq!(fault(&[1, b'a'], 2), Fault::LzfEnd);
        assert_eq!(fault(&[0, b'a', 0xe0, 1], 11), Fault::LzfEnd);
        assert_eq!(fault(&[0, b'a'], 2), Fault::LzfLength);
        assert_eq!(fault(&[1, b'a', b'b'], 1), Fault::LzfLength);
        assert_eq!(fault(&[0, b'a'], 1 << 40), Fault::LzfLength);
    }
}
