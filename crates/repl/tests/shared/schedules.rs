//! Schedules by the thousand: each is drawn from a seed of its own, and run again by that.
//!
//! `REDWIRE_SCHEDULES` is how many are run, `REDWIRE_SEED` has others drawn, and `REDWIRE_SCHEDULE`
//! is the seed of one that is run alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// Schedules of a test unless the environment says otherwise.
const SCHEDULES: u64 = 300;
/// Attempts to make one that fails shorter.
const SHRINKS: u32 = 20_000;

/// Runs schedules that `strategy` draws, on all cores, until one panics: that is made short, and
/// then panics by itself.
pub(crate) fn run<S: Strategy<Value: Clone>>(
    test: &str,
    strategy: fn() -> S,
    schedule: fn(S::Value),
) {
    let (first, count) = match number("REDWIRE_SCHEDULE") {
        Some(seed) => (seed, 1),
        None => {
            let count = number("REDWIRE_SCHEDULES").unwrap_or(SCHEDULES);
            (number("REDWIRE_SEED").unwrap_or(0) << 32, count)
        }
    };
    let Some(seed) = first_that_fails(first, count, strategy, schedule) else {
        println!("{test}: {count} schedules, from seed {first} on");
        return;
    };
    let program = env!("CARGO_CRATE_NAME");
    println!("the schedule of seed {seed} fails; again, by itself:");
    println!("REDWIRE_SCHEDULE={seed} cargo test --package redwire-repl --test {program} {test}");
    let shortest = attempt(&strategy(), seed, SHRINKS, schedule).expect_err("it failed before");
    println!("the shortest that fails, too:\n{shortest:#?}");
    schedule(shortest);
    panic!("the schedule of seed {seed} fails, but not each time");
}

/// The first seed from `first` on, of `count`, whose schedule fails.
fn first_that_fails<S: Strategy>(
    first: u64,
    count: u64,
    strategy: fn() -> S,
    schedule: fn(S::Value),
) -> Option<u64> {
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(count));
    let work = || {
        let strategy = strategy();
        loop {
            // Those before one that failed are still run.
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= failed.load(Ordering::Relaxed) {
                return;
            }
            if attempt(&strategy, first + index, 0, schedule).is_err() {
                failed.fetch_min(index, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    Some(failed.into_inner()).filter(|failed| *failed < count).map(|failed| first + failed)
}

/// Runs the schedule of a seed; when it fails, what is left of it after so many attempts to make it
/// shorter.
fn attempt<S: Strategy>(
    strategy: &S,
    seed: u64,
    max_shrink_iters: u32,
    schedule: fn(S::Value),
) -> Result<(), S::Value> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { max_shrink_iters, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tree = strategy.new_tree(&mut runner).expect("every draw is a schedule");
    let result = runner.run_one(tree, |value| {
        schedule(value);
        Ok(())
    });
    match result {
        Ok(_) => Ok(()),
        Err(TestError::Fail(_, shortest)) => Err(shortest),
        Err(TestError::Abort(reason)) => panic!("no schedule is given up: {reason}"),
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn a_schedule_that_fails_is_found_and_made_short() {
    let strategy = || 0..10_000_u32;
    let schedule = |drawn| assert!(drawn < 9000, "too much");
    let seed = first_that_fails(7, 10_000, strategy, schedule).expect("one in ten fails");
    assert_eq!(first_that_fails(7, seed - 7, strategy, schedule), None, "it is the first");
    assert!(attempt(&strategy(), seed, 0, schedule).is_err_and(|drawn| drawn >= 9000));
    assert_eq!(attempt(&strategy(), seed, SHRINKS, schedule), Err(9000));
}
