//! [`Categories`]: the kinds of commands that rules can name (`+@read`).

use crate::command::{Command, Flags};
use crate::commands::reference;

/// A set of ACL categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Categories(u32);

macro_rules! categories {
    ($($name:ident $text:literal,)+) => {
        #[allow(missing_docs, reason = "each is the category of that name")]
        impl Categories {
            categories!(@bits 0u32; $($name)+);

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),+];
        }
    };
    (@bits $bit:expr; $name:ident $($rest:ident)*) => {
        pub const $name: Self = Self(1 << $bit);
        categories!(@bits $bit + 1; $($rest)*);
    };
    (@bits $bit:expr;) => {};
}

// In the order in which `ACL CAT` lists them.
categories! {
    KEYSPACE "keyspace",
    READ "read",
    WRITE "write",
    SET "set",
    SORTEDSET "sortedset",
    LIST "list",
    HASH "hash",
    STRING "string",
    BITMAP "bitmap",
    HYPERLOGLOG "hyperloglog",
    GEO "geo",
    STREAM "stream",
    PUBSUB "pubsub",
    ADMIN "admin",
    FAST "fast",
    SLOW "slow",
    BLOCKING "blocking",
    DANGEROUS "dangerous",
    CONNECTION "connection",
    TRANSACTION "transaction",
    SCRIPTING "scripting",
}

impl Categories {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// The category of this name, in whatever case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let named = |known: &&(Self, &str)| name.eq_ignore_ascii_case(known.1.as_bytes());
        Self::NAMES.iter().find(named).map(|(category, _)| *category)
    }

    /// Every name, in the order in which `ACL CAT` lists them.
    pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
        Self::NAMES.iter().map(|(_, name)| *name)
    }

    /// These and `other`'s.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `other` is among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those of a command: where Redis has one of the name, its; else what follows from the flags.
    pub(crate) fn of(command: &Command) -> Self {
        let known = reference::find(command.name);
        known.map_or_else(|| Self::of_flags(command.flags), |known| Self::listed(&known.categories))
    }

    /// Those of these names, each with its `@`.
    pub(crate) fn listed(names: &[&str]) -> Self {
        let named = |name: &&str| Self::named(name.strip_prefix('@')?.as_bytes());
        names.iter().filter_map(named).fold(Self::NONE, Self::with)
    }

    /// Their names, in the order in which `ACL CAT` lists them.
    pub(crate) fn each(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(category, _)| self.has(*category)).map(|(_, name)| *name)
    }

    fn of_flags(flags: Flags) -> Self {
        [
            (Flags::WRITE, Self::WRITE),
            (Flags::READONLY, Self::READ),
            (Flags::ADMIN, Self::ADMIN.with(Self::DANGEROUS)),
            (Flags::PUBSUB, Self::PUBSUB),
            (Flags::BLOCKING, Self::BLOCKING),
        ]
        .into_iter()
        .filter(|(flag, _)| flags.has(*flag))
        .fold(Self::speed(flags.has(Flags::FAST)), |all, (_, category)| all.with(category))
    }

    const fn speed(fast: bool) -> Self {
        if fast { Self::FAST } else { Self::SLOW }
    }
}
