//! What can go wrong, with the place where it did.

use std::fmt;

use crate::Version;

/// Everything that this crate refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input does not begin with `REDIS` or `VALKEY` and digits.
    #[error("not an RDB file: it begins with {}", KeyName::new(.found))]
    Magic {
        /// The first nine bytes.
        found: [u8; 9],
    },
    /// A magic of a version that this crate does not read.
    #[error("unknown RDB version {}", String::from_utf8_lossy(.magic))]
    UnknownVersion {
        /// The first nine bytes.
        magic: [u8; 9],
    },
    /// A byte that is neither an opcode nor a value type of the file's version.
    #[error("unknown opcode or value type {byte} at offset {offset} of a {version} file")]
    UnknownType {
        /// Offset of the byte in the file.
        offset: u64,
        /// The byte.
        byte: u8,
        /// The file's version.
        version: Version,
    },
    /// The bytes break the format's rules.
    #[error("{fault} at offset {offset}{}", in_key(.key))]
    Malformed {
        /// Offset in the file; inside a compressed string, that of the string's first byte.
        offset: u64,
        /// The key whose value is broken, where one is known.
        key: Option<KeyName>,
        /// What is wrong.
        fault: Fault,
    },
    /// The file's last eight bytes are not the CRC-64 of what stands before them.
    #[error(
        "checksum at offset {offset} is {stored:016x}, the bytes before it have {computed:016x}"
    )]
    Checksum {
        /// Offset of the checksum.
        offset: u64,
        /// The checksum in the file.
        stored: u64,
        /// The checksum of the bytes.
        computed: u64,
    },
    /// A size is over one of the [`Limits`](crate::Limits).
    #[error("{value} at offset {offset} is over the limit {name} of {max}{}", in_key(.key))]
    Limit {
        /// Offset in the file.
        offset: u64,
        /// The key whose value is too large, where one is known.
        key: Option<KeyName>,
        /// Name of the limit's field.
        name: &'static str,
        /// The announced size.
        value: u64,
        /// The limit.
        max: u64,
    },
    /// The input ended before the file did.
    #[error("input ends at offset {offset}, before the end of the file{}", in_key(.key))]
    Truncated {
        /// Offset of the first byte that was not used.
        offset: u64,
        /// The key whose value is cut, where one is known.
        key: Option<KeyName>,
    },
    /// The target cannot hold this type of value. Nothing of the key was written.
    #[error("a {target} file cannot hold type {type_byte}{}", in_key(&Some(.key.clone())))]
    Unsupported {
        /// The key that cannot be written.
        key: KeyName,
        /// Its type byte.
        type_byte: u8,
        /// The version being written.
        target: Version,
    },
    /// A collection was announced with one number of elements and written with another: the
    /// output is broken and must be thrown away.
    #[error("{announced} elements announced, {written} written")]
    Count {
        /// Elements announced when the key was begun.
        announced: u64,
        /// Elements written.
        written: u64,
    },
}

fn in_key(key: &Option<KeyName>) -> String {
    key.as_ref().map(|key| format!(" (key {key})")).unwrap_or_default()
}

/// How bytes break the format's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A length's first byte announces a string encoding where a number must stand.
    #[error("string encoding in place of a length")]
    Length,
}

/// The first bytes of a key, for messages: at most [`KeyName::SHOWN`] of them, escaped when
/// printed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName {
    bytes: Box<[u8]>,
    cut: bool,
}

impl KeyName {
    /// How many bytes of a key are kept for a message.
    pub const SHOWN: usize = 128;

    /// Takes the first bytes of `key`.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let shown = &key[..key.len().min(Self::SHOWN)];
        Self { bytes: shown.into(), cut: shown.len() < key.len() }
    }

    /// The bytes that were kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes.escape_ascii())?;
        if self.cut { f.write_str("...") } else { Ok(()) }
    }
}
