//! A sequence of one's own, edited in its place.

use std::marker::PhantomData;

use super::{Builder, END, Format, Iter, UNCOUNTED, View, note};
use crate::{
    Fault,
    packed::{Broken, TooLarge, Value},
};

/// A [listpack](crate::listpack) or [ziplist](crate::ziplist) that can be edited, in one piece of
/// memory: at any time its bytes are those that a server has after the same edits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Buf<F: Format> {
    /// Header, elements and end, always whole.
    pub(crate) bytes: Vec<u8>,
    format: PhantomData<F>,
}

impl<F: Format> Buf<F> {
    /// Most bytes that an edit may leave. Of a listpack 4 GiB - 1, which the header sets; of a ziplist
    /// 1 GiB, as in Redis 6.2: its header could say more, but lengths that grow behind an edit, 4
    /// bytes for 250, need room.
    pub const MAX_BYTES: u64 = F::MAX_BYTES;

    /// One without elements.
    #[must_use]
    pub fn new() -> Self {
        Builder::new().into()
    }

    /// Takes bytes that are one, checked as by [`View::new`].
    ///
    /// # Errors
    ///
    /// As [`View::new`]; and of a ziplist more than 2 GiB are refused.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Broken> {
        if bytes.len() as u64 > F::MAX_TAKEN {
            return Err(Broken::new(0, Fault::PackedSize));
        }
        View::<F>::new(&bytes)?;
        Ok(Self::trusted(bytes))
    }

    pub(super) const fn trusted(bytes: Vec<u8>) -> Self {
        Self { bytes, format: PhantomData }
    }

    /// Its elements, to read.
    #[must_use]
    pub fn view(&self) -> View<'_, F> {
        View::trusted(&self.bytes)
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
        F::insert(self, F::HEADER, value)
    }

    /// Appends an element.
    ///
    /// # Errors
    ///
    /// As [`push_front`](Self::push_front).
    pub fn push_back(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        let end = self.end();
        F::insert(self, end, value)
    }

    /// Removes all elements; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(F::HEADER);
        self.bytes.push(END);
        F::note_tail(&mut self.bytes, F::HEADER, F::Before::default());
        note::<F>(&mut self.bytes, 0);
    }

    /// A cursor at element `index`, or behind the last when there are not so many.
    #[must_use]
    pub fn cursor(&mut self, index: usize) -> CursorMut<'_, F> {
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
    pub fn cursor_back(&mut self, index: usize) -> CursorMut<'_, F> {
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
        note::<F>(&mut self.bytes, u16::try_from(len).unwrap_or(UNCOUNTED));
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
    pub(crate) fn end(&self) -> usize {
        self.bytes.len() - 1
    }

    /// Where the element at `at` ends; `at` itself at the end.
    pub(crate) fn next_of(&self, at: usize) -> usize {
        if at == self.end() {
            return at;
        }
        F::checked_element(&self.bytes, at).map_or(at, |(_, next)| next)
    }
}

impl<F: Format> Default for Buf<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Format> From<View<'_, F>> for Buf<F> {
    fn from(view: View<'_, F>) -> Self {
        Self::trusted(view.as_bytes().to_vec())
    }
}

/// A place in a [`Buf`] to edit at: an element, or behind the last.
#[derive(Debug)]
pub struct CursorMut<'l, F: Format> {
    list: &'l mut Buf<F>,
    at: usize,
}

impl<F: Format> CursorMut<'_, F> {
    /// The element here; `None` behind the last.
    #[must_use]
    pub fn current(&self) -> Option<Value<'_>> {
        self.rest().next()
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
        if self.at == F::HEADER {
            return false;
        }
        let Some(at) = F::step_back(&self.list.bytes, self.at) else { return false };
        self.at = at;
        true
    }

    /// Goes on to the first element, from the one here, that stands for `bytes`, passing `skip`
    /// others after each that does not, as [`View::find`]; false, and behind the last, when there is
    /// none.
    pub fn find(&mut self, bytes: &[u8], skip: usize) -> bool {
        let mut iter = self.rest();
        let found = iter.find_bytes(bytes, skip);
        self.at = iter.position();
        found
    }

    /// Inserts an element before the one here, which it stays at; behind the last it appends.
    ///
    /// # Errors
    ///
    /// As [`Buf::push_front`].
    pub fn insert_before(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        F::insert(self.list, self.at, value)?;
        self.move_next();
        Ok(())
    }

    /// Inserts an element after the one here, which it stays at; behind the last it appends, and
    /// stays behind the last.
    ///
    /// # Errors
    ///
    /// As [`Buf::push_front`].
    pub fn insert_after(&mut self, value: Value<'_>) -> Result<(), TooLarge> {
        let next = self.list.next_of(self.at);
        if next == self.at {
            return self.insert_before(value);
        }
        F::insert(self.list, next, value)
    }

    /// Puts another element in place of the one here, which it stays at; false behind the last,
    /// where there is none.
    ///
    /// # Errors
    ///
    /// As [`Buf::push_front`].
    pub fn replace(&mut self, value: Value<'_>) -> Result<bool, TooLarge> {
        let next = self.list.next_of(self.at);
        if next == self.at {
            return Ok(false);
        }
        F::replace(self.list, self.at, next, value)?;
        Ok(true)
    }

    /// Removes the element here and those after it, `count` in all or as many as there are, and
    /// comes to stand at the one behind them; how many it has removed.
    pub fn remove(&mut self, count: usize) -> usize {
        let mut behind = self.rest();
        let removed = behind.by_ref().take(count).count();
        let end = behind.position();
        F::remove(self.list, self.at, end, removed);
        removed
    }

    /// The elements from the one here on.
    fn rest(&self) -> Iter<'_, F> {
        Iter::at(&self.list.bytes, self.at)
    }
}
