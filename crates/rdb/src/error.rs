//! What can go wrong, with the place where it did.

use std::fmt;

use crate::{Dialect, Version};

/// Everything that this crate refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input does not begin with `REDIS` or `VALKEY` and digits.
    #[error("not an RDB file: {} at offset 0 is no magic", KeyName::new(.found))]
    Magic {
        /// The first nine bytes.
        found: [u8; 9],
    },
    /// A magic of a version that this crate does not read.
    #[error("unknown RDB version {} at offset 0", String::from_utf8_lossy(.magic))]
    UnknownVersion {
        /// The first nine bytes.
        magic: [u8; 9],
    },
    /// A DUMP payload's footer names a version that this crate does not read.
    #[error("unknown RDB version {number}")]
    UnknownNumber {
        /// The version.
        number: u16,
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
    /// A value type or opcode of a version that no server was at hand for, of which this crate knows
    /// the name and not the layout.
    #[error("type {byte}, {name}, at offset {offset} of a {version} file cannot be read yet")]
    KnownByName {
        /// Offset of the byte in the file.
        offset: u64,
        /// The byte.
        byte: u8,
        /// What it stands for.
        name: &'static str,
        /// The file's version.
        version: Version,
    },
    /// The bytes break the format's rules.
    #[error("{fault} at offset {offset}{}", in_value(.key, .type_byte))]
    Malformed {
        /// Offset in the file; inside a compressed string, that of the string's first byte.
        offset: u64,
        /// The key whose value is broken, where one is known.
        key: Option<KeyName>,
        /// The type of that value, where it is known.
        type_byte: Option<u8>,
        /// What is wrong.
        fault: Fault,
    },
    /// The eight bytes behind opcode 255 of a file, or at the end of a DUMP payload, are not the CRC-64 of what
    /// stands before them.
    #[error(
        "checksum at offset {offset} is {stored:016x}, the bytes before it have {computed:016x}"
    )]
    Checksum {
        /// Offset of the checksum in the file or payload.
        offset: u64,
        /// The checksum in the file.
        stored: u64,
        /// The checksum of the bytes.
        computed: u64,
    },
    /// A size is over one of the [`Limits`](crate::Limits).
    #[error("{value} at offset {offset} is over the limit {name} of {max}{}", in_value(.key, .type_byte))]
    Limit {
        /// Offset in the file.
        offset: u64,
        /// The key whose value is too large, where one is known.
        key: Option<KeyName>,
        /// The type of that value, where it is known.
        type_byte: Option<u8>,
        /// Name of the field of [`Limits`](crate::Limits).
        name: &'static str,
        /// The announced size in bytes; for `max_ratio`, how many times the compressed length it is.
        value: u64,
        /// The limit, in the same unit.
        max: u64,
    },
    /// The input ended before the file did.
    #[error("input ends at offset {offset}, before the end of the file{}", in_value(.key, .type_byte))]
    Truncated {
        /// Offset of the first byte that was not used.
        offset: u64,
        /// The key whose value is cut, where one is known.
        key: Option<KeyName>,
        /// The type of that value, where it is known.
        type_byte: Option<u8>,
    },
    /// The target cannot hold this type of value. Nothing of the key was written.
    #[error("a {target} file cannot hold type {type_byte} of {dialect}{}", in_value(&Some(.key.clone()), &None))]
    Unsupported {
        /// The key that cannot be written.
        key: KeyName,
        /// The dialect in which `type_byte` is to be understood: that of the file that the value
        /// comes from, or the target's for what was made for it.
        dialect: Dialect,
        /// Its type byte; for a function library, the opcode, 245.
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

fn in_value(key: &Option<KeyName>, type_byte: &Option<u8>) -> String {
    match (key, type_byte) {
        (Some(key), Some(type_byte)) => format!(" (key {key}, type {type_byte})"),
        (Some(key), None) => format!(" (key {key})"),
        (None, Some(type_byte)) => format!(" (type {type_byte})"),
        (None, None) => String::new(),
    }
}

/// How bytes break the format's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A length's first byte announces a string's encoding where a number must stand.
    #[error("string encoding in place of a length")]
    Length,
    /// A length's first byte has no known form, see [`length`](crate::length).
    #[error("unknown form of a length")]
    LengthForm,
    /// A string's encoding is none of the four, see [`string`](crate::string).
    #[error("unknown string encoding")]
    StringEncoding,
    /// A compressed string is cut.
    #[error("compressed string is cut")]
    LzfEnd,
    /// A compressed string copies from before its start.
    #[error("compressed string refers to bytes before its start")]
    LzfReference,
    /// A compressed string gives more or fewer bytes than announced.
    #[error("compressed string has not the length that it announces")]
    LzfLength,
    /// Packed bytes are too few for their header and end. (Packed are the values of types 9 to 13, 16, 17,
    /// 20, 23 and 25, and the nodes of lists and streams.)
    #[error("packed value is too short")]
    PackedShort,
    /// The total in the header of packed bytes is not their length.
    #[error("packed value has not the size that its header says")]
    PackedSize,
    /// Packed bytes do not end with their end mark.
    #[error("packed value has no end")]
    PackedEnd,
    /// An element's first byte has no known form.
    #[error("unknown encoding in a packed value")]
    PackedEncoding,
    /// An element passes the end.
    #[error("element passes the end of its packed value")]
    PackedOverrun,
    /// The length of an element of a listpack or ziplist that its neighbour needs to step back is not its
    /// length.
    #[error("length to step back over an element is wrong")]
    PackedBackLen,
    /// A ziplist's offset of the last element is another.
    #[error("offset of a ziplist's last element is wrong")]
    PackedTail,
    /// The count in the header of packed bytes is not that of their elements.
    #[error("packed value has not as many elements as its header says")]
    PackedCount,
    /// A field without a value, a member without a score.
    #[error("packed value lacks the last part of its last element")]
    PackedPart,
    /// The width of an intset (type 11) is not 2, 4 or 8 bytes.
    #[error("unknown width of an intset")]
    IntsetWidth,
    /// An intset (type 11) is not ascending.
    #[error("intset is not in order")]
    IntsetOrder,
    /// A member or field stands twice in one value.
    #[error("duplicate element")]
    Duplicate,
    /// A key comes twice in one database.
    #[error("duplicate key")]
    DuplicateKey,
    /// A score is NaN or no number (types 3, 5, 12 and 17).
    #[error("score is not a number")]
    Score,
    /// The expiry of a hash field (types 22 to 25) is no time: below 0, or over 2^63 - 1 ms.
    #[error("expiry of a field is out of range")]
    FieldExpiry,
    /// A node of a list (type 18) is neither plain (1) nor packed (2); or a list is of another type than
    /// [`quicklist`](crate::quicklist) reads.
    #[error("unknown container of a list node")]
    Container,
    /// A database number (opcode 254) over 2^32 - 1.
    #[error("database number is out of range")]
    Database,
    /// The type (6, of Redis 4.0) or opcode (246, of Redis 7.0) was used by release candidates only, and no
    /// server reads it.
    #[error("form of a release candidate, which no server reads")]
    PreRelease,
    /// An array's (type 28) insert cursor is neither there nor not, or an element's tag is unknown.
    #[error("unknown tag in an array")]
    ArrayTag,
    /// A module's data (type 7, opcodes 243 and 247) goes on with an unknown opcode of its own.
    #[error("unknown opcode in a module's value")]
    ModuleOpcode,
    /// A stream's node has an id that is not 16 bytes. (Streams are of types 15, 19, 21, 26 and 27, here and
    /// below.)
    #[error("id of a stream node is not 16 bytes")]
    StreamId,
    /// A stream's nodes are not in ascending order.
    #[error("stream nodes are not in order")]
    StreamOrder,
    /// A stream's node is not made as entries are.
    #[error("entries of a stream node are malformed")]
    StreamEntries,
    /// A collection without elements in a DUMP payload, which no server makes a key of.
    #[error("collection without elements")]
    Empty,
    /// Bytes stand behind a value that is to be all there is.
    #[error("bytes behind the end of the value")]
    Trailing,
    /// A stream has a length but no entries.
    #[error("stream has a length and no entries")]
    StreamLength,
    /// A group or consumer of a stream stands twice.
    #[error("duplicate group or consumer of a stream")]
    StreamName,
    /// A pending id stands twice.
    #[error("duplicate pending entry of a stream")]
    StreamPending,
    /// A consumer's pending id is not pending in its group, or one of the group has no consumer.
    #[error("pending entries of a stream's consumers and group differ")]
    StreamConsumer,
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
