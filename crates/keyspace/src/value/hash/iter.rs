//! [`HashField`], and walks through the fields of a hash.

use std::fmt;
use std::iter::Peekable;

use super::expiries::{Expiries, FieldExpiry};
use super::tree::Field;
use crate::value::block::BlockItems;
use crate::value::pack::Items;
use crate::{UnixMs, tree};

/// A field of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashField<'a> {
    /// The field's name.
    pub name: &'a [u8],
    /// The field's value.
    pub value: &'a [u8],
}

/// The fields of a [`Hash`](struct@super::Hash), from [`Hash::iter`](super::Hash::iter).
#[derive(Clone)]
pub struct HashIter<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    /// Names and values in turn.
    Packed(Items<'a>),
    /// Likewise.
    Block(BlockItems<'a>),
    Tree(tree::Iter<'a, Field>),
}

impl<'a> HashIter<'a> {
    pub(super) fn packed(items: Items<'a>) -> Self {
        Self(Repr::Packed(items))
    }

    pub(super) fn block(items: BlockItems<'a>) -> Self {
        Self(Repr::Block(items))
    }

    pub(super) fn tree(fields: tree::Iter<'a, Field>) -> Self {
        Self(Repr::Tree(fields))
    }
}

impl fmt::Debug for HashIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for HashIter<'a> {
    type Item = HashField<'a>;

    #[inline]
    fn next(&mut self) -> Option<HashField<'a>> {
        match &mut self.0 {
            Repr::Packed(items) => Some(HashField { name: items.next()?, value: items.next()? }),
            Repr::Block(items) => Some(HashField { name: items.next()?, value: items.next()? }),
            Repr::Tree(fields) => fields.next().map(Field::view),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match &self.0 {
            Repr::Packed(items) => items.len() / 2,
            Repr::Block(items) => items.len() / 2,
            Repr::Tree(fields) => fields.len(),
        };
        (len, Some(len))
    }
}

impl ExactSizeIterator for HashIter<'_> {}

/// The fields of a [`Hash`](struct@super::Hash), each with the moment at which it expires, from
/// [`Hash::iter_expiring`](super::Hash::iter_expiring).
#[derive(Clone)]
pub struct Fields<'a> {
    fields: HashIter<'a>,
    /// Those that expire, in the same order.
    expiries: Option<Peekable<tree::Iter<'a, FieldExpiry>>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(fields: HashIter<'a>, expiries: Option<&'a Expiries>) -> Self {
        Self { fields, expiries: expiries.map(|expiries| expiries.iter().peekable()) }
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (HashField<'a>, Option<UnixMs>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        let expiries = self.expiries.as_mut();
        let expiry =
            expiries.and_then(|it| it.next_if(|expiry| expiry.name.as_slice() == field.name));
        Some((field, expiry.map(|expiry| expiry.at)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.fields.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}
