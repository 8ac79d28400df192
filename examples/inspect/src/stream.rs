//! A stream's bytes as JSON.

use std::collections::HashMap;

use redwire_rdb::{
    Error,
    packed::Value as Element,
    stream::{StreamHead, StreamId, StreamNode, StreamPart, StreamPending, parts_of},
};
use redwire_tools::text;

/// Appends the stream as a JSON object.
pub(crate) fn json(out: &mut Vec<u8>, type_byte: u8, body: &[u8]) -> Result<(), Error> {
    let mut writer = Writer { out, first_entry: true, groups: 0, group: Group::default() };
    writer.put("{\"entries\":[");
    parts_of(type_byte, body, |part| writer.part(part))?;
    writer.end_group();
    writer.put("]}");
    Ok(())
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    first_entry: bool,
    /// How many have begun.
    groups: u64,
    group: Group,
}

/// The group under way: what stands behind its consumers.
#[derive(Default)]
struct Group {
    pending: Vec<StreamPending>,
    consumers: usize,
    /// Which consumer has an entry.
    owners: HashMap<StreamId, usize>,
}

impl Writer<'_> {
    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn put_id(&mut self, name: &str, id: StreamId) {
        self.put(name);
        self.put("\"");
        text::integer(self.out, id.ms);
        self.put("-");
        text::integer(self.out, id.seq);
        self.put("\"");
    }

    /// An element of a node, always as a string.
    fn put_element(&mut self, element: Element<'_>) {
        match element {
            Element::Str(bytes) => text::json(self.out, bytes),
            int => {
                self.put("\"");
                int.write_to(self.out);
                self.put("\"");
            }
        }
    }

    fn part(&mut self, part: &StreamPart<'_>) {
        match part {
            StreamPart::Node(node) => self.entries(node),
            StreamPart::Head(head) => self.head(head),
            StreamPart::Group(group) => {
                self.end_group();
                self.put(if self.groups > 0 { ",{\"name\":" } else { "{\"name\":" });
                self.groups += 1;
                text::json(self.out, group.name);
                self.put_id(",\"last_id\":", group.last_id);
                if let Some(read) = group.entries_read {
                    // -1 stands for "not known".
                    self.put(&format!(",\"entries_read\":{read}"));
                }
                self.put(",\"consumers\":[");
            }
            StreamPart::Pending(pending) => self.group.pending.push(*pending),
            StreamPart::Consumer(consumer) => {
                self.put(if self.group.consumers > 0 { ",{\"name\":" } else { "{\"name\":" });
                self.group.consumers += 1;
                text::json(self.out, consumer.name);
                self.put(&format!(",\"seen_ms\":{}", consumer.seen_ms));
                if let Some(active) = consumer.active_ms {
                    self.put(&format!(",\"active_ms\":{active}"));
                }
                self.put("}");
            }
            StreamPart::Owned(id) => {
                self.group.owners.insert(*id, self.group.consumers - 1);
            }
            _ => {}
        }
    }

    fn head(&mut self, head: &StreamHead) {
        self.put("],\"length\":");
        text::integer(self.out, head.length);
        self.put_id(",\"last_id\":", head.last_id);
        if let Some(counts) = head.counts {
            self.put_id(",\"first_id\":", counts.first_id);
            self.put_id(",\"max_deleted_id\":", counts.max_deleted_id);
            self.put(",\"entries_added\":");
            text::integer(self.out, counts.entries_added);
        }
        self.put(",\"groups\":[");
    }

    /// The live entries of a node.
    fn entries(&mut self, node: &StreamNode<'_>) {
        for entry in node.entries().filter(|entry| !entry.deleted) {
            self.put(if self.first_entry { "[" } else { ",[" });
            self.first_entry = false;
            self.put_id("", entry.id);
            self.put(",[");
            for (index, part) in entry.fields.flat_map(|(name, value)| [name, value]).enumerate() {
                self.put(if index > 0 { "," } else { "" });
                self.put_element(part);
            }
            self.put("]]");
        }
    }

    /// The pending entries of the group under way, if there is one, with who has them.
    fn end_group(&mut self) {
        if self.groups == 0 {
            return;
        }
        let Group { pending, owners, .. } = std::mem::take(&mut self.group);
        self.put("],\"pending\":[");
        for (index, StreamPending { id, delivered_ms, deliveries }) in pending.iter().enumerate() {
            self.put(if index > 0 { ",[" } else { "[" });
            self.put_id("", *id);
            // The decoder has seen that each has an owner.
            let owner = owners.get(id).copied().unwrap_or_default();
            self.put(&format!(",{owner},{delivered_ms},{deliveries}]"));
        }
        self.put("]}");
    }
}
