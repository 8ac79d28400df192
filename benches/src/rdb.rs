//! The data sets that are written and read as RDB files.

use redwire_rdb::stream::{NodeBuilder, StreamHead, StreamId, StreamPart};
use redwire_rdb::{EncodeOptions, Encoder, KeyMeta, Version};

use crate::Random;
use crate::generator::workload::{VALUE, key};

/// Bytes of a key.
const KEY: usize = 16;
/// Words that values repeat, as text in a database does: what LZF is for.
const WORDS: [&str; 8] =
    ["\"name\":", "\"address\":", "customer", "2026-01-", "pending", ", ", "\"id\":", "status"];

/// A data set in memory.
pub enum DataSet {
    /// S: strings of 64 bytes that do not compress, one behind the other, and so their keys.
    Strings {
        /// 16 bytes each.
        keys: Vec<u8>,
        /// 64 bytes each.
        values: Vec<u8>,
    },
    /// M: all types, of a few to some thousand elements, text that compresses and numbers.
    Mixed(Vec<(Vec<u8>, Value)>),
}

/// A value of the mixed set.
pub enum Value {
    /// A string.
    String(Vec<u8>),
    /// A list.
    List(Vec<Vec<u8>>),
    /// A set; of numbers only it is an intset.
    Set(Vec<Vec<u8>>),
    /// A sorted set, in order.
    Zset(Vec<(Vec<u8>, f64)>),
    /// A hash.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// A stream of entries `1-0` and on, a field and its value each.
    Stream(Vec<Vec<u8>>),
}

/// Entries of a stream's node: `stream-node-max-entries`.
const NODE: usize = 100;

impl DataSet {
    /// S of so many keys.
    #[must_use]
    pub fn strings(count: u64) -> DataSet {
        let mut random = Random::new(11);
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for number in 0..count {
            keys.extend(key("key", number));
            values.extend(random.text(VALUE));
        }
        DataSet::Strings { keys, values }
    }

    /// M of so many keys.
    #[must_use]
    pub fn mixed(count: u64) -> DataSet {
        let mut random = Random::new(12);
        let value = |number| (key("mix", number), any_value(&mut random));
        DataSet::Mixed((0..count).map(value).collect())
    }

    /// Number of keys.
    #[must_use]
    pub fn keys(&self) -> u64 {
        match self {
            DataSet::Strings { keys, .. } => (keys.len() / KEY) as u64,
            DataSet::Mixed(values) => values.len() as u64,
        }
    }

    /// Writes it as a file of Redis 7.0's version into `out`, which is emptied first.
    pub fn encode(&self, compress: bool, out: &mut Vec<u8>) {
        let options = EncodeOptions { target: Version::REDIS_7_0, compress, ..Default::default() };
        let mut encoder = Encoder::new(options);
        out.clear();
        encoder.start(out);
        encoder.aux(out, b"redis-ver", b"7.0.15");
        encoder.select_db(out, 0, self.keys(), 0);
        match self {
            DataSet::Strings { keys, values } => {
                for (key, value) in keys.chunks_exact(KEY).zip(values.chunks_exact(VALUE)) {
                    encoder.string(out, &KeyMeta::new(key), value);
                }
            }
            DataSet::Mixed(values) => {
                values.iter().for_each(|(key, value)| value.encode(&mut encoder, key, out));
            }
        }
        encoder.end(out);
    }
}

impl Value {
    fn encode(&self, encoder: &mut Encoder, key: &[u8], out: &mut Vec<u8>) {
        let meta = KeyMeta::new(key);
        match self {
            Value::String(value) => encoder.string(out, &meta, value),
            Value::List(items) => encoder.list(out, &meta, items.iter().map(Vec::as_slice)),
            Value::Set(members) => encoder.set(out, &meta, members.iter().map(Vec::as_slice)),
            Value::Zset(members) => {
                encoder.zset(
                    out,
                    &meta,
                    members.iter().map(|(member, score)| (&member[..], *score)),
                );
            }
            Value::Hash(pairs) => {
                encoder.hash(
                    out,
                    &meta,
                    pairs.iter().map(|(field, value)| (&field[..], &value[..])),
                );
            }
            Value::Stream(entries) => stream(encoder, &meta, entries, out),
        }
    }
}

/// Writes a stream, node by node, without groups.
fn stream(encoder: &mut Encoder, meta: &KeyMeta<'_>, entries: &[Vec<u8>], out: &mut Vec<u8>) {
    let count = entries.len() as u64;
    encoder.begin_stream(out, meta);
    let nodes = entries.chunks(NODE);
    encoder.stream_part(out, &StreamPart::Nodes(nodes.len() as u64));
    let (mut first, mut builder) = (1, NodeBuilder::default());
    for values in nodes {
        let id = StreamId::new(first, 0);
        let fields = values.iter().map(|value| [(&b"field"[..], &value[..])].into_iter());
        let ids = |at: usize| StreamId::new(first + at as u64, 0);
        let node = builder.build(id, fields.enumerate().map(|(at, fields)| (ids(at), fields)));
        encoder.stream_part(out, &StreamPart::Node(node));
        first += values.len() as u64;
    }
    let last_id = StreamId::new(count, 0);
    let head = StreamHead { length: count, last_id, ..StreamHead::default() };
    encoder.stream_part(out, &StreamPart::Head(head));
    encoder.finish(out).expect("invariant: the parts come in their order");
}

fn any_value(random: &mut Random) -> Value {
    let len = match random.below(100) {
        0 => 3000,
        1..20 => 20 + random.below(300),
        _ => 1 + random.below(20),
    };
    match random.below(7) {
        0 => Value::String(text(random)),
        1 => Value::List((0..len).map(|_| text(random)).collect()),
        2 => Value::Set(
            (0..len).map(|i| (i * 1000 + random.below(999)).to_string().into()).collect(),
        ),
        3 => Value::Set((0..len).map(|i| key("mem", i)).collect()),
        4 => {
            let score = |i| f64::from(i) + if i % 3 == 0 { 0.25 } else { 0.0 };
            Value::Zset((0..len as u32).map(|i| (key("mem", u64::from(i)), score(i))).collect())
        }
        5 => Value::Stream((0..len).map(|_| text(random)).collect()),
        _ => Value::Hash((0..len).map(|i| (key("fld", i), text(random))).collect()),
    }
}

/// A number, letters that do not compress, or a text that does, up to some hundred bytes: with
/// compression the file is three quarters as long, as that of the facts' M is.
fn text(random: &mut Random) -> Vec<u8> {
    let words = 2 + random.below(30);
    match random.below(4) {
        0 => random.below(1_000_000).to_string().into_bytes(),
        1 => random.text(4 * words as usize),
        _ => (0..words).flat_map(|_| WORDS[random.below(8) as usize].bytes()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use redwire_rdb::{Decoder, Event};

    use super::*;

    #[test]
    fn files_decode_to_as_many_keys() {
        for set in [DataSet::strings(50), DataSet::mixed(200)] {
            let mut file = Vec::new();
            set.encode(true, &mut file);
            let (mut decoder, mut at, mut keys) = (Decoder::default(), 0, 0);
            while let Some(event) = {
                let decoded = decoder.decode(&file[at..]).unwrap();
                at += decoded.used;
                decoded.event
            } {
                keys += u64::from(matches!(event, Event::Key(_)));
            }
            decoder.finish().unwrap();
            assert_eq!(keys, set.keys());
        }
    }
}
