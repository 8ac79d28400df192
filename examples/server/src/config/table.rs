//! What a parameter is: its names, its syntax, where its value is kept, and
//! when it may change. The parameters themselves stand in
//! [`parameters`](super::parameters).

use redwire_outbuf::memory_size;

use super::grammar;
use super::setting::{Value, ValueError};
use super::{Config, parameters::PARAMETERS};

/// One parameter of redis.conf.
pub(super) struct Parameter {
    /// The name, in lower case.
    pub(super) name: &'static str,
    /// The name that older versions of Redis use, which stays valid.
    pub(super) alias: Option<&'static str>,
    /// When the value may change.
    pub(super) change: Change,
    /// What the value looks like.
    pub(super) syntax: Syntax,
    /// Whether each line of a file adds to the value of the line before.
    pub(super) accumulates: bool,
    store: Store,
    lines: Option<Lines>,
}

/// Writes a parameter as lines of a file, each without the name.
type Lines = fn(&Config) -> Vec<Vec<u8>>;

/// When a parameter may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// While the configuration is loaded only.
    AtStart,
    /// At any time, by CONFIG SET.
    Always,
    /// At any time, if `enable-protected-configs` allows it to the client.
    Protected,
}

/// What a parameter's value looks like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Syntax {
    /// `yes` or `no`.
    Switch,
    /// A decimal number in this range.
    Number { min: i128, max: i128 },
    /// An octal number in this range.
    Octal { min: i128, max: i128 },
    /// A size in bytes, perhaps with a unit, in this range.
    Memory { min: i128, max: i128 },
    /// One of these names, whatever the case.
    Name(&'static [&'static str]),
    /// One word.
    Text,
    /// Words; a single one is split at its spaces.
    Words,
}

/// Where a parameter's value is kept.
pub(super) enum Store {
    /// In a field of [`Config`].
    Field { get: fn(&Config) -> Value, set: fn(&mut Config, Value) -> Result<(), ValueError> },
    /// Nowhere: this is the only value that the server can honour.
    Fixed(&'static str),
    /// In [`Config::hints`] if it is not this default: any valid value is
    /// taken, and none changes what a client sees.
    Hint(&'static str),
}

/// A [`Store::Field`] by the field's name, perhaps with a function that brings
/// a value just set into the range that the server works with.
macro_rules! field {
    ($field:ident) => {
        Store::Field {
            get: |config| super::setting::Setting::value(&config.$field),
            set: |config, value| super::setting::Setting::set(&mut config.$field, value),
        }
    };
    ($field:ident, $adjust:expr) => {
        Store::Field {
            get: |config| super::setting::Setting::value(&config.$field),
            set: |config, value| {
                super::setting::Setting::set(&mut config.$field, value)?;
                config.$field = $adjust(config.$field);
                Ok(())
            },
        }
    };
}
pub(super) use field;

impl Parameter {
    /// A parameter that CONFIG SET may change.
    pub(super) const fn new(name: &'static str, syntax: Syntax, store: Store) -> Self {
        let (alias, change, accumulates, lines) = (None, Change::Always, false, None);
        Self { name, alias, change, syntax, accumulates, store, lines }
    }

    /// The same with an older name beside its own.
    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// The same, set while the configuration is loaded only.
    pub(super) const fn at_start(mut self) -> Self {
        self.change = Change::AtStart;
        self
    }

    /// The same, guarded by `enable-protected-configs`.
    pub(super) const fn protected(mut self) -> Self {
        self.change = Change::Protected;
        self
    }

    /// The same, built up by several lines of a file.
    pub(super) const fn accumulates(mut self) -> Self {
        self.accumulates = true;
        self
    }

    /// The same, written by CONFIG REWRITE as these lines.
    pub(super) const fn lines(mut self, lines: Lines) -> Self {
        self.lines = Some(lines);
        self
    }

    /// The parameter of a name, whatever its case.
    pub(super) fn find(name: &[u8]) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| {
            parameter.names().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        })
    }

    /// The name and the alias.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        [Some(self.name), self.alias].into_iter().flatten()
    }

    /// Gives the parameter a value; on an error `config` is as it was.
    pub(super) fn set(&self, config: &mut Config, words: &[&[u8]]) -> Result<(), ValueError> {
        let value = self.syntax.read(words)?;
        match self.store {
            Store::Field { set, .. } => set(config, value),
            Store::Fixed(only) if value == self.syntax.read_own(only)? => Ok(()),
            Store::Fixed(only) => Err(ValueError::Unsupported(only)),
            Store::Hint(default) if value == self.syntax.read_own(default)? => {
                config.hints.remove(self.name);
                Ok(())
            }
            Store::Hint(_) => {
                config.hints.insert(self.name, self.syntax.show(&value));
                Ok(())
            }
        }
    }

    /// The value as CONFIG GET shows it.
    pub(super) fn get(&self, config: &Config) -> Vec<u8> {
        match self.store {
            Store::Field { get, .. } => self.syntax.show(&get(config)),
            Store::Fixed(only) => only.into(),
            Store::Hint(default) => {
                config.hints.get(self.name).cloned().unwrap_or_else(|| default.into())
            }
        }
    }

    /// The value as lines of a file, each without the name.
    pub(super) fn file_lines(&self, config: &Config) -> Vec<Vec<u8>> {
        if let Some(lines) = self.lines {
            return lines(config);
        }
        let shown = self.get(config);
        match self.syntax {
            Syntax::Text => vec![grammar::quoted(&shown)],
            Syntax::Memory { .. } => {
                vec![memory_size(&shown).map_or(shown, |n| grammar::with_unit(n).into())]
            }
            _ if shown.is_empty() => vec![grammar::quoted(b"")],
            _ => vec![shown],
        }
    }
}

impl Syntax {
    /// Reads the words that follow a parameter's name.
    fn read(&self, words: &[&[u8]]) -> Result<Value, ValueError> {
        if let Self::Words = self {
            return Ok(Value::Words(split_single(words)));
        }
        let [word] = words else { return Err(ValueError::WrongNumber) };
        match self {
            Self::Switch if word.eq_ignore_ascii_case(b"yes") => Ok(Value::Switch(true)),
            Self::Switch if word.eq_ignore_ascii_case(b"no") => Ok(Value::Switch(false)),
            Self::Switch => Err(ValueError::NotSwitch),
            Self::Number { .. } => self.within(grammar::integer(word), ValueError::NotInteger),
            Self::Octal { .. } => self.within(grammar::octal(word), ValueError::NotOctal),
            Self::Memory { .. } => self.within(memory_size(word), ValueError::NotMemory),
            Self::Name(names) => {
                let named = |name: &&&str| word.eq_ignore_ascii_case(name.as_bytes());
                names
                    .iter()
                    .find(named)
                    .map(|name| Value::Name(name))
                    .ok_or(ValueError::NotAmong(names))
            }
            Self::Text => Ok(Value::Text(word.to_vec())),
            Self::Words => Err(ValueError::Mistyped),
        }
    }

    /// Reads a value that the table itself gives.
    fn read_own(&self, text: &str) -> Result<Value, ValueError> {
        self.read(&[text.as_bytes()])
    }

    /// Writes a value as CONFIG GET shows it.
    fn show(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::Switch(on) => if *on { "yes" } else { "no" }.into(),
            Value::Number(number) => self.show_number(*number).into_bytes(),
            Value::Name(name) => (*name).into(),
            Value::Text(text) => text.clone(),
            Value::Words(words) => words.join(&b' '),
        }
    }

    fn show_number(&self, number: i128) -> String {
        match self {
            Self::Octal { .. } => format!("{number:o}"),
            _ => number.to_string(),
        }
    }

    fn within(
        &self,
        number: Option<impl Into<i128>>,
        bad: ValueError,
    ) -> Result<Value, ValueError> {
        let number = number.ok_or(bad)?.into();
        match *self {
            Self::Number { min, max } | Self::Octal { min, max } | Self::Memory { min, max }
                if !(min..=max).contains(&number) =>
            {
                let [min, max] = [min, max].map(|bound| self.show_number(bound));
                Err(ValueError::OutOfRange { min, max })
            }
            _ => Ok(Value::Number(number)),
        }
    }
}

/// What CONFIG SET and a quoted argument give as one word, split at each space.
fn split_single(words: &[&[u8]]) -> Vec<Vec<u8>> {
    match words {
        [b""] => Vec::new(),
        [single] => single.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect(),
        several => several.iter().map(|word| word.to_vec()).collect(),
    }
}

#[cfg(test)]
mod tests;
