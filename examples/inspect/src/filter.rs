//! Which keys a command looks at.

use clap::{Args, ValueEnum};
use redwire_keyspace::glob_matches;
use redwire_rdb::{KeyHeader, entry::Entry};
use redwire_tools::TypeName;
use regex::bytes::Regex;

use crate::clock;

/// Filters; a key must pass all that are given.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Only keys that match one of these patterns, with `*`, `?` and `[a-z]` as in KEYS
    #[arg(long, short, value_name = "GLOB")]
    key: Vec<String>,
    /// Only keys in which one of these regular expressions is found
    #[arg(long, value_name = "REGEX")]
    key_regex: Vec<Regex>,
    /// Only keys of these types
    #[arg(long = "type", short, value_name = "TYPE", value_delimiter = ',')]
    types: Vec<TypeName>,
    /// Only keys of these databases
    #[arg(long, short, value_name = "NUMBER", value_delimiter = ',')]
    db: Vec<u32>,
    /// Only keys of at least so many bytes in the file
    #[arg(long, value_name = "BYTES")]
    min_size: Option<u64>,
    /// Only keys of at most so many bytes in the file
    #[arg(long, value_name = "BYTES")]
    max_size: Option<u64>,
    /// Only keys in this state
    #[arg(long, value_name = "STATE")]
    expiry: Option<Expiry>,
}

/// A key's state with regard to its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Expiry {
    /// No expiry
    Never,
    /// An expiry, past or not
    Any,
    /// Expired by now
    Expired,
    /// Not expired by now
    Alive,
}

impl Filter {
    /// Whether a key passes, as far as its head tells.
    pub(crate) fn admits(&self, db: u32, header: &KeyHeader<'_>) -> bool {
        (self.db.is_empty() || self.db.contains(&db))
            && (self.types.is_empty() || self.types.contains(&TypeName::of(header)))
            && self.admits_expiry(header.expire_ms)
            && self.admits_name(header.key)
    }

    /// Whether a key of `bytes` passes, as far as its size tells.
    pub(crate) fn admits_size(&self, bytes: u64) -> bool {
        self.min_size.is_none_or(|least| bytes >= least)
            && self.max_size.is_none_or(|most| bytes <= most)
    }

    /// Whether a key that is there whole passes.
    pub(crate) fn admits_entry(&self, entry: &Entry<'_>) -> bool {
        self.admits(entry.db, &entry.header) && self.admits_size(entry.bytes)
    }

    /// Whether a key must be seen whole before it is known to pass.
    pub(crate) fn has_size(&self) -> bool {
        self.min_size.is_some() || self.max_size.is_some()
    }

    /// Whether any filter is given.
    pub(crate) fn is_any(&self) -> bool {
        self.has_size()
            || self.expiry.is_some()
            || !(self.key.is_empty()
                && self.key_regex.is_empty()
                && self.types.is_empty()
                && self.db.is_empty())
    }

    fn admits_name(&self, key: &[u8]) -> bool {
        if self.key.is_empty() && self.key_regex.is_empty() {
            return true;
        }
        self.key.iter().any(|pattern| matches_as_keys(pattern.as_bytes(), key))
            || self.key_regex.iter().any(|regex| regex.is_match(key))
    }

    fn admits_expiry(&self, expire_ms: Option<u64>) -> bool {
        match self.expiry {
            None => true,
            Some(Expiry::Never) => expire_ms.is_none(),
            Some(Expiry::Any) => expire_ms.is_some(),
            Some(Expiry::Expired) => expire_ms.is_some_and(|ms| ms <= clock::unix_ms()),
            Some(Expiry::Alive) => expire_ms.is_none_or(|ms| ms > clock::unix_ms()),
        }
    }
}

/// Whether KEYS finds `key` by `pattern`: it takes a lone star for all, the empty key included.
fn matches_as_keys(pattern: &[u8], key: &[u8]) -> bool {
    pattern == b"*" || glob_matches(pattern, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_keys_does() {
        for (pattern, text, is) in [
            ("user:*", "user:1", true),
            ("user:*", "users", false),
            ("h?llo", "hello", true),
            ("h[^e]llo", "hello", false),
            ("h[a-e]llo", "hello", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*a*b*", "xxaxxbxx", true),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(
                matches_as_keys(pattern.as_bytes(), text.as_bytes()),
                is,
                "{pattern} {text}"
            );
        }
    }
}
