//! The rules of `ACL SETUSER`, ACL files and `user` lines, and what can be wrong with them.

use super::catalog::Catalog;
use super::password::PasswordHash;
use super::selector::Selector;
use super::user::User;

/// A rule that is wrong. Its text is what `ACL SETUSER` answers behind `ERR`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// A rule that says nothing sensible.
    #[error("Error in ACL SETUSER modifier '{rule}': {problem}")]
    Rule {
        /// The rule as it was given.
        rule: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A selector whose end is missing.
    #[error("Unmatched parenthesis in acl selector starting at '{0}'.")]
    Unmatched(String),
}

/// What is wrong with a rule, in Redis' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is no rule.
    #[error("Syntax error")]
    Syntax,
    /// It names nothing that there is.
    #[error("Unknown command or category name in ACL")]
    UnknownCommand,
    /// A first argument behind a subcommand.
    #[error("Allowing first-arg of a subcommand is not supported")]
    FirstArgOfSubcommand,
    /// A pattern of keys where all keys are allowed already.
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not \
         have any effect. Try 'resetkeys' to start with an empty list of patterns"
    )]
    AllKeys,
    /// A pattern of channels where all channels are allowed already.
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does \
         not have any effect. Try 'resetchannels' to start with an empty list of channels"
    )]
    AllChannels,
    /// A hash that is none.
    #[error(
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal \
         characters"
    )]
    BadHash,
    /// A password to remove that is not there.
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
}

impl User {
    /// Applies rules in their order. After an error some have been applied: work on a copy.
    pub(super) fn apply(&mut self, catalog: &Catalog, rules: &[&[u8]]) -> Result<(), RuleError> {
        for rule in joined(rules)? {
            self.rule(catalog, &rule).map_err(|problem| RuleError::Rule {
                rule: String::from_utf8_lossy(&rule).into_owned(),
                problem,
            })?;
        }
        Ok(())
    }

    fn rule(&mut self, catalog: &Catalog, rule: &[u8]) -> Result<(), Problem> {
        match rule {
            [] => {}
            [b'>', password @ ..] => self.add_password(PasswordHash::of(password)),
            [b'#', hash @ ..] => self.add_password(read_hash(hash)?),
            [b'<', password @ ..] => self.remove_password(PasswordHash::of(password))?,
            [b'!', hash @ ..] => self.remove_password(read_hash(hash)?)?,
            [b'(', .., b')'] => {
                let selector = self.selector_of(catalog, &rule[1..rule.len() - 1])?;
                self.add_selector(selector);
            }
            _ => return self.word(catalog, rule),
        }
        Ok(())
    }

    fn word(&mut self, catalog: &Catalog, rule: &[u8]) -> Result<(), Problem> {
        match rule.to_ascii_lowercase().as_slice() {
            b"on" => self.set_on(true),
            b"off" => self.set_on(false),
            b"nopass" => self.need_no_password(),
            b"resetpass" => self.forget_passwords(),
            b"sanitize-payload" => self.sanitize(true),
            b"skip-sanitize-payload" => self.sanitize(false),
            b"clearselectors" => self.clear_selectors(),
            b"reset" => self.reset(),
            _ => self.root_mut().apply(catalog, rule)?,
        }
        Ok(())
    }

    fn selector_of(&self, catalog: &Catalog, inner: &[u8]) -> Result<Selector, Problem> {
        let mut selector = self.empty_selector();
        for rule in inner.split(u8::is_ascii_whitespace).filter(|rule| !rule.is_empty()) {
            selector.apply(catalog, rule)?;
        }
        Ok(selector)
    }
}

/// The rules, those between two parentheses as one.
fn joined(rules: &[&[u8]]) -> Result<Vec<Vec<u8>>, RuleError> {
    let mut joined = Vec::with_capacity(rules.len());
    let mut rules = rules.iter();
    while let Some(rule) = rules.next() {
        let mut whole = rule.to_vec();
        while whole.starts_with(b"(") && !whole.ends_with(b")") {
            let Some(more) = rules.next() else {
                let start = String::from_utf8_lossy(rule).into_owned();
                return Err(RuleError::Unmatched(start));
            };
            whole.push(b' ');
            whole.extend_from_slice(more);
        }
        joined.push(whole);
    }
    Ok(joined)
}

fn read_hash(hex: &[u8]) -> Result<PasswordHash, Problem> {
    PasswordHash::from_hex(hex).ok_or(Problem::BadHash)
}
