//! [`Top`]: the keys that most was added to, among any number of them.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Counters of a key, one in each row, and how many a row has. What a key is taken to have is never too
/// little, and too much by more than a 750th of all in 2 % of cases at most.
const ROWS: usize = 4;
const WIDTH: usize = 1 << 11;

/// Adds amounts up by keys in memory of a fixed size, and remembers the names of those with the most.
///
/// It is a count-min sketch with conservative updates: of a few hundred keys each is counted by itself;
/// among more, those with a small share of the whole may be counted together with others.
#[derive(Debug)]
pub(super) struct Top {
    hash: FixedState,
    rows: Box<[[u64; WIDTH]; ROWS]>,
    /// The keys with the most, and what they have: no more than `most`, in no order.
    keys: Vec<(Vec<u8>, u64)>,
    most: usize,
    total: u64,
}

impl Top {
    /// Keeps so many names; `seed` is nobody's to guess, so that nobody can have keys counted together.
    pub(super) fn new(most: usize, seed: u64) -> Self {
        Self {
            hash: FixedState::with_seed(seed),
            rows: Box::new([[0; WIDTH]; ROWS]),
            keys: Vec::with_capacity(most),
            most,
            total: 0,
        }
    }

    /// Adds to a key.
    pub(super) fn add(&mut self, key: &[u8], amount: u64) {
        if amount == 0 {
            return;
        }
        self.total += amount;
        let sum = self.count(key, amount);
        if let Some((_, known)) = self.keys.iter_mut().find(|(name, _)| name == key) {
            *known = sum;
        } else if self.keys.len() < self.most {
            self.keys.push((key.to_vec(), sum));
        } else if let Some(least) = self.keys.iter_mut().min_by_key(|(_, sum)| *sum)
            && least.1 < sum
        {
            *least = (key.to_vec(), sum);
        }
    }

    /// Adds to the counters of a key, and answers what it has now.
    fn count(&mut self, key: &[u8], amount: u64) -> u64 {
        let mut hash = self.hash.hash_one(key);
        let places = [(); ROWS].map(|()| {
            let place = hash as usize % WIDTH;
            hash /= WIDTH as u64;
            place
        });
        let counters = self.rows.iter().zip(places).map(|(row, at)| row[at]);
        let sum = counters.min().unwrap_or_default() + amount;
        for (row, at) in self.rows.iter_mut().zip(places) {
            row[at] = row[at].max(sum);
        }
        sum
    }

    /// All that was added.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The keys, the one with the most first.
    pub(super) fn keys(&self) -> Vec<(&[u8], u64)> {
        let mut keys: Vec<_> = self.keys.iter().map(|(key, sum)| (&key[..], *sum)).collect();
        keys.sort_by_key(|(key, sum)| (std::cmp::Reverse(*sum), *key));
        keys
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The naive twin: a map of all keys.
    fn twin(added: &[(Vec<u8>, u64)]) -> BTreeMap<&[u8], u64> {
        let mut sums = BTreeMap::new();
        for (key, amount) in added {
            *sums.entry(&key[..]).or_default() += amount;
        }
        sums
    }

    proptest! {
        #[test]
        fn few_keys_are_counted_exactly(
            added in proptest::collection::vec((prop::collection::vec(0_u8..4, 0..3), 1_u64..1000), 0..300),
            most in 1_usize..64,
            seed: u64,
        ) {
            let mut top = Top::new(most, seed);
            added.iter().for_each(|(key, amount)| top.add(key, *amount));
            let sums = twin(&added);
            let keys = top.keys();
            prop_assert_eq!(keys.len(), most.min(sums.len()));
            prop_assert!(keys.iter().all(|(key, sum)| sums[key] == *sum));
            let mut wanted: Vec<u64> = sums.values().copied().collect();
            wanted.sort_by_key(|sum| std::cmp::Reverse(*sum));
            let got: Vec<u64> = keys.iter().map(|(_, sum)| *sum).collect();
            prop_assert_eq!(got, &wanted[..keys.len()]);
            prop_assert_eq!(top.total(), sums.values().sum::<u64>());
        }
    }

    /// Ten keys with a hundredth of all each, among 200,000 others that come in between.
    #[test]
    fn many_keys_do_not_hide_the_hot_ones() {
        let mut top = Top::new(10, 42);
        let mut sums = BTreeMap::new();
        for number in 0..200_000_u64 {
            top.add(&number.to_le_bytes(), 9);
            if number % 100 == 0 {
                let key = format!("hot:{}", number / 100 % 10).into_bytes();
                top.add(&key, 100);
                *sums.entry(key).or_insert(0) += 100;
            }
        }
        let keys = top.keys();
        assert!(
            keys.iter().all(|(key, sum)| sums.get(*key).is_some_and(|it| it <= sum)),
            "{keys:?}"
        );
        let too_much = keys.iter().map(|(key, sum)| sum - sums[*key]).max();
        assert!(too_much.is_some_and(|it| it <= top.total() / 750), "{too_much:?}");
    }

    #[test]
    fn nothing_is_no_key() {
        let mut top = Top::new(3, 1);
        top.add(b"k", 0);
        assert!(top.keys().is_empty());
        assert_eq!(top.total(), 0);
    }
}
