//! Where the parts of a value lie, gathered event by event.

use crate::{Event, Kind, decode::Prints};

/// Where a string lies: in the input, counted from the first byte of its entry, or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// With [`HELD`] set, a place in what is held.
    start: u64,
    len: u64,
}

const HELD: u64 = 1 << 63;

/// The parts of one value and its key. Its memory is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Of a hash two for each field; else one for each part.
    pub(super) places: Vec<Place>,
    /// Of each member of a sorted set.
    pub(super) scores: Vec<f64>,
    /// Of each field of a hash; empty when none expires.
    pub(super) expiries: Vec<Option<u64>>,
    key: Option<Place>,
    /// Strings that are not in the input as they are.
    held: Vec<u8>,
}

/// What is kept from one value to the next, at most.
const KEPT_BYTES: usize = 1 << 20;

impl Collected {
    /// Forgets the value before.
    pub(super) fn clear(&mut self) {
        clear(&mut self.places);
        clear(&mut self.scores);
        clear(&mut self.expiries);
        clear(&mut self.held);
        self.key = None;
    }

    /// Takes note of the key, which lies in `unread` or not.
    #[inline]
    pub(super) fn key(&mut self, unread: &[u8], key: &[u8]) {
        self.clear();
        self.key = Some(self.place(unread, key));
    }

    /// Takes a part of the value.
    #[inline]
    pub(super) fn part(&mut self, unread: &[u8], event: &Event<'_>) {
        match *event {
            Event::String(bytes) | Event::Element(bytes) | Event::Opaque { body: bytes, .. } => {
                self.push(unread, bytes);
            }
            Event::Scored(member, score) => {
                self.push(unread, member);
                self.scores.push(score);
            }
            Event::Field { field, value, expires_ms } => {
                if expires_ms.is_some() || !self.expiries.is_empty() {
                    self.expiries.resize(self.places.len() / 2, None);
                    self.expiries.push(expires_ms);
                }
                self.push(unread, field);
                self.push(unread, value);
            }
            _ => {}
        }
    }

    /// Removes members and fields of a name that came before; how many those were.
    pub(super) fn remove_duplicates(&mut self, unread: &[u8], kind: Kind) -> u64 {
        let each = match kind {
            Kind::Set | Kind::Zset => 1,
            Kind::Hash => 2,
            Kind::String | Kind::List | Kind::Stream | Kind::Opaque => return 0,
        };
        let mut seen = Prints::default();
        let (mut kept, count) = (0, self.places.len() / each);
        for index in 0..count {
            let name = self.get(unread, self.places[index * each]);
            if !seen.insert(0, name) {
                continue;
            }
            self.places.copy_within(index * each..(index + 1) * each, kept * each);
            if let Some(&score) = self.scores.get(index) {
                self.scores[kept] = score;
            }
            if let Some(&expiry) = self.expiries.get(index) {
                self.expiries[kept] = expiry;
            }
            kept += 1;
        }
        self.places.truncate(kept * each);
        self.scores.truncate(kept);
        self.expiries.truncate(kept);
        (count - kept) as u64
    }

    /// The bytes at a place.
    #[inline]
    pub(super) fn get<'a>(&'a self, unread: &'a [u8], place: Place) -> &'a [u8] {
        let (bytes, start) = match place.start & HELD {
            0 => (unread, place.start),
            _ => (&self.held[..], place.start & !HELD),
        };
        let (start, len) = (start as usize, place.len as usize);
        bytes.get(start..start + len).unwrap_or_default()
    }

    /// The key's bytes.
    #[inline]
    pub(super) fn key_of<'a>(&'a self, unread: &'a [u8]) -> &'a [u8] {
        self.key.map_or(b"", |key| self.get(unread, key))
    }

    #[inline]
    fn push(&mut self, unread: &[u8], bytes: &[u8]) {
        let place = self.place(unread, bytes);
        self.places.push(place);
    }

    #[inline]
    fn place(&mut self, unread: &[u8], bytes: &[u8]) -> Place {
        let len = bytes.len() as u64;
        // Where `bytes` is a part of `unread`, the distance is its place there.
        let start = bytes.as_ptr().addr().wrapping_sub(unread.as_ptr().addr());
        if start.checked_add(bytes.len()).is_some_and(|end| end <= unread.len()) {
            return Place { start: start as u64, len };
        }
        let start = self.held.len() as u64 | HELD;
        self.held.extend_from_slice(bytes);
        Place { start, len }
    }
}

fn clear<T>(kept: &mut Vec<T>) {
    kept.clear();
    if kept.capacity() * size_of::<T>() > KEPT_BYTES {
        *kept = Vec::new();
    }
}
