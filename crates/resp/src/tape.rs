//! Replies, borrowed: a flat list of tokens into the caller's buffer.

mod elements;

use core::fmt;
use core::iter::FusedIterator;
use core::slice;

pub use elements::Elements;

/// One value of a reply, or the head of an aggregate whose elements are the tokens behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Token<'a> {
    /// No value: `_`, `$-1` or `*-1`.
    Null,
    /// `+`, as in `+OK`.
    Simple(&'a [u8]),
    /// `-`: an error, its code first.
    Error(&'a [u8]),
    /// `:`.
    Integer(i64),
    /// `$`.
    Bulk(&'a [u8]),
    /// `,`.
    Double(f64),
    /// `#`.
    Boolean(bool),
    /// `(`: a decimal integer of any size.
    BigNumber(&'a [u8]),
    /// `!`: an error that may hold any bytes.
    BulkError(&'a [u8]),
    /// `=`.
    Verbatim {
        /// `txt`, `mkd` ...
        format: [u8; 3],
        /// The text without its format.
        text: &'a [u8],
    },
    /// `*`: so many values follow.
    Array(usize),
    /// `~`: so many values follow.
    Set(usize),
    /// `>`: so many values follow.
    Push(usize),
    /// `%`: so many pairs follow, each a key and its value.
    Map(usize),
    /// `|`: so many pairs follow, and behind them the value that they belong to.
    Attribute(usize),
    /// `$?`: a string whose bytes are the so many [`Chunk`](Self::Chunk)s that follow.
    Streamed(usize),
    /// `;`: a part of a streamed string, never empty.
    Chunk(&'a [u8]),
}

/// A whole reply of [`TapeDecoder`](crate::TapeDecoder): its tokens in the order sent, and the bytes
/// that it was sent as.
///
/// Or a value within such a reply, see [`elements`](Self::elements).
#[derive(Clone, Copy)]
pub struct Tape<'a> {
    /// The reply up to this value's end: entries count from its first byte.
    reply: &'a [u8],
    /// Where this value starts.
    start: usize,
    entries: &'a [Entry],
}

impl<'a> Tape<'a> {
    pub(crate) fn new(raw: &'a [u8], entries: &'a [Entry]) -> Self {
        Self { reply: raw, start: 0, entries }
    }

    /// The reply as it was sent, whole: what a proxy passes on. Its length is the number of bytes
    /// used.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        &self.reply[self.start..]
    }

    /// The tokens in the order sent, at least one. A streamed aggregate looks as if sent at once.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens { reply: self.reply, entries: self.entries.iter() }
    }

    /// The values directly within an aggregate, each with its own raw bytes, tokens and elements:
    /// what a proxy that merges or splits replies passes on. Keys and values of a map take turns, as
    /// do those of attributes, behind which comes the value that they belong to. What is no
    /// aggregate has no elements.
    ///
    /// Their bounds are looked up on the way, in the lines of numbers and headers; texts are skipped.
    ///
    /// ```
    /// use redwire_resp::{ReplyLimits, TapeDecoder};
    ///
    /// let mut decoder = TapeDecoder::new(ReplyLimits::default());
    /// let reply = decoder.decode(b"*2\r\n*2\r\n:1\r\n:2\r\n$2\r\nhi\r\n")?.expect("complete");
    /// let parts: Vec<_> = reply.elements().map(|element| element.raw()).collect();
    /// assert_eq!(parts, [&b"*2\r\n:1\r\n:2\r\n"[..], b"$2\r\nhi\r\n"]);
    /// # Ok::<(), redwire_resp::ReplyError>(())
    /// ```
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        Elements::new(self)
    }
}

impl fmt::Debug for Tape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tokens()).finish()
    }
}

/// The tokens of a [`Tape`].
#[derive(Clone)]
pub struct Tokens<'a> {
    reply: &'a [u8],
    entries: slice::Iter<'a, Entry>,
}

impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        self.entries.next().map(|entry| entry.token(self.reply))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Tokens<'_> {}

impl FusedIterator for Tokens<'_> {}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Simple,
    Error,
    Integer,
    Bulk,
    Double,
    Boolean,
    BigNumber,
    BulkError,
    Verbatim,
    Array,
    Set,
    Push,
    Map,
    Attribute,
    Streamed,
    Chunk,
}

/// A token that knows its place in the reply rather than its bytes, so that the buffer may move
/// while the reply is incomplete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Length of the text, count of elements, or the bits of the number.
    pub(crate) data: u64,
    /// Where its text starts, from the reply's first byte; 0 without text. In two parts, and no
    /// larger than memory, so that an entry is 16 bytes.
    start: u32,
    start_high: u16,
    pub(crate) kind: Kind,
}

const _: () = assert!(size_of::<Entry>() == 16);

impl Entry {
    #[inline]
    pub(crate) fn new(kind: Kind, start: usize, data: u64) -> Self {
        Self { data, start: start as u32, start_high: (start as u64 >> 32) as u16, kind }
    }

    #[inline]
    pub(crate) fn start(&self) -> usize {
        (u64::from(self.start_high) << 32 | u64::from(self.start)) as usize
    }

    #[inline]
    fn token<'a>(&self, raw: &'a [u8]) -> Token<'a> {
        let count = self.data as usize; // counts and lengths of what memory holds
        let text = || &raw[self.start()..self.start() + count];
        match self.kind {
            Kind::Null => Token::Null,
            Kind::Simple => Token::Simple(text()),
            Kind::Error => Token::Error(text()),
            Kind::Integer => Token::Integer(self.data.cast_signed()),
            Kind::Bulk => Token::Bulk(text()),
            Kind::Double => Token::Double(f64::from_bits(self.data)),
            Kind::Boolean => Token::Boolean(self.data != 0),
            Kind::BigNumber => Token::BigNumber(text()),
            Kind::BulkError => Token::BulkError(text()),
            Kind::Verbatim => match text() {
                [a, b, c, _, text @ ..] => Token::Verbatim { format: [*a, *b, *c], text },
                // Not reached: the decoder has seen format and colon.
                text => Token::Bulk(text),
            },
            Kind::Array => Token::Array(count),
            Kind::Set => Token::Set(count),
            Kind::Push => Token::Push(count),
            Kind::Map => Token::Map(count),
            Kind::Attribute => Token::Attribute(count),
            Kind::Streamed => Token::Streamed(count),
            Kind::Chunk => Token::Chunk(text()),
        }
    }
}
