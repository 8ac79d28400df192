//! A request's arguments: borrowed where they were read, or packed in one owned buffer.

use alloc::vec::Vec;

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Index;
use core::slice;

/// Where an argument lies in its request's buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A request: the command's name and its arguments, borrowed.
///
/// From a decoder it has at least one argument; only that of an empty [`RequestBuf`] has none.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    buf: &'a [u8],
    args: &'a [Span],
}

impl<'a> Request<'a> {
    pub(crate) fn new(buf: &'a [u8], args: &'a [Span]) -> Self {
        Self { buf, args }
    }

    /// Number of arguments, the command's name included: what Redis calls argc.
    #[must_use]
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// Whether there is not even a name: only for the request of an empty [`RequestBuf`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// The argument at `i`, where 0 is the command's name.
    #[must_use]
    pub fn arg(&self, i: usize) -> Option<&'a [u8]> {
        let span = self.args.get(i)?;
        Some(&self.buf[span.start..span.end])
    }

    /// The command's name as the client wrote it; empty if there is none.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.arg(0).unwrap_or_default()
    }

    /// All arguments, the name first.
    #[must_use]
    pub fn iter(&self) -> Args<'a> {
        Args { buf: self.buf, spans: self.args.iter() }
    }
}

impl Index<usize> for Request<'_> {
    type Output = [u8];

    /// The argument at `i`.
    ///
    /// # Panics
    /// If `i >= self.len()`.
    fn index(&self, i: usize) -> &[u8] {
        let span = self.args[i];
        &self.buf[span.start..span.end]
    }
}

impl<'a> IntoIterator for Request<'a> {
    type Item = &'a [u8];
    type IntoIter = Args<'a>;

    fn into_iter(self) -> Args<'a> {
        self.iter()
    }
}

impl PartialEq for Request<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Request<'_> {}

/// Arguments with anything unprintable escaped, as in `["SET", "key", "\xff"]`.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Printable)).finish()
    }
}

/// Bytes shown as an escaped string.
pub(crate) struct Printable<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Iterator over a request's arguments.
#[derive(Clone)]
pub struct Args<'a> {
    buf: &'a [u8],
    spans: slice::Iter<'a, Span>,
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let span = self.spans.next()?;
        Some(&self.buf[span.start..span.end])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<&'a [u8]> {
        let span = self.spans.nth(n)?;
        Some(&self.buf[span.start..span.end])
    }
}

impl DoubleEndedIterator for Args<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let span = self.spans.next_back()?;
        Some(&self.buf[span.start..span.end])
    }
}

impl ExactSizeIterator for Args<'_> {}
impl FusedIterator for Args<'_> {}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(Printable)).finish()
    }
}

/// A request that owns its arguments, packed in one buffer: for transactions that wait for EXEC,
/// effects to propagate, tests. Reused as a builder it keeps its memory.
///
/// ```
/// use redwire_resp::RequestBuf;
///
/// let mut request = RequestBuf::from_args(["SET", "key", "value"]);
/// assert_eq!(request.as_request().name(), b"SET");
/// request.clear();
/// request.push_arg(b"DEL");
/// request.push_arg(b"key");
/// assert_eq!(request.as_request().len(), 2);
/// ```
#[derive(Clone, Default)]
pub struct RequestBuf {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl RequestBuf {
    /// No argument yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), spans: Vec::new() }
    }

    /// A request of these arguments, the command's name first.
    pub fn from_args(args: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut request = Self::new();
        for arg in args {
            request.push_arg(arg);
        }
        request
    }

    /// Adds an argument; the first is the command's name.
    pub fn push_arg(&mut self, arg: impl AsRef<[u8]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(arg.as_ref());
        self.spans.push(Span { start, end: self.bytes.len() });
    }

    /// Drops all arguments and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// The same request, borrowed.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        Request::new(&self.bytes, &self.spans)
    }

    /// Number of arguments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether no argument was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of all arguments together, without framing: what Redis counts for a queued command.
    #[must_use]
    pub fn args_len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory that it holds, beyond its own size.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

impl From<Request<'_>> for RequestBuf {
    fn from(request: Request<'_>) -> Self {
        let bytes = request.iter().map(<[u8]>::len).sum();
        let mut owned =
            Self { bytes: Vec::with_capacity(bytes), spans: Vec::with_capacity(request.len()) };
        for arg in request {
            owned.push_arg(arg);
        }
        owned
    }
}

impl PartialEq for RequestBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_request() == other.as_request()
    }
}

impl Eq for RequestBuf {}

impl fmt::Debug for RequestBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_request().fmt(f)
    }
}
