//! Whole values, for the commands that write RDB files or compare.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use redwire_rdb::{
    Dialect, EncodeOptions, Encoder, Error, Event, KeyHeader, KeyMeta, Kind, Thresholds, Version,
};

/// What stands in front of a value, owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) key: Vec<u8>,
    pub(crate) expire_ms: Option<u64>,
    pub(crate) idle: Option<u64>,
    pub(crate) freq: Option<u8>,
}

/// A field of a hash: name, value, expiry in ms.
pub(crate) type Field = (Vec<u8>, Vec<u8>, Option<u64>);

/// A value as a client would see it; streams and modules' values as the bytes that they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Zset(Vec<(Vec<u8>, f64)>),
    Hash(Vec<Field>),
    Opaque { type_byte: u8, body: Vec<u8> },
}

impl Head {
    pub(crate) fn of(header: &KeyHeader<'_>) -> Self {
        Self {
            key: header.key.to_vec(),
            expire_ms: header.expire_ms,
            idle: header.idle,
            freq: header.freq,
        }
    }

    pub(crate) fn meta(&self) -> KeyMeta<'_> {
        KeyMeta { key: &self.key, expire_ms: self.expire_ms, idle: self.idle, freq: self.freq }
    }
}

impl Value {
    /// A value of which no piece has come.
    pub(crate) fn begin(header: &KeyHeader<'_>) -> Self {
        match header.kind {
            Kind::String => Self::String(Vec::new()),
            Kind::List => Self::List(Vec::new()),
            Kind::Set => Self::Set(Vec::new()),
            Kind::Zset => Self::Zset(Vec::new()),
            Kind::Hash => Self::Hash(Vec::new()),
            Kind::Stream | Kind::Opaque => {
                Self::Opaque { type_byte: header.type_byte, body: Vec::new() }
            }
        }
    }

    /// Takes the next piece.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        match (self, event) {
            (Self::String(value), Event::String(bytes)) => *value = bytes.to_vec(),
            (Self::List(items) | Self::Set(items), Event::Element(bytes)) => {
                items.push(bytes.to_vec());
            }
            (Self::Zset(items), Event::Scored(member, score)) => {
                items.push((member.to_vec(), *score));
            }
            (Self::Hash(items), Event::Field { field, value, expires_ms }) => {
                items.push((field.to_vec(), value.to_vec(), *expires_ms));
            }
            (Self::Opaque { body, .. }, Event::Opaque { body: bytes, .. }) => {
                *body = bytes.to_vec();
            }
            // The decoder sends what the key's kind says.
            _ => {}
        }
    }

    /// Removes members and fields that came before; how many those were. Servers refuse them.
    pub(crate) fn remove_duplicates(&mut self) -> usize {
        let mut seen = HashSet::new();
        match self {
            Self::Set(items) => retain_new(items, &mut seen, |item| item),
            Self::Zset(items) => retain_new(items, &mut seen, |item| &item.0),
            Self::Hash(items) => retain_new(items, &mut seen, |item| &item.0),
            _ => 0,
        }
    }

    /// Brings small sorted sets into the order in which they can be written compactly. Servers write
    /// large ones from the last member to the first, to be loaded quickly.
    pub(crate) fn sort_scores(&mut self) {
        if let Self::Zset(items) = self
            && items.len() <= Thresholds::default().zset_max_listpack_entries
        {
            items.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        }
    }

    /// Writes the value with its key.
    pub(crate) fn encode(
        &self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
    ) -> Result<(), Error> {
        match self {
            Self::String(bytes) => encoder.string(out, meta, bytes),
            Self::List(items) => encoder.list(out, meta, items.iter().map(Vec::as_slice)),
            Self::Set(items) => encoder.set(out, meta, items.iter().map(Vec::as_slice)),
            Self::Zset(items) => {
                encoder.zset(out, meta, items.iter().map(|(member, score)| (&member[..], *score)));
            }
            Self::Hash(items) => {
                let fields = items.iter().map(|(field, value, at)| (&field[..], &value[..], *at));
                encoder.hash_expiring(out, meta, fields)?;
            }
            // Streams, modules' values, and types that only Redis has.
            Self::Opaque { type_byte, body } => {
                encoder.opaque(out, meta, Dialect::Redis, *type_byte, body)?;
            }
        }
        Ok(())
    }
}

/// Keeps the first of those with one name; answers how many went. Hashes of 128 bits stand for names.
fn retain_new<T>(
    items: &mut Vec<T>,
    seen: &mut HashSet<u128>,
    name: impl Fn(&T) -> &Vec<u8>,
) -> usize {
    let hashers = [RandomState::new(), RandomState::new()];
    let before = items.len();
    items.retain(|item| {
        let [high, low] = hashers.each_ref().map(|hasher| hasher.hash_one(name(item)));
        seen.insert(u128::from(high) << 64 | u128::from(low))
    });
    before - items.len()
}

/// What an encoder writes for `target`, compressed as servers do by default.
pub(crate) fn options(target: Version) -> EncodeOptions {
    EncodeOptions { target, ..EncodeOptions::default() }
}
