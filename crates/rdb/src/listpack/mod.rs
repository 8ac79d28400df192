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

mod cursor;
mod edge;
mod edit;
mod element;
mod format;
#[cfg(test)]
mod tests;

use crate::packed::sequence;
pub(crate) use edge::is_edge_value;
pub use element::value_at;
pub(crate) use format::ListpackFormat;

/// A listpack in bytes of someone else's, checked once as a whole: reading it cannot fail.
///
/// ```
/// use redwire_rdb::{listpack::Listpack, packed::Value};
///
/// // What Redis 7.0 and later keep of `HSET user name ann age 41`, without its key.
/// let bytes = b"\x19\0\0\0\x04\0\x84name\x05\x83ann\x04\x83age\x04\x29\x01\xff";
/// let hash = Listpack::new(bytes)?;
/// assert_eq!(hash.len(), 4);
/// let mut from_age = hash.find(b"age", 1).expect("the field is there");
/// assert_eq!(from_age.nth(1), Some(Value::Int(41)));
/// assert_eq!(hash.iter().next_back(), Some(Value::Int(41)));
/// # Ok::<(), redwire_rdb::packed::Broken>(())
/// ```
pub type Listpack<'a> = sequence::View<'a, ListpackFormat>;

/// The elements of a [`Listpack`], from both ends.
pub type Iter<'a> = sequence::Iter<'a, ListpackFormat>;

/// A place between two elements of a listpack, which it does not borrow: every call must be given the
/// bytes that it was made for.
pub type Cursor = sequence::Cursor<ListpackFormat>;

/// Builds a listpack by appending, the same bytes that a server makes by appending.
pub type Builder = sequence::Builder<ListpackFormat>;

/// A listpack that can be edited, in one piece of memory: at any time its bytes are those that a
/// server has after the same edits.
///
/// An edit moves the bytes behind its place and allocates only where the memory must grow. Edits in
/// the middle go through a [`CursorMut`].
///
/// ```
/// use redwire_rdb::{listpack::ListpackBuf, packed::Value};
///
/// let mut list = ListpackBuf::new();
/// list.push_back(Value::of(b"b"))?; // RPUSH
/// list.push_front(Value::of(b"a"))?; // LPUSH
/// let mut cursor = list.cursor(0);
/// assert!(cursor.find(b"b", 0));
/// cursor.insert_before(Value::of(b"7"))?; // LINSERT BEFORE
/// cursor.replace(Value::of(b"c"))?; // LSET
/// let all: Vec<_> = list.view().iter().collect();
/// assert_eq!(all, [Value::Str(b"a"), Value::Int(7), Value::Str(b"c")]);
/// # Ok::<(), redwire_rdb::packed::TooLarge>(())
/// ```
pub type ListpackBuf = sequence::Buf<ListpackFormat>;

/// A place in a [`ListpackBuf`] to edit at: an element, or behind the last.
pub type CursorMut<'l> = sequence::CursorMut<'l, ListpackFormat>;

const HEADER: usize = 6;
/// Bytes of a listpack without elements.
pub(crate) const EMPTY_BYTES: usize = HEADER + 1;
