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
    /// answers which. An approximate trim is exact.
    pub(crate) fn trim_unreferenced(&mut self, trim: Trim) -> Vec<StreamId> {
        let excess = match trim.keep {
            Keep::Last(most) => self.len.saturating_sub(most),
            Keep::From(_) => u64::MAX,
        };
        let limit = if trim.limit == 0 { u64::MAX } else { trim.limit };
        let gone: Vec<StreamId> = self
            .range(StreamId::MIN, StreamId::MAX)
            .map(|entry| entry.id)
            .take_while(|id| !matches!(trim.keep, Keep::From(first) if *id >= first))
            .filter(|id| !self.is_referenced(*id))
            .take(usize::try_from(excess.min(limit)).unwrap_or(usize::MAX))
            .collect();
        for id in &gone {
            self.remove(*id);
        }
        gone
    }
}
