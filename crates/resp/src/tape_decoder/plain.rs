//! The fast way for nearly all values there are: those that are all there, on short lines.

use super::{Frame, Left, TapeDecoder};
use crate::error::ReplyError;
use crate::limits::{ADDRESSABLE, ReplyLimits};
use crate::number::{short_decimal, swar_number};
use crate::tape::{Entry, Kind};

/// Longest line that [`value`] takes, without its end: a limit below that is for the slow way.
const LINE_MAX: usize = 19;

impl TapeDecoder {
    /// Takes a reply that is one plain value; answers where it ends.
    #[inline]
    pub(super) fn plain_reply(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.searched > 0 {
            return None;
        }
        let (entry, end) = value(bytes, 0, &self.limits)?;
        self.tape.push(entry);
        self.wanted = 0;
        Some(end)
    }

    /// Takes plain values that come one behind the other, to the end of the aggregate that they are
    /// in. Whether the reply is whole.
    #[inline]
    pub(super) fn plain_values(&mut self, bytes: &[u8]) -> Result<bool, ReplyError> {
        if self.payload.is_some() || self.chunks.is_some() || self.searched > 0 {
            return Ok(false);
        }
        let wanted = match self.stack.last() {
            None => 1,
            Some(Frame { left: Left::Count(left), .. }) => *left,
            Some(_) => return Ok(false),
        };
        let (mut left, mut pos) = (wanted, self.pos);
        let mut known = BulkHeader::default();
        while left > 0
            && let Some((entry, end)) =
                known.like(bytes, pos).or_else(|| value(bytes, pos, &self.limits))
        {
            known.learn(bytes, pos, entry);
            self.tape.push(entry);
            pos = end;
            left -= 1;
        }
        if left == wanted {
            return Ok(false);
        }
        self.pos = pos;
        if let Some(frame) = self.stack.last_mut() {
            // The last one is counted by `place`, which knows what it completes.
            frame.left = Left::Count(left.max(1));
        }
        if left == 0 { self.place() } else { Ok(false) }
    }
}

/// The header of the first bulk string of an aggregate. Those behind it often have the same one: then
/// where they end is known without reading a number first.
#[derive(Default)]
struct BulkHeader {
    bits: u64,
    /// The bytes of a word that the header takes; 0 when none is known.
    mask: u64,
    /// Its length with its line end.
    line: usize,
    /// The length that it says.
    len: usize,
}

impl BulkHeader {
    #[inline(always)]
    fn learn(&mut self, bytes: &[u8], pos: usize, entry: Entry) {
        if entry.kind != Kind::Bulk || self.mask != 0 {
            return;
        }
        let line = entry.start() - pos;
        let word = bytes.get(pos..pos + 8).and_then(|word| word.first_chunk());
        if let Some(word) = word {
            self.mask = u64::MAX >> (64 - 8 * line);
            self.bits = u64::from_le_bytes(*word) & self.mask;
            (self.line, self.len) = (line, entry.data as usize);
        }
    }

    #[inline(always)]
    fn like(&self, bytes: &[u8], pos: usize) -> Option<(Entry, usize)> {
        if self.mask == 0 {
            return None;
        }
        let word = u64::from_le_bytes(*bytes.get(pos..pos + 8)?.first_chunk()?);
        if word & self.mask != self.bits {
            return None;
        }
        let start = pos + self.line;
        let end = start + self.len;
        (bytes.get(end..end + 2)? == b"\r\n")
            .then(|| (Entry::new(Kind::Bulk, start, self.len as u64), end + 2))
    }
}

/// The value at `pos` that is no aggregate, and where it ends; `None` if it is not all there, or for
/// the slow way to judge.
#[inline(always)]
fn value(bytes: &[u8], pos: usize, limits: &ReplyLimits) -> Option<(Entry, usize)> {
    if limits.line_len < LINE_MAX {
        return None;
    }
    let rest = bytes.get(pos..)?;
    match *rest {
        [b':', ref text @ ..] => {
            let (number, digits) = swar_number(text)?;
            Some((Entry::new(Kind::Integer, 0, number), pos + digits + 3))
        }
        [b'$', b'-', b'1', b'\r', b'\n', ..] => Some((Entry::new(Kind::Null, 0, 0), pos + 5)),
        [b'$', ref text @ ..] => {
            let (len, digits) = short_length(text)?;
            let start = pos + digits + 3;
            let end = start + len;
            let is_whole = bytes.get(end..end + 2)? == b"\r\n";
            (is_whole && len as u64 <= limits.bulk_len.min(ADDRESSABLE))
                .then(|| (Entry::new(Kind::Bulk, start, len as u64), end + 2))
        }
        [b',', ref text @ ..] => {
            let (number, len) = short_decimal(text)?;
            Some((Entry::new(Kind::Double, 0, number.to_bits()), pos + len + 3))
        }
        [b'+', b'O', b'K', b'\r', b'\n', ..] => {
            Some((Entry::new(Kind::Simple, pos + 1, 2), pos + 5))
        }
        [b'_', b'\r', b'\n', ..] => Some((Entry::new(Kind::Null, 0, 0), pos + 3)),
        [b'#', value @ (b't' | b'f'), b'\r', b'\n', ..] => {
            Some((Entry::new(Kind::Boolean, 0, u64::from(value == b't')), pos + 4))
        }
        _ => None,
    }
}

/// A length of up to three digits that CR LF ends, and how many digits they are.
#[inline(always)]
fn short_length(text: &[u8]) -> Option<(usize, usize)> {
    let digit = |byte: u8| usize::from(byte.wrapping_sub(b'0'));
    match *text {
        [a, b'\r', b'\n', ..] if digit(a) <= 9 => Some((digit(a), 1)),
        [a @ b'1'..=b'9', b, b'\r', b'\n', ..] if digit(b) <= 9 => {
            Some((digit(a) * 10 + digit(b), 2))
        }
        [a @ b'1'..=b'9', b, c, b'\r', b'\n', ..] if digit(b) <= 9 && digit(c) <= 9 => {
            Some((digit(a) * 100 + digit(b) * 10 + digit(c), 3))
        }
        _ => None,
    }
}
