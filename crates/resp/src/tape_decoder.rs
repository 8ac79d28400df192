//! The one reader of replies: bytes to a flat tape, from which owned values are built.

mod plain;

use alloc::vec::Vec;

use memchr::memchr2;

use crate::error::ReplyError;
use crate::limits::{ADDRESSABLE, ReplyLimits};
use crate::number::{parse_decimal, parse_i64, short_decimal, short_number, split_sign};
use crate::tape::{Entry, Kind, Tape};

/// Decodes replies of RESP2 and RESP3 to borrowed [`Tape`]s: for proxies, and for clients that take
/// what they need out of the buffer. Once the tape has its size, a reply costs no allocation.
///
/// A reply that is not complete stays in the caller's buffer, which may move; the decoder keeps the
/// places of the elements that it has decoded and goes on behind them, so that a byte is looked at
/// once however the bytes arrive. It does not recurse, and memory grows with the bytes received,
/// never with a number that a peer announced: 16 bytes a value. They are kept for the next reply; those
/// of a reply much larger than the 64 behind it are freed.
///
/// Blank lines between replies, as a primary sends them while it prepares a full sync, are no
/// replies but errors: skip them first. [`ReplyDecoder`](crate::ReplyDecoder) gives owned values.
///
/// ```
/// use redwire_resp::{ReplyLimits, TapeDecoder, Token};
///
/// let mut decoder = TapeDecoder::new(ReplyLimits::default());
/// assert!(decoder.decode(b"*2\r\n:1\r\n")?.is_none());
/// let tape = decoder.decode(b"*2\r\n:1\r\n$2\r\nhi\r\n+OK\r\n")?.expect("complete");
/// assert_eq!(tape.raw(), b"*2\r\n:1\r\n$2\r\nhi\r\n");
/// let tokens: Vec<_> = tape.tokens().collect();
/// assert_eq!(tokens, [Token::Array(2), Token::Integer(1), Token::Bulk(b"hi")]);
/// # Ok::<(), redwire_resp::ReplyError>(())
/// ```
#[derive(Debug)]
pub struct TapeDecoder {
    limits: ReplyLimits,
    error: Option<ReplyError>,
    /// Bytes before the reply under way, since the decoder's start.
    consumed: u64,
    /// Where the line or payload under way starts, from the reply's first byte.
    pos: usize,
    /// Bytes from `pos` on known not to hold the end of the line under way.
    searched: usize,
    wanted: usize,
    /// Values announced or met in the reply under way.
    elements: u64,
    /// The payload that starts at `pos`, if its line is done.
    payload: Option<Payload>,
    /// The streamed string under way.
    chunks: Option<Chunks>,
    /// The aggregates that the next value is in, the outermost first.
    stack: Vec<Frame>,
    /// The reply under way, or the last one.
    tape: Vec<Entry>,
    /// Replies since the last one that took a quarter of the tape's memory.
    idle: u32,
}

/// Entries whose memory a decoder keeps for good: 64 KiB.
const KEPT_ENTRIES: usize = (64 << 10) / size_of::<Entry>();

/// Replies in a row that need less than a quarter of a larger tape before its memory is freed.
const PATIENCE: u32 = 64;

/// A payload of known length, CR LF behind it.
#[derive(Clone, Copy, Debug)]
struct Payload {
    kind: Kind,
    len: usize,
}

/// What has arrived of a streamed string.
#[derive(Clone, Copy, Debug)]
struct Chunks {
    /// Its entry of the tape.
    entry: usize,
    count: u64,
    len: u64,
}

/// An aggregate under way.
#[derive(Debug)]
struct Frame {
    /// Its entry of the tape.
    entry: usize,
    left: Left,
}

/// Values that an aggregate still waits for.
#[derive(Clone, Copy, Debug)]
enum Left {
    Count(u64),
    /// As many as come before `.`; so many have come.
    Streamed(u64),
}

/// What a line or a payload came to.
enum Step {
    /// More bytes are needed.
    Incomplete,
    /// No value yet: go on behind it.
    More,
    /// The end of a value, whose entries are on the tape.
    Value,
}

impl TapeDecoder {
    /// A decoder at a connection's start.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Self {
        Self {
            limits,
            error: None,
            consumed: 0,
            pos: 0,
            searched: 0,
            wanted: 0,
            elements: 0,
            payload: None,
            chunks: None,
            stack: Vec::new(),
            tape: Vec::new(),
            idle: 0,
        }
    }

    /// Decodes the next reply, or `None` if more bytes are needed. The bytes used are those of
    /// [`Tape::raw`]. `unread` starts at the first byte not yet used, and holds at least what it
    /// held at the last call beyond that.
    ///
    /// # Errors
    /// If the bytes break the protocol or a limit. The connection is lost: later calls answer the
    /// same error.
    #[inline]
    pub fn decode<'a>(&'a mut self, unread: &'a [u8]) -> Result<Option<Tape<'a>>, ReplyError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.pos == 0 {
            self.begin_tape();
            if let Some(end) = self.plain_reply(unread) {
                self.consumed += end as u64;
                return Ok(Some(Tape::new(&unread[..end], &self.tape)));
            }
        }
        match self.advance(unread) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let raw = &unread[..self.pos];
                self.consumed += self.pos as u64;
                self.pos = 0;
                self.elements = 0;
                Ok(Some(Tape::new(raw, &self.tape)))
            }
            Err(error) => {
                self.error = Some(error);
                Err(error)
            }
        }
    }

    /// Forgets the last reply, and in time the memory that a large one took.
    #[inline]
    fn begin_tape(&mut self) {
        if self.tape.capacity() > KEPT_ENTRIES {
            self.end_idle_memory();
        }
        self.tape.clear();
    }

    #[cold]
    fn end_idle_memory(&mut self) {
        self.idle = if self.tape.len() < self.tape.capacity() / 4 { self.idle + 1 } else { 0 };
        if self.idle == PATIENCE {
            self.tape = Vec::new();
            self.idle = 0;
        }
    }

    /// How many bytes are missing to complete the string under way, its CR LF included, as of the
    /// last [`decode`](Self::decode). 0 if unknown: read as usual.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Bytes used since the decoder's start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.consumed
    }

    fn at(&self) -> u64 {
        self.consumed + self.pos as u64
    }

    fn push(&mut self, kind: Kind, start: usize, data: u64) {
        self.tape.push(Entry::new(kind, start, data));
    }

    /// Goes through lines and payloads to the end of the reply, or as far as `bytes` allow. Whether
    /// the reply is whole.
    fn advance(&mut self, bytes: &[u8]) -> Result<bool, ReplyError> {
        self.wanted = 0;
        loop {
            if self.plain_values(bytes)? {
                return Ok(true);
            }
            let step = match self.payload {
                Some(payload) => self.payload(bytes, payload)?,
                None => match self.short_number_line(bytes) {
                    Some(step) => step?,
                    None => self.line(bytes)?,
                },
            };
            match step {
                Step::Incomplete => return Ok(false),
                Step::More => {}
                Step::Value => {
                    if self.place()? {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// The fast way for most lines there are: `$`, `:`, `*` and `,` with a number of a few digits,
    /// all there. `None` for whatever is not so; [`line`](Self::line) judges that.
    #[inline]
    fn short_number_line(&mut self, bytes: &[u8]) -> Option<Result<Step, ReplyError>> {
        if self.chunks.is_some() || self.searched > 0 {
            return None;
        }
        let (&kind, text) = bytes.get(self.pos..)?.split_first()?;
        match kind {
            b'$' | b':' | b'*' => {}
            b',' => return self.short_double_line(text),
            _ => return None,
        }
        let (number, digits) = short_number(text)?;
        if digits >= self.limits.line_len {
            return None;
        }
        let start = self.pos + digits + 3;
        let step = match kind {
            b'$' => {
                if number > self.limits.bulk_len.min(ADDRESSABLE) {
                    return None;
                }
                let len = usize::try_from(number).ok()?;
                match bytes.get(start + len..start + len + 2) {
                    Some(b"\r\n") => {
                        self.push(Kind::Bulk, start, number);
                        self.pos = start + len + 2;
                        return Some(Ok(Step::Value));
                    }
                    _ => {
                        self.payload = Some(Payload { kind: Kind::Bulk, len });
                        Step::More
                    }
                }
            }
            b':' => {
                self.push(Kind::Integer, 0, number);
                Step::Value
            }
            _ => match self.begin(Kind::Array, number) {
                Ok(step) => step,
                Err(error) => return Some(Err(error)),
            },
        };
        self.pos = start;
        Some(Ok(step))
    }

    /// The same for a double.
    #[inline]
    fn short_double_line(&mut self, text: &[u8]) -> Option<Result<Step, ReplyError>> {
        let (value, len) = short_decimal(text)?;
        if len >= self.limits.line_len {
            return None;
        }
        self.push(Kind::Double, 0, value.to_bits());
        self.pos += len + 3;
        Some(Ok(Step::Value))
    }

    /// Reads the line at `pos`.
    fn line(&mut self, bytes: &[u8]) -> Result<Step, ReplyError> {
        let Some(end) = self.line_end(bytes)? else { return Ok(Step::Incomplete) };
        let line = &bytes[self.pos..end];
        let step = match line {
            [] => return Err(ReplyError::UnknownType { at: self.at(), got: b'\r' }),
            [kind, text @ ..] => self.typed(*kind, text)?,
        };
        self.pos = end + 2;
        self.searched = 0;
        Ok(step)
    }

    /// Where the line at `pos` ends: its CR, which its LF follows.
    fn line_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
        let Some(rest) = bytes.get(self.pos + self.searched..) else { return Ok(None) };
        let end = self.pos + self.searched + memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        self.searched = end - self.pos;
        if self.searched > self.limits.line_len {
            return Err(ReplyError::LineTooLong { at: self.at() });
        }
        match bytes[end..] {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => Ok(Some(end)),
            _ => Err(ReplyError::ExpectedCrLf { at: self.consumed + end as u64 }),
        }
    }

    /// What a line of this type means.
    fn typed(&mut self, kind: u8, text: &[u8]) -> Result<Step, ReplyError> {
        if self.chunks.is_some() && kind != b';' {
            return Err(self.invalid("chunk of a streamed string"));
        }
        let len = text.len() as u64;
        let (what, entry) = match kind {
            b'+' => ("", Some((Kind::Simple, len))),
            b'-' => ("", Some((Kind::Error, len))),
            b':' => {
                let number = parse_i64(text.strip_prefix(b"+").unwrap_or(text));
                ("integer", number.map(|number| (Kind::Integer, number.cast_unsigned())))
            }
            b'_' => ("null", text.is_empty().then_some((Kind::Null, 0))),
            b'#' => {
                let value = matches!(text, b"t" | b"f").then_some(u64::from(text == b"t"));
                ("boolean", value.map(|value| (Kind::Boolean, value)))
            }
            b',' => ("double", double(text).map(|value| (Kind::Double, value.to_bits()))),
            b'(' => ("big number", is_big_number(text).then_some((Kind::BigNumber, len))),
            b'$' | b'!' | b'=' | b';' => return self.string(kind, text),
            b'*' | b'~' | b'>' | b'%' | b'|' => return self.aggregate(kind, text),
            b'.' if text.is_empty() => return self.end_of_stream(),
            b'.' => (END_OF_STREAM, None),
            got => return Err(ReplyError::UnknownType { at: self.at(), got }),
        };
        let (kind, data) = entry.ok_or_else(|| self.invalid(what))?;
        self.push(kind, self.pos + 1, data);
        Ok(Step::Value)
    }

    fn invalid(&self, what: &'static str) -> ReplyError {
        ReplyError::Invalid { at: self.at(), what }
    }

    /// Begins a string of known length, or a streamed one.
    fn string(&mut self, kind: u8, text: &[u8]) -> Result<Step, ReplyError> {
        let (kind, least) = match (kind, text) {
            (b'$', b"-1") => {
                self.push(Kind::Null, 0, 0);
                return Ok(Step::Value);
            }
            (b'$', b"?") => {
                self.chunks = Some(Chunks { entry: self.tape.len(), count: 0, len: 0 });
                self.push(Kind::Streamed, 0, 0);
                return Ok(Step::More);
            }
            (b'$', _) => (Kind::Bulk, 0),
            (b'!', _) => (Kind::BulkError, 0),
            (b'=', _) => (Kind::Verbatim, 4), // txt:
            _ => match self.chunks {
                None => return Err(self.invalid("chunk outside a string")),
                Some(chunks) if text == b"0" => {
                    self.chunks = None;
                    self.tape[chunks.entry].data = chunks.count;
                    return Ok(Step::Value);
                }
                Some(_) => (Kind::Chunk, 1),
            },
        };
        let len = parse_i64(text).and_then(|len| u64::try_from(len).ok());
        let len = len.filter(|&len| len >= least).ok_or_else(|| self.invalid("bulk length"))?;
        let before = self.chunks.map_or(0, |chunks| chunks.len);
        let too_long = ReplyError::BulkTooLong { at: self.at() };
        if len > self.limits.bulk_len.min(ADDRESSABLE).saturating_sub(before) {
            return Err(too_long);
        }
        let len = usize::try_from(len).map_err(|_| too_long)?;
        self.payload = Some(Payload { kind, len });
        Ok(Step::More)
    }

    /// Takes the payload at `pos`, if it is all there.
    fn payload(&mut self, bytes: &[u8], payload: Payload) -> Result<Step, ReplyError> {
        let end = self.pos + payload.len;
        if bytes.len() < end + 2 {
            self.wanted = end + 2 - bytes.len();
            return Ok(Step::Incomplete);
        }
        if bytes[end..end + 2] != *b"\r\n" {
            return Err(ReplyError::ExpectedCrLf { at: self.consumed + end as u64 });
        }
        if payload.kind == Kind::Verbatim && bytes[self.pos + 3] != b':' {
            return Err(self.invalid("verbatim string"));
        }
        self.push(payload.kind, self.pos, payload.len as u64);
        self.payload = None;
        self.pos = end + 2;
        match &mut self.chunks {
            Some(chunks) => {
                chunks.count += 1;
                chunks.len += payload.len as u64;
                Ok(Step::More)
            }
            None => Ok(Step::Value),
        }
    }

    /// Begins an aggregate of known count, or a streamed one.
    fn aggregate(&mut self, kind: u8, text: &[u8]) -> Result<Step, ReplyError> {
        if (kind, text) == (b'*', b"-1") {
            self.push(Kind::Null, 0, 0);
            return Ok(Step::Value);
        }
        let streamed = text == b"?" && kind != b'>';
        let count = if streamed { Some(0) } else { parse_i64(text) };
        let count = count.and_then(|count| u64::try_from(count).ok());
        let count = count.ok_or_else(|| self.invalid("element count"))?;
        let kind = match kind {
            b'*' => Kind::Array,
            b'~' => Kind::Set,
            b'>' => Kind::Push,
            b'%' => Kind::Map,
            _ => Kind::Attribute,
        };
        if !streamed {
            return self.begin(kind, count);
        }
        if kind == Kind::Attribute {
            self.count_elements(1)?; // the value itself
        }
        self.enter(kind, 0, Left::Streamed(0))
    }

    /// Begins an aggregate of `count` elements or pairs.
    fn begin(&mut self, kind: Kind, count: u64) -> Result<Step, ReplyError> {
        let values = match kind {
            Kind::Map => count.saturating_mul(2),
            Kind::Attribute => count.saturating_mul(2).saturating_add(1), // the value itself
            _ => count,
        };
        self.count_elements(values)?;
        if values == 0 {
            self.push(kind, 0, 0);
            return Ok(Step::Value);
        }
        self.enter(kind, count, Left::Count(values))
    }

    fn enter(&mut self, kind: Kind, count: u64, left: Left) -> Result<Step, ReplyError> {
        if self.stack.len() >= self.limits.depth {
            return Err(ReplyError::TooDeep { at: self.at() });
        }
        self.stack.push(Frame { entry: self.tape.len(), left });
        self.push(kind, 0, count);
        Ok(Step::More)
    }

    fn count_elements(&mut self, count: u64) -> Result<(), ReplyError> {
        self.elements = self.elements.saturating_add(count);
        if self.elements > self.limits.elements {
            return Err(ReplyError::TooManyElements { at: self.at() });
        }
        Ok(())
    }

    /// Ends the innermost aggregate, which must be a streamed one and have a value for each key.
    fn end_of_stream(&mut self) -> Result<Step, ReplyError> {
        let Some(Frame { entry, left }) = self.stack.last_mut() else {
            return Err(self.invalid(END_OF_STREAM));
        };
        let (Left::Streamed(seen), entry) = (*left, &mut self.tape[*entry]) else {
            return Err(self.invalid(END_OF_STREAM));
        };
        let of_pairs = matches!(entry.kind, Kind::Map | Kind::Attribute);
        if of_pairs && seen % 2 == 1 {
            return Err(self.invalid(END_OF_STREAM));
        }
        entry.data = if of_pairs { seen / 2 } else { seen };
        if entry.kind == Kind::Attribute {
            *left = Left::Count(1);
            return Ok(Step::More);
        }
        self.stack.pop();
        Ok(Step::Value)
    }

    /// Counts a value that is whole where it belongs: the reply itself, or an aggregate's element,
    /// which may complete that one, and so on. Whether the reply is whole.
    #[inline]
    fn place(&mut self) -> Result<bool, ReplyError> {
        loop {
            let Some(frame) = self.stack.last_mut() else { return Ok(true) };
            match &mut frame.left {
                Left::Count(left) if *left > 1 => {
                    *left -= 1;
                    return Ok(false);
                }
                Left::Count(_) => {}
                Left::Streamed(seen) => {
                    *seen += 1;
                    return self.count_elements(1).map(|()| false);
                }
            }
            self.stack.pop();
        }
    }
}

const END_OF_STREAM: &str = "end of a streamed aggregate";

/// Also `nan`, which servers up to 7.0 print with the C library's sign.
fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"nan" | b"-nan" => Some(f64::NAN),
        _ => parse_decimal(text),
    }
}

fn is_big_number(text: &[u8]) -> bool {
    let (_, digits) = split_sign(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_large_reply_is_freed_in_time() -> Result<(), ReplyError> {
        let mut decoder = TapeDecoder::new(ReplyLimits::default());
        let large = [&b"*100000\r\n"[..], &b":1\r\n".repeat(100_000)].concat();
        for _ in 0..2 * PATIENCE {
            decoder.decode(&large)?;
        }
        let kept = decoder.tape.capacity();
        assert!(kept > 100_000);
        for _ in 0..=PATIENCE {
            assert_eq!(decoder.tape.capacity(), kept, "one that comes again finds its memory");
            decoder.decode(b":1\r\n")?;
        }
        decoder.decode(b":1\r\n")?;
        assert!(decoder.tape.capacity() <= KEPT_ENTRIES);
        Ok(())
    }
}
