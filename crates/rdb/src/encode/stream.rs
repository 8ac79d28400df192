//! Streams, part by part.

use super::{KeyMeta, writer::Writer};
use crate::{
    Error, Version, length,
    stream::{
        StreamCounts, StreamGroup, StreamHead, StreamId, StreamNode, StreamPart, StreamProducers,
        parts_of,
    },
    types::StreamType,
};

/// A stream that is begun: which part may come next, and what later parts need of earlier ones.
#[derive(Debug)]
pub(crate) struct StreamUnderWay {
    form: StreamType,
    expected: Expected,
    groups: u64,
    /// A part came out of its order.
    disordered: bool,
    /// Parts announced and written, for the error.
    announced: u64,
    written: u64,
    /// Live entries in the nodes.
    live: u64,
    first: Option<StreamId>,
    head: StreamHead,
}

/// Which part may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Nodes,
    /// So many nodes, then the head.
    Node(u64),
    /// A group, or what is behind them.
    Group,
    /// So many pending entries, then the number of consumers.
    Pending(u64),
    /// So many consumers; the one under way has so many entries.
    Consumer(u64, u64),
    /// So many producers; the one under way has so many ids.
    Producer(u64, u64),
    End,
}

impl StreamType {
    /// The newest layout that a file of `target` can hold.
    pub(crate) fn of_target(target: Version) -> Self {
        let newest_first = [Self::Idempotent, Self::Active, Self::Counted];
        let held = newest_first.into_iter().find(|form| target.holds_type(form.type_byte()));
        held.unwrap_or(Self::First)
    }

    /// Whether this is the type byte of a stream.
    pub(crate) const fn has_type_byte(byte: u8) -> bool {
        matches!(byte, 15 | 19 | 21 | 26)
    }

    /// The type byte.
    pub(crate) const fn type_byte(self) -> u8 {
        match self {
            Self::First => 15,
            Self::Counted => 19,
            Self::Active => 21,
            Self::Idempotent => 26,
            Self::GivenBack => 27,
        }
    }
}

impl StreamUnderWay {
    pub(crate) fn new(form: StreamType) -> Self {
        Self {
            form,
            expected: Expected::Nodes,
            groups: 0,
            disordered: false,
            announced: 1,
            written: 0,
            live: 0,
            first: None,
            head: StreamHead::default(),
        }
    }

    /// Whether all parts that were announced have come.
    pub(crate) fn is_complete(&self) -> bool {
        let ended = match self.expected {
            Expected::End => true,
            Expected::Group => self.groups == 0,
            _ => false,
        };
        ended && !self.disordered
    }

    /// Parts announced and written.
    pub(crate) fn mismatch(&self) -> Error {
        Error::Count { announced: self.announced, written: self.written }
    }

    /// Whether `part` may come now.
    fn take(&mut self, part: &StreamPart<'_>) -> bool {
        use Expected as E;
        let next = match (self.expected, part) {
            (E::Nodes, StreamPart::Nodes(count)) => {
                Some((E::Node(*count), count.saturating_add(1)))
            }
            (E::Node(left @ 1..), StreamPart::Node(_)) => Some((E::Node(left - 1), 0)),
            (E::Node(0), StreamPart::Head(head)) => {
                self.groups = head.groups;
                Some((E::Group, head.groups))
            }
            (E::Group, StreamPart::Group(group)) if self.groups > 0 => {
                self.groups -= 1;
                Some((E::Pending(group.pending), group.pending.saturating_add(1)))
            }
            (E::Group, StreamPart::Producers(settings)) if self.groups == 0 => {
                Some((E::Producer(settings.producers, 0), settings.producers.saturating_add(2)))
            }
            (E::Pending(left @ 1..), StreamPart::Pending(_)) => Some((E::Pending(left - 1), 0)),
            (E::Pending(0), StreamPart::Consumers(0))
            | (E::Consumer(0, 1), StreamPart::Owned(_)) => Some((E::Group, 0)),
            (E::Pending(0), StreamPart::Consumers(count)) => Some((E::Consumer(*count, 0), *count)),
            (E::Consumer(left @ 1.., 0), StreamPart::Consumer(consumer)) => {
                let next = match (left - 1, consumer.pending) {
                    (0, 0) => E::Group,
                    (left, pending) => E::Consumer(left, pending),
                };
                Some((next, consumer.pending))
            }
            (E::Consumer(left, pending @ 1..), StreamPart::Owned(_)) => {
                Some((E::Consumer(left, pending - 1), 0))
            }
            (E::Producer(left @ 1.., 0), StreamPart::Producer { added, .. }) => {
                Some((E::Producer(left - 1, *added), *added))
            }
            (E::Producer(left, added @ 1..), StreamPart::Added { .. }) => {
                Some((E::Producer(left, added - 1), 0))
            }
            (E::Producer(0, 0), StreamPart::AddedCounts { .. }) => Some((E::End, 0)),
            _ => None,
        };
        self.written += 1;
        let Some((expected, announced)) = next else {
            self.disordered = true;
            return false;
        };
        self.expected = expected;
        self.announced = self.announced.saturating_add(announced);
        true
    }

    /// Counts as a server makes them when it loads a stream that has none.
    fn counts(&self) -> StreamCounts {
        self.head.counts.unwrap_or(StreamCounts {
            first_id: self.first.unwrap_or_default(),
            max_deleted_id: StreamId::MIN,
            entries_added: self.live,
        })
    }

    /// How many entries a group has read, as a server finds it when it loads one that does not say.
    fn entries_read(&self, group: &StreamGroup<'_>) -> i64 {
        const UNKNOWN: i64 = -1;
        if let Some(read) = group.entries_read {
            return read;
        }
        let counts = self.counts();
        let added = counts.entries_added.cast_signed();
        let (last, first) = (self.head.last_id, counts.first_id);
        if added == 0 {
            0
        } else if group.last_id == last || (self.live == 0 && group.last_id < last) {
            added
        } else if group.last_id > last {
            UNKNOWN
        } else if counts.max_deleted_id == StreamId::MIN || counts.max_deleted_id < first {
            match group.last_id.cmp(&first) {
                std::cmp::Ordering::Less => added - self.live.cast_signed(),
                std::cmp::Ordering::Equal => added - self.live.cast_signed() + 1,
                std::cmp::Ordering::Greater => UNKNOWN,
            }
        } else {
            UNKNOWN
        }
    }
}

impl Writer {
    /// Writes a stream of another type as the target has them.
    ///
    /// # Errors
    /// When `body` is no stream of type `type_byte`.
    pub(crate) fn converted_stream(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        type_byte: u8,
        body: &[u8],
    ) -> Result<(), Error> {
        self.begin_stream(out, meta);
        parts_of(type_byte, body, |part| {
            self.stream_part(out, part);
        })?;
        self.finish_stream(out)
    }

    /// Begins a stream in the target's form.
    pub(crate) fn begin_stream(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>) {
        let form = StreamType::of_target(self.options.target);
        self.head(out, meta, form.type_byte());
        self.stream = Some(Box::new(StreamUnderWay::new(form)));
    }

    /// Writes a part; what the target's form does not have is left out. `false` when another part
    /// must come: nothing is written then.
    pub(crate) fn stream_part(&mut self, out: &mut Vec<u8>, part: &StreamPart<'_>) -> bool {
        let Some(mut stream) = self.stream.take() else { return false };
        let fits = stream.take(part);
        if fits {
            self.write_part(out, &mut stream, part);
        }
        self.stream = Some(stream);
        fits
    }

    fn write_part(
        &mut self,
        out: &mut Vec<u8>,
        stream: &mut StreamUnderWay,
        part: &StreamPart<'_>,
    ) {
        match *part {
            StreamPart::Nodes(count) | StreamPart::Consumers(count) => length::encode(out, count),
            StreamPart::Node(node) => self.node(out, stream, &node),
            StreamPart::Head(head) => {
                stream.head = head;
                write_head(out, stream);
            }
            StreamPart::Group(group) => {
                self.text(out, group.name);
                split_id(out, group.last_id);
                if stream.form >= StreamType::Counted {
                    length::encode(out, stream.entries_read(&group).cast_unsigned());
                }
                length::encode(out, group.pending);
            }
            StreamPart::Pending(pending) => {
                out.extend_from_slice(&pending.id.to_bytes());
                out.extend_from_slice(&pending.delivered_ms.to_le_bytes());
                length::encode(out, pending.deliveries);
            }
            StreamPart::Consumer(consumer) => {
                self.text(out, consumer.name);
                out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
                if stream.form >= StreamType::Active {
                    let active = consumer.active_ms.unwrap_or(consumer.seen_ms);
                    out.extend_from_slice(&active.to_le_bytes());
                }
                length::encode(out, consumer.pending);
            }
            StreamPart::Owned(id) => out.extend_from_slice(&id.to_bytes()),
            StreamPart::Producers(_)
            | StreamPart::Producer { .. }
            | StreamPart::Added { .. }
            | StreamPart::AddedCounts { .. } => self.producers(out, stream.form, part),
        }
    }

    /// The length that is written later is that of the live entries, which servers check.
    fn node(&mut self, out: &mut Vec<u8>, stream: &mut StreamUnderWay, node: &StreamNode<'_>) {
        stream.live += node.live();
        if stream.first.is_none() && stream.form >= StreamType::Counted {
            stream.first = node.first_live();
        }
        self.text(out, &node.id().to_bytes());
        self.text(out, &node.for_target(self.options.target));
    }

    fn producers(&mut self, out: &mut Vec<u8>, form: StreamType, part: &StreamPart<'_>) {
        if form < StreamType::Idempotent {
            return;
        }
        match *part {
            StreamPart::Producers(settings) => write_settings(out, settings),
            StreamPart::Producer { id, added } => {
                self.text(out, id);
                length::encode(out, added);
            }
            StreamPart::Added { id, entry } => {
                self.text(out, id);
                split_id(out, entry);
            }
            StreamPart::AddedCounts { added, duplicates } => {
                length::encode(out, added);
                length::encode(out, duplicates);
            }
            _ => {}
        }
    }

    /// Ends the stream that is begun, if one is.
    pub(crate) fn finish_stream(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(stream) = self.stream.take() else { return Ok(()) };
        if !stream.is_complete() {
            return Err(stream.mismatch());
        }
        if stream.form >= StreamType::Idempotent && stream.expected != Expected::End {
            write_settings(out, StreamProducers::default());
            length::encode(out, 0);
            length::encode(out, 0);
        }
        Ok(())
    }
}

fn write_head(out: &mut Vec<u8>, stream: &StreamUnderWay) {
    length::encode(out, stream.live);
    split_id(out, stream.head.last_id);
    if stream.form >= StreamType::Counted {
        let counts = stream.counts();
        split_id(out, counts.first_id);
        split_id(out, counts.max_deleted_id);
        length::encode(out, counts.entries_added);
    }
    length::encode(out, stream.head.groups);
}

fn write_settings(out: &mut Vec<u8>, settings: StreamProducers) {
    length::encode(out, settings.duration);
    length::encode(out, settings.max_entries);
    length::encode(out, settings.producers);
}

/// An id as two numbers.
fn split_id(out: &mut Vec<u8>, id: StreamId) {
    length::encode(out, id.ms);
    length::encode(out, id.seq);
}
