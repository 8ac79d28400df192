//! The types of the parameters that are more than a number, a switch or a path.

use std::fmt;
use std::time::Duration;

use super::grammar;
use super::setting::{Setting, Value, ValueError};

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

        impl Setting for $name {
            fn value(&self) -> Value {
                Value::Name(self.name())
            }

            fn set(&mut self, value: Value) -> Result<(), ValueError> {
                let name = value.name()?.as_bytes();
                *self = Self::from_name(name).ok_or(ValueError::Mistyped)?;
                Ok(())
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
    /// The channels that a new user may use (`acl-pubsub-default`).
    AclPubsubDefault {
        /// All of them.
        AllChannels = "allchannels",
        /// None.
        ResetChannels = "resetchannels",
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
    /// The RDB version that replicas get (`repl-rdb-version`). A number is an order: a replica that
    /// breaks off while it loads gets the same again, and the log says so.
    ReplRdbVersion {
        /// The newest that they are known to read, else the oldest that holds the data.
        Auto = "auto",
        /// The oldest that holds the data.
        Oldest = "oldest",
        /// That of Redis 6.0.
        Redis60 = "9",
        /// That of Redis 7.0.
        Redis70 = "10",
        /// That of Redis 7.2 and Valkey 8.
        Redis72 = "11",
        /// That of Redis 8.0.
        Redis80 = "12",
        /// That of Redis 8.6.
        Redis86 = "13",
        /// That of Valkey 9.
        Valkey9 = "80",
    }
}

impl ReplRdbVersion {
    /// Whether it names the version, and nothing that replicas say or do changes that.
    pub(crate) fn is_order(self) -> bool {
        !matches!(self, Self::Auto | Self::Oldest)
    }
}

named! {
    /// Whether a replica takes a full sync over two connections.
    TwoConnections {
        /// Never.
        No = "no",
        /// Until that failed twice in a row.
        Auto = "auto",
        /// Until that failed four times in a row.
        Yes = "yes",
    }
}

named! {
    /// When the segments of the backlog are synced to their medium (`repl-backlog-fsync`), in the
    /// words of Redis' `appendfsync`. It is power loss that this is about: kill -9 loses nothing.
    BacklogFsync {
        /// Before replicas may rely on what was written.
        Always = "always",
        /// A second after it was written, on a thread of its own.
        EverySec = "everysec",
        /// When the kernel thinks fit.
        No = "no",
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

/// Adds the given points to those that stand, and clears them if none is
/// given: that is how the lines of a file build the list up.
impl Setting for Vec<SavePoint> {
    fn value(&self) -> Value {
        let text = |number: u64| number.to_string().into_bytes();
        let words = self.iter().flat_map(|point| [point.period.as_secs(), point.changes]);
        Value::Words(words.map(text).collect())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let words = value.words()?;
        if words.is_empty() {
            self.clear();
            return Ok(());
        }
        let points = save_points(&words).ok_or(ValueError::Other("Invalid save parameters"))?;
        self.extend(points);
        Ok(())
    }
}

fn save_points(words: &[Vec<u8>]) -> Option<Vec<SavePoint>> {
    let (pairs, []) = words.as_chunks::<2>() else { return None };
    let number = |word: &[u8]| grammar::integer(word).and_then(|number| u64::try_from(number).ok());
    let point = |[seconds, changes]: &[Vec<u8>; 2]| {
        let seconds = number(seconds).filter(|seconds| *seconds > 0)?;
        Some(SavePoint::new(seconds, number(changes)?))
    };
    pairs.iter().map(point).collect()
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
