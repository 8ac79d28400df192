//! Values as `DUMP` gives them and `RESTORE` takes them.

use redwire_rdb::{
    DecodeOptions, Decoder, EncodeOptions, Encoder, Event, Thresholds, Version, dump,
};

use crate::build::Builder;
use crate::context::Data;
use crate::events::EventClass;
use crate::keyspace::Keyspace;
use crate::{Blob, SnapshotItem, Touched, UnixMs, Value};

/// A key as it was at one moment, to be made a payload of (`DUMP`, `MIGRATE`): on another thread if one
/// likes, for a large value takes its time.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The key.
    pub key: Blob,
    /// When it expires.
    pub expires: Option<UnixMs>,
    value: Value,
    thresholds: Thresholds,
}

impl Parcel {
    /// The payload that `RESTORE` takes, in the oldest version that can hold the value; `None` if none
    /// can.
    #[must_use]
    pub fn payload(&self) -> Option<Vec<u8>> {
        self.value.to_payload(&self.thresholds)
    }
}

impl Data<'_> {
    /// The key as it is now, if it is there; that is a use of it.
    pub fn parcel(&mut self, key: &[u8]) -> Option<Parcel> {
        let thresholds = self.thresholds().clone();
        let entry = self.find_entry(key)?;
        let expires = entry.expires();
        Some(Parcel { key: Blob::from(key), expires, value: entry.value.to_value(), thresholds })
    }

    /// [`Keyspace::remove_moved`] from the selected database, as what the running command does: replicas
    /// are told the `DEL`, and not the command.
    pub fn remove_moved<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>) -> usize {
        self.begin_effect();
        self.keyspace.remove_moved(self.db, keys)
    }
}

impl Keyspace {
    /// Deletes keys of database `db` that another server has now (`MIGRATE`); answers how many were
    /// still there. Replicas are told one `DEL` of them.
    pub fn remove_moved<'a>(&mut self, db: u32, keys: impl Iterator<Item = &'a [u8]>) -> usize {
        let mut effect = vec![b"DEL".as_slice()];
        for key in keys {
            let Some(entry) = self.remove(db, key) else { continue };
            self.watches.touch(db, key);
            self.touches.push(|| Touched::Expired(Blob::from(key)));
            self.events.push(EventClass::Generic, "del", db, key);
            self.dirty += 1;
            self.discard(entry.value);
            effect.push(key);
        }
        let deleted = effect.len() - 1;
        if deleted > 0 {
            self.effects.mute(false);
            self.effects.push(db, effect);
        }
        deleted
    }
}

/// What is wrong with a payload, as far as Redis tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadError {
    /// The footer: version or checksum.
    Footer,
    /// What stands before it.
    Value,
}

impl Value {
    /// The payload of this value, in the oldest version that can hold it; `None` if none can.
    pub(crate) fn to_payload(&self, thresholds: &Thresholds) -> Option<Vec<u8>> {
        let target = Version::oldest(self.view().needed_type(), false)?;
        let thresholds = thresholds.clone();
        let options = EncodeOptions { target, thresholds, ..EncodeOptions::default() };
        let mut encoder = Encoder::for_payloads(options);
        let mut payload = Vec::new();
        let item = SnapshotItem {
            db: 0,
            key: Blob::new(),
            expires: None,
            usage: None,
            value: self.clone(),
        };
        item.encode(&mut encoder, &mut payload, &mut |_| {}).ok()?;
        encoder.end(&mut payload);
        Some(payload)
    }

    /// The value in a payload of any version.
    pub(crate) fn from_payload(
        payload: &[u8],
        thresholds: &Thresholds,
    ) -> Result<Self, PayloadError> {
        let opened = dump::open(payload).map_err(|_| PayloadError::Footer)?;
        let mut decoder = Decoder::for_value(
            opened.version,
            DecodeOptions { opaque_streams: true, ..DecodeOptions::default() },
        );
        let (mut unread, mut value, mut is_begun) = (opened.value, Builder::default(), false);
        loop {
            let decoded = decoder.decode(unread).map_err(|_| PayloadError::Value)?;
            match decoded.event {
                // The payload ends before its value does, or a collection has no element.
                None | Some(Event::KeyEnd { empty: true }) => return Err(PayloadError::Value),
                Some(Event::End { .. }) => break,
                Some(Event::Key(header)) => {
                    value.begin(&header);
                    is_begun = true;
                }
                Some(Event::KeyEnd { .. }) => {}
                Some(event) => value.handle(&event).map_err(|_| PayloadError::Value)?,
            }
            unread = &unread[decoded.used..];
        }
        if !is_begun {
            return Err(PayloadError::Value);
        }
        value.finish(thresholds).map_err(|_| PayloadError::Value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Hash, List, Set, Str, Zset};

    /// A value of each type with these elements, the largest past what is written in one piece.
    fn values(elements: &[Vec<u8>]) -> Vec<Value> {
        let (mut list, mut set) = (List::default(), Set::default());
        let (mut hash, mut zset) = (Hash::default(), Zset::default());
        for (at, element) in elements.iter().enumerate() {
            list.push_back(element.as_slice());
            set.insert(element);
            hash.set(element, &Blob::from_integer(at as i64));
            zset.insert(element, at as f64 / 4.0);
        }
        let mut expiring = hash.clone();
        for (at, element) in elements.iter().enumerate().filter(|(at, _)| at % 3 == 0) {
            expiring.set_expires(element, Some(UnixMs((elements.len() - at) as u64 % 7)));
        }
        let mut values = vec![Value::String(Str::new(&elements.concat()))];
        if !elements.is_empty() {
            values.extend([Value::List(list), Value::Set(set), Value::Zset(zset)]);
            values.extend([Value::Hash(hash), Value::Hash(expiring)]);
        }
        values
    }

    fn check_round_trip(value: &Value) {
        let payload = value.to_payload(&Thresholds::default()).unwrap();
        let restored = Value::from_payload(&payload, &Thresholds::default()).unwrap();
        assert_eq!(format!("{restored:?}"), format!("{value:?}"));
    }

    #[test]
    fn large_collections_come_back() {
        let elements: Vec<Vec<u8>> =
            (0..3000).map(|n| format!("element-{n}").into_bytes()).collect();
        values(&elements).iter().for_each(check_round_trip);
    }

    proptest! {
        #[test]
        fn values_come_back(
            elements in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            values(&elements).iter().for_each(check_round_trip);
        }

        #[test]
        fn a_damaged_payload_is_refused_or_is_a_value(
            elements in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..6),
            cut in any::<prop::sample::Index>(),
            flip in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            for value in values(&elements) {
                let payload = value.to_payload(&Thresholds::default()).unwrap();
                let cut = cut.index(payload.len());
                prop_assert!(Value::from_payload(&payload[..cut], &Thresholds::default()).is_err());
                let opened = dump::open(&payload).unwrap();
                let mut body = opened.value.to_vec();
                let at = flip.index(body.len());
                body[at] ^= 1 << bit;
                dump::close(&mut body, opened.version);
                // No panic is what counts; the checksum is right, so it may even be a value.
                let _ = Value::from_payload(&body, &Thresholds::default());
            }
        }
    }
}
