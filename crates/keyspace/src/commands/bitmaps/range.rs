//! Ranges of bits, as `BITCOUNT` and `BITPOS` take them.

use std::ops::Range;

use crate::commands::options::is;
use crate::error::CommandError;

/// What the ends of a range count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Byte,
    Bit,
}

impl Unit {
    pub(super) fn parse(arg: Option<&[u8]>) -> Result<Self, CommandError> {
        match arg {
            None => Ok(Self::Byte),
            Some(arg) if is(arg, "BYTE") => Ok(Self::Byte),
            Some(arg) if is(arg, "BIT") => Ok(Self::Bit),
            Some(_) => Err(CommandError::Syntax),
        }
    }
}

/// The bits from `start` to `end`, both within and from the end when negative, of `len` bytes.
pub(super) fn bit_range(start: i64, end: i64, unit: Unit, len: usize) -> Range<usize> {
    let scale = if unit == Unit::Bit { 1 } else { 8 };
    let len = (len * 8 / scale) as i64;
    let from_end = |index: i64| if index < 0 { (index + len).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end { 0..0 } else { start as usize * scale..(end as usize + 1) * scale }
}

/// How many bits of the range are set.
pub(super) fn count_ones(bytes: &[u8], bits: Range<usize>) -> usize {
    let (head, whole, tail) = split(bytes, bits);
    let edges = [head, tail].into_iter().flatten().map(|edge| edge.byte & edge.mask);
    let mut words = whole.chunks_exact(8);
    let mut count = 0;
    for word in &mut words {
        count +=
            word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)).count_ones() as usize;
    }
    let rest = words.remainder().iter().copied();
    count + rest.chain(edges).map(|byte| byte.count_ones() as usize).sum::<usize>()
}

/// The first bit of the range that is `bit`.
pub(super) fn find(bytes: &[u8], bits: Range<usize>, bit: bool) -> Option<usize> {
    let (head, whole, tail) = split(bytes, bits.clone());
    let wanted = |byte: u8| if bit { byte } else { !byte };
    let in_edge = |edge: Edge| {
        let found = wanted(edge.byte) & edge.mask;
        (found != 0).then(|| edge.at * 8 + found.leading_zeros() as usize)
    };
    let in_whole = || {
        let skipped = whole.iter().position(|byte| wanted(*byte) != 0)?;
        let first = bits.start.div_ceil(8) + skipped;
        Some(first * 8 + wanted(bytes[first]).leading_zeros() as usize)
    };
    head.and_then(in_edge).or_else(in_whole).or_else(|| tail.and_then(in_edge))
}

/// A byte of which a range has only a part.
#[derive(Debug, Clone, Copy)]
struct Edge {
    at: usize,
    byte: u8,
    /// The bits that belong to the range.
    mask: u8,
}

/// A range of bits as the part of a byte at its start, whole bytes, and the part of one at its end.
fn split(bytes: &[u8], bits: Range<usize>) -> (Option<Edge>, &[u8], Option<Edge>) {
    let edge = |at: usize, bits: Range<usize>| {
        let mask = (0xff_u16 >> bits.start) & !(0xff_u16 >> bits.end);
        Edge { at, byte: bytes[at], mask: mask as u8 }
    };
    let (first, last) = (bits.start / 8, bits.end / 8);
    let (from, to) = (bits.start % 8, bits.end % 8);
    if bits.is_empty() {
        (None, &[], None)
    } else if first == last {
        (Some(edge(first, from..to)), &[], None)
    } else {
        let head = (from > 0).then(|| edge(first, from..8));
        let tail = (to > 0).then(|| edge(last, 0..to));
        (head, &bytes[bits.start.div_ceil(8)..last], tail)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bit_at;
    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_look_at_each_bit(
            bytes in proptest::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..40),
            start in -330_i64..330, end in -330_i64..330, bit in any::<bool>(),
        ) {
            let len = bytes.len() as i64 * 8;
            let absolute = |index: i64| if index < 0 { (index + len).max(0) } else { index };
            let naive: Vec<usize> = (0..len)
                .filter(|at| absolute(start) <= *at && *at <= absolute(end))
                .map(|at| at as usize)
                .collect();
            let bits = bit_range(start, end, Unit::Bit, bytes.len());
            prop_assert_eq!(bits.clone().collect::<Vec<_>>(), naive.clone());
            let ones = naive.iter().filter(|at| bit_at(&bytes, **at)).count();
            prop_assert_eq!(count_ones(&bytes, bits.clone()), ones);
            let first = naive.iter().copied().find(|at| bit_at(&bytes, *at) == bit);
            prop_assert_eq!(find(&bytes, bits, bit), first);
        }

        #[test]
        fn bytes_are_eight_bits(start in -12_i64..12, end in -12_i64..12, len in 0_usize..9) {
            let bytes = bit_range(start, end, Unit::Byte, len);
            prop_assert!(bytes.start.is_multiple_of(8) && bytes.end.is_multiple_of(8));
            prop_assert!(bytes.end <= len * 8);
        }
    }
}
