//! [`Selector`]: commands, keys and channels that go together.

use std::collections::HashMap;
use std::sync::Arc;

use redwire_resp::Request;

use super::Categories;
use super::access::Access;
use super::catalog::{Catalog, Id};
use super::rules::Problem;
use crate::command::{Command, Flags};
use crate::glob;

/// What a rule of rights allows: a request is allowed if its command, all its keys and all its
/// channels are.
#[derive(Debug, Clone)]
pub struct Selector {
    catalog: Arc<Catalog>,
    commands: Commands,
    /// `None`: all of them.
    keys: Option<Vec<KeyPattern>>,
    /// `None`: all of them.
    channels: Option<Vec<Vec<u8>>>,
}

/// Which commands are allowed, and by which rules that came about.
#[derive(Debug, Clone)]
struct Commands {
    allowed: Vec<bool>,
    /// Commands that are allowed with these first arguments only.
    first_args: HashMap<Id, Vec<Vec<u8>>>,
    /// Whether the rules begin from all commands, or from none.
    from_all: bool,
    /// The rules after that, each with its sign.
    rules: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyPattern {
    reads: bool,
    writes: bool,
    pattern: Vec<u8>,
}

/// Why a request is not allowed.
///
/// They are ordered by how close the request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// What is missing.
    pub reason: Reason,
    /// The argument that it is about; 0 is the command itself.
    pub position: usize,
}

/// What a user lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The right to run the command.
    Command,
    /// The right to a key.
    Key,
    /// The right to a channel.
    Channel,
}

impl Denied {
    pub(super) const COMMAND: Self = Self { reason: Reason::Command, position: 0 };
}

impl Selector {
    /// One that allows no command and no key, and channels as `all_channels` says.
    pub(super) fn new(catalog: Arc<Catalog>, all_channels: bool) -> Self {
        let commands = Commands {
            allowed: vec![false; catalog.len()],
            first_args: HashMap::new(),
            from_all: false,
            rules: Vec::new(),
        };
        let channels = (!all_channels).then(Vec::new);
        Self { catalog, commands, keys: Some(Vec::new()), channels }
    }

    pub(super) fn allow_everything(&mut self) {
        self.commands.set_all(true);
        self.keys = None;
        self.channels = None;
    }

    pub(super) fn allows_everything(&self) -> bool {
        let all_commands = self.commands.from_all && self.commands.allowed.iter().all(|it| *it);
        all_commands && self.keys.is_none() && self.channels.is_none()
    }

    /// The rules about commands, as `ACL GETUSER` has them.
    #[must_use]
    pub fn commands(&self) -> String {
        let all = if self.commands.from_all { "+@all" } else { "-@all" };
        let rules = self.commands.rules.iter().map(String::as_str);
        [all].into_iter().chain(rules).collect::<Vec<_>>().join(" ")
    }

    /// The patterns of keys, as `ACL GETUSER` has them.
    #[must_use]
    pub fn keys(&self) -> Vec<u8> {
        let Some(keys) = &self.keys else { return b"~*".to_vec() };
        keys.iter().map(KeyPattern::describe).collect::<Vec<_>>().join(&b' ')
    }

    /// The patterns of channels, as `ACL GETUSER` has them.
    #[must_use]
    pub fn channels(&self) -> Vec<u8> {
        let Some(channels) = &self.channels else { return b"&*".to_vec() };
        channels.iter().map(|it| [b"&", it.as_slice()].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// All rules, which make the same selector of an empty one.
    pub(super) fn describe(&self) -> Vec<u8> {
        let keys = Some(self.keys()).filter(|keys| !keys.is_empty());
        let reset = self.channels.is_some().then(|| b"resetchannels".to_vec());
        let channels = Some(self.channels()).filter(|channels| !channels.is_empty());
        let words = [keys, reset, channels, Some(self.commands().into_bytes())];
        words.into_iter().flatten().collect::<Vec<_>>().join(&b' ')
    }

    // Rules.

    pub(super) fn apply(&mut self, catalog: &Catalog, rule: &[u8]) -> Result<(), Problem> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allcommands" | b"+@all" => self.commands.set_all(true),
            b"nocommands" | b"-@all" => self.commands.set_all(false),
            b"allkeys" | b"~*" => self.keys = None,
            b"resetkeys" => self.keys = Some(Vec::new()),
            b"allchannels" | b"&*" => self.channels = None,
            b"resetchannels" => self.channels = Some(Vec::new()),
            _ => return self.pattern_or_command(catalog, rule),
        }
        Ok(())
    }

    fn pattern_or_command(&mut self, catalog: &Catalog, rule: &[u8]) -> Result<(), Problem> {
        let sign = rule.first().copied().ok_or(Problem::Syntax)?;
        match (sign, &rule[1..]) {
            (b'~', pattern) => self.add_keys(true, true, pattern),
            (b'%', rule) => {
                let at = rule.iter().position(|byte| *byte == b'~').ok_or(Problem::Syntax)?;
                let letters = rule[..at].to_ascii_lowercase();
                if letters.is_empty() || letters.iter().any(|letter| !b"rw".contains(letter)) {
                    return Err(Problem::Syntax);
                }
                let has = |letter| letters.contains(&letter);
                self.add_keys(has(b'r'), has(b'w'), &rule[at + 1..])
            }
            (b'&', pattern) => self.add_channels(pattern),
            (b'+' | b'-', [b'@', category @ ..]) => {
                let category = Categories::named(category).ok_or(Problem::UnknownCommand)?;
                catalog.ids_of_category(category).for_each(|id| {
                    self.commands.set(id, sign == b'+');
                });
                self.commands.note(sign, &rule[1..]);
                Ok(())
            }
            (b'+' | b'-', name) => self.commands.rule(catalog, sign, name),
            _ => Err(Problem::Syntax),
        }
    }

    fn add_keys(&mut self, reads: bool, writes: bool, pattern: &[u8]) -> Result<(), Problem> {
        let Some(keys) = &mut self.keys else { return Err(Problem::AllKeys) };
        check_pattern(pattern)?;
        match keys.iter_mut().find(|known| known.pattern == pattern) {
            Some(known) => {
                known.reads |= reads;
                known.writes |= writes;
            }
            None => keys.push(KeyPattern { reads, writes, pattern: pattern.to_vec() }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), Problem> {
        let Some(channels) = &mut self.channels else { return Err(Problem::AllChannels) };
        check_pattern(pattern)?;
        if !channels.iter().any(|known| known == pattern) {
            channels.push(pattern.to_vec());
        }
        Ok(())
    }

    // Checks.

    pub(super) fn check(&self, command: &Command, request: Request<'_>) -> Result<(), Denied> {
        if !command.flags.has(Flags::NO_AUTH) && !self.allows_command(request) {
            return Err(Denied::COMMAND);
        }
        self.check_keys(command, request)?;
        self.check_channels(command, request)
    }

    fn allows_command(&self, request: Request<'_>) -> bool {
        // What is not there will be refused for that.
        let Some(id) = self.catalog.of_request(request) else { return true };
        self.commands.allowed[id]
            || self
                .commands
                .first_args
                .get(&id)
                .zip(request.arg(1))
                .is_some_and(|(args, given)| args.iter().any(|arg| arg.eq_ignore_ascii_case(given)))
    }

    fn check_keys(&self, command: &Command, request: Request<'_>) -> Result<(), Denied> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let found = command.keys.of(request).unwrap_or_default();
        if found.is_empty() {
            return Ok(());
        }
        let [first, rest] = Access::of(command, request);
        for (index, key) in found.iter().enumerate() {
            let access = if index == 0 { first } else { rest };
            if !keys.iter().any(|pattern| pattern.allows(access, key)) {
                let is_it = |arg: &[u8]| std::ptr::eq(arg, *key);
                let position = request.iter().position(is_it).unwrap_or_default();
                return Err(Denied { reason: Reason::Key, position });
            }
        }
        Ok(())
    }

    fn check_channels(&self, command: &Command, request: Request<'_>) -> Result<(), Denied> {
        if self.channels.is_none() {
            return Ok(());
        }
        let (count, is_pattern) = match command.name {
            "publish" | "spublish" => (1, false),
            "subscribe" | "ssubscribe" => (usize::MAX, false),
            "psubscribe" => (usize::MAX, true),
            _ => return Ok(()),
        };
        let mut named = request.iter().enumerate().skip(1).take(count);
        match named.find(|(_, channel)| !self.allows_channel(channel, is_pattern)) {
            Some((position, _)) => Err(Denied { reason: Reason::Channel, position }),
            None => Ok(()),
        }
    }

    /// Whether a channel may be used; a pattern of channels only as it stands.
    pub(super) fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.channels.as_ref().is_none_or(|channels| {
            channels.iter().any(|allowed| {
                if is_pattern { allowed == channel } else { glob::matches(allowed, channel) }
            })
        })
    }

    pub(super) fn reads_all_keys(&self) -> bool {
        let Some(keys) = &self.keys else { return true };
        keys.iter().any(|known| known.pattern == b"*" && known.reads)
    }
}

impl Commands {
    fn set_all(&mut self, allowed: bool) {
        self.allowed.fill(allowed);
        self.first_args.clear();
        self.from_all = allowed;
        self.rules.clear();
    }

    fn set(&mut self, id: Id, allowed: bool) {
        self.allowed[id] = allowed;
        self.first_args.remove(&id);
    }

    /// `+name`, `-name`, `+container|subcommand` or `+name|argument`.
    fn rule(&mut self, catalog: &Catalog, sign: u8, name: &[u8]) -> Result<(), Problem> {
        let mut parts = name.splitn(3, |byte| *byte == b'|');
        let command = parts.next().unwrap_or_default();
        let place = catalog.command(command).ok_or(Problem::UnknownCommand);
        let Some(second) = parts.next() else {
            place?.all().for_each(|id| self.set(id, sign == b'+'));
            self.note(sign, name);
            return Ok(());
        };
        if let Ok(place) = place
            && let Some(id) = catalog.subcommand(place, second)
        {
            if parts.next().is_some() {
                return Err(Problem::FirstArgOfSubcommand);
            }
            self.set(id, sign == b'+');
            self.note(sign, name);
            return Ok(());
        }
        if sign == b'-' {
            return Err(Problem::UnknownCommand);
        }
        self.allow_first_arg(catalog, name, command, second, parts.next().is_some())
    }

    fn allow_first_arg(
        &mut self,
        catalog: &Catalog,
        rule: &[u8],
        command: &[u8],
        argument: &[u8],
        has_more: bool,
    ) -> Result<(), Problem> {
        let place = catalog.command(command).filter(|place| place.subcommands == 0 && !has_more);
        let place = place.ok_or(Problem::UnknownCommand)?;
        if argument.is_empty() {
            return Err(Problem::Syntax);
        }
        let args = self.first_args.entry(place.id).or_default();
        if !args.iter().any(|known| known.eq_ignore_ascii_case(argument)) {
            args.push(argument.to_vec());
        }
        self.note(b'+', rule);
        Ok(())
    }

    /// Keeps a rule as it was given, in the place of those that it overrides.
    fn note(&mut self, sign: u8, name: &[u8]) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        self.rules.retain(|rule| {
            let known = &rule[1..];
            let below = known.strip_prefix(name.as_str()).is_some_and(|it| it.starts_with('|'));
            known != name && !below
        });
        self.rules.push(format!("{}{name}", char::from(sign)));
    }
}

impl KeyPattern {
    fn allows(&self, access: Access, key: &[u8]) -> bool {
        (self.reads || !access.reads)
            && (self.writes || !access.writes)
            && glob::matches(&self.pattern, key)
    }

    fn describe(&self) -> Vec<u8> {
        let sign: &[u8] = match (self.reads, self.writes) {
            // `~*` is a rule of its own, which no pattern may follow: Redis writes it all the same,
            // and cannot read its own file then.
            (true, true) if self.pattern == b"*" => b"%RW~",
            (true, true) => b"~",
            (true, false) => b"%R~",
            (false, _) => b"%W~",
        };
        [sign, &self.pattern].concat()
    }
}

/// Patterns stand in lines of words.
fn check_pattern(pattern: &[u8]) -> Result<(), Problem> {
    let parts_words = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b || *byte == 0;
    if pattern.iter().any(parts_words) { Err(Problem::Syntax) } else { Ok(()) }
}
