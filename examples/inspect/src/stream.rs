//! A stream's bytes as JSON.

use std::collections::HashMap;

use redwire_rdb::{
    Error,
    packed::Value as Element,
    stream::{StreamHead, StreamId, StreamNode, StreamPart, StreamPending, parts_of},
};
use redwire_tools::text;

/// Appends the stream of these bytes as a JSON object.
pub(crate) fn json(out: &mut Vec<u8>, type_byte: u8, body: &[u8]) -> Result<(), Error> {
    let mut stream = StreamWriter::default();
    stream.begin(out);
    parts_of(type_byte, body, |part| stream.part(out, part))?;
    stream.end(out);
    Ok(())
}

/// Writes a stream as a JSON object, part by part.
#[derive(Default)]
pub(crate) struct StreamWriter {
    some_entries: bool,
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

impl StreamWriter {
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        *self = Self::default();
        put(out, "{\"entries\":[");
    }

    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        self.end_group(out);
        put(out, "]}");
    }

    pub(crate) fn part(&mut self, out: &mut Vec<u8>, part: &StreamPart<'_>) {
        match part {
            StreamPart::Node(node) => self.entries(out, node),
            StreamPart::Head(head) => head_of(out, head),
            StreamPart::Group(group) => {
                self.end_group(out);
                put(out, if self.groups > 0 { ",{\"name\":" } else { "{\"name\":" });
                self.groups += 1;
                text::json(out, group.name);
                put_id(out, ",\"last_id\":", group.last_id);
                if let Some(read) = group.entries_read {
                    // -1 stands for "not known".
                    put(out, &format!(",\"entries_read\":{read}"));
                }
                put(out, ",\"consumers\":[");
            }
            StreamPart::Pending(pending) => self.group.pending.push(*pending),
            StreamPart::Consumer(consumer) => {
                put(out, if self.group.consumers > 0 { ",{\"name\":" } else { "{\"name\":" });
                self.group.consumers += 1;
                text::json(out, consumer.name);
                put(out, &format!(",\"seen_ms\":{}", consumer.seen_ms));
                if let Some(active) = consumer.active_ms {
                    put(out, &format!(",\"active_ms\":{active}"));
                }
                put(out, "}");
            }
            StreamPart::Owned(id) => {
                self.group.owners.insert(*id, self.group.consumers - 1);
            }
            _ => {}
        }
    }

    /// The live entries of a node.
    fn entries(&mut self, out: &mut Vec<u8>, node: &StreamNode<'_>) {
        for entry in node.entries().filter(|entry| !entry.deleted) {
            put(out, if self.some_entries { ",[" } else { "[" });
            self.some_entries = true;
            put_id(out, "", entry.id);
            put(out, ",[");
            for (index, (name, value)) in entry.fields.enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put_element(out, name);
                out.push(b',');
                put_element(out, value);
            }
            put(out, "]]");
        }
    }

    /// The pending entries of the group under way, if there is one, with who has them.
    fn end_group(&mut self, out: &mut Vec<u8>) {
        if self.groups == 0 {
            return;
        }
        let Group { pending, owners, .. } = std::mem::take(&mut self.group);
        put(out, "],\"pending\":[");
        for (index, StreamPending { id, delivered_ms, deliveries }) in pending.iter().enumerate() {
            put(out, if index > 0 { ",[" } else { "[" });
            put_id(out, "", *id);
            // The decoder has seen that each has an owner.
            let owner = owners.get(id).copied().unwrap_or_default();
            put(out, &format!(",{owner},{delivered_ms},{deliveries}]"));
        }
        put(out, "]}");
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn put_id(out: &mut Vec<u8>, name: &str, id: StreamId) {
    put(out, name);
    put(out, "\"");
    text::integer(out, id.ms);
    put(out, "-");
    text::integer(out, id.seq);
    put(out, "\"");
}

/// An element of a node, always as a string.
fn put_element(out: &mut Vec<u8>, element: Element<'_>) {
    match element {
        Element::Str(bytes) => text::json(out, bytes),
        int => {
            put(out, "\"");
            int.write_to(out);
            put(out, "\"");
        }
    }
}

fn head_of(out: &mut Vec<u8>, head: &StreamHead) {
    put(out, "],\"length\":");
    text::integer(out, head.length);
    put_id(out, ",\"last_id\":", head.last_id);
    if let Some(counts) = head.counts {
        put_id(out, ",\"first_id\":", counts.first_id);
        put_id(out, ",\"max_deleted_id\":", counts.max_deleted_id);
        put(out, ",\"entries_added\":");
        text::integer(out, counts.entries_added);
    }
    put(out, ",\"groups\":[");
}
