//! [`Chunks`]: the bytes that records are kept in, some thousand at a time.

use std::ops::{Index, IndexMut};

use super::{CHUNK, FIRST, STEP};
use crate::cpu::prefetch;

/// Chunks that are found without a look anywhere else: most slots have no more, and each look is at
/// another line of the cache, on another page.
pub(super) const HERE: usize = 2;

/// The chunks of an arena, by their numbers. The first ones are always there, empty or not.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Chunks {
    // In this order they stand in the first line of a table, and in the second.
    first: Chunk,
    rest: Vec<Chunk>,
    second: Chunk,
}

/// Bytes of records, one behind the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    /// With room for more.
    pub(super) bytes: Box<[u8]>,
    /// How many of them are filled.
    len: u16,
    /// How many are of records that are not freed.
    pub(super) live: u16,
}

const _: () = assert!(size_of::<Chunk>() == 24 && CHUNK <= u16::MAX as usize);

impl Chunks {
    /// Chunks of which each is vacant, and the first one names the second, that one none.
    pub(super) fn vacant(none: u32) -> Self {
        let [first, second] = [1, none].map(Chunk::vacant);
        Self { first, rest: Vec::new(), second }
    }

    pub(super) fn len(&self) -> usize {
        HERE + self.rest.len()
    }

    #[inline(always)]
    pub(super) fn get(&self, number: usize) -> Option<&Chunk> {
        match number {
            0 => Some(&self.first),
            1 => Some(&self.second),
            _ => self.rest.get(number - HERE),
        }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Chunk> {
        match number {
            0 => Some(&mut self.first),
            1 => Some(&mut self.second),
            _ => self.rest.get_mut(number - HERE),
        }
    }

    /// Adds an empty one behind the others.
    pub(super) fn push(&mut self) {
        if self.rest.len() == self.rest.capacity() {
            self.rest.reserve_exact(self.len() / 8 + 1);
        }
        self.rest.push(Chunk::default());
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Chunk> {
        (0..self.len()).filter_map(|number| self.get(number))
    }

    /// Has brought in where a chunk is, unless that stands here.
    #[inline]
    pub(super) fn prefetch(&self, number: usize) {
        if let Some(chunk) = number.checked_sub(HERE).and_then(|it| self.rest.get(it)) {
            prefetch(&chunk.live);
        }
    }

    /// Has the lines of its own fields brought in.
    #[inline]
    pub(super) fn prefetch_own(&self) {
        prefetch(&self.first.live);
        prefetch(&self.second.live);
    }
}

impl Index<usize> for Chunks {
    type Output = Chunk;

    #[inline(always)]
    fn index(&self, number: usize) -> &Chunk {
        self.get(number).expect("a place is in a chunk")
    }
}

impl IndexMut<usize> for Chunks {
    #[inline(always)]
    fn index_mut(&mut self, number: usize) -> &mut Chunk {
        self.get_mut(number).expect("a place is in a chunk")
    }
}

impl Chunk {
    /// One without bytes, which names another such chunk instead.
    pub(super) fn vacant(next: u32) -> Self {
        Self { bytes: Box::default(), len: (next >> u16::BITS) as u16, live: next as u16 }
    }

    /// The chunk that this one, which is vacant, names.
    pub(super) fn next_vacant(&self) -> u32 {
        u32::from(self.len) << u16::BITS | u32::from(self.live)
    }

    /// How many bytes are filled.
    pub(super) fn filled(&self) -> usize {
        usize::from(self.len)
    }

    /// Has `write` fill `len` more bytes, for which there is room in a chunk; answers where they begin.
    pub(super) fn append(&mut self, len: usize, write: impl FnOnce(&mut [u8])) -> usize {
        let (start, room) = (self.filled(), self.bytes.len());
        let end = start + len;
        if end > room {
            let grown = (room + room.clamp(FIRST, STEP)).max(end).min(CHUNK);
            let mut bytes = std::mem::take(&mut self.bytes).into_vec();
            bytes.reserve_exact(grown - room);
            bytes.resize(grown, 0);
            self.bytes = bytes.into_boxed_slice();
        }
        write(&mut self.bytes[start..end]);
        self.len += len as u16;
        self.live += len as u16;
        start
    }

    /// The bytes that are filled, taken out.
    pub(super) fn into_filled(self) -> Vec<u8> {
        let mut bytes = self.bytes.into_vec();
        bytes.truncate(usize::from(self.len));
        bytes
    }
}
