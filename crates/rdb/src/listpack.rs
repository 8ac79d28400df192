//! Listpacks: the packed form of small collections since Redis 7.0, and of stream nodes.
//!
//! Six bytes of header (total bytes as u32 LE, number of elements as u16 LE, 65535 for "more than
//! fits"), the elements, and `0xff`. An element is its encoding, its bytes and its own length
//! again, seven bits a byte, to be read backwards.

use crate::{
    Fault,
    packed::{Broken, Value, array, int24},
};

const HEADER: usize = 6;
const END: u8 = 0xff;
/// Bytes of a listpack without elements.
pub(crate) const EMPTY_BYTES: usize = HEADER + 1;
/// The count in the header when there are more elements than it can say.
const UNCOUNTED: u16 = u16::MAX;

/// A place between two elements of a listpack, which it does not borrow: every call must be
/// given the bytes that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at: usize,
    seen: u64,
}

impl Cursor {
    /// Checks header and end of a listpack and stands before its first element.
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
        Ok(Self { at: HEADER, seen: 0 })
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
    /// [`Broken`] for an unknown encoding, an element that passes the end or whose length behind
    /// it is another, and at the end when the header counted differently.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Value<'a>>, Broken> {
        if self.at + 1 == bytes.len() {
            self.check_count(bytes)?;
            return Ok(None);
        }
        let (value, next) = element(bytes, self.at)?;
        self.at = next;
        self.seen += 1;
        Ok(Some(value))
    }

    fn check_count(&self, bytes: &[u8]) -> Result<(), Broken> {
        let counted = array(bytes, 4).map(u16::from_le_bytes).unwrap_or_default();
        if counted != UNCOUNTED && u64::from(counted) != self.seen {
            return Err(Broken::new(4, Fault::PackedCount));
        }
        Ok(())
    }
}

/// The elements of a listpack, checked as they come.
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

/// The elements of the listpack that `bytes` are.
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
    element(bytes, at).map(|(value, _)| value)
}

/// The element at `at`, and where the next one begins.
#[inline]
fn element(bytes: &[u8], at: usize) -> Result<(Value<'_>, usize), Broken> {
    let overrun = || Broken::new(at, Fault::PackedOverrun);
    // The last byte is the end mark: no element may reach it.
    let body = bytes.get(at..bytes.len().saturating_sub(1)).ok_or_else(overrun)?;
    let first = *body.first().ok_or_else(overrun)?;
    let (value, len) = match first {
        0..=0x7f => (Value::Int(i64::from(first)), 1),
        0x80..=0xbf => string(body, 1, usize::from(first & 0x3f)).ok_or_else(overrun)?,
        _ => wide_element(body, first).ok_or_else(|| Broken::new(at, fault_of(first)))?,
    };
    let back = back_len_size(len);
    if !back_len_matches(body.get(len..len + back).ok_or_else(overrun)?, len) {
        return Err(Broken::new(at + len, Fault::PackedBackLen));
    }
    Ok((value, at + len + back))
}

fn fault_of(first: u8) -> Fault {
    if first <= 0xf4 { Fault::PackedOverrun } else { Fault::PackedEncoding }
}

fn wide_element(body: &[u8], first: u8) -> Option<(Value<'_>, usize)> {
    let int = |int: i64, len: usize| Some((Value::Int(int), len));
    match first {
        0xc0..=0xdf => {
            let bits = (i16::from(first & 0x1f) << 8) | i16::from(*body.get(1)?);
            // Thirteen bits with a sign, moved up to the sign of sixteen and back.
            int(i64::from(bits << 3 >> 3), 2)
        }
        0xe0..=0xef => {
            let len = (usize::from(first & 0x0f) << 8) | usize::from(*body.get(1)?);
            string(body, 2, len)
        }
        0xf0 => string(body, 5, u32::from_le_bytes(array(body, 1)?) as usize),
        0xf1 => int(i64::from(i16::from_le_bytes(array(body, 1)?)), 3),
        0xf2 => int(int24(array(body, 1)?), 4),
        0xf3 => int(i64::from(i32::from_le_bytes(array(body, 1)?)), 5),
        0xf4 => int(i64::from_le_bytes(array(body, 1)?), 9),
        _ => None,
    }
}

#[inline]
fn string(body: &[u8], header: usize, len: usize) -> Option<(Value<'_>, usize)> {
    let end = header.checked_add(len)?;
    Some((Value::Str(body.get(header..end)?), end))
}

/// How many bytes the length behind an element of `len` bytes takes. The limits are the servers',
/// which leave the largest number of each size to the next.
#[inline]
const fn back_len_size(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Byte `index` of the `size` bytes behind an element of `len` bytes.
#[inline]
const fn back_len_byte(len: usize, size: usize, index: usize) -> u8 {
    let bits = ((len as u64 >> (7 * (size - 1 - index))) & 0x7f) as u8;
    if index == 0 { bits } else { bits | 0x80 }
}

#[inline]
fn back_len_matches(back: &[u8], len: usize) -> bool {
    back.iter().enumerate().all(|(index, byte)| *byte == back_len_byte(len, back.len(), index))
}

/// Builds a listpack by appending, the same bytes that a server makes by appending.
#[derive(Debug, Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    count: u64,
}

impl Builder {
    /// Most bytes that a listpack can have, which its header sets.
    pub const MAX_BYTES: u64 = u32::MAX as u64;

    /// An empty listpack.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![0; HEADER], count: 0 }
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.count = 0;
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

    /// How many bytes [`push`](Self::push) of a value will add.
    #[must_use]
    pub fn cost(value: Value<'_>) -> usize {
        let len = match value {
            Value::Int(int) => int_size(int),
            Value::Str(bytes) => bytes.len() + string_header_size(bytes.len()),
        };
        len + back_len_size(len)
    }

    /// Appends an element. The caller keeps the whole within [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn push(&mut self, value: Value<'_>) {
        let start = self.bytes.len();
        match value {
            Value::Int(int) => push_int(&mut self.bytes, int),
            Value::Str(bytes) => {
                push_string_header(&mut self.bytes, bytes.len());
                self.bytes.extend_from_slice(bytes);
            }
        }
        let len = self.bytes.len() - start;
        let size = back_len_size(len);
        self.bytes.extend((0..size).map(|index| back_len_byte(len, size, index)));
        self.count += 1;
    }

    /// Appends bytes, as an integer where they are one.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.push(Value::of(bytes));
    }

    /// The whole listpack; [`clear`](Self::clear) begins the next one.
    pub fn finish(&mut self) -> &[u8] {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEADER].copy_from_slice(&count.to_le_bytes());
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
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    }
}

fn push_int(out: &mut Vec<u8>, int: i64) {
    let wide = int.to_le_bytes();
    match int_size(int) {
        1 => out.push(wide[0]),
        2 => out.extend_from_slice(&[0xc0 | (wide[1] & 0x1f), wide[0]]),
        size => {
            out.push(match size {
                3 => 0xf1,
                4 => 0xf2,
                5 => 0xf3,
                _ => 0xf4,
            });
            out.extend_from_slice(&wide[..size - 1]);
        }
    }
}

const fn string_header_size(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    }
}

fn push_string_header(out: &mut Vec<u8>, len: usize) {
    match string_header_size(len) {
        1 => out.push(0x80 | len as u8),
        2 => out.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]),
        _ => {
            out.push(0xf0);
            out.extend_from_slice(&(len as u32).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn build(items: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = Builder::new();
        for item in items {
            let before = builder.byte_len();
            builder.push_bytes(item);
            assert_eq!(builder.byte_len() - before, Builder::cost(Value::of(item)));
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
        fn any_bytes_end_in_an_answer(mut bytes in vec(any::<u8>(), 7..64)) {
            let total = bytes.len() as u32;
            bytes[..4].copy_from_slice(&total.to_le_bytes());
            *bytes.last_mut().unwrap() = END;
            let _ = read(&bytes);
        }
    }

    #[test]
    fn integers_at_each_edge_take_the_least_bytes() {
        for bits in [0, 7, 12, 15, 23, 31, 63u32] {
            for int in [-1i64 << bits, (-1i64 << bits).wrapping_sub(1), !(-1i64 << bits)] {
                let item = int.to_string().into_bytes();
                assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]));
            }
        }
    }

    #[test]
    fn lengths_at_each_edge_read_back() {
        for len in [0, 63, 64, 125, 126, 127, 128, 4095, 4096, 16_377, 16_378, 16_379, 16_380] {
            let item = vec![b'a'; len];
            assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]), "{len}");
        }
        let item = vec![b'a'; 2_097_146];
        assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]));
    }

    #[test]
    fn more_elements_than_the_header_counts() {
        let items = vec![b"1".to_vec(); 70_000];
        let bytes = build(&items);
        assert_eq!(&bytes[4..6], [0xff, 0xff]);
        assert_eq!(read(&bytes).map(|items| items.len()), Ok(70_000));
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
        assert_eq!(with(4, 1), Broken::new(4, Fault::PackedCount));
        assert_eq!(with(6, 0xbf), Broken::new(6, Fault::PackedOverrun));
        assert_eq!(with(6, 0xf5), Broken::new(6, Fault::PackedEncoding));
        assert_eq!(with(12, 9), Broken::new(12, Fault::PackedBackLen));
        assert_eq!(with(good.len() - 1, 0), Broken::new(good.len() - 1, Fault::PackedEnd));
        assert_eq!(read(&good[..6]).unwrap_err(), Broken::new(0, Fault::PackedShort));
    }
}
