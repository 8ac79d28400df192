//! What holds for listpacks and ziplists alike; what only one of them does stands in its own tests.

use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    listpack::ListpackFormat as L,
    packed::{Broken, TooLarge, Value},
    ziplist::ZiplistFormat as Z,
};

pub(crate) fn build<F: Format>(items: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::<F>::new();
    items.iter().for_each(|item| builder.push_bytes(item));
    assert_eq!(builder.count(), items.len() as u64);
    assert_eq!(builder.byte_len(), builder.clone().finish().len());
    builder.finish().to_vec()
}

pub(crate) fn read<F: Format>(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
    Ok(View::<F>::new(bytes)?.iter().map(|value| value.to_vec()).collect())
}

/// Any element; many of them at the length from which on the next one of a ziplist has a wide field,
/// so that edits go on and on.
pub(crate) fn item() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..80),
        1 => any::<i64>().prop_map(|int| int.to_string().into_bytes()),
        1 => (any::<i64>(), 0..64u32).prop_map(|(int, shift)| (int >> shift).to_string().into_bytes()),
        1 => (0..40_000usize).prop_map(|len| vec![b'x'; len]),
        4 => (244..256usize).prop_map(|len| vec![b'w'; len]),
    ]
}

/// An edit at a place of a list, with what it puts there.
type Edit = (u8, usize, Vec<u8>);

fn edit() -> impl Strategy<Value = Edit> {
    (0..9u8, 0..12usize, item())
}

/// Does the same to a list and to its twin.
fn apply<F: Format>(list: &mut Buf<F>, twin: &mut Vec<Vec<u8>>, (what, place, item): &Edit) {
    let value = Value::of(item);
    let here = (*place).min(twin.len());
    match what {
        0 => {
            list.push_front(value).unwrap();
            twin.insert(0, item.clone());
        }
        1 => {
            list.push_back(value).unwrap();
            twin.push(item.clone());
        }
        2 => {
            let mut cursor = list.cursor(*place);
            cursor.insert_before(value).unwrap();
            assert_eq!(cursor.current().map(|now| now.to_vec()), twin.get(here).cloned());
            twin.insert(here, item.clone());
        }
        3 => {
            let mut cursor = list.cursor(*place);
            cursor.insert_after(value).unwrap();
            assert_eq!(cursor.current().map(|now| now.to_vec()), twin.get(here).cloned());
            twin.insert((here + 1).min(twin.len()), item.clone());
        }
        4 => {
            let replaced = list.cursor(*place).replace(value).unwrap();
            assert_eq!(replaced, here < twin.len());
            if replaced {
                twin[here] = item.clone();
            }
        }
        5 => {
            let count = item.len() % 4;
            let end = (here + count).min(twin.len());
            let mut cursor = list.cursor(*place);
            assert_eq!(cursor.remove(count), end - here);
            twin.drain(here..end);
            assert_eq!(cursor.current().map(|now| now.to_vec()), twin.get(here).cloned());
        }
        6 => remove_before_end(list, twin, *place),
        7 => {
            let mut cursor = list.cursor(*place);
            let found = cursor.find(item, 0);
            let expected = twin[here..].iter().position(|other| other == item);
            assert_eq!(found, expected.is_some());
            assert_eq!(cursor.remove(1), usize::from(found));
            if let Some(at) = expected {
                twin.remove(here + at);
            }
        }
        _ => {
            list.clear();
            twin.clear();
        }
    }
}

/// Goes to a place from the end, there and back, and removes what stands there.
fn remove_before_end<F: Format>(list: &mut Buf<F>, twin: &mut Vec<Vec<u8>>, place: usize) {
    let at = twin.len().checked_sub(place + 1).unwrap_or(twin.len());
    let mut cursor = list.cursor_back(place);
    assert_eq!(cursor.current().map(|now| now.to_vec()), twin.get(at).cloned());
    assert_eq!(cursor.move_next(), at < twin.len());
    let at = (at + 1).min(twin.len());
    assert_eq!(cursor.move_prev(), at > 0);
    assert_eq!(cursor.remove(1), usize::from(at > 0));
    if at > 0 {
        twin.remove(at - 1);
    }
}

/// Edits a list and its twin; `check` sees both after each edit.
fn edits_as_a_vector<F: Format>(
    items: &[Vec<u8>],
    edits: &[Edit],
    check: impl Fn(&Buf<F>, &[Vec<u8>]),
) {
    let mut list = Buf::<F>::from_bytes(build::<F>(items)).unwrap();
    let mut twin = items.to_vec();
    for edit in edits {
        apply(&mut list, &mut twin, edit);
        // All lengths in it are right, or it could not be read.
        assert_eq!(read::<F>(list.as_bytes()).as_ref(), Ok(&twin), "{edit:?}");
        let mut back: Vec<_> = list.view().iter().rev().map(|value| value.to_vec()).collect();
        back.reverse();
        assert_eq!((back.as_slice(), list.view().len()), (twin.as_slice(), twin.len()));
        check(&list, &twin);
    }
}

fn reads_the_same_from_both_ends<F: Format>(items: &[Vec<u8>], turns: &[bool]) {
    let bytes = build::<F>(items);
    let view = View::<F>::new(&bytes).unwrap();
    let mut left: VecDeque<_> = items.iter().map(|item| Value::of(item)).collect();
    assert_eq!(view.len(), left.len());
    assert_eq!(view.is_empty(), left.is_empty());
    for (index, value) in left.iter().enumerate() {
        assert_eq!(view.get(index), Some(*value));
    }
    assert_eq!(view.get(left.len()), None);
    let mut iter = view.iter();
    for from_back in turns {
        let (low, high) = iter.size_hint();
        assert!(low <= left.len() && left.len() <= high.unwrap());
        if *from_back {
            assert_eq!(iter.next_back(), left.pop_back());
        } else {
            assert_eq!(iter.next(), left.pop_front());
        }
    }
}

fn finds_what_a_scan_finds<F: Format>(items: &[Vec<u8>], what: &[u8], skip: usize) {
    let bytes = build::<F>(items);
    let found = View::<F>::new(&bytes).unwrap().find(what, skip);
    let found = found.map(|rest| rest.map(|value| value.to_vec()).collect::<Vec<_>>());
    let place = items.iter().step_by(skip + 1).position(|item| *item == what);
    let rest = place.map(|place| items[place * (skip + 1)..].to_vec());
    assert_eq!(found, rest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn give_back_what_was_pushed(items in vec(item(), 0..20)) {
        prop_assert_eq!(read::<L>(&build::<L>(&items)), Ok(items.clone()));
        prop_assert_eq!(read::<Z>(&build::<Z>(&items)), Ok(items.clone()));
    }

    #[test]
    fn read_the_same_from_both_ends(items in vec(item(), 0..20), turns in vec(any::<bool>(), 40)) {
        reads_the_same_from_both_ends::<L>(&items, &turns);
        reads_the_same_from_both_ends::<Z>(&items, &turns);
    }

    #[test]
    fn find_what_a_scan_finds(items in vec("[0-3a-c]{1,2}", 0..30), what in "[0-3a-c]{1,2}", skip in 0..3usize) {
        let items: Vec<_> = items.into_iter().map(String::into_bytes).collect();
        finds_what_a_scan_finds::<L>(&items, what.as_bytes(), skip);
        finds_what_a_scan_finds::<Z>(&items, what.as_bytes(), skip);
    }

    #[test]
    fn are_edited_as_a_vector(items in vec(item(), 0..12), edits in vec(edit(), 0..40)) {
        edits_as_a_vector::<L>(&items, &edits, |list, twin| {
            // The very bytes of one that was built of the same elements.
            assert_eq!(list.as_bytes(), build::<L>(twin));
        });
        // Ziplists keep wide fields that are not needed any more.
        edits_as_a_vector::<Z>(&items, &edits, |_, _| {});
    }

    #[test]
    fn any_bytes_end_in_an_answer(mut bytes in vec(any::<u8>(), 11..64)) {
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        *bytes.last_mut().unwrap() = END;
        let _ = read::<L>(&bytes);
        // The first element of a ziplist has none before it.
        bytes[10] = 0;
        *bytes.last_mut().unwrap() = END;
        let _ = read::<Z>(&bytes);
    }
}

fn reads_back<F: Format>(item: Vec<u8>) {
    assert_eq!(read::<F>(&build::<F>(std::slice::from_ref(&item))), Ok(vec![item]));
}

#[test]
fn integers_at_each_edge_read_back() {
    for bits in [0, 7, 12, 15, 23, 31, 63u32] {
        for int in [-1i64 << bits, (-1i64 << bits).wrapping_sub(1), !(-1i64 << bits), 12, 13] {
            reads_back::<L>(int.to_string().into_bytes());
            reads_back::<Z>(int.to_string().into_bytes());
        }
    }
}

#[test]
fn lengths_at_each_edge_read_back() {
    let narrow = [0, 63, 64, 125, 126, 127, 128, 250, 251, 252, 253, 254, 4095, 4096];
    let wide = [16_377, 16_378, 16_379, 16_380, 16_383, 16_384, 2_097_146];
    for len in narrow.into_iter().chain(wide) {
        reads_back::<L>(vec![b'a'; len]);
        reads_back::<Z>(vec![b'a'; len]);
    }
}

fn more_elements_than_the_header_counts<F: Format>() {
    let items = vec![b"1".to_vec(); 70_000];
    let bytes = build::<F>(&items);
    assert_eq!(count::<F>(&bytes), UNCOUNTED);
    assert_eq!(read::<F>(&bytes).map(|items| items.len()), Ok(70_000));
}

#[test]
fn more_elements_than_a_header_counts() {
    more_elements_than_the_header_counts::<L>();
    more_elements_than_the_header_counts::<Z>();
}

fn loses_its_count_and_gets_it_back<F: Format>() {
    let mut list = Buf::<F>::from_bytes(build::<F>(&vec![b"1".to_vec(); 65_534])).unwrap();
    let counts = |list: &Buf<F>| (count::<F>(list.as_bytes()), list.view().len());
    assert_eq!(counts(&list), (65_534, 65_534));
    list.push_back(Value::Int(1)).unwrap();
    assert_eq!(counts(&list), (UNCOUNTED, 65_535));
    assert_eq!(list.view().get(65_534), Some(Value::Int(1)));
    list.cursor_back(1).remove(9);
    assert_eq!(counts(&list), (UNCOUNTED, 65_533));
    assert_eq!(list.recount(), 65_533);
    assert_eq!(counts(&list), (65_533, 65_533));
    assert!(View::<F>::new(list.as_bytes()).is_ok());
}

#[test]
fn a_count_that_was_lost_comes_back_when_it_is_counted() {
    loses_its_count_and_gets_it_back::<L>();
    loses_its_count_and_gets_it_back::<Z>();
}

fn can_be_edited_when_built<F: Format>() {
    let mut builder = Builder::<F>::with_capacity(64);
    builder.push_bytes(b"one");
    let mut list = Buf::from(builder);
    list.push_back(Value::of(b"two")).unwrap();
    assert_eq!(list.into_bytes(), build::<F>(&[b"one".to_vec(), b"two".to_vec()]));
    assert_eq!(Buf::<F>::default().as_bytes(), build::<F>(&[]));
}

#[test]
fn what_is_built_can_be_edited() {
    can_be_edited_when_built::<L>();
    can_be_edited_when_built::<Z>();
}

fn refuses_more_than_its_most<F: Format>() {
    // Zeros that nobody touches take no memory.
    let max = F::MAX_BYTES;
    let zeros = vec![0; max as usize - F::HEADER - 1];
    let mut list = Buf::<F>::new();
    list.push_back(Value::of(b"a")).unwrap();
    let before = list.clone();
    assert_eq!(list.push_back(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list.push_front(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list.cursor(0).replace(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list, before);
}

#[test]
fn what_is_too_large_is_refused_and_changes_nothing() {
    refuses_more_than_its_most::<L>();
    refuses_more_than_its_most::<Z>();
}
