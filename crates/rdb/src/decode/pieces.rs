//! Large strings, handed on in pieces as their bytes come.

use super::{
    input::{Halt, Input},
    text::{self, Loc, Slot, Texts},
};
use crate::{Fault, Limits, lzf, string::Header};

/// What is left of a string.
#[derive(Debug)]
pub(crate) enum Pieces {
    /// As it stands.
    Raw { left: u64 },
    /// Compressed.
    Lzf(Unpack),
}

/// The decompression of a string, of which only what may be copied again stays in memory.
#[derive(Debug)]
pub(crate) struct Unpack {
    /// Compressed bytes that have not been read.
    packed: u64,
    /// Bytes of the string that have not been delivered.
    left: u64,
    /// Offset in the file of the string's header.
    offset: u64,
}

/// A string shorter than this is never in pieces.
pub(crate) const LEAST: u64 = 16 << 10;

/// How far back a compressed string refers.
const WINDOW: usize = 8 << 10;

/// From this many decompressed bytes on they are delivered.
const ENOUGH: usize = 64 << 10;

impl Pieces {
    /// Begins the string at `at` if it has `from` bytes or more, and says where its bytes begin.
    pub(crate) fn begin(
        input: &Input<'_>,
        at: usize,
        from: u64,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<Option<(Self, usize)>, Halt> {
        let (header, start) = text::header(input, at)?;
        let (pieces, len) = match header {
            Header::Raw { len } => (Self::Raw { left: len }, len),
            Header::Int(_) => return Ok(None),
            Header::Lzf { compressed, len } => {
                let unpack = Unpack { packed: compressed, left: len, offset: input.offset(at) };
                (Self::Lzf(unpack), len)
            }
        };
        if len < from {
            return Ok(None);
        }
        if len > limits.max_in_pieces {
            let offset = input.offset(at);
            return Err(Halt::limit(offset, "max_in_pieces", len, limits.max_in_pieces));
        }
        if let Header::Lzf { compressed, len } = header {
            text::check_ratio(compressed, len, limits, input, at)?;
            if len > compressed.saturating_mul(lzf::MAX_RATIO) {
                return Err(Halt::fault(input.offset(at), Fault::LzfLength));
            }
            texts.unpacked().clear();
        }
        Ok(Some((pieces, start)))
    }

    /// The next piece, and how many bytes of the string are left behind it.
    pub(crate) fn next(
        &mut self,
        input: &mut Input<'_>,
        texts: &mut Texts,
    ) -> Result<(Loc, u64), Halt> {
        match self {
            Self::Raw { left } => {
                let there = input.from(input.at).len();
                if there == 0 {
                    return Err(input.one_more());
                }
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(there);
                let piece = Loc::input(input.at, input.at + len);
                input.at += len;
                *left -= len as u64;
                Ok((piece, *left))
            }
            Self::Lzf(unpack) => unpack.next(input, texts),
        }
    }
}

impl Unpack {
    fn next(&mut self, input: &mut Input<'_>, texts: &mut Texts) -> Result<(Loc, u64), Halt> {
        let out = texts.unpacked();
        if out.len() > WINDOW {
            out.drain(..out.len() - WINDOW);
        }
        let start = out.len();
        while self.packed > 0 && out.len() - start < ENOUGH {
            let there = input.from(input.at);
            let packed = usize::try_from(self.packed).unwrap_or(usize::MAX);
            let before = out.len();
            match unpack_one(&there[..there.len().min(packed)], out) {
                Ok(Some(size)) => {
                    input.at += size;
                    self.packed -= size as u64;
                }
                Ok(None) if there.len() >= packed => return Err(self.fault(Fault::LzfEnd)),
                Ok(None) if out.len() > start => break,
                Ok(None) => return Err(input.one_more()),
                Err(fault) => return Err(self.fault(fault)),
            }
            let made = (out.len() - before) as u64;
            self.left = self.left.checked_sub(made).ok_or_else(|| self.fault(Fault::LzfLength))?;
        }
        // One of the two has an end that the other has not.
        if (self.packed == 0) != (self.left == 0) {
            return Err(self.fault(Fault::LzfLength));
        }
        Ok((Loc::held(Slot::Packed, start, out.len()), self.left))
    }

    #[cold]
    fn fault(&self, fault: Fault) -> Halt {
        Halt::fault(self.offset, fault)
    }
}

/// Appends what the first piece of `input` stands for, and says how long the piece is; `None` when
/// it is not there whole.
fn unpack_one(input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, Fault> {
    let Some(&control) = input.first() else { return Ok(None) };
    if control < 32 {
        let end = usize::from(control) + 2;
        let Some(literals) = input.get(1..end) else { return Ok(None) };
        out.extend_from_slice(literals);
        return Ok(Some(end));
    }
    let (extra, size) = match control >> 5 {
        7 => (input.get(1).copied(), 3),
        _ => (Some(0), 2),
    };
    let (Some(extra), Some(&low)) = (extra, input.get(size - 1)) else { return Ok(None) };
    let count = usize::from(control >> 5) + usize::from(extra) + 2;
    let distance = (usize::from(control & 0x1f) << 8 | usize::from(low)) + 1;
    let from = out.len().checked_sub(distance).ok_or(Fault::LzfReference)?;
    // What is copied may be copied again: it repeats at multiples of the distance.
    let end = out.len() + count;
    while out.len() < end {
        let copied = (out.len() - from).min(end - out.len());
        out.extend_from_within(from..from + copied);
    }
    Ok(Some(size))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Decompresses piece by piece, as [`Unpack`] does, with all the input at hand.
    fn unpack(mut input: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        while !input.is_empty() {
            let size = unpack_one(input, &mut out)?.ok_or(Fault::LzfEnd)?;
            input = &input[size..];
        }
        Ok(out)
    }

    proptest! {
        #[test]
        fn gives_what_was_compressed(text in vec(b'a'..b'd', 30..3000)) {
            let mut compressor = lzf::Compressor::new();
            if let Some(compressed) = compressor.compress(&text, text.len()) {
                prop_assert_eq!(unpack(compressed), Ok(text));
            }
        }

        /// What is decompressed at once and what is so piece by piece is the same, or both fail.
        #[test]
        fn any_bytes_are_read_as_lzf_reads_them(input in vec(any::<u8>(), 0..60)) {
            let pieces = unpack(&input);
            let len = pieces.as_ref().map_or(1, Vec::len);
            let mut whole = Vec::new();
            match lzf::decompress(&input, len, &mut whole) {
                Ok(()) => prop_assert_eq!(pieces, Ok(whole)),
                // A length that is not that of the bytes is all that can be wrong then.
                Err(broken) if broken.fault == Fault::LzfLength => prop_assert!(pieces.is_err()),
                Err(broken) => prop_assert_eq!(pieces, Err(broken.fault)),
            }
        }
    }
}
