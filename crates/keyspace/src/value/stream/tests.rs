use std::collections::BTreeMap;

use proptest::prelude::*;

use super::rdb::{ACTIVE, COUNTED, IDEMPOTENT};
use super::*;
use crate::UnixMs;

/// What a stream is, without its nodes.
type Naive = BTreeMap<StreamId, Fields>;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Debug, Clone)]
enum Step {
    Push { later: u64, fields: Vec<(u8, Vec<u8>)> },
    Remove(prop::sample::Index),
    KeepLast(u64),
    KeepFrom(prop::sample::Index),
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        4 => any::<i16>().prop_map(|n| n.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (100..3000_usize).prop_map(|len| vec![b'x'; len]),
    ];
    let fields = prop::collection::vec((0_u8..3, value), 1..4);
    prop_oneof![
        12 => (1..3_u64, fields).prop_map(|(later, fields)| Step::Push { later, fields }),
        5 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => (0..60_u64).prop_map(Step::KeepLast),
        1 => any::<prop::sample::Index>().prop_map(Step::KeepFrom),
        1 => Just(Step::Snapshot),
    ]
}

fn seen<'a>(entries: impl Iterator<Item = StreamEntry<'a>>) -> Vec<(StreamId, Fields)> {
    entries
        .map(|entry| {
            let fields = entry.fields().map(|(name, value)| (name.to_vec(), value.to_vec()));
            (entry.id, fields.collect())
        })
        .collect()
}

fn pick(naive: &Naive, index: prop::sample::Index) -> Option<StreamId> {
    (!naive.is_empty()).then(|| *naive.keys().nth(index.index(naive.len())).unwrap())
}

fn apply(stream: &mut Stream, naive: &mut Naive, step: &Step) {
    let exact = |keep| Trim { keep, approximate: false, limit: 0 };
    match step {
        Step::Push { later, fields } => {
            let last = stream.last_id;
            let id = match later {
                1 => last.next().unwrap(),
                _ => StreamId { ms: last.ms + later, seq: 0 },
            };
            let named: Vec<_> =
                fields.iter().map(|(n, value)| (vec![b'f', *n], value.clone())).collect();
            let pairs: Vec<Pair<'_>> =
                named.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            stream.push(id, &pairs, NodeLimits { bytes: 4096, entries: 100 });
            naive.insert(id, named);
        }
        Step::Remove(index) => {
            if let Some(id) = pick(naive, *index) {
                assert!(stream.remove(id));
                assert!(!stream.remove(id));
                naive.remove(&id);
            }
        }
        Step::KeepLast(most) => {
            let before = naive.len();
            while naive.len() as u64 > *most {
                naive.pop_first();
            }
            assert_eq!(stream.trim(exact(Keep::Last(*most))), (before - naive.len()) as u64);
        }
        Step::KeepFrom(index) => {
            if let Some(id) = pick(naive, *index) {
                let before = naive.len();
                *naive = naive.split_off(&id);
                assert_eq!(stream.trim(exact(Keep::From(id))), (before - naive.len()) as u64);
            }
        }
        Step::Snapshot => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_stream_is_a_map_by_id(
        steps in prop::collection::vec(step(), 0..400),
        ends in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let (mut stream, mut naive) = (Stream::default(), Naive::new());
        let mut snapshots = Vec::new();
        for step in &steps {
            apply(&mut stream, &mut naive, step);
            if matches!(step, Step::Snapshot) {
                snapshots.push((stream.clone(), naive.clone()));
            }
        }
        snapshots.push((stream.clone(), naive.clone()));
        for (stream, naive) in &snapshots {
            prop_assert_eq!(stream.len(), naive.len());
            let all: Vec<_> = naive.clone().into_iter().collect();
            prop_assert_eq!(seen(stream.range(StreamId::MIN, StreamId::MAX)), all);
        }
        if let (Some(start), Some(end)) = (pick(&naive, ends.0), pick(&naive, ends.1)) {
            let within = |id: &StreamId| (start..=end).contains(id);
            let mut some: Vec<_> = naive.clone().into_iter().filter(|(id, _)| within(id)).collect();
            prop_assert_eq!(seen(stream.range(start, end)), some.clone());
            some.reverse();
            prop_assert_eq!(seen(stream.range_back(start, end)), some);
        }
        for (type_byte, compress) in [(COUNTED, false), (ACTIVE, true)] {
            let mut body = Vec::new();
            stream.to_rdb(type_byte, compress, &mut body);
            let back = Stream::from_rdb(type_byte, &body).unwrap();
            prop_assert_eq!(format!("{back:?}"), format!("{stream:?}"));
        }
    }

    #[test]
    fn a_group_and_its_consumers_agree(
        steps in prop::collection::vec((0_u8..4, 0_u64..12, 0_usize..3), 0..80),
    ) {
        let names = [&b"ann"[..], b"bob", b"a consumer with a long name"];
        let mut group = Group::new(b"g", StreamId::MIN, None);
        let mut naive = BTreeMap::new();
        for (what, seq, who) in steps {
            let (id, name) = (StreamId { ms: 1, seq }, names[who]);
            match what {
                0 | 1 => {
                    group.see(name, UnixMs(seq));
                    group.assign(id, name, UnixMs(seq), u64::from(what));
                    naive.insert(id, (name, u64::from(what)));
                }
                2 => assert_eq!(group.acknowledge(id), naive.remove(&id).is_some()),
                _ => {
                    let before = naive.len();
                    naive.retain(|_, (owner, _)| *owner != name);
                    let removed = group.remove_consumer(name).unwrap_or(0);
                    assert_eq!(removed, before - naive.len());
                }
            }
            let pending = group.pending_from(StreamId::MIN);
            let pending: Vec<_> = pending.map(|it| (it.id, it.consumer.to_vec(), it.count)).collect();
            let expected: Vec<_> = naive.iter().map(|(id, (name, count))| (*id, name.to_vec(), *count)).collect();
            prop_assert_eq!(pending, expected);
            for name in names {
                let owned: Vec<_> = naive.iter().filter(|(_, it)| it.0 == name).map(|(id, _)| *id).collect();
                let has = group.consumer(name).map_or(Vec::new(), |it| it.pending_from(StreamId::MIN).copied().collect());
                prop_assert_eq!(has, owned);
            }
        }
        let mut stream = Stream::default();
        assert!(stream.add_group(group));
        let mut body = Vec::new();
        stream.to_rdb(ACTIVE, true, &mut body);
        prop_assert_eq!(format!("{:?}", Stream::from_rdb(ACTIVE, &body).unwrap()), format!("{stream:?}"));
        for cut in 0..body.len() {
            prop_assert!(Stream::from_rdb(ACTIVE, &body[..cut]).is_none());
        }
    }
}

#[test]
fn counts_that_take_more_bytes_move_nothing_wrongly() {
    // More entries than a node of ours has, as one of a server with larger nodes.
    let pairs = [(&b"f"[..], &b"v"[..])];
    let mut node = Node::new(StreamId { ms: 1, seq: 0 }, &pairs);
    for seq in 1..300 {
        node.push(StreamId { ms: 1, seq }, &pairs);
    }
    assert_eq!(node.counts(), (300, 0));
    let flags: Vec<_> = node.entries().take(200).map(|entry| entry.flags_at).collect();
    node.delete(&flags);
    assert_eq!(node.counts(), (100, 200));
    let node = Node::from_bytes(node.first(), node.bytes()).unwrap();
    assert_eq!(node.entries().filter(|entry| !entry.deleted).count(), 100);
    assert_eq!(node.last(), StreamId { ms: 1, seq: 299 });
}

#[test]
fn producers_come_back() {
    let mut stream = Stream::default();
    let kept = Kept { seconds: 7, entries: 9 };
    for at in 1..=12 {
        let id = StreamId { ms: 5, seq: at };
        let name = [b"p", &b"another"[..]][at as usize % 2];
        stream.producers_mut(kept).record(name, format!("{at}").as_bytes(), id, UnixMs(5));
    }
    stream.producers_mut(kept).duplicates = 3;
    let mut body = Vec::new();
    stream.to_rdb(IDEMPOTENT, true, &mut body);
    let back = Stream::from_rdb(IDEMPOTENT, &body).unwrap();
    let told = |stream: &Stream| {
        let producers = stream.producers().unwrap();
        (producers.kept, producers.added, producers.duplicates, producers.tracked(UnixMs(5)))
    };
    assert_eq!(told(&back), (kept, 12, 3, (2, 12)));
    assert_eq!(told(&back), told(&stream));
    for cut in 0..body.len() {
        assert!(Stream::from_rdb(IDEMPOTENT, &body[..cut]).is_none());
    }
    // Without any it is a stream like others.
    body.clear();
    Stream::default().to_rdb(IDEMPOTENT, true, &mut body);
    assert!(Stream::from_rdb(IDEMPOTENT, &body).unwrap().producers().is_none());
}
