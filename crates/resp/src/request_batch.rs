//! [`RequestBatch`]: several requests that stand in one buffer, decoded together.

use alloc::vec::Vec;

use crate::request::{Request, Span};

/// Whole requests that stand one behind the other in a buffer, as
/// [`RequestDecoder::decode_ahead`](crate::RequestDecoder::decode_ahead) finds them.
///
/// It knows places, not bytes: the buffer is given to it again when a request is asked for. Used
/// again it keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct RequestBatch {
    requests: Vec<Whole>,
    /// The arguments of all of them, each counted from its request's first byte.
    args: Vec<Span>,
}

/// A request's bytes, from the buffer's first on, and its arguments in `args`.
#[derive(Clone, Copy, Debug)]
struct Whole {
    bytes: Span,
    args: Span,
}

impl RequestBatch {
    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Forgets all requests and keeps the memory.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.args.clear();
    }

    /// The request at `index`, if there are as many, and how many bytes it takes. `unread` is what
    /// was decoded.
    ///
    /// # Panics
    /// If `unread` is shorter than what was decoded.
    #[must_use]
    #[inline]
    pub fn get<'a>(&'a self, index: usize, unread: &'a [u8]) -> Option<(Request<'a>, usize)> {
        let Whole { bytes, args } = *self.requests.get(index)?;
        let request =
            Request::new(&unread[bytes.start..bytes.end], &self.args[args.start..args.end]);
        Some((request, bytes.end - bytes.start))
    }

    /// Adds a request whose arguments are `args`.
    #[inline]
    pub(crate) fn push(&mut self, start: usize, end: usize, args: &[Span]) {
        let first = self.args.len();
        self.args.extend_from_slice(args);
        let args = Span { start: first, end: self.args.len() };
        self.requests.push(Whole { bytes: Span { start, end }, args });
    }
}
