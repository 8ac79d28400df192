//! What stands within the quotes of a JSON string.

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Bytes copied at once, of which as many count as there are up to the next escape.
const RUN: usize = 32;
/// What a block comes to at most when each of its bytes becomes two, and a run that is copied
/// beyond its end.
const ROOM: usize = 2 * BLOCK + RUN;

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW: u64 = ONES * 0x7f;
const HIGH: u64 = ONES * 0x80;

/// The high bit of each byte that needs an escape: quotes, backslashes and control characters.
fn special(word: u64) -> u64 {
    let low = word & LOW;
    // The high bit is set unless the byte is the one, as no sum reaches the next byte.
    let not = |byte: u8| (low ^ (ONES * u64::from(byte))) + LOW;
    let no_control = low + ONES * (0x80 - 0x20);
    !(not(b'"') & not(b'\\') & no_control | word) & HIGH
}

/// What bytes are, as far as the way they are written depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// ASCII that needs no escape.
    Plain,
    /// ASCII of which some needs one.
    Ascii,
    /// Not ASCII.
    Other,
}

/// Looks at all bytes, as it is quicker to go on than to ask whether to.
pub(super) fn classify(bytes: &[u8]) -> Class {
    let (mut needs, mut high) = (0, 0);
    let mut look = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        needs |= special(word);
        high |= word;
    };
    if let Some(last) = bytes.last_chunk() {
        bytes.as_chunks::<8>().0.iter().for_each(&mut look);
        look(last);
    } else {
        let mut padded = [b' '; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        look(&padded);
    }
    match (high & HIGH, needs) {
        (0, 0) => Class::Plain,
        (0, _) => Class::Ascii,
        _ => Class::Other,
    }
}

/// Appends UTF-8, each byte that needs it as an escape.
pub(super) fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    // Room for some escapes; more make room for themselves.
    out.reserve(bytes.len() + bytes.len() / 4 + ROOM);
    for block in bytes.chunks(BLOCK) {
        if !short_escapes(out, block) {
            block.iter().for_each(|byte| escape(out, *byte));
        }
    }
}

/// Appends at most [`BLOCK`] bytes; false, and nothing done, where an escape is a long one.
///
/// Where the next escape stands follows no pattern. So each run before one is copied in the same
/// width, and what was too much of it is written over.
fn short_escapes(out: &mut Vec<u8>, block: &[u8]) -> bool {
    // Bytes behind the end are copied with a run, but do not count.
    let mut padded = [b' '; BLOCK + RUN];
    padded[..block.len()].copy_from_slice(block);
    let mut specials = specials(&padded, block.len().div_ceil(8));
    let start = out.len();
    out.resize(start + ROOM, 0);
    let room = &mut out[start..];
    let (mut from, mut at) = (0, 0);
    while specials != 0 {
        let special = specials.trailing_zeros() as usize;
        let letter = short(padded[special]);
        if letter == 0 {
            out.truncate(start);
            return false;
        }
        copy_run(&padded[from..], &mut room[at..], special - from);
        at += special - from;
        room[at..at + 2].copy_from_slice(&[b'\\', letter]);
        at += 2;
        from = special + 1;
        specials &= specials - 1;
    }
    copy_run(&padded[from..], &mut room[at..], block.len() - from);
    out.truncate(start + at + block.len() - from);
    true
}

/// A bit for each byte that needs an escape, of so many words.
fn specials(padded: &[u8; BLOCK + RUN], words: usize) -> u64 {
    let mut bits = 0;
    for (index, word) in padded.as_chunks::<8>().0.iter().take(words).enumerate() {
        // The high bits of the eight bytes become the eight highest.
        let high = special(u64::from_le_bytes(*word)) >> 7;
        bits |= (high.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * index);
    }
    bits
}

/// Copies `len` bytes, and of what is behind them as many as make whole [`RUN`]s.
fn copy_run(from: &[u8], to: &mut [u8], len: usize) {
    let mut done = 0;
    loop {
        to[done..done + RUN].copy_from_slice(&from[done..done + RUN]);
        done += RUN;
        if done >= len {
            return;
        }
    }
}

/// The letter behind the backslash, where the escape is one letter; else 0.
fn short(byte: u8) -> u8 {
    const LETTERS: [u8; 128] = {
        let mut letters = [0; 128];
        letters[b'"' as usize] = b'"';
        letters[b'\\' as usize] = b'\\';
        letters[b'\n' as usize] = b'n';
        letters[b'\r' as usize] = b'r';
        letters[b'\t' as usize] = b't';
        letters
    };
    LETTERS[usize::from(byte & 127)]
}

/// Appends a byte, escaped if it must be.
fn escape(out: &mut Vec<u8>, byte: u8) {
    let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
    if byte >= 0x20 && byte != b'"' && byte != b'\\' {
        out.push(byte);
    } else if short(byte) != 0 {
        out.extend_from_slice(&[b'\\', short(byte)]);
    } else {
        out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn naive(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in bytes {
            match byte {
                b'"' => out.extend(b"\\\""),
                b'\\' => out.extend(b"\\\\"),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b'\t' => out.extend(b"\\t"),
                0..0x20 => out.extend(format!("\\u{byte:04x}").into_bytes()),
                _ => out.push(*byte),
            }
        }
        out
    }

    fn naive_class(bytes: &[u8]) -> Class {
        match (bytes.is_ascii(), naive(bytes) == bytes) {
            (true, true) => Class::Plain,
            (true, false) => Class::Ascii,
            (false, _) => Class::Other,
        }
    }

    /// Bytes of which some escapes are among few others, or any.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let often = || prop_oneof![8 => b'a'..=b'z', 2 => Just(b'"'), 1 => Just(b'\\')];
        prop_oneof![
            vec(often(), 0..300),
            vec(prop_oneof![30 => often(), 1 => any::<u8>()], 0..300),
            vec(prop_oneof![200 => Just(b'x'), 1 => any::<u8>()], 0..1000),
            vec(any::<u8>(), 0..100),
        ]
    }

    proptest! {
        #[test]
        fn escapes_as_the_naive_way_does(bytes in bytes(), before in 0..3usize) {
            let mut out = vec![b'<'; before];
            escaped(&mut out, &bytes);
            prop_assert_eq!(&out[before..], naive(&bytes));
            prop_assert_eq!(classify(&bytes), naive_class(&bytes));
        }
    }

    #[test]
    fn every_byte_at_every_place_is_escaped() {
        for len in (1..20).chain([63, 64, 65, 130]) {
            for place in 0..len {
                for byte in 0..=255 {
                    let mut bytes = vec![b'x'; len];
                    bytes[place] = byte;
                    let mut out = Vec::new();
                    escaped(&mut out, &bytes);
                    assert_eq!(out, naive(&bytes));
                    assert_eq!(classify(&bytes), naive_class(&bytes));
                }
            }
        }
    }
}
