//! [`Pack`]: a few byte strings in one allocation, the form of small collections.

use std::fmt;
use std::iter::FusedIterator;
use std::mem;
use std::ops::Range;

use crate::Blob;
use crate::cpu::prefetch;

/// The most bytes of a pack. A write copies it whole, and a search walks it.
pub(crate) const PACK_BYTES: usize = 1024;

/// The most byte strings in a pack.
pub(crate) const PACK_ITEMS: usize = 128;

/// Lengths below it take one byte, others two: this and their upper bits, then their lower ones.
const LONG: usize = 240;

// The upper bits of a length are what is left of a byte; the count is a byte.
const _: () = assert!(PACK_BYTES >> 8 <= 0xff - LONG && PACK_ITEMS <= 0xff);

/// Up to [`PACK_ITEMS`] byte strings one after the other, in [`PACK_BYTES`] at most: their number
/// in a byte, then each with its length before it. Without any it owns no memory.
///
/// What would make it larger is refused, and its owner turns to a [`Tree`](crate::tree::Tree). A clone
/// is a copy: it is small.
#[derive(Clone, Default)]
pub(crate) struct Pack(Box<[u8]>);

impl Pack {
    /// A pack of `items`, unless they are too many or too long.
    pub(crate) fn of<'a>(items: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        let (mut count, mut bytes) = (0, 1);
        for item in items.clone() {
            count += 1;
            bytes += item_bytes(item);
            if !is_fit(count, bytes) {
                return None;
            }
        }
        if count == 0 {
            return Some(Self::default());
        }
        let mut packed = vec![0; bytes].into_boxed_slice();
        // At most PACK_ITEMS, so it fits.
        packed[0] = count as u8;
        items.fold(1, |place, item| put(&mut packed, place, item));
        Some(Self(packed))
    }

    /// How many byte strings.
    pub(crate) fn len(&self) -> usize {
        self.0.first().map_or(0, |count| usize::from(*count))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that it has allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.len()
    }

    /// Has what a search reads first brought in: most packs are in two cache lines.
    pub(crate) fn touch(&self) -> Option<u8> {
        prefetch(self.0.first()?);
        prefetch(self.0.get(64)?);
        None
    }

    pub(crate) fn iter(&self) -> Items<'_> {
        Items { pack: &self.0, next: self.start(), left: self.len() }
    }

    /// Where the first of them begins.
    pub(crate) fn start(&self) -> usize {
        usize::from(!self.is_empty())
    }

    /// Where the last of them ends.
    pub(crate) fn end(&self) -> usize {
        self.0.len()
    }

    /// Where the byte strings of a range of indices stand, which must not be beyond the length.
    pub(crate) fn span(&self, range: Range<usize>) -> Range<usize> {
        let mut items = self.iter();
        items.by_ref().take(range.start).for_each(drop);
        let start = items.place();
        items.by_ref().take(range.len()).for_each(drop);
        start..items.place()
    }

    /// Where the group of `N` byte strings stands that begins with `first`, and the group: a set is
    /// made of groups of one, a hash of groups of two.
    pub(crate) fn find<const N: usize>(&self, first: &[u8]) -> Option<(Range<usize>, [&[u8]; N])> {
        let mut items = self.iter();
        loop {
            let start = items.place();
            let mut group = [&[][..]; N];
            for part in &mut group {
                *part = items.next()?;
            }
            if group.first() == Some(&first) {
                return Some((start..items.place(), group));
            }
        }
    }

    /// Puts `new` in the place of the `old` byte strings that stand at `span`; answers whether it did:
    /// nothing changes where that would be more than a pack holds.
    #[must_use]
    pub(crate) fn replace(&mut self, span: Range<usize>, old: usize, new: &[&[u8]]) -> bool {
        let count = self.len() - old + new.len();
        let added: usize = new.iter().copied().map(item_bytes).sum();
        let bytes = self.0.len().max(1) - span.len() + added;
        if !is_fit(count, bytes) {
            return false;
        }
        if count == 0 {
            *self = Self::default();
            return true;
        }
        let span = if self.is_empty() { 1..1 } else { span };
        let mut packed = mem::take(&mut self.0).into_vec();
        let old_bytes = packed.len().max(1);
        if bytes > packed.len() {
            packed.reserve_exact(bytes - packed.len());
            packed.resize(bytes, 0);
        }
        packed.copy_within(span.end..old_bytes, span.start + added);
        new.iter().fold(span.start, |place, item| put(&mut packed, place, item));
        packed[0] = count as u8;
        packed.truncate(bytes);
        // Of the same size it is the same memory.
        self.0 = packed.into_boxed_slice();
        true
    }

    /// Puts one in before the byte string at `index`; answers whether there is room for it.
    #[must_use]
    pub(crate) fn insert(&mut self, index: usize, item: &[u8]) -> bool {
        let place = if index == self.len() { self.end() } else { self.span(0..index).end };
        self.replace(place..place, 0, &[item])
    }

    /// Takes out the byte string at `index`, if there is one.
    pub(crate) fn take(&mut self, index: usize) -> Option<Blob> {
        self.take_seen(index, |item| Blob::from(item))
    }

    /// Takes out the byte string at `index`, if there is one; answers what `see` makes of it.
    pub(crate) fn take_seen<T>(&mut self, index: usize, see: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let mut items = self.iter();
        items.by_ref().take(index).for_each(drop);
        let start = items.place();
        let seen = see(items.next()?);
        let span = start..items.place();
        self.remove(span, 1);
        Some(seen)
    }

    /// Keeps the first `at` byte strings and returns the others.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.len());
        let tail = self.part(self.iter().skip(at));
        *self = self.part(self.iter().take(at));
        tail
    }

    /// The pack of some of its own byte strings.
    pub(crate) fn part<'a>(&'a self, items: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let part = Self::of(items);
        debug_assert!(part.is_some(), "less always fits");
        part.unwrap_or_default()
    }

    /// Takes out the `count` byte strings that stand at `span`.
    pub(crate) fn remove(&mut self, span: Range<usize>, count: usize) {
        let is_done = self.replace(span, count, &[]);
        debug_assert!(is_done, "less always fits");
    }
}

/// Whether no two of `names` are equal.
pub(crate) fn are_distinct<'a>(names: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut names: Vec<&[u8]> = names.collect();
    names.sort_unstable();
    names.is_sorted_by(|a, b| a < b)
}

fn is_fit(count: usize, bytes: usize) -> bool {
    count <= PACK_ITEMS && bytes <= PACK_BYTES
}

/// What an item takes, its length included.
fn item_bytes(item: &[u8]) -> usize {
    item.len() + if item.len() < LONG { 1 } else { 2 }
}

/// Writes an item, which is shorter than [`PACK_BYTES`], at a place; answers where it ends.
#[inline]
fn put(packed: &mut [u8], place: usize, item: &[u8]) -> usize {
    let len = item.len();
    let start = place + item_bytes(item) - len;
    if len < LONG {
        packed[place] = len as u8;
    } else {
        packed[place..start].copy_from_slice(&[(LONG + (len >> 8)) as u8, len as u8]);
    }
    packed[start..start + len].copy_from_slice(item);
    start + len
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(<[u8]>::escape_ascii)).finish()
    }
}

/// The byte strings of a [`Pack`] in order.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    pack: &'a [u8],
    /// Where the next one begins.
    next: usize,
    left: usize,
}

impl Items<'_> {
    /// Where the next one begins, or the last one ended: for [`Pack::replace`].
    #[inline]
    pub(crate) fn place(&self) -> usize {
        self.next
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let first = usize::from(*self.pack.get(self.next)?);
        let (start, len) = if first < LONG {
            (self.next + 1, first)
        } else {
            (self.next + 2, (first - LONG) << 8 | usize::from(self.pack[self.next + 1]))
        };
        self.next = start + len;
        self.left -= 1;
        Some(&self.pack[start..self.next])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_> {}
impl FusedIterator for Items<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lengths around each bound: of a short length, and of a pack.
    fn item() -> impl Strategy<Value = Vec<u8>> {
        let len = prop_oneof![8 => 0_usize..30, 1 => 235_usize..260, 1 => 500_usize..530, 1 => 1015_usize..1030];
        (any::<u8>(), len).prop_map(|(byte, len)| vec![byte; len])
    }

    fn seen(pack: &Pack) -> Vec<Vec<u8>> {
        pack.iter().map(<[u8]>::to_vec).collect()
    }

    fn slices(items: &[Vec<u8>]) -> Vec<&[u8]> {
        items.iter().map(Vec::as_slice).collect()
    }

    /// Whether a pack takes them, by its words.
    fn is_small(items: &[Vec<u8>]) -> bool {
        let bytes: usize = items.iter().map(|it| it.len() + 1 + usize::from(it.len() >= 240)).sum();
        items.len() <= 128 && bytes < 1024
    }

    proptest! {
        #[test]
        fn a_pack_is_a_vector_of_byte_strings(
            steps in proptest::collection::vec(
                (any::<usize>(), 0_usize..3, proptest::collection::vec(item(), 0..6)),
                0..60,
            ),
        ) {
            let (mut pack, mut naive) = (Pack::default(), Vec::new());
            for (start, old, new) in steps {
                let start = start % (naive.len() + 1);
                let end = naive.len().min(start + old);
                let mut wanted = naive.clone();
                wanted.splice(start..end, new.iter().cloned());
                let span = pack.span(start..end);
                let does = pack.replace(span, end - start, &slices(&new));
                prop_assert_eq!(does, is_small(&wanted));
                if does {
                    naive = wanted;
                }
                prop_assert_eq!(seen(&pack), naive.clone());
                prop_assert_eq!((pack.len(), pack.iter().len()), (naive.len(), naive.len()));
                prop_assert_eq!(pack.is_empty(), naive.is_empty());
                prop_assert_eq!(pack.iter().nth(start), naive.get(start).map(Vec::as_slice));
                let found = naive.iter().position(|it| Some(it) == naive.get(start));
                let found = found.map(|at| (pack.span(at..at + 1), [naive[at].as_slice()]));
                let wanted = naive.get(start).map_or(&b"no such"[..], Vec::as_slice);
                prop_assert_eq!(pack.find(wanted), found);
                let mut rest = naive.clone();
                let taken = (start < rest.len()).then(|| rest.remove(start));
                let mut less = pack.clone();
                prop_assert_eq!(less.take(start).map(|it| it.to_vec()), taken);
                prop_assert_eq!(seen(&less), rest);
                let mut head = pack.clone();
                let tail = head.split_off(start);
                let cut = start.min(naive.len());
                prop_assert_eq!((seen(&head), seen(&tail)), (naive[..cut].to_vec(), naive[cut..].to_vec()));
                let again = Pack::of(slices(&naive).into_iter());
                prop_assert_eq!(again.map(|it| it.0), Some(pack.0.clone()));
            }
        }

        #[test]
        fn what_is_too_much_is_refused(items in proptest::collection::vec(item(), 0..200)) {
            let pack = Pack::of(slices(&items).into_iter());
            prop_assert_eq!(pack.is_some(), is_small(&items));
            prop_assert!(pack.is_none_or(|pack| seen(&pack) == items));
        }
    }
}
