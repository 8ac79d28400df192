//! `LCS`: the longest common subsequence of two strings.

use std::ops::Range;

use redwire_resp::Request;

use crate::commands::options::{integer, is};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::value::{Str, StrRef};

/// What the reply is.
#[derive(Debug, Default)]
struct Options {
    /// `LEN`: the length alone.
    length: bool,
    /// `IDX`: where the parts stand.
    positions: bool,
    /// `MINMATCHLEN`: the shortest part to tell of.
    shortest: usize,
    /// `WITHMATCHLEN`: the length of each part too.
    with_lengths: bool,
}

impl Options {
    fn parse(request: Request<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut args = request.iter().skip(3);
        while let Some(arg) = args.next() {
            match () {
                () if is(arg, "LEN") => options.length = true,
                () if is(arg, "IDX") => options.positions = true,
                () if is(arg, "WITHMATCHLEN") => options.with_lengths = true,
                () if is(arg, "MINMATCHLEN") => {
                    let shortest = integer(args.next().ok_or(CommandError::Syntax)?)?;
                    options.shortest = usize::try_from(shortest).unwrap_or(0);
                }
                () => return Err(CommandError::Syntax),
            }
        }
        if options.length && options.positions {
            return Err(CommandError::text(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

pub(super) fn lcs(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (first, second) =
        (string(&mut context.data, &request[1])?, string(&mut context.data, &request[2])?);
    let options = Options::parse(request)?;
    let (a, b) = (first.as_bytes(), second.as_bytes());
    let table = Table::new(&a, &b, context.data.max_string_len())?;
    let reply = &mut context.reply;
    if options.length {
        reply.integer(i64::from(table.length()));
        return Ok(());
    }
    let parts = table.parts(&a, &b);
    if !options.positions {
        let found: Vec<&[u8]> = parts.iter().rev().map(|part| &a[part.in_first()]).collect();
        reply.bulk(&found.concat());
        return Ok(());
    }
    let told: Vec<&Part> = parts.iter().filter(|part| part.len >= options.shortest).collect();
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(told.len());
    for part in told {
        reply.array(2 + usize::from(options.with_lengths));
        for start in [part.first, part.second] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + part.len - 1) as i64);
        }
        if options.with_lengths {
            reply.integer(part.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(i64::from(table.length()));
    Ok(())
}

fn string(data: &mut Data<'_>, key: &[u8]) -> Result<Str, CommandError> {
    let string = data
        .read::<Str>(key)
        .map_err(|_| CommandError::text("ERR The specified keys must contain string values"))?;
    Ok(string.map(StrRef::to_str).unwrap_or_default())
}

/// A part that stands in both strings, without a gap in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    first: usize,
    second: usize,
    len: usize,
}

impl Part {
    fn in_first(self) -> Range<usize> {
        self.first..self.first + self.len
    }
}

/// The length of the longest common subsequence of each two beginnings of the strings.
struct Table {
    width: usize,
    lengths: Vec<u32>,
}

impl Table {
    /// `limit` bounds the table's size in bytes.
    fn new(a: &[u8], b: &[u8], limit: usize) -> Result<Self, CommandError> {
        let width = b.len() + 1;
        let cells = (a.len() + 1).checked_mul(width);
        let cells =
            cells.filter(|cells| *cells <= limit / size_of::<u32>()).ok_or(CommandError::text(
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
            ))?;
        let mut table = Self { width, lengths: vec![0; cells] };
        for (i, x) in (1..).zip(a) {
            for (j, y) in (1..).zip(b) {
                let length = if x == y {
                    table.at(i - 1, j - 1) + 1
                } else {
                    table.at(i - 1, j).max(table.at(i, j - 1))
                };
                table.lengths[i * width + j] = length;
            }
        }
        Ok(table)
    }

    /// For the first `i` and the first `j` bytes.
    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * self.width + j]
    }

    fn length(&self) -> u32 {
        self.lengths.last().copied().unwrap_or(0)
    }

    /// The parts of the longest common subsequence, last one first.
    fn parts(&self, a: &[u8], b: &[u8]) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let (mut i, mut j) = (a.len(), b.len());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                match parts.last_mut() {
                    Some(part) if part.first == i + 1 && part.second == j + 1 => {
                        *part = Part { first: i, second: j, len: part.len + 1 };
                    }
                    _ => parts.push(Part { first: i, second: j, len: 1 }),
                }
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        parts
    }
}
