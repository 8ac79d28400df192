//! The elements of tapes: their raw bytes are what they were decoded from.

use proptest::collection::vec;
use proptest::prelude::*;
use redwire_resp::{ReplyLimits, Tape, TapeDecoder, Token, Value};

use super::{naive, pieces, shown, traffic};

/// Looks at the elements of a tape and at those within, with the naive twin for where they end.
fn check(tape: &Tape<'_>) {
    let elements = tape.elements();
    assert_eq!(elements.len(), count(tape.tokens().next()));
    if elements.len() == 0 {
        assert!(elements.count() == 0);
        return;
    }
    let line = tape.raw().iter().position(|byte| *byte == b'\n').expect("a header");
    let mut rest = &tape.raw()[line + 1..];
    let mut tokens = tape.tokens().skip(1);
    for element in elements {
        rest = rest.strip_prefix(b".\r\n").unwrap_or(rest); // behind streamed attributes
        let (value, len) = naive::decode(rest).expect("well-formed");
        assert_eq!(
            element.raw().escape_ascii().to_string(),
            rest[..len].escape_ascii().to_string()
        );
        assert_eq!(shown(&[element.to_value()]), shown(&[value]));
        let outer: Vec<_> = tokens.by_ref().take(element.tokens().len()).collect();
        assert_eq!(format!("{element:?}"), format!("{outer:?}"));
        check(&element);
        rest = &rest[len..];
    }
    assert!(rest.is_empty() || rest == b".\r\n", "{}", rest.escape_ascii());
    assert!(tokens.next().is_none());
}

fn count(token: Option<Token<'_>>) -> usize {
    match token {
        Some(Token::Array(count) | Token::Set(count) | Token::Push(count)) => count,
        Some(Token::Map(count)) => 2 * count,
        Some(Token::Attribute(count)) => 2 * count + 1,
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn are_what_they_were_decoded_from(bytes in traffic(), cuts in vec(any::<usize>(), 0..5)) {
        let mut decoder = TapeDecoder::new(ReplyLimits::default());
        let (mut used, mut end) = (0, 0);
        for piece in pieces(&bytes, &cuts) {
            end += piece.len();
            while let Ok(Some(tape)) = decoder.decode(&bytes[used..end]) {
                check(&tape);
                used += tape.raw().len();
            }
        }
    }
}

#[test]
fn of_every_kind() {
    let parts: [&[u8]; 12] = [
        b"*?\r\n*?\r\n.\r\n~?\r\n:1\r\n.\r\n.\r\n",
        b"$?\r\n;2\r\n.\r\r\n;1\r\n.\r\n;0\r\n",
        b"$?\r\n;0\r\n",
        b"|?\r\n+k\r\n*?\r\n.\r\n.\r\n|1\r\n*0\r\n%?\r\n.\r\n>1\r\n_\r\n",
        b"%1\r\n$3\r\n.\r\n\r\n=7\r\ntxt:.\r\n\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"!2\r\n\r\n\r\n",
        b",-1.5e3\r\n",
        b"(-12345678901234567890\r\n",
        b"#f\r\n",
        b"-.\r\n",
    ];
    for header in ["*12\r\n", "~12\r\n", ">12\r\n", "%6\r\n", "*?\r\n", "%?\r\n"] {
        let end: &[u8] = if header.contains('?') { b".\r\n" } else { b"" };
        let bytes = [header.as_bytes(), &parts.concat(), end].concat();
        let mut decoder = TapeDecoder::new(ReplyLimits::default());
        let tape = decoder.decode(&bytes).expect("well-formed").expect("whole");
        let raw: Vec<_> = tape.elements().map(|element| element.raw()).collect();
        assert_eq!(raw, parts);
        assert_eq!(tape.elements().nth(4).expect("the map").elements().count(), 2);
        check(&tape);
    }
    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    let tape = decoder.decode(b"|?\r\n+ttl\r\n:9\r\n.\r\n$1\r\nx\r\n").expect("well-formed");
    let elements: Vec<_> = tape.expect("whole").elements().map(|e| e.to_value()).collect();
    let ttl = Value::Simple(b"ttl".to_vec());
    assert_eq!(elements, [ttl, Value::Integer(9), Value::Bulk(b"x".to_vec())]);
}

/// However deep, they are found without a stack, and once by one walk.
#[test]
fn of_a_million_levels() {
    let mut limits = ReplyLimits::default();
    limits.depth = usize::MAX;
    let deep = [&b"*1\r\n".repeat(500_000)[..], &b"*?\r\n".repeat(500_000)].concat();
    let bytes = [&b"*2\r\n"[..], &deep, b":1\r\n", &b".\r\n".repeat(500_000), b"+OK\r\n"].concat();
    let mut decoder = TapeDecoder::new(limits);
    let tape = decoder.decode(&bytes).expect("well-formed").expect("whole");
    let raw: Vec<_> = tape.elements().map(|element| element.raw().len()).collect();
    assert_eq!(raw, [bytes.len() - 9, 5]);
    let inner = tape.elements().next().and_then(|element| element.elements().next());
    assert_eq!(inner.map(|inner| inner.raw().len()), Some(bytes.len() - 13));
}
