//! [`Builder`]: one value from the events of an RDB decoder.

use redwire_rdb::{Event, Kind};

use crate::{Hash, List, Opaque, Set, Str, Value, Zset};

/// A value under way.
#[derive(Debug)]
pub(crate) struct Builder {
    value: Value,
}

/// Why events make no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildError {
    /// An event of another type of value.
    OutOfPlace,
    /// An element comes twice.
    Duplicate,
    /// A hash field carries an expiry of its own.
    FieldExpiry,
}

impl Builder {
    /// Begins a value of this kind.
    pub(crate) fn new(kind: Kind) -> Self {
        let value = match kind {
            Kind::String | Kind::Opaque => Value::String(Str::default()),
            Kind::List => Value::List(List::default()),
            Kind::Set => Value::Set(Set::default()),
            Kind::Zset => Value::Zset(Zset::default()),
            Kind::Hash => Value::Hash(Hash::default()),
        };
        Self { value }
    }

    /// Takes in an event about the value: the whole of it, or an element.
    pub(crate) fn handle(&mut self, event: &Event<'_>) -> Result<(), BuildError> {
        let is_new = match (*event, &mut self.value) {
            (Event::String(bytes), Value::String(string)) => {
                *string = Str::new(bytes);
                true
            }
            (Event::Opaque { type_byte, body }, value) => {
                *value = Value::Opaque(Opaque::new(type_byte, body));
                true
            }
            (Event::Element(item), Value::List(list)) => {
                list.push_back(item);
                true
            }
            (Event::Element(member), Value::Set(set)) => set.insert(member),
            (Event::Scored(member, score), Value::Zset(zset)) => {
                zset.insert(member, score).is_none()
            }
            (Event::Field { expires_ms: Some(_), .. }, _) => return Err(BuildError::FieldExpiry),
            (Event::Field { field, value, .. }, Value::Hash(hash)) => hash.set(field, value),
            _ => return Err(BuildError::OutOfPlace),
        };
        if is_new { Ok(()) } else { Err(BuildError::Duplicate) }
    }

    /// The value, once all its events were taken in.
    pub(crate) fn finish(self) -> Value {
        self.value
    }
}
