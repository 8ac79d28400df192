//! Intsets: sets of integers (type 11), sorted, all of one width.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | bytes of a member: 2, 4 or 8, u32 LE |
//! | 4..8 | number of members, u32 LE |
//! | 8.. | the members, signed, LE, ascending |
//!
//! The width is that of the widest member there ever was: a removal does not make it less. Servers
//! keep a set so while all its members are integers and at most `set-max-intset-entries` (512).
//!
//! | to | use |
//! |---|---|
//! | read one that is in memory | [`Intset`]: checked once; by index, both ways, by binary search |
//! | read one that may be broken behind, or only once | [`Cursor`]: checks as it goes |
//! | write one of sorted members | [`encode`] |
//! | change one | [`IntsetBuf`] |

mod edit;
#[cfg(test)]
mod tests;
mod view;

pub use edit::IntsetBuf;
pub use view::{Intset, Iter};

use crate::{
    Fault,
    packed::{Broken, array},
};

const HEADER: usize = 8;

/// A place between two members of an intset, which it does not borrow: every call must be given
/// the bytes that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: usize,
    width: usize,
    last: Option<i64>,
}

impl Cursor {
    /// Checks the header of an intset and stands before its first member.
    ///
    /// # Errors
    ///
    /// [`Broken`] for an unknown width, a count that does not fit the length, and no members.
    pub fn new(bytes: &[u8]) -> Result<Self, Broken> {
        let (Some(width), Some(count)) = (array(bytes, 0), array(bytes, 4)) else {
            return Err(Broken::new(0, Fault::PackedShort));
        };
        let (width, count) = (u32::from_le_bytes(width), u32::from_le_bytes(count));
        if !matches!(width, 2 | 4 | 8) {
            return Err(Broken::new(0, Fault::IntsetWidth));
        }
        let len = HEADER as u64 + u64::from(width) * u64::from(count);
        if count == 0 || len != bytes.len() as u64 {
            return Err(Broken::new(4, Fault::PackedCount));
        }
        Ok(Self { at: HEADER, width: width as usize, last: None })
    }

    /// Takes the next member; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Broken`] for a member that is not greater than the one before.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<i64>, Broken> {
        let member = read(bytes, self.at, self.width);
        if member.is_some() && self.last >= member {
            return Err(Broken::new(self.at, Fault::IntsetOrder));
        }
        self.last = member;
        self.at += self.width;
        Ok(member)
    }
}

/// Appends the intset of `members`, which must be ascending and 1 to 2^32 - 1 many.
pub fn encode(out: &mut Vec<u8>, members: &[i64]) {
    let ends = [members.first(), members.last()];
    let width = ends.into_iter().flatten().map(|end| width_of(*end)).max().unwrap_or(2);
    out.extend_from_slice(&(width as u32).to_le_bytes());
    out.extend_from_slice(&(members.len() as u32).to_le_bytes());
    out.reserve(width * members.len());
    for member in members {
        out.extend_from_slice(&member.to_le_bytes()[..width]);
    }
}

fn width_of(member: i64) -> usize {
    if i16::try_from(member).is_ok() {
        2
    } else if i32::try_from(member).is_ok() {
        4
    } else {
        8
    }
}

/// The member of `width` bytes at `at`, if it is there.
#[inline]
fn read(bytes: &[u8], at: usize, width: usize) -> Option<i64> {
    match width {
        2 => array(bytes, at).map(|raw| i64::from(i16::from_le_bytes(raw))),
        4 => array(bytes, at).map(|raw| i64::from(i32::from_le_bytes(raw))),
        _ => array(bytes, at).map(i64::from_le_bytes),
    }
}

fn write(bytes: &mut [u8], at: usize, width: usize, member: i64) {
    bytes[at..at + width].copy_from_slice(&member.to_le_bytes()[..width]);
}
