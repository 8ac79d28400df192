//! [`Gathered`]: a collection that is small so far, on its way from a file; and how one that has become
//! large is put in order.

use std::vec;

use super::block::{BLOCK_BYTES, BLOCK_GROUPS};
use super::member_hash;

/// Groups of byte strings, of which the first names the group, gathered until it is known what form they
/// are to have: one behind the other in memory that is used again for the next collection. It takes no
/// more than a block may, so that nothing much is copied twice.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    /// Where each byte string ends in `bytes`.
    ends: Vec<u32>,
    /// Of each group's name, see [`member_hash`].
    hashes: Vec<u64>,
}

/// Places of the table in which equal names are looked for; they are told by a byte each.
const TABLE: usize = 2 * BLOCK_GROUPS;

// So a group is one of 1 to 128 there, and a place is found below 256; places in bytes are u32.
const _: () = assert!(BLOCK_GROUPS <= 0xff && TABLE.is_power_of_two() && BLOCK_BYTES <= 0xffff);

impl Gathered {
    /// Takes a group in; answers whether there is room for it.
    #[must_use]
    #[inline]
    pub(crate) fn push(&mut self, group: &[&[u8]]) -> bool {
        let added: usize = group.iter().map(|item| item.len()).sum();
        if self.hashes.len() == BLOCK_GROUPS || self.bytes.len() + added > BLOCK_BYTES {
            return false;
        }
        for item in group {
            self.bytes.extend_from_slice(item);
            // At most BLOCK_BYTES.
            self.ends.push(self.bytes.len() as u32);
        }
        self.hashes.push(group.first().map_or(0, |name| member_hash(name)));
        true
    }

    /// How many groups.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
    }

    /// All byte strings, group by group.
    pub(crate) fn items(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let item = &self.bytes[start..*end as usize];
            start = *end as usize;
            item
        })
    }

    /// The byte string at an index, below the number of all.
    pub(crate) fn item(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[index] as usize]
    }

    /// The hashes of the names.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Whether no two groups of `each` byte strings have the same name.
    pub(crate) fn are_distinct(&self, each: usize) -> bool {
        let mut table = [0_u8; TABLE];
        for (group, hash) in self.hashes.iter().enumerate() {
            let mut place = *hash as usize % TABLE;
            // Half of the places are free.
            while let Some(other) = usize::from(table[place]).checked_sub(1) {
                if self.hashes[other] == *hash && self.item(other * each) == self.item(group * each)
                {
                    return false;
                }
                place = (place + 1) % TABLE;
            }
            // At most BLOCK_GROUPS.
            table[place] = group as u8 + 1;
        }
        true
    }
}

/// The indices of elements in their order: by `hints`, then by what `name` says of the one at an index;
/// `None` if two agree in both.
///
/// Only hints with their indices are moved while it sorts, which is several times as fast as to move the
/// elements; what comes in order, upwards or downwards, is not sorted at all.
pub(crate) fn in_order<'a>(
    hints: impl Iterator<Item = u64>,
    name: impl Fn(usize) -> &'a [u8],
) -> Option<Order> {
    let hint = |place: &u128| (place >> 64) as u64;
    let index = |place: &u128| *place as u64 as usize;
    let places = hints.zip(0_u64..).map(|(hint, at)| u128::from(hint) << 64 | u128::from(at));
    let mut places: Vec<u128> = places.collect();
    places.sort_unstable();
    let is_settled = places.is_sorted_by(|a, b| hint(a) < hint(b));
    if !is_settled {
        for ties in places.chunk_by_mut(|a, b| hint(a) == hint(b)).filter(|ties| ties.len() > 1) {
            ties.sort_unstable_by_key(|place| name(index(place)));
            if !ties.is_sorted_by(|a, b| name(index(a)) < name(index(b))) {
                return None;
            }
        }
    }
    Some(Order(places.into_iter()))
}

/// Indices of elements in their order: see [`in_order`].
#[derive(Debug)]
pub(crate) struct Order(vec::IntoIter<u128>);

impl Iterator for Order {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        // The lower half is the index.
        self.0.next().map(|place| place as u64 as usize)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Order {}

/// Has a list ready for the next collection, without more memory than is worth to keep.
pub(crate) fn clear<T>(list: &mut Vec<T>) {
    const KEPT_BYTES: usize = 1 << 20;
    list.clear();
    if list.capacity() * size_of::<T>() > KEPT_BYTES {
        *list = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn groups(all: &[Vec<u8>], each: usize) -> Vec<Vec<&[u8]>> {
        all.chunks_exact(each).map(|group| group.iter().map(Vec::as_slice).collect()).collect()
    }

    proptest! {
        #[test]
        fn holds_the_groups_that_fit_and_knows_whether_they_differ(
            all in proptest::collection::vec("[ab]{0,5}", 0..300),
            long in proptest::option::of((0_usize..40, 15_000_usize..16_500)),
            each in 1_usize..3,
        ) {
            let mut all: Vec<Vec<u8>> = all.into_iter().map(String::into_bytes).collect();
            if let Some((at, len)) = long && let Some(item) = all.get_mut(at) {
                *item = vec![b'a'; len];
            }
            let (mut gathered, mut naive) = (Gathered::default(), Vec::new());
            for round in 0..2 {
                for group in groups(&all, each) {
                    let bytes: usize = naive.iter().chain([&group]).flatten().map(|it| it.len()).sum();
                    let fits = naive.len() < 128 && bytes <= BLOCK_BYTES;
                    prop_assert_eq!(gathered.push(&group), fits, "in round {}", round);
                    if fits {
                        naive.push(group);
                    }
                }
                let items: Vec<&[u8]> = naive.iter().flatten().copied().collect();
                prop_assert_eq!(gathered.items().collect::<Vec<_>>(), items.clone());
                prop_assert!(items.iter().enumerate().all(|(at, item)| gathered.item(at) == *item));
                let names: Vec<&[u8]> = naive.iter().map(|group| group[0]).collect();
                prop_assert_eq!(gathered.len(), names.len());
                prop_assert!(names.iter().map(|it| member_hash(it)).eq(gathered.hashes().iter().copied()));
                let distinct: BTreeSet<&[u8]> = names.iter().copied().collect();
                prop_assert_eq!(gathered.are_distinct(each), distinct.len() == names.len());
                gathered.clear();
                naive.clear();
            }
        }

        #[test]
        fn order_is_that_of_a_sort(all in proptest::collection::vec((0_u64..20, "[ab]{0,3}"), 0..40)) {
            let found = in_order(all.iter().map(|it| it.0), |at| all[at].1.as_bytes());
            let mut naive: Vec<usize> = (0..all.len()).collect();
            naive.sort_by_key(|at| &all[*at]);
            let distinct: BTreeSet<&(u64, String)> = all.iter().collect();
            let naive = (distinct.len() == all.len()).then_some(naive);
            prop_assert_eq!(found.map(Iterator::collect::<Vec<_>>), naive);
        }
    }
}
