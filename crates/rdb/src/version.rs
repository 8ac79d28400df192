//! Which format a file is in: dialect and number, as the nine magic bytes say.

use std::{fmt, str::FromStr};

/// Who defines the meaning of a type number: the first bytes of the magic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Magic `REDIS`, numbers 1 to 79.
    Redis,
    /// Magic `VALKEY`, numbers from 80 on.
    Valkey,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
        })
    }
}

/// The version of an RDB file, e.g. `REDIS0011` or `VALKEY080`.
///
/// Parses from a server's name and release (`"7.0"`, `"redis 7.2"`, `"valkey 9.1"`) and from the
/// bare number of the format (`"11"`, `"80"`). Two versions compare only within one dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    number: u16,
}

/// First number that belongs to Valkey's dialect.
const FIRST_VALKEY: u16 = 80;

impl Version {
    /// 9, Redis 5.0 to 6.2, which every later Redis and Valkey loads: ziplists (types 10 to 14), streams
    /// of type 15.
    pub const REDIS_6_0: Self = Self { number: 9 };
    /// 10, Redis 7.0: listpacks instead of ziplists (types 16 to 18), streams with counts (19), function
    /// libraries (opcode 245).
    pub const REDIS_7_0: Self = Self { number: 10 };
    /// 11, Redis 7.2 and Valkey 7.2 to 8.1: sets as listpacks (type 20), streams that tell when consumers
    /// were active (21).
    pub const REDIS_7_2: Self = Self { number: 11 };
    /// 12, Redis 7.4 to 8.4: hash fields with expiry (types 24 and 25).
    pub const REDIS_7_4: Self = Self { number: 12 };
    /// 13, Redis 8.6: streams with idempotent producers (type 26).
    pub const REDIS_8_6: Self = Self { number: 13 };
    /// 14, Redis 8.8: streams with entries given back (type 27), arrays (28). Not [verified](Self::is_verified).
    pub const REDIS_8_8: Self = Self { number: 14 };
    /// 80, Valkey 9.0 and 9.1: its own dialect, hash fields with expiry (type 22).
    pub const VALKEY_9: Self = Self { number: 80 };

    /// The version with this number, if this crate reads it: 1 to 16, 80 and 81.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1..=16 | 80 | 81 => Some(Self { number }),
            _ => None,
        }
    }

    /// The version that the nine first bytes of a file name, if this crate reads it.
    #[must_use]
    pub fn from_magic(magic: [u8; 9]) -> Option<Self> {
        let (digits, dialect) = match magic.strip_prefix(b"REDIS") {
            Some(digits) => (digits, Dialect::Redis),
            None => (magic.strip_prefix(b"VALKEY")?, Dialect::Valkey),
        };
        let mut number = 0;
        for digit in digits {
            number = number * 10 + u16::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        }
        Self::from_number(number).filter(|version| version.dialect() == dialect)
    }

    /// The nine bytes that begin a file of this version.
    #[must_use]
    pub fn magic(self) -> [u8; 9] {
        let mut magic = *b"REDIS0000";
        if self.dialect() == Dialect::Valkey {
            magic = *b"VALKEY000";
        }
        let mut rest = self.number;
        for digit in magic.iter_mut().rev().take(3) {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        magic
    }

    /// The oldest version that can hold values of all these types, and function libraries if there
    /// are any; a Redis one where both dialects could. `None` when no version holds all of it.
    ///
    /// ```
    /// use redwire_rdb::Version;
    ///
    /// assert_eq!(Version::oldest([0, 21], false), Some(Version::REDIS_7_2));
    /// assert_eq!(Version::oldest([], true), Some(Version::REDIS_7_0));
    /// ```
    #[must_use]
    pub fn oldest(type_bytes: impl IntoIterator<Item = u8>, functions: bool) -> Option<Self> {
        let types: Vec<u8> = type_bytes.into_iter().collect();
        Self::oldest_that(Dialect::Redis, |version| {
            (!functions || version.holds_functions())
                && types.iter().all(|byte| version.holds_type(*byte))
        })
    }

    /// The oldest version of which `holds` is true; where the dialects differ, from Redis 7.4 and
    /// Valkey 9 on, one of `dialect` if there is one.
    ///
    /// ```
    /// use redwire_rdb::{Dialect, Version};
    ///
    /// let newer = |version: Version| version.number() > Version::REDIS_7_2.number();
    /// assert_eq!(Version::oldest_that(Dialect::Redis, newer), Some(Version::REDIS_7_4));
    /// assert_eq!(Version::oldest_that(Dialect::Valkey, newer), Some(Version::VALKEY_9));
    /// ```
    #[must_use]
    pub fn oldest_that(dialect: Dialect, mut holds: impl FnMut(Self) -> bool) -> Option<Self> {
        let mut versions = [
            Self::REDIS_6_0,
            Self::REDIS_7_0,
            Self::REDIS_7_2,
            Self::REDIS_7_4,
            Self::REDIS_8_6,
            Self::REDIS_8_8,
            Self::VALKEY_9,
        ];
        let differs = |version: &Self| version.number > Self::REDIS_7_2.number;
        versions.sort_by_key(|version| differs(version) && version.dialect() != dialect);
        versions.into_iter().find(|version| holds(*version))
    }

    /// Whether a file of this version can hold function libraries (opcode 245, Redis 7.0).
    #[must_use]
    pub const fn holds_functions(self) -> bool {
        self.number >= Self::REDIS_7_0.number
    }

    /// Whether a file of this version can hold hashes whose fields expire (types 24 and 25 from Redis
    /// 7.4 on, 22 from Valkey 9.0 on).
    #[must_use]
    pub const fn holds_field_expiries(self) -> bool {
        match self.dialect() {
            Dialect::Redis => self.number >= Self::REDIS_7_4.number,
            Dialect::Valkey => true,
        }
    }

    /// The number as it stands in the magic: 1 to 79 for Redis, 80 on for Valkey.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.number
    }

    /// Whether a file of this version can hold a value of this type, as a server of the version
    /// would load it: what a type byte means depends on the dialect from 22 on.
    #[must_use]
    pub const fn holds_type(self, type_byte: u8) -> bool {
        crate::types::holds(self, type_byte)
    }

    /// Whether this crate was tried on files that real servers of the version wrote, and its files
    /// by them. Of 14 to 16 (Redis 8.8 and later) and 81 (Valkey 9.2) the layout is known by report
    /// only: types that are new there are handed on as the bytes that they are, or refused with
    /// their name ([`Error::KnownByName`](crate::Error::KnownByName)).
    #[must_use]
    pub const fn is_verified(self) -> bool {
        matches!(self.number, 1..=13 | FIRST_VALKEY)
    }

    /// The dialect that the number belongs to.
    #[must_use]
    pub const fn dialect(self) -> Dialect {
        if self.number >= FIRST_VALKEY { Dialect::Valkey } else { Dialect::Redis }
    }
}

impl PartialOrd for Version {
    /// Orders versions of one dialect by age; versions of two dialects have no order.
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.dialect() == other.dialect()).then(|| self.number.cmp(&other.number))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.magic()))
    }
}

/// The name is of no server and no format that this crate knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown RDB target {name:?}")]
pub struct UnknownVersion {
    /// The name as it was given.
    pub name: String,
}

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Understands `7.0`, `redis 7.0`, `redis-7.0.15`, `valkey 9.1`, `11`, `80`.
    ///
    /// # Errors
    ///
    /// [`UnknownVersion`] for anything else.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        by_name(name).ok_or_else(|| UnknownVersion { name: name.to_owned() })
    }
}

fn by_name(name: &str) -> Option<Version> {
    let lower = name.trim().to_ascii_lowercase();
    let (dialect, release) = match lower.strip_prefix("valkey") {
        Some(rest) => (Dialect::Valkey, rest),
        None => (Dialect::Redis, lower.strip_prefix("redis").unwrap_or(&lower)),
    };
    let release = release.trim_start_matches([' ', '-', '_', '=']);
    if let Ok(number) = release.parse::<u16>() {
        return Version::from_number(number);
    }
    let mut parts = release.split('.').map(str::parse::<u16>);
    let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let number = match (dialect, major, minor) {
        (Dialect::Redis, 2, 6 | 8) | (Dialect::Redis, 3, 0) => 6,
        (Dialect::Redis, 3, 2) => 7,
        (Dialect::Redis, 4, 0) => 8,
        (Dialect::Redis, 5, 0) | (Dialect::Redis, 6, 0 | 2) => 9,
        (Dialect::Redis, 7, 0) => 10,
        (Dialect::Redis | Dialect::Valkey, 7, 2) | (Dialect::Valkey, 8, 0 | 1) => 11,
        (Dialect::Redis, 7, 4) | (Dialect::Redis, 8, 0 | 2 | 4) => 12,
        (Dialect::Redis, 8, 6) => 13,
        (Dialect::Redis, 8, 8) => 14,
        (Dialect::Redis, 8, 10) => 15,
        (Dialect::Valkey, 9, 0 | 1) => 80,
        (Dialect::Valkey, 9, 2) => 81,
        _ => return None,
    };
    Version::from_number(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_and_number_name_each_other() {
        for number in (1..=16).chain([80, 81]) {
            let version = Version::from_number(number).unwrap();
            assert_eq!(Version::from_magic(version.magic()), Some(version));
            assert_eq!(number.to_string().parse(), Ok(version));
        }
        assert_eq!(Version::REDIS_7_0.to_string(), "REDIS0010");
        assert_eq!(Version::VALKEY_9.to_string(), "VALKEY080");
        for magic in [b"REDIS0080", b"VALKEY011", b"REDIS0000", b"REDIS0017", b"REDIS00-1"] {
            assert_eq!(Version::from_magic(*magic), None);
        }
    }

    #[test]
    fn servers_name_their_version() {
        for (name, version) in [
            ("6.0", Version::REDIS_6_0),
            ("redis 6.2", Version::REDIS_6_0),
            ("Redis-7.0.15", Version::REDIS_7_0),
            ("7.2", Version::REDIS_7_2),
            ("valkey 8.1", Version::REDIS_7_2),
            ("8.0", Version::REDIS_7_4),
            ("8.6", Version::REDIS_8_6),
            ("8.8", Version::REDIS_8_8),
            ("valkey 9.1", Version::VALKEY_9),
        ] {
            assert_eq!(name.parse(), Ok(version), "{name}");
        }
        for name in ["", "valkey", "9.1", "valkey 7.0", "17", "x"] {
            assert!(name.parse::<Version>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_was_tried_on_servers_is_verified() {
        let verified = (0..=100).filter_map(Version::from_number).filter(|it| it.is_verified());
        let numbers: Vec<u16> = verified.map(Version::number).collect();
        assert_eq!(numbers, (1..=13).chain([80]).collect::<Vec<u16>>());
    }

    #[test]
    fn dialects_have_no_order() {
        assert!(Version::REDIS_6_0 < Version::REDIS_7_0);
        assert_eq!(Version::REDIS_8_6.partial_cmp(&Version::VALKEY_9), None);
    }
}
