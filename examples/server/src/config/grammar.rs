//! The grammar of redis.conf, read with nom.
//!
//! A line is a comment, blank, or words divided by white space. A word may end
//! in a quoted part: in double quotes with the escapes `\n \r \t \a \b \xHH`
//! and `\` before any other byte, or in single quotes with `\'` alone.

use nom::branch::alt;
use nom::bytes::complete::{take, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{
    all_consuming, eof, map, map_opt, map_res, opt, peek, recognize, value, verify,
};
use nom::error::Error;
use nom::multi::{fold_many0, many0};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

/// A quote that is not closed, or is followed by something else than space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Unbalanced quotes in configuration line")]
pub(crate) struct Unbalanced;

/// A line without the white space around it, or `None` if it says nothing.
pub(super) fn directive(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    (!line.is_empty() && line[0] != b'#').then_some(line)
}

/// Splits a line into words and takes the quotes off them.
pub(super) fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let between = take_while(is_space);
    let mut all = all_consuming(preceded(between, many0(terminated(word, take_while(is_space)))));
    all.parse(line).map(|(_, words)| words).map_err(|_| Unbalanced)
}

/// Puts bytes into double quotes, so that [`words`] gives them back.
pub(super) fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(format!("\\x{byte:02x}").into_bytes()),
        }
    }
    out.push(b'"');
    out
}

/// Reads a decimal integer, strictly as Redis does: no sign `+`, no leading
/// zero, no space, and within the range of 64 bits.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let number = verify(recognize((opt(char('-')), digit1)), |digits: &[u8]| {
        !digits.starts_with(b"-0") && (digits == b"0" || !digits.starts_with(b"0"))
    });
    only(map_res(number, decimal), text)
}

/// Reads an octal number, as the permissions of a file are written.
pub(super) fn octal(text: &[u8]) -> Option<i64> {
    let digits = take_while1(|byte: u8| (b'0'..=b'7').contains(&byte));
    only(map_opt(digits, |digits| i64::from_str_radix(str::from_utf8(digits).ok()?, 8).ok()), text)
}

/// The largest unit that writes a size without a fraction: `64mb`, `1500`.
pub(super) fn with_unit(bytes: u64) -> String {
    for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

fn only<'a, T>(
    parser: impl Parser<&'a [u8], Output = T, Error = Error<&'a [u8]>>,
    text: &'a [u8],
) -> Option<T> {
    all_consuming(parser).parse(text).ok().map(|(_, value)| value)
}

fn decimal<T: std::str::FromStr>(digits: &[u8]) -> Result<T, ()> {
    str::from_utf8(digits).map_err(drop)?.parse().map_err(drop)
}

fn is_space(byte: u8) -> bool {
    // What C's isspace says: Rust's own test leaves out the vertical tab.
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn word(line: &[u8]) -> IResult<&[u8], Vec<u8>> {
    let (rest, plain) = take_while(|b| !is_space(b) && b != b'"' && b != b'\'')(line)?;
    let end = alt((eof, take_while1(is_space)));
    let (rest, tail) =
        opt(terminated(alt((double_quoted, single_quoted)), peek(end))).parse(rest)?;
    match tail {
        Some(tail) => Ok((rest, [plain, &tail].concat())),
        None if plain.is_empty() => {
            Err(nom::Err::Error(Error::new(line, nom::error::ErrorKind::Eof)))
        }
        None => Ok((rest, plain.to_vec())),
    }
}

fn double_quoted(line: &[u8]) -> IResult<&[u8], Vec<u8>> {
    let piece = alt((preceded(char('\\'), escape), verify(byte, |b| *b != b'"' && *b != b'\\')));
    delimited(char('"'), fold_many0(piece, Vec::new, push), char('"')).parse(line)
}

fn single_quoted(line: &[u8]) -> IResult<&[u8], Vec<u8>> {
    let quote = value(b'\'', nom::bytes::complete::tag(&b"\\'"[..]));
    let piece = alt((quote, verify(byte, |b| *b != b'\'')));
    delimited(char('\''), fold_many0(piece, Vec::new, push), char('\'')).parse(line)
}

/// What stands after a backslash in double quotes.
fn escape(line: &[u8]) -> IResult<&[u8], u8> {
    let digits = take_while_m_n(2, 2, |b: u8| b.is_ascii_hexdigit());
    let hex = map_opt(preceded(char('x'), digits), |digits| {
        u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    });
    let letter = map(byte, |b| match b {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 0x07,
        b'b' => 0x08,
        other => other,
    });
    alt((hex, letter)).parse(line)
}

fn byte(line: &[u8]) -> IResult<&[u8], u8> {
    map(take(1_usize), |one: &[u8]| one[0]).parse(line)
}

fn push(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use redwire_outbuf::memory_size;

    /// The grammar again, by hand and a byte at a time.
    fn naive_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut words = Vec::new();
        let mut at = 0;
        loop {
            while at < line.len() && is_space(line[at]) {
                at += 1;
            }
            if at == line.len() {
                return Some(words);
            }
            let mut word = Vec::new();
            let mut quote = None;
            while at < line.len() {
                let byte = line[at];
                at += 1;
                match quote {
                    None if is_space(byte) => break,
                    None if byte == b'"' || byte == b'\'' => quote = Some(byte),
                    Some(open) if byte == open => {
                        if line.get(at).is_some_and(|&next| !is_space(next)) {
                            return None;
                        }
                        quote = None;
                        break;
                    }
                    Some(b'\'') if byte == b'\\' && line.get(at) == Some(&b'\'') => {
                        word.push(b'\'');
                        at += 1;
                    }
                    Some(b'"') if byte == b'\\' && at < line.len() => {
                        let hex = line.get(at..at + 3).filter(|h| h[0] == b'x').and_then(|h| {
                            let digits = str::from_utf8(&h[1..]).ok()?;
                            let hex = digits.bytes().all(|d| d.is_ascii_hexdigit());
                            hex.then(|| u8::from_str_radix(digits, 16).ok())?
                        });
                        let plain = match line[at] {
                            b'n' => b'\n',
                            b'r' => b'\r',
                            b't' => b'\t',
                            b'a' => 7,
                            b'b' => 8,
                            other => other,
                        };
                        word.push(hex.unwrap_or(plain));
                        at += if hex.is_some() { 3 } else { 1 };
                    }
                    _ => word.push(byte),
                }
            }
            if quote.is_some() {
                return None;
            }
            words.push(word);
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(given in prop::collection::vec(any::<Vec<u8>>(), 0..6)) {
            let line = given.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(&b' ');
            prop_assert!(line.iter().all(|byte| (b' '..=b'~').contains(byte)));
            prop_assert_eq!(words(&line), Ok(given));
        }

        #[test]
        fn words_agree_with_the_naive_twin(line in "[ab\\\\'\"x4fn \t\u{b}]{0,24}") {
            prop_assert_eq!(words(line.as_bytes()).ok(), naive_words(line.as_bytes()));
        }

        #[test]
        fn any_bytes_split_as_the_naive_twin_does(line in any::<Vec<u8>>()) {
            prop_assert_eq!(words(&line).ok(), naive_words(&line));
        }

        #[test]
        fn integers_come_back(number in any::<i64>()) {
            prop_assert_eq!(integer(number.to_string().as_bytes()), Some(number));
        }

        #[test]
        fn sizes_with_a_unit_come_back(size in any::<u64>(), shift in 0..64_u32) {
            let size = size >> shift << (shift / 2);
            prop_assert_eq!(memory_size(with_unit(size).as_bytes()), Some(size));
        }
    }

    #[test]
    fn a_quote_must_close_at_the_end_of_its_word() {
        for line in ["\"a", "'a", "\"a\"b", "'a'b", "a\"b\"c", "\"a\\\"", "x '"] {
            assert_eq!(words(line.as_bytes()), Err(Unbalanced), "{line}");
        }
        assert_eq!(words(b"a\"b c\" d"), Ok(vec![b"ab c".to_vec(), b"d".to_vec()]));
        assert_eq!(words(b"save \"\""), Ok(vec![b"save".to_vec(), Vec::new()]));
    }

    #[test]
    fn integers_are_strict() {
        for text in ["", "+5", "05", "-0", "-", " 5", "5 ", "0x10", "1.0", "99999999999999999999"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
        assert_eq!(integer(b"0"), Some(0));
    }

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        let cases = [("0", 0), ("1k", 1000), ("1KB", 1024), ("2m", 2_000_000), ("64mb", 64 << 20)];
        // As in Redis no digits are 0.
        let cases = cases.into_iter().chain([("", 0), ("b", 0), ("MB", 0)]);
        for (text, size) in cases.chain([("1g", 1_000_000_000), ("1Gb", 1 << 30)]) {
            assert_eq!(memory_size(text.as_bytes()), Some(size), "{text}");
        }
        for text in ["-1", "+1", "1.5gb", "1xb", "5%", " ", "20000000000gb"] {
            assert_eq!(memory_size(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        assert_eq!(directive(b"  # port 1"), None);
        assert_eq!(directive(b" \t\r"), None);
        assert_eq!(directive(b"\tport 1\r"), Some(&b"port 1"[..]));
    }
}
