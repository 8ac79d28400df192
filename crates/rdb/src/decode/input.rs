//! The bytes at hand, and why reading them can halt.

use crate::{Error, Fault, length, packed::Broken};

/// Why a step could not be done.
#[derive(Debug)]
pub(crate) enum Halt {
    /// `unread` must be this long first.
    Missing(usize),
    /// The input is refused. The key is filled in by the decoder.
    Failed(Box<Error>),
}

impl Halt {
    #[cold]
    pub(crate) fn fault(offset: u64, fault: Fault) -> Self {
        Self::Failed(Box::new(Error::Malformed { offset, key: None, type_byte: None, fault }))
    }

    #[cold]
    pub(crate) fn limit(offset: u64, name: &'static str, value: u64, max: u64) -> Self {
        Self::Failed(Box::new(Error::Limit {
            offset,
            key: None,
            type_byte: None,
            name,
            value,
            max,
        }))
    }

    /// A packed value whose first byte stands at `offset` is broken.
    #[cold]
    pub(crate) fn broken(offset: u64, broken: Broken) -> Self {
        Self::fault(offset + broken.at as u64, broken.fault)
    }
}

/// The unread bytes and how far this call has come.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    /// Everything before is done with.
    pub(crate) at: usize,
    /// Offset of `bytes` in the file.
    base: u64,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8], base: u64) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Offset in the file of what stands at `at`.
    #[inline]
    pub(crate) fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Result<u8, Halt> {
        self.bytes.get(at).copied().ok_or(Halt::Missing(at + 1))
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Halt> {
        crate::packed::array(self.bytes, at).ok_or(Halt::Missing(at.saturating_add(N)))
    }

    /// What stands from `at` on, which may be nothing.
    #[inline]
    pub(crate) fn from(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// The `len` bytes at `at`.
    #[inline]
    pub(crate) fn slice(&self, at: usize, len: usize) -> Result<&'a [u8], Halt> {
        let end = at.saturating_add(len);
        self.bytes.get(at..end).ok_or(Halt::Missing(end))
    }

    /// The number at `at`, and where it ends.
    #[inline]
    pub(crate) fn number(&self, at: usize) -> Result<(u64, usize), Halt> {
        match length::decode_number(self.from(at)) {
            Ok(Some((number, size))) => Ok((number, at + size)),
            Ok(None) => Err(self.one_more()),
            Err(fault) => Err(Halt::fault(self.offset(at), fault)),
        }
    }

    /// At least a byte more is missing.
    pub(crate) fn one_more(&self) -> Halt {
        Halt::Missing(self.bytes.len() + 1)
    }
}
