//! [`User`]: a name, its passwords, and the selectors that say what it may do.

use redwire_resp::Request;

use super::password::PasswordHash;
use super::rules::Problem;
use super::selector::{Denied, Selector};
use crate::command::Command;

/// A user: who may log in by this name, and what he may do then.
///
/// He may do what any one of his selectors allows whole: the commands, keys and channels of two
/// do not add up.
#[derive(Debug, Clone)]
pub struct User {
    name: Vec<u8>,
    on: bool,
    /// Any password will do.
    nopass: bool,
    passwords: Vec<PasswordHash>,
    /// Kept and shown; every payload is checked in full here.
    sanitize: Option<bool>,
    root: Selector,
    selectors: Vec<Selector>,
    /// What a selector begins as.
    blank: Selector,
}

impl User {
    /// One who is off and may do nothing but what `blank` allows.
    pub(super) fn new(name: &[u8], blank: Selector) -> Self {
        Self {
            name: name.to_vec(),
            on: false,
            nopass: false,
            passwords: Vec::new(),
            sanitize: None,
            root: blank.clone(),
            selectors: Vec::new(),
            blank,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether anybody can log in by this name.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Whether any password will do.
    #[must_use]
    pub fn needs_no_password(&self) -> bool {
        self.nopass
    }

    /// Whether there is nothing that he may not do.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.all_selectors().any(Selector::allows_everything)
    }

    /// The words of `flags` in `ACL GETUSER`.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let sanitize =
            self.sanitize.map(|on| if on { "sanitize-payload" } else { "skip-sanitize-payload" });
        [Some(if self.on { "on" } else { "off" }), self.nopass.then_some("nopass"), sanitize]
            .into_iter()
            .flatten()
    }

    /// The hashes of the passwords, in hexadecimal.
    pub fn passwords(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(|hash| hash.to_hex())
    }

    /// What the rules outside of any parentheses say.
    #[must_use]
    pub fn root(&self) -> &Selector {
        &self.root
    }

    /// The selectors in parentheses.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// Whether he may run `request`, which `command` is for.
    ///
    /// # Errors
    ///
    /// With what he lacks: of several selectors, with what the one that comes closest lacks.
    pub fn check(&self, command: &Command, request: Request<'_>) -> Result<(), Denied> {
        let mut closest = Denied::COMMAND;
        for selector in self.all_selectors() {
            match selector.check(command, request) {
                Ok(()) => return Ok(()),
                Err(denied) => closest = closest.max(denied),
            }
        }
        Err(closest)
    }

    /// Whether he may run `request` if it read all keys there are (`SORT` with `GET`).
    #[must_use]
    pub fn may_read_all_keys(&self, command: &Command, request: Request<'_>) -> bool {
        self.all_selectors()
            .any(|selector| selector.check(command, request).is_ok() && selector.reads_all_keys())
    }

    /// Whether he may go on listening to a channel, or to a pattern of channels.
    #[must_use]
    pub fn may_listen(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_selectors().any(|selector| selector.allows_channel(channel, is_pattern))
    }

    /// The user as a line of an ACL file, without the line's end.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        let mut words = vec![b"user".to_vec(), self.name.clone()];
        words.extend(self.flags().map(Vec::from));
        words.extend(self.passwords().map(|hash| format!("#{hash}").into_bytes()));
        words.push(self.root.describe());
        let selectors = self.selectors.iter();
        words.extend(selectors.map(|it| [b"(", it.describe().as_slice(), b")"].concat()));
        words.join(&b' ')
    }

    pub(super) fn takes_password(&self, password: &[u8]) -> bool {
        let hash = PasswordHash::of(password);
        // All are compared, whichever it is.
        let found = self.passwords.iter().fold(false, |found, known| found | (*known == hash));
        self.nopass || found
    }

    /// On, without a password, and with all rights: what the default user begins as.
    pub(super) fn allow_everything(&mut self) {
        self.on = true;
        self.nopass = true;
        self.root.allow_everything();
    }

    pub(super) fn set_only_password(&mut self, password: Option<&[u8]>) {
        self.forget_passwords();
        match password {
            Some(password) => self.add_password(PasswordHash::of(password)),
            None => self.nopass = true,
        }
    }

    pub(super) fn set_on(&mut self, on: bool) {
        self.on = on;
    }

    pub(super) fn need_no_password(&mut self) {
        self.passwords.clear();
        self.nopass = true;
    }

    pub(super) fn forget_passwords(&mut self) {
        self.passwords.clear();
        self.nopass = false;
    }

    pub(super) fn add_password(&mut self, hash: PasswordHash) {
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.nopass = false;
    }

    pub(super) fn remove_password(&mut self, hash: PasswordHash) -> Result<(), Problem> {
        let known = self.passwords.iter().position(|known| *known == hash);
        self.passwords.remove(known.ok_or(Problem::NoSuchPassword)?);
        Ok(())
    }

    pub(super) fn sanitize(&mut self, on: bool) {
        self.sanitize = Some(on);
    }

    pub(super) fn root_mut(&mut self) -> &mut Selector {
        &mut self.root
    }

    pub(super) fn empty_selector(&self) -> Selector {
        self.blank.clone()
    }

    pub(super) fn add_selector(&mut self, selector: Selector) {
        self.selectors.push(selector);
    }

    pub(super) fn clear_selectors(&mut self) {
        self.selectors.clear();
    }

    /// `reset`: off, no password, no rights.
    pub(super) fn reset(&mut self) {
        self.on = false;
        self.forget_passwords();
        self.sanitize = Some(true);
        self.root = self.blank.clone();
        self.selectors.clear();
    }

    fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }
}
