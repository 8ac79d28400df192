//! Scores of sorted sets as text, in the packed forms and in the oldest sorted sets (type 3).

use std::io::Write as _;

/// Reads a score as servers print it, `None` for what is no number and for NaN.
pub(crate) fn parse(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse::<f64>().ok().filter(|score| !score.is_nan())
}

/// Appends a score in the shortest digits that read back as the same number.
pub(crate) fn write(out: &mut Vec<u8>, score: f64) {
    if score.is_infinite() {
        return out.extend_from_slice(if score > 0.0 { b"inf" } else { b"-inf" });
    }
    let magnitude = score.abs();
    let plain = magnitude == 0.0 || (1e-5..1e17).contains(&magnitude);
    // Writing to a Vec cannot fail.
    let _ = if plain { write!(out, "{score}") } else { write!(out, "{score:e}") };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(bits: u64) {
            let score = f64::from_bits(bits);
            prop_assume!(!score.is_nan());
            let mut text = Vec::new();
            write(&mut text, score);
            prop_assert!(text.len() <= 24);
            prop_assert_eq!(parse(&text).map(f64::to_bits), Some(bits));
        }
    }

    #[test]
    fn writes_as_c_reads() {
        for (score, text) in [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (3.0, "3"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut out = Vec::new();
            write(&mut out, score);
            assert_eq!(out, text.as_bytes());
        }
        assert_eq!(parse(b"nan"), None);
        assert_eq!(parse(b"1x"), None);
        assert_eq!(parse(b""), None);
    }
}
