//! References of groups to entries: who has not read an entry yet, or not acknowledged it.

use super::{Keep, Stream, StreamId, Trim};
use crate::Blob;

impl Stream {
    /// Whether a group has not been given the entry `id` yet, or waits for it to be acknowledged.
    pub(crate) fn is_referenced(&self, id: StreamId) -> bool {
        self.groups().any(|group| group.last_id < id || group.pending(id).is_some())
    }

    /// Takes `id` off the pending entries of all groups; answers the names of those that had it.
    pub(crate) fn drop_references(&mut self, id: StreamId) -> Vec<Blob> {
        let had: Vec<Blob> = self
            .groups()
            .filter(|group| group.pending(id).is_some())
            .map(|group| group.name().clone())
            .collect();
        for name in &had {
            if let Some(group) = self.group_mut(name) {
                group.acknowledge(id);
            }
        }
        had
    }

    /// Deletes from the front those entries that `trim` does not keep and no group refers to;
    /// answers which.
    ///
    /// As in Redis 8.6 an approximate trim is exact, but for its limit, which is one of whole nodes; and
    /// by number it goes no further than the first node of which something is to be kept, however many
    /// it had to leave.
    pub(crate) fn trim_unreferenced(&mut self, trim: Trim) -> Vec<StreamId> {
        let mut excess = match trim.keep {
            Keep::Last(most) => self.len.saturating_sub(most),
            Keep::From(_) => u64::MAX,
        };
        let mut gone = Vec::new();
        for node in self.nodes.iter() {
            let (live, _) = node.counts();
            let is_whole = match trim.keep {
                Keep::Last(_) => live <= excess,
                Keep::From(id) => node.last() < id,
            };
            if excess == 0 || (trim.limit > 0 && gone.len() as u64 + live > trim.limit) {
                break;
            }
            let before = gone.len();
            let wanted = node
                .entries()
                .filter(|entry| !entry.deleted)
                .map(|entry| entry.id)
                .take_while(|id| !matches!(trim.keep, Keep::From(first) if *id >= first))
                .filter(|id| !self.is_referenced(*id))
                .take(usize::try_from(excess).unwrap_or(usize::MAX));
            gone.extend(wanted);
            excess -= (gone.len() - before) as u64;
            if !is_whole {
                break;
            }
        }
        for id in &gone {
            self.remove(*id);
        }
        gone
    }
}
