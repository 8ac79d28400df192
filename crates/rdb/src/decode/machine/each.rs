//! Runs of elements that are handed over without a stop between them.

use std::ops::ControlFlow;

use super::{Machine, State};
use crate::Event;

impl Machine {
    /// Hands over elements of the value that is read, as long as they have the forms that most have;
    /// answers how many bytes are used. What it stops at (the end, what is broken or compressed) is
    /// found by [`run`](Self::run), for which nothing else has changed.
    #[inline]
    pub(crate) fn each_element(
        &mut self,
        unread: &[u8],
        mut take: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> (usize, ControlFlow<()>) {
        let empty = &mut self.empty;
        let take = |event: Event<'_>| {
            *empty = false;
            take(event)
        };
        match &mut self.state {
            State::Plain(items) if self.straight => {
                items.each(unread, self.options.limits.max_string, take)
            }
            State::Blob { blob, .. } if self.straight => {
                (0, blob.each(unread, &self.texts, &mut self.seen, take))
            }
            _ => (0, ControlFlow::Continue(())),
        }
    }
}
