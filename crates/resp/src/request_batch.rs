//! [`RequestBatch`]: several requests that stand in one buffer, decoded together.

use alloc::vec::Vec;
use core::ops::Range;

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

    /// The requests from `first` on, as [`get`](Self::get) answers them.
    ///
    /// # Panics
    /// If `unread` is shorter than what was decoded.
    #[inline]
    pub fn iter_from<'a>(
        &'a self,
        first: usize,
        unread: &'a [u8],
    ) -> impl Iterator<Item = Request<'a>> {
        let requests = self.requests.get(first..).unwrap_or_default();
        requests.iter().map(|Whole { bytes, args }| {
            Request::new(&unread[bytes.start..bytes.end], &self.args[args.start..args.end])
        })
    }

    /// How many bytes the requests in `range` take.
    #[must_use]
    pub fn bytes(&self, range: Range<usize>) -> usize {
        let requests = self.requests.get(range).unwrap_or_default();
        let ends = requests.first().zip(requests.last());
        ends.map_or(0, |(first, last)| last.bytes.end - first.bytes.start)
    }

    /// Adds a request whose arguments are at a place where [`add_args`](Self::add_args) put them.
    #[inline]
    pub(crate) fn push(&mut self, start: usize, end: usize, args: Span) {
        self.requests.push(Whole { bytes: Span { start, end }, args });
    }

    /// Adds arguments, for one request or for several that have the same; answers where they are.
    #[inline]
    pub(crate) fn add_args(&mut self, args: &[Span]) -> Span {
        let start = self.args.len();
        self.args.extend_from_slice(args);
        Span { start, end: self.args.len() }
    }
}
