//! From text to a [`Float80`], as `strtold` reads it.

use super::natural::Natural;
use super::{EXPONENT_LIMIT, EXPONENT_MIN, Finite, Float80, finish};

/// Texts of this many bytes and more are no numbers (`MAX_LONG_DOUBLE_CHARS`).
const TEXT_LIMIT: usize = 5 * 1024;

/// Powers of ten with which digits that a text can have are neither all too large nor too small.
const POWERS: std::ops::RangeInclusive<i64> = -(4_951 + TEXT_LIMIT as i64)..=4_932;

/// Powers of two, likewise.
const BINARY_POWERS: std::ops::RangeInclusive<i64> = -(16_446 + 4 * TEXT_LIMIT as i64)..=16_384;

impl Float80 {
    /// The number that `text` spells: decimal or hexadecimal, with or without point and exponent,
    /// or an infinity. `None` for anything else, for a number too large, and for one that is not 0
    /// and too small.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= TEXT_LIMIT {
            return None;
        }
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite { negative });
        }
        match digits {
            [b'0', b'x' | b'X', digits @ ..] => hexadecimal(negative, digits),
            _ => decimal(negative, digits),
        }
    }
}

fn decimal(negative: bool, text: &[u8]) -> Option<Float80> {
    let Parts { whole, fraction, power } = split(text, b'e', u8::is_ascii_digit)?;
    let digits = Natural::from_digits(whole.iter().chain(fraction).copied());
    let power = power - fraction.len() as i64;
    if digits.is_zero() {
        return Some(zero(negative));
    }
    if !POWERS.contains(&power) {
        return None;
    }
    // One of the two is 0.
    let (up, down) = (power.max(0) as u32, (-power).max(0) as u32);
    let divisor = Natural::from(1).times_ten_to(down);
    quotient(negative, digits.times_ten_to(up), divisor, 0)
}

fn hexadecimal(negative: bool, text: &[u8]) -> Option<Float80> {
    let Parts { whole, fraction, power } = split(text, b'p', u8::is_ascii_hexdigit)?;
    let mut digits = Natural::from(0);
    for digit in whole.iter().chain(fraction) {
        let value = char::from(*digit).to_digit(16)?;
        digits.multiply_add(16, u64::from(value));
    }
    let power = power - 4 * fraction.len() as i64;
    if digits.is_zero() {
        return Some(zero(negative));
    }
    if !BINARY_POWERS.contains(&power) {
        return None;
    }
    quotient(negative, digits, Natural::from(1), power as i32)
}

fn zero(negative: bool) -> Float80 {
    Float80::Finite(Finite { negative, mantissa: 0, exponent: EXPONENT_MIN })
}

/// A number's digits before and behind its point, and its exponent.
struct Parts<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    power: i64,
}

/// Takes a number apart; `None` if anything in it is out of place or it has no digit at all.
fn split<'a>(text: &'a [u8], mark: u8, is_digit: fn(&u8) -> bool) -> Option<Parts<'a>> {
    let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&mark));
    let (mantissa, power) = match end {
        None => (text, 0),
        Some(end) => (&text[..end], exponent(&text[end + 1..])?),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        None => (mantissa, &[][..]),
        Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
    };
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    let digits = || whole.iter().chain(fraction);
    (has_digits && digits().all(is_digit)).then_some(Parts { whole, fraction, power })
}

/// An optional sign and digits; what is beyond all bounds is cut short.
fn exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0_i64, |magnitude, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        Some(magnitude.saturating_mul(10).saturating_add(digit).min(i64::MAX / 2))
    })?;
    Some(sign * magnitude)
}

/// `number / divisor`, neither of them 0, times 2 to the `power`, rounded to nearest, halves to
/// even; `None` if that is infinite or 0.
fn quotient(negative: bool, number: Natural, divisor: Natural, power: i32) -> Option<Float80> {
    // Bring the quotient between 1 and 2, times 2 to the `top`.
    let mut shift = number.bits() as i32 - divisor.bits() as i32;
    let (mut rest, divisor) = align(number, divisor, shift);
    if rest < divisor {
        shift -= 1;
        rest = rest.shifted(1);
    }
    let top = shift + power;
    if !(EXPONENT_MIN - 1..EXPONENT_LIMIT).contains(&top) {
        return None;
    }
    // A number has 64 bits; fewer at the low end of the range of exponents.
    let low = (top - 63).max(EXPONENT_MIN);
    let mut mantissa = 0_u128;
    for _ in low..=top {
        mantissa <<= 1;
        if rest >= divisor {
            rest.subtract(&divisor);
            mantissa |= 1;
        }
        rest = rest.shifted(1);
    }
    // The rest stands one bit below the lowest: it says on which side of a half it is.
    let up = rest > divisor || (rest == divisor && mantissa & 1 == 1);
    let result = finish(negative, mantissa + u128::from(up), low);
    match result {
        Float80::Finite(finite) if finite.mantissa != 0 => Some(result),
        _ => None,
    }
}

/// Shifts one of the two so that the quotient shrinks by 2 to the `shift`.
fn align(number: Natural, divisor: Natural, shift: i32) -> (Natural, Natural) {
    let by = shift.unsigned_abs();
    if shift >= 0 { (number, divisor.shifted(by)) } else { (number.shifted(by), divisor) }
}
