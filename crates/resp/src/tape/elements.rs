//! The values within an aggregate, each with the bytes that it was sent as.

use core::fmt;
use core::iter::FusedIterator;

use memchr::memchr;

use super::{Entry, Kind, Tape};

/// What ends a streamed aggregate.
const AGGREGATE_END: &[u8] = b".\r\n";

/// What ends a streamed string.
const STRING_END: &[u8] = b";0\r\n";

/// The values directly within a reply, see [`Tape::elements`].
#[derive(Clone)]
pub struct Elements<'a> {
    /// The reply's entries that are left.
    entries: &'a [Entry],
    bytes: Bytes<'a>,
    left: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(tape: &Tape<'a>) -> Self {
        let mut bytes = Bytes { reply: tape.reply, pos: tape.start };
        let Some((first, entries)) = tape.entries.split_first() else {
            return Self { entries: &[], bytes, left: 0 }; // Not reached: a tape is one whole value.
        };
        let left = first.elements();
        bytes.skip_line();
        Self { entries, bytes, left }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Tape<'a>;

    fn next(&mut self) -> Option<Tape<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Between streamed attributes and their value.
        self.bytes.skip(AGGREGATE_END);
        let start = self.bytes.pos;
        let count = self.bytes.skip_value(self.entries);
        let (entries, rest) = self.entries.split_at(count);
        self.entries = rest;
        Some(Tape { reply: &self.bytes.reply[..self.bytes.pos], start, entries })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Elements<'_> {}

impl FusedIterator for Elements<'_> {}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// A walk through the bytes of a reply that is known to be well-formed and whole.
#[derive(Clone)]
struct Bytes<'a> {
    reply: &'a [u8],
    pos: usize,
}

impl Bytes<'_> {
    /// Goes behind the value at `pos`, which is the first of `entries`; answers how many of them it
    /// is. Only counts are kept of what is nested, so that no depth needs memory.
    fn skip_value(&mut self, entries: &[Entry]) -> usize {
        // Values to come, and ends of streamed aggregates to come.
        let (mut values, mut ends) = (1, 0);
        let mut count = 0;
        while values > 0
            && let Some(entry) = entries.get(count)
        {
            count += 1;
            // An aggregate ends before the next value, or not before this one is over.
            while self.skip(AGGREGATE_END) {
                ends -= 1;
            }
            values = values - 1 + entry.elements();
            match entry.kind {
                Kind::Streamed => {
                    self.skip_line();
                    let chunks = entry.data as usize;
                    for chunk in entries.iter().skip(count).take(chunks) {
                        self.pos = chunk.end();
                    }
                    count += chunks;
                    self.skip(STRING_END);
                }
                kind if kind.is_aggregate() => {
                    ends += usize::from(self.reply[self.pos + 1] == b'?');
                    self.skip_line();
                }
                kind if kind.has_text() => self.pos = entry.end(),
                _ => self.skip_line(),
            }
        }
        self.pos += ends * AGGREGATE_END.len();
        count
    }

    /// Goes behind the line at `pos`, which has no text of the peer's choice.
    fn skip_line(&mut self) {
        let rest = &self.reply[self.pos..];
        self.pos += memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
    }

    /// Goes behind `mark` if that is what is here.
    fn skip(&mut self, mark: &[u8]) -> bool {
        let is_here = self.reply[self.pos..].starts_with(mark);
        self.pos += if is_here { mark.len() } else { 0 };
        is_here
    }
}

impl Kind {
    fn is_aggregate(self) -> bool {
        matches!(self, Self::Array | Self::Set | Self::Push | Self::Map | Self::Attribute)
    }

    fn has_text(self) -> bool {
        matches!(
            self,
            Self::Simple
                | Self::Error
                | Self::Bulk
                | Self::BigNumber
                | Self::BulkError
                | Self::Verbatim
                | Self::Chunk
        )
    }
}

impl Entry {
    /// Values directly within it; the value that attributes belong to is one of theirs.
    fn elements(&self) -> usize {
        let count = self.data as usize; // of values that are in memory
        match self.kind {
            Kind::Array | Kind::Set | Kind::Push => count,
            Kind::Map => 2 * count,
            Kind::Attribute => 2 * count + 1,
            _ => 0,
        }
    }

    /// Where its text ends, the line end included.
    fn end(&self) -> usize {
        self.start() + self.data as usize + 2
    }
}
