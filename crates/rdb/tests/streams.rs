//! Streams: written for every target and read again, from the corpus and made up.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::{collection, option, prelude::*};
use redwire_rdb::stream::{
    StreamConsumer, StreamCounts, StreamGroup, StreamHead, StreamId, StreamNode, StreamPart,
    StreamPending, StreamProducers, node_of, parts_of,
};
use redwire_rdb::{DecodeOptions, Dialect, EncodeOptions, Encoder, Error, Fault, KeyMeta, Version};
use support::{Consumer, Contents, Group, Stream, Value, corpus, decode, decode_with, files};

const TARGETS: [&str; 8] = ["6.0", "6.2", "7.0", "7.2", "8.0", "8.6", "valkey 8.1", "valkey 9.1"];

fn options(target: &str) -> EncodeOptions {
    EncodeOptions { target: target.parse().unwrap(), ..EncodeOptions::default() }
}

/// A file of one stream.
fn file(options: EncodeOptions, parts: &[StreamPart<'_>]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(options), Vec::new());
    encoder.start(&mut out);
    encoder.begin_stream(&mut out, &KeyMeta::new(b"events"));
    parts.iter().for_each(|part| encoder.stream_part(&mut out, part));
    encoder.finish(&mut out).unwrap();
    encoder.end(&mut out);
    out
}

fn only(contents: Contents) -> Stream {
    match &contents.keys[..] {
        [key] => match &key.value {
            Value::Stream(stream) => stream.clone(),
            other => panic!("{other:?}"),
        },
        keys => panic!("{} keys", keys.len()),
    }
}

/// What a file of `target` keeps of a stream.
fn kept(mut stream: Stream, target: &str) -> Stream {
    let version: Version = target.parse().unwrap();
    let (counted, active) = (version.holds_type(19), version.holds_type(21));
    let first = stream.entries.first().map_or(StreamId::MIN, |entry| entry.0);
    stream.head.length = stream.entries.len() as u64;
    let made = StreamCounts {
        first_id: first,
        max_deleted_id: StreamId::MIN,
        entries_added: stream.head.length,
    };
    stream.head.counts = counted.then(|| stream.head.counts.unwrap_or(made));
    for group in &mut stream.groups {
        if !counted {
            group.entries_read = None;
        }
        for consumer in &mut group.consumers {
            let seen = consumer.seen_ms;
            consumer.active_ms = active.then(|| consumer.active_ms.unwrap_or(seen));
        }
    }
    if !version.holds_type(26) {
        stream.producers.clear();
    } else if stream.producers.is_empty() {
        stream.producers = vec![
            format!("{:?}", StreamPart::Producers(StreamProducers::default())),
            format!("{:?}", StreamPart::AddedCounts { added: 0, duplicates: 0 }),
        ];
    }
    stream
}

fn id() -> impl Strategy<Value = StreamId> {
    (0..50u64, 0..3u64).prop_map(|(ms, seq)| StreamId::new(ms, seq))
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(any::<u8>(), 0..30)
}

prop_compose! {
    fn group()(
        name in bytes(),
        last_id in id(),
        read in any::<i64>(),
        owners in collection::btree_map(id(), (0..3usize, any::<i64>(), any::<u64>()), 0..6),
        consumers in collection::btree_set(bytes(), 3),
        seen in any::<[i64; 3]>(),
    ) -> Group {
        let pending = owners
            .iter()
            .map(|(id, (_, delivered_ms, deliveries))| StreamPending {
                id: *id,
                delivered_ms: *delivered_ms,
                deliveries: *deliveries,
            })
            .collect();
        let consumers = consumers.into_iter().enumerate().map(|(index, name)| Consumer {
            name,
            seen_ms: seen[index],
            active_ms: Some(seen[index] / 2),
            owned: owners.iter().filter(|owner| owner.1.0 == index).map(|owner| *owner.0).collect(),
        });
        Group { name, last_id, entries_read: Some(read), pending, consumers: consumers.collect() }
    }
}

prop_compose! {
    fn stream()(
        entries in collection::btree_map(id(), collection::vec((bytes(), bytes()), 0..3), 0..12),
        per_node in 1..5usize,
        groups in collection::vec(group(), 0..3),
        counts in (id(), id(), any::<u64>()),
        last in id(),
        producers in option::of(collection::vec((bytes(), collection::vec((bytes(), id()), 0..3)), 0..3)),
    ) -> (Stream, Vec<(Vec<u8>, Vec<(Vec<u8>, StreamId)>)>, bool) {
        let entries: Vec<_> = entries.into_iter().collect();
        let nodes = entries.chunks(per_node).map(|chunk| {
            let first = chunk[0].0;
            let fields = |fields: &[(Vec<u8>, Vec<u8>)]| fields.to_vec();
            let all: Vec<_> = chunk.iter().map(|(id, pairs)| (*id, fields(pairs))).collect();
            let node = node_of(first, all.iter().map(|(id, pairs)| {
                (*id, pairs.iter().map(|(name, value)| (&name[..], &value[..])))
            }));
            (first, node)
        }).collect();
        let mut groups: Vec<Group> = groups;
        let mut seen = std::collections::BTreeSet::new();
        groups.retain(|group| seen.insert(group.name.clone()));
        let counts = StreamCounts {
            first_id: counts.0,
            max_deleted_id: counts.1,
            entries_added: counts.2,
        };
        let head = StreamHead {
            length: entries.len() as u64,
            last_id: last,
            counts: Some(counts),
            groups: groups.len() as u64,
        };
        let live = entries
            .into_iter()
            .map(|(id, pairs)| (id, pairs.into_iter().flat_map(|(a, b)| [a, b]).collect()))
            .collect();
        let has = producers.is_some();
        let stream = Stream { entries: live, nodes, head, groups, producers: Vec::new() };
        (stream, producers.unwrap_or_default(), has)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any stream, for any target, is itself but for what the target does not have.
    #[test]
    fn a_stream_comes_back((stream, producers, has_producers) in stream()) {
        let mut parts = stream.parts();
        if has_producers {
            let settings = StreamProducers { duration: 7, max_entries: 9, producers: producers.len() as u64 };
            parts.push(StreamPart::Producers(settings));
            for (id, added) in &producers {
                parts.push(StreamPart::Producer { id, added: added.len() as u64 });
                parts.extend(added.iter().map(|(id, entry)| StreamPart::Added { id, entry: *entry }));
            }
            parts.push(StreamPart::AddedCounts { added: 5, duplicates: 3 });
        }
        let mut expected = stream.clone();
        let of_producers = |part: &&StreamPart<'_>| matches!(
            part,
            StreamPart::Producers(_) | StreamPart::Producer { .. } | StreamPart::Added { .. }
                | StreamPart::AddedCounts { .. }
        );
        expected.producers = parts.iter().filter(of_producers).map(|part| format!("{part:?}")).collect();
        for target in TARGETS {
            let bytes = file(options(target), &parts);
            let found = only(decode(&bytes).unwrap());
            prop_assert_eq!(&found, &kept(expected.clone(), target), "{}", target);
            // As it stands, and from there to every other target.
            let opaque = DecodeOptions { opaque_streams: true, ..DecodeOptions::default() };
            let contents = decode_with(&bytes, opaque).unwrap();
            let Value::Opaque(type_byte, body) = &contents.keys[0].value else { panic!() };
            for other in TARGETS {
                let (mut encoder, mut out) = (Encoder::new(options(other)), Vec::new());
                encoder.start(&mut out);
                let meta = KeyMeta::new(b"events");
                encoder.opaque(&mut out, &meta, Dialect::Redis, *type_byte, body).unwrap();
                encoder.end(&mut out);
                let again = only(decode(&out).unwrap());
                let known = found.head.counts.is_some() || !other.parse::<Version>().unwrap().holds_type(19);
                if known && encoder.options().target.holds_type(*type_byte) {
                    prop_assert_eq!(&again, &found, "{} to {}", target, other);
                }
                prop_assert_eq!(&again.entries, &found.entries);
            }
        }
    }
}

/// What a server finds of a group when it loads a stream that does not say what was read.
#[test]
fn counts_that_an_old_file_lacks_are_made_as_servers_make_them() {
    let ids = [5, 7, 9].map(|ms| StreamId::new(ms, 0));
    let field = [(&b"f"[..], &b"v"[..])];
    let node = node_of(ids[0], ids.iter().map(|id| (*id, field.into_iter())));
    for (last, read) in [(0, 0), (5, 1), (6, -1), (7, -1), (9, 3), (10, -1)] {
        let group = StreamGroup {
            name: b"group",
            last_id: StreamId::new(last, 0),
            entries_read: None,
            pending: 0,
        };
        let head = StreamHead { length: 3, last_id: ids[2], counts: None, groups: 1 };
        let parts = [
            StreamPart::Nodes(1),
            StreamPart::Node(StreamNode::new(ids[0], &node).unwrap()),
            StreamPart::Head(head),
            StreamPart::Group(group),
            StreamPart::Consumers(0),
        ];
        let found = only(decode(&file(options("7.0"), &parts)).unwrap());
        assert_eq!(found.groups[0].entries_read, Some(read), "last delivered {last}");
        let counts = found.head.counts.unwrap();
        assert_eq!((counts.first_id, counts.entries_added), (ids[0], 3));
    }
}

#[test]
fn parts_out_of_their_order_are_refused() {
    let head = StreamPart::Head(StreamHead::default());
    let owned = StreamPart::Owned(StreamId::MIN);
    let group = |pending| {
        StreamPart::Group(StreamGroup {
            name: b"g",
            last_id: StreamId::MIN,
            entries_read: None,
            pending,
        })
    };
    let one_group = StreamPart::Head(StreamHead { groups: 1, ..StreamHead::default() });
    let consumer = StreamPart::Consumer(StreamConsumer {
        name: b"c",
        seen_ms: 0,
        active_ms: None,
        pending: 1,
    });
    let wrong: [&[StreamPart<'_>]; 9] = [
        &[],
        &[head],
        &[StreamPart::Nodes(1), head],
        &[StreamPart::Nodes(0)],
        &[StreamPart::Nodes(0), head, group(0)],
        &[StreamPart::Nodes(0), one_group],
        &[StreamPart::Nodes(0), one_group, group(1), StreamPart::Consumers(0)],
        &[StreamPart::Nodes(0), one_group, group(0), StreamPart::Consumers(1), consumer],
        &[StreamPart::Nodes(0), head, owned],
    ];
    for parts in wrong {
        let (mut encoder, mut out) = (Encoder::new(options("8.6")), Vec::new());
        encoder.begin_stream(&mut out, &KeyMeta::new(b"k"));
        parts.iter().for_each(|part| encoder.stream_part(&mut out, part));
        let finished = encoder.finish(&mut out);
        assert!(matches!(finished, Err(Error::Count { .. })), "{parts:?}");
    }
}

/// Counts are what the input announced: the greatest is an error like any other that is not kept.
#[test]
fn the_greatest_counts_are_refused_without_a_panic() {
    let nodes = [&[0x81][..], &[0xff; 8]].concat();
    let pending =
        [&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, b'g', 0, 0, 0, 0x81][..], &[0xff; 8]].concat();
    for body in [nodes, pending] {
        let (mut encoder, mut out) = (Encoder::new(options("6.0")), Vec::new());
        let refused = encoder.opaque(&mut out, &KeyMeta::new(b"k"), Dialect::Redis, 19, &body);
        assert!(matches!(refused, Err(Error::Truncated { .. })), "{refused:?}");
        assert!(out.is_empty());
    }
}

/// Every stream of the corpus, written for every target in parts, has its entries and groups.
#[test]
fn streams_of_the_corpus_are_written_for_every_target() {
    let Some(corpus) = corpus("streams_of_the_corpus_are_written_for_every_target") else { return };
    let mut streams = 0;
    for (name, bytes) in [files(&corpus.join("gen")), files(&corpus.join("old"))].concat() {
        let Ok(contents) = decode(&bytes) else { continue };
        for key in &contents.keys {
            let Value::Stream(stream) = &key.value else { continue };
            streams += 1;
            for target in TARGETS {
                let mut expected = kept(stream.clone(), target);
                let mut found = only(decode(&file(options(target), &stream.parts())).unwrap());
                // Producers are not among the parts, and reads of old groups are estimated.
                expected.producers.clear();
                found.producers.clear();
                if stream.head.counts.is_none() {
                    found.groups.iter_mut().for_each(|group| group.entries_read = None);
                }
                assert_eq!(found, expected, "{name}: {} for {target}", key.name.escape_ascii());
            }
        }
    }
    assert!(streams > 100, "{streams} streams");
}

/// A body is a stream and nothing else, cut nowhere and with nothing behind it.
#[test]
fn a_body_is_a_whole_stream() {
    // No nodes, no entries, last id 0-0, no groups.
    let body = [0, 0, 0, 0, 0];
    let mut parts = 0;
    parts_of(15, &body, |_| parts += 1).unwrap();
    assert_eq!(parts, 2);
    for len in 0..body.len() {
        let cut = parts_of(15, &body[..len], |_| {});
        assert!(matches!(cut, Err(Error::Truncated { .. })), "{len}: {cut:?}");
    }
    let longer = parts_of(15, &[&body[..], b"x"].concat(), |_| {});
    let fault = Fault::Trailing;
    assert_eq!(longer, Err(Error::Malformed { offset: 5, key: None, type_byte: None, fault }));
}
