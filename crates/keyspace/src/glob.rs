//! Glob patterns as `KEYS` and the `MATCH` option take them.

/// Whether `text` as a whole matches `pattern`, byte by byte.
///
/// `*` stands for any bytes, `?` for one, `[a-c]` for one of a class, `[^a-c]` for one outside of
/// it, and `\` takes the next byte as it is. As in Redis, an empty text matches only the empty
/// pattern, and a class that is not closed ends with the pattern.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut rest, mut tail) = (pattern, text);
    // Only the last star needs to be tried again: what stood before it has matched as early as
    // can be, which leaves the most for the rest.
    let mut retry: Option<(&[u8], &[u8])> = None;
    while let Some(&byte) = tail.first() {
        if let [b'*', after @ ..] = rest {
            rest = after;
            retry = Some((rest, tail));
            if rest.is_empty() {
                return true;
            }
        } else if let Some(after) = one(rest, byte) {
            rest = after;
            tail = &tail[1..];
        } else if let Some((after_star, from)) = retry {
            rest = after_star;
            tail = &from[1..];
            retry = Some((rest, tail));
        } else {
            return false;
        }
    }
    rest.iter().all(|byte| *byte == b'*')
}

/// Matches one byte against the first element of `pattern`, which is no star; answers what comes
/// after that element.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', after @ ..] => Some(after),
        [b'[', b'^', class @ ..] => {
            let (found, after) = in_class(class, byte);
            (!found).then_some(after)
        }
        [b'[', class @ ..] => {
            let (found, after) = in_class(class, byte);
            found.then_some(after)
        }
        [b'\\', literal, after @ ..] | [literal, after @ ..] => (*literal == byte).then_some(after),
    }
}

/// Whether `byte` is in the class that begins here, and what comes after its `]`.
fn in_class(mut class: &[u8], byte: u8) -> (bool, &[u8]) {
    let mut found = false;
    loop {
        match class {
            [] => return (found, &[]),
            [b'\\', literal, after @ ..] => {
                found |= *literal == byte;
                class = after;
            }
            [b']', after @ ..] => return (found, after),
            [start, b'-', end, after @ ..] => {
                // Redis compares `char`s, which are signed.
                let (start, end) = (*start as i8, *end as i8);
                let range = start.min(end)..=start.max(end);
                found |= range.contains(&(byte as i8));
                class = after;
            }
            [literal, after @ ..] => {
                found |= *literal == byte;
                class = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, tried every way.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([b'*', after @ ..], _) => (0..=text.len()).any(|skip| naive(after, &text[skip..])),
            ([], []) => true,
            (_, []) => false,
            (_, [byte, tail @ ..]) => one(pattern, *byte).is_some_and(|after| naive(after, tail)),
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", false),
            ("*", "a", true),
            ("a*", "a", true),
            ("a**", "a", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("[a-]", "]", true),
            ("[a-]", "-", false),
            ("[a\\-c]", "b", false),
            ("[\\]]", "]", true),
            ("[abc", "b", true),
            ("[", "a", false),
            ("[^", "a", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("\\", "\\", true),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxbxxbxcd", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_every_way(pattern in "[*?\\[\\]\\\\^ab-]{0,8}", text in "[ab\\]-]{1,8}") {
            let expected = naive(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected);
        }
    }
}
