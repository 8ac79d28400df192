//! [`StreamPart`]: what a stream's value consists of, in the order in which files have it.

use super::{StreamId, StreamNode};
use crate::{DecodeOptions, Decoded, Decoder, Error, Event, Fault, Version};

/// A piece of a stream (types 15, 19, 21 and 26). Each says how many of those follow that belong to it, as files do.
///
/// A stream is `Nodes` and so many `Node`s; `Head` and so many groups; for a file of Redis 8.6
/// `Producers`, so many producers, and `AddedCounts`. A group is `Group` and so many `Pending`s,
/// `Consumers` and so many consumers; a consumer is `Consumer` and so many `Owned`s. A producer is
/// `Producer` and so many `Added`s.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum StreamPart<'a> {
    /// So many nodes follow.
    Nodes(u64),
    /// Entries, all of them after those of the node before.
    Node(StreamNode<'a>),
    /// What there is to say of the stream as a whole.
    Head(StreamHead),
    /// A consumer group.
    Group(StreamGroup<'a>),
    /// An entry that the group's consumers have been given and have not acknowledged.
    Pending(StreamPending),
    /// The group has so many consumers.
    Consumers(u64),
    /// A consumer of the group.
    Consumer(StreamConsumer<'a>),
    /// One of the group's pending entries, which this consumer has.
    Owned(StreamId),
    /// Settings of idempotent producers (type 26, Redis 8.6).
    Producers(StreamProducers),
    /// A producer by its id (type 26); so many of its ids follow.
    Producer {
        /// The producer.
        id: &'a [u8],
        /// How many [`Added`](Self::Added) follow.
        added: u64,
    },
    /// An id that the producer added an entry by (type 26).
    Added {
        /// The producer's own id.
        id: &'a [u8],
        /// The entry that it added.
        entry: StreamId,
    },
    /// What producers added in all (type 26).
    AddedCounts {
        /// Entries added by an id of their producer's.
        added: u64,
        /// Those that had been added before.
        duplicates: u64,
    },
}

/// The stream as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamHead {
    /// Entries that are live. (Files of Redis 5 can say a wrong number.)
    pub length: u64,
    /// The greatest id ever given.
    pub last_id: StreamId,
    /// From type 19 on (Redis 7.0).
    pub counts: Option<StreamCounts>,
    /// How many groups follow.
    pub groups: u64,
}

/// What a stream counts since Redis 7.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamCounts {
    /// The first live entry; `0-0` when there is none.
    pub first_id: StreamId,
    /// The greatest id that was deleted; `0-0` when none was.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
}

/// A consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamGroup<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last entry that it gave out.
    pub last_id: StreamId,
    /// From type 19 on: how many entries it has given out, -1 when that is not known.
    pub entries_read: Option<i64>,
    /// How many [`StreamPart::Pending`] follow.
    pub pending: u64,
}

/// An entry that waits to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPending {
    /// The entry.
    pub id: StreamId,
    /// When it was given out last, in ms since the Unix epoch.
    pub delivered_ms: i64,
    /// How many times it was given out.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamConsumer<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// When it last asked, in ms since the Unix epoch.
    pub seen_ms: i64,
    /// From type 21 on (Redis 7.2): when it last got something, -1 for never.
    pub active_ms: Option<i64>,
    /// How many [`StreamPart::Owned`] follow.
    pub pending: u64,
}

/// Settings of idempotent producers (type 26, Redis 8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamProducers {
    /// How long an id is remembered, in seconds.
    pub duration: u64,
    /// How many ids of a producer are remembered.
    pub max_entries: u64,
    /// How many [`StreamPart::Producer`] follow.
    pub producers: u64,
}

impl Default for StreamProducers {
    /// Those of a stream that no producer added to: what Redis 8.6 writes for every stream.
    fn default() -> Self {
        Self { duration: 100, max_entries: 100, producers: 0 }
    }
}

/// Hands the parts of a stream to `take`: one that stands as its bytes, as
/// [`Event::Opaque`](crate::Event::Opaque) delivers it, of type 15, 19, 21 or 26.
///
/// # Errors
///
/// What a [`Decoder`](crate::Decoder) says of damaged bytes, and [`Fault::Trailing`] for bytes behind
/// the stream. `take` has had the parts before then.
pub fn parts_of(
    type_byte: u8,
    body: &[u8],
    mut take: impl FnMut(&StreamPart<'_>),
) -> Result<(), Error> {
    // Streams are the same in all versions that have their type.
    let mut decoder = Decoder::for_value(Version::REDIS_8_6, DecodeOptions::default());
    decoder.decode(&[type_byte])?;
    let mut unread = body;
    while !decoder.is_done() {
        let Decoded { used, event } = decoder.decode(unread)?;
        let more = event.is_some();
        if let Some(Event::Stream(part)) = event {
            take(&part);
        }
        if !more {
            decoder.finish()?;
        }
        unread = &unread[used..];
    }
    if unread.is_empty() {
        return Ok(());
    }
    let offset = (body.len() - unread.len()) as u64;
    Err(Error::Malformed { offset, key: None, type_byte: None, fault: Fault::Trailing })
}
