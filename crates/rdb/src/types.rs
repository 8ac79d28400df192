//! The numbers of the format: opcodes and value types, and how a value of each type is laid out.

use crate::{Dialect, Kind, Version};

/// Bytes that stand where a value's type may stand.
pub(crate) mod opcode {
    /// Redis 8.10: the fields of hashes that follow. Valkey 9.2: a command.
    pub(crate) const TEMPLATE: u8 = 242;
    /// Redis: module metadata of the next key. Valkey: a slot import in progress.
    pub(crate) const KEY_META: u8 = 243;
    pub(crate) const SLOT_INFO: u8 = 244;
    pub(crate) const FUNCTION: u8 = 245;
    /// Function libraries of Redis 7.0's release candidates.
    pub(crate) const FUNCTION_PRE_RELEASE: u8 = 246;
    pub(crate) const MODULE_AUX: u8 = 247;
    pub(crate) const IDLE: u8 = 248;
    pub(crate) const FREQ: u8 = 249;
    pub(crate) const AUX: u8 = 250;
    pub(crate) const RESIZE_DB: u8 = 251;
    pub(crate) const EXPIRE_MS: u8 = 252;
    pub(crate) const EXPIRE: u8 = 253;
    pub(crate) const SELECT_DB: u8 = 254;
    pub(crate) const EOF: u8 = 255;
}

/// Value types that are written.
pub(crate) mod type_byte {
    pub(crate) const STRING: u8 = 0;
    pub(crate) const LIST: u8 = 1;
    pub(crate) const SET: u8 = 2;
    pub(crate) const HASH: u8 = 4;
    pub(crate) const ZSET: u8 = 5;
    /// A module's value as Redis 4.0's release candidates wrote it.
    pub(crate) const MODULE_PRE_RELEASE: u8 = 6;
    pub(crate) const INTSET: u8 = 11;
    pub(crate) const ZSET_ZIPLIST: u8 = 12;
    pub(crate) const HASH_ZIPLIST: u8 = 13;
    pub(crate) const QUICKLIST: u8 = 14;
    pub(crate) const HASH_LISTPACK: u8 = 16;
    pub(crate) const ZSET_LISTPACK: u8 = 17;
    pub(crate) const QUICKLIST_2: u8 = 18;
    pub(crate) const SET_LISTPACK: u8 = 20;
    /// Valkey: fields that may expire.
    pub(crate) const HASH_EXPIRING_VALKEY: u8 = 22;
    /// Redis: fields that may expire.
    pub(crate) const HASH_EXPIRING: u8 = 24;
}

/// Types from this one on are of one dialect.
const FIRST_OF_ONE_DIALECT: u8 = 22;

/// Quicklist nodes of type 18.
pub(crate) mod container {
    pub(crate) const PLAIN: u64 = 1;
    pub(crate) const PACKED: u64 = 2;
}

/// How a value is laid out behind its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    String,
    /// A count and as many items.
    Plain(Item),
    /// One string that packs the value.
    Packed(Layout),
    /// The least expiry of the fields (8 bytes), then as `Packed`.
    PackedExpiring(Layout),
    /// A count and as many ziplists.
    Quicklist,
    /// A count and as many nodes, each after its container.
    Quicklist2,
    Stream(StreamType),
    Module,
    /// Type 28, Redis 8.8: elements by their index.
    Array,
    /// Type 33: a number of microseconds.
    Gcra,
}

/// What repeats in a value of [`Shape::Plain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    ListElement,
    SetMember,
    /// A member and its score as text.
    TextScored,
    /// A member and its score as f64 LE.
    Scored,
    Field,
    /// A field, its value and i64 LE: expiry in ms or -1.
    FieldThenExpiry,
    /// Expiry in ms or 0 as length, a field, its value.
    ExpiryThenField,
    /// As before, but the expiry counts from one less than the least of the fields, which stands
    /// before the count (8 bytes).
    RelativeExpiryThenField,
}

/// How a packed value is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) form: Form,
    pub(crate) parts: Parts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Zipmap,
    Ziplist,
    Listpack,
    Intset,
}

/// What repeats in a packed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    ListElement,
    SetMember,
    Scored,
    Field,
    /// Field, value, expiry in ms or 0.
    ExpiringField,
}

/// What came to a stream's layout over time; each has all of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StreamType {
    /// Type 15, Redis 5.0.
    First,
    /// Type 19, Redis 7.0: first id, greatest deleted id, entries added, entries read.
    Counted,
    /// Type 21, Redis 7.2: a consumer's active time.
    Active,
    /// Type 26, Redis 8.6: producers and the ids they added.
    Idempotent,
    /// Type 27, Redis 8.8: pending entries that a consumer gave back.
    GivenBack,
}

impl Shape {
    /// How type `byte` of a file of `version` is laid out; `None` when the version has no such
    /// type that this crate knows.
    pub(crate) const fn of(version: Version, byte: u8) -> Option<Self> {
        let shape = match byte {
            0 => Self::String,
            1 => Self::Plain(Item::ListElement),
            2 => Self::Plain(Item::SetMember),
            3 => Self::Plain(Item::TextScored),
            4 => Self::Plain(Item::Field),
            5 => Self::Plain(Item::Scored),
            7 => Self::Module,
            9 => Self::packed(Form::Zipmap, Parts::Field),
            10 => Self::packed(Form::Ziplist, Parts::ListElement),
            11 => Self::packed(Form::Intset, Parts::SetMember),
            12 => Self::packed(Form::Ziplist, Parts::Scored),
            13 => Self::packed(Form::Ziplist, Parts::Field),
            14 => Self::Quicklist,
            15 => Self::Stream(StreamType::First),
            16 => Self::packed(Form::Listpack, Parts::Field),
            17 => Self::packed(Form::Listpack, Parts::Scored),
            18 => Self::Quicklist2,
            19 => Self::Stream(StreamType::Counted),
            20 => Self::packed(Form::Listpack, Parts::SetMember),
            21 => Self::Stream(StreamType::Active),
            _ => return Self::of_dialect(version, byte),
        };
        Some(shape)
    }

    const fn of_dialect(version: Version, byte: u8) -> Option<Self> {
        let expiring = Layout { form: Form::Listpack, parts: Parts::ExpiringField };
        let shape = match (version.dialect(), byte) {
            (Dialect::Valkey, 22) => Self::Plain(Item::FieldThenExpiry),
            // 22 and 23 are of Redis 7.4's release candidates.
            (Dialect::Redis, 22) => Self::Plain(Item::ExpiryThenField),
            (Dialect::Redis, 23) => Self::Packed(expiring),
            (Dialect::Redis, 24) => Self::Plain(Item::RelativeExpiryThenField),
            (Dialect::Redis, 25) => Self::PackedExpiring(expiring),
            (Dialect::Redis, 26) => Self::Stream(StreamType::Idempotent),
            (Dialect::Redis, 27..) if version.number() < 14 => return None,
            (Dialect::Redis, 27) => Self::Stream(StreamType::GivenBack),
            (Dialect::Redis, 28) => Self::Array,
            (Dialect::Redis, 33) => Self::Gcra,
            _ => return None,
        };
        Some(shape)
    }

    const fn packed(form: Form, parts: Parts) -> Self {
        Self::Packed(Layout { form, parts })
    }

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::String => Kind::String,
            Self::Plain(item) => item.kind(),
            Self::Packed(layout) | Self::PackedExpiring(layout) => layout.parts.kind(),
            Self::Quicklist | Self::Quicklist2 => Kind::List,
            Self::Module | Self::Array | Self::Gcra | Self::Stream(StreamType::GivenBack) => {
                Kind::Opaque
            }
            Self::Stream(_) => Kind::Stream,
        }
    }
}

impl Item {
    const fn kind(self) -> Kind {
        match self {
            Self::ListElement => Kind::List,
            Self::SetMember => Kind::Set,
            Self::TextScored | Self::Scored => Kind::Zset,
            Self::Field
            | Self::FieldThenExpiry
            | Self::ExpiryThenField
            | Self::RelativeExpiryThenField => Kind::Hash,
        }
    }
}

impl Parts {
    const fn kind(self) -> Kind {
        match self {
            Self::ListElement => Kind::List,
            Self::SetMember => Kind::Set,
            Self::Scored => Kind::Zset,
            Self::Field | Self::ExpiringField => Kind::Hash,
        }
    }
}

/// The name of a type or opcode that files of `version` may have, of which no more than the name is
/// known, or accounts of its layout differ.
pub(crate) const fn known_by_name(version: Version, byte: u8) -> Option<&'static str> {
    match (version.dialect(), byte) {
        (Dialect::Redis, 29 | 31) if version.number() >= 15 => Some("a hash with its template"),
        (Dialect::Redis, 30 | 32) if version.number() >= 15 => Some("a hash of a template"),
        (Dialect::Redis, opcode::TEMPLATE) if version.number() >= 15 => Some("a hash template"),
        (Dialect::Valkey, 23) if version.number() >= 81 => Some("a path hash"),
        (Dialect::Valkey, opcode::TEMPLATE) if version.number() >= 81 => Some("an update"),
        _ => None,
    }
}

/// Whether a file of `target` can hold a value of type `byte`.
pub(crate) const fn holds(target: Version, byte: u8) -> bool {
    match target.dialect() {
        Dialect::Redis => target.number() >= redis_since(byte),
        // The types of Redis 7.2 were those of the first Valkey; 22 is its own.
        Dialect::Valkey => redis_since(byte) <= 11 || byte == 22,
    }
}

/// Whether a file of `target` can hold a value of type `byte` of `dialect` as it stands: from 22 on
/// each dialect has its own types, and a number of one is another type, or none, in the other.
pub(crate) fn holds_of(target: Version, dialect: Dialect, byte: u8) -> bool {
    holds(target, byte) && (byte < FIRST_OF_ONE_DIALECT || dialect == target.dialect())
}

/// Whether type `byte` of `dialect` is a stream, which can be converted for every target. Those from
/// 22 on are Redis'.
pub(crate) fn is_stream(dialect: Dialect, byte: u8) -> bool {
    StreamType::has_type_byte(byte) && (byte < FIRST_OF_ONE_DIALECT || dialect == Dialect::Redis)
}

/// The first Redis version with a type that a release wrote.
const fn redis_since(byte: u8) -> u16 {
    match byte {
        0..=4 => 1,
        9 => 2,
        10..=12 => 3,
        13 => 4,
        14 => 7,
        5 | 7 => 8,
        15 => 9,
        16..=19 => 10,
        20 | 21 => 11,
        24 | 25 => 12,
        26 => 13,
        27 | 28 | 33 => 14,
        _ => u16::MAX,
    }
}
