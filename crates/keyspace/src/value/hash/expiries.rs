//! [`Expiries`]: when fields of a hash expire, for those that do.

use std::cmp::Ordering;

use crate::tree::{Element, Iter, Tree};
use crate::value::member_hash;
use crate::{Blob, UnixMs};

/// The moments at which fields of a hash expire, by field and by moment.
///
/// A table of its own beside the fields, so that a hash without expiries pays for none. Both trees
/// clone in constant time and are written as the fields are: a snapshot costs a write two leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Expiries {
    /// In the order of the hash's fields.
    by_field: Tree<FieldExpiry>,
    /// Earliest first; as many as in `by_field`.
    by_moment: Tree<Due>,
}

/// A field that expires.
#[derive(Debug, Clone)]
pub(super) struct FieldExpiry {
    hash: u64,
    pub(super) name: Blob,
    pub(super) at: UnixMs,
}

/// A moment at which a field expires whose name has this hash.
///
/// The name is left to the other tree. Names that share a hash stand side by side there, and if
/// they share the moment too, their entries here are the same and stand in for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: UnixMs,
    hash: u64,
}

impl Element for FieldExpiry {
    type Hint = u64;
    type Weight = ();

    fn hint(&self) -> u64 {
        self.hash
    }
}

impl Element for Due {
    type Hint = UnixMs;
    type Weight = ();

    fn hint(&self) -> UnixMs {
        self.at
    }
}

impl FieldExpiry {
    fn order(&self, hash: u64, name: &[u8]) -> Ordering {
        self.hash.cmp(&hash).then_with(|| self.name.as_slice().cmp(name))
    }
}

impl Expiries {
    /// Bytes of both trees; the names are shared with the fields.
    pub(super) fn memory(&self) -> usize {
        self.by_field.approx_bytes() + self.by_moment.approx_bytes()
    }

    /// How many fields expire.
    pub(super) fn len(&self) -> usize {
        self.by_field.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_field.is_empty()
    }

    /// The fields that expire, in the order of the hash's fields.
    pub(super) fn iter(&self) -> Iter<'_, FieldExpiry> {
        self.by_field.iter()
    }

    /// When the first field expires.
    pub(super) fn first(&self) -> Option<UnixMs> {
        self.by_moment.first().map(|due| due.at)
    }

    /// When a field expires, if it does.
    pub(super) fn get(&self, name: &[u8]) -> Option<UnixMs> {
        let hash = member_hash(name);
        self.by_field.find_by(hash, |field| field.order(hash, name)).map(|field| field.at)
    }

    /// Has a field expire at `at`, whether it did expire before or not.
    pub(super) fn set(&mut self, name: &[u8], at: UnixMs) {
        self.remove(name);
        let hash = member_hash(name);
        let field = FieldExpiry { hash, name: Blob::from(name), at };
        // It is not there: nothing is given back.
        let _ = self.by_field.insert_by(field, |field| field.order(hash, name));
        let due = Due { at, hash };
        let place = self.by_moment.search_by(at, |other| other.cmp(&due));
        self.by_moment.insert(place.unwrap_or_else(|place| place), due);
    }

    /// Has a field expire no more; answers whether it did.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let hash = member_hash(name);
        let removed = self.by_field.remove_by(hash, |field| field.order(hash, name));
        if let Some(field) = &removed {
            let due = Due { at: field.at, hash };
            self.by_moment.remove_by(due.at, |other| other.cmp(&due));
        }
        removed.is_some()
    }

    /// How many fields have expired by `now`.
    pub(super) fn due_count(&self, now: UnixMs) -> usize {
        let place =
            |due: &Due| if now.is_past(due.at) { Ordering::Less } else { Ordering::Greater };
        self.by_moment.search_by(now, place).unwrap_or_else(|count| count)
    }

    /// The names of the fields that have expired by `now`, earliest first, at most `limit` of them
    /// but for those that share moment and hash with the last.
    pub(super) fn due(&self, now: UnixMs, limit: usize) -> Vec<Blob> {
        let mut names = Vec::new();
        let mut last = None;
        for due in self.by_moment.range(..self.due_count(now).min(limit)) {
            if last.replace(*due) != Some(*due) {
                names.extend(self.names(*due));
            }
        }
        names
    }

    /// The names of the fields that `due` stands for.
    fn names(&self, due: Due) -> impl Iterator<Item = Blob> {
        let from = |field: &FieldExpiry| {
            if field.hash < due.hash { Ordering::Less } else { Ordering::Greater }
        };
        let start = self.by_field.search_by(due.hash, from).unwrap_or_else(|start| start);
        let same_hash = self.by_field.range(start..).take_while(move |it| it.hash == due.hash);
        same_hash.filter(move |field| field.at == due.at).map(|field| field.name.clone())
    }
}

impl FromIterator<(Blob, UnixMs)> for Expiries {
    /// Of equal fields the last one stays.
    fn from_iter<I: IntoIterator<Item = (Blob, UnixMs)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        let mut fields: Vec<FieldExpiry> =
            fields.map(|(name, at)| FieldExpiry { hash: member_hash(&name), name, at }).collect();
        fields.sort_by(|a, b| a.order(b.hash, &b.name));
        fields.dedup_by(|later, kept| {
            let is_same = later.order(kept.hash, &kept.name).is_eq();
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
        let mut moments: Vec<Due> =
            fields.iter().map(|field| Due { at: field.at, hash: field.hash }).collect();
        moments.sort_unstable();
        Self { by_field: fields.into_iter().collect(), by_moment: moments.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn name(number: u8) -> Blob {
        Blob::from([number].as_slice())
    }

    #[derive(Debug, Clone)]
    enum Step {
        Set(u8, u64),
        Remove(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (0_u8..40, 0_u64..12).prop_map(|(field, at)| Step::Set(field, at)),
            1 => (0_u8..40).prop_map(Step::Remove),
        ]
    }

    fn check(
        expiries: &Expiries,
        naive: &BTreeMap<u8, u64>,
        now: u64,
        limit: usize,
    ) -> Result<(), TestCaseError> {
        let seen: BTreeMap<u8, u64> =
            expiries.iter().map(|field| (field.name[0], field.at.0)).collect();
        prop_assert_eq!(&seen, naive);
        prop_assert_eq!(expiries.len(), naive.len());
        prop_assert_eq!(expiries.first().map(|at| at.0), naive.values().min().copied());
        for field in 0..40 {
            prop_assert_eq!(expiries.get(&[field]).map(|at| at.0), naive.get(&field).copied());
        }
        let due: Vec<u8> =
            naive.iter().filter(|(_, at)| **at < now).map(|(name, _)| *name).collect();
        prop_assert_eq!(expiries.due_count(UnixMs(now)), due.len());
        let mut all: Vec<u8> =
            expiries.due(UnixMs(now), usize::MAX).iter().map(|name| name[0]).collect();
        all.sort_unstable();
        prop_assert_eq!(&all, &due);
        let some = expiries.due(UnixMs(now), limit);
        prop_assert_eq!(some.len(), limit.min(due.len()));
        let latest = some.iter().map(|name| naive[&name[0]]).max();
        let left = due.iter().filter(|field| !some.contains(&name(**field)));
        prop_assert!(left.map(|field| naive[field]).min() >= latest || some.len() == due.len());
        Ok(())
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            steps in proptest::collection::vec(step(), 0..120),
            now in 0_u64..14,
            limit in 0_usize..20,
        ) {
            let (mut expiries, mut naive) = (Expiries::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Set(field, at) => {
                        expiries.set(&[field], UnixMs(at));
                        naive.insert(field, at);
                    }
                    Step::Remove(field) => {
                        prop_assert_eq!(expiries.remove(&[field]), naive.remove(&field).is_some());
                    }
                }
            }
            check(&expiries, &naive, now, limit)?;
        }

        #[test]
        fn built_at_once_is_built_step_by_step(
            fields in proptest::collection::vec((0_u8..40, 0_u64..12), 0..120),
            now in 0_u64..14,
        ) {
            let expiries: Expiries =
                fields.iter().map(|(field, at)| (name(*field), UnixMs(*at))).collect();
            check(&expiries, &fields.into_iter().collect(), now, 5)?;
        }
    }

    /// No two names with one hash are known, so the trees are made up.
    #[test]
    fn names_that_share_a_hash_are_told_apart() {
        let (hash, at) = (7, UnixMs(5));
        let field = |number: u8, at: u64| FieldExpiry { hash, name: name(number), at: UnixMs(at) };
        let by_field = [field(1, 5), field(2, 9), field(3, 5)].into_iter().collect();
        let dues = [Due { at, hash }, Due { at, hash }, Due { at: UnixMs(9), hash }];
        let expiries = Expiries { by_field, by_moment: dues.into_iter().collect() };
        assert_eq!(expiries.due(UnixMs(6), usize::MAX), [name(1), name(3)]);
        assert_eq!(expiries.due(UnixMs(6), 1), [name(1), name(3)]);
        assert_eq!(expiries.due(UnixMs(10), usize::MAX), [name(1), name(3), name(2)]);
    }
}
