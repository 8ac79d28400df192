//! Patterns with `*`, `?` and `[...]`, as CONFIG GET and `include` take them.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Whether a text has a character that means something in a pattern.
pub(super) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[".contains(byte))
}

/// Whether a whole text matches a pattern: `*` any bytes, `?` one byte, `[ab-c]`
/// one of these, `[^ab-c]` one of no others, `\` the next byte as it is.
/// The time is bounded by the product of the lengths.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
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

/// The files and folders that a path with patterns names, in order.
pub(super) fn paths(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str().as_encoded_bytes();
        found = match component {
            Component::Normal(_) if is_pattern(name) => {
                found.iter().flat_map(|folder| entries(folder, name)).collect()
            }
            _ => found.into_iter().map(|path| path.join(component)).collect(),
        };
    }
    found.retain(|path| path.exists());
    found
}

/// What in a folder matches one component of a pattern. A folder that cannot be
/// read holds nothing, as for glob(3).
fn entries(folder: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let readable = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(readable) else { return Vec::new() };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut paths: Vec<_> = names
        .filter(|name| {
            let name = name.as_encoded_bytes();
            // A hidden file wants its dot spelled out.
            matches(pattern, name) && (!name.starts_with(b".") || pattern.starts_with(b"."))
        })
        .map(|name| folder.join(name))
        .collect();
    paths.sort();
    paths
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
    use proptest::prelude::*;

    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|cut| naive(rest, &text[cut..])),
            _ => one(pattern, text).is_some_and(|rest| naive(rest, &text[1..])),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_twin(
            pattern in "[ab*?\\[\\]^\\\\-]{0,10}",
            text in "[ab\\]-]{0,10}",
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), naive(pattern, text));
        }
    }

    #[test]
    fn classes_and_escapes() {
        let cases = [
            ("slow*", "slowlog-max-len", true),
            ("*max*len", "slowlog-max-len", true),
            ("p?rt", "port", true),
            ("p[a-o]rt", "port", true),
            ("p[^a-o]rt", "port", false),
            ("p\\*rt", "port", false),
            ("*", "", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn paths_are_found_in_order() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["b.conf", "a.conf", ".c.conf", "sub/d.conf"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| {
            let found = paths(&dir.path().join(pattern));
            let names = found.iter().map(|path| path.strip_prefix(dir.path()).unwrap().display());
            names.map(|name| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names("*.conf"), ["a.conf", "b.conf"]);
        assert_eq!(names("*/*.conf"), ["sub/d.conf"]);
        assert!(names("nosuch/*").is_empty());
    }
}
