//! Ziplists: the packed form of small collections until Redis 6.2.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | number of all bytes, u32 LE |
//! | 4..8 | offset of the last element, u32 LE |
//! | 8..10 | number of elements, u16 LE; 65535 for that many or more, which a walk must count |
//! | 10.. | the elements |
//! | last | `0xff` |
//!
//! An element is the length of the element before it (a byte, or `0xfe` and u32 LE from 254 on), its
//! encoding and its bytes. So a ziplist is walked from both ends, but an edit that changes the length
//! of an element can make that of the next grow, and so on. The encodings, by their first byte:
//!
//! | first byte | value |
//! |---|---|
//! | `00xxxxxx` | up to 63 bytes |
//! | `01xxxxxx` | up to 16383 bytes, their number in 14 bits BE |
//! | `10xxxxxx` | bytes, their number as u32 BE behind |
//! | `0xc0`, `0xd0`, `0xe0` | an integer of 16, 32, 64 bits, LE |
//! | `0xf0`, `0xfe` | an integer of 24, 8 bits, LE |
//! | `0xf1` to `0xfd` | 0 to 12 |
//!
//! Values of these types are one ziplist: lists before Redis 3.2 (10), sorted sets (12), hashes (13);
//! and each node of a list from then on (14). Every server since reads them.
//!
//! | to | use |
//! |---|---|
//! | read one that is in memory | [`Ziplist`]: checked once, then walked both ways, without errors |
//! | read one that may be broken behind, or only once | [`Cursor`]: checks as it goes |
//! | write one from front to back | [`Builder`] |
//! | change one | [`ZiplistBuf`] |

mod builder;
mod cursor;
mod edit;
mod element;
#[cfg(test)]
mod tests;
mod view;

pub use builder::Builder;
pub use cursor::{Cursor, value_at};
pub use edit::{CursorMut, ZiplistBuf};
pub use view::{Iter, Ziplist};

const HEADER: usize = 10;
const END: u8 = 0xff;
/// Bytes of a ziplist without elements.
pub(crate) const EMPTY_BYTES: usize = HEADER + 1;
/// Begins a length of five bytes in front of an element.
const WIDE: u8 = 0xfe;
/// The count in the header when there are more elements than it can say.
const UNCOUNTED: u16 = u16::MAX;
