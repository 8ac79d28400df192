//! [`Hash`]: a hash value.

use std::cmp::Ordering;
use std::mem;

use crate::Blob;
use crate::tree::{Element, Entry, Iter, Tree};
use crate::value::member_hash;

/// A hash: fields with values, in the order of the fields' hash.
#[derive(Debug, Clone, Default)]
pub struct Hash {
    fields: Tree<HashField>,
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
}

impl HashField {
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

    /// Sets a field; answers whether it is new.
    pub fn set(&mut self, name: &[u8], value: impl Into<Blob>) -> bool {
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
        let hash = member_hash(name);
        self.fields.remove_by(hash, place(hash, name)).map(|field| field.value)
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
        Self { fields: fields.into_iter().collect() }
    }
}

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
