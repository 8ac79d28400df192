//! From a snapshot's items to the bytes of an RDB file.

use redwire_rdb::{Dialect, EncodeOptions, Encoder, Error, KeyMeta, ListPlan};

use crate::value::{ACTIVE, COUNTED, IDEMPOTENT};
use crate::{Hash, KeyUsage, List, Set, SnapshotItem, Value, Zset};

/// Collections of up to this many elements are written in one go.
const WHOLE_ELEMENTS: usize = 1024;

/// Larger ones are handed on whenever this many bytes have come together.
const PIECE_BYTES: usize = 256 << 10;

/// Takes pieces of a file as they are made: writes them out and empties the buffer.
type Flush<'f> = &'f mut dyn FnMut(&mut Vec<u8>);

impl SnapshotItem {
    /// Appends the key and its value to `out` as `encoder` writes them.
    ///
    /// A large collection comes in pieces: `flush` is called whenever some 256 KiB have come
    /// together in `out`, and may take them away.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when the encoder's target cannot hold the value; nothing of the key
    /// is written then.
    pub fn encode(
        &self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        flush: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Result<(), Error> {
        let mut meta =
            KeyMeta { expire_ms: self.expires.map(|at| at.0), ..KeyMeta::new(self.key.as_slice()) };
        match self.usage {
            Some(KeyUsage::Idle(seconds)) => meta.idle = Some(seconds),
            Some(KeyUsage::Frequency(count)) => meta.freq = Some(count),
            None => {}
        }
        let whole = self.value.element_count() <= WHOLE_ELEMENTS;
        match &self.value {
            Value::String(string) => encoder.string(out, &meta, &string.as_bytes()),
            // What is kept as bytes is of a type that both dialects have, or of Redis'.
            Value::Opaque(opaque) => {
                encoder.opaque(out, &meta, Dialect::Redis, opaque.type_byte(), opaque.body())?;
            }
            Value::Stream(stream) => {
                let options = encoder.options();
                let of_later = stream.producers().is_some().then_some(IDEMPOTENT);
                let forms = of_later.into_iter().chain([ACTIVE]);
                let held = |form: &u8| options.target.holds_type(*form);
                let type_byte = forms.into_iter().find(held).unwrap_or(COUNTED);
                let mut body = Vec::new();
                stream.to_rdb(type_byte, options.compress, &mut body);
                encoder.opaque(out, &meta, Dialect::Redis, type_byte, &body)?;
            }
            Value::List(list) if whole => {
                encoder.list(out, &meta, list.iter());
            }
            Value::Set(set) if whole => encoder.set(out, &meta, set.iter()),
            Value::Hash(hash) if whole && hash.expiring() > 0 => {
                let fields = hash
                    .iter_expiring()
                    .map(|(field, expires)| (field.name, field.value, expires.map(|at| at.0)));
                encoder.hash_expiring(out, &meta, fields)?;
            }
            Value::Hash(hash) if whole => {
                let fields = hash.iter();
                let pairs = fields.map(|field| (field.name, field.value));
                encoder.hash(out, &meta, pairs);
            }
            Value::Zset(zset) if whole && !zset.is_outgrown() => {
                let members = zset.iter();
                encoder.zset(out, &meta, members.map(|it| (it.member, it.score)));
            }
            Value::List(list) => large_list(encoder, out, &meta, list, flush)?,
            Value::Set(set) => large_set(encoder, out, &meta, set, flush)?,
            Value::Hash(hash) => large_hash(encoder, out, &meta, hash, flush)?,
            // One that has shrunk too, as servers do it: only there they settle -0 at the load.
            Value::Zset(zset) => large_zset(encoder, out, &meta, zset, flush)?,
        }
        Ok(())
    }
}

fn large_list(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    meta: &KeyMeta<'_>,
    list: &List,
    flush: Flush<'_>,
) -> Result<(), Error> {
    let options: EncodeOptions = encoder.options().clone();
    let mut plan = ListPlan::new(&options);
    for item in list.iter() {
        plan.item(item);
    }
    encoder.begin_list(out, meta, &plan);
    for item in list.iter() {
        encoder.push(out, item);
        pass_on(out, flush);
    }
    encoder.finish(out)
}

fn large_set(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    meta: &KeyMeta<'_>,
    set: &Set,
    flush: Flush<'_>,
) -> Result<(), Error> {
    encoder.begin_set(out, meta, set.len() as u64);
    for member in set.iter() {
        encoder.push(out, member);
        pass_on(out, flush);
    }
    encoder.finish(out)
}

fn large_hash(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    meta: &KeyMeta<'_>,
    hash: &Hash,
    flush: Flush<'_>,
) -> Result<(), Error> {
    if let Some(least) = hash.first_expiry() {
        encoder.begin_hash_expiring(out, meta, hash.len() as u64, least.0)?;
        for (field, expires) in hash.iter_expiring() {
            encoder.push_expiring(out, field.name, field.value, expires.map(|at| at.0));
            pass_on(out, flush);
        }
        return encoder.finish(out);
    }
    encoder.begin_hash(out, meta, hash.len() as u64);
    for field in hash.iter() {
        encoder.push_field(out, field.name, field.value);
        pass_on(out, flush);
    }
    encoder.finish(out)
}

fn large_zset(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    meta: &KeyMeta<'_>,
    zset: &Zset,
    flush: Flush<'_>,
) -> Result<(), Error> {
    encoder.begin_zset(out, meta, zset.len() as u64);
    // From the highest score down, as servers write it: each insert at load is then at the head.
    for scored in zset.iter().rev() {
        encoder.push_scored(out, scored.member, scored.score);
        pass_on(out, flush);
    }
    encoder.finish(out)
}

fn pass_on(out: &mut Vec<u8>, flush: Flush<'_>) {
    if out.len() >= PIECE_BYTES {
        flush(out);
    }
}
