//! Elements whose length servers write in different ways, see the [module](super).

use std::{borrow::Cow, ops::Range};

use super::{
    HEADER, Listpack,
    element::{back_len_byte, back_len_size, checked_element},
};
use crate::{Dialect, Version, packed::Value};

impl<'a> Listpack<'a> {
    /// The bytes that servers of `target` read: their own, unless the length behind an element takes
    /// a byte more or less there, see the [module](super). Files for Valkey 9 are written as 9.1
    /// has it.
    #[must_use]
    pub fn for_target(&self, target: Version) -> Cow<'a, [u8]> {
        let narrow = target.dialect() == Dialect::Valkey;
        if differs(self.as_bytes(), narrow) {
            converted(self.as_bytes(), narrow).into()
        } else {
            self.as_bytes().into()
        }
    }
}

/// The least of the lengths that servers write in different ways.
pub(super) const FIRST_EDGE: usize = 16_383;
/// Bytes of the encoding in front of so long a string.
const HEAD: usize = 5;

/// Whether an element is as long as the greatest number of some bytes of seven bits: servers differ
/// in how they write that.
#[inline]
pub(super) const fn is_edge(len: usize) -> bool {
    len >= FIRST_EDGE && matches!(len, FIRST_EDGE | 2_097_151 | 268_435_455)
}

/// Whether servers differ in how they write the element of these bytes, so that no listpack with it
/// is read by all.
#[inline]
pub(crate) const fn is_edge_value(bytes: &[u8]) -> bool {
    is_edge(bytes.len() + HEAD)
}

/// Where the lengths stand, in a checked listpack, that servers write in different ways, and what
/// they are.
fn edges(bytes: &[u8]) -> impl Iterator<Item = (Range<usize>, usize)> {
    let mut at = HEADER;
    std::iter::from_fn(move || {
        while at + 1 < bytes.len() {
            let (value, next) = checked_element(bytes, at)?;
            let start = at;
            at = next;
            if let Value::Str(text) = value
                && is_edge_value(text)
            {
                let len = HEAD + text.len();
                return Some((start + len..next, len));
            }
        }
        None
    })
}

/// How many bytes such a length takes.
const fn size(len: usize, narrow: bool) -> usize {
    back_len_size(len) - narrow as usize
}

/// Whether a checked listpack has a length that is not in the form that is asked for.
fn differs(bytes: &[u8], narrow: bool) -> bool {
    bytes.len() > FIRST_EDGE && edges(bytes).any(|(back, len)| back.len() != size(len, narrow))
}

/// The same elements, and those lengths in the form that is asked for.
fn converted(bytes: &[u8], narrow: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let mut copied = 0;
    for (back, len) in edges(bytes) {
        out.extend_from_slice(&bytes[copied..back.start]);
        let size = size(len, narrow);
        out.extend((0..size).map(|index| back_len_byte(len, size, index)));
        copied = back.end;
    }
    out.extend_from_slice(&bytes[copied..]);
    // A byte more for 16 KB of element: what would not fit into 4 GiB then no server has.
    let total = out.len() as u32;
    out[..4].copy_from_slice(&total.to_le_bytes());
    out
}
