use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Fault,
    packed::{Broken, Value},
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
    iter(bytes)?.map(|value| value.map(|value| value.to_vec())).collect()
}

fn item() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..80),
        any::<i64>().prop_map(|int| int.to_string().into_bytes()),
        (any::<i64>(), 0..64u32).prop_map(|(int, shift)| (int >> shift).to_string().into_bytes()),
        (0..40_000usize).prop_map(|len| vec![b'x'; len]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gives_back_what_was_pushed(items in vec(item(), 0..20)) {
        prop_assert_eq!(read(&build(&items)), Ok(items));
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
