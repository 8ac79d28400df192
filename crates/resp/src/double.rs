//! Doubles in text, printed as Redis prints them.

mod shortest;

use core::fmt::{self, Write as _};

use shortest::Digits;

/// Room on the stack for any double's text.
#[derive(Clone, Debug)]
pub struct DoubleBuffer {
    bytes: [u8; Self::SIZE],
    len: usize,
}

impl DoubleBuffer {
    const SIZE: usize = 40;

    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; Self::SIZE], len: 0 }
    }

    fn clear(&mut self) -> &mut Self {
        self.len = 0;
        self
    }

    fn text(&mut self, text: &[u8]) -> &mut Self {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
        self
    }

    fn zeros(&mut self, count: usize) -> &mut Self {
        self.bytes[self.len..self.len + count].fill(b'0');
        self.len += count;
        self
    }

    fn sign(&mut self, value: f64) -> &mut Self {
        if value.is_sign_negative() { self.text(b"-") } else { self }
    }

    /// `digits` with the point behind the first `whole` of them, 0 or fewer meaning zeros before
    /// them, more than there are zeros behind them.
    fn fixed(&mut self, digits: &[u8], whole: i32) -> &mut Self {
        match usize::try_from(whole) {
            Ok(whole) if whole >= digits.len() => self.text(digits).zeros(whole - digits.len()),
            Ok(whole @ 1..) => self.text(&digits[..whole]).text(b".").text(&digits[whole..]),
            _ => self.text(b"0.").zeros(whole.unsigned_abs() as usize).text(digits),
        }
    }

    /// `digits` with the point behind the first, and the power of ten in at least `least` digits.
    fn scientific(&mut self, digits: &[u8], exponent: i32, least: usize) -> &mut Self {
        self.text(&digits[..1]);
        if digits.len() > 1 {
            self.text(b".").text(&digits[1..]);
        }
        self.text(if exponent < 0 { b"e-" } else { b"e+" });
        let mut text = itoa::Buffer::new();
        let text = text.format(exponent.unsigned_abs());
        self.zeros(least.saturating_sub(text.len())).text(text.as_bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default() // all is ASCII
    }
}

impl Default for DoubleBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// A double as Redis from 7.2 on and Valkey print it in replies: a text that reads back as the same
/// double, mostly the shortest one (digits are those of the Grisu2 algorithm, which misses the
/// shortest about once in a thousand). Whole numbers up to 2^62 are printed as integers.
///
/// ```
/// use redwire_resp::{DoubleBuffer, format_double};
///
/// let mut buffer = DoubleBuffer::new();
/// assert_eq!(format_double(3.0, &mut buffer), "3");
/// assert_eq!(format_double(0.1, &mut buffer), "0.1");
/// assert_eq!(format_double(1e-7, &mut buffer), "1e-7");
/// assert_eq!(format_double(f64::NEG_INFINITY, &mut buffer), "-inf");
/// ```
#[must_use]
pub fn format_double(value: f64, buffer: &mut DoubleBuffer) -> &str {
    print(value, buffer);
    buffer.as_str()
}

/// A double as DEBUG DIGEST of Redis from 7.2 on and of Valkey hashes it: [`format_double`] without
/// its rule for whole numbers, so that 10^9 is `1e+9`. (Up to 7.0 it was [`format_double_17g`], so
/// the digests of one sorted set differ between these servers.)
///
/// ```
/// use redwire_resp::{DoubleBuffer, format_double_digest};
///
/// assert_eq!(format_double_digest(1e9, &mut DoubleBuffer::new()), "1e+9");
/// assert_eq!(format_double_digest(3.0, &mut DoubleBuffer::new()), "3");
/// ```
#[must_use]
pub fn format_double_digest(value: f64, buffer: &mut DoubleBuffer) -> &str {
    if !special(value, buffer) {
        print_digits(value, buffer);
    }
    buffer.as_str()
}

/// [`format_double`] for those who need no `str`.
pub(crate) fn print(value: f64, buffer: &mut DoubleBuffer) {
    if special(value, buffer) {
        return;
    }
    if value.abs() <= LARGEST_INTEGER && (value as i64) as f64 == value {
        buffer.clear().text(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        print_digits(value, buffer);
    }
}

/// Prints a finite double other than 0.
fn print_digits(value: f64, buffer: &mut DoubleBuffer) {
    let Digits { bytes, len, exponent } = shortest::digits(value.abs());
    let (digits, whole) = (&bytes[..len], len as i32 + exponent);
    let buffer = buffer.clear().sign(value);
    // Where the point may be written is a rule of the servers' own.
    let is_whole = exponent >= 0 && whole < len as i32 + 8;
    let is_fraction = exponent < 0 && (exponent > -7 || (whole - 1).abs() < 4);
    if is_whole || is_fraction {
        buffer.fixed(digits, whole);
    } else {
        buffer.scientific(digits, whole - 1, 1);
    }
}

/// What Redis takes for the bounds of a safe conversion to an integer: half of the `i64`'s.
const LARGEST_INTEGER: f64 = (1u64 << 62) as f64;

/// A double as Redis up to 7.0 prints it in replies: C's `%.17g`.
///
/// ```
/// use redwire_resp::{DoubleBuffer, format_double_17g};
///
/// let mut buffer = DoubleBuffer::new();
/// assert_eq!(format_double_17g(0.1, &mut buffer), "0.10000000000000001");
/// assert_eq!(format_double_17g(1e-7, &mut buffer), "9.9999999999999995e-08");
/// ```
#[must_use]
pub fn format_double_17g(value: f64, buffer: &mut DoubleBuffer) -> &str {
    if !special(value, buffer) {
        let (digits, exponent) = seventeen_digits(value.abs());
        let significant =
            digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
        let digits = &digits[..significant];
        let buffer = buffer.clear().sign(value);
        if (-4..17).contains(&exponent) {
            buffer.fixed(digits, exponent + 1);
        } else {
            buffer.scientific(digits, exponent, 2);
        }
    }
    buffer.as_str()
}

/// The first 17 digits, rounded, and the power of ten of the first.
fn seventeen_digits(value: f64) -> ([u8; 17], i32) {
    let mut buffer = Scientific { text: [0; 24], len: 0 };
    // Writing to a slice that is long enough does not fail.
    let _ = write!(buffer, "{value:.16e}");
    let Scientific { text, len } = buffer;
    let mut digits = [b'0'; 17];
    digits[0] = text[0];
    digits[1..].copy_from_slice(&text[2..18]);
    let exponent = str::from_utf8(&text[19..len]).ok().and_then(|text| text.parse().ok());
    (digits, exponent.unwrap_or(0))
}

/// Room for `d.dddddddddddddddde-ddd`.
struct Scientific {
    text: [u8; 24],
    len: usize,
}

impl fmt::Write for Scientific {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = self.text[self.len..].get_mut(..text.len()).ok_or(fmt::Error)?;
        rest.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

/// Prints what is not a number with digits.
fn special(value: f64, buffer: &mut DoubleBuffer) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"nan"
    } else if value == 0.0 {
        if value.is_sign_negative() { b"-0" } else { b"0" }
    } else if value.is_infinite() {
        if value.is_sign_negative() { b"-inf" } else { b"inf" }
    } else {
        return false;
    };
    buffer.clear().text(text);
    true
}

#[cfg(test)]
mod tests;
