use std::hint::black_box;
use std::time::{Duration, Instant};

/// One of those that are measured beside each other in one process.
pub struct Subject<'a> {
    /// Its name in the table.
    pub name: String,
    /// Does a piece of work and answers how much it was, in the table's unit.
    pub work: Box<dyn FnMut() -> u64 + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject of this name.
    pub fn new(name: &str, work: impl FnMut() -> u64 + 'a) -> Subject<'a> {
        Subject { name: name.to_owned(), work: Box::new(work) }
    }

    /// Works for at least `time` and answers the nanoseconds that a unit took.
    fn sample(&mut self, time: Duration) -> f64 {
        let (start, mut units) = (Instant::now(), 0);
        loop {
            units += black_box((self.work)());
            let elapsed = start.elapsed();
            if elapsed >= time {
                return elapsed.as_nanos() as f64 / units as f64;
            }
        }
    }
}

/// Samples each subject in turn, `rounds` times over, and answers each one's median of nanoseconds
/// a unit. A warm-up round is thrown away.
pub fn measure(subjects: &mut [Subject<'_>], rounds: usize, time: Duration) -> Vec<f64> {
    let warm_up = time / 4;
    for subject in subjects.iter_mut() {
        subject.sample(warm_up);
    }
    let samples = interleave(subjects.len(), rounds, |index| subjects[index].sample(time));
    samples.into_iter().map(median).collect()
}

/// Runs all of `subjects` (0, 1, ...) once in each of the rounds, so that a disturbance of the
/// machine hits all alike, and answers the samples of each. Every round begins with another subject.
pub fn interleave<T>(
    subjects: usize,
    rounds: usize,
    mut sample: impl FnMut(usize) -> T,
) -> Vec<Vec<T>> {
    let mut samples: Vec<Vec<T>> = (0..subjects).map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        for turn in 0..subjects {
            let subject = (round + turn) % subjects;
            samples[subject].push(sample(subject));
        }
    }
    samples
}

/// The median; of an even number of samples the mean of the middle two. Not a number if there are
/// none.
#[must_use]
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => samples[len / 2],
        len => f64::midpoint(samples[len / 2 - 1], samples[len / 2]),
    }
}

/// The lower quartile: the sample below which a quarter of them are. Not a number if there are none.
#[must_use]
pub fn lower_quartile(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 4).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_has_every_round_and_another_begins_each() {
        let mut order = Vec::new();
        let samples = interleave(3, 2, |subject| {
            order.push(subject);
            order.len()
        });
        assert_eq!(order, [0, 1, 2, 1, 2, 0]);
        assert_eq!(samples, [[1, 6], [2, 4], [3, 5]]);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn lower_quartiles() {
        assert_eq!(lower_quartile(vec![4.0, 1.0, 3.0, 2.0]), 2.0);
        assert_eq!(lower_quartile(vec![3.0, 1.0, 2.0]), 1.0);
        assert!(lower_quartile(Vec::new()).is_nan());
    }
}
