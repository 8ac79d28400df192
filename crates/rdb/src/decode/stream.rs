//! The walk through a stream: entries, groups, pending entries, consumers, producers.

use std::collections::HashSet;

use super::{
    input::{Halt, Input},
    text::{Slot, Source, Texts},
};
use crate::{Fault, Limits, stream, types::StreamType};

/// How far a walk through a stream is. What it remembers grows with the bytes it has passed: 17
/// bytes for each pending entry of a group, and the names of groups and consumers.
#[derive(Debug)]
pub(crate) struct StreamWalk {
    generation: StreamType,
    step: Step,
    nodes: u64,
    groups: u64,
    consumers: u64,
    last_node: Option<u128>,
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
    ids: Vec<u128>,
    /// Which of them a consumer has.
    owned: Vec<bool>,
}

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

    /// Takes a step at `at`, and says where it ends.
    pub(crate) fn advance(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<usize, Halt> {
        let (step, end) = match self.step {
            Step::NodeCount => {
                let (left, end) = input.number(at)?;
                self.nodes = left;
                (Step::Node { left }, end)
            }
            Step::Node { left: 0 } => (Step::Head, at),
            Step::Node { left } => {
                (Step::Node { left: left - 1 }, self.node(input, at, texts, limits)?)
            }
            Step::Head => {
                let (left, end) = self.head(input, at)?;
                (Step::Group { left }, end)
            }
            Step::Group { left: 0 } if self.generation < StreamType::Idempotent => (Step::Done, at),
            Step::Group { left: 0 } => (Step::Producers, at),
            Step::Group { left } => {
                self.groups = left - 1;
                let (left, end) = self.group(input, at, texts, limits)?;
                (Step::Pending { left }, end)
            }
            Step::Pending { left: 0 } => {
                self.pending.check(input.offset(at))?;
                (Step::ConsumerCount, at)
            }
            Step::Pending { left } => {
                let (id, (_, end)) = (id(input, at)?, input.number(at + ID + TIME)?);
                self.pending.ids.push(id);
                (Step::Pending { left: left - 1 }, end)
            }
            _ => return self.advance_consumer(input, at, texts, limits),
        };
        self.step = step;
        Ok(end)
    }

    fn advance_consumer(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<usize, Halt> {
        let (step, end) = match self.step {
            Step::ConsumerCount => {
                let (left, end) = input.number(at)?;
                (Step::Consumer { left }, end)
            }
            Step::Consumer { left: 0 } => {
                self.pending.check_owned(input.offset(at))?;
                (Step::Group { left: self.groups }, at)
            }
            Step::Consumer { left } => {
                self.consumers = left - 1;
                let (left, end) = self.consumer(input, at, texts, limits)?;
                (Step::ConsumerPending { left }, end)
            }
            Step::ConsumerPending { left: 0 } => (Step::Consumer { left: self.consumers }, at),
            Step::ConsumerPending { left } => {
                self.pending.own(id(input, at)?, input.offset(at))?;
                (Step::ConsumerPending { left: left - 1 }, at + ID)
            }
            _ => return self.advance_producer(input, at, texts, limits),
        };
        self.step = step;
        Ok(end)
    }

    fn advance_producer(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<usize, Halt> {
        let (step, end) = match self.step {
            Step::Producers => {
                let end = numbers(input, at, 2)?;
                let (left, end) = input.number(end)?;
                (Step::Producer { left }, end)
            }
            Step::Producer { left: 0 } => (Step::AddedCounts, at),
            Step::Producer { left } => {
                let (_, end) = texts.read(input, at, Slot::First, limits)?;
                let (added, end) = input.number(end)?;
                (Step::Added { left: added, producers: left - 1 }, end)
            }
            Step::Added { left: 0, producers } => (Step::Producer { left: producers }, at),
            Step::Added { left, producers } => {
                let (_, end) = texts.read(input, at, Slot::First, limits)?;
                (Step::Added { left: left - 1, producers }, numbers(input, end, 2)?)
            }
            _ => (Step::Done, numbers(input, at, 2)?),
        };
        self.step = step;
        Ok(end)
    }

    /// A node: the id of its first entry and the entries.
    fn node(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<usize, Halt> {
        let (name, next) = texts.read(input, at, Slot::First, limits)?;
        let (entries, end) = texts.read(input, next, Slot::Packed, limits)?;
        let name = <[u8; ID]>::try_from(texts.get(input.bytes, name))
            .map_err(|_| Halt::fault(input.offset(at), Fault::StreamId))?;
        let id = u128::from_be_bytes(name);
        if self.last_node >= Some(id) {
            return Err(Halt::fault(input.offset(at), Fault::StreamOrder));
        }
        stream::check_node(texts.get(input.bytes, entries)).map_err(|broken| {
            match entries.source {
                Source::Input => Halt::broken(input.offset(entries.start), broken),
                _ => Halt::fault(input.offset(next), broken.fault),
            }
        })?;
        self.last_node = Some(id);
        Ok(end)
    }

    /// What stands between nodes and groups; how many groups there are.
    fn head(&self, input: &Input<'_>, at: usize) -> Result<(u64, usize), Halt> {
        let (length, end) = input.number(at)?;
        if length > 0 && self.nodes == 0 {
            return Err(Halt::fault(input.offset(at), Fault::StreamLength));
        }
        let more = if self.generation >= StreamType::Counted { 5 } else { 0 };
        input.number(numbers(input, end, 2 + more)?)
    }

    /// A group's head; how many pending entries it has.
    fn group(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<(u64, usize), Halt> {
        let (name, end) = texts.read(input, at, Slot::First, limits)?;
        let more = usize::from(self.generation >= StreamType::Counted);
        let (left, end) = input.number(numbers(input, end, 2 + more)?)?;
        if !self.group_names.insert(texts.get(input.bytes, name).to_vec()) {
            return Err(Halt::fault(input.offset(at), Fault::StreamName));
        }
        self.consumer_names.clear();
        self.pending = Pending::default();
        Ok((left, end))
    }

    /// A consumer's head; how many pending entries it has.
    fn consumer(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<(u64, usize), Halt> {
        let (name, end) = texts.read(input, at, Slot::First, limits)?;
        let times = if self.generation >= StreamType::Active { 2 * TIME } else { TIME };
        let (left, end) = input.number(end + times)?;
        if !self.consumer_names.insert(texts.get(input.bytes, name).to_vec()) {
            return Err(Halt::fault(input.offset(at), Fault::StreamName));
        }
        Ok((left, end))
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
    fn own(&mut self, id: u128, offset: u64) -> Result<(), Halt> {
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
/// Bytes of a time in ms.
const TIME: usize = 8;

fn id(input: &Input<'_>, at: usize) -> Result<u128, Halt> {
    input.array(at).map(u128::from_be_bytes)
}

/// Passes `count` numbers.
fn numbers(input: &Input<'_>, at: usize, count: usize) -> Result<usize, Halt> {
    (0..count).try_fold(at, |at, _| input.number(at).map(|(_, end)| end))
}
