//! Lengths: the numbers of the format, 1 to 9 bytes.
//!
//! | first byte | what |
//! |---|---|
//! | `00xxxxxx` | 0 to 63 |
//! | `01xxxxxx` | 14 bits, BE with the next byte |
//! | `0x80` | u32 BE in 4 bytes behind |
//! | `0x81` | u64 BE in 8 bytes behind (since version 9) |
//! | `11xxxxxx` | no number: a [`string`](crate::string) in the encoding of this number follows |
//!
//! They count bytes of strings and elements of collections, and stand for numbers where the format
//! has some: databases, modules' integers, a key's idle time. Servers write the shortest form, and
//! read any.
//!
//! ```
//! use redwire_rdb::length;
//!
//! let mut bytes = Vec::new();
//! length::encode(&mut bytes, 700);
//! assert_eq!(bytes, [0x42, 0xbc]);
//! assert_eq!(length::decode_number(&bytes)?, Some((700, 2)));
//! // The second byte has not arrived.
//! assert_eq!(length::decode_number(&bytes[..1])?, None);
//! # Ok::<(), redwire_rdb::Fault>(())
//! ```

use crate::{Fault, packed::array};

/// What the first bytes of a length say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// A number.
    Plain(u64),
    /// A string in the encoding of this number (0 to 63) follows.
    Encoded(u8),
}

/// Reads a length from the start of `bytes`, and how many bytes it takes; `None` when it is not
/// complete.
///
/// # Errors
///
/// [`Fault::LengthForm`] for a first byte of no known form.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Option<(Length, usize)>, Fault> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let found = match first {
        0..=0x3f => Some((u64::from(first), 1)),
        0x40..=0x7f => {
            bytes.get(1).map(|low| ((u64::from(first & 0x3f) << 8) | u64::from(*low), 2))
        }
        0x80 => array(bytes, 1).map(|raw| (u64::from(u32::from_be_bytes(raw)), 5)),
        0x81 => array(bytes, 1).map(|raw| (u64::from_be_bytes(raw), 9)),
        0xc0.. => return Ok(Some((Length::Encoded(first & 0x3f), 1))),
        _ => return Err(Fault::LengthForm),
    };
    Ok(found.map(|(number, size)| (Length::Plain(number), size)))
}

/// As [`decode`], where only a number may stand.
///
/// # Errors
///
/// [`Fault::LengthForm`], and [`Fault::Length`] when a string's encoding is announced.
#[inline]
pub fn decode_number(bytes: &[u8]) -> Result<Option<(u64, usize)>, Fault> {
    match decode(bytes)? {
        Some((Length::Plain(number), size)) => Ok(Some((number, size))),
        Some((Length::Encoded(_), _)) => Err(Fault::Length),
        None => Ok(None),
    }
}

/// Appends a number in its shortest form.
#[inline]
pub fn encode(out: &mut Vec<u8>, number: u64) {
    match number {
        0..0x40 => out.push(number as u8),
        0x40..0x4000 => out.extend_from_slice(&(number as u16 | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gives_back_what_was_encoded(number: u64, shift in 0..64u32) {
            let number = number >> shift;
            let mut bytes = Vec::new();
            encode(&mut bytes, number);
            prop_assert_eq!(decode_number(&bytes), Ok(Some((number, bytes.len()))));
            for end in 0..bytes.len() {
                prop_assert_eq!(decode(&bytes[..end]), Ok(None));
            }
        }
    }

    #[test]
    fn takes_the_shortest_form() {
        for (number, size) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 5),
            (u64::from(u32::MAX), 5),
            (1 << 32, 9),
        ] {
            let mut bytes = Vec::new();
            encode(&mut bytes, number);
            assert_eq!(bytes.len(), size);
        }
    }

    #[test]
    fn unknown_forms_are_refused() {
        for first in 0x82..0xc0u8 {
            assert_eq!(decode(&[first]), Err(Fault::LengthForm));
        }
        assert_eq!(decode(&[0xc3]), Ok(Some((Length::Encoded(3), 1))));
        assert_eq!(decode_number(&[0xc3]), Err(Fault::Length));
    }
}
