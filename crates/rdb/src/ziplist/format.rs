//! Ziplists as a [`Format`]: each element has the length of the one before in front of it, and the
//! header says where the last one is.

use super::{
    Builder, HEADER, WIDE, ZiplistBuf,
    element::{checked_element, element, payload_size, previous_at, previous_size, push_payload},
};
use crate::{
    Fault,
    packed::{Broken, TooLarge, Value, array, sequence::Format},
};

/// Where in the header the offset of the last element stands, u32 LE.
const TAIL_AT: usize = 4;

/// Ziplists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ZiplistFormat {}

impl Format for ZiplistFormat {
    const HEADER: usize = HEADER;
    const COUNT_AT: usize = 8;
    const MAX_BYTES: u64 = 1 << 30;
    const MAX_TAKEN: u64 = 2 * Self::MAX_BYTES;

    /// Its length.
    type Before = usize;

    #[inline]
    fn element<'a>(
        bytes: &'a [u8],
        at: usize,
        before: &mut usize,
    ) -> Result<(Value<'a>, usize), Broken> {
        let found = element(bytes, at)?;
        if found.previous != *before {
            return Err(Broken::new(at, Fault::PackedBackLen));
        }
        *before = found.next - at;
        Ok((found.value, found.next))
    }

    #[inline]
    fn checked_element(bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
        checked_element(bytes, at)
    }

    #[inline]
    fn step_back(bytes: &[u8], end: usize) -> Option<usize> {
        step_back(bytes, end)
    }

    #[inline]
    fn push(out: &mut Vec<u8>, value: Value<'_>, before: &mut usize) {
        let start = out.len();
        if *before < usize::from(WIDE) {
            out.push(*before as u8);
        } else {
            out.push(WIDE);
            out.extend_from_slice(&(*before as u32).to_le_bytes());
        }
        push_payload(out, value);
        *before = out.len() - start;
    }

    #[inline]
    fn check_tail(bytes: &[u8], end: usize, before: usize) -> Result<(), Broken> {
        let right = tail(bytes) == end - before;
        if right { Ok(()) } else { Err(Broken::new(TAIL_AT, Fault::PackedTail)) }
    }

    #[inline]
    fn note_tail(bytes: &mut [u8], end: usize, before: usize) {
        note_last(bytes, end - before);
    }

    fn insert(list: &mut ZiplistBuf, at: usize, value: Value<'_>) -> Result<(), TooLarge> {
        list.insert(at, value)
    }

    fn replace(
        list: &mut ZiplistBuf,
        at: usize,
        next: usize,
        value: Value<'_>,
    ) -> Result<(), TooLarge> {
        list.replace(at, next, value)
    }

    fn remove(list: &mut ZiplistBuf, start: usize, end: usize, removed: usize) {
        list.remove(start, end, removed);
    }
}

impl Builder {
    /// How many bytes [`push`](Self::push) of a value will add behind an element of `previous`
    /// bytes (0 for the first), and so the `previous` of the next.
    #[must_use]
    pub fn cost(value: Value<'_>, previous: usize) -> usize {
        payload_size(value) + previous_size(previous)
    }
}

/// Offset of the last element; of the first, where one would be, when there is none.
pub(super) fn tail(bytes: &[u8]) -> usize {
    array(bytes, TAIL_AT).map_or(0, u32::from_le_bytes) as usize
}

/// Writes the offset of the last element into the header.
pub(super) fn note_last(bytes: &mut [u8], at: usize) {
    bytes[TAIL_AT..TAIL_AT + 4].copy_from_slice(&(at as u32).to_le_bytes());
}

/// Where the element begins that ends at `end`, not in front of the first.
#[inline]
pub(super) fn step_back(bytes: &[u8], end: usize) -> Option<usize> {
    if end + 1 == bytes.len() {
        return Some(tail(bytes));
    }
    end.checked_sub(previous_at(bytes, end)?.0)
}
