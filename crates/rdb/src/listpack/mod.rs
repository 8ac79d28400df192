//! Listpacks: the packed form of small collections since Redis 7.0, and of stream nodes.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | number of all bytes, u32 LE |
//! | 4..6 | number of elements, u16 LE; 65535 for that many or more, which a walk must count |
//! | 6.. | the elements |
//! | last | `0xff` |
//!
//! An element is its encoding, its bytes, and the length of both again, seven bits a byte in 1 to 5
//! bytes, which is read backwards: so a listpack is walked from both ends. The encodings, by the
//! first byte:
//!
//! | first byte | value |
//! |---|---|
//! | `0xxxxxxx` | 0 to 127 |
//! | `10xxxxxx` | up to 63 bytes |
//! | `110xxxxx` | an integer of 13 bits, BE |
//! | `1110xxxx` | up to 4095 bytes, their number in 12 bits BE |
//! | `0xf0` | bytes, their number as u32 LE |
//! | `0xf1` to `0xf4` | an integer of 16, 24, 32 or 64 bits, LE |
//!
//! Where an element has just 16383, 2097151 or 268435455 bytes, its encoding among them, the length
//! behind it takes 3, 4 or 5 bytes in Redis up to 8.6 and Valkey up to 8.1, and one byte less in
//! Valkey 9.1, which refuses the others' files for that. Here both are read, and the first is
//! written; [`Listpack::for_target`] makes the one of the other. An
//! [`Encoder`](crate::Encoder) puts such an element into no listpack, but for streams, which are
//! made for the target.
//!
//! Values of these types are one listpack: hashes (16; 25 with expiries), sorted sets (17), sets
//! (20), each packed node of a list (18) and each node of a stream (15, 19, 21, 26).
//!
//! | to | use |
//! |---|---|
//! | read one that is in memory | [`Listpack`]: checked once, then walked both ways, without errors |
//! | read one that may be broken behind, or only once | [`Cursor`]: checks as it goes |
//! | write one from front to back | [`Builder`] |
//! | change one | [`ListpackBuf`] |

mod builder;
mod cursor;
mod edge;
mod edit;
mod element;
#[cfg(test)]
mod tests;
mod view;

pub use builder::Builder;
pub use cursor::{Cursor, value_at};
pub(crate) use edge::is_edge_value;
pub use edit::{CursorMut, ListpackBuf};
pub use view::{Iter, Listpack};

const HEADER: usize = 6;
const END: u8 = 0xff;
/// Bytes of a listpack without elements.
pub(crate) const EMPTY_BYTES: usize = HEADER + 1;
/// The count in the header when there are more elements than it can say.
const UNCOUNTED: u16 = u16::MAX;
