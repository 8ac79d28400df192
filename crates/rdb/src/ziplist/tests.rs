use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Fault,
    packed::{Broken, Value, sequence::tests::item},
};

fn build(items: &[Vec<u8>]) -> Vec<u8> {
    sequence::tests::build::<ZiplistFormat>(items)
}

fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
    sequence::tests::read::<ZiplistFormat>(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_element_costs_what_it_adds(items in vec(item(), 0..20)) {
        let (mut builder, mut previous) = (Builder::new(), 0);
        for item in &items {
            let before = builder.byte_len();
            builder.push_bytes(item);
            previous = Builder::cost(Value::of(item), previous);
            prop_assert_eq!(builder.byte_len() - before, previous);
        }
    }
}

#[test]
fn one_without_elements_is_header_and_end() {
    assert_eq!(ZiplistBuf::default().as_bytes(), [11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0xff]);
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
