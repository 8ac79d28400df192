//! [`Index`]: where the entries of a slot are kept, by the hashes of their keys.

use super::table::Place;
use crate::cpu::{equal_bytes, prefetch};

/// How many entries a line has room for: with their tags they fill a line of the cache.
const LANES: usize = 12;

/// A hash table of places.
///
/// All that a look-up reads of it stands in one line of the cache, unless that line is full: places
/// and, before any entry is looked at, eight bits of the hash of each. A table grows by a third, as
/// entries are hashed anew at the price of a look at each, and slots are small.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    lines: Box<[Line]>,
    len: u32,
    /// How often an entry was taken out or put in another place: while it stays the same, each is where it
    /// was.
    moved: u32,
}

/// The entries whose hashes lead here, as far as there is room; others are in one of the next lines.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
struct Line {
    /// A tag for each lane, 0 where there is no entry, and behind them in four bytes how many entries
    /// were led past this line because it was full.
    head: [u8; 16],
    places: [Place; LANES],
}

const _: () = assert!(size_of::<Line>() == 64);

/// Where in the lines an entry is.
#[derive(Debug, Clone, Copy)]
struct Spot {
    line: usize,
    lane: usize,
}

impl Line {
    const EMPTY: Self = Self { head: [0; 16], places: [0; LANES] };

    #[inline]
    fn passed(&self) -> u32 {
        let [.., a, b, c, d] = self.head;
        u32::from_le_bytes([a, b, c, d])
    }

    fn set_passed(&mut self, passed: u32) {
        self.head[LANES..].copy_from_slice(&passed.to_le_bytes());
    }

    /// The lanes with this tag; with tag 0 those that are free.
    #[inline]
    fn lanes(&self, tag: u8) -> Lanes {
        Lanes(equal_bytes(&self.head, tag) & ALL)
    }

    /// The first lane with this hash's tag for whose place `is_it` answers true.
    #[inline]
    fn lane_of(&self, hash: u64, is_it: &mut impl FnMut(Place) -> bool) -> Option<usize> {
        self.lanes(tag(hash)).find(|lane| is_it(self.places[*lane]))
    }

    /// The lanes with an entry.
    fn filled(&self) -> Lanes {
        Lanes(!self.lanes(0).0 & ALL)
    }

    fn set(&mut self, lane: usize, tag: u8, place: Place) {
        self.head[lane] = tag;
        self.places[lane] = place;
    }
}

/// A bit for each lane.
const ALL: u32 = (1 << LANES) - 1;

/// Lanes of a line, a bit for each.
struct Lanes(u32);

impl Iterator for Lanes {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let lane = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(lane)
    }
}

/// The bits of a hash that are kept.
#[inline]
fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// How many entries so many lines take, at most: full lines make look-ups long.
fn most(lines: usize) -> usize {
    if lines == 1 { LANES } else { lines * LANES * 4 / 5 }
}

/// How many lines take so many entries, at least.
fn lines_for(entries: usize) -> usize {
    let lines = entries.div_ceil(LANES);
    if lines < 2 { lines } else { (entries * 5).div_ceil(LANES * 4) }
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// A number that changes when an entry is taken out or put in another place.
    #[inline]
    pub(super) fn moved(&self) -> u32 {
        self.moved
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many buckets there are; each entry is in one of them, and stays there until the index is
    /// rebuilt.
    pub(super) fn buckets(&self) -> usize {
        self.lines.len() * LANES
    }

    /// The place in a bucket, if there is one.
    pub(super) fn at(&self, bucket: usize) -> Option<Place> {
        let line = self.lines.get(bucket / LANES)?;
        let lane = bucket % LANES;
        (line.head[lane] != 0).then(|| line.places[lane])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Place> {
        self.lines.iter().flat_map(|line| line.filled().map(|lane| line.places[lane]))
    }

    /// Has the line brought in that [`find`](Self::find) looks at.
    #[inline]
    pub(super) fn prefetch_line(&self, hash: u64) {
        if let Some(line) = self.lines.get(self.home(hash)) {
            prefetch(&line.head);
        }
    }

    /// The first place that `hash` leads to for which `is_it` answers true.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl FnMut(Place) -> bool) -> Option<Place> {
        let Spot { line, lane } = self.seek(hash, is_it)?;
        Some(self.lines[line].places[lane])
    }

    #[inline]
    fn seek(&self, hash: u64, mut is_it: impl FnMut(Place) -> bool) -> Option<Spot> {
        let line = self.home(hash);
        let it = self.lines.get(line)?;
        let lane = it.lane_of(hash, &mut is_it);
        if lane.is_none() && it.passed() > 0 {
            return self.seek_behind(hash, is_it);
        }
        lane.map(|lane| Spot { line, lane })
    }

    /// Seeks an entry that may have been led past the first line.
    #[cold]
    fn seek_behind(&self, hash: u64, mut is_it: impl FnMut(Place) -> bool) -> Option<Spot> {
        for line in self.way(hash).skip(1) {
            let it = &self.lines[line];
            if let Some(lane) = it.lane_of(hash, &mut is_it) {
                return Some(Spot { line, lane });
            }
            if it.passed() == 0 {
                break;
            }
        }
        None
    }

    /// The line in which an entry with this hash is, if it was not full.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.lines.len() as u64) >> 32) as usize
    }

    /// The lines in which an entry with this hash may be, the likeliest first.
    fn way(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let first = self.home(hash);
        (first..self.lines.len()).chain(0..first)
    }

    /// Whether it is rebuilt when another entry comes.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() >= most(self.lines.len())
    }

    /// Adds the place of an entry with this hash. Answers whether the index was rebuilt for it;
    /// `hash_of` tells the hashes of the others then.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        place: Place,
        hash_of: impl Fn(Place) -> u64,
    ) -> bool {
        let full = self.is_full();
        if full {
            self.rebuild(self.lines.len() + (self.lines.len() / 3).max(1), hash_of);
        }
        self.add(hash, place);
        full
    }

    /// Adds a place, for which there is room.
    fn add(&mut self, hash: u64, place: Place) {
        for line in self.way(hash) {
            let line = &mut self.lines[line];
            if let Some(lane) = line.lanes(0).next() {
                line.set(lane, tag(hash), place);
                self.len += 1;
                return;
            }
            line.set_passed(line.passed() + 1);
        }
        unreachable!("an index has room for {}", most(self.lines.len()));
    }

    /// Takes a place out; answers whether it was there.
    pub(super) fn remove(&mut self, hash: u64, place: Place) -> bool {
        let Some(found) = self.seek(hash, |it| it == place) else { return false };
        for line in self.way(hash).take_while(|line| *line != found.line) {
            let line = &mut self.lines[line];
            line.set_passed(line.passed() - 1);
        }
        self.lines[found.line].set(found.lane, 0, 0);
        self.len -= 1;
        self.moved = self.moved.wrapping_add(1);
        true
    }

    /// Puts `new` in the place of `old`, if that is there.
    pub(super) fn relocate(&mut self, hash: u64, old: Place, new: Place) {
        if let Some(Spot { line, lane }) = self.seek(hash, |it| it == old) {
            self.lines[line].places[lane] = new;
            self.moved = self.moved.wrapping_add(1);
        }
    }

    /// Makes itself smaller if little of it is in use. Then it is rebuilt.
    pub(super) fn shrink(&mut self, hash_of: impl Fn(Place) -> u64) {
        if self.len() * 2 <= most(self.lines.len()) {
            // With room for some more, so that the next ones do not make it grow again.
            let lines = lines_for(self.len() + self.len() / 4);
            if lines < self.lines.len() {
                self.rebuild(lines, hash_of);
            }
        }
    }

    fn rebuild(&mut self, lines: usize, hash_of: impl Fn(Place) -> u64) {
        let lines = vec![Line::EMPTY; lines].into_boxed_slice();
        let new = Self { lines, len: 0, moved: self.moved };
        let old = std::mem::replace(self, new);
        for place in old.iter() {
            self.add(hash_of(place), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Some share a line, some the tag as well, some all of it.
    fn hash_of(place: Place) -> u64 {
        match place % 8 {
            0 => 0,
            1 => u64::from(place / 8 % 4),
            2 => u64::from(place / 8 % 2) << 63,
            _ => u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    /// All that a look-up comes to by a hash.
    fn found(index: &Index, hash: u64) -> Vec<Place> {
        let mut found = Vec::new();
        index.find(hash, |place| {
            found.push(place);
            false
        });
        found
    }

    proptest! {
        #[test]
        fn lanes_are_those_with_the_tag(
            tags in proptest::array::uniform12(prop_oneof![0..3_u8, 127..130_u8, any::<u8>()]),
            tag in prop_oneof![0..3_u8, 127..130_u8, any::<u8>()],
            passed in any::<u32>(),
        ) {
            let mut line = Line::EMPTY;
            line.head[..LANES].copy_from_slice(&tags);
            line.set_passed(passed);
            prop_assert_eq!(line.passed(), passed);
            let sorted = |lanes: Lanes| {
                let mut lanes: Vec<_> = lanes.collect();
                lanes.sort_unstable();
                lanes
            };
            let where_it_is = |is: &dyn Fn(u8) -> bool| {
                (0..LANES).filter(|lane| is(tags[*lane])).collect::<Vec<_>>()
            };
            prop_assert_eq!(sorted(line.lanes(tag)), where_it_is(&|it| it == tag));
            prop_assert_eq!(sorted(line.filled()), where_it_is(&|it| it != 0));
        }

        #[test]
        fn has_what_it_is_given(steps in proptest::collection::vec((0..3_u8, 0..120_u32), 1..300)) {
            let (mut index, mut twin) = (Index::default(), BTreeMap::new());
            for (step, place) in steps {
                let hash = hash_of(place);
                let buckets: Vec<_> = (0..index.buckets()).map(|at| index.at(at)).collect();
                let mut rebuilt = false;
                match step {
                    0 => {
                        prop_assert_eq!(index.remove(hash, place), twin.remove(&place).is_some());
                        index.shrink(hash_of);
                        rebuilt = index.buckets() != buckets.len();
                    }
                    _ if twin.contains_key(&place) => {
                        index.relocate(hash, place, place | 1 << 30);
                        prop_assert!(found(&index, hash).contains(&(place | 1 << 30)));
                        index.relocate(hash, place | 1 << 30, place);
                    }
                    _ => {
                        rebuilt = index.insert(hash, place, hash_of);
                        twin.insert(place, hash);
                    }
                }
                // Who walks over the buckets counts on it that entries stay where they are.
                for (at, before) in buckets.into_iter().enumerate().filter(|_| !rebuilt) {
                    let now = index.at(at);
                    prop_assert!(now == before || now.is_none() || before.is_none());
                }
                prop_assert_eq!(index.len(), twin.len());
                for (place, hash) in &twin {
                    prop_assert_eq!(index.find(*hash, |it| it == *place), Some(*place));
                }
            }
            let mut all: Vec<_> = index.iter().collect();
            all.sort_unstable();
            prop_assert_eq!(&all, &twin.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!((0..index.buckets()).filter_map(|at| index.at(at)).count(), all.len());
            // Nothing is led past a line any more when nothing is there.
            for place in all {
                index.remove(hash_of(place), place);
            }
            prop_assert!(index.is_empty() && index.lines.iter().all(|line| line.head == [0; 16]));
        }
    }

    #[test]
    fn takes_little_room() {
        for entries in [1_usize, 12, 13, 61, 305, 5000] {
            let mut index = Index::default();
            for place in 0..entries as Place {
                index.insert(
                    u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15),
                    place,
                    hash_of_key,
                );
            }
            let bytes = index.lines.len() * size_of::<Line>();
            assert!(bytes <= 64.max(entries * 10), "{bytes} for {entries}");
            let home = |place: &Place| &index.lines[index.home(hash_of_key(*place))];
            let at_home = (0..entries as Place).filter(|place| home(place).places.contains(place));
            assert!(at_home.count() * 10 >= entries * 8, "of {entries}");
        }
    }

    fn hash_of_key(place: Place) -> u64 {
        u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn lines_take_what_they_are_for() {
        for entries in 0..2000 {
            assert!(most(lines_for(entries)) >= entries, "{entries}");
        }
        assert_eq!([0, 1, 12, 13, 19, 20].map(lines_for), [0, 1, 1, 2, 2, 3]);
    }
}
