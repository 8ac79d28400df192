//! DUMP payloads: one value without its key, as the command DUMP gives it and RESTORE takes it.
//!
//! The value's type byte, its bytes as in a file, the version as u16 LE, and the CRC-64 of all
//! before as u64 LE. There is no magic: only the version tells the dialect.
//!
//! ```
//! use redwire_rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, Event, KeyMeta, dump};
//!
//! let mut encoder = Encoder::for_payloads(EncodeOptions::default());
//! let mut payload = Vec::new();
//! encoder.string(&mut payload, &KeyMeta::new(b""), b"hello");
//! encoder.end(&mut payload);
//!
//! let opened = dump::open(&payload)?;
//! let mut decoder = Decoder::for_value(opened.version, DecodeOptions::default());
//! let mut unread = opened.value;
//! while !decoder.is_done() {
//!     let decoded = decoder.decode(unread)?;
//!     match decoded.event {
//!         Some(Event::String(bytes)) => assert_eq!(bytes, b"hello"),
//!         Some(_) => {}
//!         None => break,
//!     }
//!     unread = &unread[decoded.used..];
//! }
//! decoder.finish()?;
//! # Ok::<(), redwire_rdb::Error>(())
//! ```

use crate::{
    DecodeOptions, EncodeOptions, Encoder, Error, Fault, KeyMeta, Version, crc64,
    entry::{Entries, Item},
};

/// Bytes behind the value: version and checksum.
const FOOTER: usize = 10;

/// A payload whose footer was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The version that the value's type is to be read in.
    pub version: Version,
    /// The type byte and the value's bytes, for [`Decoder::for_value`](crate::Decoder::for_value).
    pub value: &'a [u8],
}

/// Checks a payload's footer, as RESTORE does before anything else.
///
/// # Errors
///
/// [`Error::Truncated`] when it is too short for a footer, [`Error::UnknownNumber`] for a version
/// that this crate does not read, [`Error::Checksum`] when the checksum is another; 0 is no
/// exception here.
pub fn open(payload: &[u8]) -> Result<Payload<'_>, Error> {
    let truncated =
        || Error::Truncated { offset: payload.len() as u64, key: None, type_byte: None };
    let (summed, stored) = payload.split_last_chunk().ok_or_else(truncated)?;
    let (value, number) = summed.split_last_chunk().ok_or_else(truncated)?;
    let number = u16::from_le_bytes(*number);
    let version = Version::from_number(number).ok_or(Error::UnknownNumber { number })?;
    let (stored, computed) = (u64::from_le_bytes(*stored), crc64::checksum(summed));
    if stored != computed {
        return Err(Error::Checksum { offset: summed.len() as u64, stored, computed });
    }
    Ok(Payload { version, value })
}

/// Appends a footer to a type byte and a value's bytes, of `version`, that stand in `payload`.
///
/// This makes a payload of what [`Event::Opaque`](crate::Event::Opaque) delivered.
pub fn close(payload: &mut Vec<u8>, version: Version) {
    payload.reserve(FOOTER);
    payload.extend_from_slice(&version.number().to_le_bytes());
    let checksum = crc64::checksum(payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
}

/// Appends to `out` the payload of the same value for `options.target`, so that a server restores what
/// one of another version or vendor dumped.
///
/// Bytes behind the value are left out, as RESTORE of all servers does not look at them. What the target
/// has no place for is left out as [`Encoder::begin_stream`] lists it; what cannot be
/// left out is an error.
///
/// ```
/// use redwire_rdb::{EncodeOptions, Version, dump};
///
/// // A list as Redis 7.0 dumps it, which Redis 6.0 does not read.
/// # let mut payload = b"\x12\x01\x02\x0a\x0a\0\0\0\x01\0\x81a\x02\xff".to_vec();
/// # dump::close(&mut payload, Version::REDIS_7_0);
/// let mut older = Vec::new();
/// let options = EncodeOptions { target: Version::REDIS_6_0, ..EncodeOptions::default() };
/// dump::convert(&mut older, &payload, options)?;
/// assert_eq!(dump::open(&older)?.version, Version::REDIS_6_0);
/// # Ok::<(), redwire_rdb::Error>(())
/// ```
///
/// # Errors
///
/// As [`open`], and what RESTORE refuses of the value, with offsets from the payload's first byte;
/// [`Error::Unsupported`] for what the target cannot hold. Nothing is appended then.
pub fn convert(out: &mut Vec<u8>, payload: &[u8], options: EncodeOptions) -> Result<(), Error> {
    let Payload { version, value } = open(payload)?;
    let strict = DecodeOptions { refuse_all_duplicates: true, ..DecodeOptions::default() };
    let mut entries = Entries::for_value(version, strict);
    let decoded = entries.decode(value)?;
    // A value without a key has nothing before it.
    let Some(Item::Entry(entry)) = decoded.item else {
        let (offset, type_byte) = (value.len() as u64, value.first().copied());
        return Err(Error::Truncated { offset, key: None, type_byte });
    };
    if entry.value.is_empty() {
        return Err(Error::Malformed {
            offset: 0,
            key: None,
            type_byte: None,
            fault: Fault::Empty,
        });
    }
    let mut encoder = Encoder::for_payloads(options);
    encoder.value(out, &KeyMeta::new(b""), &entry.value)?;
    encoder.end(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Vec<u8> {
        let mut payload = b"\x00\x05hello".to_vec();
        close(&mut payload, Version::REDIS_7_0);
        payload
    }

    #[test]
    fn opens_what_was_closed() {
        let payload = hello();
        let opened = Payload { version: Version::REDIS_7_0, value: b"\x00\x05hello" };
        assert_eq!(open(&payload), Ok(opened));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut payload = hello();
        assert!(matches!(open(&payload[..9]), Err(Error::Truncated { offset: 9, .. })));
        payload[2] ^= 1;
        assert!(matches!(open(&payload), Err(Error::Checksum { offset: 9, .. })));
        payload[7] = 99;
        assert_eq!(open(&payload), Err(Error::UnknownNumber { number: 99 }));
        let len = payload.len();
        payload[len - 8..].fill(0);
        payload[7] = 10;
        assert!(matches!(open(&payload), Err(Error::Checksum { stored: 0, .. })));
    }
}
