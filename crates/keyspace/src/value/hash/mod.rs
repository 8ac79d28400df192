//! [`Hash`]: a hash value.

mod build;
mod expiries;
mod iter;
mod live;
mod tree;

use super::block::{BLOCK_GROUPS, Block, PACK_GROUPS, Shape};
use super::forms::{Form, FormMut, Forms};
use super::pack::{Pack, are_distinct};
use crate::{Blob, UnixMs, memory};
pub(crate) use build::HashBuilder;
pub use iter::{Fields, HashField, HashIter};
pub(crate) use live::Live;
use tree::TreeHash;

/// A hash: fields with values, some of which may expire (`HEXPIRE`). A small one is one piece of bytes,
/// its fields in the order in which they came, from some fields on with columns to find one by; a large
/// one, or one of which a field expires, is a tree.
///
/// It knows no time: a field whose moment is past is there until it is removed.
#[derive(Debug, Clone, Default)]
pub struct Hash(Forms<Block<NamesAndValues>, TreeHash>);

/// Each name with its value.
#[derive(Debug)]
struct NamesAndValues;

impl Shape for NamesAndValues {
    const ITEMS: usize = 2;
    const OWN: &'static [usize] = &[];
}

impl Hash {
    /// See [`ValueRef::touch`](crate::ValueRef).
    pub(crate) fn touch(&self) -> Option<u8> {
        match self.0.form() {
            Form::Packed(pack) => pack.touch(),
            Form::Block(block) => block.touch(),
            Form::Tree(tree) => tree.touch(),
        }
    }

    /// See [`Value::memory`](crate::Value::memory).
    pub(crate) fn memory(&self, samples: usize) -> usize {
        match self.0.form() {
            Form::Packed(pack) => memory::heap(pack.heap_bytes()),
            Form::Block(block) => memory::heap(block.heap_bytes()),
            Form::Tree(tree) => memory::heap(size_of::<TreeHash>()) + tree.memory(samples),
        }
    }

    /// How many fields (`HLEN`).
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Packed(pack) => pack.len() / 2,
            Form::Block(block) => block.len(),
            Form::Tree(tree) => tree.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        match self.0.form() {
            Form::Packed(pack) => pack.find(name).map(|(_, [_, value])| value),
            Form::Block(block) => block.find(name).map(|place| block.item(place, 1)),
            Form::Tree(tree) => tree.get(name),
        }
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// Sets a field, which does not expire then; answers whether it is new.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.set_over(name, value).is_none()
    }

    /// [`set`](Self::set), which answers how long the value was that the field had.
    pub(crate) fn set_over(&mut self, name: &[u8], value: &[u8]) -> Option<usize> {
        if let FormMut::Tree(tree) = self.0.form_mut() {
            tree.persist(name);
        }
        self.replace_over(name, value)
    }

    /// Sets a field, which goes on to expire if it did (`HINCRBY`); answers whether it is new.
    pub fn replace(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.replace_over(name, value).is_none()
    }

    /// [`replace`](Self::replace), which answers how long the value was that the field had.
    pub(crate) fn replace_over(&mut self, name: &[u8], value: &[u8]) -> Option<usize> {
        match self.0.form_mut() {
            FormMut::Packed(pack) => {
                let (span, items, old) = match pack.find::<2>(name) {
                    Some((span, [_, old])) => (span, 2, Some(old.len())),
                    None => (pack.end()..pack.end(), 0, None),
                };
                let may_fit = old.is_some() || pack.len() < PACK_GROUPS * 2;
                if may_fit && pack.replace(span, items, &[name, value]) {
                    return old;
                }
                let Some(block) = Block::of(pack.iter()) else {
                    return self.tree_mut().replace(name, value);
                };
                self.0.become_form(Forms::block(block));
                self.replace_over(name, value)
            }
            FormMut::Block(block) => {
                let (old, is_done) = match block.find(name) {
                    Some(place) => {
                        let old = block.item(place, 1).len();
                        (Some(old), block.replace(place, 1, value))
                    }
                    None => (None, block.push(&[name, value])),
                };
                if is_done { old } else { self.tree_mut().replace(name, value) }
            }
            FormMut::Tree(tree) => tree.replace(name, value),
        }
    }

    /// Whether it was once larger than the form that Redis keeps small hashes in, as whoever made it
    /// smaller [has said](Self::set_outgrown): Redis does not go back.
    pub(crate) fn is_outgrown(&self) -> bool {
        self.0.is_outgrown()
    }

    /// See [`is_outgrown`](Self::is_outgrown).
    pub(crate) fn set_outgrown(&mut self) {
        self.0.set_outgrown(true);
    }

    /// Takes a field out, and answers its value.
    pub fn remove(&mut self, name: &[u8]) -> Option<Blob> {
        match self.0.form_mut() {
            FormMut::Packed(pack) => {
                let (span, [_, value]) = pack.find(name)?;
                let value = Blob::from(value);
                pack.remove(span, 2);
                Some(value)
            }
            FormMut::Block(block) => {
                let place = block.find(name)?;
                let value = Blob::from(block.item(place, 1));
                block.remove(place.group);
                Some(value)
            }
            FormMut::Tree(tree) => tree.remove(name),
        }
    }

    /// It as a tree, which it stays.
    fn tree_mut(&mut self) -> &mut TreeHash {
        if self.tree().is_none() {
            let fields = self.iter().map(|it| (Blob::from(it.name), Blob::from(it.value)));
            let tree = fields.collect();
            self.0.become_form(Forms::tree(tree));
        }
        self.0.expect_tree()
    }

    fn tree(&self) -> Option<&TreeHash> {
        self.0.as_tree()
    }

    /// When a field expires; `None` when it never does or is not there.
    #[must_use]
    pub fn expires(&self, name: &[u8]) -> Option<UnixMs> {
        self.tree()?.expires(name)
    }

    /// Sets or clears the expiry of a field; answers whether that changed anything: whether the
    /// field is there, and expires at that moment now, or no more.
    pub fn set_expires(&mut self, name: &[u8], expires: Option<UnixMs>) -> bool {
        match (expires, self.0.form_mut()) {
            (None, FormMut::Tree(tree)) => tree.persist(name),
            (None, FormMut::Packed(_) | FormMut::Block(_)) => false,
            (Some(at), _) => {
                let is_there = self.contains(name);
                if is_there {
                    self.tree_mut().set_expires(name, at);
                }
                is_there
            }
        }
    }

    /// How many fields expire.
    #[must_use]
    pub fn expiring(&self) -> usize {
        self.tree().map_or(0, TreeHash::expiring)
    }

    /// When the first field expires.
    #[must_use]
    pub fn first_expiry(&self) -> Option<UnixMs> {
        self.tree()?.first_expiry()
    }

    /// How many fields have expired by `now`, though they are still there.
    pub(crate) fn due_count(&self, now: UnixMs) -> usize {
        self.tree().map_or(0, |tree| tree.due_count(now))
    }

    /// Whether there is no field that has not expired by `now`.
    #[inline]
    pub(crate) fn is_over(&self, now: UnixMs) -> bool {
        self.has_expired(now) && self.due_count(now) == self.len()
    }

    /// Whether a field has expired by `now`.
    #[inline]
    pub(crate) fn has_expired(&self, now: UnixMs) -> bool {
        self.first_expiry().is_some_and(|at| now.is_past(at))
    }

    /// Takes out fields that have expired by `now`, earliest first, some `limit` of them at most;
    /// answers their names.
    pub(crate) fn expire(&mut self, now: UnixMs, limit: usize) -> Vec<Blob> {
        let due = self.tree().map(|tree| tree.due(now, limit)).unwrap_or_default();
        for name in &due {
            self.remove(name);
        }
        due
    }

    /// The field at position `index` of an order that means nothing, to draw one at random.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<HashField<'_>> {
        match self.0.form() {
            Form::Packed(_) => self.iter().nth(index),
            Form::Block(block) if index >= block.len() => None,
            Form::Block(block) => {
                let place = block.place(index);
                Some(HashField { name: block.item(place, 0), value: block.item(place, 1) })
            }
            Form::Tree(tree) => tree.nth(index),
        }
    }

    /// The fields, in an order that means nothing to a user.
    pub fn iter(&self) -> HashIter<'_> {
        match self.0.form() {
            Form::Packed(pack) => HashIter::packed(pack.iter()),
            Form::Block(block) => HashIter::block(block.iter()),
            Form::Tree(tree) => HashIter::tree(tree.iter()),
        }
    }

    /// The fields, each with the moment at which it expires.
    pub fn iter_expiring(&self) -> Fields<'_> {
        Fields::new(self.iter(), self.tree().and_then(TreeHash::expiries))
    }

    /// `HSCAN`: at least `count` fields from `cursor` on, if as many are left, and the cursor to go on
    /// from, 0 at the end. What is there from the first call to the last is met at least once. A small
    /// hash is answered whole, whatever the cursor.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<HashField<'_>>) {
        match self.0.form() {
            Form::Packed(_) | Form::Block(_) => (0, self.iter().collect()),
            Form::Tree(tree) => tree.scan(cursor, count),
        }
    }
}

impl FromIterator<(Blob, Blob)> for Hash {
    /// Builds a hash several times as fast as setting fields one by one. Of equal fields the last one
    /// stays.
    fn from_iter<I: IntoIterator<Item = (Blob, Blob)>>(fields: I) -> Self {
        Self::build(fields.into_iter().collect(), Vec::new())
    }
}

impl Hash {
    /// Builds a hash as [`FromIterator`] does, of which fields expire: those in `expiries`, which
    /// must all be in `fields`.
    pub(crate) fn build(fields: Vec<(Blob, Blob)>, expiries: Vec<(Blob, UnixMs)>) -> Self {
        if expiries.is_empty()
            && let Some(small) = Self::small(&fields)
        {
            return small;
        }
        Self(Forms::tree(TreeHash::build(fields, expiries)))
    }

    /// The hash of `fields`, unless they are too many or too long for one piece of bytes, or some of
    /// them are equal.
    fn small(fields: &[(Blob, Blob)]) -> Option<Self> {
        let names = fields.iter().map(|(name, _)| name.as_slice());
        if fields.len() > BLOCK_GROUPS || !are_distinct(names) {
            return None;
        }
        let items = fields.iter().flat_map(|(name, value)| [name.as_slice(), value.as_slice()]);
        if fields.len() <= PACK_GROUPS
            && let Some(pack) = Pack::of(items.clone())
        {
            return Some(Self(Forms::Packed(pack)));
        }
        Some(Self(Forms::block(Block::of(items)?)))
    }
}

#[cfg(test)]
mod tests;
