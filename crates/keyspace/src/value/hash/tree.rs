//! [`TreeHash`]: the form of a hash that is large, or of which fields expire.

use std::cmp::Ordering;
use std::mem;
use std::sync::Arc;

use super::HashField;
use super::expiries::Expiries;
use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::{member_hash, scan_by_hash};
use crate::{Blob, UnixMs, memory};

/// Fields with values, in the order of the fields' hash, and the moments at which some expire.
#[derive(Debug, Clone, Default)]
pub(super) struct TreeHash {
    fields: Tree<Field>,
    /// `None` when no field expires.
    expiries: Option<Arc<Expiries>>,
}

/// A field with the hash of its name.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    hash: u64,
    name: Blob,
    value: Blob,
}

impl Field {
    pub(super) fn new(name: Blob, value: Blob) -> Self {
        Self { hash: member_hash(&name), name, value }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.name.cmp(&other.name))
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn view(&self) -> HashField<'_> {
        HashField { name: &self.name, value: &self.value }
    }
}

impl Element for Field {
    type Hint = u64;
    type Weight = ();

    fn hint(&self) -> u64 {
        self.hash
    }
}

/// Compares a field with a searched one.
fn place<'k>(hash: u64, name: &'k [u8]) -> impl FnMut(&Field) -> Ordering + 'k {
    move |field| field.hash.cmp(&hash).then_with(|| field.name.as_slice().cmp(name))
}

impl TreeHash {
    /// See [`Tree::touch`].
    pub(super) fn touch(&self) -> Option<u8> {
        self.fields.touch()
    }

    pub(super) fn memory(&self, samples: usize) -> usize {
        let heap =
            |it: &Field| memory::heap(it.name.heap_bytes()) + memory::heap(it.value.heap_bytes());
        let expiries = self.expiries.as_ref().map_or(0, |it| it.memory());
        memory::tree(&self.fields, samples, heap) + expiries
    }

    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let hash = member_hash(name);
        self.fields.find_by(hash, place(hash, name)).map(|field| field.value.as_slice())
    }

    /// See [`Hash::replace_over`](super::Hash::replace_over).
    pub(super) fn replace(&mut self, name: &[u8], value: &[u8]) -> Option<usize> {
        let hash = member_hash(name);
        let value = Blob::from(value);
        match self.fields.entry(hash, place(hash, name)) {
            Entry::Occupied(mut field) => {
                Some(mem::replace(&mut field.get_mut().value, value).len())
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Field { hash, name: Blob::from(name), value });
                None
            }
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Blob> {
        self.persist(name);
        let hash = member_hash(name);
        self.fields.remove_by(hash, place(hash, name)).map(|field| field.value)
    }

    pub(super) fn expires(&self, name: &[u8]) -> Option<UnixMs> {
        self.expiries.as_ref()?.get(name)
    }

    /// Has a field, which is there, expire at `at`.
    pub(super) fn set_expires(&mut self, name: &[u8], at: UnixMs) {
        Arc::make_mut(self.expiries.get_or_insert_default()).set(name, at);
    }

    /// Has a field expire no more; answers whether it did.
    #[inline]
    pub(super) fn persist(&mut self, name: &[u8]) -> bool {
        self.expiries.is_some() && self.drop_expiry(name)
    }

    #[cold]
    fn drop_expiry(&mut self, name: &[u8]) -> bool {
        let Some(expiries) = &mut self.expiries else { return false };
        // Nothing is copied unless there is something to remove.
        let removed = expiries.get(name).is_some() && Arc::make_mut(expiries).remove(name);
        if expiries.is_empty() {
            self.expiries = None;
        }
        removed
    }

    pub(super) fn expiries(&self) -> Option<&Expiries> {
        self.expiries.as_deref()
    }

    pub(super) fn expiring(&self) -> usize {
        self.expiries.as_ref().map_or(0, |expiries| expiries.len())
    }

    pub(super) fn first_expiry(&self) -> Option<UnixMs> {
        self.expiries.as_ref()?.first()
    }

    pub(super) fn due_count(&self, now: UnixMs) -> usize {
        self.expiries.as_ref().map_or(0, |expiries| expiries.due_count(now))
    }

    /// The names of some `limit` fields at most that have expired by `now`, earliest first.
    pub(super) fn due(&self, now: UnixMs, limit: usize) -> Vec<Blob> {
        self.expiries.as_ref().map(|expiries| expiries.due(now, limit)).unwrap_or_default()
    }

    pub(super) fn nth(&self, index: usize) -> Option<HashField<'_>> {
        self.fields.get(index).map(Field::view)
    }

    pub(super) fn iter(&self) -> Iter<'_, Field> {
        self.fields.iter()
    }

    pub(super) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<HashField<'_>>) {
        let (next, fields) = scan_by_hash(&self.fields, cursor, count);
        (next, fields.into_iter().map(Field::view).collect())
    }

    /// See [`Hash::build`](super::Hash::build).
    pub(super) fn build(fields: Vec<(Blob, Blob)>, expiries: Vec<(Blob, UnixMs)>) -> Self {
        Self::of(Self::from_iter(fields).fields, expiries)
    }

    /// The hash of fields in their order, of which those in `expiries` expire.
    pub(super) fn of(fields: Tree<Field>, expiries: Vec<(Blob, UnixMs)>) -> Self {
        let expiries = (!expiries.is_empty()).then(|| Arc::new(expiries.into_iter().collect()));
        Self { fields, expiries }
    }
}

impl FromIterator<(Blob, Blob)> for TreeHash {
    /// Builds it by sorting. Of equal fields the last one stays.
    fn from_iter<I: IntoIterator<Item = (Blob, Blob)>>(fields: I) -> Self {
        let fields = fields.into_iter().map(|(name, value)| Field::new(name, value));
        let mut fields: Vec<Field> = fields.collect();
        fields.sort_by(Field::order);
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
