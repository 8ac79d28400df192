//! How the elements of one kind of sequence are read, written and edited.

use std::{fmt::Debug, hash::Hash};

use super::Buf;
use crate::packed::{Broken, TooLarge, Value, array};

/// The last byte.
pub(crate) const END: u8 = 0xff;
/// The count in the header when there are more elements than it can say.
pub(crate) const UNCOUNTED: u16 = u16::MAX;

/// A kind of sequence. Places are offsets within all of its bytes, of an element or of the end mark.
///
/// What goes over many elements stands once, in this module, and is compiled for each kind; so what
/// is called for each element is `#[inline]` where it is implemented.
pub trait Format: Debug + Clone + Copy + PartialEq + Eq + Hash {
    /// Bytes in front of the elements. The first four are the number of all bytes, u32 LE.
    const HEADER: usize;
    /// Where in the header the number of elements stands, u16 LE.
    const COUNT_AT: usize;
    /// Most bytes that an edit may leave.
    const MAX_BYTES: u64;
    /// Most bytes that one to be edited may have.
    const MAX_TAKEN: u64;

    /// What reading or writing an element takes to know of the one before.
    type Before: Debug + Clone + Copy + PartialEq + Eq + Default;

    /// The element at `at`, and where the next one begins; `before` becomes that of the next.
    ///
    /// # Errors
    ///
    /// As [`Cursor::next`](super::Cursor::next) has them, but for the header's.
    fn element<'a>(
        bytes: &'a [u8],
        at: usize,
        before: &mut Self::Before,
    ) -> Result<(Value<'a>, usize), Broken>;

    /// The element at `at` of a sequence that was checked, and where the next one begins.
    fn checked_element(bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)>;

    /// Where the element begins that ends at `end`, in a sequence that was checked. In front of the
    /// first element there is none, which the caller sees to.
    fn step_back(bytes: &[u8], end: usize) -> Option<usize>;

    /// Appends the element of a value; `before` becomes that of the next.
    fn push(out: &mut Vec<u8>, value: Value<'_>, before: &mut Self::Before);

    /// Checks what the header says beside total and count, at the end mark.
    ///
    /// # Errors
    ///
    /// When that is not so.
    fn check_tail(bytes: &[u8], end: usize, before: Self::Before) -> Result<(), Broken>;

    /// Writes what the header says beside total and count.
    fn note_tail(bytes: &mut [u8], end: usize, before: Self::Before);

    /// Inserts an element at `at`.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] when there would be more than [`MAX_BYTES`](Self::MAX_BYTES); nothing is changed
    /// then.
    fn insert(list: &mut Buf<Self>, at: usize, value: Value<'_>) -> Result<(), TooLarge>;

    /// Puts an element in place of the one from `at` to `next`.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    fn replace(
        list: &mut Buf<Self>,
        at: usize,
        next: usize,
        value: Value<'_>,
    ) -> Result<(), TooLarge>;

    /// Removes the elements from `start` to `end`, `removed` in number.
    fn remove(list: &mut Buf<Self>, start: usize, end: usize, removed: usize);
}

/// How many elements the header of a checked sequence counts.
pub(crate) fn count<F: Format>(bytes: &[u8]) -> u16 {
    array(bytes, F::COUNT_AT).map_or(0, u16::from_le_bytes)
}

/// Brings total and count in the header up to date.
pub(crate) fn note<F: Format>(bytes: &mut [u8], count: u16) {
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
    bytes[F::COUNT_AT..F::COUNT_AT + 2].copy_from_slice(&count.to_le_bytes());
}

/// The same, when there are `change` elements more than the header counts, or less.
pub(crate) fn note_change<F: Format>(bytes: &mut [u8], change: i64) {
    let counted = match count::<F>(bytes) {
        UNCOUNTED => UNCOUNTED,
        // Saturated it says that it does not know, which is right.
        count => (i64::from(count) + change).clamp(0, i64::from(UNCOUNTED)) as u16,
    };
    note::<F>(bytes, counted);
}
