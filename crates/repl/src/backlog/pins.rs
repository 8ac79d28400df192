//! Where cursors are.

use std::collections::BTreeMap;

use crate::Offset;

/// The places of all cursors.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// How many cursors are at each place.
    places: BTreeMap<Offset, usize>,
}

impl Pins {
    pub(super) fn add(&mut self, at: Offset) {
        *self.places.entry(at).or_default() += 1;
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, at: Offset) -> bool {
        let Some(count) = self.places.get_mut(&at) else {
            debug_assert!(false, "cursor of another backlog");
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.places.remove(&at);
        }
        true
    }

    pub(super) fn first(&self) -> Option<Offset> {
        self.places.first_key_value().map(|(at, _)| *at)
    }

    /// Whether a cursor is at `from` or behind it, and before `to`.
    pub(super) fn any_within(&self, from: Offset, to: Offset) -> bool {
        from < to && self.places.range(from..to).next().is_some()
    }
}
