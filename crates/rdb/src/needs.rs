//! What of some data not every version holds.

use crate::{
    Dialect, Event, Version,
    entry::Value,
    stream::{StreamPart, parts_of},
    types::StreamType,
};

/// Finds the oldest version that holds some data, for
/// [`EncodeOptions::target`](crate::EncodeOptions::target): show it the data, and ask. The version comes
/// first in a file, so that takes a walk of its own before the data is written.
///
/// What no client loses data by makes no version necessary: when a consumer was active (type 21), and
/// settings of idempotent producers that a stream does not have (type 26). What clients see does: the
/// counts of a stream (type 19, Redis 7.0), producers (type 26), fields that expire (types 22, 24 and 25),
/// function libraries (opcode 245), and values that are passed on as they stand.
///
/// ```
/// use redwire_rdb::{DecodeOptions, Decoder, Needs, Version};
/// use std::ops::ControlFlow;
///
/// # let file = include_bytes!("../tests/data/redis70_nochecksum.rdb");
/// let mut needs = Needs::default();
/// Decoder::new(DecodeOptions::default()).decode_each(file, |event| {
///     needs.event(&event);
///     ControlFlow::Continue(())
/// })?;
/// let target = needs.oldest();
/// # assert!(target.is_some_and(|target| target <= Version::REDIS_7_0));
/// # Ok::<(), redwire_rdb::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The data comes from a file of this version.
    from: Option<Version>,
    functions: bool,
    field_expiries: bool,
    /// A bit for each type that is to be held as it stands.
    types: u64,
}

const COUNTED: u8 = StreamType::Counted.type_byte();
const IDEMPOTENT: u8 = StreamType::Idempotent.type_byte();

impl Needs {
    /// Takes note of an event of a [`Decoder`](crate::Decoder).
    pub fn event(&mut self, event: &Event<'_>) {
        match *event {
            Event::Start(version) => self.from = Some(version),
            Event::Function(_) => self.functions = true,
            Event::Field { expires_ms, .. } => self.field_expiries |= expires_ms.is_some(),
            Event::Stream(ref part) => self.stream_part(part),
            Event::Opaque { type_byte, body } => self.opaque(type_byte, body),
            _ => {}
        }
    }

    /// Takes note of a value of [`Entries`](crate::entry::Entries).
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Hash(fields) => {
                self.field_expiries |=
                    fields.clone().any(|(_, _, expires_ms)| expires_ms.is_some());
            }
            Value::Stream(stream) => self.opaque(stream.type_byte, stream.body),
            Value::Opaque { type_byte, body, .. } => self.opaque(*type_byte, body),
            Value::String(_) | Value::List(_) | Value::Set(_) | Value::Zset(_) => {}
        }
    }

    /// Takes note of a part of a stream.
    pub fn stream_part(&mut self, part: &StreamPart<'_>) {
        match part {
            StreamPart::Head(head) if head.counts.is_some() => self.type_byte(COUNTED),
            StreamPart::Producer { .. } => self.type_byte(IDEMPOTENT),
            _ => {}
        }
    }

    /// Takes note of all that `other` has.
    pub fn add(&mut self, other: &Self) {
        self.from = self.from.or(other.from);
        self.functions |= other.functions;
        self.field_expiries |= other.field_expiries;
        self.types |= other.types;
    }

    /// The oldest version that holds all, from [`Version::REDIS_6_0`] on; where the dialects differ, of
    /// that of [`Event::Start`], Redis' without one, if that one does. `None` when no version does.
    #[must_use]
    pub fn oldest(&self) -> Option<Version> {
        let dialect = self.from.map_or(Dialect::Redis, Version::dialect);
        Version::oldest_that(dialect, |version| self.are_met_by(version))
    }

    fn are_met_by(&self, version: Version) -> bool {
        let types = self.types;
        let mut needed = (0..u64::BITS as u8).filter(|byte| types >> byte & 1 == 1);
        (!self.functions || version.holds_functions())
            && (!self.field_expiries || version.holds_field_expiries())
            && needed.all(|byte| version.holds_type(byte))
    }

    fn type_byte(&mut self, byte: u8) {
        self.types |= 1 << byte.min(u64::BITS as u8 - 1);
    }

    /// A value that is passed on, or of a stream what clients see of it.
    fn opaque(&mut self, type_byte: u8, body: &[u8]) {
        self.type_byte(match type_byte {
            COUNTED..=21 => COUNTED,
            IDEMPOTENT if !has_producers(body) => COUNTED,
            other => other,
        });
    }
}

fn has_producers(body: &[u8]) -> bool {
    let mut found = false;
    let parts = parts_of(IDEMPOTENT, body, |part| {
        found |= matches!(part, StreamPart::Producer { .. });
    });
    // Of what could not be read nothing may get lost.
    found || parts.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{StreamCounts, StreamHead, StreamId};

    fn oldest(events: &[Event<'_>]) -> Option<Version> {
        let mut needs = Needs::default();
        events.iter().for_each(|event| needs.event(event));
        let mut both = Needs::default();
        both.add(&needs);
        assert_eq!(both, needs);
        needs.oldest()
    }

    #[test]
    fn each_need_has_its_version() {
        let field = |expires_ms| Event::Field { field: b"f", value: b"v", expires_ms };
        let head = |counts| {
            Event::Stream(StreamPart::Head(StreamHead { counts, ..StreamHead::default() }))
        };
        let producer = Event::Stream(StreamPart::Producer { id: b"p", added: 0 });
        let opaque = |type_byte| Event::Opaque { type_byte, body: b"" };
        let counts = StreamCounts {
            first_id: StreamId::MIN,
            max_deleted_id: StreamId::MIN,
            entries_added: 1,
        };
        let valkey = Event::Start(Version::VALKEY_9);
        for (events, version) in [
            (&[][..], Some(Version::REDIS_6_0)),
            (&[Event::String(b"v"), field(None), head(None), opaque(15)], Some(Version::REDIS_6_0)),
            (&[valkey, Event::String(b"v")], Some(Version::REDIS_6_0)),
            (&[Event::Function(b"#!lua")], Some(Version::REDIS_7_0)),
            (&[head(Some(counts))], Some(Version::REDIS_7_0)),
            (&[opaque(21)], Some(Version::REDIS_7_0)),
            (&[field(Some(1)), field(None)], Some(Version::REDIS_7_4)),
            (&[valkey, field(Some(1))], Some(Version::VALKEY_9)),
            (&[producer], Some(Version::REDIS_8_6)),
            // Which cannot be read, and so may have producers.
            (&[opaque(26)], Some(Version::REDIS_8_6)),
            (&[opaque(28)], Some(Version::REDIS_8_8)),
            (&[opaque(28), opaque(22)], None),
            (&[opaque(200)], None),
        ] {
            assert_eq!(oldest(events), version, "{events:?}");
        }
    }
}
