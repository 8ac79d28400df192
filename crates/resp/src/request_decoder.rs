//! The server's side: requests out of the bytes that a connection brought.

use alloc::vec::Vec;

use memchr::{memchr, memchr2};

use crate::error::RequestError;
use crate::inline;
use crate::limits::{ADDRESSABLE, Limits, Mode};
use crate::number::parse_i64;
use crate::request::{Request, Span};
use crate::request_batch::RequestBatch;
use crate::shape::{SHAPES, Shapes};

/// Bytes of memory for arguments' places, or for an inline request's text, that a decoder keeps
/// from one request to the next.
const KEPT_MEMORY: usize = 64 * 1024;

/// What one call of [`RequestDecoder::decode`] found.
#[derive(Clone, Copy, Debug)]
pub struct Decoded<'a> {
    /// Bytes at the start of `unread` that are done with: the request and any empty ones (`*0`,
    /// blank lines) before it. Not 0 without a request if only empty ones were there.
    pub used: usize,
    /// The request, or `None` if more bytes are needed.
    pub request: Option<Request<'a>>,
}

/// Decodes requests, arrays of bulk strings as well as inline ones, by the rules of Redis' and
/// Valkey's servers.
///
/// Arguments borrow from the caller's buffer (those of inline requests from the decoder). Incomplete
/// requests stay in that buffer; the decoder remembers how far it came, so that a byte is looked at
/// once however the bytes arrive. Memory grows with the bytes received, never with a number that a
/// client announced.
///
/// ```
/// use redwire_resp::{Limits, Mode, RequestDecoder};
///
/// let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
/// let received = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*1\r\n$4\r\nQU";
/// let mut unread = &received[..];
/// let mut names = Vec::new();
/// loop {
///     let decoded = decoder.decode(unread)?;
///     unread = &unread[decoded.used..];
///     let Some(request) = decoded.request else { break };
///     names.push(request.name().to_vec());
/// }
/// assert_eq!(names, [&b"GET"[..], b"PING"]);
/// assert_eq!(unread, b"*1\r\n$4\r\nQU");
/// assert_eq!(decoder.wanted(), 4); // "IT\r\n"
/// # Ok::<(), redwire_resp::RequestError>(())
/// ```
#[derive(Debug)]
pub struct RequestDecoder {
    mode: Mode,
    limits: Limits,
    authenticated: bool,
    /// Bytes before the request under way, since the connection's start.
    consumed: u64,
    state: State,
    /// Where the line or payload under way starts, from the request's first byte.
    pos: usize,
    /// Bytes from `pos` on known not to hold the end of the line under way.
    searched: usize,
    /// Whether a NUL hides the end of the line under way: it will never be found.
    hidden: bool,
    wanted: usize,
    args: Vec<Span>,
    /// What the last requests looked like.
    shapes: Shapes,
    /// The arguments of an inline request, unquoted.
    text: Vec<u8>,
    is_inline: bool,
}

/// What stands at `pos`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A request's first byte.
    Start,
    /// The `$` line of an argument; `left` arguments are to come, this one included.
    Length { left: u64 },
    /// The bytes of an argument.
    Payload { left: u64, len: usize },
    /// Nothing more that matters.
    Failed(RequestError),
}

/// What a step came to.
enum Step {
    /// More bytes are needed.
    Incomplete,
    /// No command: go on behind it.
    Empty,
    Complete,
}

/// A decoder of a server, with the default limits.
impl Default for RequestDecoder {
    fn default() -> Self {
        Self::new(Mode::Compatible, Limits::default())
    }
}

impl RequestDecoder {
    /// A decoder at a connection's start, not authenticated.
    #[must_use]
    pub fn new(mode: Mode, limits: Limits) -> Self {
        Self {
            mode,
            limits,
            authenticated: false,
            consumed: 0,
            state: State::Start,
            pos: 0,
            searched: 0,
            hidden: false,
            wanted: 0,
            args: Vec::new(),
            shapes: Shapes::default(),
            text: Vec::new(),
            is_inline: false,
        }
    }

    /// Decodes the next request. `unread` starts at the first byte not yet reported as used, and
    /// holds at least what it held at the last call beyond that.
    ///
    /// # Errors
    /// If the bytes break the protocol or a limit. The connection is lost: later calls answer the
    /// same error.
    #[inline]
    pub fn decode<'a>(&'a mut self, unread: &'a [u8]) -> Result<Decoded<'a>, RequestError> {
        if self.state != State::Start {
            return self.decode_any(unread);
        }
        if let Some((shape, used)) = self.known_request(unread) {
            self.consumed += used as u64;
            let request = Some(Request::new(unread, self.shapes.args(shape)));
            return Ok(Decoded { used, request });
        }
        if let Some(used) = self.plain_request(unread) {
            self.consumed += used as u64;
            let request = Some(Request::new(unread, &self.args));
            return Ok(Decoded { used, request });
        }
        self.decode_any(unread)
    }

    /// Decodes requests ahead of their turn: whole ones at the start of `unread`, up to `most` of them,
    /// as long as nothing is odd about them. They are in `batch` then, and nothing else.
    ///
    /// Nothing is used by it: as each has its turn, say so by [`skip`](Self::skip). The next call of
    /// [`decode`](Self::decode) begins behind those, whether the others are decoded once more or not.
    /// What the decoder was told meanwhile (limits, authentication) does not hold for a batch that is
    /// there already. What it does not decode, errors too, is left to `decode`: so is all of it while a
    /// request is under way.
    ///
    /// ```
    /// use redwire_resp::{Limits, Mode, RequestBatch, RequestDecoder};
    ///
    /// let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    /// let received = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\nPING\r\n";
    /// let mut batch = RequestBatch::default();
    /// decoder.decode_ahead(received, &mut batch, 32);
    /// let mut unread = &received[..];
    /// for index in 0..batch.len() {
    ///     let (request, used) = batch.get(index, received).unwrap();
    ///     assert_eq!(request.name(), b"GET");
    ///     decoder.skip(used);
    ///     unread = &unread[used..];
    /// }
    /// assert_eq!(decoder.decode(unread)?.request.unwrap().name(), b"PING");
    /// # Ok::<(), redwire_resp::RequestError>(())
    /// ```
    pub fn decode_ahead(&mut self, unread: &[u8], batch: &mut RequestBatch, most: usize) {
        batch.clear();
        // A line that is being searched for its end is not looked at anew.
        if self.state != State::Start || self.searched > 0 || self.hidden {
            return;
        }
        let mut start = 0;
        // Where in the batch the arguments of each shape are.
        let mut places = [None; SHAPES];
        while batch.len() < most {
            let rest = &unread[start..];
            let (args, used) = if let Some((shape, used)) = self.known_request(rest) {
                let add = || batch.add_args(self.shapes.args(shape));
                (*places[shape].get_or_insert_with(add), used)
            } else if let Some(used) = self.plain_request(rest) {
                // It may be remembered in the place of another.
                places = [None; SHAPES];
                (batch.add_args(&self.args), used)
            } else {
                (self.state, self.pos) = (State::Start, 0);
                return;
            };
            batch.push(start, start + used, args);
            start += used;
        }
    }

    /// Takes `used` bytes as done with, those of a request out of a
    /// [batch](Self::decode_ahead).
    pub fn skip(&mut self, used: usize) {
        self.consumed += used as u64;
    }

    fn decode_any<'a>(&'a mut self, unread: &'a [u8]) -> Result<Decoded<'a>, RequestError> {
        self.wanted = 0;
        let mut start = 0;
        loop {
            let bytes = &unread[start..];
            let step = self.step(bytes).inspect_err(|&error| self.state = State::Failed(error))?;
            if matches!(step, Step::Incomplete) {
                return Ok(Decoded { used: start, request: None });
            }
            start += self.pos;
            self.consumed += self.pos as u64;
            self.pos = 0;
            self.state = State::Start;
            if matches!(step, Step::Complete) {
                let buf = if self.is_inline { &self.text } else { bytes };
                return Ok(Decoded { used: start, request: Some(Request::new(buf, &self.args)) });
            }
        }
    }

    /// How many bytes are missing to complete the argument under way, its CR LF included, as of the
    /// last [`decode`](Self::decode). 0 if unknown: read as usual.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// The limits, to change them from the next line on.
    pub fn limits_mut(&mut self) -> &mut Limits {
        self.shapes.forget();
        &mut self.limits
    }

    /// Whether the limits for unauthenticated clients are lifted. They hold at first; a server
    /// without password lifts them at once.
    pub fn set_authenticated(&mut self, authenticated: bool) {
        self.shapes.forget();
        self.authenticated = authenticated;
    }

    /// Bytes used since the connection's start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.consumed
    }

    /// Whether the last request was inline, which a replication link refuses.
    #[must_use]
    pub fn is_inline(&self) -> bool {
        self.is_inline
    }

    /// Decodes a request that looks like one of the last: which of their shapes it has, and its length.
    #[inline]
    fn known_request(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let known = self.shapes.find(bytes)?;
        self.searched = 0; // of a first line that was not whole before
        (self.wanted, self.is_inline) = (0, false);
        Some(known)
    }

    /// Decodes a request that is all there and has nothing odd about it, which is nearly every one;
    /// the answer is its length. Else it leaves the first thing that it does not know, and all that
    /// is behind it, to [`step`](Self::step).
    #[inline]
    fn plain_request(&mut self, bytes: &[u8]) -> Option<usize> {
        let (count, mut pos) = short_line(bytes, b'*', self.mode)?;
        let (most, longest) = self.current_limits();
        let mut left = count as u64;
        if left == 0 || left > most {
            return None;
        }
        self.begin(false);
        self.searched = 0;
        while let Some((span, end)) = plain_argument(bytes, pos, longest, self.mode)
            && end as u64 <= self.limits.request_len
        {
            self.args.push(span);
            pos = end;
            left -= 1;
            if left == 0 {
                self.wanted = 0;
                self.shapes.learn(bytes, &self.args);
                return Some(pos);
            }
        }
        self.pos = pos;
        self.state = State::Length { left };
        None
    }

    /// The largest count of arguments and the largest length of one that are allowed now.
    #[inline]
    fn current_limits(&self) -> (u64, u64) {
        let Limits { args, bulk_len, .. } = self.limits;
        if self.authenticated {
            (args, bulk_len)
        } else {
            let Limits { unauthenticated_args, unauthenticated_bulk_len, .. } = self.limits;
            (args.min(unauthenticated_args), bulk_len.min(unauthenticated_bulk_len))
        }
    }

    /// Goes as far as `bytes`, which start with the request's first byte, allow.
    fn step(&mut self, bytes: &[u8]) -> Result<Step, RequestError> {
        if self.state == State::Start {
            match bytes.first() {
                None => return Ok(Step::Incomplete),
                Some(b'*') => {
                    let Some(count) = self.count(bytes)? else { return Ok(Step::Incomplete) };
                    if count == 0 {
                        return Ok(Step::Empty);
                    }
                    self.begin(false);
                    self.state = State::Length { left: count };
                }
                Some(_) => return self.inline(bytes),
            }
        }
        self.arguments(bytes)
    }

    /// Forgets the last request.
    fn begin(&mut self, is_inline: bool) {
        self.is_inline = is_inline;
        self.args.clear();
        self.text.clear();
        if self.args.capacity() > KEPT_MEMORY / size_of::<Span>() {
            self.args = Vec::new();
        }
        if self.text.capacity() > KEPT_MEMORY {
            self.text = Vec::new();
        }
    }

    /// Reads the `*` line: the number of arguments, 0 if there is no command.
    fn count(&mut self, bytes: &[u8]) -> Result<Option<u64>, RequestError> {
        let at = self.consumed;
        let Some(number) = self.number(bytes, RequestError::TooBigCountLine { at })? else {
            return Ok(None);
        };
        let count = number.ok_or(RequestError::InvalidCount { at })?.max(0).unsigned_abs();
        if count > self.limits.args {
            return Err(RequestError::InvalidCount { at });
        }
        if count > self.limits.unauthenticated_args && !self.authenticated {
            return Err(RequestError::UnauthenticatedCount { at });
        }
        Ok(Some(count))
    }

    /// Reads arguments until all are there.
    fn arguments(&mut self, bytes: &[u8]) -> Result<Step, RequestError> {
        let (_, longest) = self.current_limits();
        loop {
            while let State::Length { left: left @ 1.. } = self.state
                && let Some((span, end)) = plain_argument(bytes, self.pos, longest, self.mode)
                && end as u64 <= self.limits.request_len
            {
                self.args.push(span);
                self.pos = end;
                self.searched = 0;
                self.state = State::Length { left: left - 1 };
            }
            let (left, len) = match self.state {
                State::Failed(error) => return Err(error),
                State::Start | State::Length { left: 0 } => return Ok(Step::Complete),
                State::Length { left } => match self.length(bytes)? {
                    Some(len) => (left, len),
                    None => return Ok(Step::Incomplete),
                },
                State::Payload { left, len } => (left, len),
            };
            let end = self.pos + len;
            if bytes.len() < end + 2 {
                self.state = State::Payload { left, len };
                self.wanted = end + 2 - bytes.len();
                return Ok(Step::Incomplete);
            }
            if self.mode == Mode::Strict && bytes[end..end + 2] != *b"\r\n" {
                return Err(RequestError::ExpectedCrLf { at: self.consumed + end as u64 });
            }
            self.args.push(Span { start: self.pos, end });
            self.pos = end + 2;
            self.state = State::Length { left: left - 1 };
        }
    }

    /// Reads a `$` line: the length of an argument.
    fn length(&mut self, bytes: &[u8]) -> Result<Option<usize>, RequestError> {
        let at = self.consumed + self.pos as u64;
        let kind = bytes.get(self.pos).copied();
        let Some(number) = self.number(bytes, RequestError::TooBigLengthLine { at })? else {
            return Ok(None);
        };
        if let Some(got) = kind.filter(|&kind| kind != b'$') {
            return Err(RequestError::ExpectedDollar { at, got });
        }
        let len = number.and_then(|number| u64::try_from(number).ok());
        let len = len.filter(|&len| len <= self.limits.bulk_len.min(ADDRESSABLE));
        let len = len.ok_or(RequestError::InvalidLength { at })?;
        if len > self.limits.unauthenticated_bulk_len && !self.authenticated {
            return Err(RequestError::UnauthenticatedLength { at });
        }
        if self.pos as u64 + len + 2 > self.limits.request_len {
            return Err(RequestError::TooBigRequest { at });
        }
        usize::try_from(len).map(Some).map_err(|_| RequestError::InvalidLength { at })
    }

    /// Reads the line at `pos`, which ends at a CR and one byte more, and goes behind it. The outer
    /// `None` is an incomplete line, the inner one not a number.
    fn number(
        &mut self,
        bytes: &[u8],
        too_big: RequestError,
    ) -> Result<Option<Option<i64>>, RequestError> {
        let limit = self.limits.header_len;
        let Some(end) = self.line_end(bytes, b'\r', limit, too_big)? else { return Ok(None) };
        let Some(&after) = bytes.get(end + 1) else { return Ok(None) };
        if self.mode == Mode::Strict && after != b'\n' {
            return Err(RequestError::ExpectedCrLf { at: self.consumed + end as u64 });
        }
        let number = parse_i64(bytes.get(self.pos + 1..end).unwrap_or_default());
        self.pos = end + 2;
        self.searched = 0;
        Ok(Some(number))
    }

    fn inline(&mut self, bytes: &[u8]) -> Result<Step, RequestError> {
        let at = self.consumed;
        let too_big = RequestError::TooBigInline { at };
        let Some(end) = self.line_end(bytes, b'\n', self.limits.inline_len, too_big)? else {
            return Ok(Step::Incomplete);
        };
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        self.begin(true);
        inline::split(line, &mut self.text, &mut self.args)
            .map_err(|inline::Unbalanced| RequestError::UnbalancedQuotes { at })?;
        self.pos = end + 1;
        self.searched = 0;
        Ok(if self.args.is_empty() { Step::Empty } else { Step::Complete })
    }

    /// Looks for the `end` of the line at `pos` among the bytes not yet searched.
    fn line_end(
        &mut self,
        bytes: &[u8],
        end: u8,
        limit: usize,
        too_big: RequestError,
    ) -> Result<Option<usize>, RequestError> {
        let from = self.pos + self.searched;
        let Some(rest) = bytes.get(from..) else { return Ok(None) };
        let found = match self.mode {
            Mode::Strict => memchr(end, rest),
            Mode::Compatible if self.hidden => None,
            Mode::Compatible => memchr2(end, b'\0', rest),
        };
        let found = found.map(|i| from + i);
        self.searched = found.unwrap_or(bytes.len()) - self.pos;
        self.hidden |= self.mode == Mode::Compatible && found.is_some_and(|i| bytes[i] == b'\0');
        let found = found.filter(|_| !self.hidden);
        let len = match (self.mode, found) {
            (Mode::Compatible, Some(_)) => 0,
            (Mode::Strict, Some(found)) => found - self.pos,
            (_, None) => bytes.len() - self.pos,
        };
        if len > limit { Err(too_big) } else { Ok(found) }
    }
}

/// The place of the argument whose `$` line starts at `pos`, and where it ends with its CR LF.
/// `None` if it is not all there or has anything odd about it.
#[inline]
fn plain_argument(bytes: &[u8], pos: usize, longest: u64, mode: Mode) -> Option<(Span, usize)> {
    let rest = bytes.get(pos..)?;
    let (len, line) = short_line(rest, b'$', mode)?;
    let ending = rest.get(line + len..line + len + 2)?;
    let is_plain = len as u64 <= longest && (mode == Mode::Compatible || ending == b"\r\n");
    let start = pos + line;
    is_plain.then_some((Span { start, end: start + len }, start + len + 2))
}

/// The number in a line of up to three digits, and the line's length with its ending. `None` if it
/// is not all there or anything but that.
#[inline]
fn short_line(bytes: &[u8], kind: u8, mode: Mode) -> Option<(usize, usize)> {
    let digit = |byte: u8| usize::from(byte.wrapping_sub(b'0'));
    let (number, line, after) = match *bytes {
        [first, a, b'\r', after, ..] if first == kind && digit(a) <= 9 => (digit(a), 4, after),
        [first, a @ b'1'..=b'9', b, b'\r', after, ..] if first == kind && digit(b) <= 9 => {
            (digit(a) * 10 + digit(b), 5, after)
        }
        [first, a @ b'1'..=b'9', b, c, b'\r', after, ..]
            if first == kind && digit(b) <= 9 && digit(c) <= 9 =>
        {
            (digit(a) * 100 + digit(b) * 10 + digit(c), 6, after)
        }
        _ => return None,
    };
    (mode == Mode::Compatible || after == b'\n').then_some((number, line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::encode_request;

    #[test]
    fn memory_follows_the_bytes_received() -> Result<(), RequestError> {
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        decoder.set_authenticated(true);
        decoder.decode(b"*2147483647\r\n$536870912\r\n")?;
        assert_eq!(decoder.args.capacity(), 0);

        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        decoder.set_authenticated(true);
        let mut many = Vec::new();
        encode_request(&mut many, vec!["x"; 100_000]);
        decoder.decode(&many)?;
        assert!(decoder.args.capacity() >= 100_000);
        decoder.decode(b"PING\r\n")?;
        assert!(decoder.args.capacity() * size_of::<Span>() <= KEPT_MEMORY);

        let long = [&[b'x'; 100_000][..], b"\n"].concat();
        decoder.decode(&long)?;
        assert!(decoder.text.capacity() >= 100_000);
        decoder.decode(b"*1\r\n$4\r\nPING\r\n")?;
        assert!(decoder.text.capacity() <= KEPT_MEMORY);
        Ok(())
    }
}
