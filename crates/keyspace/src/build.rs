//! [`Builder`]: one value from the events of an RDB decoder.

use std::mem;

use redwire_rdb::{Event, KeyHeader, Kind, Thresholds};

use crate::commands::Small;
use crate::value::{HashBuilder, Kind as _, ListBuilder, SetBuilder, ZsetBuilder};
use crate::{Hash, Opaque, Set, Str, Stream, UnixMs, Value};

/// A value under way. Its memory serves for one value after the other.
///
/// Members of what is ordered are put in order once all are there, which is several times as fast
/// as to look for the place of each.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    under_way: UnderWay,
    list: ListBuilder,
    set: SetBuilder,
    hash: HashBuilder,
    zset: ZsetBuilder,
}

#[derive(Debug)]
enum UnderWay {
    Whole(Value),
    List,
    Set,
    Hash,
    Zset {
        /// Their scores stand as numbers, each by itself, as those of a large set in Redis.
        is_loose: bool,
        /// There is a score of -0.
        has_negative_zero: bool,
    },
}

impl Default for UnderWay {
    fn default() -> Self {
        Self::Whole(Value::String(Str::default()))
    }
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
    /// Begins the value of a key, after the value before was finished.
    pub(crate) fn begin(&mut self, header: &KeyHeader<'_>) {
        self.under_way = match header.kind {
            Kind::String | Kind::Stream | Kind::Opaque => UnderWay::default(),
            Kind::List => UnderWay::List,
            Kind::Set => UnderWay::Set,
            Kind::Zset => UnderWay::Zset {
                is_loose: LOOSE_ZSETS.contains(&header.type_byte),
                has_negative_zero: false,
            },
            Kind::Hash => UnderWay::Hash,
        };
    }

    /// Whether a string, or what is kept as bytes, is to come.
    pub(crate) fn is_string(&self) -> bool {
        matches!(self.under_way, UnderWay::Whole(Value::String(_)))
    }

    /// Takes in an event about the value: the whole of it, or an element.
    #[inline]
    pub(crate) fn handle(&mut self, event: &Event<'_>) -> Result<(), BuildError> {
        match (*event, &mut self.under_way) {
            (Event::String(bytes), UnderWay::Whole(Value::String(string))) => {
                *string = Str::new(bytes);
            }
            (Event::Opaque { type_byte, body }, value @ UnderWay::Whole(_)) => {
                *value = UnderWay::Whole(whole(type_byte, body)?);
            }
            (Event::Element(item), UnderWay::List) => self.list.push(item),
            (Event::Element(member), UnderWay::Set) => self.set.push(member),
            (Event::Scored(member, score), UnderWay::Zset { has_negative_zero, .. }) => {
                *has_negative_zero |= score == 0.0 && score.is_sign_negative();
                self.zset.push(member, score);
            }
            (Event::Field { field, value, expires_ms }, UnderWay::Hash) => {
                self.hash.push(field, value, expires_ms.map(UnixMs));
            }
            _ => return Err(BuildError::OutOfPlace),
        }
        Ok(())
    }

    /// The value, once all its events were taken in, unless an element came twice.
    pub(crate) fn finish(&mut self, thresholds: &Thresholds) -> Result<Value, BuildError> {
        let value = match mem::take(&mut self.under_way) {
            UnderWay::Whole(value) => Some(value),
            UnderWay::List => Some(self.list.finish().into_value()),
            UnderWay::Set => self.set.finish().map(Set::into_value),
            UnderWay::Hash => self.hash.finish().map(Hash::into_value),
            UnderWay::Zset { is_loose, has_negative_zero } => self.zset.finish().map(|mut zset| {
                if is_loose && has_negative_zero {
                    Small::of(thresholds).drop_signs_of_zero(&mut zset);
                }
                zset.into_value()
            }),
        };
        value.ok_or(BuildError::Duplicate)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{Blob, List, Scored, Zset};

    fn built_value(kind: Kind, type_byte: u8, events: &[Event<'_>]) -> Result<Value, BuildError> {
        let (expire_ms, idle, freq) = (None, None, None);
        let header = KeyHeader { key: b"k", expire_ms, idle, freq, kind, type_byte };
        let mut builder = Builder::default();
        builder.begin(&header);
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

    /// Names around the bounds of each form, in number and in length; as many bytes as a block has, and
    /// more.
    fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let count = prop_oneof![0_usize..20, 120_usize..140, 250_usize..300];
        let len = prop_oneof![40 => Just(0_usize), 2 => 20_usize..24, 1 => 250_usize..260, 1 => 1000_usize..1100];
        let names = count.prop_flat_map(move |count| {
            proptest::collection::vec((0_u32..2000, len.clone()), count)
        });
        let name = |(number, len): (u32, usize)| {
            let mut name = number.to_string().into_bytes();
            name.resize(len.max(name.len()), b'x');
            name
        };
        names.prop_map(move |names| names.into_iter().map(name).collect())
    }

    /// What a builder, which has made other values before, makes of a value's events.
    fn finished(
        builder: &mut Builder,
        kind: Kind,
        events: &[Event<'_>],
    ) -> Result<Value, BuildError> {
        let (expire_ms, idle, freq) = (None, None, None);
        builder.begin(&KeyHeader { key: b"k", expire_ms, idle, freq, kind, type_byte: 0 });
        events.iter().try_for_each(|event| builder.handle(event))?;
        builder.finish(&Thresholds::default())
    }

    /// The same elements in the same form, in the same order, unless one came twice.
    fn check(
        built: Result<Value, BuildError>,
        naive: Value,
        is_distinct: bool,
    ) -> Result<(), TestCaseError> {
        if !is_distinct {
            prop_assert_eq!(built.map(|value| value.element_count()), Err(BuildError::Duplicate));
            return Ok(());
        }
        let built = built.expect("no element comes twice");
        prop_assert_eq!(format!("{:?}", &built), format!("{:?}", &naive));
        prop_assert!(built.memory(0) <= naive.memory(0));
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_built_at_once_is_what_is_built_otherwise(
            values in proptest::collection::vec((names(), any::<bool>(), 0_usize..4), 1..5),
        ) {
            let mut builder = Builder::default();
            for (names, is_repeated, expiring) in values {
                let mut names = names;
                if !is_repeated {
                    let mut seen = BTreeSet::new();
                    names.retain(|name| seen.insert(name.clone()));
                }
                let slices: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
                let is_distinct = slices.iter().collect::<BTreeSet<_>>().len() == slices.len();
                let numbered = || slices.iter().copied().enumerate();

                let elements: Vec<_> = slices.iter().map(|name| Event::Element(name)).collect();
                let set = Set::from_iter(slices.iter().copied());
                check(finished(&mut builder, Kind::Set, &elements), set.into_value(), is_distinct)?;

                let mut list = List::default();
                slices.iter().for_each(|item| list.push_back(item));
                let Ok(Value::List(built)) = finished(&mut builder, Kind::List, &elements) else {
                    panic!("a list")
                };
                prop_assert!(built.iter().eq(slices.iter().copied()));
                prop_assert_eq!(built.len(), list.len());
                prop_assert!(built.memory(0) <= list.memory(0));

                let score = |at: usize, name: &[u8]| (name.len() as f64 - 2.0) * (at % 3) as f64;
                let scored: Vec<_> =
                    numbered().map(|(at, name)| Event::Scored(name, score(at, name))).collect();
                let zset: Zset = numbered()
                    .map(|(at, name)| Scored { score: score(at, name), member: Blob::from(name) })
                    .collect();
                let built = finished(&mut builder, Kind::Zset, &scored);
                check(built, zset.into_value(), is_distinct)?;

                let expires = |at: usize| (at < expiring).then_some(at as u64);
                let fields: Vec<_> = numbered()
                    .map(|(at, field)| Event::Field { field, value: field, expires_ms: expires(at) })
                    .collect();
                let pairs = slices.iter().map(|name| (Blob::from(*name), Blob::from(*name)));
                let expiries = numbered()
                    .filter_map(|(at, name)| Some((Blob::from(name), UnixMs(expires(at)?))));
                let hash = Hash::build(pairs.collect(), expiries.collect());
                check(finished(&mut builder, Kind::Hash, &fields), hash.into_value(), is_distinct)?;
            }
        }
    }
}
