//! [`Producers`]: which entries were added under ids that their producers gave, so that one that is
//! sent again is not added again (`XADD IDMP`, Redis 8.6).

use std::cmp::Ordering;

use xxhash_rust::xxh3::xxh3_128;

use super::StreamId;
use super::group::name_hint;
use crate::tree::{Element, Iter, Tree};
use crate::{Blob, UnixMs};

/// How long, and how many of them, a producer's ids are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// In seconds, from the moment that the id of the entry tells.
    pub(crate) seconds: u64,
    /// Of each producer, the last so many.
    pub(crate) entries: u64,
}

impl Default for Kept {
    /// Those of Redis: 100 seconds, 100 entries.
    fn default() -> Self {
        Self { seconds: 100, entries: 100 }
    }
}

/// Producers that are looked at beside the one that adds, for what is not to be kept any longer: more
/// than come with it, so that those which are gone are forgotten.
const SWEEP: usize = 2;
/// Ids that are forgotten of each at once, so that no command takes long.
const FORGOTTEN: usize = 64;

/// The producers of a stream. A clone takes constant time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Producers {
    /// How long what they gave is kept.
    pub(crate) kept: Kept,
    /// How many entries were ever added under such an id.
    pub(crate) added: u64,
    /// How many were not added, as they had been.
    pub(crate) duplicates: u64,
    table: Tree<Producer>,
    /// Where the next sweep begins.
    swept: usize,
}

/// A producer, and what it gave.
#[derive(Debug, Clone)]
pub(super) struct Producer {
    name: Blob,
    by_id: Tree<Given>,
    /// The same, the oldest entry first.
    by_age: Tree<Aged>,
}

/// An id that a producer gave, and the entry that was added under it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) id: Blob,
    pub(super) entry: StreamId,
}

#[derive(Debug, Clone)]
pub(super) struct Aged(pub(super) Given);

impl Producers {
    /// None yet, of which is kept what `kept` says.
    pub(crate) fn new(kept: Kept) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Whether it is as for a stream that never had any.
    pub(super) fn is_unused(&self) -> bool {
        self.table.is_empty()
            && (self.added, self.duplicates) == (0, 0)
            && self.kept == Kept::default()
    }

    /// Bytes that they take, about.
    pub(super) fn memory(&self) -> usize {
        let of = |it: &Producer| {
            let ids: usize = it.by_id.iter().map(|given| 2 * given.id.heap_bytes()).sum();
            it.name.heap_bytes() + it.by_id.approx_bytes() + it.by_age.approx_bytes() + ids
        };
        self.table.approx_bytes() + self.table.iter().map(of).sum::<usize>()
    }

    pub(super) fn all(&self) -> Iter<'_, Producer> {
        self.table.iter()
    }

    /// The entry that `producer` had added under `id`, unless it is no longer kept at `now`.
    pub(crate) fn entry(&self, producer: &[u8], id: &[u8], now: UnixMs) -> Option<StreamId> {
        self.recorded(producer, id).filter(|entry| self.is_kept(*entry, now))
    }

    /// The same, however old it is.
    pub(crate) fn recorded(&self, producer: &[u8], id: &[u8]) -> Option<StreamId> {
        let producer = self.table.find_by(name_hint(producer), by_name(producer))?;
        producer.by_id.find_by(name_hint(id), by_id(id)).map(|given| given.entry)
    }

    /// Notes that `producer` had `entry` added under `id`; what is too old or too much is forgotten.
    pub(crate) fn record(&mut self, producer: &[u8], id: &[u8], entry: StreamId, now: UnixMs) {
        let place = self.table.search_by(name_hint(producer), by_name(producer));
        let index = place.unwrap_or_else(|gap| {
            self.table.insert(gap, Producer::new(producer));
            gap
        });
        self.added += 1;
        let kept = usize::try_from(self.kept.entries).unwrap_or(usize::MAX);
        if let Some(producer) = self.table.get_mut(index) {
            producer.record(Given { id: Blob::from(id), entry });
            while producer.by_age.len() > kept {
                producer.forget_oldest();
            }
        }
        self.sweep(index, now);
    }

    /// Forgets of the producer at `index`, and of some others in turn, what is too old.
    fn sweep(&mut self, index: usize, now: UnixMs) {
        self.forget_old(index, now);
        for _ in 0..SWEEP {
            if self.table.is_empty() {
                return;
            }
            self.swept %= self.table.len();
            if self.forget_old(self.swept, now) {
                self.swept += 1;
            }
        }
    }

    /// Forgets some of what is too old; answers whether the producer is still there.
    fn forget_old(&mut self, index: usize, now: UnixMs) -> bool {
        for _ in 0..FORGOTTEN {
            let Some(producer) = self.table.get(index) else { return false };
            match producer.by_age.first().map(|oldest| oldest.0.entry) {
                None => {
                    self.table.remove(index);
                    return false;
                }
                Some(entry) if self.is_kept(entry, now) => return true,
                Some(_) => {}
            }
            if let Some(producer) = self.table.get_mut(index) {
                producer.forget_oldest();
            }
        }
        true
    }

    fn is_kept(&self, entry: StreamId, now: UnixMs) -> bool {
        entry.ms.saturating_add(self.kept.seconds.saturating_mul(1000)) >= now.0
    }

    /// Keeps as much as `kept` says from now on; where that is a change, all is forgotten.
    pub(crate) fn keep(&mut self, kept: Kept) -> bool {
        let changed = self.kept != kept;
        if changed {
            self.kept = kept;
            self.table = Tree::new();
        }
        changed
    }

    /// How many producers and ids are kept at `now`.
    pub(crate) fn tracked(&self, now: UnixMs) -> (usize, usize) {
        let least = now.0.saturating_sub(self.kept.seconds.saturating_mul(1000));
        let least = StreamId { ms: least, seq: 0 };
        let of = |producer: &Producer| {
            let old =
                producer.by_age.search_by((least, 0), |aged| match aged.0.entry.cmp(&least) {
                    Ordering::Less => Ordering::Less,
                    _ => Ordering::Greater,
                });
            producer.by_age.len() - old.unwrap_or_else(|gap| gap)
        };
        let counts = self.table.iter().map(of).filter(|count| *count > 0);
        counts.fold((0, 0), |(producers, ids), count| (producers + 1, ids + count))
    }

    /// Puts a producer with all that it gave behind the others; answers whether it is new and was right.
    pub(super) fn add(&mut self, name: &[u8], given: Vec<Given>) -> bool {
        let mut producer = Producer::new(name);
        given.into_iter().all(|it| producer.record(it))
            && self.table.insert_by(producer, by_name(name)).is_ok()
    }
}

impl Producer {
    fn new(name: &[u8]) -> Self {
        Self { name: Blob::from(name), by_id: Tree::new(), by_age: Tree::new() }
    }

    pub(super) fn name(&self) -> &Blob {
        &self.name
    }

    /// What it gave, the oldest entry first.
    pub(super) fn given(&self) -> Iter<'_, Aged> {
        self.by_age.iter()
    }

    /// Answers whether the id is new; where it is not it now stands for another entry.
    fn record(&mut self, given: Given) -> bool {
        let id = given.id.clone();
        let old = self.by_id.remove_by(name_hint(&id), by_id(&id));
        if let Some(old) = &old {
            self.by_age.remove_by(old.age(), by_age(old));
        }
        let aged = Aged(given.clone());
        let _ = self.by_age.insert_by(aged, by_age(&given));
        let _ = self.by_id.insert_by(given, by_id(&id));
        old.is_none()
    }

    fn forget_oldest(&mut self) {
        if let Some(Aged(oldest)) = self.by_age.pop_front() {
            self.by_id.remove_by(name_hint(&oldest.id), by_id(&oldest.id));
        }
    }
}

impl Given {
    fn age(&self) -> (StreamId, u64) {
        (self.entry, name_hint(&self.id))
    }
}

/// The id that `IDMPAUTO` gives to an entry: the same for the same fields and values, in whatever order
/// they come. (Redis has another hash, which is seen in its RDB files and payloads only.)
pub(crate) fn id_of<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> [u8; 16] {
    let mut text = Vec::new();
    let (mut sum, mut count) = (0_u128, 0_u64);
    for (name, value) in pairs {
        text.clear();
        text.extend_from_slice(&(name.len() as u64).to_le_bytes());
        text.extend_from_slice(name);
        text.extend_from_slice(value);
        sum = sum.wrapping_add(xxh3_128(&text));
        count += 1;
    }
    text.clear();
    text.extend_from_slice(&sum.to_le_bytes());
    text.extend_from_slice(&count.to_le_bytes());
    xxh3_128(&text).to_le_bytes()
}

fn by_name(name: &[u8]) -> impl FnMut(&Producer) -> Ordering + '_ {
    move |producer| producer.name.as_slice().cmp(name)
}

fn by_id(id: &[u8]) -> impl FnMut(&Given) -> Ordering + '_ {
    move |given| given.id.as_slice().cmp(id)
}

fn by_age(of: &Given) -> impl FnMut(&Aged) -> Ordering + '_ {
    move |aged| (aged.0.entry, &aged.0.id).cmp(&(of.entry, &of.id))
}

impl Element for Producer {
    type Hint = u64;
    type Weight = ();

    fn hint(&self) -> u64 {
        name_hint(&self.name)
    }
}

impl Element for Given {
    type Hint = u64;
    type Weight = ();

    fn hint(&self) -> u64 {
        name_hint(&self.id)
    }
}

impl Element for Aged {
    type Hint = (StreamId, u64);
    type Weight = ();

    fn hint(&self) -> (StreamId, u64) {
        self.0.age()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const NAMES: [&[u8]; 3] = [b"p", b"q", b"a producer of a long name"];

    /// All that was ever recorded: producer and id, with the entry; what is kept is found by looking at
    /// all of it.
    #[derive(Default)]
    struct Naive(Vec<(usize, u8, u64)>);

    impl Naive {
        fn record(&mut self, producer: usize, id: u8, ms: u64) {
            self.0.retain(|it| (it.0, it.1) != (producer, id));
            self.0.push((producer, id, ms));
        }

        fn kept(&self, kept: Kept, now: u64) -> BTreeMap<(usize, u8), u64> {
            let mut found = BTreeMap::new();
            for producer in 0..NAMES.len() {
                let of_it = self.0.iter().filter(|it| it.0 == producer);
                let live = of_it.filter(|it| it.2 + 1000 * kept.seconds >= now);
                let mut live: Vec<_> = live.collect();
                live.sort_by_key(|it| it.2);
                let last = live.iter().rev().take(kept.entries as usize);
                found.extend(last.map(|it| ((it.0, it.1), it.2)));
            }
            found
        }
    }

    proptest! {
        #[test]
        fn what_is_neither_old_nor_too_much_is_kept(
            steps in prop::collection::vec((0_usize..3, 0_u8..12, 0_u64..900), 0..60),
            seconds in 1_u64..4,
            entries in 1_u64..6,
        ) {
            let kept = Kept { seconds, entries };
            let (mut producers, mut naive) = (Producers::new(kept), Naive::default());
            let mut now = 10_000;
            for (producer, id, later) in steps {
                now += later + 1;
                let (name, id_text) = (NAMES[producer], [b'i', id]);
                let known = naive.kept(kept, now).get(&(producer, id)).copied();
                let entry = producers.entry(name, &id_text, UnixMs(now));
                prop_assert_eq!(entry.map(|entry| entry.ms), known);
                if known.is_none() {
                    let snapshot = producers.clone();
                    let told = format!("{snapshot:?}");
                    producers.record(name, &id_text, StreamId { ms: now, seq: 0 }, UnixMs(now));
                    naive.record(producer, id, now);
                    prop_assert_eq!(format!("{snapshot:?}"), told);
                }
                let expected = naive.kept(kept, now);
                let names = expected.keys().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>();
                prop_assert_eq!(producers.tracked(UnixMs(now)), (names.len(), expected.len()));
            }
            // Whoever goes on adding has those forgotten that are gone.
            now += 1000 * seconds + 1;
            for at in 0..10 {
                producers.record(NAMES[0], &[at], StreamId { ms: now, seq: u64::from(at) }, UnixMs(now));
            }
            prop_assert_eq!(producers.table.len(), 1);
            prop_assert!(producers.table.iter().all(|it| it.by_id.len() == it.by_age.len()));
        }
    }

    #[test]
    fn an_id_is_that_of_fields_in_any_order() {
        let id = |pairs: &[(&str, &str)]| {
            id_of(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
        };
        assert_eq!(id(&[("a", "b"), ("c", "d")]), id(&[("c", "d"), ("a", "b")]));
        let all = [
            id(&[("a", "b")]),
            id(&[("a", "b"), ("a", "b")]),
            id(&[("a", "b"), ("c", "d")]),
            id(&[("a", "d"), ("c", "b")]),
            id(&[("ab", "")]),
            id(&[("", "ab")]),
            id(&[("b", "a")]),
            id(&[]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{at}");
        }
    }

    #[test]
    fn other_limits_forget_all() {
        let mut producers = Producers::default();
        producers.record(b"p", b"i", StreamId { ms: 1, seq: 1 }, UnixMs(1));
        assert!(!producers.keep(Kept::default()));
        assert_eq!(producers.tracked(UnixMs(1)), (1, 1));
        assert!(producers.keep(Kept { seconds: 7, entries: 100 }));
        assert_eq!(producers.tracked(UnixMs(1)), (0, 0));
    }
}
