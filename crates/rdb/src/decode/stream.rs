//! The walk through a stream: nodes, groups, pending entries, consumers, producers.

use std::collections::HashSet;

use super::{
    input::{Halt, Input},
    text::{Loc, Slot, Source, Texts},
};
use crate::{
    Fault, Limits,
    stream::{
        Counts, StreamConsumer, StreamCounts, StreamGroup, StreamHead, StreamId, StreamNode,
        StreamPart, StreamPending, StreamProducers, check_node,
    },
    types::StreamType,
};

/// A [`StreamPart`] whose strings are places.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// Strings are in none of these.
    Plain(StreamPart<'static>),
    Node(StreamId, Loc, Counts),
    /// The name is empty in what stands beside its place.
    Group(Loc, StreamGroup<'static>),
    Consumer(Loc, StreamConsumer<'static>),
    Producer(Loc, u64),
    Added(Loc, StreamId),
}

impl Part {
    /// The part with its strings.
    pub(crate) fn with<'a>(self, texts: &'a Texts, unread: &'a [u8]) -> StreamPart<'a> {
        let bytes = |loc| texts.get(unread, loc);
        match self {
            Self::Plain(part) => part,
            Self::Node(id, loc, counts) => {
                StreamPart::Node(StreamNode::checked(id, bytes(loc), counts))
            }
            Self::Group(name, group) => {
                StreamPart::Group(StreamGroup { name: bytes(name), ..group })
            }
            Self::Consumer(name, consumer) => {
                StreamPart::Consumer(StreamConsumer { name: bytes(name), ..consumer })
            }
            Self::Producer(id, added) => StreamPart::Producer { id: bytes(id), added },
            Self::Added(id, entry) => StreamPart::Added { id: bytes(id), entry },
        }
    }
}

/// How far a walk through a stream is. What it remembers grows with the bytes it has passed: 17
/// bytes for each pending entry of a group, and the names of groups and consumers.
#[derive(Debug)]
pub(crate) struct StreamWalk {
    generation: StreamType,
    step: Step,
    nodes: u64,
    groups: u64,
    consumers: u64,
    last_node: Option<StreamId>,
    group_names: HashSet<Vec<u8>>,
    consumer_names: HashSet<Vec<u8>>,
    pending: Pending,
}

/// What has to be read next.
#[derive(Debug, Clone, Copy)]
enum Step {
    NodeCount,
    Node {
        left: u64,
    },
    /// Length, last id, and what later types count.
    Head,
    Group {
        left: u64,
    },
    Pending {
        left: u64,
    },
    ConsumerCount,
    Consumer {
        left: u64,
    },
    ConsumerPending {
        left: u64,
    },
    /// How many of the group's pending entries no consumer has.
    GivenBackCount,
    GivenBack {
        left: u64,
    },
    Producers,
    Producer {
        left: u64,
    },
    Added {
        left: u64,
        producers: u64,
    },
    AddedCounts,
    Done,
}

/// The pending entries of a group.
#[derive(Debug, Default)]
struct Pending {
    ids: Vec<StreamId>,
    /// Which of them a consumer has.
    owned: Vec<bool>,
}

/// A step taken: what it found, and where the next one begins.
type Taken = Result<(Option<Part>, usize), Halt>;

impl StreamWalk {
    pub(crate) fn new(generation: StreamType) -> Self {
        Self {
            generation,
            step: Step::NodeCount,
            nodes: 0,
            groups: 0,
            consumers: 0,
            last_node: None,
            group_names: HashSet::new(),
            consumer_names: HashSet::new(),
            pending: Pending::default(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    /// Takes a step at `at`.
    pub(crate) fn advance(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Taken {
        let (part, step, end) = match self.step {
            Step::NodeCount => {
                let (left, end) = input.number(at)?;
                self.nodes = left;
                (plain(StreamPart::Nodes(left)), Step::Node { left }, end)
            }
            Step::Node { left: 0 } => (None, Step::Head, at),
            Step::Node { left } => {
                let (part, end) = self.node(input, at, texts, limits)?;
                (Some(part), Step::Node { left: left - 1 }, end)
            }
            Step::Head => {
                let (head, end) = self.head(input, at)?;
                (plain(StreamPart::Head(head)), Step::Group { left: head.groups }, end)
            }
            Step::Group { left: 0 } if self.generation < StreamType::Idempotent => {
                (None, Step::Done, at)
            }
            Step::Group { left: 0 } => (None, Step::Producers, at),
            Step::Group { left } => {
                self.groups = left - 1;
                let (name, group, end) = self.group(input, at, texts, limits)?;
                (Some(Part::Group(name, group)), Step::Pending { left: group.pending }, end)
            }
            Step::Pending { left: 0 } => {
                self.pending.check(input.offset(at))?;
                (None, Step::ConsumerCount, at)
            }
            Step::Pending { left } => {
                let (pending, end) = pending(input, at)?;
                self.pending.ids.push(pending.id);
                let step = Step::Pending { left: left - 1 };
                (plain(StreamPart::Pending(pending)), step, end)
            }
            _ => return self.advance_consumer(input, at, texts, limits),
        };
        self.step = step;
        Ok((part, end))
    }

    fn advance_consumer(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Taken {
        let (part, step, end) = match self.step {
            Step::ConsumerCount => {
                let (left, end) = input.number(at)?;
                (plain(StreamPart::Consumers(left)), Step::Consumer { left }, end)
            }
            Step::Consumer { left: 0 } if self.generation >= StreamType::GivenBack => {
                (None, Step::GivenBackCount, at)
            }
            Step::GivenBackCount => {
                let (left, end) = input.number(at)?;
                (None, Step::GivenBack { left }, end)
            }
            Step::GivenBack { left: left @ 1.. } => {
                self.pending.own(whole_id(input, at)?, input.offset(at))?;
                (None, Step::GivenBack { left: left - 1 }, at + ID)
            }
            Step::Consumer { left: 0 } | Step::GivenBack { left: 0 } => {
                self.pending.check_owned(input.offset(at))?;
                (None, Step::Group { left: self.groups }, at)
            }
            Step::Consumer { left } => {
                self.consumers = left - 1;
                let (name, consumer, end) = self.consumer(input, at, texts, limits)?;
                let step = Step::ConsumerPending { left: consumer.pending };
                (Some(Part::Consumer(name, consumer)), step, end)
            }
            Step::ConsumerPending { left: 0 } => {
                (None, Step::Consumer { left: self.consumers }, at)
            }
            Step::ConsumerPending { left } => {
                let id = whole_id(input, at)?;
                self.pending.own(id, input.offset(at))?;
                (plain(StreamPart::Owned(id)), Step::ConsumerPending { left: left - 1 }, at + ID)
            }
            _ => return self.advance_producer(input, at, texts, limits),
        };
        self.step = step;
        Ok((part, end))
    }

    fn advance_producer(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Taken {
        let (part, step, end) = match self.step {
            Step::Producers => {
                let ([duration, max_entries, producers], end) = numbers(input, at)?;
                let settings = StreamProducers { duration, max_entries, producers };
                let step = Step::Producer { left: producers };
                (plain(StreamPart::Producers(settings)), step, end)
            }
            Step::Producer { left: 0 } => (None, Step::AddedCounts, at),
            Step::Producer { left } => {
                let (id, end) = texts.read(input, at, Slot::First, limits)?;
                let (added, end) = input.number(end)?;
                let step = Step::Added { left: added, producers: left - 1 };
                (Some(Part::Producer(id, added)), step, end)
            }
            Step::Added { left: 0, producers } => (None, Step::Producer { left: producers }, at),
            Step::Added { left, producers } => {
                let (id, end) = texts.read(input, at, Slot::First, limits)?;
                let (entry, end) = split_id(input, end)?;
                (Some(Part::Added(id, entry)), Step::Added { left: left - 1, producers }, end)
            }
            _ => {
                let ([added, duplicates], end) = numbers(input, at)?;
                (plain(StreamPart::AddedCounts { added, duplicates }), Step::Done, end)
            }
        };
        self.step = step;
        Ok((part, end))
    }

    /// A node: the id of its first entry and the entries.
    fn node(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<(Part, usize), Halt> {
        let (name, next) = texts.read(input, at, Slot::First, limits)?;
        let (entries, end) = texts.read(input, next, Slot::Packed, limits)?;
        let id = <[u8; ID]>::try_from(texts.get(input.bytes, name))
            .map(StreamId::from_bytes)
            .map_err(|_| Halt::fault(input.offset(at), Fault::StreamId))?;
        if self.last_node >= Some(id) {
            return Err(Halt::fault(input.offset(at), Fault::StreamOrder));
        }
        let counts =
            check_node(texts.get(input.bytes, entries)).map_err(|broken| match entries.source {
                Source::Input => Halt::broken(input.offset(entries.start), broken),
                _ => Halt::fault(input.offset(next), broken.fault),
            })?;
        self.last_node = Some(id);
        Ok((Part::Node(id, entries, counts), end))
    }

    /// What stands between nodes and groups.
    fn head(&self, input: &Input<'_>, at: usize) -> Result<(StreamHead, usize), Halt> {
        let (length, end) = input.number(at)?;
        if length > 0 && self.nodes == 0 {
            return Err(Halt::fault(input.offset(at), Fault::StreamLength));
        }
        let (last_id, mut end) = split_id(input, end)?;
        let mut counts = None;
        if self.generation >= StreamType::Counted {
            let (first_id, next) = split_id(input, end)?;
            let (max_deleted_id, next) = split_id(input, next)?;
            let (entries_added, next) = input.number(next)?;
            counts = Some(StreamCounts { first_id, max_deleted_id, entries_added });
            end = next;
        }
        let (groups, end) = input.number(end)?;
        Ok((StreamHead { length, last_id, counts, groups }, end))
    }

    /// A group's head.
    fn group(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<(Loc, StreamGroup<'static>, usize), Halt> {
        let (name, end) = texts.read(input, at, Slot::First, limits)?;
        let (last_id, mut end) = split_id(input, end)?;
        let mut entries_read = None;
        if self.generation >= StreamType::Counted {
            let (number, next) = input.number(end)?;
            entries_read = Some(number.cast_signed());
            end = next;
        }
        let (pending, end) = input.number(end)?;
        if !self.group_names.insert(texts.get(input.bytes, name).to_vec()) {
            return Err(Halt::fault(input.offset(at), Fault::StreamName));
        }
        self.consumer_names.clear();
        self.pending = Pending::default();
        Ok((name, StreamGroup { name: b"", last_id, entries_read, pending }, end))
    }

    /// A consumer's head.
    fn consumer(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<(Loc, StreamConsumer<'static>, usize), Halt> {
        let (name, end) = texts.read(input, at, Slot::First, limits)?;
        let (seen_ms, mut end) = time(input, end)?;
        let mut active_ms = None;
        if self.generation >= StreamType::Active {
            let (at, next) = time(input, end)?;
            active_ms = Some(at);
            end = next;
        }
        let (pending, end) = input.number(end)?;
        if !self.consumer_names.insert(texts.get(input.bytes, name).to_vec()) {
            return Err(Halt::fault(input.offset(at), Fault::StreamName));
        }
        Ok((name, StreamConsumer { name: b"", seen_ms, active_ms, pending }, end))
    }
}

impl Pending {
    /// All are there: puts them in order, and refuses one that stands twice.
    fn check(&mut self, offset: u64) -> Result<(), Halt> {
        if !self.ids.is_sorted() {
            self.ids.sort_unstable();
        }
        if self.ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Halt::fault(offset, Fault::StreamPending));
        }
        self.owned = vec![false; self.ids.len()];
        Ok(())
    }

    /// A consumer has this one.
    fn own(&mut self, id: StreamId, offset: u64) -> Result<(), Halt> {
        let free = self.ids.binary_search(&id).ok().filter(|index| !self.owned[*index]);
        let index = free.ok_or_else(|| Halt::fault(offset, Fault::StreamConsumer))?;
        self.owned[index] = true;
        Ok(())
    }

    fn check_owned(&self, offset: u64) -> Result<(), Halt> {
        if self.owned.contains(&false) {
            return Err(Halt::fault(offset, Fault::StreamConsumer));
        }
        Ok(())
    }
}

/// Bytes of an id where it is written whole, big-endian.
const ID: usize = 16;

fn plain(part: StreamPart<'static>) -> Option<Part> {
    Some(Part::Plain(part))
}

/// An id of 16 bytes.
fn whole_id(input: &Input<'_>, at: usize) -> Result<StreamId, Halt> {
    input.array(at).map(StreamId::from_bytes)
}

/// An id of two numbers, and where it ends.
fn split_id(input: &Input<'_>, at: usize) -> Result<(StreamId, usize), Halt> {
    let ([ms, seq], end) = numbers(input, at)?;
    Ok((StreamId::new(ms, seq), end))
}

/// A time in ms, 8 bytes, and where it ends.
fn time(input: &Input<'_>, at: usize) -> Result<(i64, usize), Halt> {
    Ok((i64::from_le_bytes(input.array(at)?), at + 8))
}

fn pending(input: &Input<'_>, at: usize) -> Result<(StreamPending, usize), Halt> {
    let id = whole_id(input, at)?;
    let (delivered_ms, end) = time(input, at + ID)?;
    let (deliveries, end) = input.number(end)?;
    Ok((StreamPending { id, delivered_ms, deliveries }, end))
}

/// `N` numbers, one behind the other, and where they end.
fn numbers<const N: usize>(input: &Input<'_>, at: usize) -> Result<([u64; N], usize), Halt> {
    let (mut found, mut end) = ([0; N], at);
    for number in &mut found {
        (*number, end) = input.number(end)?;
    }
    Ok((found, end))
}
