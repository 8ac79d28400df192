//! A ziplist of one's own, edited in its place.

use super::{
    Builder, END, HEADER, UNCOUNTED,
    element::{
        checked_element, fill_payload, payload_size, previous_at, previous_size, write_previous,
    },
    view::{Iter, Ziplist, count, step_back, tail},
};
use crate::{
    Fault,
    packed::{Broken, TooLarge, Value, open_gap},
};

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ZiplistBuf {
    /// Header, elements and end, always whole.
    bytes: Vec<u8>,
}

impl ZiplistBuf {
    /// Bytes that an edit may not exceed, as in Redis 6.2: 1 GiB. The header could say more, but
    /// lengths that grow behind an edit, 4 bytes for 250, need room.
    pub const MAX_BYTES: u64 = 1 << 30;

    /// An empty ziplist.
    #[must_use]
    pub fn new() -> Self {
        Builder::new().into()
    }

    /// Takes bytes that are a ziplist, checked as by [`Ziplist::new`].
    ///
    /// # Errors
    ///
    /// As [`Ziplist::new`]; and more than 2 GiB are refused.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Broken> {
        if bytes.len() as u64 > 2 * Self::MAX_BYTES {
            return Err(Broken::new(0, Fault::PackedSize));
        }
        Ziplist::new(&bytes)?;
        Ok(Self { bytes })
    }

    pub(super) const fn trusted(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Its elements, to read.
    #[must_use]
    pub fn view(&self) -> Ziplist<'_> {
        Ziplist::trusted(&self.bytes)
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
        self.insert(HEADER, value)
    }

    /// Appends an element.
    ///
    /// # Errors
    ///
    /// As [`push_front`](Self::push_front).
    pub fn push_back(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        self.insert(self.end(), value)
    }

    /// Removes all elements; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER);
        self.bytes.push(END);
        self.note(HEADER, 0);
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
        self.note(tail(&self.bytes), u16::try_from(len).unwrap_or(UNCOUNTED));
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

    /// Where the element at `at` ends; `at` itself at the end.
    fn next_of(&self, at: usize) -> usize {
        if at == self.end() {
            return at;
        }
        checked_element(&self.bytes, at).map_or(at, |(_, next)| next)
    }

    /// Length of the element in front of `at`, 0 when there is none.
    fn previous_of(&self, at: usize) -> usize {
        step_back(&self.bytes, at).map_or(0, |previous| at - previous)
    }

    /// The length in front of the element at `at`, and its bytes; 0 bytes at the end.
    fn field_of(&self, at: usize) -> (usize, usize) {
        if at == self.end() { (0, 0) } else { previous_at(&self.bytes, at).unwrap_or((0, 0)) }
    }

    fn insert(&mut self, at: usize, value: Value<'_>) -> Result<(), TooLarge> {
        let previous = self.previous_of(at);
        let field = previous_size(previous);
        let size = field + payload_size(value);
        // Room for the field of the next, too.
        TooLarge::check(self.bytes.len() + size + 4, Self::MAX_BYTES)?;
        let (end, last) = (self.end(), tail(&self.bytes));
        let (_, old) = self.field_of(at);
        let mut new = if at == end { 0 } else { previous_size(size) };
        if old == 5 && new == 1 && size < 4 {
            // Servers keep the wide field then, for their memory must not shrink in an insertion.
            new = 5;
        }
        open_gap(&mut self.bytes, at, old, size + new);
        let (element, next_field) = self.bytes[at..at + size + new].split_at_mut(size);
        write_previous(&mut element[..field], previous);
        fill_payload(&mut element[field..], value);
        write_previous(next_field, size);
        let last = match at {
            _ if at == end => at,
            _ if at == last => at + size,
            _ => last + size + new - old,
        };
        self.note(last, self.counted(1));
        if new != old {
            self.cascade(at + size);
        }
        Ok(())
    }

    /// Removes the elements from `start` to `end`, `removed` in number.
    fn remove(&mut self, start: usize, end: usize, removed: usize) {
        if start == end {
            return;
        }
        let previous = self.previous_of(start);
        let last = tail(&self.bytes);
        let (_, old) = self.field_of(end);
        let new = if old == 0 { 0 } else { previous_size(previous) };
        let last = match end {
            _ if end == self.end() => start - previous,
            _ if end == last => start,
            _ => last - (end - start) + new - old,
        };
        open_gap(&mut self.bytes, start, end - start + old, new);
        write_previous(&mut self.bytes[start..start + new], previous);
        self.note(last, self.counted(-(removed as i64)));
        if new != old {
            self.cascade(start);
        }
    }

    /// Puts another value into the element from `at` to `next`.
    fn replace(&mut self, at: usize, next: usize, value: Value<'_>) -> Result<(), TooLarge> {
        let payload = at + self.field_of(at).1;
        if payload_size(value) == next - payload {
            fill_payload(&mut self.bytes[payload..next], value);
            return Ok(());
        }
        // Not less than the insertion asks for, which then cannot fail.
        let len = self.bytes.len() - (next - at) + payload_size(value) + 16;
        TooLarge::check(len, Self::MAX_BYTES)?;
        self.remove(at, next, 1);
        self.insert(at, value)
    }

    /// Brings the fields behind the element at `at`, whose length has changed, up to date: as many
    /// elements as need four more bytes for that get them, in one move of all.
    fn cascade(&mut self, at: usize) {
        let end = self.end();
        let mut len = self.next_of(at) - at;
        let first_len = len;
        let mut next = at + len;
        // The elements that grow: how many, and the last of them.
        let (mut growing, mut last_growing) = (0, at);
        while next != end {
            let (previous, field) = self.field_of(next);
            if field >= previous_size(len) {
                if previous != len {
                    write_previous(&mut self.bytes[next..next + field], len);
                }
                break;
            }
            growing += 1;
            last_growing = next;
            let behind = self.next_of(next);
            len = behind - next + 4;
            next = behind;
        }
        if growing > 0 {
            self.grow_fields(last_growing, next, growing, first_len);
        }
    }

    /// Makes the fields of `growing` elements in a row wide: the last of them stands from `last` to
    /// `behind`, in front of the first is one of `first_len` bytes.
    fn grow_fields(&mut self, last: usize, behind: usize, growing: usize, first_len: usize) {
        let tail = tail(&self.bytes);
        let count = count(&self.bytes);
        let old_end = self.bytes.len();
        self.bytes.resize(old_end + 4 * growing, 0);
        self.bytes.copy_within(behind..old_end, behind + 4 * growing);
        let (mut at, mut behind) = (last, behind);
        for before in (0..growing).rev() {
            // Still as it was: the narrow field in front of this one.
            let previous = usize::from(self.bytes[at]);
            self.bytes.copy_within(at + 1..behind, at + 1 + 4 * (before + 1));
            let field = at + 4 * before;
            let len = if before == 0 { first_len } else { previous + 4 };
            write_previous(&mut self.bytes[field..field + 5], len);
            (at, behind) = (at - previous, at);
        }
        let moved = if tail == last { growing - 1 } else { growing };
        self.note(tail + 4 * moved, count);
    }

    /// The count that the header is to have after a change.
    fn counted(&self, change: i64) -> u16 {
        match count(&self.bytes) {
            UNCOUNTED => UNCOUNTED,
            // Saturated it says that it does not know, which is right.
            count => (i64::from(count) + change).clamp(0, i64::from(UNCOUNTED)) as u16,
        }
    }

    /// Brings the header up to date.
    fn note(&mut self, tail: usize, count: u16) {
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..8].copy_from_slice(&(tail as u32).to_le_bytes());
        self.bytes[8..HEADER].copy_from_slice(&count.to_le_bytes());
    }
}

impl Default for ZiplistBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Ziplist<'_>> for ZiplistBuf {
    fn from(ziplist: Ziplist<'_>) -> Self {
        Self { bytes: ziplist.as_bytes().to_vec() }
    }
}

/// A place in a [`ZiplistBuf`] to edit at: an element, or behind the last.
#[derive(Debug)]
pub struct CursorMut<'l> {
    list: &'l mut ZiplistBuf,
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
        let next = self.list.next_of(self.at);
        let moved = next != self.at;
        self.at = next;
        moved
    }

    /// Goes to the element before; false, and stays, when there is none.
    pub fn move_prev(&mut self) -> bool {
        let Some(at) = step_back(&self.list.bytes, self.at) else { return false };
        self.at = at;
        true
    }

    /// Goes on to the first element, from the one here, that stands for `bytes`, passing `skip`
    /// others after each that does not, as [`Ziplist::find`]; false, and behind the last, when there
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
    /// As [`ZiplistBuf::push_front`].
    pub fn insert_before(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        self.list.insert(self.at, value)?;
        self.move_next();
        Ok(())
    }

    /// Inserts an element after the one here, which it stays at; behind the last it appends, and
    /// stays behind the last.
    ///
    /// # Errors
    ///
    /// As [`ZiplistBuf::push_front`].
    pub fn insert_after(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        let next = self.list.next_of(self.at);
        if next == self.at {
            return self.insert_before(value);
        }
        self.list.insert(next, value)
    }

    /// Puts another element in place of the one here, which it stays at; false behind the last,
    /// where there is none.
    ///
    /// # Errors
    ///
    /// As [`ZiplistBuf::push_front`].
    pub fn replace(&mut self, value: Value<'_>) -> Result<bool, TooLarge> {
        let next = self.list.next_of(self.at);
        if next == self.at {
            return Ok(false);
        }
        self.list.replace(self.at, next, value)?;
        Ok(true)
    }

    /// Removes the element here and those after it, `count` in all or as many as there are, and
    /// comes to stand at the one behind them; how many it has removed.
    pub fn remove(&mut self, count: usize) -> usize {
        let mut behind = Iter::from(&self.list.bytes, self.at);
        let removed = behind.by_ref().take(count).count();
        let end = behind.position();
        self.list.remove(self.at, end, removed);
        removed
    }
}
