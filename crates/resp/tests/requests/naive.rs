//! The rules of requests, written down as plainly as they can be: no state, every look from the
//! start.

use redwire_resp::{Limits, Mode, RequestError};

/// What a decoder says about the bytes it was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Request(Vec<Vec<u8>>),
    /// All pieces are in, and this many bytes are used.
    Waits(usize),
    Fails(RequestError),
}

pub(crate) struct Naive {
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
    pub(crate) authenticated: bool,
}

/// One request off the front of the bytes: its arguments (none for an empty one) and its length.
type Found = Option<(Vec<Vec<u8>>, usize)>;

impl Naive {
    /// What comes of bytes that arrive in these pieces.
    pub(crate) fn events(&self, pieces: &[&[u8]]) -> Vec<Event> {
        let (mut events, mut received, mut used) = (Vec::new(), Vec::new(), 0);
        for piece in pieces {
            received.extend_from_slice(piece);
            loop {
                match self.one(&received[used..], used as u64) {
                    Ok(Some((args, len))) => {
                        used += len;
                        if !args.is_empty() {
                            events.push(Event::Request(args));
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        events.push(Event::Fails(error));
                        return events;
                    }
                }
            }
        }
        events.push(Event::Waits(used));
        events
    }

    fn one(&self, bytes: &[u8], at: u64) -> Result<Found, RequestError> {
        match bytes.first() {
            None => Ok(None),
            Some(b'*') => self.multibulk(bytes, at),
            Some(_) => self.inline(bytes, at),
        }
    }

    fn multibulk(&self, bytes: &[u8], at: u64) -> Result<Found, RequestError> {
        let too_big = RequestError::TooBigCountLine { at };
        let Some((line, mut pos)) = self.header(bytes, at, too_big)? else { return Ok(None) };
        let count = strict_decimal(&line[1..]).filter(|&count| count <= self.limits.args.into());
        let count = count.ok_or(RequestError::InvalidCount { at })?;
        if count > self.limits.unauthenticated_args.into() && !self.authenticated {
            return Err(RequestError::UnauthenticatedCount { at });
        }
        let mut args = Vec::new();
        for _ in 0..count {
            let Some((arg, len)) = self.argument(&bytes[pos..], at + pos as u64)? else {
                return Ok(None);
            };
            args.push(arg);
            pos += len;
        }
        Ok(Some((args, pos)))
    }

    fn argument(&self, bytes: &[u8], at: u64) -> Result<Option<(Vec<u8>, usize)>, RequestError> {
        let too_big = RequestError::TooBigLengthLine { at };
        let Some((line, start)) = self.header(bytes, at, too_big)? else { return Ok(None) };
        let got = bytes[0];
        if got != b'$' {
            return Err(RequestError::ExpectedDollar { at, got });
        }
        let fits = |len: &i128| (0..=self.limits.bulk_len.into()).contains(len);
        let len = strict_decimal(&line[1..]).filter(fits);
        let len = len.ok_or(RequestError::InvalidLength { at })?;
        if len > self.limits.unauthenticated_bulk_len.into() && !self.authenticated {
            return Err(RequestError::UnauthenticatedLength { at });
        }
        let end = start + usize::try_from(len).expect("the test's limits are small");
        if bytes.len() < end + 2 {
            return Ok(None);
        }
        if self.mode == Mode::Strict && &bytes[end..end + 2] != b"\r\n" {
            return Err(RequestError::ExpectedCrLf { at: at + end as u64 });
        }
        Ok(Some((bytes[start..end].to_vec(), end + 2)))
    }

    /// The line up to its CR, and the place two bytes on.
    fn header<'a>(
        &self,
        bytes: &'a [u8],
        at: u64,
        too_big: RequestError,
    ) -> Result<Option<(&'a [u8], usize)>, RequestError> {
        let Some(end) = self.line_end(bytes, b'\r', self.limits.header_len, too_big)? else {
            return Ok(None);
        };
        match bytes.get(end + 1) {
            None => Ok(None),
            Some(&after) if self.mode == Mode::Strict && after != b'\n' => {
                Err(RequestError::ExpectedCrLf { at: at + end as u64 })
            }
            Some(_) => Ok(Some((&bytes[..end], end + 2))),
        }
    }

    fn line_end(
        &self,
        bytes: &[u8],
        end: u8,
        limit: usize,
        too_big: RequestError,
    ) -> Result<Option<usize>, RequestError> {
        let found = bytes.iter().position(|&byte| byte == end);
        match self.mode {
            Mode::Strict if found.unwrap_or(bytes.len()) > limit => Err(too_big),
            Mode::Strict => Ok(found),
            Mode::Compatible => {
                let hidden = found.is_some_and(|found| bytes[..found].contains(&0));
                let found = found.filter(|_| !hidden);
                if found.is_none() && bytes.len() > limit { Err(too_big) } else { Ok(found) }
            }
        }
    }

    fn inline(&self, bytes: &[u8], at: u64) -> Result<Found, RequestError> {
        let too_big = RequestError::TooBigInline { at };
        let Some(end) = self.line_end(bytes, b'\n', self.limits.inline_len, too_big)? else {
            return Ok(None);
        };
        let mut line = &bytes[..end];
        if line.ends_with(b"\r") {
            line = &line[..line.len() - 1];
        }
        let args = split(line).ok_or(RequestError::UnbalancedQuotes { at })?;
        Ok(Some((args, end + 1)))
    }
}

fn strict_decimal(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number.into())
}

/// Words of a line, letter by letter, as `sdssplitargs` goes.
fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let is_space = |byte: u8| b" \t\n\x0b\x0c\r".contains(&byte);
    let at = |i: usize| line.get(i).copied();
    let (mut words, mut i) = (Vec::new(), 0);
    loop {
        while at(i).is_some_and(is_space) {
            i += 1;
        }
        if i == line.len() {
            return Some(words);
        }
        let (mut word, mut quote) = (Vec::new(), None);
        loop {
            let byte = at(i);
            match (quote, byte) {
                (None, None | Some(b' ' | b'\t' | b'\r' | b'\n')) => break,
                (None, Some(open @ (b'"' | b'\''))) => quote = Some(open),
                (Some(_), None) => return None,
                (Some(open), Some(close)) if open == close => {
                    if at(i + 1).is_some_and(|byte| !is_space(byte)) {
                        return None;
                    }
                    i += 1;
                    break;
                }
                (Some(b'"'), Some(b'\\')) => match (at(i + 1), hex(line, i + 2)) {
                    (Some(b'x'), Some(value)) => {
                        word.push(value);
                        i += 3;
                    }
                    (Some(escaped), _) => {
                        let found =
                            b"n\nr\rt\tb\x08a\x07".chunks(2).find(|pair| pair[0] == escaped);
                        word.push(found.map_or(escaped, |pair| pair[1]));
                        i += 1;
                    }
                    (None, _) => word.push(b'\\'),
                },
                (Some(b'\''), Some(b'\\')) if at(i + 1) == Some(b'\'') => {
                    word.push(b'\'');
                    i += 1;
                }
                (_, Some(byte)) => word.push(byte),
            }
            i += 1;
        }
        words.push(word);
    }
}

fn hex(line: &[u8], i: usize) -> Option<u8> {
    let digits = line.get(i..i + 2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
