//! The client's side: owned replies out of the bytes that a connection brought.

use alloc::vec::Vec;

use crate::error::ReplyError;
use crate::limits::ReplyLimits;
use crate::tape::{Tape, Token, Tokens};
use crate::tape_decoder::TapeDecoder;
use crate::value::{Attributed, Value};

/// Decodes replies of RESP2 and RESP3 to owned [`Value`]s: for clients, and for the replica's end of
/// a replication link.
///
/// It is a [`TapeDecoder`] whose tapes become values once a reply is whole, with the same rules:
/// what is not complete stays in the caller's buffer, a byte is looked at once however the bytes
/// arrive, nothing recurses, and memory grows with the bytes received.
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
    tapes: TapeDecoder,
}

impl ReplyDecoder {
    /// A decoder at a connection's start.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Self {
        Self { tapes: TapeDecoder::new(limits) }
    }

    /// Decodes the next reply: it and the number of bytes used, or `None` if more bytes are needed.
    /// `unread` starts at the first byte not yet reported as used, and holds at least what it held
    /// at the last call beyond that.
    ///
    /// # Errors
    /// If the bytes break the protocol or a limit. The connection is lost: later calls answer the
    /// same error.
    pub fn decode(&mut self, unread: &[u8]) -> Result<Option<(Value, usize)>, ReplyError> {
        let tape = self.tapes.decode(unread)?;
        Ok(tape.map(|tape| (tape.to_value(), tape.raw().len())))
    }

    /// How many bytes are missing to complete the string under way, its CR LF included, as of the
    /// last [`decode`](Self::decode). 0 if unknown: read as usual.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.tapes.wanted()
    }

    /// Bytes used since the decoder's start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.tapes.offset()
    }
}

impl Tape<'_> {
    /// The reply as an owned value. Does not recurse.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut tokens = self.tokens();
        let mut stack = Vec::new();
        while let Some(token) = tokens.next() {
            let mut value = match Frame::or_value(token, &mut tokens) {
                Ok(frame) => {
                    stack.push(frame);
                    continue;
                }
                Err(value) => value,
            };
            loop {
                let Some(frame) = stack.last_mut() else { return value };
                frame.add(value);
                match stack.pop_if(|frame| frame.left == 0) {
                    Some(frame) => value = frame.finish(),
                    None => break,
                }
            }
        }
        Value::Null // Not reached: a tape is one whole value.
    }
}

/// An aggregate under way.
struct Frame {
    items: Items,
    /// Values that are missing.
    left: usize,
}

enum Items {
    Array(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Map(PairsUnderWay),
    /// Attributes, and behind them the value that they belong to.
    Attributed(PairsUnderWay, Value),
}

struct PairsUnderWay {
    pairs: Vec<(Value, Value)>,
    key: Option<Value>,
}

impl Frame {
    /// An aggregate that waits for elements, or a value that is whole.
    fn or_value(token: Token<'_>, rest: &mut Tokens<'_>) -> Result<Self, Value> {
        // All elements are on the tape, so that a count is no more than there are.
        let (left, items) = match token {
            Token::Array(count) => (count, Items::Array(Vec::with_capacity(count))),
            Token::Set(count) => (count, Items::Set(Vec::with_capacity(count))),
            Token::Push(count) => (count, Items::Push(Vec::with_capacity(count))),
            Token::Map(count) => (2 * count, Items::Map(PairsUnderWay::new(count))),
            Token::Attribute(count) => {
                (2 * count + 1, Items::Attributed(PairsUnderWay::new(count), Value::Null))
            }
            leaf => return Err(leaf_value(leaf, rest)),
        };
        let frame = Self { items, left };
        if left == 0 { Err(frame.finish()) } else { Ok(frame) }
    }

    fn add(&mut self, value: Value) {
        match &mut self.items {
            Items::Array(values) | Items::Set(values) | Items::Push(values) => values.push(value),
            Items::Attributed(_, subject) if self.left == 1 => *subject = value,
            Items::Map(pairs) | Items::Attributed(pairs, _) => pairs.add(value),
        }
        self.left -= 1;
    }

    fn finish(self) -> Value {
        match self.items {
            Items::Array(values) => Value::Array(values.into()),
            Items::Set(values) => Value::Set(values.into()),
            Items::Push(values) => Value::Push(values.into()),
            Items::Map(map) => Value::Map(map.pairs.into()),
            Items::Attributed(map, subject) => {
                Value::Attributed(Attributed::new(map.pairs, subject))
            }
        }
    }
}

impl PairsUnderWay {
    fn new(count: usize) -> Self {
        Self { pairs: Vec::with_capacity(count), key: None }
    }

    fn add(&mut self, value: Value) {
        match self.key.take() {
            Some(key) => self.pairs.push((key, value)),
            None => self.key = Some(value),
        }
    }
}

/// The value of a token that is no aggregate; a streamed string's chunks are taken from `rest`.
fn leaf_value(token: Token<'_>, rest: &mut Tokens<'_>) -> Value {
    match token {
        Token::Simple(text) => Value::Simple(text.to_vec()),
        Token::Error(text) => Value::Error(text.to_vec()),
        Token::Integer(value) => Value::Integer(value),
        Token::Bulk(bytes) | Token::Chunk(bytes) => Value::Bulk(bytes.to_vec()),
        Token::Double(value) => Value::Double(value),
        Token::Boolean(value) => Value::Boolean(value),
        Token::BigNumber(digits) => Value::BigNumber(digits.to_vec()),
        Token::BulkError(text) => Value::BulkError(text.to_vec()),
        Token::Verbatim { format, text } => Value::Verbatim { format, text: text.to_vec() },
        Token::Streamed(chunks) => {
            let mut bytes = Vec::new();
            for token in rest.take(chunks) {
                if let Token::Chunk(chunk) = token {
                    bytes.extend_from_slice(chunk);
                }
            }
            Value::Bulk(bytes)
        }
        // Aggregates are frames.
        _ => Value::Null,
    }
}
