//! [`Live`]: a hash as a session sees it at a moment.

use super::{Hash, HashField, HashIter};
use crate::{Blob, UnixMs};

/// A hash without the fields whose time is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live<'a> {
    hash: &'a Hash,
    /// The moment, if fields have expired by then: otherwise nothing is looked up but in the hash.
    now: Option<UnixMs>,
}

impl<'a> Live<'a> {
    /// `hash` at the moment `now`; whole, where that is `None`.
    pub(crate) fn new(hash: &'a Hash, now: Option<UnixMs>) -> Self {
        Self { hash, now: now.filter(|now| hash.has_expired(*now)) }
    }

    pub(crate) fn len(&self) -> usize {
        self.hash.len() - self.now.map_or(0, |now| self.hash.due_count(now))
    }

    /// How many fields there are, those that are over among them.
    pub(crate) fn stored_len(&self) -> usize {
        self.hash.len()
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        let value = self.hash.get(name)?;
        (self.now.is_none() || !self.is_over(self.expires(name))).then_some(value)
    }

    /// When the field expires: `None` without the field, `Some(None)` when it never does.
    pub(crate) fn expiry(&self, name: &[u8]) -> Option<Option<UnixMs>> {
        self.get(name).map(|_| self.hash.expires(name))
    }

    pub(crate) fn iter(self) -> LiveFields<'a> {
        LiveFields { live: self, fields: self.hash.iter() }
    }

    /// The fields by position, to draw some of them.
    pub(crate) fn positions(&self) -> Positions {
        let listed = self.now.map(|_| self.iter().map(owned).collect());
        Positions { listed, hash: self.hash.clone() }
    }

    /// As [`Hash::scan`]; there may be fewer than `count`.
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<HashField<'a>>) {
        let (next, mut fields) = self.hash.scan(cursor, count);
        fields.retain(|field| !self.is_over(self.expires(field.name)));
        (next, fields)
    }

    #[cold]
    fn shows(&self, field: HashField<'a>) -> bool {
        !self.is_over(self.expires(field.name))
    }

    fn expires(&self, name: &[u8]) -> Option<UnixMs> {
        self.now.and_then(|_| self.hash.expires(name))
    }

    fn is_over(&self, expires: Option<UnixMs>) -> bool {
        self.now.zip(expires).is_some_and(|(now, at)| now.is_past(at))
    }
}

/// The fields of a [`Live`]. (A filter would cost a whole hash a quarter of its `HGETALL`.)
pub(crate) struct LiveFields<'a> {
    live: Live<'a>,
    fields: HashIter<'a>,
}

impl<'a> Iterator for LiveFields<'a> {
    type Item = HashField<'a>;

    #[inline]
    fn next(&mut self) -> Option<HashField<'a>> {
        loop {
            let field = self.fields.next()?;
            if self.live.now.is_none() || self.live.shows(field) {
                return Some(field);
            }
        }
    }
}

/// The fields of a [`Live`] by position, apart from the data set that they are in.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    hash: Hash,
    /// Those that have not expired, if some have.
    listed: Option<Vec<(Blob, Blob)>>,
}

impl Positions {
    pub(crate) fn len(&self) -> usize {
        self.listed.as_ref().map_or(self.hash.len(), Vec::len)
    }

    pub(crate) fn get(&self, position: usize) -> Option<HashField<'_>> {
        match &self.listed {
            Some(fields) => fields.get(position).map(|(name, value)| HashField { name, value }),
            None => self.hash.nth(position),
        }
    }
}

fn owned(field: HashField<'_>) -> (Blob, Blob) {
    (Blob::from(field.name), Blob::from(field.value))
}
