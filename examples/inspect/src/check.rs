//! `check`: is the file whole, and would a server load it?

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use redwire_rdb::{Event, KeyHeader};

use crate::{
    failure::Failure,
    text,
    walk::{KeyEnd, Visitor},
};

/// Finds what the decoder leaves to its caller: keys and elements that come twice.
///
/// It remembers a hash of 128 bits for each key of a database, and for each element of the
/// collection under way.
pub(crate) struct Check {
    hashers: [RandomState; 2],
    duplicates: bool,
    keys: HashSet<u128>,
    elements: HashSet<u128>,
    db: u32,
    key: Vec<u8>,
    unique: bool,
    pub(crate) count: u64,
    pub(crate) empty: u64,
}

impl Check {
    /// With `duplicates` false, memory does not follow the number of keys.
    pub(crate) fn new(duplicates: bool) -> Self {
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            duplicates,
            keys: HashSet::new(),
            elements: HashSet::new(),
            db: 0,
            key: Vec::new(),
            unique: false,
            count: 0,
            empty: 0,
        }
    }

    fn hash(&self, db: u32, bytes: &[u8]) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|hasher| hasher.hash_one((db, bytes)));
        u128::from(high) << 64 | u128::from(low)
    }
}

impl Visitor for Check {
    fn key(&mut self, db: u32, header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.count += 1;
        if !self.duplicates {
            return Ok(());
        }
        self.key.clear();
        self.key.extend_from_slice(header.key);
        self.db = db;
        self.elements.clear();
        // The others are compact forms, which the decoder checks.
        self.unique = matches!(header.type_byte, 2..=5 | 22 | 24);
        if !self.keys.insert(self.hash(db, header.key)) {
            let key = text::shown(header.key);
            return Err(Failure::Refused(format!("key {key} of database {db} comes twice")));
        }
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        let (Event::Element(name) | Event::Scored(name, _) | Event::Field { field: name, .. }) =
            *event
        else {
            return Ok(());
        };
        if self.unique && self.duplicates && !self.elements.insert(self.hash(0, name)) {
            let (name, key) = (text::shown(name), text::shown(&self.key));
            let db = self.db;
            let what = format!("element {name} comes twice in key {key} of database {db}");
            return Err(Failure::Refused(what));
        }
        Ok(())
    }

    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        self.empty += u64::from(end.empty);
        Ok(())
    }
}
