use memchr::memchr;

use crate::Outcome;

/// What every reply of a run must be, beside not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// `+OK`.
    Status,
    /// An integer.
    Integer,
    /// A string of this many bytes.
    Bulk(usize),
    /// Anything: strings, integers, nulls and arrays of them.
    Any,
}

/// Counts replies by walking their frames, without keeping them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames {
    /// Values of the array under way that are still to come, itself not counted.
    inner: u64,
}

/// A value's extent: its first byte, the number in its line, and the bytes after the line.
struct Head {
    kind: u8,
    number: i64,
    line: usize,
}

impl Frames {
    /// Walks over the whole values in `bytes` and answers how many replies ended there and how many
    /// bytes they have. The rest must be shown again.
    ///
    /// # Errors
    /// A reply that is not as expected, with its text.
    pub fn walk(&mut self, bytes: &[u8], expect: Expect) -> Outcome<(u64, usize)> {
        let (mut replies, mut at) = (0, 0);
        while let Some(head) = head(&bytes[at..]) {
            let len = match head.kind {
                b'$' if head.number >= 0 => head.line + usize::try_from(head.number)? + 2,
                _ => head.line,
            };
            if bytes.len() - at < len {
                break;
            }
            let value = &bytes[at..at + len];
            if !as_expected(&head, value, expect) {
                let text = value.escape_ascii();
                return Err(format!("expected {expect:?}, the reply is {text}").into());
            }
            at += len;
            let inner = if head.kind == b'*' { u64::try_from(head.number).unwrap_or(0) } else { 0 };
            self.inner = self.inner.saturating_sub(1) + inner;
            replies += u64::from(self.inner == 0);
        }
        Ok((replies, at))
    }
}

/// The first line of a value, if it is whole.
#[inline]
fn head(bytes: &[u8]) -> Option<Head> {
    let line = memchr(b'\n', bytes)? + 1;
    let kind = bytes[0];
    let number = if matches!(kind, b'$' | b'*' | b':') { number(&bytes[1..line]) } else { 0 };
    Some(Head { kind, number, line })
}

/// A decimal number at the start of a line. What it is not stands for itself: the replies of the
/// servers measured are not in doubt, only what they are.
#[inline]
fn number(line: &[u8]) -> i64 {
    let (digits, sign) = line.strip_prefix(b"-").map_or((line, 1), |digits| (digits, -1));
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    sign * digits
        .fold(0, |sum: i64, digit| sum.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')))
}

#[inline]
fn as_expected(head: &Head, value: &[u8], expect: Expect) -> bool {
    match expect {
        Expect::Status => value == b"+OK\r\n",
        Expect::Integer => head.kind == b':',
        Expect::Bulk(len) => {
            head.kind == b'$' && usize::try_from(head.number) == Ok(len) && value.ends_with(b"\r\n")
        }
        Expect::Any => matches!(head.kind, b'+' | b':' | b'$' | b'*'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows the bytes as they come in two pieces.
    fn count(bytes: &[u8], cut: usize, expect: Expect) -> Outcome<u64> {
        let mut frames = Frames::default();
        let (first, used) = frames.walk(&bytes[..cut], expect)?;
        let (second, rest) = frames.walk(&bytes[used..], expect)?;
        assert_eq!(used + rest, bytes.len());
        Ok(first + second)
    }

    #[test]
    fn counts_replies_however_they_are_cut() {
        let mixed = b"+OK\r\n:-12\r\n$3\r\na\nb\r\n*3\r\n$1\r\nx\r\n$-1\r\n:1\r\n*0\r\n$0\r\n\r\n";
        for cut in 0..=mixed.len() {
            assert_eq!(count(mixed, cut, Expect::Any).unwrap(), 6, "cut at {cut}");
        }
        assert_eq!(count(b"$2\r\nab\r\n$2\r\ncd\r\n", 5, Expect::Bulk(2)).unwrap(), 2);
    }

    #[test]
    fn refuses_what_was_not_asked_for() {
        for (reply, expect) in [
            (&b"-ERR no\r\n"[..], Expect::Any),
            (b"$-1\r\n", Expect::Bulk(64)),
            (b"$1\r\na\r\n", Expect::Bulk(64)),
            (b"+QUEUED\r\n", Expect::Status),
            (b"$1\r\n1\r\n", Expect::Integer),
        ] {
            let error = count(reply, 0, expect).unwrap_err().to_string();
            assert!(error.contains(&reply.escape_ascii().to_string()), "{error}");
        }
    }
}
