//! [`Builder`]: one value from the events of an RDB decoder.

use redwire_rdb::{Event, KeyHeader, Kind, Thresholds};

use crate::commands::Small;
use crate::value::{Kind as _, ListBuilder};
use crate::{Blob, Hash, Opaque, Scored, Set, Str, Stream, UnixMs, Value, Zset};

/// A value under way.
///
/// Members of what is ordered are put in order once all are there, which is several times as fast
/// as to look for the place of each.
#[derive(Debug)]
pub(crate) enum Builder {
    Whole(Value),
    List(ListBuilder),
    Set(Vec<Blob>),
    Hash {
        fields: Vec<(Blob, Blob)>,
        /// Of those among them that expire.
        expiries: Vec<(Blob, UnixMs)>,
    },
    Zset {
        members: Vec<Scored>,
        /// Their scores stand as numbers, each by itself, as those of a large set in Redis.
        is_loose: bool,
    },
}

/// Types of sorted sets of which each member stands by itself: servers make a small form of one that is
/// small enough, where others (12 and 17) stay the bytes that they are.
const LOOSE_ZSETS: [u8; 2] = [3, 5];

/// Why events make no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuildError {
    /// An event of another type of value.
    OutOfPlace,
    /// An element comes twice.
    Duplicate,
    /// The bytes of a stream are none.
    Stream,
}

/// The value of these bytes after a key: a stream, or one kept as it is.
fn whole(type_byte: u8, body: &[u8]) -> Result<Value, BuildError> {
    if !Stream::is_type(type_byte) {
        return Ok(Value::Opaque(Opaque::new(type_byte, body)));
    }
    let stream = Stream::from_rdb(type_byte, body);
    stream.map(Stream::into_value).ok_or(BuildError::Stream)
}

impl Builder {
    /// Begins the value of a key.
    pub(crate) fn new(header: &KeyHeader<'_>) -> Self {
        match header.kind {
            Kind::String | Kind::Stream | Kind::Opaque => {
                Self::Whole(Value::String(Str::default()))
            }
            Kind::List => Self::List(ListBuilder::default()),
            Kind::Set => Self::Set(Vec::new()),
            Kind::Zset => {
                let is_loose = LOOSE_ZSETS.contains(&header.type_byte);
                Self::Zset { members: Vec::new(), is_loose }
            }
            Kind::Hash => Self::Hash { fields: Vec::new(), expiries: Vec::new() },
        }
    }

    /// Takes in an event about the value: the whole of it, or an element.
    pub(crate) fn handle(&mut self, event: &Event<'_>) -> Result<(), BuildError> {
        match (*event, self) {
            (Event::String(bytes), Self::Whole(Value::String(string))) => {
                *string = Str::new(bytes);
            }
            (Event::Opaque { type_byte, body }, value) => {
                *value = Self::Whole(whole(type_byte, body)?);
            }
            (Event::Element(item), Self::List(items)) => items.push(item),
            (Event::Element(member), Self::Set(members)) => members.push(Blob::from(member)),
            (Event::Scored(member, score), Self::Zset { members, .. }) => {
                members.push(Scored { score, member: Blob::from(member) });
            }
            (Event::Field { field, value, expires_ms }, Self::Hash { fields, expiries }) => {
                let field = Blob::from(field);
                expiries.extend(expires_ms.map(|at| (field.clone(), UnixMs(at))));
                fields.push((field, Blob::from(value)));
            }
            _ => return Err(BuildError::OutOfPlace),
        }
        Ok(())
    }

    /// The value, once all its events were taken in, unless an element came twice.
    pub(crate) fn finish(self, thresholds: &Thresholds) -> Result<Value, BuildError> {
        let (came, value) = match self {
            Self::Whole(value) => return Ok(value),
            Self::List(items) => return Ok(items.finish().into_value()),
            Self::Set(members) => (members.len(), Set::from_iter(members).into_value()),
            Self::Hash { fields, expiries } => {
                (fields.len(), Hash::build(fields, expiries).into_value())
            }
            Self::Zset { members, is_loose } => {
                let came = members.len();
                let mut zset = Zset::from_iter(members);
                if is_loose {
                    Small::of(thresholds).drop_signs_of_zero(&mut zset);
                }
                (came, zset.into_value())
            }
        };
        if value.element_count() == came { Ok(value) } else { Err(BuildError::Duplicate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_value(kind: Kind, type_byte: u8, events: &[Event<'_>]) -> Result<Value, BuildError> {
        let (expire_ms, idle, freq) = (None, None, None);
        let header = KeyHeader { key: b"k", expire_ms, idle, freq, kind, type_byte };
        let mut builder = Builder::new(&header);
        for event in events {
            builder.handle(event)?;
        }
        builder.finish(&Thresholds::default())
    }

    fn built(kind: Kind, events: &[Event<'_>]) -> Result<usize, BuildError> {
        built_value(kind, 0, events).map(|value| value.element_count())
    }

    #[test]
    fn an_element_may_come_twice_in_a_list_only() {
        let element = |name: &'static [u8]| Event::Element(name);
        let field =
            |name: &'static [u8]| Event::Field { field: name, value: b"v", expires_ms: None };
        let elements = [element(b"a"), element(b"b"), element(b"a")];
        let scored = [Event::Scored(b"a", 1.0), Event::Scored(b"b", 1.0), Event::Scored(b"a", 2.0)];
        let fields = [field(b"a"), field(b"b"), field(b"a")];
        for (kind, events) in [(Kind::Set, &elements), (Kind::Zset, &scored), (Kind::Hash, &fields)]
        {
            assert_eq!(built(kind, &events[..2]), Ok(2));
            assert_eq!(built(kind, events), Err(BuildError::Duplicate));
        }
        assert_eq!(built(Kind::List, &elements), Ok(3));
    }

    #[test]
    fn elements_of_another_type_are_refused() {
        let refused = Err(BuildError::OutOfPlace);
        assert_eq!(built(Kind::Zset, &[Event::Element(b"a")]), refused);
        assert_eq!(built(Kind::List, &[Event::Scored(b"a", 1.0)]), refused);
        let field = Event::Field { field: b"f", value: b"v", expires_ms: Some(1) };
        assert_eq!(built(Kind::Hash, &[field]), Ok(1));
        assert_eq!(built(Kind::Set, &[field]), refused);
    }

    #[test]
    fn a_negative_zero_that_stands_as_a_number_loses_its_sign_in_a_small_set() {
        let names: Vec<String> = (0..128).map(|n| format!("m{n}")).collect();
        let mut events: Vec<Event<'_>> =
            names.iter().map(|name| Event::Scored(name.as_bytes(), 1.0)).collect();
        events.push(Event::Scored(b"zero", -0.0));
        let is_negative = |type_byte: u8, events: &[Event<'_>]| {
            let Ok(Value::Zset(zset)) = built_value(Kind::Zset, type_byte, events) else {
                panic!("a sorted set")
            };
            zset.score(b"zero").expect("is there").is_sign_negative()
        };
        for (type_byte, small) in [(3, false), (5, false), (12, true), (17, true)] {
            assert_eq!(is_negative(type_byte, &events[100..]), small, "type {type_byte}");
            assert!(is_negative(type_byte, &events), "a large set stays as it is");
        }
    }
}
