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

mod edit;
mod element;
mod format;
#[cfg(test)]
mod tests;

use crate::packed::sequence;
pub use element::value_at;
pub(crate) use format::ZiplistFormat;

/// A ziplist in bytes of someone else's, checked once as a whole: reading it cannot fail.
///
/// ```
/// use redwire_rdb::{packed::Value, ziplist::Ziplist};
///
/// // What Redis 6.2 keeps of `RPUSH list one 2`.
/// let bytes = b"\x12\0\0\0\x0f\0\0\0\x02\0\0\x03one\x05\xf3\xff";
/// let list = Ziplist::new(bytes)?;
/// assert_eq!(list.iter().rev().collect::<Vec<_>>(), [Value::Int(2), Value::Str(b"one")]);
/// # Ok::<(), redwire_rdb::packed::Broken>(())
/// ```
pub type Ziplist<'a> = sequence::View<'a, ZiplistFormat>;

/// The elements of a [`Ziplist`], from both ends.
pub type Iter<'a> = sequence::Iter<'a, ZiplistFormat>;

/// A place between two elements of a ziplist, which it does not borrow: every call must be given the
/// bytes that it was made for.
pub type Cursor = sequence::Cursor<ZiplistFormat>;

/// Builds a ziplist by appending, the same bytes that a server makes by appending.
pub type Builder = sequence::Builder<ZiplistFormat>;

/// A ziplist that can be edited, in one piece of memory: at any time its bytes are those that Redis
/// 6.2 has after the same edits.
///
/// An edit moves the bytes behind its place and allocates only where the memory must grow. Where an
/// element becomes 254 bytes or longer, the one behind it becomes 4 bytes longer, and so may the
/// next; as in Redis 6.2 they do not become shorter again, but for the first of them. Edits in the
/// middle go through a [`CursorMut`].
///
/// ```
/// use redwire_rdb::{packed::Value, ziplist::ZiplistBuf};
///
/// let mut hash = ZiplistBuf::new();
/// for part in [&b"name"[..], b"ann", b"age", b"41"] {
///     hash.push_back(Value::of(part))?; // HSET
/// }
/// let mut cursor = hash.cursor(0);
/// assert!(cursor.find(b"name", 1));
/// assert_eq!(cursor.remove(2), 2); // HDEL
/// assert_eq!(hash.view().iter().next_back(), Some(Value::Int(41)));
/// # Ok::<(), redwire_rdb::packed::TooLarge>(())
/// ```
pub type ZiplistBuf = sequence::Buf<ZiplistFormat>;

/// A place in a [`ZiplistBuf`] to edit at: an element, or behind the last.
pub type CursorMut<'l> = sequence::CursorMut<'l, ZiplistFormat>;

const HEADER: usize = 10;
/// Bytes of a ziplist without elements.
pub(crate) const EMPTY_BYTES: usize = HEADER + 1;
/// Begins a length of five bytes in front of an element.
const WIDE: u8 = 0xfe;
