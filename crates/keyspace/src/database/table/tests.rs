use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::database::slots::Slots;
use crate::{List, Str};

/// Few enough hashes that some keys share one, and the rest is for the bytes of keys to tell.
fn hash_of(key: &[u8]) -> u64 {
    u64::from(key.iter().fold(7_u8, |hash, byte| hash.wrapping_mul(31) ^ byte) % 16)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug, Clone)]
enum Step {
    Put { key: u8, value: Value, expires: Option<UnixMs> },
    Remove(u8),
    Expire(u8, Option<UnixMs>),
    Append(u8),
    Number(u8, i64),
    Rewrite(u8, Value),
    Stamp(u8, u32, u32),
}

/// A key's bytes: of most keys few, of one more than a record takes.
fn key(number: u8) -> Vec<u8> {
    match number {
        0 => Vec::new(),
        1 => vec![b'x'; 300],
        _ => format!("key:{number}").into_bytes(),
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..90)
            .prop_map(|bytes| Value::String(Str::text(&bytes))),
        2 => any::<i64>().prop_map(|number| Value::String(Str::from_integer(number))),
        1 => (400..700_usize).prop_map(|len| Value::String(Str::text(&vec![b'v'; len]))),
        1 => Just(Value::String(Str::from(b"grown".to_vec()))),
        1 => any::<u8>().prop_map(|item| {
            let mut list = List::default();
            list.push_back(&[item][..]);
            Value::List(list)
        }),
    ]
}

fn expires() -> impl Strategy<Value = Option<UnixMs>> {
    proptest::option::of(any::<u64>().prop_map(UnixMs))
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..60_u8;
    let put = (key(), value(), expires());
    prop_oneof![
        6 => put.prop_map(|(key, value, expires)| Step::Put { key, value, expires }),
        3 => key().prop_map(Step::Remove),
        1 => (key(), expires()).prop_map(|(key, expires)| Step::Expire(key, expires)),
        1 => key().prop_map(Step::Append),
        1 => (key(), any::<i64>()).prop_map(|(key, number)| Step::Number(key, number)),
        1 => (key(), value()).prop_map(|(key, value)| Step::Rewrite(key, value)),
        1 => (key(), 0..1_u32 << 24, 0..1_u32 << 24)
            .prop_map(|(key, epoch, clock)| Step::Stamp(key, epoch, clock)),
    ]
}

/// All that an entry says.
fn said(entry: EntryRef<'_>) -> (Vec<u8>, String, Option<UnixMs>, u32, u32) {
    let EntryRef { key, value, expires, epoch, clock } = entry;
    (key.to_vec(), format!("{:?}", value.to_value()), expires, epoch, clock)
}

fn run(mut table: TableMut<'_>, twin: &mut BTreeMap<Vec<u8>, Entry>, step: Step) {
    let (Step::Put { key: number, .. }
    | Step::Remove(number)
    | Step::Expire(number, _)
    | Step::Append(number)
    | Step::Number(number, _)
    | Step::Rewrite(number, _)
    | Step::Stamp(number, ..)) = step;
    let key = key(number);
    let (hash, place) = (hash_of(&key), table.view().find(hash_of(&key), &key));
    assert_eq!(place.is_some(), twin.contains_key(&key));
    match (step, place) {
        (Step::Put { value, expires, .. }, place) => {
            let entry = Entry::new(&key, value, expires, u32::from(number));
            match place {
                Some(place) => drop(table.replace(hash, place, entry.clone(), hash_of)),
                // Half of the strings as they come, the others as entries.
                None if number.is_multiple_of(2) => insert_plain(&mut table, hash, entry.clone()),
                None => drop(table.insert(hash, entry.clone(), hash_of)),
            }
            twin.insert(key, entry);
        }
        (Step::Remove(_), Some(place)) => {
            let removed = table.remove(hash, place, hash_of).unwrap();
            assert_eq!(said(removed.view()), said(twin.remove(&key).unwrap().view()));
        }
        (Step::Expire(_, expires), Some(place)) => {
            table.set_expires(hash, place, expires, hash_of);
            twin.get_mut(&key).unwrap().set_expires(expires);
        }
        (Step::Append(_), Some(place)) => {
            for entry in [table.make_whole(place, hash_of), twin.get_mut(&key).unwrap()] {
                if let Value::String(string) = &mut entry.value {
                    string.make_mut().push(b'!');
                }
            }
        }
        (Step::Number(_, number), Some(place)) => {
            let entry = twin.get_mut(&key).unwrap();
            if table.set_integer(place, number) {
                assert_eq!(said(entry.view()).1.find("Integer"), Some(11));
                entry.value = Value::String(Str::from_integer(number));
            }
        }
        (Step::Rewrite(_, value), Some(place)) => {
            let ValueRef::String(mut string) = value.view() else { return };
            let before = said(table.view().entry(place));
            // Half of them are as long as what is there.
            let filled;
            if let ValueRef::String(old) = table.view().entry(place).value
                && number.is_multiple_of(2)
            {
                filled = vec![b'f'; old.stored_integer().map_or(old.len(), |_| 8)];
                string = StrRef::text(&filled);
            }
            let entry = twin.get_mut(&key).unwrap();
            if table.rewrite_string(place, string, |clock| clock ^ 1) {
                assert_eq!(entry.expires(), None);
                entry.value = Value::String(string.to_str());
                entry.set_clock(entry.clock() ^ 1);
            } else {
                assert_eq!(said(table.view().entry(place)), before);
                assert!(
                    !number.is_multiple_of(2) || entry.expires().is_some() || place & WHOLE != 0
                );
            }
        }
        (Step::Stamp(_, epoch, clock), Some(place)) => {
            table.set_epoch(place, epoch);
            table.set_clock(place, clock);
            let entry = twin.get_mut(&key).unwrap();
            entry.epoch = epoch;
            entry.set_clock(clock);
        }
        (_, None) => {}
    }
}

/// Adds an entry as a record if it may be one.
fn insert_plain(table: &mut TableMut<'_>, hash: u64, entry: Entry) {
    let is_record =
        record(&entry).is_some_and(|record| table.insert_record(hash, &record, hash_of));
    if !is_record {
        table.insert(hash, entry, hash_of);
    }
}

/// Brings in what stands at places whatever they were once.
fn bring_in_anything(table: TableRef<'_>) {
    let places = [0, 1, 77, 4095, 4096, 3 << 12, WHOLE - 1];
    for place in places.into_iter().flat_map(|place| [place, WHOLE | place]) {
        table.prefetch_way(place);
        table.touch(place);
    }
    table.prefetch_way_to_end();
    table.touch_end();
}

proptest! {
    /// Whether its arena has room for all short strings or for some.
    #[test]
    fn keeps_what_it_is_given(
        steps in proptest::collection::vec((0..AT.len(), step()), 1..600),
        chunks in prop_oneof![Just(usize::MAX), 0..5_usize],
    ) {
        let mut slots = Slots::default();
        let mut twins: Vec<_> = AT.iter().map(|_| BTreeMap::new()).collect();
        for at in AT {
            slots.get_or_make(at).arena().most = chunks;
        }
        let mut seen = Vec::new();
        for (of, step) in steps {
            run(slots.get_mut(AT[of]).unwrap(), &mut twins[of], step);
            let (table, twin) = (slots.get(AT[of]).unwrap(), &twins[of]);
            bring_in_anything(table);
            // Where entries were seen, a while ago or just now, nothing else is found.
            seen.extend(twin.keys().next().and_then(|key| Some((of, table.near(hash_of(key))?))));
            for (of, near) in seen.iter().rev().take(4) {
                let table = slots.get(AT[*of]).unwrap();
                for key in twins[*of].keys() {
                    let hash = hash_of(key);
                    prop_assert_eq!(table.find_near(hash, key, Some(*near)), table.find(hash, key));
                }
            }
            prop_assert_eq!(table.len(), twin.len());
            let (filled, live) = table.table.arena.filled();
            // No chunk has more holes than records.
            prop_assert!(filled <= live * 2, "{live} of {filled}");
            prop_assert!(filled <= chunks.saturating_mul(4096), "{filled} in {chunks}");
        }
        for (at, twin) in AT.into_iter().zip(&twins) {
            let table = slots.get(at).unwrap();
            let mut all: Vec<_> = table.iter().map(said).collect();
            all.sort();
            let expected: Vec<_> = twin.values().map(|entry| said(entry.view())).collect();
            prop_assert_eq!(all, expected);
            let buckets = (0..table.buckets()).filter_map(|bucket| table.at(bucket));
            prop_assert_eq!(buckets.count(), twin.len());
            for key in twin.keys() {
                prop_assert!(table.find(hash_of(key), key).is_some());
            }
        }
        let whole = |at| slots.get(at).unwrap().iter().filter(|it| it.record_bytes().is_none()).count();
        let listed = slots.get(AT[0]).unwrap().whole.len();
        // A full arena sends what could be records there, too.
        prop_assert!(AT.into_iter().map(whole).sum::<usize>() <= listed);
    }
}

/// Slots of one group share a list: what goes from one moves what is of another.
const AT: [usize; 3] = [GROUP, GROUP + 1, 2 * GROUP - 1];

/// The twin of what an entry is kept as: short strings are records, all else is not.
#[test]
fn short_strings_are_records() {
    let text = |len| Value::String(Str::text(&vec![b'v'; len]));
    let value =
        |value: Value| Entry::new(b"0123456789abcdef", value, None, 0).view().record_bytes();
    assert_eq!(value(text(64)), Some(90));
    assert_eq!(value(Value::String(Str::new(b"12"))), Some(34));
    assert_eq!(value(text(486)), Some(512));
    assert_eq!(value(text(487)), None);
    assert_eq!(value(Value::String(Str::from(vec![]))), None);
    assert_eq!(value(Value::List(List::default())), None);
}

/// What an arena has no room for is kept beside it, and goes into it where records have gone.
#[test]
fn a_full_arena_sends_strings_to_the_list() {
    let mut slots = Slots::default();
    let mut table = slots.get_or_make(0);
    table.arena().most = 2;
    let key = |number: usize| format!("key:{number:012}").into_bytes();
    let entry = |number| Entry::new(&key(number), Value::String(Str::text(&[b'v'; 64])), None, 0);
    let put = |table: &mut TableMut<'_>, number| {
        table.insert(hash_of(&key(number)), entry(number), hash_of);
    };
    let sizes = |table: &TableMut<'_>| {
        let TableRef { table, whole } = table.view();
        (table.arena.filled().0, whole.len())
    };
    (0..200).for_each(|number| put(&mut table, number));
    assert_eq!(sizes(&table), (2 * 45 * 90, 110));
    // Every other record goes. What is left of the first chunk, less than half, is moved, while there is
    // no chunk to be had but its own; the second has its holes yet.
    for number in (0..90).filter(|number| number % 2 == 0) {
        let (hash, key) = (hash_of(&key(number)), key(number));
        let place = table.view().find(hash, &key).unwrap();
        table.remove(hash, place, hash_of).unwrap();
    }
    assert_eq!(sizes(&table).1, 110);
    (200..245).for_each(|number| put(&mut table, number));
    assert_eq!(sizes(&table), (2 * 45 * 90, 110 + 45 - 23));
    for number in (1..90).step_by(2).chain(90..245) {
        let place = table.view().find(hash_of(&key(number)), &key(number)).unwrap();
        assert_eq!(said(table.view().entry(place)), said(entry(number).view()), "{number}");
    }
}

/// Slots of few keys and of many take little more than their records.
#[test]
fn chunks_are_filled() {
    for keys in [1_usize, 10, 300, 3000] {
        let mut slots = Slots::default();
        let mut table = slots.get_or_make(0);
        for number in 0..keys {
            let key = format!("key:{number:012}").into_bytes();
            let entry = Entry::new(&key, Value::String(Str::text(&[b'v'; 64])), None, 0);
            table.insert(hash_of(&key), entry, hash_of);
        }
        let taken = table.arena().capacity();
        assert!(taken < keys * 90 * 102 / 100 + STEP, "{taken} for {keys}");
    }
}

const STEP: usize = 512;
