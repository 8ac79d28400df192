//! [`CommandError`]: what a command answers when it does not do what it was asked.

use std::borrow::Cow;

/// An error reply, its text as Redis sends it after the `-`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// An option is unknown, misplaced or doubled.
    #[error("ERR syntax error")]
    Syntax,
    /// An argument or a stored value is not a 64-bit signed integer.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// An argument or a stored value is not a floating-point number.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// A stored hash value is not a 64-bit signed integer.
    #[error("ERR hash value is not an integer")]
    HashNotInteger,
    /// A stored hash value is not a floating-point number.
    #[error("ERR hash value is not a float")]
    HashNotFloat,
    /// An increment would leave the range of a 64-bit signed integer.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// The key is not there.
    #[error("ERR no such key")]
    NoSuchKey,
    /// A position outside of the value.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// A number that must not be negative.
    #[error("ERR value is out of range, must be positive")]
    MustBePositive,
    /// A database number that is not there.
    #[error("ERR DB index is out of range")]
    DbOutOfRange,
    /// A string would grow past `proto-max-bulk-len`.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// An expiry outside of what a key can carry, in the command of that name.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    /// More or fewer arguments than the command takes.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    /// A whole text of its own, code included.
    #[error("{0}")]
    Text(Cow<'static, str>),
}

impl CommandError {
    /// An error of `text`, which starts with its code (`ERR ...`).
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// What the client gets to read. One that quotes an argument may be as long as that, and is not copied.
    #[must_use]
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string()),
        }
    }
}

/// What a command function answers: its reply is written, or the error to write instead.
pub type CommandResult = Result<(), CommandError>;
