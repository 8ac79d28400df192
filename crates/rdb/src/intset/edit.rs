//! An intset of one's own, edited in its place.

use super::{HEADER, Intset, encode, read, width_of, write};
use crate::packed::{Broken, TooLarge, open_gap};

/// An intset that can be edited, in one piece of memory: at any time its bytes are those that a
/// server has after the same `SADD` and `SREM`.
///
/// An edit moves the members behind its place and allocates only where the memory must grow. A
/// member that is wider than all before makes all of them as wide.
///
/// ```
/// use redwire_rdb::intset::IntsetBuf;
///
/// let mut set = IntsetBuf::new();
/// assert_eq!(set.insert(5), Ok(true));
/// assert_eq!(set.insert(-70_000), Ok(true));
/// assert_eq!(set.view().width(), 4);
/// assert!(set.remove(5) && !set.remove(5));
/// assert_eq!(set.view().iter().collect::<Vec<_>>(), [-70_000]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IntsetBuf {
    /// Header and members, always whole.
    bytes: Vec<u8>,
}

impl IntsetBuf {
    /// Most bytes that it can have: 4 GiB - 1.
    pub const MAX_BYTES: u64 = u32::MAX as u64;

    /// An empty set. A file cannot hold that: reading its bytes is an error.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = Vec::new();
        encode(&mut bytes, &[]);
        Self { bytes }
    }

    /// Takes bytes that are an intset, checked as by [`Intset::new`].
    ///
    /// # Errors
    ///
    /// As [`Intset::new`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Broken> {
        Intset::new(&bytes)?;
        Ok(Self { bytes })
    }

    /// Its members, to read.
    #[must_use]
    pub fn view(&self) -> Intset<'_> {
        Intset::trusted(&self.bytes)
    }

    /// All bytes, header among them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, to keep.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Puts a member in; false when it is one already.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] when it would have more than [`MAX_BYTES`](Self::MAX_BYTES); nothing is changed
    /// then.
    pub fn insert(&mut self, member: i64) -> Result<bool, TooLarge> {
        let Err(index) = self.view().position(member) else { return Ok(false) };
        let (width, count) = (self.view().width(), self.view().len());
        let wide = width_of(member).max(width);
        TooLarge::check(HEADER + wide * (count + 1), Self::MAX_BYTES)?;
        if wide > width {
            self.widen(width, wide, count);
        }
        let at = HEADER + index * wide;
        open_gap(&mut self.bytes, at, 0, wide);
        write(&mut self.bytes, at, wide, member);
        self.note(count + 1);
        Ok(true)
    }

    /// Takes a member out; false when it is none.
    pub fn remove(&mut self, member: i64) -> bool {
        let Ok(index) = self.view().position(member) else { return false };
        let (width, count) = (self.view().width(), self.view().len());
        open_gap(&mut self.bytes, HEADER + index * width, width, 0);
        self.note(count - 1);
        true
    }

    /// Gives back the memory that edits have not used.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Makes all members `wide` bytes, from the last on, so that none is overwritten unread.
    fn widen(&mut self, width: usize, wide: usize, count: usize) {
        self.bytes.resize(HEADER + wide * count, 0);
        for index in (0..count).rev() {
            // The members are there: their number was counted.
            let member = read(&self.bytes, HEADER + index * width, width).unwrap_or_default();
            write(&mut self.bytes, HEADER + index * wide, wide, member);
        }
        self.bytes[..4].copy_from_slice(&(wide as u32).to_le_bytes());
    }

    fn note(&mut self, count: usize) {
        self.bytes[4..HEADER].copy_from_slice(&(count as u32).to_le_bytes());
    }
}

impl Default for IntsetBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Intset<'_>> for IntsetBuf {
    fn from(set: Intset<'_>) -> Self {
        Self { bytes: set.as_bytes().to_vec() }
    }
}
