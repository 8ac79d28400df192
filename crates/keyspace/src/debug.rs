//! What `DEBUG` sees of the data set, and does to it behind the back of replicas and save points.

use redwire_rdb::{EncodeOptions, Encoder, Error, Version};

use crate::commands::encoding_of;
use crate::context::Data;
use crate::value::{Str, Value, ValueRef};
use crate::{Blob, SnapshotItem};

/// How a value is kept, for `DEBUG OBJECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueInfo {
    /// What `OBJECT ENCODING` answers.
    pub encoding: &'static str,
    /// Bytes of the value in an RDB file of Redis 7.0, or of the oldest that holds it, compressed as
    /// files are by default.
    pub serialized_len: u64,
    /// How many elements it has; 1 for a string.
    pub elements: usize,
    /// The 24 bits that tell of the key's use: a second, or a minute and a count.
    pub clock: u32,
    /// Seconds since the key was used, unless keys are counted instead.
    pub idle: u64,
}

impl Data<'_> {
    /// How the value of `key` is kept; the look-up counts as neither hit nor miss. The value is
    /// encoded for it, which takes time in proportion to its size.
    ///
    /// # Errors
    ///
    /// When no file holds such a value.
    pub fn inspect(&mut self, key: &[u8]) -> Result<Option<ValueInfo>, Error> {
        let thresholds = self.thresholds().clone();
        let Some(value) = self.peek(key).map(ValueRef::to_value) else { return Ok(None) };
        let clock = self.clock(key).unwrap_or_default();
        let idle = self.keyspace.meter.idle(clock);
        let types = value.view().needed_type().into_iter().chain([LISTPACK]);
        let target = Version::oldest(types, false).unwrap_or(Version::REDIS_7_0);
        let options = EncodeOptions { target, thresholds, ..EncodeOptions::default() };
        Ok(Some(ValueInfo {
            encoding: encoding_of(value.view(), &options.thresholds),
            elements: value.element_count(),
            clock,
            idle,
            serialized_len: serialized_len(value, options)?,
        }))
    }

    /// Puts a string in where there is no key yet; answers whether there was none.
    ///
    /// For `DEBUG POPULATE`: it is no write of a client, so replicas are told nothing and it does
    /// not count as a change.
    pub fn populate(&mut self, key: &[u8], value: &[u8]) -> bool {
        if self.peek(key).is_some() {
            return false;
        }
        self.put(key, Value::String(Str::new(value)), None);
        self.keyspace.key_touched(self.db, key);
        true
    }
}

/// The RDB type of a hash in Redis 7.0.
const LISTPACK: u8 = 16;

fn serialized_len(value: Value, options: EncodeOptions) -> Result<u64, Error> {
    let item = SnapshotItem { db: 0, key: Blob::new(), expires: None, usage: None, value };
    let (mut out, mut handed_on) = (Vec::new(), 0);
    item.encode(&mut Encoder::new(options), &mut out, &mut |out| {
        handed_on += out.len() as u64;
        out.clear();
    })?;
    // Short of the type and of the key, which is empty: a byte each.
    Ok((handed_on + out.len() as u64).saturating_sub(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Keyspace, Session, Settings, UnixMs};

    #[test]
    fn values_are_described_and_strings_put_in() {
        let mut keyspace = Keyspace::new(Settings::default(), 42);
        let session = Session::new(1);
        let changes = keyspace.changes();
        let mut data = Data::new(&mut keyspace, &session, UnixMs(0), true, None, &[]);
        assert_eq!(data.inspect(b"k"), Ok(None));
        assert!(data.populate(b"k", b"value:1"));
        assert!(!data.populate(b"k", b"other"), "what is there stays");
        assert!(data.populate(b"n", b"12"));
        for (key, encoding, serialized_len) in [(b"k", "embstr", 8), (b"n", "int", 2)] {
            let expected = ValueInfo { encoding, serialized_len, elements: 1, clock: 0, idle: 0 };
            assert_eq!(data.inspect(key), Ok(Some(expected)));
        }
        let mut hash = crate::Hash::default();
        hash.set(b"f", b"v".as_slice());
        hash.set_expires(b"f", Some(UnixMs(9)));
        data.put(b"h", Value::Hash(hash), None);
        // The least moment, a count, and each field's own; as Redis 8.0 has it for a hash table.
        let expected = ValueInfo {
            encoding: "listpackex",
            serialized_len: 14,
            elements: 1,
            clock: 0,
            idle: 0,
        };
        assert_eq!(data.inspect(b"h"), Ok(Some(expected)));
        drop(data);
        assert_eq!(keyspace.changes(), changes);
        assert!(keyspace.effects().is_empty());
    }
}
