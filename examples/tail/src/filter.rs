//! What of a master's data and changes is wanted.

use clap::Args;
use redwire::keyspace::{Keyspace, NoHost, Settings, glob_matches};
use redwire::rdb::KeyHeader;
use redwire::resp::Request;
use redwire_tools::TypeName;

/// Filters; a key or command must pass all that are given.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Patterns {
    /// Only keys that match one of these patterns, with `*`, `?` and `[a-z]` as in KEYS; a command
    /// with several keys passes with one
    #[arg(long, short, value_name = "GLOB")]
    key: Vec<String>,
    /// Only keys of these types; commands that any type takes (DEL, EXPIRE) pass
    #[arg(long = "type", short, value_name = "TYPE", value_delimiter = ',')]
    types: Vec<TypeName>,
    /// Only these databases
    #[arg(long, short, value_name = "NUMBER", value_delimiter = ',')]
    pub(crate) db: Vec<u32>,
}

/// The filters, and what tells where a command's keys stand.
#[derive(Debug)]
pub(crate) struct Filter {
    patterns: Patterns,
    commands: Keyspace,
}

impl Filter {
    pub(crate) fn new(patterns: Patterns) -> Self {
        Self { patterns, commands: Keyspace::new(Settings::default(), 0) }
    }

    /// Whether a key of the snapshot is wanted.
    pub(crate) fn admits_key(&self, db: u32, header: &KeyHeader<'_>) -> bool {
        self.admits_db(db)
            && self.admits_type(Some(TypeName::of(header)))
            && self.admits_name(header.key)
    }

    /// Whether a command of the stream is wanted. What is about no key, a FLUSHALL say, is about
    /// all of them.
    pub(crate) fn admits_command(&self, db: u32, request: Request<'_>) -> bool {
        let all = request.name().eq_ignore_ascii_case(b"flushall")
            || request.name().eq_ignore_ascii_case(b"swapdb");
        if all {
            return true;
        }
        if !self.admits_db(db) || !self.admits_type(type_of_command(request.name())) {
            return false;
        }
        if self.patterns.key.is_empty() {
            return true;
        }
        let known = self.commands.command(&NoHost, request);
        match known.and_then(|command| command.keys.of(request)) {
            Some(keys) => keys.is_empty() || keys.into_iter().any(|key| self.admits_name(key)),
            // Of a command that we do not know the first argument is the likeliest.
            None => request.arg(1).is_none_or(|key| self.admits_name(key)),
        }
    }

    fn admits_db(&self, db: u32) -> bool {
        self.patterns.db.is_empty() || self.patterns.db.contains(&db)
    }

    fn admits_type(&self, kind: Option<TypeName>) -> bool {
        let types = &self.patterns.types;
        types.is_empty() || kind.is_none_or(|kind| types.contains(&kind))
    }

    fn admits_name(&self, key: &[u8]) -> bool {
        let patterns = &self.patterns.key;
        // KEYS takes a lone star for all, the empty key included.
        let matches = |pattern: &String| pattern == "*" || glob_matches(pattern.as_bytes(), key);
        patterns.is_empty() || patterns.iter().any(matches)
    }
}

/// The type that a command of a master's stream is about, if it is about one.
fn type_of_command(name: &[u8]) -> Option<TypeName> {
    const STRINGS: [&str; 18] = [
        "set",
        "setex",
        "psetex",
        "setnx",
        "getset",
        "getdel",
        "getex",
        "mset",
        "msetnx",
        "append",
        "incr",
        "incrby",
        "incrbyfloat",
        "decr",
        "decrby",
        "setrange",
        "setbit",
        "bitfield",
    ];
    const SETS: [&str; 7] =
        ["sadd", "srem", "smove", "spop", "sinterstore", "sunionstore", "sdiffstore"];
    const LISTS: [&str; 13] = [
        "lpush",
        "rpush",
        "lpushx",
        "rpushx",
        "lpop",
        "rpop",
        "lset",
        "lrem",
        "ltrim",
        "linsert",
        "lmove",
        "lmpop",
        "rpoplpush",
    ];
    let name = name.to_ascii_lowercase();
    let name = std::str::from_utf8(&name).unwrap_or_default();
    match name {
        _ if STRINGS.contains(&name) || name.starts_with("pf") => Some(TypeName::String),
        _ if SETS.contains(&name) => Some(TypeName::Set),
        _ if LISTS.contains(&name) => Some(TypeName::List),
        _ if name.contains('.') => Some(TypeName::Module),
        _ if name.starts_with('h') => Some(TypeName::Hash),
        _ if name.starts_with('z') || name.starts_with("geo") => Some(TypeName::Zset),
        _ if name.starts_with('x') => Some(TypeName::Stream),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redwire::resp::RequestBuf;

    #[test]
    fn commands_pass_by_keys_types_and_databases() {
        let patterns = Patterns {
            key: vec!["user:*".into()],
            types: vec![TypeName::Hash, TypeName::String],
            db: vec![0, 2],
        };
        let filter = Filter::new(patterns);
        for (db, words, passes) in [
            (0, "SET user:1 v", true),
            (1, "SET user:1 v", false),
            (2, "hset user:1 f v", true),
            (0, "HSET other f v", false),
            (0, "LPUSH user:1 v", false),
            (0, "DEL other user:1", true),
            (0, "DEL other", false),
            (0, "MSET a 1 user:2 2", true),
            (0, "MSET a user:2", false),
            (7, "FLUSHALL", true),
            (0, "FLUSHDB", true),
            (7, "FLUSHDB", false),
            (0, "NEWCOMMAND user:1", true),
            (0, "NEWCOMMAND other", false),
            (0, "XADD user:1 * f v", false),
            (0, "RENAME user:1 other", true),
        ] {
            let request = RequestBuf::from_args(words.split(' '));
            assert_eq!(filter.admits_command(db, request.as_request()), passes, "{db} {words}");
        }
        let filter = Filter::new(Patterns::default());
        let request = RequestBuf::from_args(["ANY", "thing"]);
        assert!(filter.admits_command(9, request.as_request()));
    }
}
