//! Zipmaps: small hashes until Redis 2.4 (type 9).
//!
//! | bytes | what |
//! |---|---|
//! | first | number of fields; 254 for that many or more, which a walk must count |
//! | for each field | its length and bytes; the value's length, a byte with the number of unused bytes behind the value, the value, and those |
//! | last | `0xff` |
//!
//! A length is a byte below 254, or 254 and u32 LE. Values are bytes, never integers. Nothing says
//! where a field before another begins: [`Iter`] goes back by what it remembers of a walk.
//!
//! [`Zipmap`] reads one that is in memory, checked once; [`Cursor`] checks as it goes; [`encode`]
//! writes one. No server since Redis 2.6 has edited any: they turn them into other forms as they load
//! them, and so there is nothing here to edit one with.

use std::iter::FusedIterator;

use crate::{
    Fault,
    packed::{Broken, array},
};

const END: u8 = 0xff;
/// Begins a length of five bytes; as a count: more than fits.
const WIDE: u8 = 0xfe;

/// A field and its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// A zipmap in bytes of someone else's, checked once as a whole: reading it cannot fail.
///
/// ```
/// use redwire_rdb::zipmap::Zipmap;
///
/// let map = Zipmap::new(b"\x02\x04name\x03\0ann\x03age\x02\041\xff")?;
/// assert_eq!(map.get(b"age"), Some(&b"41"[..]));
/// assert_eq!(map.iter().next(), Some((&b"name"[..], &b"ann"[..])));
/// # Ok::<(), redwire_rdb::packed::Broken>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zipmap<'a> {
    bytes: &'a [u8],
}

impl<'a> Zipmap<'a> {
    /// Checks the zipmap that `bytes` are, all of it.
    ///
    /// # Errors
    ///
    /// As [`Cursor::new`] and [`Cursor::next`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut cursor = Cursor::new(bytes)?;
        while cursor.next(bytes)?.is_some() {}
        Ok(Self { bytes })
    }

    /// All bytes, count and end among them.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many fields it has, one at least. The first byte says it up to 253; a walk counts more
    /// than that.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "one without fields is refused")]
    pub fn len(&self) -> usize {
        match self.bytes[0] {
            WIDE => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// The value of a field; of the first one, where it stands twice.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
    }

    /// The fields with their values, in the order in which they stand; from the end with
    /// [`rev`](Iterator::rev).
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { bytes: self.bytes, front: 1, back: self.bytes.len() - 1, starts: Vec::new() }
    }
}

impl<'a> IntoIterator for Zipmap<'a> {
    type Item = Pair<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The fields of a [`Zipmap`] with their values, from both ends.
///
/// The first step from the end walks to the end, and remembers where each field begins: a number for
/// each.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    /// Offset of the first field that is left, and of what is behind the last.
    front: usize,
    back: usize,
    /// Where fields begin that are left, once that was asked for, and maybe some before them.
    starts: Vec<usize>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (found, next) = pair(self.bytes, self.front)?;
        self.front = next;
        Some(found)
    }

    /// A field takes three bytes at least.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let bytes = self.back - self.front;
        (usize::from(bytes > 0), Some(bytes / 3))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        if self.starts.is_empty() {
            let mut ahead = self.clone();
            while ahead.front < ahead.back {
                self.starts.push(ahead.front);
                ahead.next()?;
            }
        }
        self.back = self.starts.pop()?;
        pair(self.bytes, self.back).map(|(found, _)| found)
    }
}

impl FusedIterator for Iter<'_> {}

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
    use std::collections::VecDeque;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn decode(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Broken> {
        let map = Zipmap::new(bytes)?;
        let pairs: Vec<_> = map.iter().collect();
        assert_eq!(map.len(), pairs.len());
        let (low, high) = map.iter().size_hint();
        assert!(low <= pairs.len() && Some(pairs.len()) <= high);
        assert!(map.iter().rev().eq(pairs.iter().rev().copied()));
        Ok(pairs)
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![vec(any::<u8>(), 0..20), (0..700usize).prop_map(|len| vec![b'z'; len])]
    }

    proptest! {
        #[test]
        fn gives_back_what_was_encoded(pairs in vec((text(), text()), 1..20)) {
            let pairs: Vec<Pair<'_>> =
                pairs.iter().map(|(field, value)| (&field[..], &value[..])).collect();
            let bytes = encode(&pairs);
            let map = Zipmap::new(&bytes).unwrap();
            for (field, _) in &pairs {
                let first = pairs.iter().find(|(name, _)| name == field).map(|(_, value)| *value);
                prop_assert_eq!(map.get(field), first);
            }
            prop_assert_eq!(map.get(b"no field is so"), None);
            prop_assert_eq!(decode(&bytes), Ok(pairs));
        }

        #[test]
        fn both_ends_meet(count in 1..12u8, steps in vec(any::<bool>(), 0..30)) {
            let texts: Vec<[u8; 1]> = (0..count).map(|number| [number]).collect();
            let mut naive: VecDeque<Pair<'_>> =
                texts.iter().map(|text| (&text[..], &text[..])).collect();
            let bytes = encode(naive.make_contiguous());
            let mut iter = Zipmap::new(&bytes).unwrap().iter();
            for back in steps {
                let found = if back { iter.next_back() } else { iter.next() };
                prop_assert_eq!(found, if back { naive.pop_back() } else { naive.pop_front() });
                let (low, high) = iter.size_hint();
                prop_assert!(low <= naive.len() && Some(naive.len()) <= high);
            }
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
