//! What is known of commands beyond what runs them: for `COMMAND` and its subcommands.
//!
//! One text for each group holds a paragraph for each command and subcommand (`config|get`): its name,
//! then lines that begin with what they tell.
//!
//! - `summary`: one sentence, in our own words.
//! - `info`: arity, flags, first key, last key, step, ACL categories.
//! - `tips`: for clients and proxies.
//! - `keys`: a key specification: flags, where to begin, how to go on; see [`keys`]. A `note` behind it
//!   is about it, in our own words.
//! - `since`, `complexity`, `flags` (of the documentation), `deprecated` (since when, and by what it is
//!   replaced).
//! - `history`: a version, and in our own words what it brought.
//! - `args`: see [`arguments`].
//!
//! Figures, flags and names of arguments are those of Redis 7.0, or of the version in which a command
//! came. A test holds the tables of commands to them.

pub(super) mod arguments;
pub(super) mod keys;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use keys::KeySpec;

/// The texts, by the name that `COMMAND DOCS` has for the group.
const TEXTS: [(&str, &str); 16] = [
    ("bitmap", include_str!("bitmap.txt")),
    ("cluster", include_str!("cluster.txt")),
    ("connection", include_str!("connection.txt")),
    ("generic", include_str!("generic.txt")),
    ("geo", include_str!("geo.txt")),
    ("hash", include_str!("hash.txt")),
    ("hyperloglog", include_str!("hyperloglog.txt")),
    ("list", include_str!("list.txt")),
    ("pubsub", include_str!("pubsub.txt")),
    ("scripting", include_str!("scripting.txt")),
    ("server", include_str!("server.txt")),
    ("set", include_str!("set.txt")),
    ("sorted-set", include_str!("sorted-set.txt")),
    ("stream", include_str!("stream.txt")),
    ("string", include_str!("string.txt")),
    ("transactions", include_str!("transactions.txt")),
];

/// A command or subcommand.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    pub(crate) name: &'static str,
    pub(super) group: &'static str,
    pub(super) summary: &'static str,
    pub(super) arity: i32,
    pub(super) flags: Vec<&'static str>,
    /// Positions of the first and the last key, and the step from one to the next.
    pub(super) span: [i32; 3],
    /// ACL categories, each with its `@`.
    pub(crate) categories: Vec<&'static str>,
    pub(super) tips: Vec<&'static str>,
    pub(super) keys: Vec<KeySpec>,
    pub(super) since: &'static str,
    pub(super) complexity: Option<&'static str>,
    pub(super) doc_flags: Vec<&'static str>,
    /// Since when, and by what it is replaced.
    pub(super) deprecated: Option<(&'static str, &'static str)>,
    /// Versions, and what each brought.
    pub(super) history: Vec<(&'static str, &'static str)>,
    /// In the notation of [`arguments`].
    pub(super) args: &'static str,
}

impl Reference {
    fn read(&mut self, line: &'static str) -> Option<()> {
        let (what, rest) = line.split_once(' ')?;
        match what {
            "summary" => self.summary = rest,
            "info" => {
                let mut words = rest.split(' ');
                let number = |words: &mut std::str::Split<'_, char>| words.next()?.parse().ok();
                self.arity = number(&mut words)?;
                self.flags = list(words.next()?);
                self.span = [number(&mut words)?, number(&mut words)?, number(&mut words)?];
                self.categories = list(words.next()?);
            }
            "tips" => self.tips = rest.split(' ').collect(),
            "keys" => self.keys.push(KeySpec::parse(rest)?),
            "note" => self.keys.last_mut()?.note = Some(rest),
            "since" => self.since = rest,
            "complexity" => self.complexity = Some(rest),
            "flags" => self.doc_flags = rest.split(' ').collect(),
            "deprecated" => self.deprecated = Some(rest.split_once(' ').unwrap_or((rest, ""))),
            "history" => self.history.push(rest.split_once(' ')?),
            "args" => self.args = rest,
            _ => return None,
        }
        Some(())
    }
}

/// Words parted by commas; `-` is none.
fn list(words: &'static str) -> Vec<&'static str> {
    words.split(',').filter(|word| *word != "-").collect()
}

/// Every command and subcommand that there is a paragraph of, by name.
fn all() -> &'static BTreeMap<&'static str, Reference> {
    static ALL: OnceLock<BTreeMap<&'static str, Reference>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = BTreeMap::new();
        for (group, text) in TEXTS {
            let mut name = "";
            for line in text.lines() {
                if let Some(line) = line.strip_prefix(' ') {
                    let entry: &mut Reference = all.entry(name).or_default();
                    (entry.name, entry.group) = (name, group);
                    let read = entry.read(line);
                    debug_assert!(read.is_some(), "{name}: {line}");
                } else {
                    name = line;
                }
            }
        }
        all
    })
}

/// What is known of the command or subcommand of this name, in lower case.
pub(crate) fn find(name: &str) -> Option<&'static Reference> {
    all().get(name)
}

/// The subcommands of a command.
pub(crate) fn subcommands(container: &str) -> impl Iterator<Item = &'static Reference> + Clone {
    let (from, to) = (format!("{container}|"), format!("{container}}}"));
    let inside = move |name: &str| name >= from.as_str() && name < to.as_str();
    all().values().filter(move |entry| inside(entry.name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Flags that mean nothing here, or that commands get by what they are.
    const UNKNOWN: [&str; 5] =
        ["allow_busy", "asking", "no_async_loading", "no_mandatory_keys", "may_replicate"];

    #[test]
    fn containers_are_declared_as_such() {
        for command in crate::commands::all() {
            let is_container = command.flags.has(crate::Flags::CONTAINER);
            let has_some = subcommands(command.name).next().is_some();
            assert_eq!(is_container, has_some, "{}", command.name);
        }
    }

    #[test]
    fn every_line_is_understood() {
        for entry in all().values() {
            let name = entry.name;
            assert!(!entry.summary.is_empty() && entry.summary.ends_with('.'), "{name}");
            assert!(!entry.since.is_empty() && entry.arity != 0, "{name}");
            let parsed = arguments::parse(entry.args);
            assert!(parsed.is_some_and(|args| args.is_empty() == entry.args.is_empty()), "{name}");
        }
        assert!(all().len() > 300);
    }

    #[test]
    fn commands_are_declared_as_in_redis() {
        let mut differences = Vec::new();
        for command in super::super::all() {
            let Some(entry) = find(command.name) else {
                differences.push(format!("{} is not documented", command.name));
                continue;
            };
            let flags = entry.flags.iter().copied().filter(|flag| !UNKNOWN.contains(flag));
            let known = (entry.arity, entry.span, flags.collect::<BTreeSet<_>>());
            let span = [command.keys.first, command.keys.last, command.keys.step];
            let declared = (command.arity, span, command.flags.names().collect());
            // Their keys and flags are those of their subcommands.
            let container = subcommands(command.name).next().is_some();
            if declared != known && !container {
                differences.push(format!("{}: {declared:?}, redis: {known:?}", command.name));
            }
        }
        assert!(differences.is_empty(), "{differences:#?}");
    }
}
