//! Strings of the format: bytes as they stand, small integers, or LZF.
//!
//! | a [`length`] that is | what follows |
//! |---|---|
//! | a number | as many bytes |
//! | [`Length::Encoded`] 0, 1, 2 | an i8, i16 LE, i32 LE, which stands for its decimal digits |
//! | [`Length::Encoded`] 3 | the length of the compressed bytes, that of what they stand for, and they, see [`lzf`] |
//!
//! Keys, string values, elements of the large forms and whole packed values are strings. Servers
//! write integers of up to 11 digits so, and compress (`rdbcompression`) what is longer than
//! [`NEVER_COMPRESSED`] and becomes at least 4 bytes shorter by that.
//!
//! ```
//! use redwire_rdb::string::{self, Header};
//!
//! let mut bytes = Vec::new();
//! string::encode(&mut bytes, b"-3", None);
//! assert_eq!(bytes, [0xc0, 0xfd]);
//! assert_eq!(Header::decode(&bytes)?, Some((Header::Int(-3), 2)));
//! bytes.clear();
//! string::encode(&mut bytes, b"three", None);
//! assert_eq!(Header::decode(&bytes)?, Some((Header::Raw { len: 5 }, 1)));
//! # Ok::<(), redwire_rdb::Fault>(())
//! ```

use crate::{
    Fault,
    length::{self, Length},
    lzf,
    packed::{array, parse_int},
};

/// Strings up to this length are never compressed, as in servers.
pub const NEVER_COMPRESSED: usize = 20;

/// Longest decimal form that is looked at as an integer: `-2147483648`.
const INT_DIGITS: usize = 11;

/// What stands in front of a string's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// This many bytes follow.
    Raw {
        /// Their number.
        len: u64,
    },
    /// The string was an integer, which the header contains.
    Int(i32),
    /// Bytes follow that [`lzf::decompress`] reads.
    Lzf {
        /// How many follow.
        compressed: u64,
        /// How many they stand for.
        len: u64,
    },
}

impl Header {
    /// Reads a header from the start of `bytes`, and how many bytes it takes; `None` when it is
    /// not complete.
    ///
    /// # Errors
    ///
    /// [`Fault::LengthForm`], [`Fault::StringEncoding`], and [`Fault::Length`] for lengths that
    /// are none.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        match length::decode(bytes)? {
            Some((Length::Plain(len), size)) => Ok(Some((Self::Raw { len }, size))),
            Some((Length::Encoded(encoding), _)) => Self::decode_encoded(bytes, encoding),
            None => Ok(None),
        }
    }

    fn decode_encoded(bytes: &[u8], encoding: u8) -> Result<Option<(Self, usize)>, Fault> {
        let int = |int: Option<i32>, size| Ok(int.map(|int| (Self::Int(int), size)));
        match encoding {
            0 => int(bytes.get(1).map(|raw| i32::from(*raw as i8)), 2),
            1 => int(array(bytes, 1).map(|raw| i32::from(i16::from_le_bytes(raw))), 3),
            2 => int(array(bytes, 1).map(i32::from_le_bytes), 5),
            3 => Self::decode_lzf(bytes),
            _ => Err(Fault::StringEncoding),
        }
    }

    fn decode_lzf(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let Some((compressed, first)) = length::decode_number(&bytes[1..])? else {
            return Ok(None);
        };
        let Some((len, second)) = length::decode_number(&bytes[1 + first..])? else {
            return Ok(None);
        };
        Ok(Some((Self::Lzf { compressed, len }, 1 + first + second)))
    }
}

/// Appends a string: as an integer where it is a small one, compressed where a compressor is given
/// and that makes it shorter, or as it stands.
pub fn encode(out: &mut Vec<u8>, bytes: &[u8], compressor: Option<&mut lzf::Compressor>) {
    if bytes.len() <= INT_DIGITS {
        if let Some(int) = parse_int(bytes).and_then(|int| i32::try_from(int).ok()) {
            return encode_int(out, int);
        }
    } else if bytes.len() > NEVER_COMPRESSED
        && let Some(compressor) = compressor
        && encode_lzf(out, bytes, compressor, bytes.len() - 4)
    {
        return;
    }
    encode_raw(out, bytes);
}

/// Appends a string as it stands.
pub fn encode_raw(out: &mut Vec<u8>, bytes: &[u8]) {
    length::encode(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn encode_int(out: &mut Vec<u8>, int: i32) {
    let raw = int.to_le_bytes();
    let (encoding, size) = match int {
        -0x80..=0x7f => (0, 1),
        -0x8000..=0x7fff => (1, 2),
        _ => (2, 4),
    };
    out.push(0xc0 | encoding);
    out.extend_from_slice(&raw[..size]);
}

/// Appends the string compressed to at most `most` bytes, or nothing when it does not become so
/// short.
pub(crate) fn encode_lzf(
    out: &mut Vec<u8>,
    bytes: &[u8],
    compressor: &mut lzf::Compressor,
    most: usize,
) -> bool {
    let Some(compressed) = compressor.compress(bytes, most) else { return false };
    out.push(0xc3);
    length::encode(out, compressed.len() as u64);
    length::encode(out, bytes.len() as u64);
    out.extend_from_slice(compressed);
    true
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn read(bytes: &[u8]) -> Vec<u8> {
        let (header, size) = Header::decode(bytes).unwrap().unwrap();
        let rest = &bytes[size..];
        match header {
            Header::Raw { len } => {
                assert_eq!(rest.len() as u64, len);
                rest.to_vec()
            }
            Header::Int(int) => {
                assert!(rest.is_empty());
                int.to_string().into_bytes()
            }
            Header::Lzf { compressed, len } => {
                assert_eq!(rest.len() as u64, compressed);
                let mut out = Vec::new();
                lzf::decompress(rest, len as usize, &mut out).unwrap();
                out
            }
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            vec(any::<u8>(), 0..40),
            vec(b'a'..b'd', 0..2000),
            any::<i64>().prop_map(|int| int.to_string().into_bytes()),
            any::<i32>().prop_map(|int| int.to_string().into_bytes()),
            any::<i16>().prop_map(|int| int.to_string().into_bytes()),
            any::<i8>().prop_map(|int| int.to_string().into_bytes()),
        ]
    }

    proptest! {
        #[test]
        fn gives_back_what_was_encoded(text in text(), compress: bool) {
            let mut compressor = lzf::Compressor::new();
            let mut bytes = Vec::new();
            encode(&mut bytes, &text, compress.then_some(&mut compressor));
            prop_assert_eq!(read(&bytes), text);
        }

        #[test]
        fn any_bytes_end_in_an_answer(bytes in vec(any::<u8>(), 0..20)) {
            let _ = Header::decode(&bytes);
        }
    }

    #[test]
    fn each_form_is_the_servers() {
        let form = |text: &[u8]| {
            let mut bytes = Vec::new();
            encode(&mut bytes, text, Some(&mut lzf::Compressor::new()));
            bytes
        };
        assert_eq!(form(b"-128"), [0xc0, 0x80]);
        assert_eq!(form(b"128"), [0xc1, 0x80, 0]);
        assert_eq!(form(b"32768"), [0xc2, 0, 0x80, 0, 0]);
        assert_eq!(form(b"2147483648")[0], 10);
        assert_eq!(form(b"007"), [3, b'0', b'0', b'7']);
        assert_eq!(form(&[b'a'; 20])[0], 20);
        assert_eq!(form(&[b'a'; 30])[0], 0xc3);
        assert_eq!(Header::decode(&[0xc4]), Err(Fault::StringEncoding));
        assert_eq!(Header::decode(&[0xc3, 0xc3]), Err(Fault::Length));
    }
}
