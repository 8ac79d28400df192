//! [`ValueRef`]: a value to read, wherever it is kept.

use super::{
    COUNTED, EXPIRING, Hash, IDEMPOTENT, List, Opaque, Set, Str, StrRef, Stream, Value, Zset,
};

/// The value of a key, to read. Short strings are kept beside their key and are no [`Value`] until
/// they are [made one](Self::to_value).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// A string.
    String(StrRef<'a>),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A hash.
    Hash(&'a Hash),
    /// A sorted set.
    Zset(&'a Zset),
    /// A stream.
    Stream(&'a Stream),
    /// A value of a type that has no commands here yet.
    Opaque(&'a Opaque),
}

impl Value {
    /// The value to read.
    #[must_use]
    pub fn view(&self) -> ValueRef<'_> {
        match self {
            Self::String(string) => ValueRef::String(string.view()),
            Self::List(list) => ValueRef::List(list),
            Self::Set(set) => ValueRef::Set(set),
            Self::Hash(hash) => ValueRef::Hash(hash),
            Self::Zset(zset) => ValueRef::Zset(zset),
            Self::Stream(stream) => ValueRef::Stream(stream),
            Self::Opaque(opaque) => ValueRef::Opaque(opaque),
        }
    }
}

impl ValueRef<'_> {
    /// A value of its own: a copy of a short string, a clone of anything else.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::String(string) => Value::String(string.to_str()),
            Self::List(list) => Value::List(list.clone()),
            Self::Set(set) => Value::Set(set.clone()),
            Self::Hash(hash) => Value::Hash(hash.clone()),
            Self::Zset(zset) => Value::Zset(zset.clone()),
            Self::Stream(stream) => Value::Stream(Box::new(stream.clone())),
            Self::Opaque(opaque) => Value::Opaque(opaque.clone()),
        }
    }

    /// The name that the `TYPE` command answers.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Hash(_) => "hash",
            Self::Zset(_) => "zset",
            Self::Stream(_) => "stream",
            Self::Opaque(opaque) => opaque.type_name(),
        }
    }

    /// How many elements it has; 1 for a string and for an opaque value.
    #[must_use]
    pub fn element_count(self) -> usize {
        match self {
            Self::String(_) | Self::Opaque(_) => 1,
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::Hash(hash) => hash.len(),
            Self::Zset(zset) => zset.len(),
            Self::Stream(stream) => stream.len(),
        }
    }

    /// Has what a command on a collection reads first behind its handle brought into the cache; answers
    /// what it had to read for that, which the caller need not look at.
    pub(crate) fn touch(self) -> Option<u8> {
        match self {
            Self::String(_) | Self::Opaque(_) => None,
            Self::List(list) => list.touch(),
            Self::Set(set) => set.touch(),
            Self::Hash(hash) => hash.touch(),
            Self::Zset(zset) => zset.touch(),
            Self::Stream(stream) => stream.touch(),
        }
    }

    /// The RDB type that a file must know to hold the value, unless every version has one.
    pub(crate) fn needed_type(self) -> Option<u8> {
        match self {
            Self::Opaque(opaque) => Some(opaque.type_byte()),
            Self::Stream(stream) if stream.producers().is_some() => Some(IDEMPOTENT),
            Self::Stream(_) => Some(COUNTED),
            Self::Hash(hash) if hash.expiring() > 0 => Some(EXPIRING),
            _ => None,
        }
    }
}

/// A type that a command works on: how to find it in a value and put it into one.
pub(crate) trait Kind: Sized + Default {
    /// It, to read.
    type Ref<'a>: Copy
    where
        Self: 'a;

    fn of(value: ValueRef<'_>) -> Option<Self::Ref<'_>>;
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    fn into_value(self) -> Value;
    /// Whether the key goes away with the last element; a string and a stream never do.
    fn is_gone(it: Self::Ref<'_>) -> bool;
}

macro_rules! kinds {
    ($($kind:ident in $variant:ident as $reference:ty, gone when $gone:expr;)*) => {$(
        impl Kind for $kind {
            type Ref<'a> = $reference;

            fn of(value: ValueRef<'_>) -> Option<Self::Ref<'_>> {
                match value {
                    ValueRef::$variant(value) => Some(value),
                    _ => None,
                }
            }

            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                let Value::$variant(value) = value else { return None };
                // Out of its box, if it is in one.
                let value: &mut Self = value;
                Some(value)
            }

            fn into_value(self) -> Value {
                Value::$variant(self.into())
            }

            fn is_gone(it: Self::Ref<'_>) -> bool {
                let gone: fn(Self::Ref<'_>) -> bool = $gone;
                gone(it)
            }
        }
    )*};
}

kinds! {
    Str in String as StrRef<'a>, gone when |_| false;
    List in List as &'a Self, gone when List::is_empty;
    Set in Set as &'a Self, gone when Set::is_empty;
    Hash in Hash as &'a Self, gone when Hash::is_empty;
    Zset in Zset as &'a Self, gone when Zset::is_empty;
    Stream in Stream as &'a Self, gone when |_| false;
}
