//! Intsets: sets of integers (type 11), sorted, all of one width.
//!
//! Width in bytes as u32 LE (2, 4 or 8), number of members as u32 LE, the members LE ascending.

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
        let member = match self.width {
            2 => array(bytes, self.at).map(|raw| i64::from(i16::from_le_bytes(raw))),
            4 => array(bytes, self.at).map(|raw| i64::from(i32::from_le_bytes(raw))),
            _ => array(bytes, self.at).map(i64::from_le_bytes),
        };
        if member.is_some() && self.last >= member {
            return Err(Broken::new(self.at, Fault::IntsetOrder));
        }
        self.last = member;
        self.at += self.width;
        Ok(member)
    }
}

/// The members of the intset that `bytes` are, checked.
///
/// # Errors
///
/// As [`Cursor::new`] and [`Cursor::next`].
pub fn decode(bytes: &[u8]) -> Result<Vec<i64>, Broken> {
    let mut cursor = Cursor::new(bytes)?;
    let mut members = Vec::new();
    while let Some(member) = cursor.next(bytes)? {
        members.push(member);
    }
    Ok(members)
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

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn gives_back_what_was_encoded(
            members in btree_set((any::<i64>(), 0..64u32).prop_map(|(int, by)| int >> by), 1..50)
        ) {
            let members: Vec<i64> = members.into_iter().collect();
            let mut bytes = Vec::new();
            encode(&mut bytes, &members);
            prop_assert_eq!(decode(&bytes), Ok(members));
        }

        #[test]
        fn any_bytes_end_in_an_answer(bytes in vec(any::<u8>(), 0..40), width in 0..9u8) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = width;
            }
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut good = Vec::new();
        encode(&mut good, &[1, 2, 3]);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            decode(&bytes).unwrap_err().fault
        };
        assert_eq!(with(0, 3), Fault::IntsetWidth);
        assert_eq!(with(4, 100), Fault::PackedCount);
        assert_eq!(with(10, 1), Fault::IntsetOrder);
        assert_eq!(decode(&[2, 0, 0, 0, 0, 0, 0, 0]).unwrap_err().fault, Fault::PackedCount);
        assert_eq!(decode(&good[..7]).unwrap_err().fault, Fault::PackedShort);
    }
}
