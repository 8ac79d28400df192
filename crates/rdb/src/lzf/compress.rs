//! Compressing strings to LZF.

use super::{MAX_DISTANCE, MAX_LITERALS, MAX_MATCH, MAX_PIECE, window, window_mut};
use crate::packed::array;

/// Shortest run of bytes that is looked for. A piece for one of three bytes could be written, but
/// saves a byte at most and nothing between literals.
const MIN_MATCH: usize = 4;
/// Number of places in the table of a [`Compressor`], as a power of two.
const TABLE_BITS: u32 = 13;
/// So many bytes without a match, and each stride is a byte longer.
const PATIENCE: usize = 16;

/// Compresses strings one after the other, keeping its tables.
#[derive(Debug, Clone)]
pub struct Compressor {
    /// For a hash of [`MIN_MATCH`] bytes: `base` plus where they were last seen. What is below
    /// `base` is of a string before, so the table need not be cleared.
    table: Box<[u32; 1 << TABLE_BITS]>,
    base: u32,
    /// The last compressed form, with what is left of others behind it.
    out: Vec<u8>,
}

impl Compressor {
    /// A compressor with an empty table of 32 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self { table: Box::new([0; 1 << TABLE_BITS]), base: 1, out: Vec::new() }
    }

    /// The compressed form of `input`, if that takes at most `max_len` bytes. Empty inputs, and
    /// those of 4 GiB and more, are not compressed. What was compressed before makes no difference
    /// to the result.
    pub fn compress(&mut self, input: &[u8], max_len: usize) -> Option<&[u8]> {
        let len = u32::try_from(input.len()).ok().filter(|len| (1..u32::MAX).contains(len))?;
        if self.base.checked_add(len).is_none() {
            self.table.fill(0);
            self.base = 1;
        }
        // Two pieces more, so that pieces may be written at their full width. The form of an input
        // is at most a 32nd longer than the input.
        let room = max_len.min(input.len() + input.len() / MAX_LITERALS) + 2 * MAX_PIECE;
        if self.out.len() < room {
            self.out.resize(room, 0);
        }
        let (table, base) = (&mut *self.table, self.base);
        let mut pass = Pass { table, base, input, out: &mut self.out, to: 0, max_len };
        let fits = pass.run();
        let to = pass.to;
        self.base += len;
        fits.then(|| &self.out[..to])
    }

    /// As after some 4 GiB.
    #[cfg(test)]
    pub(super) fn run_out_of_numbers(&mut self) {
        self.base = u32::MAX - 10;
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

/// One string on its way.
struct Pass<'a> {
    table: &'a mut [u32; 1 << TABLE_BITS],
    base: u32,
    input: &'a [u8],
    out: &'a mut [u8],
    /// Where in `out` the next piece goes.
    to: usize,
    max_len: usize,
}

impl Pass<'_> {
    /// Writes all pieces; false when they take more than `max_len` bytes.
    #[inline(always)]
    fn run(&mut self) -> bool {
        let input = self.input;
        // Where the bytes begin that no piece stands for yet.
        let mut literals = 0;
        let mut at = 0;
        while let Some(word) = array(input, at) {
            let Some(mut from) = self.candidate(at, u32::from_le_bytes(word)) else {
                // The longer nothing matched, the longer the strides.
                at += 1 + (at - literals) / PATIENCE;
                continue;
            };
            let mut count = match_len(input, from, at);
            let strode = at - literals >= PATIENCE;
            if strode && from > 0 && count < MAX_MATCH && input[from - 1] == input[at - 1] {
                (from, at, count) = (from - 1, at - 1, count + 1);
            }
            if !self.put_literals(literals, at) {
                return false;
            }
            self.put_match(at - from, count);
            at += count;
            literals = at;
        }
        self.put_literals(literals, input.len()) && self.to <= self.max_len
    }

    /// Where the bytes at `at`, which are `word`, stood before within reach; notes where they stand
    /// now.
    #[inline(always)]
    fn candidate(&mut self, at: usize, word: u32) -> Option<usize> {
        let seen = std::mem::replace(&mut self.table[hash(word)], self.base + at as u32);
        let from = seen.checked_sub(self.base)? as usize;
        let there = u32::from_le_bytes(array(self.input, from)?);
        (at - from <= MAX_DISTANCE && there == word).then_some(from)
    }

    /// Appends the input from `from` to `to` as literals; false when that passes `max_len`.
    #[inline(always)]
    fn put_literals(&mut self, from: usize, to: usize) -> bool {
        let count = to - from;
        // Each run costs a byte more.
        if self.to + count + count.div_ceil(MAX_LITERALS) > self.max_len {
            return false;
        }
        if count == 0 {
            return true;
        }
        if count <= MAX_LITERALS
            && let Some(literals) = window::<MAX_LITERALS>(self.input, from)
            && let Some(piece) = window_mut::<MAX_PIECE>(self.out, self.to)
        {
            // A fixed size is a few moves where a variable one is a call.
            piece[0] = (count - 1) as u8;
            piece[1..].copy_from_slice(literals);
            self.to += 1 + count;
        } else {
            self.put_runs(from, to);
        }
        true
    }

    /// As [`put_literals`](Self::put_literals), where many runs are or the input ends.
    #[inline(never)]
    fn put_runs(&mut self, from: usize, to: usize) {
        for run in self.input[from..to].chunks(MAX_LITERALS) {
            let end = self.to + 1 + run.len();
            self.out[self.to] = (run.len() - 1) as u8;
            self.out[self.to + 1..end].copy_from_slice(run);
            self.to = end;
        }
    }

    /// Appends a copy of `count` bytes from `distance` before. May pass `max_len`, by less than the
    /// room that is left for that.
    #[inline(always)]
    fn put_match(&mut self, distance: usize, count: usize) {
        let offset = distance - 1;
        let (high, low) = ((offset >> 8) as u8, offset as u8);
        let Some(piece) = window_mut(self.out, self.to) else { return };
        // Which of the two forms it is follows no pattern: numbers instead of a branch.
        let long = count >= 9;
        let (first, second) = if long { (7, (count - 9) as u8) } else { ((count - 2) as u8, low) };
        *piece = [first << 5 | high, second, low];
        self.to += 2 + usize::from(long);
    }
}

/// Place in the table of a word.
#[inline]
fn hash(word: u32) -> usize {
    (word.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize
}

/// How many bytes at `at` are those at `from`, of which [`MIN_MATCH`] are known to be.
#[inline]
fn match_len(input: &[u8], from: usize, at: usize) -> usize {
    let max = (input.len() - at).min(MAX_MATCH);
    let mut len = MIN_MATCH;
    while len + 8 <= max {
        let (Some(a), Some(b)) = (array(input, from + len), array(input, at + len)) else { break };
        let differ = u64::from_le_bytes(a) ^ u64::from_le_bytes(b);
        if differ != 0 {
            return len + (differ.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    while len < max && input[from + len] == input[at + len] {
        len += 1;
    }
    len
}
