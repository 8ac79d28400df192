//! Replies decoded as plainly as can be: by recursion, from the start, without limits.

use redwire_resp::{Attributed, Value, parse_f64, parse_i64};

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stop {
    Incomplete,
    Malformed,
}

/// The first reply in `bytes`, and its length.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Value, usize), Stop> {
    let mut reader = Reader { bytes, pos: 0 };
    let value = reader.value()?;
    Ok((value, reader.pos))
}

struct Reader<'a> {
    bytes: &'a [u8],
    pos: usize,
}

/// How many elements an aggregate has.
#[derive(Clone, Copy)]
enum Count {
    Known(u64),
    Streamed,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Value, Stop> {
        let line = self.line()?;
        self.value_of(line)
    }

    /// A line without its CR LF, at least a byte of it.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.pos..];
        let end = rest.iter().position(|byte| b"\r\n".contains(byte)).ok_or(Stop::Incomplete)?;
        self.expect_newline(&rest[end..])?;
        self.pos += end + 2;
        if end == 0 { Err(Stop::Malformed) } else { Ok(&rest[..end]) }
    }

    fn expect_newline(&self, rest: &[u8]) -> Result<(), Stop> {
        match rest {
            [] | [b'\r'] => Err(Stop::Incomplete),
            [b'\r', b'\n', ..] => Ok(()),
            _ => Err(Stop::Malformed),
        }
    }

    fn value_of(&mut self, line: &[u8]) -> Result<Value, Stop> {
        let text = &line[1..];
        Ok(match (line[0], text) {
            (b'_', b"") | (b'$' | b'*', b"-1") => Value::Null,
            (b'+', _) => Value::Simple(text.to_vec()),
            (b'-', _) => Value::Error(text.to_vec()),
            (b':', _) => {
                let digits = text.strip_prefix(b"+").unwrap_or(text);
                Value::Integer(parse_i64(digits).ok_or(Stop::Malformed)?)
            }
            (b'#', b"t") => Value::Boolean(true),
            (b'#', b"f") => Value::Boolean(false),
            (b',', b"nan" | b"-nan") => Value::Double(f64::NAN),
            (b',', _) if text.iter().any(|byte| b"xX".contains(byte)) => {
                return Err(Stop::Malformed);
            }
            (b',', _) => Value::Double(parse_f64(text).ok_or(Stop::Malformed)?),
            (b'(', _) => {
                let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
                if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                    return Err(Stop::Malformed);
                }
                Value::BigNumber(text.to_vec())
            }
            (b'$', b"?") => Value::Bulk(self.chunks()?),
            (b'$', _) => Value::Bulk(self.payload(text)?),
            (b'!', _) => Value::BulkError(self.payload(text)?),
            (b'=', _) => {
                // Its length is refused before its bytes are there.
                if parse_i64(text).is_none_or(|len| len < 4) {
                    return Err(Stop::Malformed);
                }
                let payload = self.payload(text)?;
                if payload[3] != b':' {
                    return Err(Stop::Malformed);
                }
                let format = [payload[0], payload[1], payload[2]];
                Value::Verbatim { format, text: payload[4..].to_vec() }
            }
            (b'*', _) => Value::Array(self.values(count(text)?)?.into()),
            (b'~', _) => Value::Set(self.values(count(text)?)?.into()),
            (b'>', b"?") => return Err(Stop::Malformed),
            (b'>', _) => Value::Push(self.values(count(text)?)?.into()),
            (b'%', _) => Value::Map(self.pairs(count(text)?)?.into()),
            (b'|', _) => {
                let attributes = self.pairs(count(text)?)?;
                Value::Attributed(Attributed::new(attributes, self.value()?))
            }
            _ => return Err(Stop::Malformed),
        })
    }

    fn payload(&mut self, len: &[u8]) -> Result<Vec<u8>, Stop> {
        let len = parse_i64(len).and_then(|len| usize::try_from(len).ok());
        let len = len.filter(|&len| len <= 512 << 20).ok_or(Stop::Malformed)?;
        let rest = &self.bytes[self.pos..];
        if rest.len() < len + 2 {
            return Err(Stop::Incomplete);
        }
        self.expect_newline(&rest[len..])?;
        self.pos += len + 2;
        Ok(rest[..len].to_vec())
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Stop> {
        let mut text = Vec::new();
        loop {
            match self.line()? {
                b";0" => return Ok(text),
                [b';', len @ ..] => text.append(&mut self.payload(len)?),
                _ => return Err(Stop::Malformed),
            }
        }
    }

    fn values(&mut self, count: Count) -> Result<Vec<Value>, Stop> {
        let mut values = Vec::new();
        loop {
            match count {
                Count::Known(count) if values.len() as u64 == count => return Ok(values),
                Count::Known(_) => values.push(self.value()?),
                Count::Streamed => match self.line()? {
                    b"." => return Ok(values),
                    line => values.push(self.value_of(line)?),
                },
            }
        }
    }

    fn pairs(&mut self, count: Count) -> Result<Vec<(Value, Value)>, Stop> {
        let count = match count {
            Count::Known(count) => Count::Known(count.checked_mul(2).ok_or(Stop::Malformed)?),
            Count::Streamed => Count::Streamed,
        };
        let mut values = self.values(count)?.into_iter();
        let mut pairs = Vec::new();
        while let Some(key) = values.next() {
            pairs.push((key, values.next().ok_or(Stop::Malformed)?));
        }
        Ok(pairs)
    }
}

fn count(text: &[u8]) -> Result<Count, Stop> {
    if text == b"?" {
        return Ok(Count::Streamed);
    }
    let count = parse_i64(text).and_then(|count| u64::try_from(count).ok());
    // The default limit of the decoder: so many elements are not refused here, but there.
    count.filter(|&count| count <= 1 << 30).map(Count::Known).ok_or(Stop::Malformed)
}
