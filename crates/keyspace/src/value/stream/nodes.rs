//! [`Nodes`]: the nodes of a stream in order.

use super::StreamId;
use super::node::Node;
use crate::memory;
use crate::tree::Tree;

/// The nodes of a stream in the order of their ids.
///
/// Most writes append to the last node, and look how many entries live in the first, which a trim may
/// drop. Both are at hand, so that such a write does not come to the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    /// All but the last.
    before: Tree<Node>,
    /// The last; there is one if there are any.
    last: Option<Node>,
    /// How many entries live in the first of those before the last, if there are such.
    head_live: u64,
}

impl Nodes {
    /// See [`Value::memory`](crate::Value::memory).
    pub(super) fn memory(&self, samples: usize) -> usize {
        let node = |node: &Node| memory::heap(node.capacity());
        memory::tree(&self.before, samples, node) + self.last.as_ref().map_or(0, node)
    }

    pub(super) fn len(&self) -> usize {
        self.before.len() + usize::from(self.last.is_some())
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Node> {
        self.range(0, self.len())
    }

    /// The nodes from an index to another, at most the length.
    pub(super) fn range(&self, from: usize, to: usize) -> impl DoubleEndedIterator<Item = &Node> {
        let before = self.before.len();
        let last = self.last.as_ref().filter(|_| from <= before && before < to);
        self.before.range(from..to).chain(last)
    }

    pub(super) fn last(&self) -> Option<&Node> {
        self.last.as_ref()
    }

    /// The last one, to append to.
    pub(super) fn last_mut(&mut self) -> Option<&mut Node> {
        self.last.as_mut()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Node> {
        if index == self.before.len() { self.last.as_ref() } else { self.before.get(index) }
    }

    /// The first one.
    pub(super) fn first(&self) -> Option<&Node> {
        self.get(0)
    }

    /// How many entries live in the first one, if there is one.
    pub(super) fn first_live(&self) -> Option<u64> {
        let last = self.last.as_ref()?;
        Some(if self.before.is_empty() { last.counts().0 } else { self.head_live })
    }

    /// The index of the node that counts its ids from `id`, or the index at which it would stand.
    pub(super) fn search(&self, id: StreamId) -> Result<usize, usize> {
        let before = self.before.len();
        match &self.last {
            Some(last) if last.first() == id => Ok(before),
            Some(last) if last.first() < id => Err(before + 1),
            _ => self.before.search_by(id, |node| node.first().cmp(&id)),
        }
    }

    /// Adds one whose ids are above all here.
    pub(super) fn push_back(&mut self, node: Node) {
        if let Some(full) = self.last.replace(node) {
            self.before.push_back(full);
            if self.before.len() == 1 {
                self.note_head();
            }
        }
    }

    /// Takes out the first one.
    pub(super) fn pop_front(&mut self) {
        self.remove(0);
    }

    pub(super) fn remove(&mut self, index: usize) {
        if index < self.before.len() {
            self.before.remove(index);
        } else if index == self.before.len() {
            self.last = self.before.pop_back();
        }
        self.note_head();
    }

    /// Deletes the live entries of a node whose flags stand at these offsets.
    pub(super) fn delete(&mut self, index: usize, flags_at: &[usize]) {
        let before = self.before.len();
        let node = if index == before { self.last.as_mut() } else { self.before.get_mut(index) };
        node.into_iter().for_each(|node| node.delete(flags_at));
        self.note_head();
    }

    fn note_head(&mut self) {
        self.head_live = self.before.first().map_or(0, |head| head.counts().0);
    }
}
