//! What the last request looked like, to know the next one at a glance when it looks the same.
//!
//! Behind a header one only knows where the next header is once the first is read: that chain, not
//! the bytes, is what decoding costs. A client that pipelines sends requests of one shape, though
//! (the same lengths, other bytes), and whether a request has a known shape can be asked of all its
//! headers at once.

use crate::request::Span;

/// Arguments of a request that is remembered, at most.
const ARGS: usize = 8;

/// Bytes that a header is compared in: with the line end before it, a length of three digits.
const WORD: usize = size_of::<u64>();

/// Requests that go by before another shape is remembered, once one was not met again: where
/// lengths change all the time, looking for a shape costs more than it spares.
const PAUSE: u32 = 32;

/// The headers of a request: those in which another is the same has its arguments at the same
/// places.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Bytes of the request; 0 when none is remembered.
    len: usize,
    args: usize,
    headers: [Header; ARGS],
    pause: u32,
}

/// A header, and what else stands in the word that begins where it does, masked out.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    at: usize,
    bits: u64,
    mask: u64,
}

impl Header {
    /// The bytes from `at` to `end`, which are at most a word.
    fn new(bytes: &[u8], at: usize, end: usize) -> Option<Self> {
        let unused = WORD.checked_sub(end - at)?;
        let mask = u64::MAX.checked_shr(8 * unused as u32)?;
        Some(Self { at, bits: word(bytes, at)? & mask, mask })
    }
}

impl Shape {
    /// Whether `bytes` begin with a whole request of this shape; the length of that.
    #[inline]
    pub(crate) fn matches(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let request = bytes.get(..self.len)?;
        let mut differing = 0;
        for header in &self.headers[..self.args.min(ARGS)] {
            differing |= (word(request, header.at)? ^ header.bits) & header.mask;
        }
        if differing == 0 && request.ends_with(b"\r\n") {
            return Some(self.len);
        }
        self.len = 0;
        self.pause = PAUSE;
        None
    }

    /// Remembers the request in `bytes`, which has these arguments and only short headers.
    #[inline]
    pub(crate) fn learn(&mut self, bytes: &[u8], args: &[Span]) {
        if self.pause > 0 {
            self.pause -= 1;
        } else {
            self.remember(bytes, args);
        }
    }

    fn remember(&mut self, bytes: &[u8], args: &[Span]) {
        let Some(last) = args.last().filter(|_| args.len() <= ARGS) else { return };
        let mut at = 0;
        for (header, arg) in self.headers.iter_mut().zip(args) {
            let Some(found) = Header::new(bytes, at, arg.start) else {
                self.pause = PAUSE;
                return;
            };
            *header = found;
            at = arg.end;
        }
        self.args = args.len();
        self.len = last.end + 2;
    }

    /// Forgets the request: what it was allowed by has changed.
    pub(crate) fn forget(&mut self) {
        self.len = 0;
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at.checked_add(WORD)?)?;
    word.try_into().ok().map(u64::from_le_bytes)
}
