//! Numbers in text, read as Redis reads them.

/// An integer as Redis reads it everywhere (`string2ll`): an optional `-`, then digits without
/// leading zero; `0` itself, but neither `-0`, `+1`, blanks nor an empty text. `None` also where an
/// `i64` does not hold it.
///
/// ```
/// assert_eq!(redwire_resp::parse_i64(b"-9223372036854775808"), Some(i64::MIN));
/// assert_eq!(redwire_resp::parse_i64(b"+1"), None);
/// ```
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // 19 digits always fit in a u64.
    let mut magnitude = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// A decimal number without leading zero that CR LF ends, of at most 18 digits, and how many they
/// are.
#[inline]
pub(crate) fn short_number(text: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut digits) = (0, 0);
    for byte in text.iter().take(18) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number * 10 + u64::from(digit);
        digits += 1;
    }
    let is_strict = digits == 1 || (digits > 1 && text[0] != b'0');
    (is_strict && text.get(digits..digits + 2)? == b"\r\n").then_some((number, digits))
}

/// [`short_number`] of at most 7 digits, eight bytes at once: where numbers of all lengths come one
/// behind the other, no branch depends on how many digits they have.
#[inline]
pub(crate) fn swar_number(text: &[u8]) -> Option<(u64, usize)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const ZEROS: u64 = ONES * b'0' as u64;
    let word = u64::from_le_bytes(*text.first_chunk()?);
    let from_cr = word ^ (ONES * u64::from(b'\r'));
    let ends = from_cr.wrapping_sub(ONES) & !from_cr & (ONES * 0x80);
    // The lowest bit is exact: that of the first CR. None, or one at once, is no number.
    let digits = ends.trailing_zeros() as usize / 8;
    if !(1..=7).contains(&digits) || *text.get(digits + 1)? != b'\n' {
        return None;
    }
    if digits > 1 && text[0] == b'0' {
        return None;
    }
    // The last digit in the highest byte, zeros before the first.
    let word = word << (64 - 8 * digits) | ZEROS >> (8 * digits);
    let are_digits = (word & (ONES * 0xf0)) | ((word.wrapping_add(ONES * 6) & (ONES * 0xf0)) >> 4);
    if are_digits != ONES * 0x33 {
        return None;
    }
    // Pairs of digits, then fours, then all eight.
    let pairs = (word - ZEROS).wrapping_mul(10).wrapping_add((word - ZEROS) >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    Some((low.wrapping_add(high) >> 32, digits))
}

/// A decimal number, perhaps with a sign and a point, that CR LF ends: it and the length of its
/// text. `None` for more than 15 digits, for exponents and for all else that wants
/// [`parse_decimal`].
///
/// Up to 15 digits are exact in a double and so are the powers of ten up to 10^15, so that one
/// division rounds correctly.
#[inline]
pub(crate) fn short_decimal(text: &[u8]) -> Option<(f64, usize)> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, magnitude) = split_sign(text);
    let (mut mantissa, mut digits, mut point, mut len) = (0u64, 0, None, 0);
    for &byte in magnitude.iter().take(17) {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                digits += 1;
            }
            b'.' if point.is_none() => point = Some(digits),
            _ => break,
        }
        len += 1;
    }
    if !(1..=15).contains(&digits) || magnitude.get(len..len + 2)? != b"\r\n" {
        return None;
    }
    let value = mantissa as f64 / POWERS[digits - point.unwrap_or(digits)];
    Some((if negative { -value } else { value }, text.len() - magnitude.len() + len))
}

/// A double as Redis reads scores and the like (`getDoubleFromObject`, which is C's `strtod` on the
/// whole text): an optional sign, then a decimal number with or without point and exponent, a
/// hexadecimal one (`0x1.8p3`), `inf` or `infinity` in any case. `None` for anything else, blanks
/// and `nan` included, and where a number is too large for a double or not 0 and too small.
///
/// Redis 7.0 and 8.0 read hexadecimal so; Valkey 9.1 does not.
///
/// ```
/// use redwire_resp::parse_f64;
///
/// assert_eq!(parse_f64(b"-1.5e3"), Some(-1500.0));
/// assert_eq!(parse_f64(b"+inf"), Some(f64::INFINITY));
/// assert_eq!(parse_f64(b"nan"), None);
/// assert_eq!(parse_f64(b"1e999"), None);
/// ```
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, digits) = split_sign(text);
    match digits {
        [b'0', b'x' | b'X', digits @ ..] => {
            let magnitude = parse_hexadecimal(digits)?;
            Some(if negative { -magnitude } else { magnitude })
        }
        _ => parse_decimal(text),
    }
}

/// [`parse_f64`] without hexadecimal.
pub(crate) fn parse_decimal(text: &[u8]) -> Option<f64> {
    // Rust's grammar is that of strtod, less blanks and hexadecimal; only the ends of the range are
    // others: there it answers infinity or 0.
    let value: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    let says_infinity = || text.iter().any(|byte| matches!(byte, b'i' | b'I'));
    let says_zero = || {
        let mantissa = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
        mantissa.clone().all(|byte| !matches!(byte, b'1'..=b'9'))
    };
    let is_exact = if value == 0.0 {
        says_zero()
    } else if value.is_infinite() {
        says_infinity()
    } else {
        !value.is_nan()
    };
    is_exact.then_some(value)
}

/// Whether there is a `-`, and what is behind the sign, if there is one.
pub(crate) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    }
}

/// The number behind `0x`: hexadecimal digits with or without point, then perhaps `p` and a decimal
/// power of two.
fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| matches!(byte, b'p' | b'P')).unwrap_or(text.len());
    let mut exponent = text.get(end + 1..).map_or(Some(0), binary_exponent)?;
    let mut mantissa = 0u64;
    let (mut digits, mut behind_point, mut is_inexact) = (0, false, false);
    for &byte in &text[..end] {
        if byte == b'.' && !behind_point {
            behind_point = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        digits += 1;
        if behind_point {
            exponent -= 4;
        }
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
        } else {
            exponent += 4;
            is_inexact |= digit != 0;
        }
    }
    let value = (digits > 0).then(|| compose(mantissa, is_inexact, exponent))?;
    let is_in_range = value.is_finite() && (value > 0.0 || mantissa == 0);
    is_in_range.then_some(value)
}

/// An optional sign and digits. What no double reaches is cut short, which changes nothing: a text
/// of 2^60 digits that would make up for it cannot be.
fn binary_exponent(text: &[u8]) -> Option<i64> {
    const BEYOND: i64 = 1 << 62;
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0i64, |magnitude, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        Some(magnitude.saturating_mul(10).saturating_add(digit).min(BEYOND))
    })?;
    Some(if negative { -magnitude } else { magnitude })
}

/// `mantissa` (and a bit more, if it is inexact) times 2 to the `exponent`, rounded to the nearest
/// double, halves to even.
fn compose(mantissa: u64, is_inexact: bool, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    // The mantissa's highest bit to the top of 128, so that what is cut off can be seen.
    let zeros = i64::from(mantissa.leading_zeros());
    let wide = u128::from(mantissa) << (zeros + 64) | u128::from(is_inexact);
    let top = exponent + 63 - zeros; // the power of two of the highest bit
    if top > 1023 {
        return f64::INFINITY;
    }
    // A normal double keeps 53 bits, one below 2^-1022 fewer.
    let kept = (top + 1022).min(0) + 53;
    let Ok(kept @ 0..=53) = u32::try_from(kept) else { return 0.0 };
    let bits = wide.checked_shr(128 - kept).unwrap_or(0) as u64;
    let cut = wide << kept;
    let half = 1u128 << 127;
    let up = cut > half || (cut == half && bits & 1 == 1);
    // The highest bit of a normal mantissa adds the missing 1 to its biased exponent, and so does
    // the carry of a rounding.
    let biased = u64::try_from(top + 1022).unwrap_or(0);
    f64::from_bits((biased << 52) + bits + u64::from(up))
}

#[cfg(test)]
mod tests;
