//! [`TypeName`]: the types of values, as filters and outputs name them.

use clap::ValueEnum;
use redwire_rdb::{KeyHeader, Kind};

/// Types of values as filters and outputs name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
#[allow(missing_docs, reason = "the names say it, and a doc comment would be text of --help")]
pub enum TypeName {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
    Module,
    /// Of Redis 8.8, known by report
    Array,
    /// Of Redis 8.8, known by report
    Gcra,
}

impl TypeName {
    /// The type of a key that begins.
    #[must_use]
    pub fn of(header: &KeyHeader<'_>) -> Self {
        match header.kind {
            Kind::String => Self::String,
            Kind::List => Self::List,
            Kind::Set => Self::Set,
            Kind::Zset => Self::Zset,
            Kind::Hash => Self::Hash,
            Kind::Opaque if header.type_byte == 7 => Self::Module,
            Kind::Opaque if header.type_byte == 28 => Self::Array,
            Kind::Opaque if header.type_byte == 33 => Self::Gcra,
            Kind::Stream | Kind::Opaque => Self::Stream,
        }
    }

    /// As TYPE answers; `module` for what servers name by the module.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Module => "module",
            Self::Array => "array",
            Self::Gcra => "gcra",
        }
    }
}
