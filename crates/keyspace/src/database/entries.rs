//! [`Entries`]: the entries of some slots that are kept in one piece, in pages.

use std::ops::{Index, IndexMut};

use super::Entry;

/// Entries of a page of memory, which is allocated for all of them.
const PAGE: usize = 64;

/// The first page begins with room for so many, for databases of few keys.
const FIRST: usize = 4;

/// A list of entries that are never moved for others to come, and without gaps.
///
/// A list for each slot would grow through the same sizes at the same time as those of all slots, and
/// leave pages of each size behind with little in use: a tenth of what small collections take.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    /// All full but the last one, which is not empty.
    pages: Vec<Vec<Entry>>,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&Entry> {
        self.pages.get(at / PAGE)?.get(at % PAGE)
    }

    /// Adds one behind the others; answers where it is.
    pub(super) fn push(&mut self, entry: Entry) -> usize {
        let at = self.len();
        if at.is_multiple_of(PAGE) {
            let room = if at == 0 { FIRST } else { PAGE };
            self.pages.push(Vec::with_capacity(room));
        }
        if let Some(last) = self.pages.last_mut() {
            if last.len() == last.capacity() {
                last.reserve_exact(last.len().min(PAGE - last.len()));
            }
            last.push(entry);
        }
        at
    }

    /// Takes one out; the last one fills the gap.
    ///
    /// # Panics
    ///
    /// If there is none at that place.
    pub(super) fn swap_remove(&mut self, at: usize) -> Entry {
        let last = self.pages.last_mut().and_then(Vec::pop).expect("an entry is in a page");
        if self.pages.last().is_some_and(Vec::is_empty) {
            self.pages.pop();
            if self.pages.len() * 4 <= self.pages.capacity() {
                self.pages.shrink_to(self.pages.len() * 2);
            }
        }
        if at == self.len() { last } else { std::mem::replace(&mut self[at], last) }
    }
}

impl Index<usize> for Entries {
    type Output = Entry;

    #[inline]
    fn index(&self, at: usize) -> &Entry {
        &self.pages[at / PAGE][at % PAGE]
    }
}

impl IndexMut<usize> for Entries {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut Entry {
        &mut self.pages[at / PAGE][at % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Str, Value};

    fn entry(number: usize) -> Entry {
        Entry::new(number.to_string().as_bytes(), Value::String(Str::new(b"value")), None, 0)
    }

    proptest! {
        /// Beside a plain list; and no memory is kept but for the last page.
        #[test]
        fn holds_what_a_list_holds(steps in proptest::collection::vec((0..5_usize, 0..1000_usize), 0..700)) {
            let (mut entries, mut twin) = (Entries::default(), Vec::new());
            for (number, (choice, at)) in steps.into_iter().enumerate() {
                // More come than go.
                if choice < 3 || twin.is_empty() {
                    prop_assert_eq!(entries.push(entry(number)), twin.len());
                    twin.push(entry(number));
                } else {
                    let at = at % twin.len();
                    let taken = entries.swap_remove(at);
                    prop_assert_eq!(taken.key, twin.swap_remove(at).key);
                }
                prop_assert_eq!(entries.len(), twin.len());
                let room: usize = entries.pages.iter().map(Vec::capacity).sum();
                prop_assert!(room < twin.len() + PAGE, "{} for {}", room, twin.len());
            }
            for (at, entry) in twin.iter().enumerate() {
                prop_assert_eq!(&entries[at].key, &entry.key);
                prop_assert_eq!(entries.get(at).map(|it| &it.key), Some(&entry.key));
            }
            prop_assert!(entries.get(twin.len()).is_none() && entries.get(usize::MAX).is_none());
        }
    }

    #[test]
    fn a_page_takes_a_page() {
        assert_eq!(PAGE * size_of::<Entry>(), 4096);
        let mut entries = Entries::default();
        for number in 0..PAGE + 1 {
            entries.push(entry(number));
        }
        let room: Vec<usize> = entries.pages.iter().map(Vec::capacity).collect();
        assert_eq!(room, [PAGE, PAGE]);
        (0..=PAGE).for_each(|_| drop(entries.swap_remove(0)));
        assert!(entries.pages.is_empty());
    }
}
