use std::time::{Duration, Instant};

/// The longest pause between two probes.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Probes until `probe` answers `Some`, and returns what it answered.
///
/// For what can only be observed from outside, such as a server's readiness or the state of a
/// replication link. Probes follow each other at once at first, then at most 20 ms apart.
///
/// # Panics
///
/// When `limit` has passed without an answer; the message names `what` was awaited.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Probes until `probe` answers true.
///
/// # Panics
///
/// As [`wait_for`].
pub fn wait_until(what: &str, limit: Duration, mut probe: impl FnMut() -> bool) {
    wait_for(what, limit, || probe().then_some(()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_first_answer() {
        let mut probes = 0;
        let answer = wait_for("the third probe", Duration::from_secs(10), || {
            probes += 1;
            (probes == 3).then_some(probes)
        });
        assert_eq!(answer, 3);
    }

    #[test]
    #[should_panic(expected = "in vain for godot")]
    fn gives_up_with_the_name_of_what_was_awaited() {
        wait_until("godot", Duration::from_millis(1), || false);
    }
}
