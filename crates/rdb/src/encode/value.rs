//! Values that were read whole.

use super::{Encoder, KeyMeta};
use crate::{
    Dialect, Error,
    entry::{Members, StreamBytes, Value},
};

impl Encoder {
    /// Writes a value as [`Entries`](crate::entry::Entries) delivered it, in the target's own forms; a
    /// small sorted set is brought into their order first. An empty collection is not written.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for what the target cannot hold (fields that expire, a
    /// [`Value::Opaque`] whose type is another in the target's dialect), and nothing was written
    /// then; see [`hash_expiring`](Self::hash_expiring) and [`opaque`](Self::opaque).
    pub fn value(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        value: &Value<'_>,
    ) -> Result<(), Error> {
        match value {
            Value::String(bytes) => self.string(out, meta, bytes),
            Value::List(elements) => self.list(out, meta, elements.clone()),
            Value::Set(members) => self.set(out, meta, members.clone()),
            Value::Zset(members) => self.ordered_zset(out, meta, members),
            Value::Hash(fields) => self.hash_expiring(out, meta, fields.clone())?,
            // Streams of a type that only one dialect has are Redis'.
            Value::Stream(StreamBytes { type_byte, body }) => {
                self.opaque(out, meta, Dialect::Redis, *type_byte, body)?;
            }
            Value::Opaque { dialect, type_byte, body } => {
                self.opaque(out, meta, *dialect, *type_byte, body)?;
            }
        }
        Ok(())
    }

    /// Writes a sorted set that may be in another order than its compact form needs, as servers write
    /// large ones from the last member to the first.
    fn ordered_zset(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, members: &Members<'_>) {
        if members.len() > self.options().thresholds.zset_max_listpack_entries {
            return self.zset(out, meta, members.clone());
        }
        let mut members: Vec<_> = members.clone().collect();
        members.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(b.0)));
        self.zset(out, meta, members.into_iter());
    }
}
