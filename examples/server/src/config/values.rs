//! The types of the parameters that are more than a number, a switch or a path.

use std::fmt;
use std::time::Duration;

/// Defines an enum whose variants carry the name that redis.conf uses.
macro_rules! named {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every name, in the order in which an error lists them.
            pub(crate) const NAMES: &'static [&'static str] = &[$($text,)+];

            /// The name in redis.conf.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The variant of a name, whatever its case.
            pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
                $(if name.eq_ignore_ascii_case($text.as_bytes()) {
                    return Some(Self::$variant);
                })+
                None
            }
        }
    };
}

named! {
    /// How urgent a log line is, the least urgent first.
    LogLevel {
        /// For developers.
        Debug = "debug",
        /// Rarely useful details.
        Verbose = "verbose",
        /// What an operator of a production server wants to see.
        Notice = "notice",
        /// What an operator must see.
        Warning = "warning",
    }
}

named! {
    /// Who may use a feature that is off by default (`enable-debug-command`).
    DebugAccess {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Clients of this host.
        Local = "local",
    }
}

impl DebugAccess {
    /// Whether a client may, given whether it is of this host.
    pub(crate) fn allows(self, client_is_local: bool) -> bool {
        match self {
            Self::No => false,
            Self::Yes => true,
            Self::Local => client_is_local,
        }
    }
}

named! {
    /// Whether a replica loads a full sync from its socket or by way of a file.
    DisklessLoad {
        /// By way of a file.
        Disabled = "disabled",
        /// From the socket when the replica holds no data.
        OnEmptyDb = "on-empty-db",
        /// From the socket, the old data served until the load is complete.
        SwapDb = "swapdb",
    }
}

named! {
    /// The service manager to tell that the server is ready.
    Supervised {
        /// systemd, through `$NOTIFY_SOCKET`.
        Systemd = "systemd",
        /// systemd when `$NOTIFY_SOCKET` is set, else none.
        Auto = "auto",
        /// None.
        No = "no",
    }
}

/// One address of `bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BindAddress {
    /// Host name or address; `*` and `::*` are all of IPv4 and of IPv6.
    pub(crate) host: String,
    /// Whether the server starts even if it cannot listen here (a leading `-`).
    pub(crate) optional: bool,
}

impl BindAddress {
    /// An address that the server must be able to listen on.
    pub(crate) fn required(host: &str) -> Self {
        Self { host: host.to_owned(), optional: false }
    }

    /// An address that the server does without if the host has not got it.
    pub(crate) fn optional(host: &str) -> Self {
        Self { host: host.to_owned(), optional: true }
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.optional { "-" } else { "" }, self.host)
    }
}

/// Host and port of a primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host name or address.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.host, self.port)
    }
}

/// One condition of `save`: this many changes within this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SavePoint {
    /// Time since the last save.
    pub(crate) period: Duration,
    /// Changes since the last save.
    pub(crate) changes: u64,
}

impl SavePoint {
    /// A condition of `seconds` and `changes`.
    pub(crate) const fn new(seconds: u64, changes: u64) -> Self {
        Self { period: Duration::from_secs(seconds), changes }
    }
}

impl fmt::Display for SavePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.period.as_secs(), self.changes)
    }
}

/// Limits on the reply bytes that wait for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputLimit {
    /// Bytes at which the client is closed at once; 0 is no limit.
    pub(crate) hard: u64,
    /// Bytes above which the client is closed after `soft_period`; 0 is no limit.
    pub(crate) soft: u64,
    /// Time that a client may stay above `soft`.
    pub(crate) soft_period: Duration,
}

impl OutputLimit {
    /// Limits in bytes, bytes and seconds.
    pub(crate) const fn new(hard: u64, soft: u64, soft_seconds: u64) -> Self {
        Self { hard, soft, soft_period: Duration::from_secs(soft_seconds) }
    }
}

impl fmt::Display for OutputLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.hard, self.soft, self.soft_period.as_secs())
    }
}

/// `client-output-buffer-limit`: limits for each class of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputLimits {
    /// Ordinary clients.
    pub(crate) normal: OutputLimit,
    /// Replicas.
    pub(crate) replica: OutputLimit,
    /// Clients with a subscription.
    pub(crate) pubsub: OutputLimit,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            normal: OutputLimit::new(0, 0, 0),
            replica: OutputLimit::new(256 << 20, 64 << 20, 60),
            pubsub: OutputLimit::new(32 << 20, 8 << 20, 60),
        }
    }
}

impl fmt::Display for OutputLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // CONFIG GET of Redis still says slave here.
        write!(f, "normal {} slave {} pubsub {}", self.normal, self.replica, self.pubsub)
    }
}

/// A password, which no debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    /// Wraps a password.
    pub(crate) fn new(password: impl Into<Vec<u8>>) -> Self {
        Self(password.into())
    }

    /// The password.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// `notify-keyspace-events`: which events are published, and on which channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyspaceEvents(u16);

/// The letters of single classes, in the order in which Redis prints them
/// (which leaves `n` out after `A`, and so loses it; here it stays); bit `n` of [`KeyspaceEvents`] is letter `n`.
const EVENT_LETTERS: &[u8; 14] = b"g$lshzxetdnKEm";
/// The classes that `A` stands for: all up to and with `d`.
const EVENT_ALL: u16 = 0b11_1111_1111;

impl KeyspaceEvents {
    /// Commands on keys of any type, as DEL or RENAME (`g`).
    pub(crate) const GENERIC: Self = Self(1);
    /// Commands on strings (`$`).
    pub(crate) const STRING: Self = Self(1 << 1);
    /// Commands on lists (`l`).
    pub(crate) const LIST: Self = Self(1 << 2);
    /// Commands on sets (`s`).
    pub(crate) const SET: Self = Self(1 << 3);
    /// Commands on hashes (`h`).
    pub(crate) const HASH: Self = Self(1 << 4);
    /// Commands on sorted sets (`z`).
    pub(crate) const ZSET: Self = Self(1 << 5);
    /// Keys that expired (`x`).
    pub(crate) const EXPIRED: Self = Self(1 << 6);
    /// Keys that were evicted (`e`).
    pub(crate) const EVICTED: Self = Self(1 << 7);
    /// Commands on streams (`t`).
    pub(crate) const STREAM: Self = Self(1 << 8);
    /// Keys of modules' types (`d`).
    pub(crate) const MODULE: Self = Self(1 << 9);
    /// New keys (`n`).
    pub(crate) const NEW: Self = Self(1 << 10);
    /// Publish on `__keyspace@<db>__` (`K`).
    pub(crate) const KEYSPACE: Self = Self(1 << 11);
    /// Publish on `__keyevent@<db>__` (`E`).
    pub(crate) const KEYEVENT: Self = Self(1 << 12);
    /// Reads of keys that do not exist (`m`).
    pub(crate) const KEY_MISS: Self = Self(1 << 13);

    /// No event.
    pub(crate) const fn empty() -> Self {
        Self(0)
    }

    /// Whether every class of `other` is among these.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads the letters of redis.conf; `None` if one of them names no class.
    pub(crate) fn from_letters(letters: &[u8]) -> Option<Self> {
        letters.iter().try_fold(Self::empty(), |events, letter| {
            if *letter == b'A' {
                return Some(Self(events.0 | EVENT_ALL));
            }
            let bit = EVENT_LETTERS.iter().position(|known| known == letter)?;
            Some(Self(events.0 | 1 << bit))
        })
    }
}

impl fmt::Display for KeyspaceEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0 & EVENT_ALL == EVENT_ALL;
        if all {
            f.write_str("A")?;
        }
        for (bit, letter) in EVENT_LETTERS.iter().enumerate() {
            let class = 1 << bit;
            if self.0 & class != 0 && !(all && EVENT_ALL & class != 0) {
                write!(f, "{}", char::from(*letter))?;
            }
        }
        Ok(())
    }
}
