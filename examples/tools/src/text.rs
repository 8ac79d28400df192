//! Bytes as JSON strings, base64, hex and numbers.

use std::fmt::Write as _;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends base64 with padding.
pub fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let digit = |bits: u32| DIGITS[(bits & 63) as usize];
    let (groups, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in groups {
        let bits = u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c);
        out.extend_from_slice(&[
            digit(bits >> 18),
            digit(bits >> 12),
            digit(bits >> 6),
            digit(bits),
        ]);
    }
    match *rest {
        [a] => {
            let bits = u32::from(a) << 16;
            out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), b'=', b'=']);
        }
        [a, b] => {
            let bits = u32::from(a) << 16 | u32::from(b) << 8;
            out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), b'=']);
        }
        _ => {}
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
pub fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_plain_ascii(bytes) {
        // Most strings, and short: one pass and one copy.
        out.reserve(bytes.len() + 2);
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
    } else if std::str::from_utf8(bytes).is_ok() {
        json_string(out, bytes);
    } else {
        out.extend_from_slice(b"{\"b64\":\"");
        base64(out, bytes);
        out.extend_from_slice(b"\"}");
    }
}

/// Appends UTF-8 as a JSON string.
fn json_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Room for some escapes; more make room for themselves.
    out.reserve(bytes.len() + bytes.len() / 4 + 16);
    out.push(b'"');
    let (plain, rest) = bytes.split_at(plain_prefix(bytes));
    out.extend_from_slice(plain);
    let (words, last) = rest.as_chunks::<8>();
    for word in words {
        if has_control(u64::from_le_bytes(*word)) {
            word.iter().for_each(|byte| escaped(out, *byte));
        } else {
            quoted(out, word);
        }
    }
    last.iter().for_each(|byte| escaped(out, *byte));
    out.push(b'"');
}

/// Appends bytes that have no control characters among them.
///
/// Where the next quote stands follows no pattern: a backslash is written before each byte, and
/// written over unless the byte needs it, instead of a branch.
fn quoted(out: &mut Vec<u8>, word: &[u8; 8]) {
    let (mut wide, mut len) = ([0; 16], 0);
    for byte in word {
        wide[len & 15] = b'\\';
        len += usize::from((*byte == b'"') | (*byte == b'\\'));
        wide[len & 15] = *byte;
        len += 1;
    }
    out.extend_from_slice(&wide);
    out.truncate(out.len() - (wide.len() - len));
}

/// Appends a byte, escaped if it must be.
fn escaped(out: &mut Vec<u8>, byte: u8) {
    if byte < 0x20 || byte == b'"' || byte == b'\\' {
        escape(out, byte);
    } else {
        out.push(byte);
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Whether a byte is a control character.
fn has_control(word: u64) -> bool {
    word.wrapping_sub(ONES * 0x20) & !word & HIGH != 0
}

/// The high bit of each byte that needs an escape; above the first such byte also of others.
fn special(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let (quote, backslash) = (ONES * u64::from(b'"'), ONES * u64::from(b'\\'));
    (control | zero(word ^ quote) | zero(word ^ backslash)) & HIGH
}

/// Whether all bytes are ASCII that needs no escape.
fn is_plain_ascii(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    // Spaces stand for what is missing at the end.
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    let is_plain = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        special(word) | word & HIGH == 0
    };
    words.iter().all(is_plain) && is_plain(&last)
}

/// How many bytes at the beginning need no escape: eight at a time, then one at a time.
fn plain_prefix(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let plain = |byte: &&u8| **byte >= 0x20 && **byte != b'"' && **byte != b'\\';
    words.len() * 8 + rest.iter().take_while(plain).count()
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]);
        }
    }
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
    let exact = number.abs() < 9e15 && number.fract() == 0.0;
    if exact && (number != 0.0 || number.is_sign_positive()) {
        out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"\"inf\"" } else { b"\"-inf\"" });
    } else if number == 0.0 {
        out.extend_from_slice(b"-0.0");
    } else {
        out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    }
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
