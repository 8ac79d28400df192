//! Replies, owned.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::ops::Deref;

use crate::encoder::Encoder;
use crate::request::Printable;

/// A reply of any type of RESP2 and RESP3.
///
/// Decoding and dropping need no stack, however deep the nesting; `Clone`, `PartialEq` and `Debug`
/// recurse, so compare or print only what came in under a sensible
/// [`ReplyLimits::depth`](crate::ReplyLimits::depth), such as the default.
///
/// With the feature `serde` a value can be written in any format of serde, as the enum that it is,
/// and comes back the same, as far as the format has bytes and numbers: JSON has no infinities. That
/// recurses, too.
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Value {
    /// No value: `_`, `$-1` or `*-1`.
    Null,
    /// `+`, as in `+OK`.
    Simple(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `-`: an error, its code first.
    Error(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `:`.
    Integer(i64),
    /// `$`.
    Bulk(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `*`.
    Array(Values),
    /// `,`.
    Double(f64),
    /// `#`.
    Boolean(bool),
    /// `(`: a decimal integer of any size.
    BigNumber(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `!`: an error that may hold any bytes.
    BulkError(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `=`.
    Verbatim {
        /// `txt`, `mkd` ...
        format: [u8; 3],
        /// The text without its format.
        #[cfg_attr(feature = "serde", serde(with = "serde_bytes"))]
        text: Vec<u8>,
    },
    /// `%`: pairs in the order sent, duplicate keys kept.
    Map(Pairs),
    /// `~`: in the order sent, duplicates kept.
    Set(Values),
    /// `>`: out of band data.
    Push(Values),
    /// `|`: a value with attributes.
    Attributed(Attributed),
}

impl Value {
    /// The bytes of a simple, bulk or verbatim string.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(bytes) | Self::Bulk(bytes) | Self::Verbatim { text: bytes, .. } => {
                Some(bytes)
            }
            _ => None,
        }
    }

    /// The text of an error.
    #[must_use]
    pub fn as_error(&self) -> Option<&[u8]> {
        match self {
            Self::Error(text) | Self::BulkError(text) => Some(text),
            _ => None,
        }
    }

    /// An integer.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements of an array, set or push.
    #[must_use]
    pub fn as_values(&self) -> Option<&[Value]> {
        match self {
            Self::Array(values) | Self::Set(values) | Self::Push(values) => Some(values),
            _ => None,
        }
    }

    /// Appends the value as a server sends it. RESP2 has no attributes: they are left out.
    pub fn encode(&self, out: &mut Encoder<'_>) {
        let mut rest = vec![self]; // what is to be written, the next one last
        while let Some(value) = rest.pop() {
            match value {
                Self::Null => out.null(),
                Self::Simple(text) => out.simple(text),
                Self::Error(text) => out.error(text),
                Self::Integer(value) => out.integer(*value),
                Self::Bulk(bytes) => out.bulk(bytes),
                Self::Double(value) => out.double(*value),
                Self::Boolean(value) => out.boolean(*value),
                Self::BigNumber(digits) => out.big_number(digits),
                Self::BulkError(text) => out.bulk_error(text),
                Self::Verbatim { format, text } => out.verbatim(*format, text),
                Self::Array(values) => out.array(values.len()),
                Self::Set(values) => out.set(values.len()),
                Self::Push(values) => out.push(values.len()),
                Self::Map(pairs) => out.map(pairs.len()),
                Self::Attributed(attributed) => {
                    rest.push(&attributed.value);
                    if !out.attribute(attributed.attributes.len()) {
                        continue;
                    }
                }
            }
            value.elements_backwards(&mut rest);
        }
    }

    /// Appends the elements, the keys and values or the attributes to `rest`, the first one last.
    fn elements_backwards<'a>(&'a self, rest: &mut Vec<&'a Value>) {
        match self {
            Self::Array(values) | Self::Set(values) | Self::Push(values) => {
                rest.extend(values.iter().rev());
            }
            Self::Map(pairs) | Self::Attributed(Attributed { attributes: pairs, .. }) => {
                rest.extend(pairs.iter().rev().flat_map(|(key, value)| [value, key]));
            }
            _ => {}
        }
    }

    /// Moves what is nested in it to `nested`, so that dropping it does not recurse.
    fn disband(&mut self, nested: &mut Vec<Value>) {
        match self {
            Self::Array(values) | Self::Set(values) | Self::Push(values) => {
                nested.append(&mut values.0);
            }
            Self::Map(pairs) => pairs.disband(nested),
            Self::Attributed(attributed) => attributed.disband(nested),
            _ => {}
        }
    }
}

/// Bytes as escaped strings.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Simple(bytes) => f.debug_tuple("Simple").field(&Printable(bytes)).finish(),
            Self::Error(bytes) => f.debug_tuple("Error").field(&Printable(bytes)).finish(),
            Self::Integer(value) => f.debug_tuple("Integer").field(value).finish(),
            Self::Bulk(bytes) => f.debug_tuple("Bulk").field(&Printable(bytes)).finish(),
            Self::Array(values) => f.debug_tuple("Array").field(values).finish(),
            Self::Double(value) => f.debug_tuple("Double").field(value).finish(),
            Self::Boolean(value) => f.debug_tuple("Boolean").field(value).finish(),
            Self::BigNumber(bytes) => f.debug_tuple("BigNumber").field(&Printable(bytes)).finish(),
            Self::BulkError(bytes) => f.debug_tuple("BulkError").field(&Printable(bytes)).finish(),
            Self::Verbatim { format, text } => f
                .debug_struct("Verbatim")
                .field("format", &Printable(format))
                .field("text", &Printable(text))
                .finish(),
            Self::Map(pairs) => f.debug_tuple("Map").field(pairs).finish(),
            Self::Set(values) => f.debug_tuple("Set").field(values).finish(),
            Self::Push(values) => f.debug_tuple("Push").field(values).finish(),
            Self::Attributed(attributed) => attributed.fmt(f),
        }
    }
}

/// Drops values level by level instead of by recursion.
fn drop_flat(mut nested: Vec<Value>) {
    while let Some(mut value) = nested.pop() {
        value.disband(&mut nested);
    }
}

/// Values of an array, set or push: a `Vec` whose drop does not recurse.
#[derive(Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Values(Vec<Value>);

impl Values {
    /// The plain vector.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Value> {
        mem::take(&mut self.0)
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        drop_flat(mem::take(&mut self.0));
    }
}

impl Deref for Values {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl From<Vec<Value>> for Values {
    fn from(values: Vec<Value>) -> Self {
        Self(values)
    }
}

impl IntoIterator for Values {
    type Item = Value;
    type IntoIter = vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Pairs of a map: a `Vec` whose drop does not recurse.
#[derive(Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Pairs(Vec<(Value, Value)>);

impl Pairs {
    /// The plain vector.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<(Value, Value)> {
        mem::take(&mut self.0)
    }

    fn disband(&mut self, nested: &mut Vec<Value>) {
        nested.extend(self.0.drain(..).flat_map(|(key, value)| [key, value]));
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        let mut nested = Vec::new();
        self.disband(&mut nested);
        drop_flat(nested);
    }
}

impl Deref for Pairs {
    type Target = [(Value, Value)];

    fn deref(&self) -> &[(Value, Value)] {
        &self.0
    }
}

impl From<Vec<(Value, Value)>> for Pairs {
    fn from(pairs: Vec<(Value, Value)>) -> Self {
        Self(pairs)
    }
}

impl IntoIterator for Pairs {
    type Item = (Value, Value);
    type IntoIter = vec::IntoIter<(Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, value))).finish()
    }
}

/// A value with attributes. Its drop does not recurse.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Attributed {
    attributes: Pairs,
    value: Box<Value>,
}

impl Attributed {
    /// Gives `value` attributes.
    #[must_use]
    pub fn new(attributes: Vec<(Value, Value)>, value: Value) -> Self {
        Self { attributes: attributes.into(), value: Box::new(value) }
    }

    /// The attributes in the order sent.
    #[must_use]
    pub fn attributes(&self) -> &[(Value, Value)] {
        &self.attributes
    }

    /// The value that they belong to.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Attributes and value.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<(Value, Value)>, Value) {
        (mem::take(&mut self.attributes.0), mem::replace(&mut self.value, Value::Null))
    }

    fn disband(&mut self, nested: &mut Vec<Value>) {
        self.attributes.disband(nested);
        if !matches!(*self.value, Value::Null) {
            nested.push(mem::replace(&mut self.value, Value::Null));
        }
    }
}

impl Drop for Attributed {
    fn drop(&mut self) {
        let mut nested = Vec::new();
        self.disband(&mut nested);
        drop_flat(nested);
    }
}
