//! LZF, the compression of strings in RDB files: of those whose [`length`](crate::length) is
//! [`Length::Encoded(3)`](crate::length::Length::Encoded), the byte `0xc3`.
//!
//! A stream of pieces. `000LLLLL`: `L + 1` literal bytes follow. `LLLooooo`, a byte with the lower
//! bits of `o`: copy `L + 2` bytes from `o + 1` bytes back; with `L = 7` a byte more, between the
//! two, is added to the length. So a piece of 3 bytes gives at most 264: a string cannot grow to
//! more than 88 times its compressed size.

mod compress;
mod decompress;

pub use compress::Compressor;
pub use decompress::decompress;
pub(crate) use decompress::expand;

/// Most bytes that a byte of compressed input can stand for.
pub const MAX_RATIO: u64 = 88;

const MAX_LITERALS: usize = 32;
const MAX_MATCH: usize = 264;
const MAX_DISTANCE: usize = 1 << 13;

/// The longest piece: a control byte and its literals.
const MAX_PIECE: usize = 1 + MAX_LITERALS;

#[inline(always)]
fn window<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

#[inline(always)]
fn window_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::Fault;

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
        let done = decompress(input, len, &mut out);
        // Where something is left of a string before.
        let mut held = vec![0xa5; 40];
        assert_eq!(expand(input, len, &mut held), done);
        let fast = done.is_ok().then_some(out);
        assert_eq!(fast, naive(input, len));
        if let Some(out) = &fast {
            assert_eq!(&held[..len], out);
        }
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

    /// Pieces of any kind, most of which copy what is there: short units, long runs, and far.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let literals = vec(any::<u8>(), 1..=MAX_LITERALS)
            .prop_map(|bytes| [vec![bytes.len() as u8 - 1], bytes].concat());
        let back = prop_oneof![8 => 0..40u16, 1 => 0..MAX_DISTANCE as u16];
        let short = (1..7u8, back.clone())
            .prop_map(|(count, back)| vec![count << 5 | (back >> 8) as u8, back as u8]);
        let long = (any::<u8>(), back)
            .prop_map(|(count, back)| vec![7 << 5 | (back >> 8) as u8, count, back as u8]);
        vec(prop_oneof![literals, short, long], 1..30).prop_map(|pieces| pieces.concat())
    }

    /// How many bytes the pieces stand for, wherever those come from.
    fn len_of(mut input: &[u8]) -> usize {
        let mut len = 0;
        while let [control, rest @ ..] = input {
            let (size, count) = match control >> 5 {
                0 => (usize::from(*control) + 1, usize::from(*control) + 1),
                7 => (2, 9 + usize::from(rest[0])),
                short => (1, usize::from(short) + 2),
            };
            (input, len) = (&rest[size..], len + count);
        }
        len
    }

    proptest! {
        #[test]
        fn any_pieces_are_read_as_described(
            first in vec(any::<u8>(), MAX_LITERALS), input in pieces(), other in 0..400usize, cut: prop::sample::Index,
        ) {
            // So that there is something to point at.
            let input = [&[MAX_LITERALS as u8 - 1][..], &first[..], &input[..]].concat();
            both(&input, len_of(&input));
            both(&input, other);
            both(&input[..cut.index(input.len())], len_of(&input));
        }

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

    /// About as long as what is expanded in a buffer of a fixed size at most.
    #[test]
    fn strings_of_any_length_are_expanded() {
        let text: Vec<u8> = (0..20_000u32).map(|at| (at / 7 % 251) as u8).collect();
        let mut compressor = Compressor::new();
        for len in (1..200).chain(8150..8250).chain(11_000..16_500).step_by(3) {
            let compressed = compressor.compress(&text[..len], len + 100).unwrap();
            assert_eq!(both(compressed, len).as_deref(), Some(&text[..len]));
        }
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
