//! Ziplists: the packed form of small collections until Redis 6.2 (types 10, 12, 13, 14).
//!
//! Ten bytes of header (total bytes as u32 LE, offset of the last element as u32 LE, number of
//! elements as u16 LE, 65535 for "more than fits"), the elements, and `0xff`. An element is the
//! length of the element before it (a byte, or `0xfe` and u32 LE), its encoding and its bytes.

use crate::{
    Fault,
    packed::{Broken, Value, array, int24},
};

const HEADER: usize = 10;
const END: u8 = 0xff;
/// Bytes of a ziplist without elements.
pub(crate) const EMPTY_BYTES: usize = HEADER + 1;
/// Begins a length of five bytes in front of an element.
const WIDE: u8 = 0xfe;
/// The count in the header when there are more elements than it can say.
const UNCOUNTED: u16 = u16::MAX;

/// A place between two elements of a ziplist, which it does not borrow: every call must be given
/// the bytes that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: usize,
    seen: u64,
    /// Length of the element before.
    previous: usize,
}

impl Cursor {
    /// Checks header and end of a ziplist and stands before its first element.
    ///
    /// # Errors
    ///
    /// [`Broken`] when the header lies about the length or the end is missing.
    pub fn new(bytes: &[u8]) -> Result<Self, Broken> {
        let total = array(bytes, 0).map(u32::from_le_bytes);
        match total {
            Some(total) if bytes.len() > HEADER => {
                if total as usize != bytes.len() {
                    return Err(Broken::new(0, Fault::PackedSize));
                }
            }
            _ => return Err(Broken::new(0, Fault::PackedShort)),
        }
        if bytes.last() != Some(&END) {
            return Err(Broken::new(bytes.len() - 1, Fault::PackedEnd));
        }
        Ok(Self { at: HEADER, seen: 0, previous: 0 })
    }

    /// Offset of the next element, for [`value_at`].
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many elements it has passed.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes the next element; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Broken`] for an unknown encoding, an element that passes the end or whose length in
    /// front of the next is another, and at the end when the header has another count or offset
    /// of the last element.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Value<'a>>, Broken> {
        if self.at + 1 == bytes.len() {
            self.check_header(bytes)?;
            return Ok(None);
        }
        let found = element(bytes, self.at)?;
        if found.previous != self.previous {
            return Err(Broken::new(self.at, Fault::PackedBackLen));
        }
        self.previous = found.next - self.at;
        self.at = found.next;
        self.seen += 1;
        Ok(Some(found.value))
    }

    fn check_header(&self, bytes: &[u8]) -> Result<(), Broken> {
        let tail = array(bytes, 4).map(u32::from_le_bytes).unwrap_or_default();
        if tail as usize != self.at - self.previous {
            return Err(Broken::new(4, Fault::PackedTail));
        }
        let counted = array(bytes, 8).map(u16::from_le_bytes).unwrap_or_default();
        if counted != UNCOUNTED && u64::from(counted) != self.seen {
            return Err(Broken::new(8, Fault::PackedCount));
        }
        Ok(())
    }
}

/// The elements of a ziplist, checked as they come.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    cursor: Option<Cursor>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<Value<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.cursor.as_mut()?.next(self.bytes).transpose();
        if !matches!(item, Some(Ok(_))) {
            self.cursor = None;
        }
        item
    }
}

/// The elements of the ziplist that `bytes` are.
///
/// # Errors
///
/// As [`Cursor::new`].
pub fn iter(bytes: &[u8]) -> Result<Iter<'_>, Broken> {
    Ok(Iter { bytes, cursor: Some(Cursor::new(bytes)?) })
}

/// The element that begins at `at`, which a [`Cursor`] stood at.
///
/// # Errors
///
/// [`Broken`] when none begins there.
pub fn value_at(bytes: &[u8], at: usize) -> Result<Value<'_>, Broken> {
    element(bytes, at).map(|found| found.value)
}

struct Element<'a> {
    value: Value<'a>,
    /// Length of the element before, as this one has it.
    previous: usize,
    next: usize,
}

fn element(bytes: &[u8], at: usize) -> Result<Element<'_>, Broken> {
    let overrun = || Broken::new(at, Fault::PackedOverrun);
    // The last byte is the end mark: no element may reach it.
    let body = bytes.get(at..bytes.len().saturating_sub(1)).ok_or_else(overrun)?;
    let (previous, skip) = match *body.first().ok_or_else(overrun)? {
        WIDE => (u32::from_le_bytes(array(body, 1).ok_or_else(overrun)?) as usize, 5),
        END => return Err(Broken::new(at, Fault::PackedEnd)),
        narrow => (usize::from(narrow), 1),
    };
    let body = &body[skip..];
    let first = *body.first().ok_or_else(overrun)?;
    let (value, len) = payload(body, first).ok_or_else(|| Broken::new(at, fault_of(first)))?;
    Ok(Element { value, previous, next: at + skip + len })
}

fn fault_of(first: u8) -> Fault {
    match first {
        0..=0xc0 | 0xd0 | 0xe0 | 0xf0 | 0xfe => Fault::PackedOverrun,
        _ => Fault::PackedEncoding,
    }
}

/// The value at the start of `body`, and how many bytes it takes.
fn payload(body: &[u8], first: u8) -> Option<(Value<'_>, usize)> {
    let int = |int: i64, len: usize| Some((Value::Int(int), len));
    match first {
        0..=0x3f => string(body, 1, usize::from(first)),
        0x40..=0x7f => {
            let len = (usize::from(first & 0x3f) << 8) | usize::from(*body.get(1)?);
            string(body, 2, len)
        }
        // Servers look at the two highest bits only.
        0x80..=0xbf => string(body, 5, u32::from_be_bytes(array(body, 1)?) as usize),
        0xc0 => int(i64::from(i16::from_le_bytes(array(body, 1)?)), 3),
        0xd0 => int(i64::from(i32::from_le_bytes(array(body, 1)?)), 5),
        0xe0 => int(i64::from_le_bytes(array(body, 1)?), 9),
        0xf0 => int(int24(array(body, 1)?), 4),
        0xf1..=0xfd => int(i64::from(first - 0xf1), 1),
        0xfe => int(i64::from(*body.get(1)? as i8), 2),
        _ => None,
    }
}

fn string(body: &[u8], header: usize, len: usize) -> Option<(Value<'_>, usize)> {
    let end = header.checked_add(len)?;
    Some((Value::Str(body.get(header..end)?), end))
}

/// Builds a ziplist by appending, the same bytes that a server makes by appending.
#[derive(Debug, Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    count: u64,
    /// Length of the last element.
    previous: usize,
}

impl Builder {
    /// Most bytes that a ziplist can have, which its header sets.
    pub const MAX_BYTES: u64 = u32::MAX as u64;

    /// An empty ziplist.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![0; HEADER], count: 0, previous: 0 }
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.count = 0;
        self.previous = 0;
    }

    /// How many elements it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes [`finish`](Self::finish) will give.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len() + 1
    }

    /// How many bytes [`push`](Self::push) of a value will add behind an element of `previous`
    /// bytes (0 for the first), and so the `previous` of the next.
    #[must_use]
    pub fn cost(value: Value<'_>, previous: usize) -> usize {
        let len = match value {
            Value::Int(int) => int_size(int),
            Value::Str(bytes) => bytes.len() + string_header_size(bytes.len()),
        };
        len + if previous < usize::from(WIDE) { 1 } else { 5 }
    }

    /// Appends an element. The caller keeps the whole within [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn push(&mut self, value: Value<'_>) {
        let start = self.bytes.len();
        if self.previous < usize::from(WIDE) {
            self.bytes.push(self.previous as u8);
        } else {
            self.bytes.push(WIDE);
            self.bytes.extend_from_slice(&(self.previous as u32).to_le_bytes());
        }
        match value {
            Value::Int(int) => push_int(&mut self.bytes, int),
            Value::Str(bytes) => {
                push_string_header(&mut self.bytes, bytes.len());
                self.bytes.extend_from_slice(bytes);
            }
        }
        self.previous = self.bytes.len() - start;
        self.count += 1;
    }

    /// Appends bytes, as an integer where they are one.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.push(Value::of(bytes));
    }

    /// The whole ziplist; [`clear`](Self::clear) begins the next one.
    pub fn finish(&mut self) -> &[u8] {
        let tail = (self.bytes.len() - self.previous) as u32;
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..8].copy_from_slice(&tail.to_le_bytes());
        self.bytes[8..HEADER].copy_from_slice(&count.to_le_bytes());
        &self.bytes
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

fn int_size(int: i64) -> usize {
    match int {
        0..=12 => 1,
        -0x80..=0x7f => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    }
}

fn push_int(out: &mut Vec<u8>, int: i64) {
    let wide = int.to_le_bytes();
    let size = int_size(int);
    out.push(match size {
        1 => 0xf1 + wide[0],
        2 => 0xfe,
        3 => 0xc0,
        4 => 0xf0,
        5 => 0xd0,
        _ => 0xe0,
    });
    out.extend_from_slice(&wide[..size - 1]);
}

const fn string_header_size(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..16_384 => 2,
        _ => 5,
    }
}

fn push_string_header(out: &mut Vec<u8>, len: usize) {
    match string_header_size(len) {
        1 => out.push(len as u8),
        2 => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
        _ => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn build(items: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = Builder::new();
        let mut previous = 0;
        for item in items {
            let before = builder.byte_len();
            builder.push_bytes(item);
            previous = Builder::cost(Value::of(item), previous);
            assert_eq!(builder.byte_len() - before, previous);
        }
        assert_eq!(builder.byte_len(), builder.clone().finish().len());
        builder.finish().to_vec()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
        iter(bytes)?.map(|value| value.map(|value| value.to_vec())).collect()
    }

    fn item() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            vec(any::<u8>(), 0..80),
            any::<i64>().prop_map(|int| int.to_string().into_bytes()),
            (any::<i64>(), 0..64u32)
                .prop_map(|(int, shift)| (int >> shift).to_string().into_bytes()),
            (0..40_000usize).prop_map(|len| vec![b'x'; len]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn gives_back_what_was_pushed(items in vec(item(), 0..20)) {
            prop_assert_eq!(read(&build(&items)), Ok(items));
        }

        #[test]
        fn any_bytes_end_in_an_answer(mut bytes in vec(any::<u8>(), 11..64)) {
            let total = bytes.len() as u32;
            bytes[..4].copy_from_slice(&total.to_le_bytes());
            bytes[10] = 0;
            *bytes.last_mut().unwrap() = END;
            let _ = read(&bytes);
        }
    }

    #[test]
    fn integers_at_each_edge_read_back() {
        for bits in [0, 7, 15, 23, 31, 63u32] {
            for int in [-1i64 << bits, (-1i64 << bits).wrapping_sub(1), !(-1i64 << bits), 12, 13] {
                let item = int.to_string().into_bytes();
                assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]));
            }
        }
    }

    #[test]
    fn more_elements_than_the_header_counts() {
        let items = vec![b"1".to_vec(); 70_000];
        let bytes = build(&items);
        assert_eq!(&bytes[8..10], [0xff, 0xff]);
        assert_eq!(read(&bytes).map(|items| items.len()), Ok(70_000));
    }

    #[test]
    fn a_wide_length_of_a_short_element_is_fine() {
        // What a server leaves behind when a long element is replaced by a short one.
        let bytes =
            [22, 0, 0, 0, 13, 0, 0, 0, 2, 0, 0, 1, b'a', 0xfe, 3, 0, 0, 0, 2, b'b', b'c', 255];
        assert_eq!(read(&bytes), Ok(vec![b"a".to_vec(), b"bc".to_vec()]));
    }

    #[test]
    fn a_wrong_byte_is_named() {
        let good = build(&[b"hello".to_vec(), b"1000".to_vec()]);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            read(&bytes).unwrap_err()
        };
        assert_eq!(with(0, 1), Broken::new(0, Fault::PackedSize));
        assert_eq!(with(4, 1), Broken::new(4, Fault::PackedTail));
        assert_eq!(with(8, 1), Broken::new(8, Fault::PackedCount));
        assert_eq!(with(11, 0x3f), Broken::new(10, Fault::PackedOverrun));
        assert_eq!(with(18, 0xc1), Broken::new(17, Fault::PackedEncoding));
        assert_eq!(with(17, 9), Broken::new(17, Fault::PackedBackLen));
        assert_eq!(with(good.len() - 1, 0), Broken::new(good.len() - 1, Fault::PackedEnd));
        assert_eq!(read(&good[..10]).unwrap_err(), Broken::new(0, Fault::PackedShort));
    }
}
