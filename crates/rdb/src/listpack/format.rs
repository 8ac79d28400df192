//! Listpacks as a [`Format`]: each element has its own length behind it.

use super::{
    HEADER, ListpackBuf,
    element::{checked_element, element, push, step_back},
};
use crate::packed::{Broken, TooLarge, Value, sequence::Format};

/// Listpacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListpackFormat {}

impl Format for ListpackFormat {
    const HEADER: usize = HEADER;
    const COUNT_AT: usize = 4;
    const MAX_BYTES: u64 = u32::MAX as u64;
    const MAX_TAKEN: u64 = Self::MAX_BYTES;

    type Before = ();

    #[inline]
    fn element<'a>(bytes: &'a [u8], at: usize, (): &mut ()) -> Result<(Value<'a>, usize), Broken> {
        element(bytes, at)
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
    fn push(out: &mut Vec<u8>, value: Value<'_>, (): &mut ()) {
        push(out, value);
    }

    #[inline]
    fn check_tail(_: &[u8], _: usize, (): ()) -> Result<(), Broken> {
        Ok(())
    }

    #[inline]
    fn note_tail(_: &mut [u8], _: usize, (): ()) {}

    fn insert(list: &mut ListpackBuf, at: usize, value: Value<'_>) -> Result<(), TooLarge> {
        list.splice(at, at, Some(value), 1)
    }

    fn replace(
        list: &mut ListpackBuf,
        at: usize,
        next: usize,
        value: Value<'_>,
    ) -> Result<(), TooLarge> {
        list.splice(at, next, Some(value), 0)
    }

    fn remove(list: &mut ListpackBuf, start: usize, end: usize, removed: usize) {
        // Less is never too large. An element is two bytes or more: their number fits.
        let _ = list.splice(start, end, None, -(removed as i64));
    }
}
