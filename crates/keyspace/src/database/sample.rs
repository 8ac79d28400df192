//! Keys drawn for eviction.

use super::table::TableRef;
use super::{Database, EntryRef};
use crate::slot::SLOTS;
use crate::{Blob, UnixMs};

/// One in so many keys has to expire for those that do to be looked for among all.
const COMMON: usize = 8;

/// How many keys are looked at for each one that expires.
const LOOKS: usize = 2 * COMMON;

impl Database {
    /// Shows `visit` some `count` entries that stand at a random place, or as many as there are; with
    /// `expiring`, of those that expire. `below` answers a random number below its argument.
    pub(crate) fn sample(
        &self,
        count: usize,
        expiring: bool,
        below: &mut impl FnMut(usize) -> usize,
        visit: &mut impl FnMut(EntryRef<'_>),
    ) {
        if !expiring {
            self.all_from_anywhere(below).take(count).for_each(visit);
            return;
        }
        let mut found = 0;
        if self.expires.len() * COMMON >= self.len {
            let mut looks = 0;
            for entry in self.all_from_anywhere(below).take(count.saturating_mul(LOOKS)) {
                if entry.expires.is_some() {
                    visit(entry);
                    found += 1;
                }
                looks += 1;
                if found == count || looks == self.len {
                    return;
                }
            }
        }
        for entry in self.expiring_from_anywhere(below).take(count - found) {
            visit(entry);
        }
    }

    /// Every entry, from a random bucket on and round.
    fn all_from_anywhere<'d>(
        &'d self,
        below: &mut impl FnMut(usize) -> usize,
    ) -> impl Iterator<Item = EntryRef<'d>> {
        let start = below(SLOTS);
        let before = self.slots.from(0).take_while(move |(slot, _)| *slot < start);
        let tables = self.slots.from(start).chain(before).map(|(_, table)| table);
        let mut tables = tables.filter(|table| !table.is_empty());
        let first = tables.next();
        let from = first.map_or(0, |table| below(table.buckets()));
        let buckets = |table: TableRef<'d>, from: usize, to: usize| {
            (from..to)
                .filter_map(move |bucket| table.at(bucket))
                .map(move |place| table.entry(place))
        };
        let head = first.into_iter().flat_map(move |table| buckets(table, from, table.buckets()));
        let middle = tables.flat_map(move |table| buckets(table, 0, table.buckets()));
        let tail = first.into_iter().flat_map(move |table| buckets(table, 0, from));
        head.chain(middle).chain(tail)
    }

    /// Every entry that expires, from one that does so at a random moment on and round.
    fn expiring_from_anywhere(
        &self,
        below: &mut impl FnMut(usize) -> usize,
    ) -> impl Iterator<Item = EntryRef<'_>> {
        let [first, last] =
            [self.expires.first(), self.expires.last()].map(|it| it.map_or(0, |(at, _)| at.0));
        let span = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
        let from = (UnixMs(first + below(span) as u64), Blob::new());
        let (after, before) = (self.expires.range(from.clone()..), self.expires.range(..from));
        after.chain(before).filter_map(|(_, key)| self.find(key))
    }
}
