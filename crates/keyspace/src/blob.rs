//! [`Blob`]: an immutable byte string of 24 bytes, short ones inline.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Bytes that fit without an allocation.
const INLINE: usize = 22;

/// An immutable byte string: a key, a list element, a set member, a hash field or its value.
///
/// Up to 22 bytes live inside the 24-byte handle; longer ones are shared, so that a clone (which a
/// snapshot takes of every element of a touched chunk) never copies more than the handle.
#[derive(Clone)]
pub struct Blob(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

impl Blob {
    /// The empty string.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Inline { len: 0, bytes: [0; INLINE] })
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Shared(bytes) => bytes,
        }
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline { len, .. } => usize::from(*len),
            Repr::Shared(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The decimal form of `value`.
    #[must_use]
    pub fn from_integer(value: i64) -> Self {
        Self::from(itoa::Buffer::new().format(value).as_bytes())
    }

    /// The bytes as a shared piece: those of a long one are not copied.
    pub(crate) fn into_shared(self) -> Arc<[u8]> {
        match self.0 {
            Repr::Inline { len, bytes } => bytes[..usize::from(len)].into(),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The bytes of a shared piece: those of a long one are not copied.
    pub(crate) fn from_shared(bytes: Arc<[u8]>) -> Self {
        if bytes.len() <= INLINE { Self::from(&*bytes) } else { Self(Repr::Shared(bytes)) }
    }

    /// Bytes held outside the handle.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            // An `Arc<[u8]>` carries two counters before its bytes.
            Repr::Shared(bytes) => bytes.len() + 2 * size_of::<usize>(),
        }
    }
}

impl From<&[u8]> for Blob {
    fn from(value: &[u8]) -> Self {
        if value.len() <= INLINE {
            let mut bytes = [0; INLINE];
            bytes[..value.len()].copy_from_slice(value);
            // At most INLINE, so it fits.
            Self(Repr::Inline { len: value.len() as u8, bytes })
        } else {
            Self(Repr::Shared(value.into()))
        }
    }
}

impl From<Vec<u8>> for Blob {
    fn from(value: Vec<u8>) -> Self {
        Self::from(value.as_slice())
    }
}

impl Default for Blob {
    fn default() -> Self {
        Self::new()
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Borrow<[u8]> for Blob {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::ops::Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Blob {}

impl PartialOrd for Blob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Blob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for Blob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handle_is_three_words() {
        assert_eq!(size_of::<Blob>(), 24);
    }

    proptest! {
        #[test]
        fn holds_what_it_was_given(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let blob = Blob::from(bytes.as_slice());
            prop_assert_eq!(blob.as_slice(), bytes.as_slice());
            prop_assert_eq!(blob.len(), bytes.len());
            let shared = Blob::from_shared(blob.clone().into_shared());
            prop_assert_eq!(shared.heap_bytes(), blob.heap_bytes());
            prop_assert_eq!(shared.as_slice(), bytes.as_slice());
            prop_assert_eq!(blob.clone(), Blob::from(bytes));
        }
    }
}
