use std::fmt;
use std::io::{self, BufRead, Read};

/// A reply of a server, RESP2 or RESP3, read in the simplest way that is right.
///
/// It is the naive twin of the codec in `redwire-resp`: recursive, one copy per element, no
/// limits. Texts and numbers stay as the bytes that the server sent, so that two servers can be
/// compared byte for byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// `+`: a simple string.
    Simple(Vec<u8>),
    /// `-` or `!`: an error, with its code.
    Error(Vec<u8>),
    /// `:`: an integer.
    Int(i64),
    /// `$`: a bulk string.
    Bulk(Vec<u8>),
    /// `$-1`: the null bulk string of RESP2.
    Nil,
    /// `*-1`: the null array of RESP2.
    NilArray,
    /// `_`: the null of RESP3.
    Null,
    /// `,`: a double, as its digits stand on the wire.
    Double(Vec<u8>),
    /// `#`: a boolean.
    Bool(bool),
    /// `(`: a big number, as its digits stand on the wire.
    BigNumber(Vec<u8>),
    /// `=`: a verbatim string, with its format and the colon.
    Verbatim(Vec<u8>),
    /// `*`: an array.
    Array(Vec<Reply>),
    /// `%`: a map, in the order of the wire.
    Map(Vec<(Reply, Reply)>),
    /// `~`: a set, in the order of the wire.
    Set(Vec<Reply>),
    /// `>`: a push.
    Push(Vec<Reply>),
}

impl Reply {
    /// Reads one whole reply. An attribute (`|`) is read and dropped.
    ///
    /// # Errors
    ///
    /// What the reader reports, `UnexpectedEof` when it ends inside the reply, `InvalidData` when
    /// the bytes are not RESP.
    pub fn read(from: &mut impl BufRead) -> io::Result<Reply> {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(if line.ends_with(b"\n") { bad(&line) } else { truncated() });
        };
        let (&kind, rest) = line.split_first().ok_or_else(|| bad(line))?;
        let count = || number(rest).map(|n| usize::try_from(n).unwrap_or(0));
        Ok(match kind {
            b'+' => Reply::Simple(rest.to_vec()),
            b'-' => Reply::Error(rest.to_vec()),
            b':' => Reply::Int(number(rest)?),
            b',' => Reply::Double(rest.to_vec()),
            b'(' => Reply::BigNumber(rest.to_vec()),
            b'#' => Reply::Bool(rest == b"t"),
            b'_' => Reply::Null,
            b'$' if rest == b"-1" => Reply::Nil,
            b'*' if rest == b"-1" => Reply::NilArray,
            b'$' => Reply::Bulk(payload(from, count()?)?),
            b'!' => Reply::Error(payload(from, count()?)?),
            b'=' => Reply::Verbatim(payload(from, count()?)?),
            b'*' => Reply::Array(elements(from, count()?)?),
            b'~' => Reply::Set(elements(from, count()?)?),
            b'>' => Reply::Push(elements(from, count()?)?),
            b'%' => Reply::Map(pairs(from, count()?)?),
            b'|' => {
                pairs(from, count()?)?;
                Reply::read(from)?
            }
            _ => return Err(bad(line)),
        })
    }

    /// The bytes of a simple, bulk or verbatim string, of an error, a double or a big number.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Reply::Verbatim(text) => text.get(4..),
            Reply::Simple(text)
            | Reply::Error(text)
            | Reply::Bulk(text)
            | Reply::Double(text)
            | Reply::BigNumber(text) => Some(text),
            _ => None,
        }
    }

    /// The same bytes as text, with what is not UTF-8 replaced; empty for other replies.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes().unwrap_or_default()).into_owned()
    }

    /// The number in an integer reply.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Reply::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// Whether this is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }

    /// The elements of an array, a set or a push; none of anything else.
    #[must_use]
    pub fn elements(&self) -> &[Reply] {
        match self {
            Reply::Array(elements) | Reply::Set(elements) | Reply::Push(elements) => elements,
            _ => &[],
        }
    }

    /// The same reply with the elements of its outermost aggregate sorted, to compare what a
    /// server gives in no particular order.
    #[must_use]
    pub fn sorted(mut self) -> Reply {
        match &mut self {
            Reply::Array(elements) | Reply::Set(elements) | Reply::Push(elements) => {
                elements.sort();
            }
            Reply::Map(pairs) => pairs.sort(),
            _ => {}
        }
        self
    }
}

impl fmt::Debug for Reply {
    /// Close to what redis-cli prints; long strings are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Simple(text) => write!(f, "+{}", shown(text)),
            Reply::Error(text) => write!(f, "-{}", shown(text)),
            Reply::Int(n) => write!(f, ":{n}"),
            Reply::Bulk(text) => write!(f, "\"{}\"", shown(text)),
            Reply::Nil => f.write_str("$-1"),
            Reply::NilArray => f.write_str("*-1"),
            Reply::Null => f.write_str("_"),
            Reply::Double(text) => write!(f, ",{}", shown(text)),
            Reply::Bool(yes) => write!(f, "#{yes}"),
            Reply::BigNumber(text) => write!(f, "({}", shown(text)),
            Reply::Verbatim(text) => write!(f, "={}", shown(text)),
            Reply::Array(elements) => f.debug_list().entries(elements).finish(),
            Reply::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
            Reply::Set(elements) => f.debug_set().entries(elements).finish(),
            Reply::Push(elements) => f.debug_tuple("push").field(elements).finish(),
        }
    }
}

/// At most 100 bytes in printable form.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=100 => bytes.escape_ascii().to_string(),
        len => format!("{}... ({len} bytes)", bytes[..100].escape_ascii()),
    }
}

fn payload(from: &mut impl BufRead, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.by_ref().take(len as u64 + 2).read_to_end(&mut bytes)?;
    if bytes.len() < len + 2 {
        return Err(truncated());
    }
    if bytes.split_off(len) != b"\r\n" {
        return Err(bad(&bytes));
    }
    Ok(bytes)
}

fn elements(from: &mut impl BufRead, count: usize) -> io::Result<Vec<Reply>> {
    (0..count).map(|_| Reply::read(from)).collect()
}

fn pairs(from: &mut impl BufRead, count: usize) -> io::Result<Vec<(Reply, Reply)>> {
    (0..count).map(|_| Ok((Reply::read(from)?, Reply::read(from)?))).collect()
}

fn number(digits: &[u8]) -> io::Result<i64> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or_else(|| bad(digits))
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended inside a reply")
}

fn bad(bytes: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: \"{}\"", shown(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> io::Result<Reply> {
        let reply = Reply::read(&mut bytes)?;
        assert!(bytes.is_empty(), "left over: {bytes:?}");
        Ok(reply)
    }

    #[test]
    fn reads_every_kind() {
        let text = |t: &str| t.as_bytes().to_vec();
        for (wire, reply) in [
            ("+OK\r\n", Reply::Simple(text("OK"))),
            ("-ERR no\r\n", Reply::Error(text("ERR no"))),
            ("!6\r\nERR no\r\n", Reply::Error(text("ERR no"))),
            (":-7\r\n", Reply::Int(-7)),
            ("$3\r\na\r\n\r\n", Reply::Bulk(text("a\r\n"))),
            ("$0\r\n\r\n", Reply::Bulk(vec![])),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::NilArray),
            ("_\r\n", Reply::Null),
            (",inf\r\n", Reply::Double(text("inf"))),
            ("#t\r\n", Reply::Bool(true)),
            ("(123\r\n", Reply::BigNumber(text("123"))),
            ("=5\r\ntxt:a\r\n", Reply::Verbatim(text("txt:a"))),
            ("*2\r\n:1\r\n*0\r\n", Reply::Array(vec![Reply::Int(1), Reply::Array(vec![])])),
            ("%1\r\n+a\r\n:1\r\n", Reply::Map(vec![(Reply::Simple(text("a")), Reply::Int(1))])),
            ("~1\r\n:1\r\n", Reply::Set(vec![Reply::Int(1)])),
            (">1\r\n:1\r\n", Reply::Push(vec![Reply::Int(1)])),
            ("|1\r\n+a\r\n:1\r\n:2\r\n", Reply::Int(2)),
        ] {
            assert_eq!(read(wire.as_bytes()).expect(wire), reply, "{wire}");
            for cut in 0..wire.len() {
                let error = read(&wire.as_bytes()[..cut]).expect_err("cut");
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{wire} cut at {cut}");
            }
        }
    }

    #[test]
    fn refuses_what_is_not_resp() {
        for wire in ["?\r\n", "\r\n", ":x\r\n", "+OK\n", "$1\r\nabc"] {
            let error = read(wire.as_bytes()).expect_err(wire);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wire}");
        }
    }
}
