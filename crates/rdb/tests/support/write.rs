//! A key of any value, written whole and in pieces.

use redwire_rdb::{Dialect, Encoder, KeyMeta, ListPlan};

use super::Value;

pub(crate) fn write(encoder: &mut Encoder, out: &mut Vec<u8>, meta: &KeyMeta<'_>, value: &Value) {
    match value {
        Value::String(value) => encoder.string(out, meta, value),
        Value::List(items) => encoder.list(out, meta, items.iter().map(Vec::as_slice)),
        Value::Set(items) => encoder.set(out, meta, items.iter().map(Vec::as_slice)),
        Value::Zset(items) => {
            encoder.zset(out, meta, items.iter().map(|(member, score)| (&member[..], *score)));
        }
        Value::Hash(items) if items.iter().all(|item| item.2.is_none()) => {
            encoder.hash(out, meta, items.iter().map(|item| (&item.0[..], &item.1[..])));
        }
        Value::Hash(items) => {
            let fields = items.iter().map(|item| (&item.0[..], &item.1[..], item.2));
            // Left out of the comparison, too, where the target has none that expire.
            let _ = encoder.hash_expiring(out, meta, fields);
        }
        Value::Stream(stream) => {
            encoder.begin_stream(out, meta);
            stream.parts().iter().for_each(|part| encoder.stream_part(out, part));
            encoder.finish(out).unwrap();
        }
        Value::Opaque(type_byte, body) => {
            // Of another version, mostly: left out of the comparison.
            let _ = encoder.opaque(out, meta, Dialect::Redis, *type_byte, body);
        }
    }
}

pub(crate) fn write_in_pieces(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    meta: &KeyMeta<'_>,
    value: &Value,
) {
    match value {
        Value::List(items) => {
            let mut plan = ListPlan::new(encoder.options());
            items.iter().for_each(|item| plan.item(item));
            encoder.begin_list(out, meta, &plan);
            items.iter().for_each(|item| encoder.push(out, item));
        }
        Value::Set(items) => {
            encoder.begin_set(out, meta, items.len() as u64);
            items.iter().for_each(|item| encoder.push(out, item));
        }
        Value::Zset(items) => {
            encoder.begin_zset(out, meta, items.len() as u64);
            items.iter().for_each(|item| encoder.push_scored(out, &item.0, item.1));
        }
        Value::Hash(items) if items.iter().all(|item| item.2.is_none()) => {
            encoder.begin_hash(out, meta, items.len() as u64);
            items.iter().for_each(|item| encoder.push_field(out, &item.0, &item.1));
        }
        other => return write(encoder, out, meta, other),
    }
    encoder.finish(out).unwrap();
}
