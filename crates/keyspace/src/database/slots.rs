//! [`Slots`]: a table of entries for each of the 16384 slots.

use std::array;

use super::entries::Entries;
use super::table::{Table, TableMut, TableRef};
use crate::slot::SLOTS;

/// Slots whose tables are made together, when the first key of one of them comes. All at once they would
/// hold up who writes to an empty database for a millisecond, and take 2.1 MB for a single key.
pub(super) const GROUP: usize = 128;

/// The tables of a database.
///
/// Where a group is stands in this struct itself, so that a look-up has no more steps than if there was
/// one list of all tables.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    groups: [Option<Group>; SLOTS / GROUP],
}

/// Some slots that follow each other.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) tables: Box<[Table; GROUP]>,
    /// Of all of them.
    pub(super) entries: Entries,
}

impl Group {
    #[cold]
    fn make() -> Self {
        let tables = Box::new(array::from_fn(|_| Table::default()));
        Self { tables, entries: Entries::default() }
    }

    #[inline]
    fn table(&self, at: usize) -> TableRef<'_> {
        TableRef::new(&self.tables[at], &self.entries)
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self { groups: array::from_fn(|_| None) }
    }
}

impl Slots {
    /// The table of a slot, if one is made.
    #[inline]
    pub(super) fn get(&self, slot: usize) -> Option<TableRef<'_>> {
        Some(self.groups.get(slot / GROUP)?.as_ref()?.table(slot % GROUP))
    }

    /// The table of a slot, if one is made.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: usize) -> Option<TableMut<'_>> {
        Some(TableMut::new(self.groups.get_mut(slot / GROUP)?.as_mut()?, slot % GROUP))
    }

    /// The table of a slot, made if there is none.
    ///
    /// # Panics
    ///
    /// From slot 16384 on.
    #[inline]
    pub(super) fn get_or_make(&mut self, slot: usize) -> TableMut<'_> {
        let group = &mut self.groups[slot / GROUP];
        TableMut::new(group.get_or_insert_with(Group::make), slot % GROUP)
    }

    /// All tables that are made, with their slots, in order from `slot` on.
    pub(super) fn from(&self, slot: usize) -> impl Iterator<Item = (usize, TableRef<'_>)> {
        let groups = self.groups.iter().enumerate().skip(slot / GROUP);
        let tables = groups.flat_map(|(number, group)| {
            let tables = group.iter().flat_map(|group| (0..GROUP).map(|at| (at, group.table(at))));
            tables.map(move |(at, table)| (number * GROUP + at, table))
        });
        tables.skip_while(move |(at, _)| *at < slot)
    }

    /// All tables that are made, in the order of their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = TableRef<'_>> {
        self.from(0).map(|(_, table)| table)
    }

    /// Bytes of all tables that are made, without what they point to.
    pub(super) fn bytes(&self) -> usize {
        self.groups.iter().flatten().count() * size_of::<[Table; GROUP]>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_made_for_its_first_key() {
        let mut slots = Slots::default();
        assert_eq!((slots.bytes(), slots.iter().count()), (0, 0));
        slots.get_or_make(300);
        let group = size_of::<[Table; GROUP]>();
        assert_eq!((slots.bytes(), slots.iter().count()), (group, GROUP));
        for (slot, made) in [(0, false), (255, false), (256, true), (383, true), (384, false)] {
            assert_eq!(slots.get(slot).is_some(), made, "{slot}");
            assert_eq!(slots.get_mut(slot).is_some(), made, "{slot}");
        }
        assert!(slots.get(SLOTS).is_none() && slots.get_mut(SLOTS).is_none());
        slots.get_or_make(16383);
        assert_eq!(slots.bytes(), 2 * group);
    }

    #[test]
    fn tables_come_in_the_order_of_their_slots() {
        let mut slots = Slots::default();
        for slot in [16383, 0, 300] {
            slots.get_or_make(slot);
        }
        let all: Vec<_> = (0..128).chain(256..384).chain(16256..16384).collect();
        for from in [0, 1, 127, 128, 300, 384, 16383, 16384, 20000] {
            let expected: Vec<_> = all.iter().copied().filter(|slot| *slot >= from).collect();
            let got: Vec<_> = slots.from(from).map(|(slot, _)| slot).collect();
            assert_eq!(got, expected, "from {from}");
        }
    }
}
