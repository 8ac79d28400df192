//! [`Histogram`]: how long a command took, as often as it ran.

/// Times below this many ns have a bucket each.
const EXACT: u64 = 256;

/// Buckets for each doubling beyond, so that a time is known to less than 1 %.
const STEPS: usize = 128;

/// The longest time that is told apart, in ns; what is longer counts as this.
const LONGEST: u64 = 1_000_000_000;

const BUCKETS: usize = index(LONGEST) + 1;

/// Counts of times up to a second, to two significant digits. What it tells of them is what Redis'
/// histograms do, which have the same buckets.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), total: 0 }
    }
}

impl Histogram {
    /// Counts a time in ns. Takes constant time.
    #[inline]
    pub(crate) fn note(&mut self, nanos: u64) {
        self.note_many(nanos, 1);
    }

    /// Counts a time in ns so many times.
    #[inline]
    pub(crate) fn note_many(&mut self, nanos: u64, times: u64) {
        self.counts[index(nanos.clamp(1, LONGEST))] += times;
        self.total += times;
    }

    /// How many times were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The time in ns that `percent` percent of all did not exceed, rounded up to its bucket's end.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((percent.min(100.0) / 100.0 * self.total as f64) + 0.5) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        });
        found.map_or(0, end)
    }

    /// For each power of two, from 1024 ns on, behind which there are more times than behind the one
    /// before: the end of its bucket in us, and how many times there are up to there.
    pub(crate) fn powers(&self) -> Vec<(u64, u64)> {
        let mut powers = Vec::new();
        let (mut level, mut seen, mut told) = (1024, 0, 0);
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if bucket == index(level) {
                if seen > told {
                    powers.push((end(bucket) / 1000, seen));
                    told = seen;
                }
                level *= 2;
            }
        }
        if self.total > told {
            // Beyond the last power that has a bucket.
            powers.push((end_of(level) / 1000, self.total));
        }
        powers
    }
}

/// The bucket of a time in ns.
const fn index(nanos: u64) -> usize {
    if nanos < EXACT {
        return nanos as usize;
    }
    let doubling = nanos.ilog2() - EXACT.ilog2() + 1;
    EXACT as usize + (doubling as usize - 1) * STEPS + ((nanos >> doubling) as usize - STEPS)
}

/// The longest time of a bucket.
fn end(bucket: usize) -> u64 {
    let Some(beyond) = bucket.checked_sub(EXACT as usize) else { return bucket as u64 };
    let (doubling, step) = (beyond / STEPS + 1, beyond % STEPS);
    (((STEPS + step + 1) as u64) << doubling) - 1
}

/// The longest time of the bucket that `nanos` is or would be in.
fn end_of(nanos: u64) -> u64 {
    end(index(nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_those_of_redis() {
        // What a Redis 7.0 says of times of as many us.
        let ends = [(1, 1003), (2, 2007), (4, 4015), (11, 11_007), (14, 14_015), (198, 198_655)];
        for (micros, told) in ends {
            assert_eq!(end_of(micros * 1000), told, "{micros}");
        }
        let mut histogram = Histogram::default();
        for micros in [1, 2, 2, 4, 11, 40, 120, 16_500, 100_000, 900_000] {
            histogram.note(micros * 1000);
        }
        let told = histogram.powers();
        let expected = [
            (1, 1),
            (2, 3),
            (4, 4),
            (16, 5),
            (66, 6),
            (132, 7),
            (16_908, 8),
            (135_266, 9),
            (1_082_130, 10),
        ];
        assert_eq!(told, expected);
    }

    proptest! {
        #[test]
        fn agrees_with_the_times_themselves(
            mut times in proptest::collection::vec(1_u64..2_000_000_000, 1..200),
            percent in 0.0..100.0_f64,
        ) {
            let mut histogram = Histogram::default();
            times.iter().for_each(|time| histogram.note(*time));
            times.iter_mut().for_each(|time| *time = (*time).min(LONGEST));
            times.sort_unstable();
            prop_assert_eq!(histogram.total(), times.len() as u64);
            let wanted = ((percent / 100.0 * times.len() as f64) + 0.5) as usize;
            prop_assert_eq!(histogram.percentile(percent), end_of(times[wanted.max(1) - 1]));
            for (micros, count) in histogram.powers() {
                let ends = (10..32).map(|power| end_of(1 << power));
                let end = ends.into_iter().find(|end| end / 1000 == micros).expect("a power's");
                let up_to = times.iter().filter(|time| **time <= end).count() as u64;
                prop_assert_eq!(up_to, count, "up to {} us", micros);
            }
            prop_assert_eq!(histogram.powers().last().map(|it| it.1), Some(times.len() as u64));
        }

        #[test]
        fn a_time_is_within_its_bucket(time in 1..LONGEST) {
            let bucket = index(time);
            prop_assert!(bucket < BUCKETS);
            prop_assert!(end(bucket) >= time && (bucket == 0 || end(bucket - 1) < time));
            prop_assert!(end(bucket) - time <= time / 100);
        }
    }
}
