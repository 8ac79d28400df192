//! A listpack of one's own, edited in its place.

use super::{
    Builder, END, HEADER, UNCOUNTED,
    element::{Encoded, checked_element, step_back},
    view::{Iter, Listpack, count},
};
use crate::packed::{Broken, TooLarge, Value, open_gap};

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListpackBuf {
    /// Header, elements and end, always whole.
    bytes: Vec<u8>,
}

impl ListpackBuf {
    /// Most bytes that it can have, which the header sets: 4 GiB - 1.
    pub const MAX_BYTES: u64 = u32::MAX as u64;

    /// An empty listpack.
    #[must_use]
    pub fn new() -> Self {
        Builder::new().into()
    }

    /// Takes bytes that are a listpack, checked as by [`Listpack::new`].
    ///
    /// # Errors
    ///
    /// As [`Listpack::new`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Broken> {
        Listpack::new(&bytes)?;
        Ok(Self { bytes })
    }

    pub(super) const fn trusted(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Its elements, to read.
    #[must_use]
    pub fn view(&self) -> Listpack<'_> {
        Listpack::trusted(&self.bytes)
    }

    /// All bytes, header and end among them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, to keep.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Inserts an element in front of all.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] when it would have more than [`MAX_BYTES`](Self::MAX_BYTES); nothing is changed
    /// then.
    pub fn push_front(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        self.splice(HEADER, HEADER, Some(value), 1)
    }

    /// Appends an element.
    ///
    /// # Errors
    ///
    /// As [`push_front`](Self::push_front).
    pub fn push_back(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        let end = self.end();
        self.splice(end, end, Some(value), 1)
    }

    /// Appends all elements of another.
    ///
    /// # Errors
    ///
    /// As [`push_front`](Self::push_front).
    pub fn append(&mut self, other: Listpack<'_>) -> Result<(), TooLarge> {
        let more = &other.as_bytes()[HEADER..];
        TooLarge::check(self.end() + more.len(), Self::MAX_BYTES)?;
        let counts = [count(&self.bytes), count(other.as_bytes())];
        let counted = if counts.contains(&UNCOUNTED) {
            UNCOUNTED
        } else {
            counts[0].saturating_add(counts[1])
        };
        self.bytes.truncate(self.end());
        self.bytes.extend_from_slice(more);
        self.note(counted);
        Ok(())
    }

    /// Removes all elements; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.bytes.push(END);
        self.note(0);
    }

    /// A cursor at element `index`, or behind the last when there are not so many.
    #[must_use]
    pub fn cursor(&mut self, index: usize) -> CursorMut<'_> {
        let mut iter = self.view().iter();
        if let Some(last) = index.checked_sub(1) {
            iter.nth(last);
        }
        let at = iter.position();
        CursorMut { list: self, at }
    }

    /// A cursor at element `index` from the end, 0 for the last, or behind the last when there are
    /// not so many.
    #[must_use]
    pub fn cursor_back(&mut self, index: usize) -> CursorMut<'_> {
        let at = self.end();
        let mut cursor = CursorMut { list: self, at };
        for _ in 0..=index {
            if !cursor.move_prev() {
                cursor.at = cursor.list.end();
                break;
            }
        }
        cursor
    }

    /// Counts the elements, and writes their number into the header where that has been lost: from
    /// 65535 elements on the header has no count, and removals do not bring it back. Servers do so
    /// where they need the length.
    pub fn recount(&mut self) -> usize {
        let len = self.view().len();
        self.note(u16::try_from(len).unwrap_or(UNCOUNTED));
        len
    }

    /// Makes room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Gives back the memory that edits have not used.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Offset of the end mark.
    fn end(&self) -> usize {
        self.bytes.len() - 1
    }

    /// Puts `value`, or nothing, in place of what stands from `start` to `end`; `change` is how many
    /// elements are more, or less, by that.
    fn splice(
        &mut self,
        start: usize,
        end: usize,
        value: Option<Value<'_>>,
        change: i64,
    ) -> Result<(), TooLarge> {
        let encoded = value.map(Encoded::of);
        let size = encoded.as_ref().map_or(0, Encoded::size);
        TooLarge::check(self.bytes.len() - (end - start) + size, Self::MAX_BYTES)?;
        open_gap(&mut self.bytes, start, end - start, size);
        if let Some(encoded) = encoded {
            encoded.fill(&mut self.bytes[start..start + size]);
        }
        let counted = match count(&self.bytes) {
            UNCOUNTED => UNCOUNTED,
            // Saturated it says that it does not know, which is right.
            count => (i64::from(count) + change).clamp(0, i64::from(UNCOUNTED)) as u16,
        };
        self.note(counted);
        Ok(())
    }

    /// Brings the header up to date.
    fn note(&mut self, count: u16) {
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEADER].copy_from_slice(&count.to_le_bytes());
    }
}

impl Default for ListpackBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Listpack<'_>> for ListpackBuf {
    fn from(listpack: Listpack<'_>) -> Self {
        Self { bytes: listpack.as_bytes().to_vec() }
    }
}

/// A place in a [`ListpackBuf`] to edit at: an element, or behind the last.
#[derive(Debug)]
pub struct CursorMut<'l> {
    list: &'l mut ListpackBuf,
    at: usize,
}

impl CursorMut<'_> {
    /// The element here; `None` behind the last.
    #[must_use]
    pub fn current(&self) -> Option<Value<'_>> {
        Iter::from(&self.list.bytes, self.at).next()
    }

    /// Goes to the next element, or behind the last; false when it is there already.
    pub fn move_next(&mut self) -> bool {
        let next = self.next_at();
        let moved = next != self.at;
        self.at = next;
        moved
    }

    /// Goes to the element before; false, and stays, when there is none.
    pub fn move_prev(&mut self) -> bool {
        if self.at == HEADER {
            return false;
        }
        let Some(at) = step_back(&self.list.bytes, self.at) else { return false };
        self.at = at;
        true
    }

    /// Goes on to the first element, from the one here, that stands for `bytes`, passing `skip`
    /// others after each that does not, as [`Listpack::find`]; false, and behind the last, when there
    /// is none.
    pub fn find(&mut self, bytes: &[u8], skip: usize) -> bool {
        let mut iter = Iter::from(&self.list.bytes, self.at);
        let found = iter.find_bytes(bytes, skip);
        self.at = iter.position();
        found
    }

    /// Inserts an element before the one here, which it stays at; behind the last it appends.
    ///
    /// # Errors
    ///
    /// As [`ListpackBuf::push_front`].
    pub fn insert_before(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        self.list.splice(self.at, self.at, Some(value), 1)?;
        self.move_next();
        Ok(())
    }

    /// Inserts an element after the one here, which it stays at; behind the last it appends, and
    /// stays behind the last.
    ///
    /// # Errors
    ///
    /// As [`ListpackBuf::push_front`].
    pub fn insert_after(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        let next = self.next_at();
        if next == self.at {
            return self.insert_before(value);
        }
        self.list.splice(next, next, Some(value), 1)
    }

    /// Puts another element in place of the one here, which it stays at; false behind the last,
    /// where there is none.
    ///
    /// # Errors
    ///
    /// As [`ListpackBuf::push_front`].
    pub fn replace(&mut self, value: Value<'_>) -> Result<bool, TooLarge> {
        let next = self.next_at();
        if next == self.at {
            return Ok(false);
        }
        self.list.splice(self.at, next, Some(value), 0)?;
        Ok(true)
    }

    /// Removes the element here and those after it, `count` in all or as many as there are, and
    /// comes to stand at the one behind them; how many it has removed.
    pub fn remove(&mut self, count: usize) -> usize {
        let mut behind = Iter::from(&self.list.bytes, self.at);
        let removed = behind.by_ref().take(count).count();
        let end = behind.position();
        // Less is never too large. An element is two bytes or more: their number fits.
        let _ = self.list.splice(self.at, end, None, -(removed as i64));
        removed
    }

    /// Offset of the next element, or of the end.
    fn next_at(&self) -> usize {
        if self.at == self.list.end() {
            return self.at;
        }
        checked_element(&self.list.bytes, self.at).map_or(self.at, |(_, next)| next)
    }
}
