//! [`Touches`]: which keys were changed, for whoever caches them.

use crate::Blob;

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Touched {
    /// A key, by a command.
    Key(Blob),
    /// A key whose time is over, or that was evicted, by nobody.
    Expired(Blob),
    /// All keys of a database, or of all.
    All,
}

/// The keys that were changed, in order, in whatever database, each as often as it was: what
/// caches of clients have to forget (`CLIENT TRACKING`). Collected only while somebody wants it.
#[derive(Debug, Default)]
pub struct Touches {
    wanted: bool,
    list: Vec<Touched>,
}

impl Touches {
    /// Whether to collect them from now on.
    pub fn want(&mut self, wanted: bool) {
        self.wanted = wanted;
        if !wanted {
            self.list.clear();
        }
    }

    /// Whether nothing was changed since the last call of [`take`](Touches::take).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What was changed since the last call, other than by commands, which are told to their
    /// [`Host`](crate::Host::touched).
    pub fn take(&mut self) -> Vec<Touched> {
        std::mem::take(&mut self.list)
    }

    #[inline]
    pub(crate) fn push(&mut self, touched: impl FnOnce() -> Touched) {
        if !self.wanted {
            return;
        }
        let touched = touched();
        if touched != Touched::All || self.list.last() != Some(&Touched::All) {
            self.list.push(touched);
        }
    }
}
