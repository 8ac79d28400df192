//! [`Stopwatch`]: how long commands take, at one look at the clock for each.

/// Times commands that run one behind the other.
///
/// A look at the clock is a tenth of a short command. Within a batch the end of one command is
/// therefore the beginning of the next, which has the time added in which its request was decoded.
/// Moments are in ns, as [`clock::nanos`](crate::clock::nanos) answers them.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    /// When the batch under way began, and where it is: when the command before was over.
    batch_began: u64,
    reached: Option<u64>,
    /// When the command under way began.
    began: Option<u64>,
}

impl Stopwatch {
    /// A batch of commands begins: they run one behind the other, with nothing else between them.
    pub(crate) fn begin_batch(&mut self, now: u64) {
        (self.batch_began, self.reached) = (now, Some(now));
    }

    /// The batch is over: what is done next is no command's time. How many ns its commands took.
    pub(crate) fn end_batch(&mut self, clock: impl FnOnce() -> u64) -> u64 {
        let reached = self.reached.take().filter(|reached| *reached > self.batch_began);
        // Where nobody measures commands it is still where it began.
        reached.unwrap_or_else(clock).saturating_sub(self.batch_began)
    }

    /// A command begins.
    #[inline]
    pub(crate) fn begin(&mut self, clock: impl FnOnce() -> u64) {
        self.began = Some(self.reached.unwrap_or_else(clock));
    }

    /// The command is over. How many ns it took; nothing of one that did not begin here, nor of one
    /// that others ran in.
    #[inline]
    pub(crate) fn end(&mut self, clock: impl FnOnce() -> u64) -> Option<u64> {
        let began = self.began.take()?;
        let now = clock();
        self.reached = self.reached.map(|_| now);
        Some(now.saturating_sub(began))
    }

    /// The command under way is not to be timed.
    pub(crate) fn forget(&mut self) {
        self.began = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 17;
    const MS: u64 = 1_000_000;

    #[test]
    fn in_a_batch_a_command_begins_where_the_last_one_ended() {
        let mut watch = Stopwatch::default();
        watch.begin_batch(START);
        watch.begin(|| unreachable!("the batch knows"));
        assert_eq!(watch.end(|| START + 3 * MS), Some(3_000_000));
        watch.begin(|| unreachable!("the batch knows"));
        assert_eq!(watch.end(|| START + 5 * MS), Some(2_000_000));
        assert_eq!(watch.end_batch(|| unreachable!("the last command's end")), 5_000_000);
        watch.begin(|| START + 9 * MS);
        assert_eq!(watch.end(|| START + 10 * MS), Some(1_000_000));
    }

    #[test]
    fn a_batch_of_commands_that_nobody_measures_ends_with_itself() {
        let mut watch = Stopwatch::default();
        watch.begin_batch(START);
        assert_eq!(watch.end_batch(|| START + 2 * MS), 2_000_000);
    }

    #[test]
    fn what_others_ran_in_is_not_timed() {
        let mut watch = Stopwatch::default();
        watch.begin(|| START);
        watch.begin(|| START + MS);
        assert_eq!(watch.end(|| START + 2 * MS), Some(1_000_000));
        assert_eq!(watch.end(|| unreachable!("nothing was begun")), None);
        watch.begin(|| START);
        watch.forget();
        assert_eq!(watch.end(|| unreachable!("nothing was begun")), None);
    }
}
