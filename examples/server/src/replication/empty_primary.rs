//! [`EmptyPrimary`]: what keeps a primary that lost its data from emptying its replicas.

use redwire_repl::ReplId;

/// Why a data set is refused, and what makes it acceptable; for the log.
pub(super) const REASON: &str = "the primary that this replica follows came back with an unrelated \
     history and no keys: its data set is refused and the old one kept. To take it all the same: \
     CONFIG SET replica-refuse-empty-primary no, or REPLICAOF NO ONE and REPLICAOF again";

/// Judges the full syncs of one primary, for `replica-refuse-empty-primary`.
///
/// A primary without persistence that restarts at once has no keys and a new replid; a full sync
/// would then delete the last copies. A primary that this replica has not followed yet, as after
/// REPLICAOF, is never judged: to be emptied is what was asked for.
#[derive(Debug, Default)]
pub(super) struct EmptyPrimary {
    /// The history that this replica has followed on this link, if it has any.
    followed: Option<ReplId>,
    /// The history that was refused. It stays refused when it gets keys: a write that comes to the
    /// empty primary before the operator does is no reason to drop the old data.
    refused: Option<ReplId>,
}

impl EmptyPrimary {
    /// The stream of this history flows, its data set is in place.
    pub(super) fn follow(&mut self, replid: Option<ReplId>) {
        self.followed = replid;
        self.refused = None;
    }

    /// The history that is refused now.
    pub(super) fn refused(&self) -> Option<ReplId> {
        self.refused
    }

    /// Whether a full sync of this history is refused before its data set is read.
    pub(super) fn refuses_history(&self, announced: Option<ReplId>) -> bool {
        announced.is_some() && announced == self.refused
    }

    /// Whether a data set of this history with so many keys is refused, and remembers it. A primary
    /// that names no history (before PSYNC) cannot be judged.
    pub(super) fn refuses_data(&mut self, announced: Option<ReplId>, keys: u64) -> bool {
        let (Some(announced), Some(followed)) = (announced, self.followed) else { return false };
        let refused = keys == 0 && announced != followed;
        if refused {
            self.refused = Some(announced);
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replid(letter: u8) -> Option<ReplId> {
        ReplId::parse(&[letter; 40])
    }

    #[test]
    fn fresh_primary_is_not_judged() {
        assert!(!EmptyPrimary::default().refuses_data(replid(b'a'), 0));
    }

    #[test]
    fn only_an_empty_stranger_is_refused() {
        let mut guard = EmptyPrimary::default();
        guard.follow(replid(b'a'));
        assert!(!guard.refuses_data(replid(b'a'), 0));
        assert!(!guard.refuses_data(replid(b'b'), 1));
        assert!(!guard.refuses_data(None, 0));
        assert_eq!(guard.refused(), None);
        assert!(guard.refuses_data(replid(b'b'), 0));
        assert_eq!(guard.refused(), replid(b'b'));
    }

    #[test]
    fn refused_history_stays_refused_until_another_is_followed() {
        let mut guard = EmptyPrimary::default();
        guard.follow(replid(b'a'));
        assert!(guard.refuses_data(replid(b'b'), 0));
        assert!(guard.refuses_history(replid(b'b')));
        assert!(!guard.refuses_history(replid(b'c')));
        assert!(!guard.refuses_history(None));
        guard.follow(replid(b'c'));
        assert!(!guard.refuses_history(replid(b'b')));
    }
}
