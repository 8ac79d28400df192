//! Listpacks: the packed form of small collections since Redis 7.0, and of stream nodes.
//!
//! Six bytes of header (total bytes as u32 LE, number of elements as u16 LE, 65535 for "more than
//! fits"), the elements, and `0xff`. An element is its encoding, its bytes and its own length
//! again, seven bits a byte, to be read backwards.

mod builder;
mod cursor;
mod element;
#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use cursor::{Cursor, Iter, iter, value_at};

const HEADER: usize = 6;
const END: u8 = 0xff;
/// Bytes of a listpack without elements.
pub(crate) const EMPTY_BYTES: usize = HEADER + 1;
/// The count in the header when there are more elements than it can say.
const UNCOUNTED: u16 = u16::MAX;
