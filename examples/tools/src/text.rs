//! Bytes as JSON strings, base64, hex and numbers.

mod escape;

use std::fmt::Write as _;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The two digits of each 12 bits.
static PAIRS: [[u8; 2]; 1 << 12] = {
    let mut pairs = [[0; 2]; 1 << 12];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = [DIGITS[bits >> 6], DIGITS[bits & 63]];
        bits += 1;
    }
    pairs
};

/// Appends base64 with padding.
pub fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let (pairs, rest) = bytes.as_chunks::<6>();
    let start = out.len();
    out.resize(start + pairs.len() * 8, 0);
    for ([a, b, c, d, e, f], digits) in pairs.iter().zip(out[start..].as_chunks_mut::<8>().0) {
        let bits = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
        let four = [36, 24, 12, 0].map(|place| PAIRS[(bits >> place) as usize & 0xfff]);
        digits.copy_from_slice(four.as_flattened());
    }
    let (groups, rest) = rest.as_chunks::<3>();
    for [a, b, c] in groups {
        let bits = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        out.extend_from_slice([PAIRS[bits >> 12], PAIRS[bits & 0xfff]].as_flattened());
    }
    if !rest.is_empty() {
        // Digits for the bits that are missing give way to the padding.
        let [a, b] = [rest[0], rest.get(1).copied().unwrap_or(0)];
        let [first, second] = PAIRS[usize::from(a) << 4 | usize::from(b) >> 4];
        let third = if rest.len() == 2 { DIGITS[usize::from(b & 15) << 2] } else { b'=' };
        out.extend_from_slice(&[first, second, third, b'=']);
    }
}

/// Reads base64 with padding; `None` for anything else.
pub fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (index, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|digit| **digit == b'=').count();
        if padding > 2 || (padding > 0 && index + 1 < groups.len()) {
            return None;
        }
        let mut bits = 0u32;
        for digit in &group[..4 - padding] {
            let value = DIGITS.iter().position(|known| known == digit)?;
            bits = bits << 6 | value as u32;
        }
        bits <<= 6 * padding;
        out.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(out)
}

/// Appends a JSON value for any bytes: a string where they are UTF-8, else `{"b64":"..."}`.
#[inline]
pub fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    if escape::short(out, bytes).is_none() && escape::long::<true>(out, bytes).is_none() {
        not_ascii(out, bytes);
    }
}

#[inline(never)]
fn not_ascii(out: &mut Vec<u8>, bytes: &[u8]) {
    let is_text = std::str::from_utf8(bytes).is_ok();
    if !is_text || escape::long::<false>(out, bytes).is_none() {
        binary(out, bytes);
    }
}

/// Appends `{"b64":"..."}`.
fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"{\"b64\":\"");
    base64(out, bytes);
    out.extend_from_slice(b"\"}");
}

/// Appends an integer.
pub fn integer(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A finite number in the shortest digits that read back as the same, `inf` and `-inf`.
pub fn score(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-5..1e17).contains(&magnitude) {
        return format!("{number:e}");
    }
    // Rust prints -0 with its sign, and an integer without a point.
    number.to_string()
}

/// Appends a score as JSON: a number, or the strings `"inf"` and `"-inf"`.
pub fn json_score(out: &mut Vec<u8>, number: f64) {
    let whole = number as i64;
    if number.abs() < 9e15 && whole as f64 == number {
        if whole == 0 && number.is_sign_negative() {
            out.extend_from_slice(b"-0.0");
        } else {
            out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        }
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"\"inf\"" } else { b"\"-inf\"" });
    } else if short_fraction(out, number).is_none() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    }
}

/// Appends a number that is no integer and has up to four digits behind the point; else `None`, and
/// nothing. No two numbers of up to 15 digits are the same `f64`: digits that read back as `number`
/// are the shortest.
fn short_fraction(out: &mut Vec<u8>, number: f64) -> Option<()> {
    const SCALE: u64 = 10_000;
    let scaled = (number * SCALE as f64) as i64;
    let digits = scaled.unsigned_abs();
    if digits >= 1_000_000_000_000_000 || scaled as f64 / SCALE as f64 != number {
        return None;
    }
    if scaled < 0 {
        out.push(b'-');
    }
    integer(out, digits / SCALE);
    let behind = digits % SCALE;
    let digit = |scale: u64| b'0' + (behind / scale % 10) as u8;
    let point = [b'.', digit(1000), digit(100), digit(10), digit(1)];
    let zeros = point.iter().rev().take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&point);
    out.truncate(out.len() - zeros);
    Some(())
}

/// A key for people: printable bytes as they are, others as `\xNN`.
pub fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}

/// A size for people: `512 B`, `1.5 MB`; powers of 1024.
pub fn size(bytes: u64) -> String {
    let mut text = String::new();
    let mut value = bytes as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if value < 1024.0 {
            let places = usize::from(unit != "B");
            let _ = write!(text, "{value:.places$} {unit}");
            return text;
        }
        value /= 1024.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_json(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        json(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_byte_at_every_place_reads_back() {
        for place in 0..20 {
            for byte in 0..=255 {
                let mut bytes = vec![b'x'; 20];
                bytes[place] = byte;
                let parsed: serde_json::Value = serde_json::from_str(&as_json(&bytes)).unwrap();
                let read = match &parsed {
                    serde_json::Value::String(text) => text.as_bytes().to_vec(),
                    other => from_base64(other["b64"].as_str().unwrap().as_bytes()).unwrap(),
                };
                assert_eq!(read, bytes);
            }
        }
    }

    #[test]
    fn escapes_in_any_pattern_read_back() {
        for escaped in ['"', '\\', '\n'] {
            for pattern in 0..1 << 11 {
                let symbol = |bit| if pattern >> bit & 1 == 1 { escaped } else { 'x' };
                let text: String = (0..11).map(symbol).collect();
                let parsed: String = serde_json::from_str(&as_json(text.as_bytes())).unwrap();
                assert_eq!(parsed, text);
            }
        }
    }

    #[test]
    fn base64_reads_back_and_refuses() {
        for len in 0..50u8 {
            let bytes: Vec<u8> = (0..len).map(|byte| byte.wrapping_mul(37)).collect();
            let mut text = Vec::new();
            base64(&mut text, &bytes);
            assert_eq!(from_base64(&text), Some(bytes));
        }
        for bad in [&b"A"[..], b"A===", b"AA=A", b"AA==AAAA", b"A!AA"] {
            assert_eq!(from_base64(bad), None);
        }
    }

    proptest! {
        #[test]
        fn scores_have_the_shortest_digits(bits: u64, int: i64, shift in 0..60u32, places in 1..7) {
            let few = (int >> shift) as f64 / 10f64.powi(places);
            for number in [f64::from_bits(bits), few, (int >> shift) as f64 / 1024.0] {
                if number.is_finite() && number.fract() != 0.0 {
                    let mut out = Vec::new();
                    json_score(&mut out, number);
                    let naive = ryu::Buffer::new().format_finite(number).to_owned();
                    prop_assert_eq!(String::from_utf8(out), Ok(naive));
                }
            }
        }
    }

    #[test]
    fn scores_read_back() {
        for score in [0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, -9e15, 123_456_789.25, f64::MAX] {
            let mut out = Vec::new();
            json_score(&mut out, score);
            let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(parsed.as_f64().map(f64::to_bits), Some(score.to_bits()), "{score}");
            assert_eq!(super::score(score).parse::<f64>().map(f64::to_bits), Ok(score.to_bits()));
        }
    }
}
