//! Access control lists: users, their passwords, and what each of them may do (`ACL`).
//!
//! [`Acl`] holds the users by name. A server asks it who a connection is
//! ([`Acl::authenticate`]) and gives the [`User`] to the connection's
//! [`Session`](crate::Session), if there is anything that the user may *not* do: a session without
//! a user may do everything, so that a server without rules pays one test a command.
//!
//! Nothing here reads a file or knows a connection: [`Acl::lines`] and [`Acl::load`] are the text
//! of an ACL file, and a server that changes a user gives the new one to the sessions that are his.

mod access;
mod catalog;
mod categories;
mod log;
mod password;
mod rules;
mod selector;
mod user;

pub use categories::Categories;
pub use log::{Context as DenialContext, Entry as LogEntry, Log as AclLog};
pub use rules::{Problem, RuleError};
pub use selector::Selector;
pub use selector::{Denied, Reason};
pub use user::User;

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::Catalog;

use crate::Blob;
use crate::command::Command;

/// The name of the user that every connection begins as.
pub const DEFAULT_USER: &[u8] = b"default";

/// The users of a server.
///
/// ```
/// use redwire_keyspace::acl::Acl;
///
/// let mut acl = Acl::new(&[]);
/// acl.set_user(b"reader", &[b"on", b">secret", b"~cache:*", b"+@read"])?;
/// assert!(acl.authenticate(b"reader", b"wrong").is_none());
/// let reader = acl.authenticate(b"reader", b"secret").unwrap();
/// assert!(!reader.is_unrestricted());
/// # Ok::<(), redwire_keyspace::acl::RuleError>(())
/// ```
#[derive(Debug)]
pub struct Acl {
    catalog: Arc<Catalog>,
    users: BTreeMap<Blob, Arc<User>>,
    /// Whether a new user may use all channels (`acl-pubsub-default`).
    all_channels: bool,
}

/// Why a line of an ACL file defines no user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What is wrong with a line of an ACL file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineProblem {
    /// It does not begin with `user` and a name.
    NoUser,
    /// A line before it defines the user of this name.
    Duplicate(String),
    /// A rule is wrong.
    Rule(RuleError),
}

impl LineError {
    /// What Redis says of such a line in the file `path`.
    #[must_use]
    pub fn describe(&self, path: &str) -> String {
        let line = self.line;
        match &self.problem {
            LineProblem::NoUser => {
                format!("{path}:{line} should start with user keyword followed by the username. ")
            }
            LineProblem::Duplicate(name) => {
                format!("WARNING: Duplicate user '{name}' found on line {line}. ")
            }
            LineProblem::Rule(RuleError::Rule { rule, problem }) => {
                format!("{path}:{line}: Error in applying operation '{rule}': {problem}. ")
            }
            LineProblem::Rule(RuleError::Unmatched(_)) => {
                format!("{path}:{line}: Unmatched parenthesis in selector definition.")
            }
        }
    }
}

impl Acl {
    /// A list with the default user, who may do everything and needs no password; the commands
    /// that rules can name are the keyspace's and those of a `host`.
    #[must_use]
    pub fn new(host: &'static [Command]) -> Self {
        let catalog = Arc::new(Catalog::new(host));
        let mut acl = Self { catalog, users: BTreeMap::new(), all_channels: false };
        acl.put(acl.fresh_default());
        acl
    }

    /// Says whether users that are made from now on may use all channels
    /// (`acl-pubsub-default allchannels`).
    pub fn set_pubsub_default(&mut self, all_channels: bool) {
        self.all_channels = all_channels;
    }

    /// The user of this name.
    #[must_use]
    pub fn user(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// Every user, by name.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// The user of this name whom `password` lets in, if he is on.
    #[must_use]
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<&Arc<User>> {
        self.user(name).filter(|user| user.is_on() && user.takes_password(password))
    }

    /// Whether a connection that has not said who it is may run commands: it is the default user,
    /// if he is on and needs no password.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.user(DEFAULT_USER).is_some_and(|user| user.is_on() && user.needs_no_password())
    }

    /// Changes a user by `rules`, one after the other, or makes one (`ACL SETUSER`).
    ///
    /// # Errors
    ///
    /// If a rule is wrong; then nothing has changed.
    pub fn set_user(&mut self, name: &[u8], rules: &[&[u8]]) -> Result<&Arc<User>, RuleError> {
        let mut user = match self.user(name) {
            Some(user) => User::clone(user),
            None => self.new_user(name),
        };
        user.apply(&self.catalog, rules)?;
        Ok(self.put(user))
    }

    /// Gives the default user this password alone, or none (`requirepass`).
    pub fn set_default_password(&mut self, password: Option<&[u8]>) {
        let Some(user) = self.user(DEFAULT_USER) else { return };
        let mut user = User::clone(user);
        user.set_only_password(password);
        self.put(user);
    }

    /// Takes a user out; answers him if he was there. The default user cannot be taken out.
    pub fn delete_user(&mut self, name: &[u8]) -> Option<Arc<User>> {
        if name == DEFAULT_USER {
            return None;
        }
        self.users.remove(name)
    }

    /// Every user as a line of an ACL file, without the line's end (`ACL LIST`).
    pub fn lines(&self) -> impl Iterator<Item = Vec<u8>> {
        self.users().map(|user| user.line())
    }

    /// Puts the users of an ACL file in the place of all that are there.
    ///
    /// # Errors
    ///
    /// With one error for each line that is wrong; then nothing has changed.
    pub fn load(&mut self, text: &[u8]) -> Result<(), Vec<LineError>> {
        let mut users = BTreeMap::new();
        let mut errors = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            match self.read_line(line.trim_ascii(), &users) {
                Ok(None) => {}
                Ok(Some(user)) => drop(users.insert(Blob::from(user.name()), Arc::new(user))),
                Err(problem) => errors.push(LineError { line: index + 1, problem }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        self.users = users;
        if self.user(DEFAULT_USER).is_none() {
            self.put(self.fresh_default());
        }
        Ok(())
    }

    /// Makes the user of a line `user NAME RULE ...`, whose words are `words`; he takes the place of
    /// one of the same name.
    ///
    /// # Errors
    ///
    /// If a rule is wrong; then nothing has changed.
    pub fn define(&mut self, words: &[&[u8]]) -> Result<(), RuleError> {
        let Some((name, rules)) = words.split_first() else { return Ok(()) };
        let mut user = self.new_user(name);
        user.apply(&self.catalog, rules)?;
        self.put(user);
        Ok(())
    }

    fn read_line(
        &self,
        line: &[u8],
        known: &BTreeMap<Blob, Arc<User>>,
    ) -> Result<Option<User>, LineProblem> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(first) = words.next() else { return Ok(None) };
        let name = words.next().filter(|_| first == b"user").ok_or(LineProblem::NoUser)?;
        if known.contains_key(name) {
            return Err(LineProblem::Duplicate(String::from_utf8_lossy(name).into_owned()));
        }
        let mut user = self.new_user(name);
        let rules: Vec<&[u8]> = words.collect();
        user.apply(&self.catalog, &rules).map_err(LineProblem::Rule)?;
        Ok(Some(user))
    }

    /// The names of all categories (`ACL CAT`), in Redis' order.
    pub fn categories() -> impl ExactSizeIterator<Item = &'static str> {
        Categories::names()
    }

    /// The commands and subcommands of a category, as `ACL CAT` names them.
    pub fn commands_of(&self, category: Categories) -> impl Iterator<Item = &str> {
        self.catalog.of_category(category)
    }

    /// The name by which rules call `command` with the subcommand that `request` names, if there
    /// are any; `None` if there is no such command or subcommand.
    #[must_use]
    pub fn full_name(&self, request: redwire_resp::Request<'_>) -> Option<&str> {
        let id = self.catalog.of_request(request)?;
        Some(self.catalog.name(id))
    }

    fn put(&mut self, user: User) -> &Arc<User> {
        let slot = self.users.entry(Blob::from(user.name()));
        let user = Arc::new(user);
        let slot = slot.and_modify(|old| *old = Arc::clone(&user));
        slot.or_insert(user)
    }

    fn new_user(&self, name: &[u8]) -> User {
        User::new(name, Selector::new(Arc::clone(&self.catalog), self.all_channels))
    }

    fn fresh_default(&self) -> User {
        let mut user = User::new(DEFAULT_USER, Selector::new(Arc::clone(&self.catalog), true));
        user.allow_everything();
        user
    }
}

/// The name of `command`, or of its subcommand that `request` names: `config|get`.
#[must_use]
pub fn full_name(command: &Command, request: redwire_resp::Request<'_>) -> String {
    command.subcommand(request).unwrap_or(command.name).to_owned()
}

#[cfg(test)]
mod tests;
