//! Editing a ziplist.

use super::{
    HEADER, ZiplistBuf, ZiplistFormat,
    element::{fill_payload, payload_size, previous_at, previous_size, write_previous},
    format::{note_last, step_back, tail},
};
use crate::packed::{
    TooLarge, Value, open_gap,
    sequence::{count, note, note_change},
};

impl ZiplistBuf {
    /// Length of the element in front of `at`, 0 when there is none.
    fn previous_of(&self, at: usize) -> usize {
        if at == HEADER {
            return 0;
        }
        step_back(&self.bytes, at).map_or(0, |previous| at - previous)
    }

    /// The length in front of the element at `at`, and its bytes; 0 bytes at the end.
    fn field_of(&self, at: usize) -> (usize, usize) {
        if at == self.end() { (0, 0) } else { previous_at(&self.bytes, at).unwrap_or((0, 0)) }
    }

    /// Inserts an element at `at`, and brings what stands behind it up to date.
    pub(super) fn insert(&mut self, at: usize, value: Value<'_>) -> Result<(), TooLarge> {
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
        note_last(&mut self.bytes, last);
        note_change::<ZiplistFormat>(&mut self.bytes, 1);
        if new != old {
            self.cascade(at + size);
        }
        Ok(())
    }

    /// Removes the elements from `start` to `end`, `removed` in number.
    pub(super) fn remove(&mut self, start: usize, end: usize, removed: usize) {
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
        note_last(&mut self.bytes, last);
        note_change::<ZiplistFormat>(&mut self.bytes, -(removed as i64));
        if new != old {
            self.cascade(start);
        }
    }

    /// Puts another value into the element from `at` to `next`.
    pub(super) fn replace(
        &mut self,
        at: usize,
        next: usize,
        value: Value<'_>,
    ) -> Result<(), TooLarge> {
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
        let count = count::<ZiplistFormat>(&self.bytes);
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
        note_last(&mut self.bytes, tail + 4 * moved);
        note::<ZiplistFormat>(&mut self.bytes, count);
    }
}
