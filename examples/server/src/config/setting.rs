//! How a field of [`Config`](super::Config) takes and gives a parameter's value.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use super::values::Secret;

/// A parameter's value between its text and its field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `yes` or `no`.
    Switch(bool),
    /// A number in any notation, in the parameter's own unit.
    Number(i128),
    /// One of a fixed list of names.
    Name(&'static str),
    /// One word, any bytes.
    Text(Vec<u8>),
    /// Several words.
    Words(Vec<Vec<u8>>),
}

/// Why a value was refused. The texts are Redis'.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("wrong number of arguments")]
    WrongNumber,
    #[error("argument must be 'yes' or 'no'")]
    NotSwitch,
    #[error("argument couldn't be parsed into an integer")]
    NotInteger,
    #[error("argument couldn't be parsed as an octal number")]
    NotOctal,
    #[error("argument must be a memory value")]
    NotMemory,
    #[error("argument must be between {min} and {max} inclusive")]
    OutOfRange { min: String, max: String },
    #[error("argument(s) must be one of the following: {}", .0.join(", "))]
    NotAmong(&'static [&'static str]),
    #[error("argument must be valid UTF-8")]
    NotUtf8,
    #[error("redwire does not support this yet: the only value accepted is '{0}'")]
    Unsupported(&'static str),
    /// What one parameter alone can get wrong.
    #[error("{0}")]
    Other(&'static str),
    /// What a limit on clients can get wrong.
    #[error("{0}")]
    ClientLimits(#[from] redwire_outbuf::Error),
    /// What the operating system said about a path.
    #[error("{0}")]
    System(String),
    /// The table gives a field a value of another type than its own; a test
    /// over the whole table keeps this from happening.
    #[error("internal error: the parameter's field is of another type")]
    Mistyped,
}

/// A type that can be a field of the configuration.
pub(super) trait Setting {
    /// The field's value.
    fn value(&self) -> Value;
    /// Changes the field; on an error it is as it was.
    fn set(&mut self, value: Value) -> Result<(), ValueError>;
}

impl Value {
    pub(super) fn number(self) -> Result<i128, ValueError> {
        if let Self::Number(number) = self { Ok(number) } else { Err(ValueError::Mistyped) }
    }

    pub(super) fn name(self) -> Result<&'static str, ValueError> {
        if let Self::Name(name) = self { Ok(name) } else { Err(ValueError::Mistyped) }
    }

    pub(super) fn text(self) -> Result<Vec<u8>, ValueError> {
        if let Self::Text(text) = self { Ok(text) } else { Err(ValueError::Mistyped) }
    }

    pub(super) fn words(self) -> Result<Vec<Vec<u8>>, ValueError> {
        if let Self::Words(words) = self { Ok(words) } else { Err(ValueError::Mistyped) }
    }
}

/// The text of an error of the operating system as C prints it, without the
/// number that Rust puts after it.
pub(crate) fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    let cut = text.find(" (os error").unwrap_or(text.len());
    text[..cut].to_owned()
}

impl Setting for bool {
    fn value(&self) -> Value {
        Value::Switch(*self)
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let Value::Switch(on) = value else { return Err(ValueError::Mistyped) };
        *self = on;
        Ok(())
    }
}

macro_rules! number_settings {
    ($($number:ty)+) => {$(
        impl Setting for $number {
            fn value(&self) -> Value {
                Value::Number(i128::from(*self))
            }

            fn set(&mut self, value: Value) -> Result<(), ValueError> {
                *self = value.number()?.try_into().map_err(|_| ValueError::Mistyped)?;
                Ok(())
            }
        }
    )+};
}

number_settings!(u16 u32 u64 i32 i64);

/// In seconds.
impl Setting for Duration {
    fn value(&self) -> Value {
        Value::Number(i128::from(self.as_secs()))
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let seconds = value.number()?.try_into().map_err(|_| ValueError::Mistyped)?;
        *self = Self::from_secs(seconds);
        Ok(())
    }
}

/// The empty text is `None`.
impl<T: TextSetting> Setting for Option<T> {
    fn value(&self) -> Value {
        Value::Text(self.as_ref().map_or_else(Vec::new, |value| value.bytes().to_vec()))
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let text = value.text()?;
        *self = if text.is_empty() { None } else { Some(T::from_bytes(text)?) };
        Ok(())
    }
}

/// A type that is one word of any length but zero.
pub(super) trait TextSetting: Sized {
    fn bytes(&self) -> &[u8];
    fn from_bytes(bytes: Vec<u8>) -> Result<Self, ValueError>;
}

impl TextSetting for PathBuf {
    fn bytes(&self) -> &[u8] {
        self.as_os_str().as_bytes()
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, ValueError> {
        Ok(OsString::from_vec(bytes).into())
    }
}

impl TextSetting for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, ValueError> {
        Ok(bytes)
    }
}

impl TextSetting for String {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, ValueError> {
        Self::from_utf8(bytes).map_err(|_| ValueError::NotUtf8)
    }
}

impl TextSetting for Secret {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, ValueError> {
        Ok(Self::new(bytes))
    }
}
