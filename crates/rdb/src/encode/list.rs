//! How a list is cut into nodes.

use super::{EncodeOptions, pack::has_listpacks};
use crate::{listpack, packed::Value, ziplist};

/// Counts the nodes that a list (type 18, before Redis 7.0 type 14) will take, which its encoding begins
/// with.
///
/// Give it each item once ([`item`](Self::item), in any number of sittings), then hand it to
/// [`Encoder::begin_list`](crate::Encoder::begin_list).
#[derive(Debug, Clone)]
pub struct ListPlan {
    fill: NodeFill,
    items: u64,
    nodes: u64,
    /// An item is too long for a node: the list is written without nodes.
    flat: bool,
}

impl ListPlan {
    /// A plan for a list that will be written with these options.
    #[must_use]
    pub fn new(options: &EncodeOptions) -> Self {
        Self { fill: NodeFill::new(options), items: 0, nodes: 0, flat: false }
    }

    /// Takes note of the next item.
    pub fn item(&mut self, item: &[u8]) {
        self.items += 1;
        self.nodes += u64::from(!matches!(self.fill.place(item), Place::Behind(_)));
        self.flat |= !self.fill.contained && item.len() > MAX_NODE_BYTES;
    }

    /// How many items it has seen.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.items
    }

    pub(crate) fn nodes(&self) -> u64 {
        self.nodes
    }

    pub(crate) fn is_flat(&self) -> bool {
        self.flat
    }
}

/// Where the next item goes, and as what.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Into the node of the item before.
    Behind(Value<'a>),
    /// Into a new node.
    First(Value<'a>),
    /// Into a node that is the item itself.
    Alone,
}

/// How full the last node is.
#[derive(Debug, Clone)]
pub(crate) struct NodeFill {
    limit: usize,
    /// Most elements of a node.
    most: usize,
    /// Nodes say what they contain (type 18), so an item can be one.
    contained: bool,
    /// Bytes of the last node, 0 when none can be appended to.
    bytes: usize,
    /// Its elements.
    count: usize,
    /// Bytes of its last element.
    previous: usize,
}

/// More than servers put into a packed value, whatever their settings.
pub(crate) const MAX_NODE_BYTES: usize = 1 << 30;

impl NodeFill {
    pub(crate) fn new(options: &EncodeOptions) -> Self {
        Self {
            limit: options.thresholds.list_node_bytes.min(MAX_NODE_BYTES),
            most: options.thresholds.list_node_elements,
            contained: has_listpacks(options.target),
            bytes: 0,
            count: 0,
            previous: 0,
        }
    }

    /// Says where the next item goes, and takes it as gone there.
    #[inline]
    pub(crate) fn place<'a>(&mut self, item: &'a [u8]) -> Place<'a> {
        if self.contained && (item.len() > self.limit || listpack::is_edge_value(item)) {
            self.bytes = 0;
            return Place::Alone;
        }
        let value = Value::of(item);
        let cost = self.cost(value, self.previous);
        if self.bytes > 0 && self.count < self.most && self.bytes + cost <= self.limit {
            self.bytes += cost;
            self.count += 1;
            self.previous = cost;
            return Place::Behind(value);
        }
        let first = self.cost(value, 0);
        self.bytes = self.empty_bytes() + first;
        self.count = 1;
        self.previous = first;
        Place::First(value)
    }

    fn cost(&self, value: Value<'_>, previous: usize) -> usize {
        if self.contained {
            listpack::Builder::cost(value)
        } else {
            ziplist::Builder::cost(value, previous)
        }
    }

    fn empty_bytes(&self) -> usize {
        if self.contained { listpack::EMPTY_BYTES } else { ziplist::EMPTY_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoder, KeyMeta, Thresholds, Version};

    /// Whether its nodes are counted before they are written or after; their number takes one byte, two
    /// or five.
    #[test]
    fn a_list_at_hand_is_written_as_one_with_a_plan() {
        for target in [Version::REDIS_6_0, Version::REDIS_7_0] {
            let thresholds = Thresholds { list_node_elements: 1, ..Thresholds::default() };
            let options = EncodeOptions { thresholds, target, ..EncodeOptions::default() };
            for len in [1, 63, 64, 70, 16_383, 16_384] {
                let items = || (0..len).map(|_| &b"element"[..]);
                let mut plan = ListPlan::new(&options);
                items().for_each(|item| plan.item(item));
                assert_eq!(plan.nodes(), len);
                let meta = KeyMeta::new(b"key");
                let (mut planned, mut whole) = (b"before".to_vec(), b"before".to_vec());
                let mut encoder = Encoder::new(options.clone());
                encoder.begin_list(&mut planned, &meta, &plan);
                items().for_each(|item| encoder.push(&mut planned, item));
                encoder.finish(&mut planned).unwrap();
                let all: Vec<_> = items().collect();
                encoder.list(&mut whole, &meta, all.into_iter());
                assert!(planned == whole, "{len} nodes for {target:?}");
            }
        }
    }

    #[test]
    fn a_node_takes_as_many_elements_as_it_may() {
        for (most, nodes) in [(0, 20), (1, 20), (7, 3), (20, 1), (usize::MAX, 1)] {
            let thresholds = Thresholds { list_node_elements: most, ..Thresholds::default() };
            let mut plan = ListPlan::new(&EncodeOptions { thresholds, ..EncodeOptions::default() });
            (0..20).for_each(|_| plan.item(b"element"));
            assert_eq!(plan.nodes(), nodes, "at most {most}");
        }
    }
}
