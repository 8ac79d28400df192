//! Inline requests: a line of blank-separated words with quotes, as typed into telnet.

use alloc::vec::Vec;

use crate::request::Span;

/// A quote was not closed, or closed in the middle of a word.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// Splits `line` (without its LF) into words, appended unquoted to `text` with their places in
/// `spans`. No word at all is no error.
pub(crate) fn split(
    line: &[u8],
    text: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), Unbalanced> {
    let mut rest = line;
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Ok(());
        }
        let start = text.len();
        rest = word(rest, text)?;
        spans.push(Span { start, end: text.len() });
    }
}

/// C's `isspace`, which also has VT and FF.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|&&byte| is_space(byte)).count();
    &line[blanks..]
}

/// Appends the word that `line` starts with and returns what follows it. A quote may open anywhere
/// in a word but its closing ends the word. VT and FF before a word are blanks, inside one they
/// are letters: so it is in Redis.
fn word<'a>(mut line: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        line = match line {
            [] | [b' ' | b'\t' | b'\n' | b'\r', ..] => return Ok(line),
            [b'"', rest @ ..] => return closed(double_quoted(rest, text)?),
            [b'\'', rest @ ..] => return closed(single_quoted(rest, text)?),
            [byte, rest @ ..] => {
                text.push(*byte);
                rest
            }
        };
    }
}

/// Checks that a blank or the end follows a closing quote.
fn closed(rest: &[u8]) -> Result<&[u8], Unbalanced> {
    match rest.first() {
        Some(&byte) if !is_space(byte) => Err(Unbalanced),
        _ => Ok(rest),
    }
}

fn double_quoted<'a>(mut line: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, rest) = match line {
            [] => return Err(Unbalanced),
            [b'"', rest @ ..] => return Ok(rest),
            [b'\\', b'x', high, low, rest @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), rest)
            }
            [b'\\', escaped, rest @ ..] => (unescape(*escaped), rest),
            [byte, rest @ ..] => (*byte, rest),
        };
        text.push(byte);
        line = rest;
    }
}

fn single_quoted<'a>(mut line: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        let (byte, rest) = match line {
            [] => return Err(Unbalanced),
            [b'\'', rest @ ..] => return Ok(rest),
            [b'\\', b'\'', rest @ ..] => (b'\'', rest),
            [byte, rest @ ..] => (*byte, rest),
        };
        text.push(byte);
        line = rest;
    }
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// What a backslash and this byte mean between double quotes.
fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}
