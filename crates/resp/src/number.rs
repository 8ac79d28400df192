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
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
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

/// A double as Redis reads scores, increments and the like.
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}
