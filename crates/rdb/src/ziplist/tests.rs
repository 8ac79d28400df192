use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Fault,
    packed::{Broken, TooLarge, Value},
};

fn build(items: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new();
    let mut previous = 0;
    for item in items {
        let before = builder.byte_len();
        builder.push_bytes(item);
        previous = Builder::cost(Value::of(item), previous);
        assert_eq!(builder.byte_len() - before, previous);
    }
    assert_eq!(builder.byte_len(), builder.clone().finish().len());
    builder.finish().to_vec()
}

fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
    Ok(Ziplist::new(bytes)?.iter().map(|value| value.to_vec()).collect())
}

fn item() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..80),
        any::<i64>().prop_map(|int| int.to_string().into_bytes()),
        (any::<i64>(), 0..64u32).prop_map(|(int, shift)| (int >> shift).to_string().into_bytes()),
        (0..40_000usize).prop_map(|len| vec![b'x'; len]),
    ]
}

/// An edit at a place of a list, with what it puts there.
type Edit = (u8, usize, Vec<u8>);

fn edit() -> impl Strategy<Value = Edit> {
    (0..9u8, 0..12usize, prop_oneof![item(), near_wide()])
}

/// Does the same to a ziplist and to its twin.
fn apply(list: &mut ZiplistBuf, twin: &mut Vec<Vec<u8>>, (what, place, item): &Edit) {
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
        6 => {
            let at = twin.len().checked_sub(place + 1).unwrap_or(twin.len());
            let mut cursor = list.cursor_back(*place);
            assert_eq!(cursor.current().map(|now| now.to_vec()), twin.get(at).cloned());
            assert_eq!(cursor.move_next(), at < twin.len());
            let at = (at + 1).min(twin.len());
            assert_eq!(cursor.move_prev(), at > 0);
            assert_eq!(cursor.remove(1), usize::from(at > 0));
            if at > 0 {
                twin.remove(at - 1);
            }
        }
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

/// Elements at the length from which on the next has a wide field, so that edits go on and on.
fn near_wide() -> impl Strategy<Value = Vec<u8>> {
    (244..256usize).prop_map(|len| vec![b'w'; len])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gives_back_what_was_pushed(items in vec(item(), 0..20)) {
        prop_assert_eq!(read(&build(&items)), Ok(items));
    }

    #[test]
    fn reads_the_same_from_both_ends(items in vec(item(), 0..20), turns in vec(any::<bool>(), 40)) {
        let bytes = build(&items);
        let ziplist = Ziplist::new(&bytes).unwrap();
        let mut left: VecDeque<_> = items.iter().map(|item| Value::of(item)).collect();
        prop_assert_eq!(ziplist.len(), left.len());
        prop_assert_eq!(ziplist.is_empty(), left.is_empty());
        for (index, value) in left.iter().enumerate() {
            prop_assert_eq!(ziplist.get(index), Some(*value));
        }
        prop_assert_eq!(ziplist.get(left.len()), None);
        let mut iter = ziplist.iter();
        for from_back in turns {
            let (low, high) = iter.size_hint();
            prop_assert!(low <= left.len() && left.len() <= high.unwrap());
            if from_back {
                prop_assert_eq!(iter.next_back(), left.pop_back());
            } else {
                prop_assert_eq!(iter.next(), left.pop_front());
            }
        }
    }

    #[test]
    fn finds_what_a_scan_finds(items in vec("[0-3a-c]{1,2}", 0..30), what in "[0-3a-c]{1,2}", skip in 0..3usize) {
        let items: Vec<_> = items.into_iter().map(String::into_bytes).collect();
        let bytes = build(&items);
        let found = Ziplist::new(&bytes).unwrap().find(what.as_bytes(), skip);
        let place = items.iter().step_by(skip + 1).position(|item| *item == what.as_bytes());
        let rest = place.map(|place| items[place * (skip + 1)..].to_vec());
        prop_assert_eq!(found.map(|rest| rest.map(|value| value.to_vec()).collect::<Vec<_>>()), rest);
    }

    #[test]
    fn edits_as_a_vector(
        items in vec(prop_oneof![near_wide(), item()], 0..12),
        edits in vec(edit(), 0..40),
    ) {
        let mut list = ZiplistBuf::from_bytes(build(&items)).unwrap();
        let mut twin = items;
        for edit in edits {
            apply(&mut list, &mut twin, &edit);
            // All lengths in it are right, or it could not be read.
            prop_assert_eq!(read(list.as_bytes()), Ok(twin.clone()), "{:?}", edit);
            let mut back: Vec<_> = list.view().iter().rev().map(|value| value.to_vec()).collect();
            back.reverse();
            prop_assert_eq!(&back, &twin);
            prop_assert_eq!(list.view().len(), twin.len());
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(mut bytes in vec(any::<u8>(), 11..64)) {
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        bytes[10] = 0;
        *bytes.last_mut().unwrap() = END;
        let _ = read(&bytes);
    }
}

#[test]
fn integers_at_each_edge_read_back() {
    for bits in [0, 7, 15, 23, 31, 63u32] {
        for int in [-1i64 << bits, (-1i64 << bits).wrapping_sub(1), !(-1i64 << bits), 12, 13] {
            let item = int.to_string().into_bytes();
            assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]));
        }
    }
}

#[test]
fn more_elements_than_the_header_counts() {
    let items = vec![b"1".to_vec(); 70_000];
    let bytes = build(&items);
    assert_eq!(&bytes[8..10], [0xff, 0xff]);
    assert_eq!(read(&bytes).map(|items| items.len()), Ok(70_000));
}

#[test]
fn a_wide_length_of_a_short_element_is_fine() {
    // What a server leaves behind when a long element is replaced by a short one.
    let bytes = [22, 0, 0, 0, 13, 0, 0, 0, 2, 0, 0, 1, b'a', 0xfe, 3, 0, 0, 0, 2, b'b', b'c', 255];
    assert_eq!(read(&bytes), Ok(vec![b"a".to_vec(), b"bc".to_vec()]));
}

#[test]
fn a_wrong_byte_is_named() {
    let good = build(&[b"hello".to_vec(), b"1000".to_vec()]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        read(&bytes).unwrap_err()
    };
    assert_eq!(with(0, 1), Broken::new(0, Fault::PackedSize));
    assert_eq!(with(4, 1), Broken::new(4, Fault::PackedTail));
    assert_eq!(with(8, 1), Broken::new(8, Fault::PackedCount));
    assert_eq!(with(11, 0x3f), Broken::new(10, Fault::PackedOverrun));
    assert_eq!(with(18, 0xc1), Broken::new(17, Fault::PackedEncoding));
    assert_eq!(with(17, 9), Broken::new(17, Fault::PackedBackLen));
    assert_eq!(with(good.len() - 1, 0), Broken::new(good.len() - 1, Fault::PackedEnd));
    assert_eq!(read(&good[..10]).unwrap_err(), Broken::new(0, Fault::PackedShort));
}

#[test]
fn one_insertion_makes_all_behind_it_longer() {
    // 250 bytes and 3 of head and field: each is as long as a narrow field can say.
    let items = vec![vec![b'x'; 250]; 1000];
    let mut list = ZiplistBuf::from_bytes(build(&items)).unwrap();
    let before = list.as_bytes().len();
    list.push_front(Value::of(&[b'y'; 251])).unwrap();
    assert_eq!(list.as_bytes().len(), before + 254 + 4 * 1000);
    let all = [&[vec![b'y'; 251]][..], &items].concat();
    assert_eq!(read(list.as_bytes()), Ok(all.clone()));
    assert_eq!(list.as_bytes(), build(&all));
    // And back: only the first one gets its narrow field again.
    assert_eq!(list.cursor(0).remove(1), 1);
    assert_eq!(list.as_bytes().len(), before + 4 * 999);
    assert_eq!(read(list.as_bytes()), Ok(items));
}

#[test]
fn a_count_that_was_lost_comes_back_when_it_is_counted() {
    let mut list = ZiplistBuf::from_bytes(build(&vec![b"1".to_vec(); 65_534])).unwrap();
    assert_eq!(list.as_bytes()[8..10], [0xfe, 0xff]);
    list.push_back(Value::Int(1)).unwrap();
    assert_eq!((list.as_bytes()[8..10].to_vec(), list.view().len()), (vec![0xff; 2], 65_535));
    assert_eq!(list.view().get(65_534), Some(Value::Int(1)));
    list.cursor_back(1).remove(9);
    assert_eq!((list.as_bytes()[8..10].to_vec(), list.view().len()), (vec![0xff; 2], 65_533));
    assert_eq!(list.recount(), 65_533);
    assert_eq!(list.as_bytes()[8..10], [0xfd, 0xff]);
    assert!(Ziplist::new(list.as_bytes()).is_ok());
}

#[test]
fn what_is_built_can_be_edited() {
    let mut builder = Builder::new();
    builder.push_bytes(b"one");
    let mut list = ZiplistBuf::from(builder);
    list.push_back(Value::of(b"two")).unwrap();
    assert_eq!(list.into_bytes(), build(&[b"one".to_vec(), b"two".to_vec()]));
    assert_eq!(ZiplistBuf::default().as_bytes(), [11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0xff]);
}

#[test]
fn more_than_a_gibibyte_is_refused_and_changes_nothing() {
    // Zeros that nobody touches take no memory.
    let max = ZiplistBuf::MAX_BYTES;
    let zeros = vec![0; max as usize - EMPTY_BYTES];
    let mut list = ZiplistBuf::new();
    list.push_back(Value::of(b"a")).unwrap();
    let before = list.clone();
    assert_eq!(list.push_back(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list.push_front(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list.cursor(0).replace(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list, before);
}
