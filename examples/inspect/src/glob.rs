//! Patterns with `*`, `?` and `[...]`, as KEYS takes them.

/// Whether a whole text matches a pattern: `*` any bytes, `?` one byte, `[ab-c]`
/// one of these, `[^ab-c]` one of no others, `\` the next byte as it is.
/// The time is bounded by the product of the lengths.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when the bytes after the last star do not match here.
    let mut retry = None;
    loop {
        if let Some(rest) = pattern.strip_prefix(b"*") {
            pattern = rest;
            retry = Some((rest, text));
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else if let Some(rest) = one(pattern, text) {
            (pattern, text) = (rest, &text[1..]);
        } else if let Some((after_star, [_, later @ ..])) = retry {
            retry = Some((after_star, later));
            (pattern, text) = (after_star, later);
        } else {
            return false;
        }
    }
}

/// Matches the first byte of a text; gives the rest of the pattern.
fn one<'a>(pattern: &'a [u8], text: &[u8]) -> Option<&'a [u8]> {
    let byte = text.first()?;
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, *byte),
        [b'\\', escaped, rest @ ..] => (escaped == byte).then_some(rest),
        [plain, rest @ ..] => (plain == byte).then_some(rest),
        [] => None,
    }
}

/// Matches a byte with what stands after `[`; a class that is not closed goes to
/// the end of the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut pattern) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut within = false;
    loop {
        pattern = match pattern {
            [] => break,
            [b']', rest @ ..] => {
                pattern = rest;
                break;
            }
            [b'\\', one, rest @ ..] => {
                within |= *one == byte;
                rest
            }
            [low, b'-', high, rest @ ..] => {
                within |= (*low.min(high)..=*low.max(high)).contains(&byte);
                rest
            }
            [one, rest @ ..] => {
                within |= *one == byte;
                rest
            }
        };
    }
    (within != negated).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_keys_does() {
        for (pattern, text, is) in [
            ("user:*", "user:1", true),
            ("user:*", "users", false),
            ("h?llo", "hello", true),
            ("h[^e]llo", "hello", false),
            ("h[a-e]llo", "hello", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*a*b*", "xxaxxbxx", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), is, "{pattern} {text}");
        }
    }
}
