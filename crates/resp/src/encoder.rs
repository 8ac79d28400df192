//! Replies and requests appended to the caller's buffer.

use alloc::vec::Vec;

use memchr::memchr2;

use crate::append;
use crate::double::{self, DoubleBuffer};

/// The protocol that a connection speaks: RESP2 until `HELLO 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Protocol {
    /// RESP2.
    #[default]
    Resp2,
    /// RESP3.
    Resp3,
}

/// Appends replies to the caller's buffer. What RESP2 does not have is written as Redis writes it to
/// RESP2 clients.
///
/// An aggregate's header is followed by its elements, each a reply of its own.
///
/// ```
/// use redwire_resp::{Encoder, Protocol};
///
/// let mut out = Vec::new();
/// let mut reply = Encoder::new(&mut out, Protocol::Resp2);
/// reply.map(1);
/// reply.bulk(b"ratio");
/// reply.double(0.5);
/// assert_eq!(out, b"*2\r\n$5\r\nratio\r\n$3\r\n0.5\r\n");
/// ```
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The protocol that replies are written in.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the protocol for what follows, as HELLO does before it answers.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Bytes in the buffer, those before this encoder's included: a mark for
    /// [`truncate`](Self::truncate).
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether the buffer is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes back all that was written since [`len`](Self::len) was `mark`.
    pub fn truncate(&mut self, mark: usize) {
        self.out.truncate(mark);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `+QUEUED`.
    pub fn queued(&mut self) {
        self.raw(b"+QUEUED\r\n");
    }

    /// A simple string. CR and LF in it become blanks.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', text.as_ref());
    }

    /// An error, its code included: `ERR syntax error`. CR and LF around it are dropped, those inside
    /// become blanks.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let is_newline = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let text = text.as_ref();
        let start = text.iter().position(|byte| !is_newline(byte)).unwrap_or(text.len());
        let end = text.iter().rposition(|byte| !is_newline(byte)).map_or(start, |last| last + 1);
        self.line(b'-', &text[start..end]);
    }

    /// An error that may hold CR and LF; in RESP2 as [`error`](Self::error) writes it.
    pub fn bulk_error(&mut self, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.error(text),
            Protocol::Resp3 => {
                append::header(self.out, b'!', text.len());
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.plain_line(b':', itoa::Buffer::new().format(value).as_bytes());
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        append::bulk(self.out, bytes);
    }

    /// An integer as a bulk string, as GET answers for a counter.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// No value: `_`, in RESP2 `$-1`.
    #[inline]
    pub fn null(&mut self) {
        self.by_protocol(b"$-1\r\n", b"_\r\n");
    }

    /// No array: `_`, in RESP2 `*-1`.
    pub fn null_array(&mut self) {
        self.by_protocol(b"*-1\r\n", b"_\r\n");
    }

    /// The header of an array of `len` elements.
    #[inline]
    pub fn array(&mut self, len: usize) {
        append::header(self.out, b'*', len);
    }

    /// The header of a map of `pairs` pairs; in RESP2 an array of twice as many elements.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.array(pairs * 2),
            Protocol::Resp3 => append::header(self.out, b'%', pairs),
        }
    }

    /// The header of a set of `len` elements; in RESP2 an array.
    pub fn set(&mut self, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.array(len),
            Protocol::Resp3 => append::header(self.out, b'~', len),
        }
    }

    /// The header of a push of `len` elements; in RESP2 an array, as pub/sub messages have it.
    pub fn push(&mut self, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.array(len),
            Protocol::Resp3 => append::header(self.out, b'>', len),
        }
    }

    /// The header of an attribute of `pairs` pairs, which belongs to the reply after it. RESP2 has
    /// none: then nothing is written and the answer is `false`, and the pairs must be left out.
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.protocol == Protocol::Resp3 {
            append::header(self.out, b'|', pairs);
        }
        self.protocol == Protocol::Resp3
    }

    /// A double as [`format_double`](crate::format_double) prints it; in RESP2 as a bulk string.
    pub fn double(&mut self, value: f64) {
        let mut buffer = DoubleBuffer::new();
        double::print(value, &mut buffer);
        match self.protocol {
            Protocol::Resp2 => self.bulk(buffer.as_bytes()),
            Protocol::Resp3 => self.plain_line(b',', buffer.as_bytes()),
        }
    }

    /// A boolean; in RESP2 the integer 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        match value {
            true => self.by_protocol(b":1\r\n", b"#t\r\n"),
            false => self.by_protocol(b":0\r\n", b"#f\r\n"),
        }
    }

    /// An integer of any size, in decimal; in RESP2 as a bulk string.
    pub fn big_number(&mut self, digits: impl AsRef<[u8]>) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_ref()),
            Protocol::Resp3 => self.line(b'(', digits.as_ref()),
        }
    }

    /// Text with its format (`txt`, `mkd`); in RESP2 as a bulk string without the format.
    pub fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        append::header(self.out, b'=', text.len() + 4);
        self.raw(&format);
        self.raw(b":");
        self.raw(text);
        self.raw(b"\r\n");
    }

    /// Bytes that are a reply, or a part of one, already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn by_protocol(&mut self, resp2: &[u8], resp3: &[u8]) {
        self.raw(match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        });
    }

    /// A line of what may be any bytes: CR and LF become blanks.
    fn line(&mut self, kind: u8, text: &[u8]) {
        let mark = self.out.len() + 1;
        self.plain_line(kind, text);
        if memchr2(b'\r', b'\n', text).is_some() {
            for byte in &mut self.out[mark..mark + text.len()] {
                if matches!(byte, b'\r' | b'\n') {
                    *byte = b' ';
                }
            }
        }
    }

    /// A line of what holds no CR or LF.
    fn plain_line(&mut self, kind: u8, text: &[u8]) {
        append::line(self.out, kind, text);
    }
}

/// Appends a request as clients and replication streams send it: an array of bulk strings.
///
/// ```
/// let mut out = Vec::new();
/// redwire_resp::encode_request(&mut out, ["GET", "key"]);
/// assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
/// ```
pub fn encode_request<I>(out: &mut Vec<u8>, args: I)
where
    I: IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
{
    append::request(out, args.into_iter());
}
