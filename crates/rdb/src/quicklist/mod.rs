//! Quicklists: lists as a row of nodes, since Redis 3.2.
//!
//! | type | bytes behind the type |
//! |---|---|
//! | 14, Redis 3.2 to 6.2 | number of nodes as a [`length`](crate::length); for each a [`string`](crate::string), which is a [`ziplist`](crate::ziplist) |
//! | 18, since Redis 7.0 | the same, but before each node's string, as a length, what it contains: 1 for one element as it stands (plain), 2 for a [`listpack`](crate::listpack) |
//!
//! Strings may be compressed, node by node. [`Nodes`] reads the body of such a value, as
//! [`Event::Opaque`](crate::Event::Opaque) delivers it, one node after the other; [`Builder`] makes
//! one whose nodes are cut where a server cuts them that gets the elements by `RPUSH` one by one.
//! A [`Decoder`](crate::Decoder) delivers the elements of either, and an
//! [`Encoder`](crate::Encoder) writes lists of any length as they come: this is for who cares for the
//! nodes.
//!
//! ```
//! use redwire_rdb::quicklist::{Builder, Node, Nodes, Settings};
//!
//! let mut builder = Builder::new(Settings { fill: 2, ..Settings::default() });
//! for item in [&b"a"[..], b"b", b"c"] {
//!     builder.push(item);
//! }
//! let mut body = Vec::new();
//! builder.finish(&mut body);
//! let first = b"\x02\x0d\x0d\0\0\0\x02\0\x81a\x02\x81b\x02\xff";
//! let second = b"\x02\x0a\x0a\0\0\0\x01\0\x81c\x02\xff";
//! assert_eq!(body, [&b"\x02"[..], first, second].concat());
//!
//! let mut nodes = Nodes::new(18, &body)?;
//! let mut lengths = Vec::new();
//! while let Some(node) = nodes.next()? {
//!     assert!(matches!(node, Node::Listpack(_)));
//!     lengths.push(node.len());
//! }
//! assert_eq!(lengths, [2, 1]);
//! # Ok::<(), redwire_rdb::packed::Broken>(())
//! ```

mod build;
mod read;
#[cfg(test)]
mod tests;

pub use build::{Builder, Settings};
pub use read::{Iter, Node, Nodes};
