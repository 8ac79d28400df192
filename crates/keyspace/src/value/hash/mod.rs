//! [`Hash`]: a hash value.

mod expiries;
mod live;

use std::cmp::Ordering;
use std::fmt;
use std::iter::Peekable;
use std::mem;
use std::sync::Arc;

use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::member_hash;
use crate::{Blob, UnixMs, memory};
use expiries::{Expiries, FieldExpiry};
pub(crate) use live::Live;

/// A hash: fields with values, in the order of the fields' hash, some of which may expire
/// (`HEXPIRE`).
///
/// It knows no time: a field whose moment is past is there until it is removed.
#[derive(Debug, Clone, Default)]
pub struct Hash {
    fields: Tree<HashField>,
    /// `None` when no field expires.
    expiries: Option<Arc<Expiries>>,
}

/// A field of a hash.
#[derive(Debug, Clone)]
pub struct HashField {
    hash: u64,
    name: Blob,
    /// The field's value.
    pub value: Blob,
}

impl HashField {
    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &Blob {
        &self.name
    }

    fn new(name: Blob, value: Blob) -> Self {
        Self { hash: member_hash(&name), name, value }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.name.cmp(&other.name))
    }
}

impl Element for HashField {
    type Hint = u64;

    fn hint(&self) -> u64 {
        self.hash
    }
}

/// Compares a field with a searched one.
fn place<'k>(hash: u64, name: &'k [u8]) -> impl FnMut(&HashField) -> Ordering + 'k {
    move |field| field.hash.cmp(&hash).then_with(|| field.name.as_slice().cmp(name))
}

impl Hash {
    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        let heap = |it: &HashField| {
            memory::heap(it.name.heap_bytes()) + memory::heap(it.value.heap_bytes())
        };
        let expiries = self.expiries.as_ref().map_or(0, |it| it.memory());
        memory::tree(&self.fields, samples, heap) + expiries
    }

    /// How many fields (`HLEN`).
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Blob> {
        let hash = member_hash(name);
        self.fields.find_by(hash, place(hash, name)).map(|field| &field.value)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// Sets a field, which does not expire then; answers whether it is new.
    pub fn set(&mut self, name: &[u8], value: impl Into<Blob>) -> bool {
        if self.expiries.is_some() {
            self.persist(name);
        }
        self.replace(name, value)
    }

    /// Sets a field, which goes on to expire if it did (`HINCRBY`); answers whether it is new.
    pub fn replace(&mut self, name: &[u8], value: impl Into<Blob>) -> bool {
        let hash = member_hash(name);
        let value = value.into();
        match self.fields.entry(hash, place(hash, name)) {
            Entry::Occupied(mut field) => {
                field.get_mut().value = value;
                false
            }
            Entry::Vacant(vacant) => {
                vacant.insert(HashField { hash, name: Blob::from(name), value });
                true
            }
        }
    }

    /// Takes a field out, and answers its value.
    pub fn remove(&mut self, name: &[u8]) -> Option<Blob> {
        if self.expiries.is_some() {
            self.persist(name);
        }
        let hash = member_hash(name);
        self.fields.remove_by(hash, place(hash, name)).map(|field| field.value)
    }

    /// When a field expires; `None` when it never does or is not there.
    #[must_use]
    pub fn expires(&self, name: &[u8]) -> Option<UnixMs> {
        self.expiries.as_ref()?.get(name)
    }

    /// Sets or clears the expiry of a field; answers whether that changed anything: whether the
    /// field is there, and expires at that moment now, or no more.
    pub fn set_expires(&mut self, name: &[u8], expires: Option<UnixMs>) -> bool {
        match expires {
            None => self.persist(name),
            Some(at) => {
                let is_there = self.contains(name);
                if is_there {
                    Arc::make_mut(self.expiries.get_or_insert_default()).set(name, at);
                }
                is_there
            }
        }
    }

    /// Has a field expire no more; answers whether it did.
    #[cold]
    fn persist(&mut self, name: &[u8]) -> bool {
        let Some(expiries) = &mut self.expiries else { return false };
        // Nothing is copied unless there is something to remove.
        let removed = expiries.get(name).is_some() && Arc::make_mut(expiries).remove(name);
        if expiries.is_empty() {
            self.expiries = None;
        }
        removed
    }

    /// How many fields expire.
    #[must_use]
    pub fn expiring(&self) -> usize {
        self.expiries.as_ref().map_or(0, |expiries| expiries.len())
    }

    /// When the first field expires.
    #[must_use]
    pub fn first_expiry(&self) -> Option<UnixMs> {
        self.expiries.as_ref()?.first()
    }

    /// How many fields have expired by `now`, though they are still there.
    pub(crate) fn due_count(&self, now: UnixMs) -> usize {
        self.expiries.as_ref().map_or(0, |expiries| expiries.due_count(now))
    }

    /// Whether there is no field that has not expired by `now`.
    #[inline]
    pub(crate) fn is_over(&self, now: UnixMs) -> bool {
        self.has_expired(now) && self.due_count(now) == self.len()
    }

    /// Whether a field has expired by `now`.
    #[inline]
    pub(crate) fn has_expired(&self, now: UnixMs) -> bool {
        self.expiries.is_some() && self.first_expiry().is_some_and(|at| now.is_past(at))
    }

    /// Takes out fields that have expired by `now`, earliest first, some `limit` of them at most;
    /// answers their names.
    pub(crate) fn expire(&mut self, now: UnixMs, limit: usize) -> Vec<Blob> {
        let due = self.expiries.as_ref().map(|expiries| expiries.due(now, limit));
        let due = due.unwrap_or_default();
        for name in &due {
            self.remove(name);
        }
        due
    }

    /// The field at position `index` of an order that means nothing, to draw one at random.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<&HashField> {
        self.fields.get(index)
    }

    /// The fields, in an order that means nothing to a user.
    pub fn iter(&self) -> Iter<'_, HashField> {
        self.fields.iter()
    }

    /// The fields, each with the moment at which it expires.
    pub fn iter_expiring(&self) -> Fields<'_> {
        Fields::new(self)
    }

    /// `HSCAN`: at least `count` fields from `cursor` on, if as many are left, and the cursor to go on
    /// from, 0 at the end. What is there from the first call to the last is met at least once.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<&HashField>) {
        super::scan_by_hash(&self.fields, cursor, count)
    }
}

impl FromIterator<(Blob, Blob)> for Hash {
    /// Builds a hash by sorting, which is several times as fast as setting fields one by one. Of
    /// equal fields the last one stays.
    fn from_iter<I: IntoIterator<Item = (Blob, Blob)>>(fields: I) -> Self {
        let fields = fields.into_iter().map(|(name, value)| HashField::new(name, value));
        let mut fields: Vec<HashField> = fields.collect();
        fields.sort_by(HashField::order);
        fields.dedup_by(|later, kept| {
            let is_same = later.order(kept).is_eq();
            if is_same {
                mem::swap(later, kept);
            }
            is_same
        });
        Self { fields: fields.into_iter().collect(), expiries: None }
    }
}

impl Hash {
    /// Builds a hash as [`FromIterator`] does, of which fields expire: those in `expiries`, which
    /// must all be in `fields`.
    pub(crate) fn build(fields: Vec<(Blob, Blob)>, expiries: Vec<(Blob, UnixMs)>) -> Self {
        let expiries = (!expiries.is_empty()).then(|| Arc::new(expiries.into_iter().collect()));
        Self { expiries, ..fields.into_iter().collect() }
    }
}

/// The fields of a [`Hash`](struct@Hash), each with the moment at which it expires, from
/// [`Hash::iter_expiring`].
#[derive(Clone)]
pub struct Fields<'a> {
    fields: Iter<'a, HashField>,
    /// Those that expire, in the same order.
    expiries: Option<Peekable<Iter<'a, FieldExpiry>>>,
}

impl<'a> Fields<'a> {
    fn new(hash: &'a Hash) -> Self {
        let expiries = hash.expiries.as_ref().map(|expiries| expiries.iter().peekable());
        Self { fields: hash.fields.iter(), expiries }
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a HashField, Option<UnixMs>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        let expiries = self.expiries.as_mut();
        let expiry = expiries.and_then(|it| it.next_if(|expiry| expiry.name == field.name));
        Some((field, expiry.map(|expiry| expiry.at)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.fields.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_hash_built_at_once_is_one_built_step_by_step(
            fields in proptest::collection::vec((0_u8..60, any::<u8>()), 0..200),
        ) {
            let blob = |byte: &u8| Blob::from([*byte].as_slice());
            let at_once: Hash = fields.iter().map(|(name, value)| (blob(name), blob(value))).collect();
            let mut stepwise = Hash::default();
            for (name, value) in &fields {
                stepwise.set(&[*name], blob(value));
            }
            let seen = |hash: &Hash| {
                hash.iter().map(|field| (field.name().to_vec(), field.value.to_vec())).collect::<Vec<_>>()
            };
            prop_assert_eq!(seen(&at_once), seen(&stepwise));
            let naive: BTreeMap<Vec<u8>, Vec<u8>> =
                fields.iter().map(|(name, value)| (vec![*name], vec![*value])).collect();
            prop_assert_eq!(seen(&at_once).into_iter().collect::<BTreeMap<_, _>>(), naive);
        }
    }
}
