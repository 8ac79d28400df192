//! The client's side: replies out of the bytes that a connection brought.

use memchr::memchr2;

use crate::error::ReplyError;
use crate::limits::{ADDRESSABLE, ReplyLimits};
use crate::number::{parse_decimal, parse_i64, split_sign};
use crate::value::{Attributed, Value};

/// Decodes replies of RESP2 and RESP3 to owned [`Value`]s: for clients, and for the replica's end of
/// a replication link.
///
/// A reply that is not complete stays in the caller's buffer; the decoder keeps the elements that it
/// has decoded and goes on behind them, so that a byte is looked at once however the bytes arrive.
/// It does not recurse, and memory grows with the bytes received, never with a number that a peer
/// announced.
///
/// Streamed strings and aggregates (`$?`, `*?`) come out as if sent at once. Attributes come out on
/// the value that they belong to. Blank lines between replies, as a primary sends them while it
/// prepares a full sync, are no replies but errors: skip them first.
///
/// ```
/// use redwire_resp::{ReplyDecoder, ReplyLimits, Value};
///
/// let mut decoder = ReplyDecoder::new(ReplyLimits::default());
/// assert_eq!(decoder.decode(b"*2\r\n:1\r\n")?, None);
/// let (value, used) = decoder.decode(b"*2\r\n:1\r\n,2.5\r\n+OK\r\n")?.expect("complete");
/// assert_eq!(value, Value::Array(vec![Value::Integer(1), Value::Double(2.5)].into()));
/// assert_eq!(used, 14);
/// # Ok::<(), redwire_resp::ReplyError>(())
/// ```
#[derive(Debug)]
pub struct ReplyDecoder {
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
    /// What has arrived of a streamed string.
    chunks: Option<Vec<u8>>,
    /// The aggregates that the next value is in, the outermost first.
    stack: Vec<Frame>,
}

/// A payload of known length, CR LF behind it.
#[derive(Clone, Copy, Debug)]
struct Payload {
    kind: PayloadKind,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
enum PayloadKind {
    Bulk,
    Error,
    Verbatim,
    Chunk,
}

/// An aggregate under way.
#[derive(Debug)]
struct Frame {
    items: Items,
    left: Left,
}

/// Values that an aggregate still waits for.
#[derive(Clone, Copy, Debug)]
enum Left {
    Count(u64),
    /// As many as come before `.`.
    Streamed,
}

#[derive(Debug)]
enum Items {
    Array(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Map(PairsUnderWay),
    /// Attributes, and behind them the value that they belong to.
    Attributed(PairsUnderWay, Option<Value>),
}

#[derive(Debug, Default)]
struct PairsUnderWay {
    pairs: Vec<(Value, Value)>,
    key: Option<Value>,
}

/// What a line or a payload came to.
enum Step {
    /// More bytes are needed.
    Incomplete,
    /// No value yet: go on behind it.
    More,
    Value(Value),
}

impl ReplyDecoder {
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
        }
    }

    /// Decodes the next reply: it and the number of bytes used, or `None` if more bytes are needed.
    /// `unread` starts at the first byte not yet reported as used, and holds at least what it held
    /// at the last call beyond that.
    ///
    /// # Errors
    /// If the bytes break the protocol or a limit. The connection is lost: later calls answer the
    /// same error.
    pub fn decode(&mut self, unread: &[u8]) -> Result<Option<(Value, usize)>, ReplyError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let decoded = self.advance(unread).inspect_err(|&error| self.error = Some(error))?;
        Ok(decoded.map(|value| {
            let used = self.pos;
            self.consumed += used as u64;
            self.pos = 0;
            self.elements = 0;
            (value, used)
        }))
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

    /// Goes through lines and payloads to the end of the reply, or as far as `bytes` allow.
    fn advance(&mut self, bytes: &[u8]) -> Result<Option<Value>, ReplyError> {
        self.wanted = 0;
        loop {
            let step = match self.payload {
                Some(payload) => self.payload(bytes, payload)?,
                None => self.line(bytes)?,
            };
            match step {
                Step::Incomplete => return Ok(None),
                Step::More => {}
                Step::Value(value) => {
                    if let Some(reply) = self.place(value)? {
                        return Ok(Some(reply));
                    }
                }
            }
        }
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
        let value = match kind {
            b'+' => Some(Value::Simple(text.to_vec())),
            b'-' => Some(Value::Error(text.to_vec())),
            b':' => parse_i64(text.strip_prefix(b"+").unwrap_or(text)).map(Value::Integer),
            b'_' => text.is_empty().then_some(Value::Null),
            b'#' => boolean(text),
            b',' => double(text).map(Value::Double),
            b'(' => is_big_number(text).then(|| Value::BigNumber(text.to_vec())),
            b'$' | b'!' | b'=' | b';' => return self.string(kind, text),
            b'*' | b'~' | b'>' | b'%' | b'|' => return self.aggregate(kind, text),
            b'.' if text.is_empty() => return self.end_of_stream(),
            b'.' => None,
            got => return Err(ReplyError::UnknownType { at: self.at(), got }),
        };
        value.map(Step::Value).ok_or_else(|| {
            self.invalid(match kind {
                b':' => "integer",
                b'_' => "null",
                b'#' => "boolean",
                b',' => "double",
                b'(' => "big number",
                _ => "end of a streamed aggregate",
            })
        })
    }

    fn invalid(&self, what: &'static str) -> ReplyError {
        ReplyError::Invalid { at: self.at(), what }
    }

    /// Begins a string of known length, or a streamed one.
    fn string(&mut self, kind: u8, text: &[u8]) -> Result<Step, ReplyError> {
        let (kind, least) = match (kind, text) {
            (b'$', b"-1") => return Ok(Step::Value(Value::Null)),
            (b'$', b"?") => {
                self.chunks = Some(Vec::new());
                return Ok(Step::More);
            }
            (b'$', _) => (PayloadKind::Bulk, 0),
            (b'!', _) => (PayloadKind::Error, 0),
            (b'=', _) => (PayloadKind::Verbatim, 4), // txt:
            _ if self.chunks.is_none() => return Err(self.invalid("chunk outside a string")),
            (_, b"0") => {
                let text = self.chunks.take().unwrap_or_default();
                return Ok(Step::Value(Value::Bulk(text)));
            }
            _ => (PayloadKind::Chunk, 1),
        };
        let len = parse_i64(text).and_then(|len| u64::try_from(len).ok());
        let len = len.filter(|&len| len >= least).ok_or_else(|| self.invalid("bulk length"))?;
        let before = self.chunks.as_ref().map_or(0, Vec::len) as u64;
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
        let text = &bytes[self.pos..end];
        let step = match (payload.kind, text) {
            (PayloadKind::Bulk, _) => Step::Value(Value::Bulk(text.to_vec())),
            (PayloadKind::Error, _) => Step::Value(Value::BulkError(text.to_vec())),
            (PayloadKind::Verbatim, [a, b, c, b':', text @ ..]) => {
                Step::Value(Value::Verbatim { format: [*a, *b, *c], text: text.to_vec() })
            }
            (PayloadKind::Verbatim, _) => return Err(self.invalid("verbatim string")),
            (PayloadKind::Chunk, _) => {
                self.chunks.get_or_insert_default().extend_from_slice(text);
                Step::More
            }
        };
        self.payload = None;
        self.pos = end + 2;
        Ok(step)
    }

    /// Begins an aggregate.
    fn aggregate(&mut self, kind: u8, text: &[u8]) -> Result<Step, ReplyError> {
        if (kind, text) == (b'*', b"-1") {
            return Ok(Step::Value(Value::Null));
        }
        let streamed = text == b"?" && kind != b'>';
        let count = if streamed { Some(0) } else { parse_i64(text) };
        let count = count.and_then(|count| u64::try_from(count).ok());
        let mut count = count.ok_or_else(|| self.invalid("element count"))?;
        let items = match kind {
            b'*' => Items::Array(Vec::new()),
            b'~' => Items::Set(Vec::new()),
            b'>' => Items::Push(Vec::new()),
            b'%' => Items::Map(PairsUnderWay::default()),
            _ => Items::Attributed(PairsUnderWay::default(), None),
        };
        if matches!(kind, b'%' | b'|') {
            count = count.saturating_mul(2);
        }
        if kind == b'|' {
            count = count.saturating_add(1); // the value itself
        }
        self.count_elements(count)?;
        let left = if streamed { Left::Streamed } else { Left::Count(count) };
        let frame = Frame { items, left };
        if frame.is_complete() {
            return Ok(Step::Value(frame.finish()));
        }
        if self.stack.len() >= self.limits.depth {
            return Err(ReplyError::TooDeep { at: self.at() });
        }
        self.stack.push(frame);
        Ok(Step::More)
    }

    fn count_elements(&mut self, count: u64) -> Result<(), ReplyError> {
        self.elements = self.elements.saturating_add(count);
        if self.elements > self.limits.elements {
            return Err(ReplyError::TooManyElements { at: self.at() });
        }
        Ok(())
    }

    /// Ends the innermost aggregate, which must be a streamed one.
    fn end_of_stream(&mut self) -> Result<Step, ReplyError> {
        match self.stack.last_mut() {
            Some(Frame { items, left: left @ Left::Streamed }) if !items.waits_for_value() => {
                let is_attribute = matches!(items, Items::Attributed(..));
                *left = Left::Count(u64::from(is_attribute));
            }
            _ => return Err(self.invalid("end of a streamed aggregate")),
        }
        match self.stack.pop_if(|frame| frame.is_complete()) {
            Some(frame) => Ok(Step::Value(frame.finish())),
            None => Ok(Step::More),
        }
    }

    /// Puts a value where it belongs: the reply itself, or an aggregate's element, which may
    /// complete that one, and so on.
    fn place(&mut self, mut value: Value) -> Result<Option<Value>, ReplyError> {
        loop {
            let Some(frame) = self.stack.last_mut() else { return Ok(Some(value)) };
            let streamed = matches!(frame.left, Left::Streamed);
            frame.add(value);
            if streamed {
                self.count_elements(1)?;
            }
            match self.stack.pop_if(|frame| frame.is_complete()) {
                Some(frame) => value = frame.finish(),
                None => return Ok(None),
            }
        }
    }
}

impl Frame {
    fn is_complete(&self) -> bool {
        matches!(self.left, Left::Count(0))
    }

    fn add(&mut self, value: Value) {
        let is_last = matches!(self.left, Left::Count(1));
        match &mut self.items {
            Items::Array(values) | Items::Set(values) | Items::Push(values) => values.push(value),
            Items::Attributed(_, subject) if is_last => *subject = Some(value),
            Items::Map(pairs) | Items::Attributed(pairs, _) => pairs.add(value),
        }
        if let Left::Count(left) = &mut self.left {
            *left -= 1;
        }
    }

    fn finish(self) -> Value {
        match self.items {
            Items::Array(values) => Value::Array(values.into()),
            Items::Set(values) => Value::Set(values.into()),
            Items::Push(values) => Value::Push(values.into()),
            Items::Map(map) => Value::Map(map.pairs.into()),
            Items::Attributed(map, subject) => {
                Value::Attributed(Attributed::new(map.pairs, subject.unwrap_or(Value::Null)))
            }
        }
    }
}

impl Items {
    /// Whether a key has come without its value.
    fn waits_for_value(&self) -> bool {
        match self {
            Self::Map(map) | Self::Attributed(map, _) => map.key.is_some(),
            Self::Array(_) | Self::Set(_) | Self::Push(_) => false,
        }
    }
}

impl PairsUnderWay {
    fn add(&mut self, value: Value) {
        match self.key.take() {
            Some(key) => self.pairs.push((key, value)),
            None => self.key = Some(value),
        }
    }
}

fn boolean(text: &[u8]) -> Option<Value> {
    match text {
        b"t" => Some(Value::Boolean(true)),
        b"f" => Some(Value::Boolean(false)),
        _ => None,
    }
}

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
