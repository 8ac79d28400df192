//! What stands between keys, opcode by opcode: read, cut anywhere, and damaged. The bytes are those of
//! the format's table, the same that real servers' files of the corpus have; here each stands alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use redwire_rdb::{Checker, DecodeOptions, Decoder, Error, Event, Fault, Version};
use support::decode_cut;

const REDIS: &[u8; 9] = b"REDIS0013";
const VALKEY: &[u8; 9] = b"VALKEY080";
/// Key `k` with the value `v`.
const KEY: &[u8] = b"\0\x01k\x01v";
/// No checksum.
const END: &[u8] = b"\xff\0\0\0\0\0\0\0\0";

/// An id, when to load it, and one value of each kind.
const MODULE_AUX: &[u8] =
    b"\xf7\x81\0\0\0\0\0\0\0\x01\x02\x02\x01\x09\x02\x07\x03\0\0\0\0\x04\0\0\0\0\0\0\0\0\x05\x01x\0";

/// A file of this magic with these bytes in front of a key.
fn file(magic: &[u8; 9], bytes: &[u8]) -> Vec<u8> {
    [magic, bytes, KEY, END].concat()
}

/// The events of a file as text, its start, key, value and end left out where they say nothing.
fn events(file: &[u8]) -> Result<Vec<String>, Error> {
    let mut decoder = Decoder::default();
    let (mut used, mut found) = (0, Vec::new());
    loop {
        let decoded = decoder.decode(&file[used..])?;
        used += decoded.used;
        match decoded.event {
            Some(Event::Key(header)) => {
                let said = (header.expire_ms, header.idle, header.freq);
                if said != (None, None, None) {
                    found.push(format!("{said:?}"));
                }
            }
            Some(Event::Start(_) | Event::String(_) | Event::KeyEnd { .. } | Event::End) => {}
            Some(event) => found.push(format!("{event:?}")),
            None => break,
        }
    }
    decoder.finish().map(|()| found)
}

/// Each opcode that a file can have: its magic, its bytes, and what comes of it.
fn opcodes() -> Vec<(&'static [u8; 9], &'static [u8], String)> {
    let event = |event: Event<'_>| format!("{event:?}");
    let key = |expire_ms: Option<u64>, idle: Option<u64>, freq: Option<u8>| {
        format!("{:?}", (expire_ms, idle, freq))
    };
    let aux = |key, value| event(Event::Aux { key, value });
    vec![
        (REDIS, b"\xfe\x07", event(Event::SelectDb(7))),
        (REDIS, b"\xfe\x80\xff\xff\xff\xff", event(Event::SelectDb(u32::MAX))),
        (REDIS, b"\xfd\x05\0\0\0", key(Some(5000), None, None)),
        // Before 1970 is as past as 1970.
        (REDIS, b"\xfd\xff\xff\xff\xff", key(Some(0), None, None)),
        (REDIS, b"\xfc\x05\0\0\0\0\0\0\x01", key(Some(5 | 1 << 56), None, None)),
        (REDIS, b"\xfc\xfe\xff\xff\xff\xff\xff\xff\xff", key(Some(0), None, None)),
        (REDIS, b"\xfb\x42\x01\x03", event(Event::ResizeDb { keys: 0x201, expires: 3 })),
        (
            REDIS,
            b"\xfb\x81\xff\xff\xff\xff\xff\xff\xff\xff\0",
            event(Event::ResizeDb { keys: u64::MAX, expires: 0 }),
        ),
        (REDIS, b"\xfa\x01a\x02bc", aux(b"a", b"bc")),
        (REDIS, b"\xfa\x05ctime\xc2\x15\xcd\x5b\x07", aux(b"ctime", b"123456789")),
        (REDIS, b"\xf9\xff", key(None, None, Some(255))),
        (REDIS, b"\xf8\x42\x01", key(None, Some(0x201), None)),
        (REDIS, b"\xf9\x07\xfc\x05\0\0\0\0\0\0\0", key(Some(5), None, Some(7))),
        (REDIS, MODULE_AUX, event(Event::ModuleAux(&MODULE_AUX[1..]))),
        (REDIS, b"\xf5\x08#!lua...", event(Event::Function(b"#!lua..."))),
        (
            REDIS,
            b"\xf4\x7f\xff\x02\x01",
            event(Event::SlotInfo { slot: 16383, keys: 2, expires: 1 }),
        ),
        (
            REDIS,
            b"\xf3\x02\x01\0\0\0\x02\x07\0\x02\0\0\0\x05\x01x\0",
            event(Event::KeyMeta(b"\x02\x01\0\0\0\x02\x07\0\x02\0\0\0\x05\x01x\0")),
        ),
        (REDIS, b"\xf3\0", event(Event::KeyMeta(b"\0"))),
        (
            VALKEY,
            b"\xf3\x03job\x02\0\x42\0\x43\0\x7f\xff",
            event(Event::SlotImport(b"\x03job\x02\0\x42\0\x43\0\x7f\xff")),
        ),
        (VALKEY, b"\xf4\x01\x02\x01", event(Event::SlotInfo { slot: 1, keys: 2, expires: 1 })),
    ]
}

#[test]
fn each_opcode_says_what_it_stands_for() {
    for (magic, bytes, told) in opcodes() {
        assert_eq!(events(&file(magic, bytes)).unwrap(), [told], "{}", bytes.escape_ascii());
    }
}

#[test]
fn each_opcode_may_be_cut_anywhere_and_none_may_be_short() {
    for (magic, bytes, _) in opcodes() {
        let file = file(magic, bytes);
        let whole = decode_cut(&file, &[], DecodeOptions::default()).unwrap();
        let each: Vec<usize> = (0..file.len()).collect();
        let parts = decode_cut(&file, &each, DecodeOptions::default()).unwrap();
        assert_eq!(parts, whole, "{}", bytes.escape_ascii());
        for end in 0..file.len() {
            let parts = decode_cut(&file, &[end], DecodeOptions::default()).unwrap();
            assert_eq!(parts, whole, "{} cut at {end}", bytes.escape_ascii());
            let short = events(&file[..end]);
            assert!(
                matches!(short, Err(Error::Truncated { offset, .. }) if offset <= end as u64),
                "{} up to {end}: {short:?}",
                bytes.escape_ascii()
            );
        }
    }
}

#[test]
fn every_flipped_bit_of_an_opcode_ends_in_the_same_answer_everywhere() {
    for (magic, bytes, _) in opcodes() {
        let file = file(magic, bytes);
        for bit in 8 * magic.len()..8 * (magic.len() + bytes.len()) {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = events(&flipped).map(|_| ());
            let mut checker = Checker::new(DecodeOptions::default());
            let checked = checker.check(&flipped).and_then(|_| checker.finish());
            assert_eq!(checked, read, "{} with bit {bit} flipped", bytes.escape_ascii());
        }
    }
}

#[test]
fn what_is_wrong_with_an_opcode_is_named() {
    let fault = |magic, bytes: &[u8]| match events(&file(magic, bytes)) {
        Err(Error::Malformed { offset, fault, .. }) => (offset, fault),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    };
    for (magic, bytes, offset, named) in [
        // Numbers in a form that none has, and strings where numbers belong.
        (REDIS, &b"\xfe\x82"[..], 10, Fault::LengthForm),
        (REDIS, b"\xfe\xc0\x01", 10, Fault::Length),
        (REDIS, b"\xfe\x81\0\0\0\x01\0\0\0\0", 10, Fault::Database),
        (REDIS, b"\xfb\x01\x83", 11, Fault::LengthForm),
        (REDIS, b"\xfb\xc3\x01", 10, Fault::Length),
        (REDIS, b"\xf8\xc1\0\0", 10, Fault::Length),
        (REDIS, b"\xf4\x01\x01\xbf", 12, Fault::LengthForm),
        // Strings.
        (REDIS, b"\xfa\xc4", 10, Fault::StringEncoding),
        (REDIS, b"\xfa\x01a\xc3\x02\x05\xe0\0", 12, Fault::LzfEnd),
        (REDIS, b"\xf5\xff", 10, Fault::StringEncoding),
        // What a module writes: an id, when to load it, and then values up to an end mark.
        (REDIS, b"\xf7\xc0", 10, Fault::Length),
        (REDIS, b"\xf7\x01\x01\x01", 11, Fault::ModuleOpcode),
        (REDIS, b"\xf7\x01\x02\x01\x06", 13, Fault::ModuleOpcode),
        (REDIS, b"\xf3\x01\0\0\0\0\x07", 15, Fault::ModuleOpcode),
        (REDIS, b"\xf3\xc0", 10, Fault::Length),
        (VALKEY, b"\xf3\xc4", 10, Fault::StringEncoding),
        (VALKEY, b"\xf3\x01j\x01\x01\xc0", 14, Fault::Length),
        // Function libraries of release candidates.
        (REDIS, b"\xf6\x01a\x01b\0\x01c", 9, Fault::PreRelease),
    ] {
        assert_eq!(fault(magic, bytes), (offset, named), "{}", bytes.escape_ascii());
    }
}

#[test]
fn no_other_byte_is_an_opcode() {
    // 242 is known by name, of versions that are newer (see newer.rs).
    for (magic, byte) in (34..243).flat_map(|byte| [(REDIS, byte), (VALKEY, byte)]) {
        let error = events(&file(magic, &[byte])).unwrap_err();
        let version = Version::from_magic(*magic).unwrap();
        assert_eq!(error, Error::UnknownType { offset: 9, byte, version });
        assert!(error.to_string().contains(&byte.to_string()), "{error}");
    }
}

/// The checksum, of a version that has none, and of one that has it.
#[test]
fn the_end_has_a_checksum_from_version_5_on() {
    let before = [&b"REDIS0004"[..], KEY, b"\xff"].concat();
    assert_eq!(events(&before), Ok(vec![]));
    let mut since = [&b"REDIS0005"[..], KEY, b"\xff"].concat();
    let sum = redwire_rdb::crc64::checksum(&since);
    assert!(matches!(events(&since), Err(Error::Truncated { .. })));
    since.extend_from_slice(&sum.to_le_bytes());
    assert_eq!(events(&since), Ok(vec![]));
    for bit in 0..64 {
        let mut flipped = since.clone();
        flipped[since.len() - 8 + bit / 8] ^= 1 << (bit % 8);
        let offset = since.len() as u64 - 8;
        let error = Error::Checksum { offset, stored: sum ^ 1 << bit, computed: sum };
        assert_eq!(events(&flipped), Err(error));
    }
}
