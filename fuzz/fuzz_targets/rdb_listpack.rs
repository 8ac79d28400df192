//! Any bytes as a listpack, ziplist, zipmap and intset: elements or an error; and what is built of
//! the elements that were read gives them back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{intset, listpack, packed::Value, ziplist, zipmap};

fuzz_target!(|input: &[u8]| {
    let [fix, bytes @ ..] = input else { return };
    let mut bytes = bytes.to_vec();
    // A total that fits, or hardly any input would get past it.
    if fix & 1 == 1 && bytes.len() >= 4 {
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
    }
    if let Ok(elements) = listpack::iter(&bytes) {
        let read: Vec<Value<'_>> = elements.filter_map(Result::ok).collect();
        let mut builder = listpack::Builder::new();
        read.iter().for_each(|value| builder.push(*value));
        let built = builder.finish();
        assert!(built.len() <= bytes.len() + 1 || read.is_empty());
        let again: Result<Vec<_>, _> = listpack::iter(built).expect("built").collect();
        assert_eq!(again, Ok(read));
    }
    if let Ok(elements) = ziplist::iter(&bytes) {
        let read: Vec<Value<'_>> = elements.filter_map(Result::ok).collect();
        let mut builder = ziplist::Builder::new();
        read.iter().for_each(|value| builder.push(*value));
        let again: Result<Vec<_>, _> = ziplist::iter(builder.finish()).expect("built").collect();
        assert_eq!(again, Ok(read));
    }
    if let Ok(pairs) = zipmap::decode(&bytes) {
        let built = zipmap::encode(&pairs);
        assert_eq!(zipmap::decode(&built), Ok(pairs));
    }
    if let Ok(members) = intset::decode(&bytes) {
        let mut built = Vec::new();
        intset::encode(&mut built, &members);
        assert!(built.len() <= bytes.len());
        assert_eq!(intset::decode(&built), Ok(members));
    }
});
