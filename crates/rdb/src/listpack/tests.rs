use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Fault, Version,
    packed::{Broken, TooLarge, Value},
};

fn build(items: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new();
    for item in items {
        let before = builder.byte_len();
        builder.push_bytes(item);
        assert_eq!(builder.byte_len() - before, Builder::cost(Value::of(item)));
    }
    assert_eq!(builder.byte_len(), builder.clone().finish().len());
    builder.finish().to_vec()
}

fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
    Ok(Listpack::new(bytes)?.iter().map(|value| value.to_vec()).collect())
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
    (0..10u8, 0..12usize, item())
}

/// Does the same to a listpack and to its twin.
fn apply(list: &mut ListpackBuf, twin: &mut Vec<Vec<u8>>, (what, place, item): &Edit) {
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
            let other = twin.iter().rev().take(3).cloned().collect::<Vec<_>>();
            list.append(Listpack::new(&build(&other)).unwrap()).unwrap();
            twin.extend(other);
        }
        8 => {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gives_back_what_was_pushed(items in vec(item(), 0..20)) {
        prop_assert_eq!(read(&build(&items)), Ok(items));
    }

    #[test]
    fn reads_the_same_from_both_ends(items in vec(item(), 0..20), turns in vec(any::<bool>(), 40)) {
        let bytes = build(&items);
        let listpack = Listpack::new(&bytes).unwrap();
        let mut left: VecDeque<_> = items.iter().map(|item| Value::of(item)).collect();
        prop_assert_eq!(listpack.len(), left.len());
        prop_assert_eq!(listpack.is_empty(), left.is_empty());
        for (index, value) in left.iter().enumerate() {
            prop_assert_eq!(listpack.get(index), Some(*value));
        }
        prop_assert_eq!(listpack.get(left.len()), None);
        let mut iter = listpack.iter();
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
        let found = Listpack::new(&bytes).unwrap().find(what.as_bytes(), skip);
        let place = items.iter().step_by(skip + 1).position(|item| *item == what.as_bytes());
        let rest = place.map(|place| items[place * (skip + 1)..].to_vec());
        prop_assert_eq!(found.map(|rest| rest.map(|value| value.to_vec()).collect::<Vec<_>>()), rest);
    }

    #[test]
    fn edits_as_a_vector(items in vec(item(), 0..10), edits in vec(edit(), 0..40)) {
        let mut list = ListpackBuf::from_bytes(build(&items)).unwrap();
        let mut twin = items;
        for edit in edits {
            apply(&mut list, &mut twin, &edit);
            // The very bytes of one that was built of the same elements.
            prop_assert_eq!(list.as_bytes(), build(&twin), "{:?}", edit);
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(mut bytes in vec(any::<u8>(), 7..64)) {
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        *bytes.last_mut().unwrap() = END;
        let _ = read(&bytes);
    }
}

#[test]
fn integers_at_each_edge_take_the_least_bytes() {
    for bits in [0, 7, 12, 15, 23, 31, 63u32] {
        for int in [-1i64 << bits, (-1i64 << bits).wrapping_sub(1), !(-1i64 << bits)] {
            let item = int.to_string().into_bytes();
            assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]));
        }
    }
}

#[test]
fn lengths_at_each_edge_read_back() {
    for len in [0, 63, 64, 125, 126, 127, 128, 4095, 4096, 16_377, 16_378, 16_379, 16_380] {
        let item = vec![b'a'; len];
        assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]), "{len}");
    }
    let item = vec![b'a'; 2_097_146];
    assert_eq!(read(&build(std::slice::from_ref(&item))), Ok(vec![item]));
}

#[test]
fn more_elements_than_the_header_counts() {
    let items = vec![b"1".to_vec(); 70_000];
    let bytes = build(&items);
    assert_eq!(&bytes[4..6], [0xff, 0xff]);
    assert_eq!(read(&bytes).map(|items| items.len()), Ok(70_000));
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
    assert_eq!(with(4, 1), Broken::new(4, Fault::PackedCount));
    assert_eq!(with(6, 0xbf), Broken::new(6, Fault::PackedOverrun));
    assert_eq!(with(6, 0xf5), Broken::new(6, Fault::PackedEncoding));
    assert_eq!(with(12, 9), Broken::new(12, Fault::PackedBackLen));
    assert_eq!(with(good.len() - 1, 0), Broken::new(good.len() - 1, Fault::PackedEnd));
    assert_eq!(read(&good[..6]).unwrap_err(), Broken::new(0, Fault::PackedShort));
}

#[test]
fn a_count_that_was_lost_comes_back_when_it_is_counted() {
    let mut list = ListpackBuf::from_bytes(build(&vec![b"1".to_vec(); 65_534])).unwrap();
    assert_eq!(list.as_bytes()[4..6], [0xfe, 0xff]);
    list.push_back(Value::Int(1)).unwrap();
    assert_eq!((list.as_bytes()[4..6].to_vec(), list.view().len()), (vec![0xff; 2], 65_535));
    assert_eq!(list.view().get(65_534), Some(Value::Int(1)));
    list.cursor_back(1).remove(9);
    assert_eq!((list.as_bytes()[4..6].to_vec(), list.view().len()), (vec![0xff; 2], 65_533));
    assert_eq!(list.recount(), 65_533);
    assert_eq!(list.as_bytes()[4..6], [0xfd, 0xff]);
    let other = list.clone();
    list.append(other.view()).unwrap();
    assert_eq!((list.as_bytes()[4..6].to_vec(), list.recount()), (vec![0xff; 2], 131_066));
    assert!(Listpack::new(list.as_bytes()).is_ok());
}

#[test]
fn what_is_built_can_be_edited() {
    let mut builder = Builder::new();
    builder.push_bytes(b"one");
    let mut list = ListpackBuf::from(builder);
    list.push_back(Value::of(b"two")).unwrap();
    assert_eq!(list.into_bytes(), build(&[b"one".to_vec(), b"two".to_vec()]));
    assert_eq!(ListpackBuf::default().as_bytes(), [7, 0, 0, 0, 0, 0, 0xff]);
}

#[test]
fn four_gibibytes_are_refused_and_change_nothing() {
    // Zeros that nobody touches take no memory.
    let max = ListpackBuf::MAX_BYTES;
    let zeros = vec![0; u32::MAX as usize - EMPTY_BYTES];
    let mut list = ListpackBuf::new();
    list.push_back(Value::of(b"a")).unwrap();
    let before = list.clone();
    assert_eq!(list.push_back(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list.push_front(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list.cursor(0).replace(Value::Str(&zeros)), Err(TooLarge { max }));
    assert_eq!(list, before);
}

/// A listpack of two elements, the first of which has `len` bytes in all and then `back`.
fn with_back_len(len: usize, back: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes.push(0xf0);
    bytes.extend_from_slice(&(len as u32 - 5).to_le_bytes());
    bytes.resize(HEADER + len, b'x');
    bytes.extend_from_slice(back);
    bytes.extend_from_slice(&[1, 1, END]);
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
    bytes[4] = 2;
    bytes
}

#[test]
fn lengths_of_all_bits_are_read_as_either_server_writes_them() {
    for (len, wide) in [(16_383, &[0, 0xff, 0xff][..]), (2_097_151, &[0, 0xff, 0xff, 0xff])] {
        let narrow = [&[0x7f], &wide[2..]].concat();
        let items = vec![vec![b'x'; len - 5], b"1".to_vec()];
        assert_eq!(with_back_len(len, wide), build(&items));
        for back in [wide, &narrow] {
            let bytes = with_back_len(len, back);
            assert_eq!(read(&bytes).as_ref(), Ok(&items));
            let listpack = Listpack::new(&bytes).unwrap();
            let back: Vec<_> = listpack.iter().rev().map(|value| value.to_vec()).collect();
            assert_eq!(back, [items[1].clone(), items[0].clone()]);
            let all = [wide, &narrow].map(|back| with_back_len(len, back));
            assert_eq!(listpack.for_target(Version::REDIS_8_6), all[0]);
            assert_eq!(listpack.for_target(Version::REDIS_7_0), all[0]);
            assert_eq!(listpack.for_target(Version::VALKEY_9), all[1]);
            let mut list = ListpackBuf::from(listpack);
            assert_eq!(list.cursor(0).replace(Value::Int(0)), Ok(true));
            assert_eq!(list.as_bytes(), build(&[b"0".to_vec(), b"1".to_vec()]));
        }
        let broken = Broken::new(HEADER + len, Fault::PackedBackLen);
        let wrong = [&[0x7e], &wide[2..]].concat();
        assert_eq!(read(&with_back_len(len, &wrong)), Err(broken));
        let overrun = Broken::new(HEADER, Fault::PackedOverrun);
        let mut cut = with_back_len(len, &narrow[1..]);
        cut.truncate(HEADER + len);
        cut.push(END);
        let total = cut.len() as u32;
        cut[..4].copy_from_slice(&total.to_le_bytes());
        assert_eq!(read(&cut), Err(overrun));
    }
}
