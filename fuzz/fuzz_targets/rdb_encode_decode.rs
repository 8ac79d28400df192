//! Any keys with values of all types, written for any version that can hold them, whole or in pieces,
//! to a file or as payloads: decoded, they are the same keys with the same values.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use redwire_rdb::stream::{StreamHead, StreamId, StreamNode, StreamPart, node_of};
use redwire_rdb::{
    DecodeOptions, Decoder, EncodeOptions, Encoder, Error, Event, KeyMeta, ListPlan, Thresholds,
    Version, dump,
};

const TARGETS: [Version; 6] = [
    Version::REDIS_6_0,
    Version::REDIS_7_0,
    Version::REDIS_7_2,
    Version::REDIS_7_4,
    Version::REDIS_8_6,
    Version::VALKEY_9,
];

/// An element: a name, what belongs to it, a score, an expiry.
type Part = (Vec<u8>, Vec<u8>, f64, Option<u64>);
/// A key: what type its value is of, its name, its expiry and elements.
type Input = (u8, Vec<u8>, Option<u64>, Vec<Part>);

type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

#[derive(Debug, Clone, PartialEq)]
enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(BTreeMap<Vec<u8>, ()>),
    /// Scores by their bits.
    Zset(BTreeMap<Vec<u8>, u64>),
    Hash(Fields),
    Stream(Vec<(StreamId, Vec<u8>, Vec<u8>)>),
}

type Keys = BTreeMap<Vec<u8>, (Option<u64>, Value)>;

/// How everything is written and read.
struct How {
    options: EncodeOptions,
    in_pieces: bool,
    /// How many bytes arrive at once.
    piece: usize,
}

fuzz_target!(|input: (u8, u8, [u8; 4], Vec<Input>)| {
    let (target, flags, sizes, keys) = input;
    // Small, so that small inputs exceed them.
    let [entries, value, node, piece] = sizes.map(usize::from);
    let thresholds = Thresholds {
        hash_max_listpack_entries: entries,
        hash_max_listpack_value: value,
        zset_max_listpack_entries: entries,
        zset_max_listpack_value: value,
        set_max_intset_entries: entries,
        set_max_listpack_entries: entries,
        set_max_listpack_value: value,
        list_node_bytes: node,
        list_node_elements: entries,
    };
    let how = How {
        options: EncodeOptions {
            target: TARGETS[usize::from(target) % TARGETS.len()],
            compress: flags & 1 == 1,
            thresholds,
            ..EncodeOptions::default()
        },
        in_pieces: flags & 2 == 2,
        piece: piece + 1,
    };
    let keys: Keys = keys
        .into_iter()
        .map(|(form, name, at, parts)| (name, (at.map(ms), value_of(form, parts))))
        .collect();

    let (mut encoder, mut file) = (Encoder::new(how.options.clone()), Vec::new());
    encoder.start(&mut file);
    let mut held = Keys::new();
    for (name, (expire_ms, value)) in &keys {
        let meta = KeyMeta { expire_ms: *expire_ms, ..KeyMeta::new(name) };
        if how.write(&mut encoder, &mut file, &meta, value) {
            held.insert(name.clone(), (*expire_ms, value.clone()));
        }
    }
    encoder.end(&mut file);
    assert_eq!(how.read(Decoder::new(DecodeOptions::default()), &file), held);

    for (_, value) in held.values() {
        let (mut encoder, mut payload) = (Encoder::for_payloads(how.options.clone()), Vec::new());
        assert!(how.write(&mut encoder, &mut payload, &KeyMeta::new(b""), value));
        encoder.end(&mut payload);
        let opened = dump::open(&payload).expect("closed");
        let decoder = Decoder::for_value(opened.version, DecodeOptions::default());
        let read = how.read(decoder, opened.value);
        assert_eq!(read.into_values().next(), Some((None, value.clone())));
    }
});

/// A time that a server can have.
fn ms(at: u64) -> u64 {
    at >> 18
}

fn value_of(form: u8, parts: Vec<Part>) -> Value {
    match form % 6 {
        0 => Value::String(parts.into_iter().next().map_or_else(Vec::new, |part| part.0)),
        1 => Value::List(parts.into_iter().flat_map(|part| [part.0, part.1]).collect()),
        2 => Value::Set(parts.into_iter().flat_map(|part| [(part.0, ()), (part.1, ())]).collect()),
        3 => Value::Zset(
            parts
                .into_iter()
                .filter(|part| !part.2.is_nan())
                .map(|part| (part.0, part.2.to_bits()))
                .collect(),
        ),
        4 => {
            Value::Hash(parts.into_iter().map(|part| (part.0, (part.1, part.3.map(ms)))).collect())
        }
        _ => Value::Stream(
            (1..).zip(parts).map(|(n, part)| (StreamId::new(n, 7), part.0, part.1)).collect(),
        ),
    }
}

impl How {
    /// Writes a key, if the target can hold it and it has elements at all.
    fn write(
        &self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        value: &Value,
    ) -> bool {
        let before = out.len();
        match value {
            Value::String(text) => encoder.string(out, meta, text),
            Value::List(items) => self.list(encoder, out, meta, items),
            Value::Set(members) => {
                let members = members.keys().map(Vec::as_slice);
                if self.in_pieces && members.len() > 0 {
                    encoder.begin_set(out, meta, members.len() as u64);
                    members.for_each(|member| encoder.push(out, member));
                    encoder.finish(out).expect("as many as announced");
                } else {
                    encoder.set(out, meta, members);
                }
            }
            Value::Zset(members) => {
                let mut members: Vec<_> = members
                    .iter()
                    .map(|(member, bits)| (member.as_slice(), f64::from_bits(*bits)))
                    .collect();
                members.sort_by(|a, b| (a.1, a.0).partial_cmp(&(b.1, b.0)).expect("no NaN"));
                if self.in_pieces && !members.is_empty() {
                    encoder.begin_zset(out, meta, members.len() as u64);
                    members
                        .iter()
                        .for_each(|(member, score)| encoder.push_scored(out, member, *score));
                    encoder.finish(out).expect("as many as announced");
                } else {
                    encoder.zset(out, meta, members.iter().copied());
                }
            }
            Value::Hash(fields) => return self.hash(encoder, out, meta, fields),
            Value::Stream(entries) => stream(encoder, out, meta, entries),
        }
        out.len() > before
    }

    fn list(
        &self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        items: &[Vec<u8>],
    ) {
        if !self.in_pieces || items.is_empty() {
            return encoder.list(out, meta, items.iter().map(Vec::as_slice));
        }
        let mut plan = ListPlan::new(encoder.options());
        items.iter().for_each(|item| plan.item(item));
        encoder.begin_list(out, meta, &plan);
        items.iter().for_each(|item| encoder.push(out, item));
        encoder.finish(out).expect("the items of the plan");
    }

    fn hash(
        &self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        fields: &Fields,
    ) -> bool {
        let before = out.len();
        let all = fields.iter().map(|(field, (value, at))| (&field[..], &value[..], *at));
        if all.clone().any(|(_, _, at)| at.is_some()) {
            let held = encoder.hash_expiring(out, meta, all);
            let target = self.options.target;
            assert_eq!(held.is_ok(), target.holds_type(24) || target.holds_type(22), "{held:?}");
        } else if self.in_pieces && !fields.is_empty() {
            encoder.begin_hash(out, meta, fields.len() as u64);
            all.for_each(|(field, value, _)| encoder.push_field(out, field, value));
            encoder.finish(out).expect("as many as announced");
        } else {
            encoder.hash(out, meta, all.map(|(field, value, _)| (field, value)));
        }
        out.len() > before
    }

    fn read(&self, mut decoder: Decoder, bytes: &[u8]) -> Keys {
        let (mut keys, mut open) = (Keys::new(), Open::default());
        let (mut used, mut end) = (0, 0);
        while !decoder.is_done() {
            let decoded = decoder
                .decode(&bytes[used..end])
                .unwrap_or_else(|error: Error| panic!("for {}: {error}", self.options.target));
            used += decoded.used;
            match decoded.event {
                Some(event) => open.take(event, &mut keys),
                None => {
                    assert!(end < bytes.len(), "more is wanted than there is");
                    end = (end + self.piece).min(bytes.len());
                }
            }
        }
        assert_eq!(used, bytes.len());
        keys
    }
}

/// Nodes of up to three entries.
fn stream(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    meta: &KeyMeta<'_>,
    entries: &[(StreamId, Vec<u8>, Vec<u8>)],
) {
    encoder.begin_stream(out, meta);
    let nodes: Vec<_> = entries.chunks(3).collect();
    encoder.stream_part(out, &StreamPart::Nodes(nodes.len() as u64));
    for node in nodes {
        let id = node[0].0;
        let listpack = node_of(
            id,
            node.iter().map(|(id, name, value)| (*id, std::iter::once((&name[..], &value[..])))),
        );
        let node = StreamNode::new(id, &listpack).expect("built");
        encoder.stream_part(out, &StreamPart::Node(node));
    }
    let last_id = entries.last().map_or(StreamId::MIN, |(id, ..)| *id);
    let head = StreamHead { length: entries.len() as u64, last_id, counts: None, groups: 0 };
    encoder.stream_part(out, &StreamPart::Head(head));
    encoder.finish(out).expect("the parts are in their order");
}

/// The key that is being read.
#[derive(Default)]
struct Open {
    name: Vec<u8>,
    expire_ms: Option<u64>,
    value: Option<Value>,
}

impl Open {
    fn take(&mut self, event: Event<'_>, keys: &mut Keys) {
        match event {
            Event::Key(header) => {
                use redwire_rdb::Kind;
                self.name = header.key.to_vec();
                self.expire_ms = header.expire_ms;
                self.value = Some(match header.kind {
                    Kind::List => Value::List(Vec::new()),
                    Kind::Set => Value::Set(BTreeMap::new()),
                    Kind::Zset => Value::Zset(BTreeMap::new()),
                    Kind::Hash => Value::Hash(BTreeMap::new()),
                    Kind::Stream => Value::Stream(Vec::new()),
                    _ => Value::String(Vec::new()),
                });
            }
            Event::KeyEnd { .. } => {
                let value = self.value.take().expect("a key");
                let old = keys.insert(std::mem::take(&mut self.name), (self.expire_ms, value));
                assert!(old.is_none());
            }
            event => self.element(event),
        }
    }

    fn element(&mut self, event: Event<'_>) {
        match (event, self.value.as_mut()) {
            (Event::String(text), Some(Value::String(value))) => *value = text.to_vec(),
            (Event::Element(item), Some(Value::List(items))) => items.push(item.to_vec()),
            (Event::Element(member), Some(Value::Set(members))) => {
                assert!(members.insert(member.to_vec(), ()).is_none());
            }
            (Event::Scored(member, score), Some(Value::Zset(members))) => {
                assert!(members.insert(member.to_vec(), score.to_bits()).is_none());
            }
            (Event::Field { field, value, expires_ms }, Some(Value::Hash(fields))) => {
                assert!(fields.insert(field.to_vec(), (value.to_vec(), expires_ms)).is_none());
            }
            (Event::Stream(StreamPart::Node(node)), Some(Value::Stream(entries))) => {
                for entry in node.entries() {
                    let (name, value) = entry.fields.clone().next().expect("one field");
                    entries.push((entry.id, name.to_vec(), value.to_vec()));
                }
            }
            (Event::Start(_) | Event::Stream(_) | Event::End, _) => {}
            (event, _) => panic!("{event:?}"),
        }
    }
}
