use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Fault, Version,
    packed::{
        Broken, Value,
        sequence::{END, tests::item},
    },
};

fn build(items: &[Vec<u8>]) -> Vec<u8> {
    sequence::tests::build::<ListpackFormat>(items)
}

fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
    sequence::tests::read::<ListpackFormat>(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_element_costs_what_it_adds(items in vec(item(), 0..20)) {
        let mut builder = Builder::new();
        for item in &items {
            let before = builder.byte_len();
            builder.push_bytes(item);
            prop_assert_eq!(builder.byte_len() - before, Builder::cost(Value::of(item)));
        }
    }

    #[test]
    fn what_is_appended_stands_behind(items in vec(item(), 0..10), other in vec(item(), 0..10)) {
        let mut list = ListpackBuf::from_bytes(build(&items)).unwrap();
        list.append(Listpack::new(&build(&other)).unwrap()).unwrap();
        prop_assert_eq!(list.as_bytes(), build(&[items, other].concat()));
    }
}

#[test]
fn more_is_appended_than_the_header_counts() {
    let mut list = ListpackBuf::from_bytes(build(&vec![b"1".to_vec(); 65_533])).unwrap();
    let other = list.clone();
    list.append(other.view()).unwrap();
    assert_eq!((list.as_bytes()[4..6].to_vec(), list.recount()), (vec![0xff; 2], 131_066));
    assert!(Listpack::new(list.as_bytes()).is_ok());
}

#[test]
fn one_without_elements_is_header_and_end() {
    assert_eq!(ListpackBuf::default().as_bytes(), [7, 0, 0, 0, 0, 0, 0xff]);
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
