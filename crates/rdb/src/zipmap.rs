//! Zipmaps: small hashes until Redis 2.4 (type 9).
//!
//! A byte with the number of fields (254 for "more than fits"), for each field its length
//! and bytes, the value's length, a byte with the number of unused bytes behind the value, the
//! value and those; and `0xff`. A length is a byte below 254, or 254 and u32 LE.

use crate::{
    Fault,
    packed::{Broken, array},
};

const END: u8 = 0xff;
/// Begins a length of five bytes; as a count: more than fits.
const WIDE: u8 = 0xfe;

/// A field and its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// A place between two fields of a zipmap, which it does not borrow: every call must be given the
/// bytes that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: usize,
    seen: u64,
}

impl Cursor {
    /// Checks the end of a zipmap and stands before its first field.
    ///
    /// # Errors
    ///
    /// [`Broken`] when the end is missing.
    pub fn new(bytes: &[u8]) -> Result<Self, Broken> {
        match bytes {
            [] | [_] => Err(Broken::new(0, Fault::PackedShort)),
            [.., END] => Ok(Self { at: 1, seen: 0 }),
            _ => Err(Broken::new(bytes.len() - 1, Fault::PackedEnd)),
        }
    }

    /// Offset of the next field, for [`field_at`].
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Takes the next field and its value; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Broken`] for lengths that pass the end, and at the end when the first byte counted
    /// differently or there was no field.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Pair<'a>>, Broken> {
        if self.at + 1 == bytes.len() {
            let counted = bytes[0];
            if self.seen == 0 || (counted != WIDE && u64::from(counted) != self.seen) {
                return Err(Broken::new(0, Fault::PackedCount));
            }
            return Ok(None);
        }
        let overrun = Broken::new(self.at, Fault::PackedOverrun);
        let (pair, next) = pair(bytes, self.at).ok_or(overrun)?;
        self.at = next;
        self.seen += 1;
        Ok(Some(pair))
    }
}

/// The field that begins at `at`, which a [`Cursor`] stood at.
///
/// # Errors
///
/// [`Broken`] when none begins there.
pub fn field_at(bytes: &[u8], at: usize) -> Result<&[u8], Broken> {
    let overrun = Broken::new(at, Fault::PackedOverrun);
    string(bytes, at, 0).map(|(field, _)| field).ok_or(overrun)
}

/// All fields and values of the zipmap that `bytes` are, checked.
///
/// # Errors
///
/// As [`Cursor::new`] and [`Cursor::next`].
pub fn decode(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Broken> {
    let mut cursor = Cursor::new(bytes)?;
    let mut pairs = Vec::new();
    while let Some(pair) = cursor.next(bytes)? {
        pairs.push(pair);
    }
    Ok(pairs)
}

/// The zipmap of these pairs, for tests and for files that Redis 2.4 shall read. Fields and values
/// must be shorter than 4 GiB.
#[must_use]
pub fn encode(pairs: &[Pair<'_>]) -> Vec<u8> {
    let mut out = vec![u8::try_from(pairs.len()).unwrap_or(WIDE).min(WIDE)];
    for (field, value) in pairs {
        push_len(&mut out, field.len());
        out.extend_from_slice(field);
        push_len(&mut out, value.len());
        out.push(0);
        out.extend_from_slice(value);
    }
    out.push(END);
    out
}

fn push_len(out: &mut Vec<u8>, len: usize) {
    if len < usize::from(WIDE) {
        out.push(len as u8);
    } else {
        out.push(WIDE);
        out.extend_from_slice(&(len as u32).to_le_bytes());
    }
}

fn pair(bytes: &[u8], at: usize) -> Option<(Pair<'_>, usize)> {
    let (field, at) = string(bytes, at, 0)?;
    let (value, at) = string(bytes, at, 1)?;
    // The byte between a value's length and the value.
    let unused = bytes[at - value.len() - 1];
    let next = at + usize::from(unused);
    (next < bytes.len()).then_some(((field, value), next))
}

/// A length at `at`, `gap` bytes, and as many bytes as the length says; where they end. The last
/// byte of `bytes` is the end mark, which they may not reach.
fn string(bytes: &[u8], at: usize, gap: usize) -> Option<(&[u8], usize)> {
    let (len, size) = match *bytes.get(at)? {
        WIDE => (u32::from_le_bytes(array(bytes, at + 1)?) as usize, 5),
        END => return None,
        narrow => (usize::from(narrow), 1),
    };
    let start = at + size + gap;
    let end = start.checked_add(len).filter(|end| *end < bytes.len())?;
    Some((&bytes[start..end], end))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![vec(any::<u8>(), 0..20), (0..700usize).prop_map(|len| vec![b'z'; len])]
    }

    proptest! {
        #[test]
        fn gives_back_what_was_encoded(pairs in vec((text(), text()), 1..20)) {
            let pairs: Vec<Pair<'_>> =
                pairs.iter().map(|(field, value)| (&field[..], &value[..])).collect();
            let bytes = encode(&pairs);
            prop_assert_eq!(decode(&bytes), Ok(pairs));
        }

        #[test]
        fn any_bytes_end_in_an_answer(mut bytes in vec(any::<u8>(), 2..64)) {
            *bytes.last_mut().unwrap() = END;
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn unused_bytes_are_passed_over() {
        let bytes = [2, 1, b'a', 1, 2, b'1', 0, 0, 1, b'b', 1, 0, b'2', 255];
        assert_eq!(decode(&bytes), Ok(vec![(&b"a"[..], &b"1"[..]), (&b"b"[..], &b"2"[..])]));
    }

    #[test]
    fn more_fields_than_the_first_byte_counts() {
        let pairs = vec![(&b"f"[..], &b"v"[..]); 300];
        assert_eq!(encode(&pairs)[0], 254);
        assert_eq!(decode(&encode(&pairs)).map(|pairs| pairs.len()), Ok(300));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fault = |bytes: &[u8]| decode(bytes).unwrap_err().fault;
        assert_eq!(fault(&[1]), Fault::PackedShort);
        assert_eq!(fault(&[1, 1, b'a', 1, 0, b'1']), Fault::PackedEnd);
        assert_eq!(fault(&[0, 255]), Fault::PackedCount);
        assert_eq!(fault(&[2, 1, b'a', 1, 0, b'1', 255]), Fault::PackedCount);
        assert_eq!(fault(&[1, 1, b'a', 9, 0, b'1', 255]), Fault::PackedOverrun);
        assert_eq!(fault(&[1, 1, b'a', 1, 9, b'1', 255]), Fault::PackedOverrun);
        assert_eq!(fault(&[1, 254, 255, 255, 255, 255, 255]), Fault::PackedOverrun);
    }
}
