//! [`Categories`]: the kinds of commands that rules can name (`+@read`).

use crate::command::{Command, Flags};

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

    /// Those of a command without subcommands, or of one of group `group` as `COMMAND DOCS` has it:
    /// what follows from its flags, and what does not.
    pub(super) fn of(command: &Command, group: &str) -> Self {
        if group == "scripting" {
            // What a script reads and writes is checked as it runs.
            return Self::SCRIPTING.with(Self::SLOW);
        }
        let by_flag = Self::of_flags(command.flags);
        let by_name = EXCEPTIONS.iter().find(|(names, _)| names.contains(&command.name));
        by_flag.with(by_name.map_or_else(|| Self::of_group(group), |(_, categories)| *categories))
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

    fn of_group(group: &str) -> Self {
        match group {
            "generic" => Self::KEYSPACE,
            "sorted-set" => Self::SORTEDSET,
            "transactions" => Self::TRANSACTION,
            group => Self::named(group.as_bytes()).unwrap_or(Self::NONE),
        }
    }
}

/// Commands whose categories are not those of their group.
const EXCEPTIONS: &[(&[&str], Categories)] = &[
    (
        &["flushall", "flushdb", "keys", "migrate", "restore", "restore-asking", "swapdb"],
        Categories::KEYSPACE.with(Categories::DANGEROUS),
    ),
    (&["dbsize"], Categories::KEYSPACE),
    (
        &["sort", "sort_ro"],
        Categories::LIST
            .with(Categories::SET)
            .with(Categories::SORTEDSET)
            .with(Categories::DANGEROUS),
    ),
    (&["auth", "command", "hello", "quit", "reset", "wait", "waitaof"], Categories::CONNECTION),
    (&["info"], Categories::DANGEROUS),
    (&["lastsave", "replicaof", "role", "slaveof"], Categories::ADMIN.with(Categories::DANGEROUS)),
];
