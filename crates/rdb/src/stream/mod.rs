//! Streams: what their values consist of, and the nodes that hold their entries.
//!
//! A decoder delivers a stream (types 15, 19, 21 and 26) as [`StreamPart`]s, and an encoder takes the
//! same parts, so that a stream of any length goes from file to file with a node in memory at a time:
//!
//! ```
//! use redwire_rdb::stream::{StreamHead, StreamId, StreamNode, StreamPart};
//! use redwire_rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, Event, KeyMeta};
//!
//! let mut encoder = Encoder::new(EncodeOptions::default());
//! let mut file = Vec::new();
//! encoder.start(&mut file);
//! encoder.begin_stream(&mut file, &KeyMeta::new(b"events"));
//! let (id, head) = (StreamId::new(5, 1), StreamHead::default());
//! let entries = redwire_rdb::stream::node_of(id, [(id, [(&b"name"[..], &b"value"[..])].into_iter())]);
//! for part in [
//!     StreamPart::Nodes(1),
//!     StreamPart::Node(StreamNode::new(id, &entries)?),
//!     StreamPart::Head(StreamHead { length: 1, last_id: id, ..head }),
//! ] {
//!     encoder.stream_part(&mut file, &part);
//! }
//! encoder.finish(&mut file)?;
//! encoder.end(&mut file);
//!
//! let mut decoder = Decoder::new(DecodeOptions::default());
//! let mut unread = &file[..];
//! let mut ids = Vec::new();
//! while !decoder.is_done() {
//!     let decoded = decoder.decode(unread)?;
//!     if let Some(Event::Stream(StreamPart::Node(node))) = decoded.event {
//!         ids.extend(node.entries().map(|entry| entry.id.to_string()));
//!     }
//!     unread = &unread[decoded.used..];
//! }
//! assert_eq!(ids, ["5-1"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod id;
mod node;
mod part;

pub use id::StreamId;
pub(crate) use node::{Counts, check as check_node};
pub use node::{NodeBuilder, StreamEntries, StreamEntry, StreamFields, StreamNode, node_of};
pub use part::{
    StreamConsumer, StreamCounts, StreamGroup, StreamHead, StreamPart, StreamPending,
    StreamProducers, parts_of,
};
