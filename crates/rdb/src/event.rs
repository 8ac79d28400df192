//! What a [`Decoder`](crate::Decoder) finds in a file, piece by piece.

use crate::{Version, stream::StreamPart};

/// One step of [`Decoder::decode`](crate::Decoder::decode).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decoded<'a> {
    /// Bytes of `unread` that are done with, to be dropped before the next call. Can be 0 beside
    /// an event (more of the same bytes' events follow) and more than 0 beside none.
    pub used: usize,
    /// What was found; `None` when more bytes are needed first.
    pub event: Option<Event<'a>>,
}

/// A piece of an RDB file, borrowed from the input or from the decoder.
///
/// A file is `Start`, then any of the others, then `End`. A key is `Key`, then its value's events
/// (`String`, `StringPart`, `Element`, `Scored`, `Field`, `Stream` or `Opaque`, as [`Kind`] says), then `KeyEnd`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The magic, the file's first nine bytes: its version.
    Start(Version),
    /// Opcode 250, a note about the file such as `redis-ver` or `repl-id`.
    Aux {
        /// The note's name.
        key: &'a [u8],
        /// The note's text; numbers as decimal digits.
        value: &'a [u8],
    },
    /// Opcode 245, the source of a function library.
    Function(&'a [u8]),
    /// Opcode 254: the keys that follow are of this database.
    SelectDb(u32),
    /// Opcode 251, a hint: sizes of the current database's tables. Announced, not proven: never
    /// allocate for it beyond reason.
    ResizeDb {
        /// Keys in the database.
        keys: u64,
        /// Keys with an expiry.
        expires: u64,
    },
    /// Opcode 244 of a cluster node, a hint as `ResizeDb` is.
    SlotInfo {
        /// The hash slot, 0 to 16383 of what servers write.
        slot: u64,
        /// Keys in the slot.
        keys: u64,
        /// Keys with an expiry in the slot.
        expires: u64,
    },
    /// Opcode 247, a module's data outside of keys: the bytes after the opcode as they stand.
    ModuleAux(&'a [u8]),
    /// Opcode 243 of Redis 8.6, module metadata of the key that follows: the bytes after the
    /// opcode as they stand.
    KeyMeta(&'a [u8]),
    /// Opcode 243 of Valkey 9, a slot import in progress: the bytes after the opcode as they stand.
    SlotImport(&'a [u8]),
    /// A key begins: its type byte, its name, and what the opcodes before them say of it (248, 249, 252 and
    /// 253).
    Key(KeyHeader<'a>),
    /// The value of a string key (type 0). Integers are delivered as decimal digits, here and below.
    String(&'a [u8]),
    /// A piece of the value of a string key (type 0), where
    /// [`DecodeOptions::string_pieces`](crate::DecodeOptions::string_pieces) wants long ones in
    /// pieces; never empty. Such a value is one or more of these and no `String`.
    StringPart {
        /// The bytes behind those of the piece before.
        bytes: &'a [u8],
        /// How many bytes of the string follow, as they are after decompression: 0 at the last piece.
        left: u64,
    },
    /// An element of a list (types 1, 10, 14 and 18; head first) or a member of a set (2, 11 and 20).
    Element(&'a [u8]),
    /// A member of a sorted set (types 3, 5, 12 and 17) and its score, never NaN.
    Scored(&'a [u8], f64),
    /// A field of a hash (types 4, 9, 13, 16, and with expiries 22 to 25).
    Field {
        /// The field's name.
        field: &'a [u8],
        /// Its value.
        value: &'a [u8],
        /// When the field expires, in ms since the Unix epoch; `None` where it does not.
        expires_ms: Option<u64>,
    },
    /// A piece of a stream (types 15, 19, 21 and 26).
    Stream(StreamPart<'a>),
    /// A value that is handed on as it stands: a module's, those for which
    /// [`DecodeOptions`](crate::DecodeOptions) say so, and those of types 27, 28 and 33 (streams with
    /// entries given back, arrays and rate limits of Redis 8.8), whose layout is known by report and
    /// not [verified](Version::is_verified). Its structure was walked and checked.
    Opaque {
        /// The value's type in the file's dialect. Without `opaque_values`, those that only one
        /// dialect has are Redis'.
        type_byte: u8,
        /// The bytes after the key, as they stand in the file.
        body: &'a [u8],
    },
    /// The key's value is complete.
    KeyEnd {
        /// The collection had no element; false for what is opaque. Servers drop such a key with a
        /// warning when they load a file.
        empty: bool,
    },
    /// Opcode 255, the end of the file, its checksum compared; or of a value that has no key. [`Decoded::used`] leaves what follows untouched.
    End,
}

/// What stands in front of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHeader<'a> {
    /// The key's name.
    pub key: &'a [u8],
    /// When the key expires, in ms since the Unix epoch (opcode 252; or 253, in seconds), `None` for no
    /// expiry. A time before 1970 is given as 0.
    pub expire_ms: Option<u64>,
    /// Seconds since the last access (opcode 248), in files of a server with an LRU policy.
    pub idle: Option<u64>,
    /// Access frequency counter, logarithmic (opcode 249), in files of a server with an LFU policy.
    pub freq: Option<u8>,
    /// Which events the value consists of.
    pub kind: Kind,
    /// The value's type byte, to be read in the file's dialect.
    pub type_byte: u8,
}

/// The kinds of values, as far as the events differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Type 0: one [`Event::String`], or [`Event::StringPart`]s.
    String,
    /// Types 1, 10, 14 and 18: [`Event::Element`]s, head first.
    List,
    /// Types 2, 11 and 20: [`Event::Element`]s in any order.
    Set,
    /// Types 3, 5, 12 and 17: [`Event::Scored`] in any order.
    Zset,
    /// Types 4, 9, 13, 16, 22 (Valkey), 24 and 25, and 22 and 23 of Redis 7.4's release candidates:
    /// [`Event::Field`]s in any order.
    Hash,
    /// Types 15, 19, 21 and 26: [`Event::Stream`]s, in the order of the format.
    Stream,
    /// One [`Event::Opaque`]: a module's value (type 7), one of an unverified type, or one that is wanted so.
    Opaque,
}
