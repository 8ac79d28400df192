use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    DecodeOptions, Decoder, Event, Fault, Version,
    packed::{Broken, Value},
};

fn item() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..80),
        2 => any::<i32>().prop_map(|int| int.to_string().into_bytes()),
        1 => (0..9000usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let target = prop_oneof![
        Just(Version::REDIS_6_0),
        Just(Version::REDIS_7_0),
        Just(Version::REDIS_7_2),
        Just(Version::VALKEY_9),
    ];
    (target, -7..9, 0..3usize, any::<bool>()).prop_map(|(target, fill, compress, compress_all)| {
        Settings { target, fill, compress, compress_all }
    })
}

fn build(settings: Settings, items: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new(settings);
    items.iter().for_each(|item| builder.push(item));
    let nodes = builder.nodes();
    let mut body = Vec::new();
    builder.finish(&mut body);
    assert_eq!(Nodes::new(settings.type_byte(), &body).unwrap().left(), nodes as u64);
    assert_eq!(builder.nodes(), 0);
    body
}

/// The elements of each node.
fn read(type_byte: u8, body: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, Broken> {
    let mut nodes = Nodes::new(type_byte, body)?;
    let mut all = Vec::new();
    while let Some(node) = nodes.next()? {
        let elements: Vec<_> = node.iter().map(|value| value.to_vec()).collect();
        assert_eq!((node.len(), node.is_empty()), (elements.len(), elements.is_empty()));
        let mut back: Vec<_> = node.iter().rev().map(|value| value.to_vec()).collect();
        back.reverse();
        assert_eq!(back, elements);
        all.push(elements);
    }
    Ok(all)
}

/// The elements that a decoder delivers.
fn decode(version: Version, value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut decoder = Decoder::for_value(version, DecodeOptions::default());
    let (mut unread, mut elements) = (value, Vec::new());
    while !decoder.is_done() {
        let decoded = decoder.decode(unread).ok()?;
        unread = &unread[decoded.used..];
        match decoded.event {
            Some(Event::Element(element)) => elements.push(element.to_vec()),
            Some(_) => {}
            None => return None,
        }
    }
    unread.is_empty().then_some(elements)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gives_back_what_was_pushed(settings in settings(), items in vec(item(), 1..60)) {
        let body = build(settings, &items);
        let nodes = read(settings.type_byte(), &body).unwrap();
        prop_assert_eq!(nodes.concat(), items.clone());
        let value = [&[settings.type_byte()], &body[..]].concat();
        prop_assert_eq!(decode(settings.target, &value), Some(items));
        if settings.fill > 0 {
            prop_assert!(nodes.iter().all(|node| node.len() <= settings.fill as usize));
        }
    }

    #[test]
    fn reads_what_a_decoder_reads(
        settings in settings(),
        items in vec(item(), 1..6),
        at: prop::sample::Index,
        byte: u8,
        cut: bool,
    ) {
        let mut body = build(settings, &items);
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        let value = [&[settings.type_byte()], &body[..]].concat();
        let nodes = read(settings.type_byte(), &body).map(|nodes| nodes.concat());
        // A decoder refuses a list without elements, too.
        let nodes = nodes.ok().filter(|elements| !elements.is_empty());
        prop_assert_eq!(nodes, decode(settings.target, &value));
    }
}

#[test]
fn only_nodes_between_are_compressed() {
    let items = vec![vec![b'a'; 1000]; 20];
    let settings = Settings { fill: 2, compress: 3, ..Settings::default() };
    let body = build(settings, &items);
    // Ten nodes of 2 KB each, of which three at each end stay as they are.
    assert!((6 * 2000..6 * 2100).contains(&body.len()), "{}", body.len());
    let whole = build(Settings { compress: 5, ..settings }, &items);
    assert_eq!(whole, build(Settings { compress: 0, ..settings }, &items));
    let all = build(Settings { compress_all: true, ..settings }, &items);
    assert!(all.len() < 1000);
}

#[test]
fn what_is_wrong_is_named() {
    let fault = |type_byte, body: &[u8]| read(type_byte, body).unwrap_err();
    assert_eq!(fault(16, b"\x01"), Broken::new(0, Fault::Container));
    assert_eq!(fault(18, b""), Broken::new(0, Fault::PackedShort));
    assert_eq!(fault(18, b"\x01\x03\x01a"), Broken::new(2, Fault::Container));
    assert_eq!(fault(18, b"\x01\x01\x09a"), Broken::new(2, Fault::PackedOverrun));
    assert_eq!(fault(18, b"\x01\x01\x01ab"), Broken::new(4, Fault::Trailing));
    assert_eq!(fault(18, b"\x01\x02\x01a"), Broken::new(0, Fault::PackedShort));
    assert_eq!(fault(14, b"\x02\x01a"), Broken::new(0, Fault::PackedShort));
    assert_eq!(fault(18, b"\xc0\x01"), Broken::new(0, Fault::Length));
    assert_eq!(read(18, b"\x01\x01\xc0\xfe"), Ok(vec![vec![b"-2".to_vec()]]));
    assert_eq!(Node::Plain(b"7").iter().next(), Some(Value::Str(b"7")));
}
